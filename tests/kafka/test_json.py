"""Messages of JSON: what becomes a row, what does not, and that a file of the same lines is loaded to the same rows."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.archive import FileLog, Folder, Layout, load
from headrace.archive.layout import TIMESTAMP
from headrace.arrow import array, pc
from headrace.errors import UnknownName
from operators.decode import Dead, Decoded, Decoder
from tests.kafka.messages import raw

TYPES: list[tuple[str, pa.DataType]] = [
    ("id", pa.int64()), ("small", pa.int8()), ("price", pa.float64()), ("item", pa.string()), ("ok", pa.bool_()), ("bytes", pa.binary()),
    ("day", pa.date32()), ("ts", TIMESTAMP), ("seen", TIMESTAMP), ("user", pa.struct([("id", pa.int64()), ("tags", pa.list_(pa.string()))])),
    ("prices", pa.list_(pa.float64())),
]  # fmt: skip
SCHEMA = pa.schema(TYPES)
LAYOUT = Layout("clicks", SCHEMA, "ts", {"ts": "ms"})
FLAT = Layout("clicks", pa.schema([each for each in TYPES if each[0] in {"id", "item", "ts"}]), "ts", {"ts": "ms"})


def decode(values: list[bytes | None], layout: Layout = FLAT, **more: Any) -> Decoded:
    return Decoder(layout).decode(raw(values, **more), -(2**63))


def one(text: bytes, layout: Layout = LAYOUT) -> dict[str, Any]:
    """The row of a message, without its place."""
    found = decode([text], layout)
    assert found.dead == []
    (row,) = found.batch.drop_columns(["_offset", "_arrival"]).to_pylist()
    return {name: value for name, value in row.items() if value is not None}


def why(text: bytes, layout: Layout = LAYOUT) -> tuple[str, str | None]:
    """The reason and the field of a dead letter."""
    found = decode([text], layout)
    assert found.batch.num_rows == 0
    (dead,) = found.dead
    return dead.reason, dead.field


def test_a_row_has_its_place() -> None:
    found = decode([b'{"id":1,"item":"a","ts":1000}', b'{"id":2}'], times_us=[5_000, 4_000], first=70)
    assert found.batch.schema == pa.schema([
        *FLAT.schema, pa.field("_offset", pa.int64(), nullable=False), pa.field("_arrival", TIMESTAMP, nullable=False),
    ])  # fmt: skip
    assert [list(row.values())[:2] for row in found.batch.to_pylist()] == [[1, "a"], [2, None]]
    assert found.batch.column("ts").cast(pa.int64()).to_pylist() == [1_000_000, None]
    assert found.batch.column("_offset").to_pylist() == [70, 71]
    assert found.batch.column("_arrival").cast(pa.int64()).to_pylist() == [5_000, 5_000]
    assert (found.dead, found.tombstones, found.arrival_us) == ([], 0, 5_000)


def test_arrival_runs_over_all_messages_and_goes_on() -> None:
    values = [b"{}", None, b"{}", b"no", b"{}"]
    found = Decoder(FLAT).decode(raw(values, [1, 7, 2, 9, 3]), 5)
    assert found.batch.column("_arrival").cast(pa.int64()).to_pylist() == [5, 7, 9]
    assert found.arrival_us == 9
    assert Decoder(FLAT).decode(raw([None], [4]), 9).arrival_us == 9


def test_nothing_is_nothing() -> None:
    found = Decoder(FLAT).decode(raw([]), 42)
    assert (found.batch.num_rows, found.dead, found.tombstones, found.arrival_us) == (0, [], 0, 42)


def test_the_dead_have_offset_field_and_number() -> None:
    found = decode([b'{"id":1}', b'{"id":"x"}', None, b"", b"[1]", b'{"id":2}', b'{"id":3'], first=10)
    assert found.batch.column("id").to_pylist() == [1, 2]
    assert found.batch.column("_offset").to_pylist() == [10, 15]
    assert found.tombstones == 1
    assert found.dead == [
        Dead(11, "column 'id': 'x' is no int64", "id", 1),
        Dead(13, "an empty message", None, 3),
        Dead(14, "found list, expected an object", None, 4),
        Dead(16, "not JSON: Input data was truncated", None, 6),
    ]


@pytest.mark.parametrize(
    "text, row",
    [
        (b'{"id": 1, "nobody": {"knows": [1, 2]}}', {"id": 1}),
        (b'{\n  "id": 1,\r\n  "item": "a"\n}\n', {"id": 1, "item": "a"}),
        (b'{"id": 1, "id": 2}', {"id": 2}),
        (b'{"id": 9223372036854775807}', {"id": 9223372036854775807}),
        (b'{"id": "7", "item": 7, "ok": 1}', {"id": 7, "item": "7", "ok": True}),
        (b'{"id": 7.0}', {"id": 7}),
        (b'{"price": 12345678901234567890123}', {"price": 12345678901234567890123.0}),
        (b'{"item": "a\\u0000\\ud83d\\ude00\\n"}', {"item": "a\0😀\n"}),
        ('{"bytes": "é"}'.encode(), {"bytes": "é".encode()}),
        (b'{"user": {"tags": ["a", null], "more": 1}, "prices": [1, 2.5, null]}', {"user": {"id": None, "tags": ["a", None]}, "prices": [1.0, 2.5, None]}),
        (b'{"user": null, "prices": []}', {"prices": []}),
        (b'{"item": null}', {}),
        (b"{}", {}),
    ],
)
def test_what_is_read(text: bytes, row: dict[str, Any]) -> None:
    assert one(text) == row


@pytest.mark.parametrize(
    "text, reason, field",
    [
        (b'{"id": 1} {"id": 2}', "not JSON: trailing characters (byte 11)", None),
        (b'{"id": 1}\n{"id": 2}', "not JSON: trailing characters (byte 11)", None),
        (b"7", "found int, expected an object", None),
        (b"null", "found NoneType, expected an object", None),
        (b'{"id": 9223372036854775808}', "column 'id': 9223372036854775808 is no int64", "id"),
        (b'{"small": 200}', "column 'small': 200 is no int8", "small"),
        (b'{"id": true}', "column 'id': True is no int64", "id"),
        (b'{"price": true}', "column 'price': True is no float64", "price"),
        (b'{"price": %s}' % (b"9" * 400), "column 'price': " + "9" * 77 + "... is no float64", "price"),
        (b'{"price": NaN}', "not JSON: invalid character (byte 10)", None),
        (b'{"item": "\xff"}', "not JSON: 'utf-8' codec can't decode byte 0xff in position 0: invalid start byte", None),
        (b'{"item": 1.5}', "column 'item': 1.5 is no string", "item"),
        (b'{"seen": 5}', "column 'seen': 5 is no timestamp", "seen"),
        (b'{"ts": 9223372036854775807}', "column 'ts': 9223372036854775807 is no timestamp", "ts"),
        (b'{"ts": "soon"}', "column 'ts': 'soon' is no timestamp", "ts"),
        (b'{"user": {"id": "x"}}', "column 'user': {'id': 'x'} is no struct<id: int64, tags: list<string>>", "user"),
        (b'{"prices": 5}', "column 'prices': 5 is no list<float64>", "prices"),
        (b'{"user": %s}' % (b"[" * 100_000), "not JSON that can be read: nested too deeply", None),
    ],
)
def test_what_is_not(text: bytes, reason: str, field: str | None) -> None:
    assert why(text) == (reason, field)


@pytest.mark.parametrize(
    "written, time_us",
    [
        ("1700000000123", 1_700_000_000_123_000),
        ('"2023-11-14T22:13:20.123Z"', 1_700_000_000_123_000),
        ('"2023-11-14 22:13:20"', 1_700_000_000_000_000),
        ('"2023-11-14T23:13:20.123456+01:00"', 1_700_000_000_123_456),
        ('"2023-11-14"', 1_699_920_000_000_000),
        ("-1", -1_000),
    ],
)
def test_times(written: str, time_us: int) -> None:
    # alone and among others, which are read together
    for other in ("0", '"1970-01-01"'):
        found = decode([f'{{"ts":{written}}}'.encode(), f'{{"ts":{other}}}'.encode()])
        assert found.batch.column("ts").cast(pa.int64()).to_pylist() == [time_us, 0]


def test_a_format_that_is_not() -> None:
    with pytest.raises(UnknownName, match=r"unknown format 'jsn' in source 'clicks' \(did you mean 'json'\?\); it has: json, avro"):
        Decoder(FLAT, "jsn")


LEAF = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**70), 2**70), st.integers(-300, 300), st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=5), st.sampled_from(["7", "NA", " 5 ", "true", "1e3", "2024-02-29", "2024-02-30", "2024-02-29T10:00:00.1234567Z"]),
)  # fmt: skip
VALUE = st.recursive(LEAF, lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.sampled_from(["id", "tags", "x"]), inner)), max_leaves=5)
# most values are of the column's type, so that rows come out; any of them may be anything
FITTING: dict[str, st.SearchStrategy[Any]] = {
    "id": st.integers(-(2**63), 2**63 - 1), "small": st.integers(-128, 127), "price": st.floats(allow_nan=False, allow_infinity=False), "item": st.text(max_size=5),
    "ok": st.booleans(), "bytes": st.text(max_size=5), "day": st.dates().map(str), "ts": st.integers(0, 2**41), "seen": st.datetimes().map(str),
    "user": st.fixed_dictionaries({"id": st.integers(0, 9), "tags": st.lists(st.text(max_size=2), max_size=2)}), "prices": st.lists(st.floats(0, 9), max_size=2),
}  # fmt: skip


@st.composite
def lines(draw: st.DrawFn) -> bytes:
    """A line of a file: an object in most cases, with a time in most cases."""
    record = {"ts": draw(FITTING["ts"])} if draw(st.integers(0, 9)) else {}
    for name in draw(st.lists(st.sampled_from([*FITTING, "nobody"]), max_size=5)):
        record[name] = draw(FITTING.get(name, VALUE) if draw(st.integers(0, 4)) else VALUE)
    text = json.dumps(record, ensure_ascii=draw(st.booleans())).encode("utf-8", "replace")
    return text if draw(st.integers(0, 9)) else draw(st.sampled_from([text[:-1], b"[" + text + b"]", text + text, b"7", b"\xff" + text, b"{}"]))


@given(st.lists(lines(), min_size=1, max_size=12), st.data())
def test_a_message_and_a_loaded_line_are_the_same_row(texts: list[bytes], data: st.DataObject) -> None:
    first = b'{"ts": 0}'   # a file must have the event time in one of its first lines
    texts = [first, *(text.replace(b"\n", b" ") for text in texts)]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "clicks.jsonl"
        path.write_bytes(b"".join(text + b"\n" for text in texts))
        loaded = load(LAYOUT, [path], Path(folder) / "archive")
        log = FileLog(Folder(Path(folder) / "archive"), LAYOUT)
        table = pa.concat_tables([pa.table(log.read(group, SCHEMA.names)) for group in log.row_groups()])
        letters = [json.loads(line) for line in Path(loaded.dead_letters).read_text().splitlines()] if loaded.dead_letters else []
    # whatever the batches
    cuts = sorted(data.draw(st.sets(st.integers(1, len(texts)), max_size=3)))
    decoder, arrival_us, batches, dead = Decoder(LAYOUT), -(2**63), [], []
    for begin, end in zip([0, *cuts], [*cuts, len(texts)], strict=True):
        found = decoder.decode(raw(list(texts[begin:end]), first=begin), arrival_us)
        batches.append(found.batch)
        dead += found.dead
    rows = pa.Table.from_batches(batches)
    # a load has no place for a row without a time, a topic has
    timeless: list[Any] = rows.filter(pc.is_null(rows["ts"]))["_offset"].to_pylist()
    placed = rows.filter(pc.is_valid(rows["ts"])).select(SCHEMA.names)
    order = np.argsort(placed["ts"].cast(pa.int64()).to_numpy(), kind="stable")
    assert repr(placed.take(array(order)).to_pylist()) == repr(table.to_pylist())
    assert [(letter["row"], letter["column"], letter["reason"]) for letter in letters if letter["row"] not in timeless] == [(d.offset, d.field, d.reason) for d in dead]
    assert sorted([*timeless, *(d.offset for d in dead)]) == [letter["row"] for letter in letters]
