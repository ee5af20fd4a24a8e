"""A `hr.Source(…)` written from a file: what `headrace source FILE` prints.

It promises code that runs, declares every column that the file has with a type that reads its values, and names an event time where a
column can be one. What it guesses (which time, which columns could be Keys) it says in comments: a person decides. It looks at the first
rows of a file.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, replace
from typing import Any

import msgspec
import pyarrow as pa

from headrace.archive.formats import csv, decompressed, pq
from headrace.archive.lines import separator_of
from headrace.archive.read import file_format, open_file
from headrace.archive.texts import parse_times
from headrace.arrow import combined, pc
from headrace.errors import DataError
from headrace.types import inside, type_name

SAMPLE_BYTES = 4 << 20
SAMPLE_ROWS = 20_000
_is = pa.types
_TIME_NAMES = ("event_time", "event_timestamp", "timestamp", "ts", "time", "occurred_at", "created_at", "datetime", "date")
_TIME_NAME = re.compile(r"(^|_)(ts|time|timestamp|datetime|date|at|when|created|updated|occurred|received)($|_)", re.IGNORECASE)
_KEY_NAME = re.compile(r"(^|_)(id|key|uid|uuid|code|num|number)$|id$", re.IGNORECASE)
# seconds between 1990 and 2100, told by their size
_EPOCHS = {unit: (631_152_000 * per, 4_102_444_800 * per) for unit, per in (("s", 1), ("ms", 10**3), ("us", 10**6), ("ns", 10**9))}


@dataclass(frozen=True, slots=True)
class Guess:
    """One column: its type as a schema has it, and what it could be."""

    name: str
    type: str
    is_time: bool
    is_key: bool


def infer_source(path: str | os.PathLike[str], name: str | None = None) -> str:
    """The text of a `hr.Source(…)` for the file; `name` is the source's, else the file's.

    Raises `DataError` where the file cannot be read, has no column, or none that could be the event time.
    """
    text = os.fspath(path)
    table = _sample(text)
    guesses = [guess(column, combined(table.column(column))) for column in table.column_names if column and not column.startswith("_")]
    left_out = [column for column in table.column_names if not column or column.startswith("_")]
    if not guesses:
        raise DataError(f"{text} has no columns", path=text)
    times = sorted((each for each in guesses if each.is_time), key=lambda each: (each.type == "date", _time_rank(each.name)))
    if not times:
        has = ", ".join(f"{each.name} {each.type}" for each in guesses)
        raise DataError(f"{text} has no column that could be the event time; it has: {has}", path=text)
    return _code(name or _source_name(text), guesses, times, left_out)


def guess(name: str, values: Any) -> Guess:
    """What a column of a file is.

    >>> guess("ts", pa.array(["2024-01-01", "2024-01-02T10:00:00Z"])), guess("user_id", pa.array([1, 1, 2]))
    (Guess(name='ts', type='timestamp', is_time=True, is_key=False), Guess(name='user_id', type='int64', is_time=False, is_key=True))
    """
    if _is.is_dictionary(values.type):
        values = values.dictionary_decode()
    type_ = values.type
    if _is.is_null(type_):
        return Guess(name, "string", is_time=False, is_key=False)
    if _is.is_string(type_) or _is.is_large_string(type_):
        known = values.drop_null().cast(pa.string())
        if len(known) and not parse_times(known)[1]:
            only_days = pc.all(pc.match_substring_regex(known, pattern=r"^\d{4}-\d\d-\d\d$")).as_py()
            return Guess(name, "date" if only_days and not _TIME_NAME.search(name) else "timestamp", is_time=True, is_key=False)
        return Guess(name, "string", is_time=False, is_key=_repeats(values))
    found = inside(type_)
    if found is None:
        return Guess(name, "float64" if _is.is_uint64(type_) else "string", is_time=False, is_key=False)
    if _is.is_timestamp(found):
        return Guess(name, "timestamp", is_time=True, is_key=False)
    if _is.is_date(found):
        return Guess(name, "date", is_time=True, is_key=False)
    if _is.is_integer(found):
        unit = _epoch_unit(values) if _TIME_NAME.search(name) else None
        if unit is not None:
            return Guess(name, f"timestamp[{unit}]", is_time=True, is_key=False)
        return Guess(name, type_name(found), is_time=False, is_key=bool(_KEY_NAME.search(name)))
    return Guess(name, type_name(found), is_time=False, is_key=False)


def _repeats(values: Any) -> bool:
    """Whether a text stands for a thing: its values come again."""
    known = values.drop_null()
    return len(known) > 0 and int(pc.count_distinct(known).as_py()) <= max(1, len(known) // 2)


def _epoch_unit(values: Any) -> str | None:
    bounds = pc.min_max(values.drop_null()).as_py()
    if bounds["min"] is None:
        return None
    return next((unit for unit, (low, high) in _EPOCHS.items() if low <= bounds["min"] and bounds["max"] < high), None)


def _time_rank(name: str) -> tuple[int, int]:
    lower = name.lower()
    if lower in _TIME_NAMES:
        return 0, _TIME_NAMES.index(lower)
    return (1 if _TIME_NAME.search(name) else 2), 0


def _source_name(path: str) -> str:
    base = os.path.basename(path.rstrip("/")).partition(".")[0]  # noqa: PTH119   # a URI is no Path
    return re.sub(r"\W+", "_", base).strip("_") or "events"


def _code(name: str, guesses: list[Guess], times: list[Guess], left_out: list[str]) -> str:
    variable = re.sub(r"\W", "_", name)
    variable = variable if variable.isidentifier() else f"source_{variable}"
    time = times[0]
    # a column of days can be the event time as well: then it is read as the day's first instant
    guesses = [replace(each, type="timestamp") if each == time and each.type == "date" else each for each in guesses]
    keys = [each.name for each in guesses if each.is_key]
    lines = [f"{variable} = hr.Source(", f"    {_quoted(name)},", "    schema={"]
    lines += [f"        {_quoted(each.name)}: {_quoted(each.type)}," for each in guesses]
    others = [each.name for each in times[1:]]
    lines += ["    },", f"    time={_quoted(time.name)}," + (f"   # or {', '.join(others)}" if others else "")]
    if keys:
        first = keys[0]
        key_type = next(each.type for each in guesses if each.name == first)
        lines += [
            f"    # could be Keys: {', '.join(keys)}",
            f"    # keys={{{_quoted(first)}: hr.Key({_quoted(first)}, hr.Dimension({_quoted(_thing(first))}), {_quoted(key_type)})}},",
        ]
    if left_out:
        lines.append(f"    # left out, since '_' begins our names: {', '.join(repr(each) for each in left_out)}")
    return "\n".join([*lines, ")", ""])


def _thing(key: str) -> str:
    """What a key column tells apart: `user` of `user_id`."""
    return re.sub(r"(_id|_key|_uid|_code|_num|_number)$", "", key, flags=re.IGNORECASE) or key


def _quoted(text: str) -> str:
    return msgspec.json.encode(text).decode()


def _sample(path: str) -> pa.Table:
    """The first rows of a file, with the types that its format or its texts have."""
    kind, compression = file_format(path)
    try:
        with open_file(path) as opened:
            if kind == "parquet":
                file = pq.ParquetFile(opened)
                batch = next(file.iter_batches(batch_size=SAMPLE_ROWS), None)
                return file.schema_arrow.empty_table() if batch is None else pa.table(batch)
            stream = decompressed(opened, compression) if compression else opened
            head = bytes(stream.read(SAMPLE_BYTES))
            if len(head) == SAMPLE_BYTES:
                head = head.rpartition(b"\n")[0] + b"\n"
            return _csv_sample(head) if kind == "csv" else _json_sample(path, head)
    except FileNotFoundError as error:
        raise DataError(f"there is no file {path}", path=path) from error
    except (OSError, pa.ArrowInvalid) as error:
        raise DataError(f"{path} cannot be read as {kind}: {error}", path=path) from error


def _csv_sample(head: bytes) -> pa.Table:
    parse = csv.ParseOptions(delimiter=separator_of(head), newlines_in_values=True, invalid_row_handler=lambda _: "skip")
    # times stay texts: what they are is decided here
    convert = csv.ConvertOptions(timestamp_parsers=["%never"], strings_can_be_null=True)
    found: pa.Table = csv.read_csv(pa.BufferReader(head), parse_options=parse, convert_options=convert)
    return found


def _json_sample(path: str, head: bytes) -> pa.Table:
    records = []
    for line in head.split(b"\n")[:SAMPLE_ROWS]:
        try:
            record = msgspec.json.decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError):
            continue
        if isinstance(record, dict):
            records.append(record)
    if not records:
        raise DataError(f"{path} holds no JSON objects, one a line", path=path)
    names = list(dict.fromkeys(name for record in records for name in record))
    return pa.table({name: _json_column([record.get(name) for record in records]) for name in names})


def _json_column(values: list[Any]) -> Any:
    """The column's Arrow type; text, where its values have several."""
    try:
        return pa.array(values)
    except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError):
        if all(value is None or (isinstance(value, int | float) and not isinstance(value, bool)) for value in values):
            return pa.array([None if value is None else float(value) for value in values])
        return pa.array([value if value is None or isinstance(value, str) else msgspec.json.encode(value).decode() for value in values])
