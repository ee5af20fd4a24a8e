"""A trace as text: for each stored variable its events beside the windows that they are in, then each feature with its value.

It promises that every window's bounds and counts are told, and of its events the newest and those at its edge: what left last, what leaves
next.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from headrace.cli.output import BOLD, GREEN, RED, plural, print_rows, screen_width, styled
from headrace.durations import format_duration
from headrace.entities import format_entity
from headrace.texts import shown
from headrace.times import format_time
from headrace.tracing.values import COUNTED, FILTERED, LEFT, NULL, REJECTED, WAITING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from headrace.tracing import CellTrace, Event, FeatureTrace, Trace

_ORDER = (COUNTED, NULL, LEFT, WAITING, FILTERED, REJECTED)
_MARKS = {COUNTED: "in"}
_EDGE, _OTHERS = 2, 3


def print_trace(trace: Trace, n: int) -> None:
    """Prints a trace with up to `n` of the newest events of each stored variable."""
    entity = format_entity(trace.entity)
    asked = format_time(trace.asked_us)
    if not trace.known:
        print(f"nothing is known of {entity} at {asked}: {_without(trace)}")
    else:
        accepted = sum(not event.rejected for event in trace.events)
        print(styled(f"{trace.group} of {entity}, asked at {asked}", BOLD))
        why = "the newest refresh that the clock has passed" if trace.refreshed else "its newest event"
        print(f"its windows end at {format_time(trace.instant_us)}, {why}; {plural(accepted, 'event')} by then")
        for cells in _by_track(trace):
            print()
            _print_track(cells, n)
    print()
    for feature in trace.features:
        _print_feature(feature)


def _without(trace: Trace) -> str:
    if not trace.events:
        return "the log has no event of it by then"
    return f"{plural(len(trace.events), 'event')} by then, all rejected: {', '.join(sorted({event.rejected for event in trace.events}))}"


def _by_track(trace: Trace) -> list[list[CellTrace]]:
    """The cells of all features, each once, by stored variable."""
    found: dict[int, dict[str, CellTrace]] = {}
    for feature in trace.features:
        for cell in feature.cells:
            found.setdefault(cell.cell.track, {})[cell.cell.id] = cell
    return [list(cells.values()) for _, cells in sorted(found.items())]


def _print_track(cells: list[CellTrace], n: int) -> None:
    first = cells[0]
    which = f"where {first.where}" if first.where else "every event"
    print(f"{styled(first.source, BOLD)}, {which}")
    windows: dict[str, list[CellTrace]] = {}
    for cell in cells:
        windows.setdefault(cell.window, []).append(cell)
    states = {name: _joined(each) for name, each in windows.items()}
    print_rows(
        ["window", "after", "up to", "events"],
        [[name, _instant(each[0].after_us), format_time(each[0].upto_us), _counts(states[name])] for name, each in windows.items()],
    )
    if first.events:
        print()
        _print_events(cells, states, n)


def _print_events(cells: list[CellTrace], states: dict[str, list[str]], n: int) -> None:
    events = cells[0].events
    inputs = {cell.cell.input: cell.input for cell in cells if cell.cell.input and cell.input}
    chosen = sorted(_chosen(list(states.values()), n), reverse=True)
    late = any(events[at].arrival_us != events[at].time_us for at in chosen)
    names = ["event time", *(["arrived"] if late else []), "place", *inputs.values(), *states]
    rows: list[list[str]] = []
    above = len(events)
    for at in [*chosen, -1]:
        if above - at > 1:
            rows.append([f"… {above - at - 1:,} more", *[""] * (len(names) - 1)])
        if at < 0:
            break
        event = events[at]
        values = [shown(event.values[each]) for each in inputs]
        marks = [event.rejected if state[at] == REJECTED else _MARKS.get(state[at], state[at]) for state in states.values()]
        place = f"{event.partition}/{event.offset}"
        rows.append([_instant(event.time_us), *([_later(event)] if late else []), place, *values, *marks])
        above = at
    right = [False, *[True] * (late + 1 + len(inputs)), *[False] * len(states)]
    print_rows(names, rows, right, limit=24, fit="leave")


def _chosen(windows: Sequence[Sequence[str]], n: int) -> set[int]:
    """The newest `n` that pass, a few that do not, and on both sides of each window's edge a few."""
    passing = [at for at, state in enumerate(windows[0]) if state not in {FILTERED, REJECTED}]
    others = [at for at, state in enumerate(windows[0]) if state in {FILTERED, REJECTED}]
    chosen = {*(passing[-n:] if n else []), *(others[-_OTHERS:] if n else [])}
    for states in windows:
        inside = [at for at, state in enumerate(states) if state in {COUNTED, NULL}]
        left = [at for at, state in enumerate(states) if state == LEFT]
        chosen |= {*inside[:_EDGE], *left[-_EDGE:]} if left else set()
    return chosen


def _joined(cells: list[CellTrace]) -> list[str]:
    """What each event is to a window, for all aggregates over it: null only where all of them skip it."""
    found = list(cells[0].states)
    for cell in cells[1:]:
        found = [COUNTED if {one, two} == {COUNTED, NULL} else one for one, two in zip(found, cell.states, strict=True)]
    return found


def _counts(states: Sequence[str]) -> str:
    return ", ".join(f"{states.count(state):,} {state}" for state in _ORDER if state in states) or "none"


def _print_feature(feature: FeatureTrace) -> None:
    value = shown(feature.value)
    verdict = styled("the flow says the same", GREEN) if feature.agrees else styled(f"the flow says {shown(feature.flow)}", RED)
    print(f"{styled(feature.name, BOLD)} = {styled(value, BOLD)}   {verdict}")
    print(_folded(f"  = {feature.expression}"))
    if feature.inserted != value:
        print(_folded(f"  = {feature.inserted}"))


def _folded(line: str) -> str:
    import textwrap

    width = screen_width()
    return "\n".join(textwrap.wrap(line.strip(), width, initial_indent="  ", subsequent_indent="      ")) if len(line) > width else line


def _instant(us: int | None) -> str:
    return "" if us is None else format_time(us)


def _later(event: Event) -> str:
    """How long after the event it arrived."""
    if event.time_us is None or event.arrival_us == event.time_us:
        return "at once"
    after_us = event.arrival_us - event.time_us
    return f"+{format_duration(after_us)}" if after_us > 0 else format_duration(after_us)
