"""Every statement of the fixture files is what its file says, or is refused with the text, the place and the line that it says."""

from __future__ import annotations

import pickle
import re

import pytest

import headrace as hr
from headrace.errors import DefinitionError
from headrace.sql import place, wording

from .cases import SCHEMA, Case, cases, outcome

VALID, INVALID = cases(invalid=False), cases(invalid=True)


def _name(case: Case) -> str:
    return f"{case.file}:{case.line}"


@pytest.mark.parametrize("case", VALID, ids=_name)
def test_valid(case: Case) -> None:
    assert outcome(case) == case.expected


@pytest.mark.parametrize("case", INVALID, ids=_name)
def test_invalid(case: Case) -> None:
    assert outcome(case) == case.expected


@pytest.mark.parametrize("case", INVALID, ids=_name)
def test_every_error_knows_its_place_and_pickles(case: Case) -> None:
    with pytest.raises(DefinitionError) as caught:
        hr.parse(case.statements, known=hr.parse(SCHEMA), file="shop.sql")
    error = caught.value
    assert error.file == "shop.sql"
    assert str(error).startswith(f"shop.sql:{error.line}:{error.character}: ")
    first, shown, carets = str(error).split("\n")
    assert not first.endswith(".")
    assert shown.startswith(f" {error.line} | ")
    assert set(carets.split("| ")[1]) <= {" ", "^"}
    assert shown.split("| ", 1)[1].removeprefix("...") in case.statements.replace("\t", " ")
    again = pickle.loads(pickle.dumps(error))
    assert (type(again), str(again), again.line) == (type(error), str(error), error.line)


@pytest.mark.parametrize("case", INVALID, ids=_name)
def test_no_error_speaks_python(case: Case) -> None:
    text = case.expected.split("\n")[0]
    assert not re.search(r"\bhr\.|\.over\(|\.cast\(|timedelta|delay=|exclude=|closed=|sqlglot|<class", text), text


@pytest.fixture
def raw_texts(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The errors' texts before they are put into the words of SQL."""
    found: list[str] = []

    def in_sql(text: str) -> str:
        found.append(text)
        return wording.in_sql(text)

    monkeypatch.setattr(place, "in_sql", in_sql)
    return found


def test_every_phrase_is_still_said_by_a_check(raw_texts: list[str]) -> None:
    deep = Case("expressions", 0, " AND ".join(["price > 1"] * 3000), "")
    for case in (*INVALID, deep):
        outcome(case)
    unsaid = [pattern for pattern, _ in wording._PHRASES if not any(re.search(pattern, text) for text in raw_texts)]
    assert unsaid == []
