"""The page of log lines: what `run` and `archive` say every ten seconds where no terminal looks."""

from __future__ import annotations

import json

from headrace.archiving import Status
from headrace.cli import archive, running
from headrace.running.telling import SUMS, Teller, line, together

from .parts import MADE, same, table
from .running import Worker

RUN = {
    "rows": ("events", "accepted by the flow since the process began"),
    "rows_per_s": ("events a second", "since the line before"),
    "lag": ("messages", "that wait in Kafka, over all partitions"),
    "caught_up": ("true or false", "whether every partition was once read to its end"),
    "event_to_online_s": ("seconds", "from a message's arrival until its step could be read, the longest of a batch; null until caught up"),
    "steps": ("steps", "that came to the online stores"),
    "entities": ("entities", "in the state, over all Keys"),
    "state_bytes": ("bytes", "of the state in memory"),
    "late": ("events", "that count in no window: too late, without event time, too far ahead of their arrival"),
    "undecodable": ("messages", "among the dead letters"),
    "duplicates": ("events", "whose identity came before"),
    "null_keys": ("events", "without a value in a key column, once for each Key"),
    "failed": ("values", "whose expression failed"),
    "checkpoint": ("object or null", "the newest that counts: its `number`, the `seconds` that it took, `at` in seconds since 1970"),
    "trouble": ("text or null", "what goes wrong and is tried again"),
}
ARCHIVE = {
    "source": ("text", "the source"),
    "messages": ("messages", "read since it began, without those that were loaded before"),
    "rows": ("events", "of them in files or in the open ones"),
    "rate": ("messages a second", "since the line before"),
    "lag": ("messages", "that wait in Kafka, over all partitions"),
    "files": ("files", "published since it began"),
    "dead": ("messages", "that have a dead letter"),
    "trouble": ("text or null", "what goes wrong and is tried again"),
}

TEXT = """\
# Log lines

Where stderr is no terminal, `headrace run` and `headrace archive` write one JSON object a line every {seconds:g} seconds; on a terminal
the same is one line that lives. Counts are since the process began, and of all processes of a run together; who starts again begins at 0.
A line has no time of its own: what collects it puts one. `run` begins with them where it begins with Kafka: while it replays the archive
there are none. Sentences (where a run starts, warnings, errors, how it ended) stand between them on stderr, each behind `headrace:`.
"""


def page() -> str:
    """The page of log lines."""
    found = Teller(Worker()).now()
    same("docs/pages/log_lines.py", RUN, found)
    same("headrace.running.telling.together", together([found], 1), set(found) - {"rows_per_s"})
    before, now = Status(0, 0, 0, 0, 0, 0.0, None), Status(500_000, 499_998, 2, 12, 0, 10.0, None)
    archived = archive.record("clicks", before, now)
    same("docs/pages/log_lines.py", ARCHIVE, archived)
    told: dict[str, object] = dict.fromkeys(SUMS, 0) | {"caught_up": True, "event_to_online_s": 0.0123, "checkpoint": None, "trouble": None}
    told |= {"rows": 1_200_000, "rows_per_s": 20000.4, "steps": 1_260_000, "entities": 86_000, "state_bytes": 31_000_000}
    told["checkpoint"] = {"number": 6, "seconds": 0.41, "at": 1_772_359_200.0}
    if running.LOG_EVERY_S != archive.LOG_EVERY_S:
        raise SystemExit("run and archive log at other times: docs/pages/log_lines.py says one")
    return "\n".join([
        MADE.format("headrace/running/telling.py, headrace/cli/archive.py and docs/pages/log_lines.py"),
        TEXT.format(seconds=running.LOG_EVERY_S),
        section("headrace run", RUN, {name: told[name] for name in found}),
        f"On a terminal:\n\n```text\n{line(told)}\n```\n",
        section("headrace archive", ARCHIVE, archived),
        f"On a terminal:\n\n```text\n{archive.line('clicks', before, now)}\n```\n",
    ])  # fmt: skip


def section(title: str, fields: dict[str, tuple[str, str]], example: dict[str, object]) -> str:
    """One kind of line."""
    rows = [[f"`{name}`", *fields[name]] for name in example]
    return f"## {title}\n\n```json\n{json.dumps(example)}\n```\n\n{table(['field', 'unit', ''], rows)}\n"
