"""Functions of the user: rows that make one raise are found; what it returns is held to what it declared."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute
import pytest
from sqlglot import exp

from headrace.errors import HeadraceError
from headrace.functions_user import USER, declare
from headrace.tree import column, literal
from operators.evaluate import compile_row

from .run import call, cast, run

if TYPE_CHECKING:
    from collections.abc import Iterator

pc: Any = pyarrow.compute


@pytest.fixture(autouse=True)
def _alone() -> Iterator[None]:
    """A test begins without functions, whatever other tests of the process have declared; what it declares is gone after it."""
    before = dict(USER)
    USER.clear()
    yield
    USER.clear()
    USER.update(before)


def inverse(x: Any) -> Any:
    values = x.to_pylist()
    return pa.array([None if value is None else 1 / value for value in values], pa.float64())


def test_it_gets_whole_arrays_once() -> None:
    calls = []

    def double(x: Any, y: Any) -> Any:
        calls.append((len(x), len(y)))
        return pc.multiply(x, y)

    declare("double", pa.int64(), double)
    assert run(call("udf:double", "@x", 2), x=("int64", [1, None, 3])) == ([2, None, 6], 0)
    assert calls == [(3, 3)]


@pytest.mark.parametrize("zeros", [[0], [0, 1, 2], [9], [0, 9], list(range(10)), [3, 4, 7]])
def test_the_rows_that_make_it_raise_are_found(zeros: list[int], caplog: pytest.LogCaptureFixture) -> None:
    declare("inverse", pa.float64(), inverse)
    values: list[Any] = [0.0 if row in zeros else 4.0 for row in range(10)]
    with caplog.at_level(logging.WARNING, logger="headrace.evaluate"):
        assert run(call("udf:inverse", "@x"), x=("float64", values)) == ([None if row in zeros else 0.25 for row in range(10)], len(zeros))
    assert [record.getMessage() for record in caplog.records] == ["user function inverse: raised ZeroDivisionError: float division by zero"]


@pytest.mark.parametrize(
    "wrong,found",
    [
        (lambda x: x.slice(0, 1), "int64 of 1 rows"),
        (lambda x: x.cast(pa.float64()), "double of 3 rows"),
        (lambda x: x.to_pylist(), "list"),
        (lambda x: None, "NoneType"),  # noqa: ARG005
    ],
)
def test_another_length_or_type_fails_every_row(wrong: Any, found: str, caplog: pytest.LogCaptureFixture) -> None:
    declare("wrong", pa.int64(), wrong)
    assert run(call("udf:wrong", "@x"), x=("int64", [1, 2, 3])) == ([None, None, None], 3)
    assert [record.getMessage() for record in caplog.records] == [f"user function wrong: returned {found}, expected int64 of 3 rows"]


def test_chunks_are_joined_and_an_empty_batch_is_not_shown() -> None:
    declare("chunks", pa.int64(), lambda x: pa.chunked_array([x.slice(0, 1), x.slice(1)]))
    assert run(call("udf:chunks", "@x"), x=("int64", [1, 2])) == ([1, 2], 0)
    assert run(call("udf:chunks", "@x"), x=("int64", [])) == ([], 0)


def test_a_branch_not_taken_may_raise() -> None:
    declare("inverse", pa.float64(), inverse)
    tree = exp.Case(
        ifs=[exp.If(this=exp.EQ(this=column("", "x"), expression=literal(0)), true=literal(-1.0))], default=call("udf:inverse", "@x")
    )
    assert run(tree, x=("float64", [0.0, 2.0, None])) == ([-1.0, 0.5, None], 0)


def test_a_failed_argument_fails_the_row() -> None:
    declare("same", pa.int64(), lambda x: x)
    assert run(call("coalesce", call("udf:same", cast("@s", "int64")), 0), s=("string", ["1", "x", None])) == ([1, None, 0], 1)


def test_an_unknown_one_is_refused() -> None:
    declare("inverse", pa.float64(), inverse)
    with pytest.raises(HeadraceError) as caught:
        compile_row(call("udf:inverze", "@x"), pa.schema([("x", pa.float64())]), pa.float64())
    assert str(caught.value) == "unknown function 'inverze' in the user's functions (did you mean 'inverse'?); it has: inverse"
