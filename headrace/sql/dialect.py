"""The text of definitions as a tree of sqlglot's nodes and ours (`headrace.sql.syntax`).

It promises that every node of the tree has its place, and that a text which does not parse raises `InvalidSql` there. It relies on
sqlglot's tokens and its grammar of expressions; functions stay calls by name. What names, windows and functions mean is left to the rules.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from sqlglot import exp
from sqlglot.dialects.dialect import Dialect
from sqlglot.errors import ErrorLevel, ParseError, TokenError
from sqlglot.parser import Parser as BaseParser
from sqlglot.tokenizer_core import Token, TokenType

from headrace.errors import InvalidSql

from .kinds import Kinds
from .place import Text, put, span
from .statements import Statements
from .syntax import Convert, Extract, Request, Typed
from .windows import Windows

if TYPE_CHECKING:
    from collections.abc import Callable


_UNITS = ("MICROSECOND", "MILLISECOND", "SECOND", "MINUTE", "HOUR", "DAY", "WEEK", "MONTH", "QUARTER", "YEAR")
UNITS = {f"{unit}{plural}" for unit in _UNITS for plural in ("", "S")}
"""The words that may follow INTERVAL and its number; months and longer are refused when they are measured."""


class SyntaxProblem(ParseError):
    """A ParseError that knows its characters; it stays inside: the grammar catches it where it tries several ways."""

    def __init__(self, text: str, start: int, end: int) -> None:
        super().__init__(text)
        self.text, self.start, self.end = text, start, end


def _placed(method: str) -> Callable[..., Any]:
    """The grammar's `method`, noting from where to where the node it returns was read."""
    inner = getattr(BaseParser, method)

    def parse(self: Parser, *args: Any, **kwargs: Any) -> Any:
        first = self._curr
        node = inner(self, *args, **kwargs)
        if isinstance(node, exp.Expr) and first and self._prev and self._prev.start >= first.start:
            found = span(node)
            put(node, first.start if found is None else min(found[0], first.start), self._prev.end)
        return node

    return parse


