"""Damaged text: whatever is cut out, doubled or put in its place, `parse` gives definitions or an error with a place, never a crash."""

from __future__ import annotations

import contextlib
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import headrace as hr
from headrace.errors import DefinitionError

from .cases import SCHEMA, cases

KNOWN = hr.parse(SCHEMA)
STATEMENTS = [SCHEMA, *(case.statements for invalid in (False, True) for case in cases(invalid=invalid))]
WORDS = re.compile(r"'(?:[^']|'')*'|\"[^\"]*\"|\w+|\s+|.", re.DOTALL)
OTHERS = sorted({word for statement in STATEMENTS for word in WORDS.findall(statement) if word.strip()} | set("'\"()[]{}<>;,.*+-/|&^%:?@#$~\\`\0\n"))


@st.composite
def damaged(draw: st.DrawFn) -> str:
    """One of the fixtures' texts with up to three words cut out, doubled, replaced or moved."""
    words = WORDS.findall(draw(st.sampled_from(STATEMENTS)))
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(words) - 1))
        match draw(st.integers(0, 4)):
            case 0:
                words[at] = ""
            case 1:
                words[at] = words[at] * 2
            case 2:
                words[at] = draw(st.sampled_from(OTHERS))
            case 3:
                words[at] += " " + draw(st.sampled_from(OTHERS)) + " "
            case _:
                other = draw(st.integers(0, len(words) - 1))
                words[at], words[other] = words[other], words[at]
    return "".join(words)


def refusal(sql: str) -> DefinitionError | None:
    """What is wrong with a text, None where it is right."""
    try:
        hr.parse(sql, known=KNOWN)
    except DefinitionError as error:
        return error
    return None


@given(damaged())
@settings(max_examples=300)
def test_damage_is_an_error_with_a_place(sql: str) -> None:
    error = refusal(sql)
    if error is not None:
        first = str(error).split("\n")[0]
        assert first.startswith(f"sql:{error.line}:{error.character}: ")
        assert 1 <= error.line <= sql.count("\n") + 1
        assert not re.search(r"sqlglot|<class|object at", first)


@given(st.text(max_size=40))
def test_any_text(sql: str) -> None:
    with contextlib.suppress(DefinitionError):
        hr.parse(sql)


@pytest.mark.parametrize("sql", ["(" * 5000 + "price" + ")" * 5000, " + ".join(["price"] * 2000), " AND ".join(["price > 1"] * 5000)], ids=["parens", "sum", "and"])
def test_what_is_too_deep_is_an_error_with_a_place(sql: str) -> None:
    error = refusal(f"CREATE VIEW v WITH (key = 'buyer_id') AS SELECT {sql} AS x FROM clicks")
    assert re.match(r"sql:\d+:\d+: .* nests (deeper than can be read|too deeply)", str(error))
    assert "hr." not in str(error).split("\n")[0]


def test_a_long_condition() -> None:
    many = " AND ".join(f"price <> {number}" for number in range(100))
    found = hr.parse(f"CREATE VIEW v WITH (key = 'buyer_id') AS SELECT COUNT(*) FILTER (WHERE {many}) OVER (EVER) AS n FROM clicks", known=KNOWN)
    assert hr.parse(hr.to_sql(found.groups["v"])).groups["v"].digest == found.groups["v"].digest
