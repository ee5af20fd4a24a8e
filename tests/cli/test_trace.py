"""`trace`: what it prints, and that its plain loops and the flow say the same, whatever the log."""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING, Any

from hypothesis import given, settings
from hypothesis import strategies as st

import headrace as hr
from headrace.archive import events_log
from headrace.tracing import trace_group
from tests.oracle.strategies import groups, logs, probes
from tests.semantics.adapter import group_of, source_of, tables_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import pytest

    from tests.cli.conftest import Ran

user = hr.Key("user", hr.Dimension("user"), "int64")
clicks = hr.Source("clicks", schema={"user": "int64", "price": "float64", "kind": "string", "ts": "timestamp"}, time="ts", lateness="10m")
bought = clicks.filter(clicks["kind"] == "buy")
group = hr.FeatureGroup(
    "spending",
    key=user,
    features={
        "spend": bought["price"].sum().over(["1h", "1d"]),
        "share": (bought.count() / clicks.count()).over("1h"),
        "newest": clicks["price"].last_n(2).over(hr.window(rows=3, delay="10m")),
    },
)
EVENTS: list[dict[str, Any]] = [
    {"user": 1, "price": 8.0, "kind": "buy", "ts": "2024-01-01T06:00:00Z"},
    {"user": 1, "price": 1.0, "kind": "buy", "ts": "2024-01-01T10:00:00Z"},
    {"user": 2, "price": 9.0, "kind": "buy", "ts": "2024-01-01T10:20:00Z"},
    {"user": 1, "price": 2.0, "kind": "view", "ts": "2024-01-01T10:30:00Z"},
    {"user": 1, "price": None, "kind": "buy", "ts": "2024-01-01T10:40:00Z"},
    {"user": 1, "price": 4.0, "kind": "buy", "ts": "2024-01-01T10:35:00Z", "_arrival": "2024-01-01T10:41:00Z"},
    {"user": 1, "price": 5.0, "kind": "buy", "ts": "2024-01-01T10:20:00Z", "_arrival": "2024-01-01T10:42:00Z"},
    {"user": 1, "price": 6.0, "kind": "view", "ts": "2024-01-01T11:00:00Z"},
]
LOGS = {"clicks": events_log(clicks, [{"_arrival": event["ts"], **event} for event in EVENTS])}
ELEVEN_US = 1_704_106_800_000_000


def test_what_each_event_is_to_a_window() -> None:
    found = trace_group(group, LOGS, {"user": 1})
    assert (found.asked_us, found.instant_us, found.refreshed, found.known) == (ELEVEN_US, ELEVEN_US, False, True)
    assert found.differs == []
    spend_1h, spend_1d, share, newest = found.features
    (hour,), (day,) = spend_1h.cells, spend_1d.cells
    clocks = ["06:00", "10:00", "10:20", "10:30", "10:35", "10:40", "11:00"]
    assert [(event.time_us or 0) - ELEVEN_US for event in hour.events] == [(int(c[:2]) * 60 + int(c[3:]) - 660) * 60_000_000 for c in clocks]
    # at 10:00 an event is an hour old: the window is (10:00, 11:00]
    assert hour.states == ("left", "left", "rejected", "filtered", "counted", "null", "filtered")
    assert (hour.after_us, hour.upto_us, hour.value) == (ELEVEN_US - 3_600_000_000, ELEVEN_US, 4.0)
    assert day.states == ("counted", "counted", "rejected", "filtered", "counted", "null", "filtered")
    assert (spend_1d.value, spend_1d.flow) == (13.0, 13.0)
    assert hour.events[2].rejected == "too late"
    assert (share.inserted, share.value) == ("2 / 4", 0.5)
    (delayed,) = newest.cells
    assert delayed.states == ("left", "left", "rejected", "counted", "counted", "counted", "waiting")
    assert newest.value == [4.0, None]


def test_an_instant_between_two_arrivals() -> None:
    """At 10:40:30 the event of 10:35 has not arrived."""
    asked = ELEVEN_US - 1_170_000_000
    found = trace_group(group, LOGS, {"user": 1}, asked, feature="spend")
    assert [feature.name for feature in found.features] == ["spend_1h", "spend_1d"]
    assert [feature.value for feature in found.features] == [1.0, 9.0]
    assert found.instant_us == ELEVEN_US - 1_200_000_000
    assert found.differs == []


def test_before_an_event() -> None:
    newest = trace_group(group, LOGS, {"user": 1}, ELEVEN_US, before=True)
    assert len(newest.events) == 6
    assert newest.differs == []


def test_a_flow_that_says_something_else_is_told() -> None:
    found = trace_group(group, LOGS, {"user": 1})
    wrong = dataclasses.replace(found.features[0], flow=5.0)
    assert not wrong.agrees
    assert [each.name for each in dataclasses.replace(found, features=(wrong, *found.features[1:])).differs] == ["spend_1h"]


@settings(max_examples=60)
@given(st.data())
def test_the_loops_and_the_flow_agree(data: st.DataObject) -> None:
    log = data.draw(logs())
    drawn = data.draw(groups(log))
    probe = data.draw(probes(log, most=1))[0]
    before = data.draw(st.booleans())
    tables = tables_of(log, drawn.sources)
    in_memory = {topic: events_log(source_of(topic, log.sources[topic]), tables[topic]) for topic in drawn.sources}
    found = trace_group(group_of(log, drawn), in_memory, {"k": probe.key}, probe.time, before=before)
    assert [(each.name, each.expression, each.inserted, each.value, each.flow) for each in found.differs] == []


