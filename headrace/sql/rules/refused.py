"""Functions of other systems that mean nothing in a stream of events, or something that cannot be kept; and what to write."""

from __future__ import annotations

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
    "grouping": "belongs to GROUP BY, which windows replace",
}  # fmt: skip
"""The name in lower case, and how its sentence goes on."""
