"""Entities and values as people type them: `7`, `user_id=7,category=shoes`, `carrier=UA`.

It promises values of the types that Keys and columns declare, or an error that says what was expected and how to write it.
"""

from __future__ import annotations

import re
from datetime import date
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from headrace.errors import HeadraceError, InvalidValue, did_you_mean, unknown
from headrace.times import parse_time
from headrace.types import type_name

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from headrace.keys import Key

_BOOLS = {"true": True, "false": False, "1": True, "0": False}
_PAIR = re.compile(r"([^=,\s]+)=(.*)", re.DOTALL)


def parse_entity(keys: Sequence[Key], text: str, where: str = "the group") -> dict[str, Any]:
    """The values of `keys` in `text`, by the Keys' names.

    One Key takes its value alone, or `name=value`; several take `name=value,name=value` in any order. A text may hold `,` and `=`.

    >>> import headrace as hr
    >>> user, kind = hr.Key("user_id", hr.Dimension("user"), "int64"), hr.Key("category", hr.Dimension("category"), "string")
    >>> parse_entity([user], "7"), parse_entity([user, kind], "category=a,b,user_id=7")
    ({'user_id': 7}, {'user_id': 7, 'category': 'a,b'})
    >>> parse_entity([user, kind], "user_id=7", "group 'taste'")
    Traceback (most recent call last):
    headrace.errors.InvalidValue: 'user_id=7' lacks category: an entity of group 'taste' is written user_id=…,category=…
    """
    names = [key.name for key in keys]
    form = f"an entity of {where} is written {','.join(f'{name}=…' for name in names)}"
    found = _split(names, text)
    if found is None:
        pair = _PAIR.fullmatch(text)
        if pair and (len(keys) > 1 or did_you_mean(pair[1], names)):
            raise unknown("Key", pair[1], where, names)
        if len(keys) > 1:
            raise InvalidValue(f"'{text}' is not understood: {form}", value=text)
        found = {names[0]: text}
    missing = [name for name in names if name not in found]
    if missing:
        raise InvalidValue(f"'{text}' lacks {', '.join(missing)}: {form}", value=text, missing=missing)
    return {key.name: parse_value(found[key.name], key.arrow_type, f"Key '{key.name}'") for key in keys}


def parse_pairs(texts: Sequence[str], what: str) -> dict[str, str]:
    """`["a=1", "b=x=y"]` as names and texts; `what` is the option that they were given to.

    >>> parse_pairs(["a=1", "b=x=y"], "--key")
    {'a': '1', 'b': 'x=y'}
    """
    found = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise InvalidValue(f"{what} takes NAME=VALUE, found '{text}'", value=text)
        found[name] = value
    return found


def parse_value(text: str, type_: pa.DataType, what: str) -> Any:
    """`text` as a Python value of the Arrow type `type_`; `what` names its place in the error.

    >>> parse_value("2024-02-03", pa.date32(), "Key 'day'")
    datetime.date(2024, 2, 3)
    >>> parse_value("seven", pa.int64(), "Key 'user_id'")
    Traceback (most recent call last):
    headrace.errors.InvalidValue: Key 'user_id' is int64, and 'seven' is none
    """
    is_ = pa.types
    try:
        if is_.is_string(type_):
            return text
        if is_.is_binary(type_):
            return text.encode()
        if is_.is_boolean(type_):
            return _BOOLS[text.lower()]
        if is_.is_integer(type_):
            return pa.scalar(int(text), type_).as_py()
        if is_.is_floating(type_):
            return float(text)
        if is_.is_date(type_):
            return date.fromisoformat(text)
        if is_.is_timestamp(type_):
            return pa.scalar(parse_time(text), pa.int64()).cast(type_).as_py()
    except (ValueError, KeyError, OverflowError, HeadraceError, pa.ArrowInvalid):
        raise InvalidValue(f"{what} is {type_name(type_)}, and '{text}' is none", value=text) from None
    raise InvalidValue(f"{what} is {type_name(type_)}, which has no form on a command line", value=text)


def format_entity(entity: Mapping[str, Any]) -> str:
    """The text that `parse_entity` reads.

    >>> format_entity({"user_id": 7, "category": "shoes"})
    'user_id=7,category=shoes'
    """
    return ",".join(f"{name}={_shown(value)}" for name, value in entity.items())


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return value.decode("utf-8", "backslashreplace") if isinstance(value, bytes) else str(value)


def _split(names: Sequence[str], text: str) -> dict[str, str] | None:
    """The texts behind the names, None where it does not begin with one of them."""
    places = list(re.finditer(rf"(?:^|,)({'|'.join(re.escape(name) for name in names)})=", text))
    if not places or places[0].start() != 0:
        return None
    ends = [place.start() for place in places[1:]] + [len(text)]
    return {place[1]: text[place.end() : end] for place, end in zip(places, ends, strict=True)}
