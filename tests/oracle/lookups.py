"""A look-up at t: what is asked third, twice over.

`lookups` takes the entity's last step that stood then; `by_definition` uses no steps: it evaluates the windows at the instant that the
standing step would have. Both finish at t what depends on the asker's instant. They promise the same answers.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tests.oracle import values
from tests.oracle.accepting import events
from tests.oracle.clock import timeline
from tests.oracle.steps import frame, steps

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

    from tests.oracle.model import Group, Log


@dataclass(frozen=True)
class Probe:
    """One question: the values of `key` at `time`."""

    key: Hashable
    time: int


@dataclass(frozen=True)
class Answer:
    """`status` is "missing" for an entity that has no step yet."""

    status: str
    values: tuple[Any, ...]


def lookups(log: Log, group: Group, probes: Sequence[Probe], *, before: bool = False) -> list[Answer]:
    """Each probe's last step with `arrival <= t`, or `< t` with `before`, finished at t."""
    made = steps(log, group)
    answers = []
    for probe in probes:
        standing = [s for s in made if s.key == probe.key and (s.arrival < probe.time or (s.arrival == probe.time and not before))]
        if standing:
            pairs = zip(group.features, standing[-1].frames, strict=True)
            answers.append(Answer("present", tuple(values.value(f, window, probe.time) for f, window in pairs)))
        else:
            answers.append(_missing(group))
    return answers


def by_definition(log: Log, group: Group, probes: Sequence[Probe], *, before: bool = False) -> list[Answer]:
    """The same from the windows themselves."""
    accepted = events(log, group.sources)
    passes = timeline(log, group).passes
    answers = []
    for probe in probes:
        until = probe.time - 1 if before else probe.time
        seen = [x for x in accepted if x.key == probe.key and x.arrival <= until]
        if seen:
            instant = max([x.at for x in seen] + [p.instant for p in passes if p.arrival <= until])
            cells = tuple(values.value(f, frame(group, f, seen, instant), probe.time) for f in group.features)
            answers.append(Answer("present", cells))
        else:
            answers.append(_missing(group))
    return answers


def _missing(group: Group) -> Answer:
    return Answer("missing", tuple(values.of_nothing(f) for f in group.features))
