"""The page of the archive's layout. A small archive is written for it: the page must tell of what is in its files, and of nothing else."""

from __future__ import annotations

import json
import re
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq

import headrace as hr
from headrace.archive import FileLog, Layout, load
from headrace.archive.append import Appender, Rolling
from headrace.archive.begun import FORMAT as BEGUN_FORMAT
from headrace.archive.begun import begin
from headrace.archive.drafts import NAME as DRAFTS
from headrace.archive.layout import GROUPS_PER_FILE, PLACE_FIELDS, ROWS_PER_GROUP, VERSION
from headrace.archive.letters import JUDGED, LetterBox
from operators.decode import Decoder
from operators.intake import Intake, Skipped
from sources.consumer import RawBatch

from .parts import MADE, same, table

START_US = 1_709_362_800_000_000   # 2024-03-02, 07:00
CLICKS = hr.Source("clicks", schema={"uid": "int64", "ts": "timestamp"}, time="ts")

COLUMNS = {
    "_partition": "the partition of the topic; of loaded rows that of `load --partition`",
    "_offset": "the offset in the topic, rising by one or more from row to row; of loaded rows counted from 0",
    "_arrival": "when the log received it: the running maximum, in the partition, of the messages' timestamps; of loaded rows of their "
    "event times, or of what `load --arrival` names",
}
FACTS = {
    "version": f"of the layout: {VERSION}. A file of another version is refused",
    "source": "the source's name",
    "time": "the column of the event time",
    "partition": "the one partition that it holds",
    "first_offset": "what the file accounts for, both included. Of a topic dead letters and tombstones are part of it: rows may be fewer",
    "last_offset": "the topic goes on behind it",
    "first_arrival_us": "arrival of the first offset, in microseconds since 1970",
    "last_arrival_us": "arrival of the last offset",
    "arrival": "`time` where every row arrived at its event time, so that one of the columns need not be read; else `column`",
    "topic": "Kafka's name of it: `archive`, and a `run` that begins with the archive, go on in no other",
    "newest_us": "the newest event time that was accepted in the partition so far; empty where there is none",
    "writer": "who wrote it: a writer knows its own file again",
    "load": "names the load by its files and settings: the same load gives the same",
    "origin": "JSON: the loaded files with `file`, `sha256`, `rows` and `dead`",
    "last": "`true` in the last file of a load; without it the load was interrupted",
}
ENTRY = {
    "name": "below the folder of the day",
    "partition": "",
    "first_offset": "",
    "last_offset": "as in the footer",
    "rows": "",
    "bytes": "of the file",
    "facts": "the footer's, without `headrace.`",
    "groups": "an array for each row group: rows, first offset, least and greatest arrival, least and greatest event time "
    "(both in microseconds since 1970, null where no row has one)",
}
LETTER = {
    "topic": "",
    "partition": "",
    "offset": "where the message stands",
    "arrival_us": "in microseconds since 1970",
    "reason": "in words",
    "column": "that it fails at, or null",
    "key": "",
    "value": "as text, or null; bytes that are no UTF-8 are `key_base64` and `value_base64` instead",
}
LOADED_LETTER = {
    "file": "its name, without folders",
    "row": "from 0",
    "column": "that it fails at, or null",
    "reason": "in words",
    "record": "the row as text",
}

