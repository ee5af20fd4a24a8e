"""Definitions in SQL: `parse` reads them, `to_sql` writes them.

The text becomes a tree of sqlglot's nodes (`dialect`), rules make expressions of it (`rules`), and the definitions are the same objects as
those written in Python (`tables`, `groups`). It promises equal digests for equal definitions, whichever way they were written, and errors
that show the place.

    CREATE KEY name TYPE [DIMENSION name]
    CREATE TABLE name (column TYPE [UNIT 'ms'] [LABEL KNOWN AFTER '7 days'], ...)
        WITH (time = 'column' [, keys = 'column: key, key'] [, unique = 'column']
        [, lateness = '1h'] [, max_ahead = '5m'] [, idle = '1m'] [, topic = ...] [, format = 'avro']
        [, domain = ...] [, description = ...])
    CREATE VIEW name WITH (key = 'key, key' [, refresh = '1m'] [, domain = ...] [, description = ...]) AS
        [WITH view AS (SELECT ...), ...]
        SELECT feature [AS name], ... FROM source [AS name], (SELECT ... FROM source [WHERE ...]) AS name, ...
        [WHERE condition] [WINDOW name AS (window), ...]

A Key that no statement creates is implied by the column of its name, or by `keys`. A sub-query is a view of its source: its WHERE says
which events aggregates see, its columns are computed from one event. With several sources, or views of one, a column that stands in more
than one is written with its source, and `COUNT(clicks.*)` counts the events of one.

    aggregate: SUM(x) [FILTER (WHERE condition)] [IGNORE NULLS] OVER (window) | OVER name
    window:    LAST '7 days' [ROWS n] | LAST n ROWS | EVER, then [DELAY '1 day'] [CLOSED left|right|both|none] [EXCLUDE CURRENT ROW|GROUP]
               or a frame of the standard: [PARTITION BY key ORDER BY time] RANGE|ROWS BETWEEN ... AND ... [EXCLUDE ...]

`REQUEST(amount DOUBLE)` is a value that the asker brings, `NOW()` the asker's instant, `items[0]` an item of a list counted from 0,
`user.id` a field. Functions have the names of `headrace.functions`, those declared in Python their own, in double quotes where they need
them.
"""

from __future__ import annotations

from .reading import Definitions, parse
from .writing import to_sql

__all__ = ["Definitions", "parse", "to_sql"]
