"""The log of a source as immutable Parquet files: written once, listed by their footers, read by row group.

`FileLog` and `MemoryLog` are the two forms of a `Log`; `load` and `write` add files to an archive, `events_log` makes a log of what a
notebook holds. It relies on pyarrow and, for anything but a local folder, fsspec. What a log means (clock, late events) is the flow's.
"""

from headrace.archive.events import events_log
from headrace.archive.folder import Folder
from headrace.archive.layout import ARRIVAL, OFFSET, PARTITION, Layout
from headrace.archive.load import Loaded, load
from headrace.archive.log import FileLog, Log, MemoryLog, RowGroup
from headrace.archive.write import LogWriter, write

__all__ = [
    "ARRIVAL",
    "OFFSET",
    "PARTITION",
    "FileLog",
    "Folder",
    "Layout",
    "Loaded",
    "Log",
    "LogWriter",
    "MemoryLog",
    "RowGroup",
    "events_log",
    "load",
    "write",
]