TEXT = """\
# The archive

The log of a source is a folder of its name in the archive (`[archive] uri`): immutable Parquet files that anything can read. [Archive a
topic](../how-to/archive-a-topic.md) has the commands; here is what they write.

```text
{tree}
```

- **A file** holds consecutive places of one partition and is called `<partition>-<first offset>.parquet`, in five and twenty digits, so
  that names sort by place. What was loaded lies in the source's folder itself, what came from a topic in the day and hour (UTC) in which
  its first offset arrived; it ends with that hour.
- **It appears whole**: by a link, on S3 by `If-None-Match`, so that of two writers of one name one fails. Until then it is a draft, below
  `{drafts}` or with a point in front of its name; for an archive on S3 in the folder for temporary files of the machine.
- **In a partition** loaded rows precede those of the topic; both count offsets of their own. Rows are in the order of their offsets; the
  log's order over partitions is by `_arrival`, then `_partition` and `_offset`.
- **It ends** at about {rolling.rows:,} rows, {rolling_mib} MiB, or {rolling.seconds:g} seconds behind its first message, whichever is
  first (`archive --roll-…`); of a load at {load_rows:,} rows. Row groups have {group_rows:,} rows, the last of a file what is left. The
  codec is that of `[archive] compression`.

## Columns

Those of the source, with its Arrow types, then the place:

{columns}

Event time, keys and the place have statistics. A column that older files lack reads as null, one that the source has no more is not read.
Of another type it is refused, with the file's name, unless every value fits: integers into wider ones, numbers into floats.

## The footer

Facts in Parquet's own key-value metadata, each behind `headrace.`, as text:

{facts}

The archive is its own offset store: `archive`, and a `run` that begins with the archive, go on behind the greatest `last_offset` of each
partition. A partition that has no message yet is in `_begun.json`, `{{"format": {begun}, "partitions": {{"2": 500}}}}`: by
partition the offset that nothing is missing before, so that what Kafka drops later is told from what it had dropped before the archive
began.

## The manifest of a day

`date=…/_manifest.json` stands where nothing more can come to a day: every partition has published what arrived in it and gone beyond, or
is silent at its end an hour after the day. It is `{{"format": {format}, "files": […]}}` and spares a reader the listing and the footers.
A writer removes it before it changes anything in the day; without one, or with one that cannot be read, the files themselves count. Each
entry has:

{entry}

## Dead letters

JSON lines below `_dead`, one letter each. Of messages, in the day of their arrival (a file for each flush; what was written twice counts
once):

{letter}

Letters of the reasons {judged} belong to messages that are rows of the log too, where a replay judges them again. Of the rows of a load
that could not be taken, in `_dead/load-<load>.jsonl`:

{loaded_letter}

`_dead/retried` has the places of those that were tried again: {retried}. The letters themselves stay.

## Read it with something else

Folders and files that begin with `_` or a point are none of the log; most readers leave them out by themselves.

```sh run
headrace init shop > made.txt
cd shop
headrace load clicks data/clicks.csv > loaded.txt
```

```python
import pyarrow.dataset as ds
import pyarrow.parquet as pq

log = ds.dataset("archive/clicks", partitioning="hive")
print(log.count_rows(), log.schema.names[-3:])
footer = pq.read_metadata(log.files[0]).metadata
print(footer[b"headrace.first_offset"], footer[b"headrace.last_offset"], footer[b"headrace.arrival"])
```

```text output
2254 ['_partition', '_offset', '_arrival']
b'0' b'2253' b'time'
```

DuckDB reads the same with `FROM read_parquet('archive/clicks/**/[0-9]*-*.parquet', union_by_name = true)`: its `*.parquet` finds drafts,
too.
"""


def page() -> str:
    """The page of the archive."""
    with tempfile.TemporaryDirectory() as folder:
        made = write(Path(folder))
    loaded, topic = made["facts"]
    same("docs/pages/archive.py", FACTS, [*loaded, *topic])
    rows = [[f"`headrace.{name}`", of_both(name in loaded, name in topic), told] for name, told in FACTS.items()]
    for what, told in (("columns", COLUMNS), ("entry", ENTRY), ("letter", LETTER), ("loaded_letter", LOADED_LETTER)):
        same("docs/pages/archive.py", told, made[what])
    types = {field.name: str(field.type) for field in PLACE_FIELDS}
    text = TEXT.format(
        tree=made["tree"], drafts=DRAFTS, rolling=Rolling(), rolling_mib=Rolling().size_bytes >> 20,
        load_rows=ROWS_PER_GROUP * GROUPS_PER_FILE, group_rows=ROWS_PER_GROUP,
        begun=BEGUN_FORMAT,
        columns=table(["column", "type", ""], [[f"`{name}`", f"`{types[name]}`", told] for name, told in COLUMNS.items()]),
        facts=table(["fact", "of", ""], rows), format=made["format"], entry=listed(ENTRY), letter=listed(LETTER),
        judged=", ".join(f"*{reason}*" for reason in sorted(JUDGED)), loaded_letter=listed(LOADED_LETTER),
        retried=", ".join(f"`{name}`" for name in made["retried"]),
    )  # fmt: skip
    return f"{MADE.format('headrace/archive and docs/pages/archive.py')}\n{text}"


