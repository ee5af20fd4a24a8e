"""Row functions at their edges; the examples of the reference run; a wrong call says what is wrong, to the letter."""

from __future__ import annotations

import doctest
import math
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from sqlglot import exp

from headrace.errors import HeadraceError
from headrace.functions import REGISTRY, SQL_NAMES
from headrace.tree import column
from headrace.types import parse_type
from operators.evaluate import compile_row, evaluate

from .run import call, run

NAN, INF = math.nan, math.inf
MOST, LEAST = 2**63 - 1, -(2**63)


@pytest.mark.parametrize("name", [name for name, function in REGISTRY.items() if function.example])
def test_the_example_of_the_reference_runs(name: str) -> None:
    found = doctest.DocTestParser().get_doctest(REGISTRY[name].doc, {"evaluate": evaluate}, name, None, None)
    assert doctest.DocTestRunner(verbose=False).run(found) == doctest.TestResults(0, len(found.examples))
    assert found.examples


def test_every_function_for_people_has_an_example_and_sentences() -> None:
    for function in REGISTRY.values():
        assert function.internal or function.example
        assert all(text.endswith(".") for text in (function.summary, function.nulls, function.failures)), function.name
        assert function.doc.startswith(f"{function.name}(")


def test_no_name_means_two_functions() -> None:
    names = [name for function in REGISTRY.values() for name in (function.name, *function.sql_names)]
    assert sorted(names) == sorted(SQL_NAMES)


def test_logarithms_and_roots_are_null_where_they_are_not_defined() -> None:
    x = ("float64", [1.0, 0.0, -1.0, INF, None])
    assert run(call("ln", "@x"), x=x) == ([0.0, None, None, INF, None], 0)
    assert run(call("log10", "@x"), x=x) == ([0.0, None, None, INF, None], 0)
    assert run(call("log1p", "@x"), x=x) == ([math.log(2), 0.0, None, INF, None], 0)
    assert run(call("sqrt", "@x"), x=x) == ([1.0, 0.0, None, INF, None], 0)
    assert math.isnan(run(call("ln", "@x"), x=("float64", [NAN]))[0][0])
    assert run(call("log1p", "@x"), x=("float64", [1e-300, -1e-12])) == ([1e-300, math.log1p(-1e-12)], 0)
    assert run(call("exp", "@x"), x=("float64", [0.0, 1000.0, -1000.0])) == ([1.0, INF, 0.0], 0)


def test_power() -> None:
    x = ("float64", [2.0, 0.0, 0.0, -8.0, -2.0, -0.0, None])
    y = ("float64", [0.5, -1.0, 0.0, 1 / 3, 3.0, -1.0, 1.0])
    assert run(call("power", "@x", "@y"), x=x, y=y) == ([2**0.5, None, 1.0, None, -8.0, None, None], 0)
    assert run(call("power", "@x", 2), x=("int64", [3, MOST])) == ([9.0, float(MOST) ** 2], 0)
    assert math.isnan(run(call("power", "@x", 2), x=("float64", [NAN]))[0][0])


def test_rounding_goes_away_from_zero_at_halves() -> None:
    x = ("float64", [2.5, -2.5, 0.49, 1e300, -INF, None])
    assert run(call("round", "@x"), x=x) == ([3.0, -3.0, 0.0, 1e300, -INF, None], 0)
    assert run(call("round", "@x", 15), x=("float64", [1e300, 1e-20, 0.1])) == ([1e300, 0.0, 0.1], 0)
    assert run(call("round", "@x", 2), x=("float64", [0.125, -0.125, 1e17 + 0.5])) == ([0.13, -0.13, 1e17], 0)
    assert run(call("round", "@x", -2), x=("float64", [1250.0, 1.7e308, 49.0])) == ([1300.0, 1.7e308, 0.0], 0)
    assert run(call("round", "@x", 2), x=("int64", [5, MOST])) == ([5, MOST], 0)
    assert run(call("round", "@x", -1), x=("int64", [5, -15, MOST, LEAST, None])) == ([10, -20, None, None, None], 2)
    assert run(call("floor", "@x"), x=("int8", [5, None])) == ([5, None], 0)
    assert run(call("ceil", "@x"), x=("float64", [1.2, -1.2, INF])) == ([2.0, -1.0, INF], 0)


def test_signs() -> None:
    assert run(call("abs", "@x"), x=("int64", [-3, LEAST, None])) == ([3, None, None], 1)
    assert run(call("abs", "@x"), x=("int8", [-128])) == ([128], 0)
    assert run(call("abs", "@x"), x=("duration", [-3, LEAST, None, 4])) == ([3, None, None, 4], 1)
    assert run(call("sign", "@x"), x=("int64", [-3, 0, 9])) == ([-1, 0, 1], 0)
    assert run(call("sign", "@x"), x=("float64", [-3.5, 0.0, INF])) == ([-1.0, 0.0, 1.0], 0)
    assert run(call("is_nan", "@x"), x=("float64", [NAN, 1.0, None])) == ([True, False, None], 0)
    assert run(call("is_finite", "@x"), x=("float64", [NAN, INF, 1.0, None])) == ([False, False, True, None], 0)
    assert run(call("is_finite", "@x"), x=("int64", [1, None])) == ([True, None], 0)


