"""The page of metrics: what the endpoint serves, as it tells it, with what moves each and what to do about it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from headrace.running.metrics import Metrics
from headrace.running.watch import DELAY_BOUNDS_S

from .parts import MADE, same, table
from .running import Worker

if TYPE_CHECKING:
    from collections.abc import Iterable

NOTES: dict[str, dict[str, str]] = {
    "What comes in": {
        "headrace_messages": "with the topic. Stands still while messages wait: see `headrace_in_trouble`",
        "headrace_events": "with what goes into the flow: while a run catches up, messages are read ahead of it. What is replayed from the "
        "archive is not counted",
        "headrace_duplicate_events": "where a source has `unique`: deliveries that came twice and count once",
        "headrace_tombstone_messages": "no event, and no dead letter",
        "headrace_loaded_messages": "only in a run that begins with history that was loaded",
        "headrace_late_events": "count in no window. Many of *too late*: the source's `lateness` is too short; of *too far ahead of its "
        "arrival*: a producer's clock is wrong",
        "headrace_dead_letters": "`undecodable`, and the reasons of late events; see `headrace dead-letters list SOURCE`",
        "headrace_null_key_events": "belong to no entity of a Key, and count for the other Keys; once for each such Key",
    },
    "What is computed": {
        "headrace_failed_values": "null for that feature and row alone. A rate that rises is a defect of a definition or of what it reads",
        "headrace_null_values": "windows that are empty too; compare with `headrace_steps_total`",
        "headrace_overflowed_values": "a sum that is too large; floats have more room than integers",
    },
    "What goes out": {
        "headrace_steps": "with events, and with instants at which a window loses one. Stays 0 without `[online] stores`",
        "headrace_store_writes": "less than the steps where a batch has several of an entity; the same however many stores there are",
        "headrace_event_to_online_seconds": "with load, slow stores, and clocks of producers or brokers that are not this machine's",
    },
    "How far it is": {
        "headrace_lag_messages": "where more comes than is read. Kafka's own lag of the consumer group is as of the newest checkpoint",
        "headrace_lag_seconds": "how old the features are; in a silence it is 0",
        "headrace_caught_up": "stays 1 until the process ends: a run that falls behind later shows in its lag",
        "headrace_in_trouble": "brokers that are away, checkpoints that cannot be written; `trouble` in the log line says what",
    },
    "Checkpoints and state": {
        "headrace_checkpoint_number": "grows with each, and goes on over restarts",
        "headrace_checkpoint_duration_seconds": "of the newest; the flow goes on meanwhile",
        "headrace_checkpoint_age_seconds": "a saw, from 0 to about `--checkpoint-seconds`. A start after a crash goes on from there",
        "headrace_checkpoint_bytes": "with what came, not with the size of the state",
        "headrace_checkpoint_journal_rows": "up with events, down when a whole state is made. Where it only rises, starts take longer",
        "headrace_checkpoint_states": "where a start would spend more on what came behind a state than on the state",
        "headrace_checkpoint_states_seconds": "the flow does not wait for it",
        "headrace_checkpoint_states_bytes": "with the size of the state",
        "headrace_state_entities": "falls when windows of an entity have become empty. An entity of two Keys counts twice",
        "headrace_state_bytes": "the state alone, without what Python and its libraries take",
    },
}

ALERTS = """\
## What to be woken by

Rules for Prometheus, to begin with; what a healthy figure is depends on the stream.
"""

RULES = """\
groups:
  - name: headrace
    rules:
      - alert: FeaturesAreOld
        expr: max by (topic) (headrace_lag_seconds) > 60
        for: 5m
      - alert: FeaturesAreSlow
        expr: histogram_quantile(0.99, sum by (le) (rate(headrace_event_to_online_seconds_bucket[5m]))) > 1
        for: 10m
      - alert: SomethingIsTriedAgain     # a broker, the disk or S3 of the checkpoints
        expr: headrace_in_trouble == 1
        for: 2m
      - alert: CheckpointsDoNotCount     # six times --checkpoint-seconds
        expr: headrace_checkpoint_age_seconds > 60
        for: 1m
      - alert: MessagesCannotBeUsed      # more than one in a hundred
        expr: sum by (source) (rate(headrace_dead_letters_total[15m])) > 0.01 * sum by (source) (rate(headrace_messages_total[15m]))
        for: 15m
      - alert: ValuesFail
        expr: sum by (feature) (rate(headrace_failed_values_total[15m])) > 0
        for: 15m
      - alert: CatchingUpTakesLong
        expr: headrace_caught_up == 0
        for: 1h
      - alert: RunIsGone                 # job is the name of the scrape; a run ends with 1 where a store fails; the same command goes on
        expr: up{job="headrace"} == 0
        for: 1m
"""

TEXT = """\
# Metrics

`headrace run … --metrics-port 9464` serves them at `http://HOST:9464/metrics`, on all addresses, without TLS or a password; it needs `pip
install 'headrace[metrics]'`. Of N processes each serves its own part, at N ports one behind another: sum counters, take the maximum of
ages. The gauges of the newest checkpoint are served by one of them alone, from its first checkpoint on.

Counters begin at 0 with the process; a label appears with its first count. Seconds are seconds, bytes bytes. Beyond these there are none:
the process' own (CPU, memory) are left to what watches the machine. `headrace archive` has no endpoint; it [logs](log-lines.md).
"""


def page() -> str:
    """The page of metrics."""
    worker: Any = Worker()
    families = {family.name: family for family in Metrics(worker).collect()}
    same("docs/pages/metrics.py", [name for notes in NOTES.values() for name in notes], families)
    parts = [MADE.format("headrace/running/metrics.py and docs/pages/metrics.py"), TEXT]
    for title, notes in NOTES.items():
        rows = [row(families[name], note) for name, note in notes.items()]
        parts.append(f"## {title}\n\n{table(['metric', 'labels', '', 'what moves it'], rows)}\n")
    bounds = ", ".join(f"{bound:g}" for bound in DELAY_BOUNDS_S)
    parts.append(f"The bounds of the histogram are {bounds} seconds.\n")
    same("docs/pages/metrics.py", set(words(RULES)) & served(families.values()), words(RULES))
    parts.append(f"{ALERTS}\n```yaml\n{RULES}```\n")
    return "\n".join(parts)


def row(family: Any, note: str) -> list[str]:
    """One metric: its full name and type, its labels, what it says of itself, what moves it."""
    name = f"{family.name}_total" if family.type == "counter" else family.name
    labels = list(dict.fromkeys(label for sample in family.samples for label in sample.labels if label != "le"))
    if not family.samples:
        raise SystemExit(f"docs/pages/running.py gives {family.name} nothing to tell of")
    return [f"`{name}` {family.type}", ", ".join(f"`{label}`" for label in labels), family.documentation.rstrip("."), note]


def served(families: Iterable[Any]) -> set[str]:
    """The names of the series."""
    return {sample.name for family in families for sample in family.samples}


def words(text: str) -> list[str]:
    """The metrics that a text names."""
    return sorted(set(re.findall(r"\bheadrace_\w+", text)))
