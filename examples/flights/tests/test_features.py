"""The features on a handful of flights, whose values can be seen by eye."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import headrace as hr

FLIGHTS = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def repository() -> hr.Repository:
    return hr.Repository(FLIGHTS)


def flight(clock: str, **values: Any) -> dict[str, Any]:
    """A flight of 2013-03-04; the columns that are not told stay null."""
    told = {"tailnum": "N1", "carrier": "UA", "flight": 1, "origin": "JFK", "dest": "SFO"} | values
    return told | {"time": f"2013-03-04T{clock}:00Z"}


def left(clock: str, delay: float | None, **values: Any) -> dict[str, Any]:
    return flight(clock, dep_delay=delay, cancelled=delay is None, **values)


def landed(clock: str, delay: float | None, **values: Any) -> dict[str, Any]:
    return flight(clock, arr_delay=delay, late=None if delay is None else delay > 15, **values)


def test_an_airline(repository: hr.Repository) -> None:
    departures = [left("10:00", 10.0), left("10:40", 30.0), left("12:30", None)]
    arrivals = [landed("11:30", 20.0), landed("12:00", 100.0, carrier="AA"), landed("12:15", -4.0), landed("12:20", None)]
    rows = hr.replay(repository.groups["carrier_delays"], events={"departures": departures, "arrivals": arrivals}).to_pylist()
    shown = ["_source", "carrier_dep_delay_1h", "carrier_arr_delay_1h", "carrier_landings_1h"]
    seen = [(row["carrier"], f"{row['time']:%H:%M}", *(row[name] for name in shown)) for row in rows]
    assert sorted(seen, key=lambda row: row[1]) == [
        ("UA", "10:00", "departures", 10.0, None, 0),
        ("UA", "10:40", "departures", 20.0, None, 0),
        ("UA", "11:30", "arrivals", 30.0, 20.0, 1),   # the first departure is an hour and a half old
        ("AA", "12:00", "arrivals", None, 100.0, 1),
        ("UA", "12:15", "arrivals", None, 8.0, 2),
        ("UA", "12:20", "arrivals", None, 8.0, 3),   # diverted: a landing without a delay
        ("UA", "12:30", "departures", None, -4.0, 2),   # the window is (11:30, 12:30]
    ]
    assert [row["carrier_late_share_6h"] for row in rows if row["carrier"] == "UA"][-1] == 0.5


def test_where_an_aircraft_is(repository: hr.Repository) -> None:
    departures = [left("10:00", 0.0), left("18:00", 5.0)]
    events = {"departures": departures, "arrivals": [landed("13:00", 7.0)]}
    rows = hr.replay(repository.groups["aircraft_recent"], events=events).to_pylist()
    seen = [(f"{row['time']:%H:%M}", row["tail_in_the_air"], row["tail_since_landing_s"], row["tail_last_arr_delay"]) for row in rows]
    assert seen == [("10:00", None, None, None), ("13:00", False, 0.0, 7.0), ("18:00", True, 18_000.0, 7.0)]


def test_cancelled_without_an_aircraft(repository: hr.Repository) -> None:
    """It belongs to no aircraft, and to its airport all the same."""
    events = {"departures": [left("10:00", None, tailnum=None), left("10:05", 20.0)], "arrivals": []}
    assert hr.replay(repository.groups["aircraft_recent"], events=events)["tailnum"].to_pylist() == ["N1"]
    rows = hr.replay(repository.groups["origin_traffic"], events=events).to_pylist()
    assert [(row["origin_departures_1h"], row["origin_cancelled_share_1h"], row["origin_delayed_share_1h"]) for row in rows] == [
        (0, 1.0, None),
        (1, 0.5, 1.0),
    ]


def test_a_question_sees_nothing_of_its_own_minute(repository: hr.Repository) -> None:
    questions = [{"dest": "SFO", "asked": f"2013-03-04T{clock}:00Z"} for clock in ("12:59", "13:00", "13:01")]
    events = {"departures": [], "arrivals": [landed("13:00", 30.0)]}
    rows = hr.replay(repository.groups["dest_delays"], events=events, spine=questions, time="asked", before=True)
    assert rows["dest_late_share_6h"].to_pylist() == [None, None, 1.0]


def test_an_outcome_that_is_not_known_yet_is_refused(repository: hr.Repository) -> None:
    """The same label, had it been written into the stream of departures."""
    (carrier,) = repository.groups["carrier_delays"].keys
    leaky = hr.Source(
        "leaky",
        schema={"carrier": "string", "late": hr.label("bool", known_after="1d"), "time": "timestamp"},
        time="time",
    )
    with pytest.raises(hr.HeadraceError, match="known"):
        hr.FeatureGroup("cheat", key=carrier, features={"late_share": leaky["late"].mean().over("7d")})
    hr.FeatureGroup("fair", key=carrier, features={"late_share": leaky["late"].mean().over("7d", delay="1d")})


def test_the_same_group_in_sql(repository: hr.Repository) -> None:
    written = hr.parse((Path(__file__).parent / "dest_delays.sql").read_text())
    assert written.groups["dest_delays"].digest == repository.groups["dest_delays"].digest