def test_bucketize() -> None:
    assert run(call("bucketize", "@x", 0, 10), x=("int64", [-1, 0, 9, 10, None])) == ([0, 1, 1, 2, None], 0)
    assert run(call("bucketize", "@x", 0.5), x=("int64", [0, 1])) == ([0, 1], 0)
    assert run(call("bucketize", "@x", 2**53), x=("int64", [2**53 - 1, 2**53, 2**53 + 1])) == ([0, 1, 1], 0)
    assert run(call("bucketize", "@x", -1, 1), x=("float64", [NAN, -INF, -1.0])) == ([2, 0, 1], 0)


def test_haversine() -> None:
    same = call("haversine", "@a", "@a", "@a", "@a")
    assert run(same, a=("float64", [0.0, 90.0, -45.5, None])) == ([0.0, 0.0, 0.0, None], 0)
    (antipodes, missing), failures = run(call("haversine", "@a", 0, "@b", 180), a=("float64", [45.0, 1.0]), b=("float64", [-45.0, None]))
    assert (round(antipodes, 6), missing, failures) == (round(math.pi * 6371.0088, 6), None, 0)
    (short,), _ = run(call("haversine", 0, 0, 0, "@b"), b=("float64", [0.001]))
    assert math.isclose(short, math.radians(0.001) * 6371.0088, rel_tol=1e-9)


def test_texts() -> None:
    s = ("string", ["Éa b", "", None])
    assert run(call("lower", "@s"), s=s) == (["éa b", "", None], 0)
    assert run(call("upper", "@s"), s=s) == (["ÉA B", "", None], 0)
    assert run(call("length", "@s"), s=s) == ([4, 0, None], 0)
    assert run(call("trim", "@s"), s=("string", ["\t a\u00a0", " "])) == (["a", ""], 0)
    assert run(call("concat", "@s", "-", "@s"), s=s) == (["Éa b-Éa b", "-", None], 0)
    assert run(call("replace", "@s", "a", ""), s=("string", ["aba", "b"])) == (["b", "b"], 0)
    assert run(call("contains", "@s", ""), s=s) == ([True, True, None], 0)
    assert run(call("contains", "@s", "a b"), s=s) == ([True, False, None], 0)
    assert run(call("like", "@s", "%\\%"), s=("string", ["5%", "5", "a\n%"])) == ([True, False, True], 0)


@pytest.mark.parametrize(
    "start,length,expected",
    [
        (1, None, ["häus", "a", ""]), (2, None, ["äus", "", ""]), (2, 2, ["äu", "", ""]), (3, 9, ["us", "", ""]), (1, 0, ["", "", ""]),
        (-2, None, ["us", "a", ""]), (-3, 2, ["äu", "", ""]), (-2, 2, ["us", "a", ""]), (-2, 5, ["us", "a", ""]), (9, 1, ["", "", ""]),
    ],
)  # fmt: skip
def test_substr(start: int, length: int | None, expected: list[str]) -> None:
    arguments = [start] if length is None else [start, length]
    assert run(call("substr", "@s", *arguments), s=("string", ["häus", "a", "", None])) == ([*expected, None], 0)


