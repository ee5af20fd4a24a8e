"""What is known about a flight one hour before it leaves: its aircraft, its airline, the two airports, the weather.

Four keys of three dimensions: `origin` and `dest` are both airports. Every window ends at the asker's instant, and looks at what
had reached the log by then; nobody has to take care that a delay is not used before the plane has landed.
"""

from __future__ import annotations

import headrace as hr

aircraft = hr.Dimension("aircraft")
airline = hr.Dimension("airline")
airport = hr.Dimension("airport")

tailnum = hr.Key("tailnum", aircraft, "string")   # null for some cancelled flights: such an event belongs to no aircraft
carrier = hr.Key("carrier", airline, "string")
origin = hr.Key("origin", airport, "string")
dest = hr.Key("dest", airport, "string")

flight = {"tailnum": "string", "carrier": "string", "flight": "int64", "origin": "string", "dest": "string"}

departures = hr.Source(
    "departures",
    schema=flight | {"cancelled": "bool", "dep_delay": "float64", "time": "timestamp"},
    time="time",
)

left = departures.filter(~departures["cancelled"])

arrivals = hr.Source(
    "arrivals",
    # The outcome is a column of this stream alone, whose events happen when it is known. As a column of `departures` it would have to
    # say known_after="1d", and a window that does not end a day before the row would be refused.
    schema=flight | {"arr_delay": "float64", "late": hr.label("bool", known_after="0s"), "air_time": "float64", "time": "timestamp"},
    time="time",
)

measured = ["temp", "dewp", "humid", "wind_dir", "wind_speed", "precip", "pressure", "visib"]
weather = hr.Source(
    "weather",
    schema={"origin": "string"} | dict.fromkeys(measured, "float64") | {"time": "timestamp"},
    time="time",
)

aircraft_recent = hr.FeatureGroup(
    "aircraft_recent",
    key=tailnum,
    features={
        "tail_arr_delay": arrivals["arr_delay"].mean().over(["6h", "1d", "7d"]),
        "tail_late_share": arrivals["late"].mean().over(["1d", "7d"]),
        "tail_landings": arrivals.count().over(["1d", "7d"]),
        "tail_last_arr_delay": arrivals["arr_delay"].last().over("1d"),
        "tail_last_dep_delay": departures["dep_delay"].last().over("1d"),
        "tail_since_landing_s": arrivals.time_since_last(),
        "tail_since_departure_s": left.time_since_last(),
        # it left New York and has not landed yet
        "tail_in_the_air": left.time_since_last() < arrivals.time_since_last(),
    },
    description="how an aircraft has kept its times, and where it is now",
)

carrier_delays = hr.FeatureGroup(
    "carrier_delays",
    key=carrier,
    features={
        "carrier_arr_delay": arrivals["arr_delay"].mean().over(["1h", "6h", "1d", "7d"]),
        "carrier_late_share": arrivals["late"].mean().over(["1h", "6h", "1d", "7d"]),
        "carrier_landings": arrivals.count().over(["1h", "1d"]),
        "carrier_dep_delay": departures["dep_delay"].mean().over(["1h", "6h"]),
    },
    description="how an airline is doing",
)

origin_traffic = hr.FeatureGroup(
    "origin_traffic",
    key=origin,
    features={
        "origin_departures": left.count().over(["1h", "6h"]),
        "origin_dep_delay": departures["dep_delay"].mean().over(["1h", "6h", "1d"]),
        "origin_delayed_share": (departures["dep_delay"] > 15).mean().over(["1h", "6h"]),
        "origin_cancelled_share": departures["cancelled"].mean().over(["1h", "6h"]),
        "origin_since_departure_s": left.time_since_last(),
        "origin_arr_delay": arrivals["arr_delay"].mean().over(["6h", "1d", "7d"]),
    },
    description="how busy and how late an airport of departure is",
)

dest_delays = hr.FeatureGroup(
    "dest_delays",
    key=dest,
    features={
        "dest_arr_delay": arrivals["arr_delay"].mean().over(["6h", "1d", "7d"]),
        "dest_late_share": arrivals["late"].mean().over(["6h", "1d", "7d"]),
        "dest_dep_delay": departures["dep_delay"].mean().over("6h"),
    },
    description="how late the flights to an airport are",
)

origin_weather = hr.FeatureGroup(
    "origin_weather",
    key=origin,
    features={f"weather_{name}": weather[name].last().over("6h") for name in measured},
    description="the newest observation, if it is not older than six hours",
)

arrival_late_v1 = hr.FeatureService(
    "arrival_late_v1",
    [origin_weather, aircraft_recent, carrier_delays, origin_traffic, dest_delays],
)
