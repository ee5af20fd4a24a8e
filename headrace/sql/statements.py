"""The grammar of statements: `CREATE KEY`, `CREATE TABLE` and `CREATE VIEW`, with their options.

It promises nodes of `headrace.sql.syntax`; that any other statement is refused by name; and that an option is a name with a text.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlglot import exp
from sqlglot.tokenizer_core import TokenType

from .place import put
from .syntax import CreateKey, CreateTable, CreateView, Field, Option

if TYPE_CHECKING:
    from .kinds import Kinds as Base
else:
    Base = object

_QUERIES = {TokenType.SELECT, TokenType.WITH, TokenType.L_PAREN}


class Statements(Base):
    """The part of the parser that reads statements."""

    def _parse_statement(self) -> exp.Expr | None:
        if not self._curr or self._match(TokenType.SEMICOLON):   # one that carries a comment is a statement of its own to sqlglot
            return None
        if self._curr.token_type in _QUERIES:   # what CREATE VIEW and WITH name AS (...) hold; alone it is refused later
            return self._parse_select()
        first = self._curr
        if not self._match(TokenType.CREATE):
            self.raise_error(f"'{first.text}' begins no definition; there are CREATE KEY, CREATE TABLE and CREATE VIEW")
        if self._match_pair(TokenType.OR, TokenType.REPLACE):
            self.raise_error("OR REPLACE is not known here: a definition is read once, two of one name are a mistake", self._prev)
        statement: exp.Expr
        if self._match(TokenType.TABLE):
            statement = self._parse_create_table()
        elif self._match(TokenType.VIEW):
            statement = self._parse_create_view()
        elif self._match_text_seq("KEY"):
            statement = self._parse_create_key()
        else:
            self.raise_error(f"CREATE {self._curr.text.upper()} is not known here; there are CREATE KEY, CREATE TABLE and CREATE VIEW")
        return put(statement, first.start, self._prev.end)

    def _parse_create_key(self) -> exp.Expr:
        name, kind = self._name("a name for the key"), self._parse_kind()
        dimension = self._name("a name for the dimension") if self._match_text_seq("DIMENSION") else None
        return self.expression(CreateKey(this=name, kind=kind, dimension=dimension))

    def _parse_create_table(self) -> exp.Expr:
        name = self._name("a name for the source")
        if not self._match(TokenType.L_PAREN):
            self.raise_error("Expecting ( and the columns")
        fields = self._parse_csv(self._parse_field_of_table)
        self._match_r_paren()
        return self.expression(CreateTable(this=name, expressions=fields, options=self._parse_options()))

    def _parse_field_of_table(self) -> exp.Expr:
        start = self._curr.start if self._curr else 0
        field = Field(this=self._name("a name for the column"), kind=self._parse_kind())
        if self._match_text_seq("UNIT"):
            field.set("unit", self._literal("a unit: 's', 'ms', 'us' or 'ns'"))
        if self._match_text_seq("LABEL"):
            field.set("label", True)
            if not self._match_text_seq("KNOWN", "AFTER"):
                self.raise_error("Expecting KNOWN AFTER and a length of time")
            field.set("known_after", self._literal("a length of time such as '7 days'"))
        if self._curr and self._curr.token_type not in {TokenType.COMMA, TokenType.R_PAREN}:
            self.raise_error("Expecting , or ) after a column; UNIT and LABEL KNOWN AFTER may follow its type")
        return put(self.expression(field), start, self._prev.end)

    def _parse_create_view(self) -> exp.Expr:
        name = self._name("a name for the group")
        options = self._parse_options()
        if not self._match(TokenType.ALIAS):
            self.raise_error("Expecting AS SELECT")
        if not self._curr or self._curr.token_type not in _QUERIES:
            self.raise_error("Expecting SELECT")
        return self.expression(CreateView(this=name, options=options, expression=self._parse_select()))

    def _parse_options(self) -> list[exp.Expr]:
        if not self._match(TokenType.WITH):
            return []
        if not self._match(TokenType.L_PAREN):
            self.raise_error("Expecting ( and options")
        options = self._parse_csv(self._parse_option)
        self._match_r_paren()
        return options

    def _parse_option(self) -> exp.Expr:
        start = self._curr.start if self._curr else 0
        name = self._name("the name of an option")
        if not self._match(TokenType.EQ):
            self.raise_error("Expecting = and a value")
        option = Option(this=name, expression=self._literal("a text in quotes"))
        return put(self.expression(option), start, self._prev.end)

    def _name(self, what: str) -> exp.Expr:
        name = self._parse_id_var(any_token=True)
        if isinstance(name, exp.Identifier):
            return name
        self.raise_error(f"Expecting {what}")
        raise AssertionError

    def _literal(self, what: str) -> exp.Expr:
        """A text in quotes."""
        if not self._match(TokenType.STRING):
            self.raise_error(f"Expecting {what}")
        return put(exp.Literal.string(self._prev.text), self._prev.start, self._prev.end)