def of_both(loaded: bool, topic: bool) -> str:
    """Which files a fact is of."""
    return "both" if loaded and topic else "topic" if topic else "load"


def listed(fields: dict[str, str]) -> str:
    """Fields and what they are."""
    return table(["field", ""], [[f"`{name}`", told] for name, told in fields.items()])


def write(folder: Path) -> dict[str, Any]:
    """Write an archive with one of everything; what there is to tell of it."""
    layout = Layout.of(CLICKS)
    history = folder / "history.jsonl"
    history.write_text('{"uid": 1, "ts": "2024-03-01T10:00:00Z"}\n{"uid": "one", "ts": "2024-03-01T10:00:00Z"}\n')
    load(layout, [history], folder / "archive")
    log = FileLog(folder / "archive", layout)
    begin(log, {2: 500})
    box = LetterBox(log.folder)
    appender = Appender(log, "clicks", 3, None, box, Rolling())
    values: list[bytes | None] = [json.dumps({"uid": 2, "ts": START_US}).encode(), b"?"]
    raw = RawBatch("clicks", 3, np.array([1200, 1201]), np.array([START_US, START_US]), values, [None, None], 0.0)
    for chunk in Intake(CLICKS, Decoder(layout), {}, None, Skipped()).on_batch([raw])[0]:
        appender.append(chunk)
    appender.publish()
    log.days.close("date=2024-03-02")
    letters = first_lines(folder / "archive/clicks/_dead")
    box.mark(box.letters()[:1])
    manifest = json.loads((folder / "archive/clicks/date=2024-03-02/_manifest.json").read_text())
    files = {file.loaded: file for file in log.files()}
    return {
        "facts": [files[True].facts, files[False].facts],
        "columns": [name for name in pq.read_schema(log.folder.path(files[True].name)).names if name.startswith("_")],
        "entry": manifest["files"][0],
        "format": manifest["format"],
        "letter": letters["date=2024-03-02"],
        "loaded_letter": next(line for name, line in letters.items() if name.startswith("load-")),
        "retried": first_lines(folder / "archive/clicks/_dead")["retried"],
        "tree": tree(folder / "archive"),
    }


def first_lines(letters: Path) -> dict[str, dict[str, Any]]:
    """The first line of each file of dead letters, by the first part of its name."""
    return {path.relative_to(letters).parts[0]: json.loads(path.read_text().splitlines()[0]) for path in letters.rglob("*.jsonl")}


REMARKS = {
    "00000-": "loaded, from offset 0",
    "hour=": "partition 3 of the topic, from offset 1200",
    "_begun": "where partitions begin that have no message yet",
    "_manifest": "what the closed day holds",
    "_dead/date=": "of messages",
    "_dead/load": "of a load",
    "_dead/retried": "which were tried again",
}


def tree(folder: Path) -> str:
    """The files of an archive, each with a remark."""
    names = sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
    shown = [re.sub(r"[0-9a-f]{16,}\.jsonl$", "….jsonl", name) for name in names]
    remarks = [next(remark for part, remark in REMARKS.items() if f"/{part}" in f"/{name}") for name in names]
    width = max(map(len, shown)) + 3
    return "\n".join(f"{name:{width}}{remark}" for name, remark in zip(shown, remarks, strict=True))


