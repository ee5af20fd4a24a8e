"""The grammar of windows: `FILTER`, `IGNORE NULLS`, `OVER`, the frames of ours and of the standard, and the `WINDOW` clause.

It promises nodes of `headrace.sql.syntax` and no meaning; `headrace.sql.rules.frames` gives it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlglot import exp
from sqlglot.tokenizer_core import TokenType

from .place import put, span
from .syntax import Bound, FrameClause, NamedWindow, Over

if TYPE_CHECKING:
    from sqlglot.parser import Parser as Base
else:
    Base = object

_STARTS = {"LAST", "EVER", "PARTITION BY", "ORDER BY", "ROWS", "RANGE", "GROUPS", "EXCLUDE"}
_EXCLUDES = ("CURRENT ROW", "NO OTHERS", "GROUP", "TIES", "ROW", "INSTANT")


class Windows(Base):
    """The part of the parser that reads windows."""

    def _parse_window(self, this: exp.Expr | None, alias: bool = False) -> exp.Expr | None:
        if this is None or alias:
            return this
        found = span(this)
        start = found[0] if found else self._prev.start
        put(this, start, max(self._prev.end, found[1] if found else 0))
        if self._match_pair(TokenType.FILTER, TokenType.L_PAREN):
            filtered = self._tokens[self._index - 2].start
            if not self._match(TokenType.WHERE):
                self.raise_error("Expecting WHERE")
            where = self._parse_where(skip_where_token=True)
            this = self.expression(exp.Filter(this=this, expression=where))
            self._match_r_paren()
            put(this, start, self._prev.end)
            if where is not None:
                put(where, filtered, self._prev.end)
        this = self._parse_respect_or_ignore_nulls(this)
        if not self._match(TokenType.OVER):
            return this
        if self._match(TokenType.L_PAREN):
            this = self.expression(Over(this=this, frame=self._parse_frame()))
        else:
            name = self._parse_id_var(any_token=False)
            if name is None:
                self.raise_error("Expecting ( or the name of a window")
            this = self.expression(Over(this=this, alias=name))
        return put(this, start, self._prev.end)

    def _parse_named_window(self) -> exp.Expr | None:
        name = self._parse_id_var()
        if not self._match(TokenType.ALIAS) or not self._match(TokenType.L_PAREN):
            self.raise_error("Expecting AS (")
        return self.expression(NamedWindow(this=name, frame=self._parse_frame()))

    def _parse_frame(self) -> FrameClause:
        """What stands in the parentheses, and the closing one."""
        start = self._curr.start if self._curr else self._prev.start
        base = None
        if self._curr.token_type != TokenType.R_PAREN and self._curr.text.upper() not in _STARTS:
            base = self._parse_id_var(any_token=False)
        frame = self.expression(FrameClause(base=base))
        if self._match_text_seq("EVER"):
            frame.set("ever", True)
        elif self._match_text_seq("LAST"):
            self._parse_last(frame)
        else:
            self._parse_standard(frame)
        self._parse_frame_options(frame)
        end = max(self._prev.end, start)
        self._match_r_paren()
        return put(frame, start, end)

    def _parse_last(self, frame: FrameClause) -> None:
        size = self._parse_interval() if self._match(TokenType.INTERVAL, advance=False) else self._parse_primary()
        if size is None:
            self.raise_error("Expecting a length of time such as '7 days', or a number of ROWS")
        frame.set("last", size)
        if isinstance(size, exp.Literal) and not size.is_string:
            if not self._match(TokenType.ROWS):
                self.raise_error("Expecting ROWS")
            frame.set("counted", True)

    def _parse_standard(self, frame: FrameClause) -> None:
        frame.set("partition", self._parse_partition_by() or None)
        frame.set("order", self._parse_order())
        for kind in ("ROWS", "RANGE", "GROUPS"):
            if self._match_text_seq(kind):
                frame.set("kind", put(exp.var(kind), self._prev.start, self._prev.end))
                if self._match(TokenType.BETWEEN):
                    frame.set("start", self._parse_bound())
                    if not self._match(TokenType.AND):
                        self.raise_error("Expecting AND")
                    frame.set("end", self._parse_bound())
                else:
                    frame.set("start", self._parse_bound())
                return

    def _parse_bound(self) -> Bound:
        start = self._curr.start
        if self._match_text_seq("UNBOUNDED"):
            bound = Bound(this="UNBOUNDED")
        elif self._match_text_seq("CURRENT", "ROW"):
            bound = Bound(this="CURRENT ROW")
        else:
            bound = Bound(this=self._parse_bitwise())
        if self._match_texts(("PRECEDING", "FOLLOWING")):
            bound.set("side", self._prev.text.upper())
        return put(self.expression(bound), start, self._prev.end)

    def _parse_frame_options(self, frame: FrameClause) -> None:
        while True:
            if frame.args.get("rows") is None and not frame.args.get("kind") and self._match(TokenType.ROWS):
                frame.set("rows", self._parse_primary())
            elif self._match_text_seq("DELAY"):
                frame.set("delay", self._parse_interval() if self._match(TokenType.INTERVAL, advance=False) else self._parse_primary())
            elif self._match_text_seq("CLOSED"):
                frame.set("closed", self._parse_word())
            elif self._match_text_seq("EXCLUDE"):
                frame.set("exclude", self._parse_excluded())
            else:
                return

    def _parse_excluded(self) -> exp.Expr:
        start = self._curr
        for words in _EXCLUDES:
            if self._match_text_seq(*words.split()):
                return put(exp.var(words), start.start, self._prev.end)
        return self._parse_word()

    def _parse_word(self) -> exp.Expr:
        """A word, quoted or not, as a Var in upper case."""
        token = self._curr
        if token.token_type != TokenType.STRING and not token.text.isidentifier():
            self.raise_error("Expecting a word")
        self._advance()
        return put(exp.var(token.text.upper()), token.start, token.end)
