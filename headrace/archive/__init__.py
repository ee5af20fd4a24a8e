"""The log of a source as immutable Parquet files: written once, listed by their footers, read by row group.

`FileLog` and `MemoryLog` are the two forms of a `Log`; `load` and `write` add files to an archive, `events_log` makes a log of what a
notebook holds. It relies on pyarrow and, for anything but a local folder, fsspec. What a log means (clock, late events) is the flow's.
"""

from headrace.archive.begun import begins, begun
from headrace.archive.ends import End, archived_ends, archived_offsets, last_loaded_arrival, loaded_ends
from headrace.archive.events import events_log
from headrace.archive.files import LogFile, RowGroup
from headrace.archive.folder import Folder
from headrace.archive.layout import ARRIVAL, OFFSET, PARTITION, Layout
from headrace.archive.listed import Listed
from headrace.archive.load import Loaded, load
from headrace.archive.log import FileLog, Log, MemoryLog
from headrace.archive.topics import OtherTopic, check_topic
from headrace.archive.write import LogWriter, write

__all__ = [
    "ARRIVAL",
    "OFFSET",
    "PARTITION",
    "End",
    "FileLog",
    "Folder",
    "Layout",
    "Listed",
    "Loaded",
    "Log",
    "LogFile",
    "LogWriter",
    "MemoryLog",
    "OtherTopic",
    "RowGroup",
    "archived_ends",
    "archived_offsets",
    "begins",
    "begun",
    "check_topic",
    "events_log",
    "last_loaded_arrival",
    "load",
    "loaded_ends",
    "write",
]
