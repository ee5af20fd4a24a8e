"""Every definition that cannot be is refused where it is written, with a text that says what to do."""

from __future__ import annotations

import pickle
from typing import Any

import pytest

from headrace import errors
from tests.definitions.invalid import CASES, SETUP


def refusal(code: str) -> errors.HeadraceError:
    names: dict[str, Any] = {}
    exec(SETUP, names)  # noqa: S102   # the cases are code
    with pytest.raises(errors.DefinitionError) as found:
        exec(code, names)  # noqa: S102
    return found.value


@pytest.mark.parametrize("name", CASES)
def test_text_to_the_letter(name: str) -> None:
    code, kind, text = CASES[name]
    error = refusal(code)
    assert (type(error).__name__, str(error)) == (kind, text)


@pytest.mark.parametrize("name", CASES)
def test_texts_have_the_house_style(name: str) -> None:
    text = str(refusal(CASES[name][0]))
    assert not text.endswith("."), text
    assert not text[0].isupper(), text
    assert "\n" not in text


@pytest.mark.parametrize("name", CASES)
def test_errors_travel_between_processes(name: str) -> None:
    error = refusal(CASES[name][0])
    again = pickle.loads(pickle.dumps(error))
    assert (type(again), str(again), again.facts) == (type(error), str(error), error.facts)


def test_there_are_thirty_and_more() -> None:
    assert len(CASES) >= 30


def test_the_facts_are_attributes() -> None:
    error = refusal(CASES["label that leaks"][0])
    assert (error.feature, error.group, error.column, error.source) == ("refund_rate_1d", "activity", "refunded", "clicks")
    assert (error.known_after_us, error.delay_us) == (7 * 86_400_000_000, 7 * 86_400_000_000)
    with pytest.raises(AttributeError):
        _ = error.nothing_of_this_name


def test_the_delay_that_the_error_names_would_do() -> None:
    names: dict[str, Any] = {}
    exec(SETUP, names)  # noqa: S102
    exec("made = group(refund_rate=clicks['refunded'].mean().over(['1d', '30d'], delay='7d'))", names)  # noqa: S102
    assert list(names["made"].features) == ["refund_rate_1d", "refund_rate_30d"]


def test_the_prefix_that_the_error_offers_would_do() -> None:
    names: dict[str, Any] = {}
    exec(SETUP, names)  # noqa: S102
    one, other = (names["group"](name, views=names["clicks"].count().over("1h")) for name in ("activity", "other"))
    assert names["hr"].FeatureService("fraud", [one, other["views"].prefix("other_")]).names == ["views", "other_views"]
