"""What other systems have and means nothing in a stream of events, or something that cannot be kept; and what to write."""

from __future__ import annotations

from sqlglot import exp

_NUMBERED = "numbers the rows of a table, and a feature has no table: use COUNT(*) OVER (EVER) for the number of events so far"
_RANKED = "ranks the rows of a table, and a feature has no table: compare with MAX(x) OVER (...) or AVG(x) OVER (...)"
_QUANTILE = "is not kept exactly in a window; use AVG, STDDEV, MIN or MAX"
_LISTED = "has no bound; use LAST_N(x, 10) OVER (...)"
_SKETCH = "is not needed: COUNT(DISTINCT x) OVER (...) is exact"
_POPULATION = "divides by n; STDDEV and VARIANCE divide by n - 1"

REFUSED = {
    "row_number": _NUMBERED, "rank": _RANKED, "dense_rank": _RANKED, "percent_rank": _RANKED, "cume_dist": _RANKED, "ntile": _RANKED,
    "lead": "looks at later events, which are not known yet; use LAG(x, 1) OVER (...) for earlier ones",
    "nth_value": "has no meaning while a window moves; use FIRST(x), LAST(x), LAG(x, n) or LAST_N(x, n)",
    "median": _QUANTILE, "percentile_cont": _QUANTILE, "percentile_disc": _QUANTILE, "quantile": _QUANTILE, "approx_quantile": _QUANTILE,
    "approx_percentile": _QUANTILE, "mode": "is not kept; use LAST(x), or COUNT(*) FILTER (WHERE x = ...) for each value",
    "array_agg": _LISTED, "list": _LISTED, "string_agg": _LISTED, "group_concat": _LISTED, "listagg": _LISTED, "collect_list": _LISTED,
    "collect_set": _LISTED, "json_agg": _LISTED,
    "approx_count_distinct": _SKETCH, "approx_distinct": _SKETCH, "hll": _SKETCH,
    "stddev_pop": _POPULATION, "var_pop": _POPULATION, "stdevp": _POPULATION, "varp": _POPULATION,
    "any_value": "picks any; use FIRST(x) or LAST(x)",
    "bool_and": "is MIN of the condition as a number; use MIN(CAST(x AS INTEGER)) OVER (...)",
    "bool_or": "is MAX of the condition as a number; use MAX(CAST(x AS INTEGER)) OVER (...)",
    "product": "is not kept; use EXP(SUM(LN(x)) OVER (...))",
    "corr": "is not kept; use STDDEV, or SUM(x * y) OVER (...)", "covar_samp": "is not kept; use SUM(x * y) OVER (...)",
    "count_if": "is COUNT with a filter; use COUNT(*) FILTER (WHERE condition) OVER (...)",
    "log": "has two meanings; use LN(x) or LOG10(x)",
    "random": "gives other values in a replay than it gave live; use HASH(x, buckets)",
    "rand": "gives other values in a replay than it gave live; use HASH(x, buckets)",
    "uuid": "gives other values in a replay than it gave live; use HASH(x, buckets)",
    "tumble": "makes a window that jumps; windows here end at the row: SUM(x) OVER (LAST '1 hour')",
    "hop": "makes a window that jumps; windows here end at the row: SUM(x) OVER (LAST '1 hour')",
    "session": "makes a window of its own kind, which is not kept; use LAG(ts, 1) OVER (EVER) for the gap to the event before",
    "unnest": "makes rows of a list, and a feature has one value; use items[0] or LIST_LENGTH(items)",
    "explode": "makes rows of a list, and a feature has one value; use items[0] or LIST_LENGTH(items)",
    "exists": "asks of a query, and a feature reads events: use COUNT(*) FILTER (WHERE ...) OVER (...) > 0",
    "grouping": "belongs to GROUP BY, which windows replace",
}  # fmt: skip
"""The name in lower case, and how its sentence goes on."""

_BITS = "operators on bits are not known here: use FLOOR(x / 4) % 2 for a bit of an integer"
_JSON = "operators on JSON are not known here: declare a STRUCT and write user.id"

NODES: dict[type[exp.Expr], str] = {
    exp.Ordered: "ORDER BY in a call is not known here: an aggregate sees events in the order of their time",
    exp.Order: "ORDER BY in a call is not known here: an aggregate sees events in the order of their time",
    exp.Limit: "LIMIT in a call is not known here: write LAST_N(x, 10) OVER (...), or a window LAST 10 ROWS",
    exp.HavingMax: "HAVING in a call is not known here: write LAST(x) OVER (...) for the newest",
    exp.Distinct: "DISTINCT stands in COUNT(DISTINCT x) alone",
    exp.Lambda: "functions inside an expression are not known here: declare one in Python, and call it by its name",
    exp.Escape: "ESCAPE is not known here: LIKE takes the character behind a backslash as it is",
    exp.RegexpLike: "regular expressions are not known here: write LIKE, CONTAINS, STARTS_WITH or ENDS_WITH",
    exp.SimilarTo: "regular expressions are not known here: write LIKE, CONTAINS, STARTS_WITH or ENDS_WITH",
    exp.Glob: "GLOB is not known here: write LIKE",
    exp.Collate: "COLLATE is not known here: texts are compared by their characters",
    exp.AtTimeZone: "time zones are not known here, all times are UTC: write ts + INTERVAL '1 hour'",
    exp.BitwiseAnd: _BITS, exp.BitwiseOr: _BITS, exp.BitwiseXor: _BITS, exp.BitwiseNot: _BITS,
    exp.JSONExtract: _JSON, exp.JSONExtractScalar: _JSON,
    exp.Placeholder: "parameters of a statement are not known here: write REQUEST(name TYPE) for a value that the asker brings",
    exp.Parameter: "parameters of a statement are not known here: write REQUEST(name TYPE) for a value that the asker brings",
    exp.Array: "lists are made by LAST_N alone: LAST_N(x, 10) OVER (...)",
    exp.Select: "a query inside an expression is not known here: name its source in FROM, with a sub-query where it filters",
    exp.Subquery: "a query inside an expression is not known here: name its source in FROM, with a sub-query where it filters",
    exp.Exists: "a query inside an expression is not known here: name its source in FROM, with a sub-query where it filters",
    exp.Alias: "a name with AS inside an expression is not known here: AS stands behind a feature, and in STRUCT(price AS amount)",
    exp.Tuple: "several values in parentheses are not known here: write STRUCT(a, b)",
}  # fmt: skip
"""What may not stand in an expression, and why."""