def test_parts_of_times_agree_with_python() -> None:
    moments = [datetime(1, 1, 1), datetime(1969, 12, 31, 23, 59, 59, 999999), datetime(1970, 1, 1), datetime(2000, 2, 29, 12, 30, 59), datetime(2023, 12, 31), datetime(9999, 12, 31, 23, 59, 59)]  # noqa: DTZ001  # fmt: skip
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    moments = [moment.replace(tzinfo=UTC) for moment in moments]
    times = [(moment - epoch) // timedelta(microseconds=1) for moment in moments]
    parts: dict[str, Any] = {
        "year": lambda m: m.year,
        "month": lambda m: m.month,
        "day": lambda m: m.day,
        "hour": lambda m: m.hour,
        "minute": lambda m: m.minute,
        "second": lambda m: m.second,
        "weekday": lambda m: m.weekday(),
        "day_of_year": lambda m: m.timetuple().tm_yday,
        "is_weekend": lambda m: m.weekday() >= 5,
        "epoch_s": lambda m: (m - epoch) // timedelta(seconds=1),
    }
    for name, part in parts.items():
        expected = [part(moment) for moment in moments]
        assert run(call(name, "@t"), t=("timestamp", [*times, None])) == ([*expected, None], 0), name
        # a year beyond Arrow's in the same batch changes nothing
        far = run(call(name, "@t"), t=("timestamp", [*times, None, MOST, LEAST]))[0]
        assert far[: len(expected)] == expected, name
    assert run(call("year", "@t"), t=("timestamp", [MOST, LEAST])) == ([294247, -290308], 0)
    assert run(call("day", "@d"), d=("date", [0, 30, -1, None])) == ([1, 31, 31, None], 0)


@pytest.mark.parametrize(
    "unit,expected",
    [
        ("second", "2024-05-15T13:45:59"), ("minute", "2024-05-15T13:45"), ("hour", "2024-05-15T13"), ("day", "2024-05-15"), ("week", "2024-05-13"),
        ("month", "2024-05-01"), ("quarter", "2024-04-01"), ("year", "2024-01-01"),
    ],
)  # fmt: skip
def test_date_trunc(unit: str, expected: str) -> None:
    moment = datetime(2024, 5, 15, 13, 45, 59, 5, tzinfo=UTC)
    us = [int(each.timestamp()) * 1_000_000 for each in (moment, datetime.fromisoformat(expected).replace(tzinfo=UTC))]
    assert run(call("date_trunc", unit, "@t"), t=("timestamp", [us[0] + 5, us[1], None])) == ([us[1], us[1], None], 0)
    before = run(call("date_trunc", unit, "@t"), t=("timestamp", [-1, LEAST]))
    assert before[0][0] < 0
    assert (before[0][1], before[1]) == (None, 1)


def test_lists() -> None:
    lists = pa.array([[9], None, [1, 2, 3], [], [4, None]])
    assert run(call("item", "@l", 0), l=lists) == ([9, None, 1, None, 4], 0)
    assert run(call("item", "@l", -1), l=lists) == ([9, None, 3, None, None], 0)
    assert run(call("item", "@l", "@i"), l=lists, i=("int64", [1, 0, None, 0, -2])) == ([None, None, None, None, 4], 0)
    assert run(call("item", "@l", 1), l=lists.slice(2)) == ([2, None, None], 0)
    assert run(call("list_length", "@l"), l=lists.slice(1)) == ([None, 3, 0, 2], 0)


def test_fields() -> None:
    structs = pa.array([{"a": {"b": 1}}, None, {"a": None}, {"a": {"b": None}}])
    node = exp.Dot(this=exp.Dot(this=column("s", "r"), expression=exp.to_identifier("a")), expression=exp.to_identifier("b"))
    assert run(node, r=structs) == ([1, None, None, None], 0)
    assert run(node, r=structs.slice(1)) == ([None, None, None], 0)


WRONG: list[tuple[exp.Expression, str]] = [
    (call("ln"), "ln takes 1 argument, found 0: ln(x: a number)"),
    (call("ln", "@s"), "ln takes a number as x, found string: ln(x: a number)"),
    (call("round", "@f", "@i"), "round takes a literal as digits, found an expression: round(x: a number, [digits: literal, an integer])"),
    (call("round", "@f", 99), "round: digits must lie between -18 and 15, found 99"),
    (call("round", "@f", 1, 2), "round takes 1 to 2 arguments, found 3: round(x: a number, [digits: literal, an integer])"),
    (call("coalesce"), "coalesce takes 1 or more arguments, found 0: coalesce(x: any value, ...)"),
    (call("coalesce", "@i", "@s"), "coalesce takes arguments of one type, found int64, string"),
    (call("substr", "@s", 0), "substr: places count from 1, or from -1 at the end; found 0"),
    (call("bucketize", "@f", 2, 1), "bucketize: bounds must rise, found 2, 1"),
    (call("hash", "@s", 0), "hash: the number of buckets must be above zero, found 0"),
    (call("hour", "@d"), "hour takes a timestamp as x, found date32[day]: hour(x: a timestamp)"),
    (
        call("date_trunc", "hours", "@t"),
        "date_trunc: unknown unit 'hours' (did you mean 'hour'?); it has: second, minute, hour, day, week, month, quarter, year",
    ),
    (call("now"), "now is not known where events are read: use it outside the aggregate"),
    (call("item", "@i", 0), "item takes a list as x, found int64: item(x: a list, i: an integer)"),
]


@pytest.mark.parametrize("tree,text", WRONG, ids=[text[:30] for _, text in WRONG])
def test_a_wrong_call_says_what_is_wrong(tree: exp.Expression, text: str) -> None:
    names = {"s": "string", "f": "float64", "i": "int64", "d": "date", "t": "timestamp"}
    schema = pa.schema([(name, parse_type(type_)) for name, type_ in names.items()])
    with pytest.raises(HeadraceError) as caught:
        compile_row(tree, schema, pa.int64())
    assert str(caught.value) == text


def test_a_result_does_not_depend_on_the_place_in_the_batch() -> None:
    """Kernels that work on several values at once may round the last ones otherwise."""
    values = np.random.default_rng(7).normal(0, 50, 37)
    for name in ("exp", "ln", "log10", "log1p", "sqrt"):
        whole = run(call(name, "@x"), x=("float64", values))[0]
        assert whole == [run(call(name, "@x"), x=("float64", [value]))[0][0] for value in values], name
    whole = run(call("haversine", "@x", "@x", 10, "@y"), x=("float64", values), y=("float64", values[::-1].copy()))[0]
    single = [
        run(call("haversine", "@x", "@x", 10, "@y"), x=("float64", [x]), y=("float64", [y]))[0][0]
        for x, y in zip(values, values[::-1], strict=True)
    ]
    assert whole == single