def test_text(headrace: Callable[..., Ran], shop: Path) -> None:
    done = headrace("trace", "buyer_activity", "buyer_id=7", "--at", "2024-03-02T12:00", "--feature", "buy_rate", "-n", 2)
    assert (done.code, done.err) == (0, "")
    assert done.out == """\
buyer_activity of buyer_id=7, asked at 2024-03-02T12:00:00Z
its windows end at 2024-03-02T11:59:00Z, the newest refresh that the clock has passed; 28 events by then

clicks, where "action" = 'view'
window  after                 up to                 events
1d      2024-03-01T11:59:00Z  2024-03-02T11:59:00Z  13 counted, 5 left, 10 filtered

event time             place  1d
2024-03-02T11:56:37Z  0/1012  in
2024-03-02T11:55:21Z  0/1011  in
2024-03-02T11:55:05Z  0/1010  filtered
… 3 more
2024-03-02T09:06:47Z   0/781  filtered
2024-03-02T09:06:12Z   0/779  filtered
… 9 more
2024-03-01T17:31:24Z   0/509  in
2024-03-01T17:31:07Z   0/506  in
2024-03-01T09:50:57Z    0/71  left
… 1 more
2024-03-01T09:49:33Z    0/67  left
… 6 more

clicks, where "action" = 'buy'
window  after                 up to                 events
1d      2024-03-01T11:59:00Z  2024-03-02T11:59:00Z  2 counted, 1 left, 25 filtered

event time             place  1d
2024-03-02T11:56:37Z  0/1012  filtered
2024-03-02T11:55:21Z  0/1011  filtered
2024-03-02T11:55:05Z  0/1010  filtered
… 3 more
2024-03-02T09:06:47Z   0/781  in
… 3 more
2024-03-02T09:03:56Z   0/775  in
… 14 more
2024-03-01T08:31:00Z     0/2  left
… 2 more

buy_rate = 0.15384615384615385   the flow says the same
  = count() where "action" = 'buy' over [1d] / count() where "action" = 'view' over [1d]
  = 2 / 13
"""


def test_text_of_an_unknown_entity(headrace: Callable[..., Ran], shop: Path) -> None:
    done = headrace("trace", "buyer_activity", "999", "--feature", "views_1h")
    assert (done.code, done.out) == (
        0,
        (
            "nothing is known of buyer_id=999 at 2024-03-03T21:01:04Z: the log has no event of it by then\n\n"
            "views_1h = 0   the flow says the same\n  = count() where \"action\" = 'view' over [1h]\n"
        ),
    )


def test_json(headrace: Callable[..., Ran], shop: Path) -> None:
    found = json.loads(headrace("trace", "buyer_activity", "7", "--json").out)
    assert (found["entity"], found["known"], found["events"], found["agrees"]) == ({"buyer_id": 7}, True, 78, True)
    assert found["windows_end"] == "2024-03-03T21:01:00Z"
    assert [feature["name"] for feature in found["features"]][-1] == "idle_s"
    cell = found["features"][0]["cells"][0]
    assert cell["window"] == {"after": "2024-03-03T20:01:00Z", "upto": "2024-03-03T21:01:00Z", "rows": None}
    assert len(cell["events"]) == 78
    assert {event["state"] for event in cell["events"]} == {"left", "filtered"}
    assert (cell["where"], cell["input"], cell["counts"]) == ("\"action\" = 'view'", None, {"left": 53, "filtered": 25})
    found = json.loads(headrace("trace", "buyer_activity", "7", "--json", "-n", 3).out)
    assert [len(cell["events"]) for feature in found["features"] for cell in feature["cells"]] == [3] * 8


def test_a_trace_that_differs_ends_with_1(
    headrace: Callable[..., Ran], shop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from headrace import getting

    real = getting.look_up
    monkeypatch.setattr("headrace.tracing.tracer.look_up", lambda run: [row | {"views_1h": 41} for row in real(run)])
    done = headrace("trace", "buyer_activity", "7", "--feature", "views")
    assert done.code == 1
    assert "views_1h = 0   the flow says 41\n" in done.out
    assert done.err == (
        "headrace: the flow says something else for views_1h: this is a mistake of headrace; please report it with what --json prints\n"
    )


def test_of_what_is_wrong(headrace: Callable[..., Ran], shop: Path) -> None:
    done = headrace("trace", "buyer_activity", "7", "--feature", "spent")
    features = "views_1h, views_1d, spend, buy_rate, mean_price, last_item, idle_s, views"
    assert (done.code, done.err) == (
        2,
        f"headrace: unknown feature 'spent' in group 'buyer_activity' (did you mean 'spend'?); it has: {features}\n",
    )


def test_a_second_copy_is_shown(tmp_path: Path) -> None:
    """What `unique` drops is told as what it is."""
    source = hr.Source("s", schema={"id": "string", "user": "int64", "ts": "timestamp"}, time="ts", unique="id")
    counted = hr.FeatureGroup("g", key=user, features={"n": source.count().over("1h")})
    log = events_log(source, [{"id": "a", "user": 1, "ts": "2024-01-01T10:00:00Z"}, {"id": "a", "user": 1, "ts": "2024-01-01T10:01:00Z"}])
    found = trace_group(counted, {"s": log}, {"user": 1})
    assert [event.rejected for event in found.events] == ["", "duplicate"]
    assert (found.features[0].value, found.differs) == (1, [])