class Parser(Statements, Windows, Kinds, BaseParser):
    """sqlglot's grammar of expressions, our statements, types and windows, and no function known by name."""

    FUNCTIONS: ClassVar[dict[str, Any]] = {}
    NO_PAREN_FUNCTIONS: ClassVar[dict[Any, Any]] = {TokenType.CURRENT_TIMESTAMP: exp.CurrentTimestamp}
    NO_PAREN_FUNCTION_PARSERS: ClassVar[dict[str, Any]] = {"CASE": lambda self: self._parse_case()}
    FUNCTION_PARSERS: ClassVar[dict[str, Any]] = {
        "CAST": lambda self: self._parse_conversion(),
        "TRY_CAST": lambda self: self._parse_conversion(),
        "EXTRACT": lambda self: self._parse_part(),
        "REQUEST": lambda self: self._parse_request(),
    }
    FUNCTIONS_WITH_ALIASED_ARGS: ClassVar[set[str]] = set()
    SUBQUERY_PREDICATES: ClassVar[dict[Any, Any]] = {}
    COLUMN_OPERATORS: ClassVar[dict[Any, Any]] = {
        TokenType.DOT: None,
        TokenType.DCOLON: lambda self, this, to: self.expression(Convert(this=this, to=to)),
    }
    CAST_COLUMN_OPERATORS: ClassVar[set[Any]] = {TokenType.DCOLON}

    _parse_function_call = _placed("_parse_function_call")
    _parse_case = _placed("_parse_case")
    _parse_unary = _placed("_parse_unary")
    _parse_paren = _placed("_parse_paren")
    _parse_primary = _placed("_parse_primary")
    _parse_table = _placed("_parse_table")
    _parse_column_ops = _placed("_parse_column_ops")
    _parse_select = _placed("_parse_select")
    _parse_in = _placed("_parse_in")

    def _parse_types(self, *_: Any, check_func: bool = False, **__: Any) -> exp.Expr | None:
        """Where the grammar looks for a type's name before a literal (`DATE '...'`); types proper are `_parse_kind`'s."""
        del check_func
        return None

    def _parse_type(self, parse_interval: bool = True, fallback_to_identifier: bool = False) -> exp.Expr | None:
        word = self._curr
        if word and word.text.upper() in {"DATE", "TIMESTAMP", "TIMESTAMPTZ"} and self._next.token_type == TokenType.STRING:
            self._advance(2)
            text = put(exp.Literal.string(self._prev.text), self._prev.start, self._prev.end)
            return put(self.expression(Typed(this=text, kind=word.text.upper())), word.start, self._prev.end)
        return super()._parse_type(parse_interval=parse_interval, fallback_to_identifier=fallback_to_identifier)

    def _parse_interval(self, *_: Any, **__: Any) -> Any:
        """`INTERVAL '7 days'`, `INTERVAL '7' DAY`, `INTERVAL 7 DAY`: the text is put together, what it means is left to the rules."""
        word = self._curr
        if word.token_type != TokenType.INTERVAL or self._next.token_type not in {TokenType.STRING, TokenType.NUMBER}:
            return None
        self._advance(2)
        text = self._prev.text
        if self._curr and self._curr.text.upper() in UNITS:
            text += f" {self._curr.text.lower()}"
            self._advance()
        return put(self.expression(Typed(this=exp.Literal.string(text), kind="INTERVAL")), word.start, self._prev.end)

    def _parse_dcolon(self) -> exp.Expr | None:
        return self._parse_kind()

    def _parse_conversion(self) -> exp.Expr:
        value = self._parse_disjunction()
        if not self._match(TokenType.ALIAS):
            self.raise_error("Expecting AS and a type")
        return self.expression(Convert(this=value, to=self._parse_kind()))

    def _parse_part(self) -> exp.Expr:
        part = self._parse_word()
        if not self._match(TokenType.FROM):
            self.raise_error("Expecting FROM")
        return self.expression(Extract(this=part, expression=self._parse_disjunction()))

    def _parse_request(self) -> exp.Expr:
        return self.expression(Request(this=self._name("the name of a request column"), kind=self._parse_kind()))

    def raise_error(self, message: str, token: Token | None = None) -> None:
        """Raise where the grammar stands; the words are ours."""
        token = token or self._curr
        found = f"found '{token.text}'" if token else "found the end"
        place = token or self._prev
        if message.startswith(("Expecting ", "Expected ")):
            text = f"expected {message.split(' ', 1)[1]}, {found}"
        elif message.startswith("Required"):
            text = f"a value is missing here, {found}"
        elif message.startswith("Invalid expression"):
            text = f"this cannot stand here, {found}"
        else:
            text = message
        start, end = (place.start, place.end) if place else (0, 0)
        raise SyntaxProblem(text, start, end)


class Headrace(Dialect):
    """The SQL of definitions: `"` quotes names, `'` quotes texts, names keep their case."""

    parser_class = Parser   # type: ignore[assignment]   # a mixin stands before the base class


def read(text: Text) -> list[exp.Expr]:
    """The statements of a text, in order; raises InvalidSql with the place."""
    dialect = Headrace()
    try:
        tokens = dialect.tokenize(text.sql)
    except TokenError:
        start = _unclosed(text.sql)
        raise text.at(InvalidSql("this is not closed"), start, len(text.sql)) from None
    try:
        parsed = Parser(dialect=dialect, error_level=ErrorLevel.IMMEDIATE).parse(tokens, text.sql)
    except SyntaxProblem as problem:
        raise text.at(InvalidSql(problem.text), problem.start, problem.end) from None
    except RecursionError:
        raise text.at(InvalidSql("the text nests deeper than can be read"), 0, 0) from None
    return [statement for statement in parsed if statement is not None]


def _unclosed(sql: str) -> int:
    """Where the text, name or comment begins that is not closed."""
    at = 0
    while at < len(sql):
        for opening, closing in (("--", "\n"), ("/*", "*/"), ("'", "'"), ('"', '"')):
            if sql.startswith(opening, at):
                end = sql.find(closing, at + len(opening))
                if end < 0:
                    return at
                at = end + len(closing)
                break
        else:
            at += 1
    return max(at - 1, 0)
