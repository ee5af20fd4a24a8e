-- dest_delays of features.py, without a line of Python; a test compares their digests
CREATE KEY dest TEXT DIMENSION airport;

CREATE TABLE departures (
    tailnum TEXT, carrier TEXT, flight BIGINT, origin TEXT, dest TEXT,
    cancelled BOOLEAN, dep_delay DOUBLE, "time" TIMESTAMP
) WITH (time = 'time');

CREATE TABLE arrivals (
    tailnum TEXT, carrier TEXT, flight BIGINT, origin TEXT, dest TEXT,
    arr_delay DOUBLE, late BOOLEAN LABEL KNOWN AFTER '0 seconds', air_time DOUBLE, "time" TIMESTAMP
) WITH (time = 'time');

CREATE VIEW dest_delays WITH (key = 'dest', description = 'how late the flights to an airport are') AS
SELECT AVG(arrivals.arr_delay) OVER w6h AS dest_arr_delay_6h,
       AVG(arrivals.arr_delay) OVER w1d AS dest_arr_delay_1d,
       AVG(arrivals.arr_delay) OVER w7d AS dest_arr_delay_7d,
       AVG(arrivals.late) OVER w6h AS dest_late_share_6h,
       AVG(arrivals.late) OVER w1d AS dest_late_share_1d,
       AVG(arrivals.late) OVER w7d AS dest_late_share_7d,
       AVG(departures.dep_delay) OVER w6h AS dest_dep_delay
FROM arrivals, departures
WINDOW w6h AS (LAST '6 hours'), w1d AS (LAST '1 day'), w7d AS (LAST '7 days');
