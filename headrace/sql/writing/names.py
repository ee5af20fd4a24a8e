"""Names and texts as SQL writes them."""

from __future__ import annotations

from functools import lru_cache

from sqlglot.errors import TokenError
from sqlglot.tokenizer_core import TokenType

from headrace.durations import UNITS_US
from headrace.errors import InvalidName
from headrace.sql.kinds import quoted

_OURS = {
    "LAST", "EVER", "REQUEST", "EXTRACT", "CAST", "TRY_CAST", "CASE", "INTERVAL", "DATE", "TIMESTAMP", "TIMESTAMPTZ", "IGNORE",
    "RESPECT", "START", "LABEL", "ORDER", "GROUP", "PARTITION", "BY", "USER", "DEFAULT",
}  # fmt: skip
_WORDS = (("d", "day"), ("h", "hour"), ("m", "minute"), ("s", "second"), ("ms", "millisecond"), ("us", "microsecond"))


@lru_cache(maxsize=10_000)
def identifier(name: str) -> str:
    """A name, quoted where it could be read as something else.

    >>> print(identifier("price"), identifier("order"), identifier("user id"))
    price "order" "user id"
    """
    from headrace.sql.dialect import Headrace

    if not name.isascii() or not name.isidentifier() or name.upper() in _OURS:
        return quoted(name)
    try:
        tokens = Headrace().tokenize(name)
    except TokenError:
        return quoted(name)
    return name if len(tokens) == 1 and tokens[0].token_type == TokenType.VAR and tokens[0].text == name else quoted(name)


def in_a_list(name: str, what: str) -> str:
    """`name`, where it can stand in a list such as `keys = 'uid: buyer_id, shop'`; raises InvalidName otherwise."""
    if name != name.strip() or any(sign in name for sign in ",:"):
        text = f"'{name}' cannot be written as {what} in SQL: commas and colons divide names there, blanks around them are dropped"
        raise InvalidName(text, name=name)
    return name


def string(text: str) -> str:
    """A text in quotes.

    >>> print(string("it's"))
    'it''s'
    """
    doubled = text.replace("'", "''")
    return f"'{doubled}'"


def duration(us: int) -> str:
    """A length of time in one unit, as people say it; it is read as the same microseconds.

    >>> duration(604_800_000_000), duration(5_400_000_000), duration(1)
    ('7 days', '90 minutes', '1 microsecond')
    """
    if us == 0:
        return "0 seconds"
    unit, word = next((unit, word) for unit, word in _WORDS if us % UNITS_US[unit] == 0)
    count = us // UNITS_US[unit]
    return f"{count} {word}{'' if abs(count) == 1 else 's'}"
