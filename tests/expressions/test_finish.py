"""Features over cells: several at once, the asker's instant and values, what is packed."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest
from sqlglot import exp

from headrace.errors import HeadraceError
from headrace.plan.model import FeaturePlan
from headrace.tree import RequestColumn, literal
from headrace.types import parse_type, type_name
from operators.evaluate import compile_finish

from .run import call, cast, op, run, tree

TIME = pa.timestamp("us", tz="UTC")


def feature(name: str, expr: exp.Expression, type_: pa.DataType) -> FeaturePlan:
    return FeaturePlan(name, expr, type_, static=False, cells=())


CELLS = pa.record_batch(
    {"total": pa.array([10.0, 3.0, None]), "count": [4, 0, 2], "last": pa.array([1_000_000, None, 5_000_000], TIME), "s": ["1", "x", None]}
)
NOW = pa.array([3_000_000, 4_000_000, 5_000_000], TIME)


def test_features_in_their_order_and_failures_by_name() -> None:
    mean = op(exp.Div, "@total", "@count")
    features = [
        feature("mean", mean, pa.float64()),
        feature("number", cast("@s", "int64"), pa.int64()),
        feature("filled", call("coalesce", mean.copy(), literal(0.0)), pa.float64()),
        feature("count", tree("@count"), pa.int64()),
    ]
    values, failures = compile_finish(features, CELLS.schema)(CELLS, NOW, {})
    assert [array.to_pylist() for array in values] == [[2.5, None, None], [1, None, None], [2.5, 0.0, 0.0], [4, 0, 2]]
    assert [array.type for array in values] == [each.type for each in features]
    assert failures == {"number": 1}


def test_the_asker_s_instant() -> None:
    idle = call("seconds", op(exp.Sub, call("now"), "@last"))
    half = op(exp.Mul, "@total", call("decay", idle.copy(), 1_000_000))
    values, failures = compile_finish([feature("idle", idle, pa.float64()), feature("half", half, pa.float64())], CELLS.schema)(
        CELLS, NOW, {}
    )
    assert [array.to_pylist() for array in values] == [[2.0, None, 0.0], [2.5, None, None]]
    assert failures == {}


def test_the_asker_s_values_come_as_they_were_declared() -> None:
    asked = RequestColumn(this="Amount", to="float64")
    compute = compile_finish([feature("share", op(exp.Div, asked, "@total"), pa.float64())], CELLS.schema, [("Amount", pa.float64())])
    for amounts in (pa.array([5.0, 6.0, 7.0]), pa.array([5, 6, 7])):
        assert compute(CELLS, NOW, {"Amount": amounts})[0][0].to_pylist() == [0.5, 2.0, None]
    values, failures = compute(CELLS, NOW, {"Amount": pa.array(["5", "six", "7"])})
    assert (values[0].to_pylist(), failures) == ([0.5, None, None], {"share": 1})


def test_a_value_that_the_asker_did_not_bring_is_named() -> None:
    compute = compile_finish(
        [feature("f", RequestColumn(this="amount", to="float64"), pa.float64())], CELLS.schema, [("amount", pa.float64())]
    )
    with pytest.raises(HeadraceError) as caught:
        compute(CELLS, NOW, {"amout": NOW})
    assert str(caught.value) == "unknown request column 'amount' in what was asked (did you mean 'amout'?); it has: amout"


def test_two_columns_that_differ_in_case_are_two() -> None:
    cells = pa.record_batch({"a": [1], "A": [2]})
    features = [feature("x", call("abs", "@a"), pa.int64()), feature("y", call("abs", "@A"), pa.int64())]
    values, _ = compile_finish(features, cells.schema)(cells, NOW[:1], {})
    assert [array.to_pylist() for array in values] == [[1], [2]]


PACKED: list[tuple[str, list[Any]]] = [
    ("struct<a: int64, b: string>", [{"a": 1, "b": "x"}, None, {"a": None, "b": ""}]),
    ("list<float64>", [[1.5, None], [], None]),
    ("list<struct<t: timestamp, d: date, l: list<binary>>>", [[{"t": 5, "d": 3, "l": [b"\xff", None]}, None], None, []]),
    ("int64", [1, None, -5]),
    ("struct<d: duration, f: float32, b: bool>", [{"d": 2**62, "f": 0.5, "b": True}, None, {"d": None, "f": None, "b": None}]),
]


def bare(type_: Any) -> Any:
    """Times as integers, so that the cases can be written down."""
    if pa.types.is_struct(type_):
        return pa.struct([(field.name, bare(field.type)) for field in type_])
    if pa.types.is_list(type_):
        return pa.list_(bare(type_.value_type))
    return pa.int32() if pa.types.is_date32(type_) else pa.int64() if pa.types.is_temporal(type_) else type_


@pytest.mark.parametrize("name,values", PACKED)
def test_what_is_packed_comes_back(name: str, values: list[Any]) -> None:
    type_ = parse_type(name)
    array: Any = pa.array(values, bare(type_)).cast(type_)
    packed, failures = run(call("pack", "@x"), x=array)
    assert failures == 0
    assert [each is None for each in packed] == [value is None for value in values]
    cells = pa.record_batch({"c": pa.array(packed, pa.binary()), "l": pa.array([packed, None, []], pa.list_(pa.binary()))})
    single = feature("single", call("unpack", "@c", type_name(type_)), type_)
    several = feature("several", call("unpack", "@l", f"list<{type_name(type_)}>"), pa.list_(type_))
    (one, many), _ = compile_finish([single, several], cells.schema)(cells, NOW, {})
    one.validate(full=True)
    many.validate(full=True)
    assert one.equals(array)
    assert many.type == pa.list_(type_)
    assert many.cast(bare(many.type)).to_pylist() == [array.cast(bare(type_)).to_pylist(), None, []]
    sliced = compile_finish([several], cells.schema)(cells.slice(1), NOW[1:], {})[0][0]
    assert sliced.cast(bare(sliced.type)).to_pylist() == [None, []]


def test_equal_values_pack_to_equal_bytes() -> None:
    packed, _ = run(call("pack", "@x"), x=pa.array([{"a": 1, "b": "x"}, {"b": "x", "a": 1}]))
    assert packed[0] == packed[1]
