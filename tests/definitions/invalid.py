"""Definitions that cannot be, each with the error that says so.

`CASES` maps a name to the code, the class of the error and its text to the letter. The code runs after `SETUP`.
"""

from __future__ import annotations

SETUP = '''
import datetime
import headrace as hr

account = hr.Dimension("account")
buyer = hr.Key("buyer_id", account, "int64")
seller = hr.Key("seller_id", account, "int64")
clicks = hr.Source(
    "clicks",
    schema={
        "event_id": "string", "buyer_id": "int64", "item": "string", "price": "float64", "count": "int32", "sale": "bool",
        "user": {"id": "int64", "name": "string"}, "tags": "list<string>", "ts": "timestamp",
        "refunded": hr.label("bool", known_after="7d"),
    },
    time="ts",
)
views = hr.Source("views", schema={"buyer_id": "int64", "seconds": "float64", "ts": "timestamp"}, time="ts")
request = hr.Request({"amount": "float64"})
paid = clicks.filter(clicks["sale"])


def group(name="activity", key=buyer, **features):
    return hr.FeatureGroup(name, key=key, features=features)
'''

CASES: dict[str, tuple[str, str, str]] = {
    # --- columns ---
    "unknown column": (
        "clicks['prce']",
        "UnknownColumn",
        ("unknown column 'prce' in source 'clicks' (did you mean 'price'?); "
        "it has: event_id, buyer_id, item, price, count, sale, user, tags, ts, refunded"),
    ),
    "unknown field": (
        "clicks['user.nam']",
        "UnknownColumn",
        "unknown column 'nam' in the struct (did you mean 'name'?); it has: id, name",
    ),
    "field of a number": (
        "clicks['price.cents']",
        "TypeMismatch",
        "only a struct has fields: 'cents' is asked of float64",
    ),
    "unknown request column": (
        "request['amont']",
        "UnknownColumn",
        "unknown column 'amont' in the request (did you mean 'amount'?); it has: amount",
    ),
    "unknown time column": (
        "hr.Source('s', schema={'a': 'int64', 'ts': 'timestamp'}, time='t')",
        "UnknownColumn",
        "time=: unknown column 't' in source 's' (did you mean 'ts'?); it has: a, ts",
    ),
    # --- types ---
    "unknown type": (
        "hr.Source('s', schema={'a': 'int46', 'ts': 'timestamp'}, time='ts')",
        "InvalidValue",
        ("column 'a' of source 's': unknown type 'int46' (did you mean 'int64'?); there are: int8, int16, int32, int64, float32, float64, "
        "bool, string, binary, date, timestamp, duration, list<T>, struct<name: T, ...>"),
    ),
    "event time is no time": (
        "hr.Source('s', schema={'a': 'int64'}, time='a')",
        "TypeMismatch",
        "time='a' of source 's' is int64: the event time is a timestamp, or an integer declared as 'timestamp[ms]'",
    ),
    "arithmetic on text": (
        "clicks['item'] * 2",
        "TypeMismatch",
        "cannot multiply string and int64: use .cast('float64') on a text that is a number",
    ),
    "text plus text": (
        "clicks['item'] + '!'",
        "TypeMismatch",
        "cannot add string and string: use hr.concat(…) to join texts",
    ),
    "arithmetic on bool": (
        "clicks['sale'] + 1",
        "TypeMismatch",
        "cannot add bool and int64: use .cast('int64') on a bool",
    ),
    "comparison of kinds": (
        "clicks['item'] > 3",
        "TypeMismatch",
        "cannot compare string with int64",
    ),
    "time compared with text": (
        "clicks['ts'] > '2026-01-01'",
        "TypeMismatch",
        "cannot compare timestamp with string: compare with hr.literal(datetime)",
    ),
    "not of a number": (
        "~clicks['price']",
        "TypeMismatch",
        "~ takes bool, found float64: compare it with something",
    ),
    "mean of text": (
        "clicks['item'].mean()",
        "TypeMismatch",
        "mean takes numbers or bool, found string: use .cast('float64')",
    ),
    "sum of a struct": (
        "clicks['user'].sum()",
        "TypeMismatch",
        "sum takes numbers or bool, found struct<id: int64, name: string>",
    ),
    "least of a list": (
        "clicks['tags'].min()",
        "TypeMismatch",
        "min takes values with an order (numbers, bool, string, binary, date, timestamp, duration), found list<string>",
    ),
    "branches of two kinds": (
        "hr.when(clicks['sale']).then(1).otherwise('no')",
        "TypeMismatch",
        "the branches of a condition have no common type: int64, string",
    ),
    "cast without a meaning": (
        "clicks['tags'].cast('int64')",
        "TypeMismatch",
        "cannot cast list<string> to int64",
    ),
    "filter that is no condition": (
        "clicks.filter(clicks['price'])",
        "TypeMismatch",
        "a filter of source 'clicks' takes bool, found float64",
    ),
    "hour of a number": (
        "clicks['price'].hour()",
        "TypeMismatch",
        "hour takes a timestamp as x, found double: hour(x: a timestamp)",
    ),
    "comparison with None": (
        "clicks['item'] == None",
        "TypeMismatch",
        "a comparison with None is never true: write .is_null()",
    ),
    "source as a value": (
        "clicks['price'] + clicks",
        "TypeMismatch",
        "source 'clicks' stands where a column is expected: take one with clicks['column']",
    ),
    "feature without a type": (
        "group(nothing=hr.literal(None), views=clicks.count().over('1h'))",
        "TypeMismatch",
        "feature 'nothing' of group 'activity' is null in every row: say of which type with .cast('float64')",
    ),
    "is_in of a text": (
        "clicks['item'].is_in('shoes')",
        "TypeMismatch",
        "is_in takes a list of values, found the text 'shoes': use .contains() for a part of a text",
    ),
    # --- truth ---
    "and": (
        "clicks['sale'] and clicks['price'] > 3",
        "AmbiguousTruth",
        ("an expression has no truth: it stands for a column; write & | ~ for and, or, not, .is_in([…]) for in, "
        "hr.when(…).then(…).otherwise(…) for if"),
    ),
    "chained comparison": (
        "1 < clicks['price'] < 3",
        "AmbiguousTruth",
        ("an expression has no truth: it stands for a column; write & | ~ for and, or, not, .is_in([…]) for in, "
        "hr.when(…).then(…).otherwise(…) for if"),
    ),
    # --- keys ---
    "key of a float": (
        "hr.Key('price', account, 'float64')",
        "TypeMismatch",
        "a Key cannot be float64: 'price'; a Key is one of int8, int16, int32, int64, string, binary, bool, date",
    ),
    "key missing": (
        "group(key=seller, views=clicks.count().over('1h'))",
        "KeyMissing",
        ("group 'activity': source 'clicks' has no column for Key 'seller_id': name it with keys={'column': seller_id}; "
        "it has: event_id, buyer_id, item, price, count, sale, user, tags, ts, refunded"),
    ),
    "key of another type": (
        "group(key=hr.Key('item', account, 'int64'), views=clicks.count().over('1h'))",
        "TypeMismatch",
        "group 'activity': column 'item' of source 'clicks' is string, and Key 'item' is int64: make the two the same",
    ),
    "key in two columns": (
        ("s = hr.Source('s', schema={'a': 'int64', 'b': 'int64', 'ts': 'timestamp'}, time='ts', keys={'a': buyer, 'b': buyer})\n"
        "group(views=s.count().over('1h'))"),
        "KeyMissing",
        "group 'activity': source 's' has Key 'buyer_id' in several columns: a, b; give each a Key of its own, of one Dimension",
    ),
    # --- names ---
    "feature twice": (
        "group(views=clicks.count().over(['1h', '7d']), views_1h=clicks.count().over('1h'))",
        "DuplicateName",
        "group 'activity' has two features named 'views_1h'",
    ),
    "feature twice in a service": (
        "hr.FeatureService('fraud', [group(views=clicks.count().over('1h')), group('other', views=clicks.count().over('7d'))])",
        "DuplicateName",
        ("feature 'views' comes twice in service 'fraud': from group 'activity' and from group 'other'; "
        'rename one: other["views"].prefix("other_")'),
    ),
    "feature named as its key": (
        "group(buyer_id=clicks['buyer_id'])",
        "InvalidName",
        "feature 'buyer_id' of group 'activity' has the name of its Key, which every row has: give it another",
    ),
    "unknown feature": (
        "group(views=clicks.count().over(['1h', '7d']))['view']",
        "UnknownName",
        "unknown feature 'view' in group 'activity' (did you mean 'views'?); it has: views_1h, views_7d, views",
    ),
    "two sources of one name": (
        ("other = hr.Source('clicks', schema={'buyer_id': 'int64', 'ts': 'timestamp'}, time='ts')\n"
        "group(a=clicks.count().over('1h'), b=other.count().over('1h'))"),
        "DuplicateName",
        "group 'activity': two different sources are named 'clicks': define it once and import it",
    ),
    "group twice in a plan": (
        "g = group(views=clicks.count().over('1h'))\nhr.plan.build([g, g])",
        "DuplicateName",
        "group 'activity' is given twice",
    ),
    # --- windows ---
    "window of nothing": (
        "clicks.count().over('0s')",
        "InvalidWindow",
        "a window of '0s' holds nothing: its size must be above zero",
    ),
    "window below zero": (
        "clicks.count().over('-5m')",
        "InvalidWindow",
        "a window of '-5m' holds nothing: its size must be above zero",
    ),
    "window of no rows": (
        "clicks.count().over(rows=0)",
        "InvalidWindow",
        "rows=0 holds nothing: rows is a whole number above zero",
    ),
    "window not understood": (
        "clicks.count().over('1 month')",
        "InvalidValue",
        "the size of a window is not understood: '1 month'; write '90s', '5m', '1h30m', '7d', '2w', ISO 8601 such as 'P7D', or a timedelta",
    ),
    "future frame": (
        "clicks.count().over('7d', delay='-1h')",
        "FutureFrame",
        "a delay of -1h ends the window after the current row: features see the past only; delay is at least 0",
    ),
    "closed without time": (
        "clicks.count().over(rows=10, closed='left')",
        "InvalidWindow",
        ("closed='left' needs a window by time, and this one is bounded by rows only: use exclude='row' or exclude='instant' to leave out "
        "the newest"),
    ),
    "unknown closed": (
        "clicks.count().over('7d', closed='inside')",
        "InvalidWindow",
        "closed='inside' is not one of 'right', 'left', 'both', 'none'",
    ),
    "aggregate without window": (
        "group(views=clicks.count())",
        "OpenAggregate",
        "feature 'views' of group 'activity': count() has no window; close it with .over('7d'), or .over('ever') for all there ever were",
    ),
    "nested windows": (
        "clicks.count().over('1h').over('7d')",
        "NestedAggregate",
        "window('7d') stands around an aggregate that has its window already: windows do not nest",
    ),
    "nested aggregates": (
        "clicks['price'].sum().over('1h').mean()",
        "NestedAggregate",
        "mean has an aggregate (sum) inside: an aggregate reads events, and other aggregates are not in them",
    ),
    "aggregate in a filter": (
        "clicks.filter(clicks['price'] > clicks['price'].mean().over('7d'))",
        "NestedAggregate",
        "a filter of source 'clicks' holds an aggregate: it is computed from one event alone",
    ),
    "window over a column": (
        "clicks['price'].over('7d')",
        "InvalidWindow",
        "window('7d') has no aggregate to close: call one first, such as .sum().over(…)",
    ),
    "window around a decayed sum": (
        "clicks['price'].decayed_sum(half_life='1d').over('7d')",
        "InvalidWindow",
        "a decayed aggregate fades by its half-life and takes no window: leave .over(window('7d')) out",
    ),
    "templates of different windows": (
        "clicks.count().over(['1h', '7d']) / clicks.count().over(['1h', '1d'])",
        "TypeMismatch",
        "templates of different windows meet: 1h, 7d and 1h, 1d; close them together with one .over([…])",
    ),
    # --- labels ---
    "label that leaks": (
        "group(refund_rate=clicks['refunded'].mean().over(['1d', '30d']))",
        "LabelLeak",
        ("feature 'refund_rate_1d' of group 'activity' reads label 'refunded' of source 'clicks', known 7d after its event, "
        "in mean(\"refunded\") over [1d], which ends 0s before the current row; delay='7d' would do"),
    ),
    "label in a filter": (
        "group(refunds=clicks.filter(clicks['refunded']).count().over('30d', delay='1d'))",
        "LabelLeak",
        ("feature 'refunds' of group 'activity' reads label 'refunded' of source 'clicks', known 7d after its event, "
        "in count() where \"refunded\" over [30d, delay 1d], which ends 1d before the current row; delay='7d' would do"),
    ),
    "label outside an aggregate": (
        "group(refunded=clicks['refunded'])",
        "LabelLeak",
        ("feature 'refunded' of group 'activity' reads label 'refunded' of source 'clicks', known 7d after its event, "
        "outside an aggregate, where it is the event's own; take it in an aggregate with delay='7d'"),
    ),
    "label that decays": (
        "group(refunds=clicks['refunded'].decayed_sum(half_life='1d'))",
        "LabelLeak",
        ("feature 'refunds' of group 'activity' reads label 'refunded' of source 'clicks', known 7d after its event, "
        "in decay_sum, which takes no window; use .sum() or .count() with delay='7d' in .over(…)"),
    ),
    # --- sources ---
    "aggregate over two sources": (
        "(clicks['price'] * views['seconds']).sum()",
        "MixedSources",
        "the aggregate sum reads several sources (clicks, views): an aggregate is over the events of one source",
    ),
    "filter on another source": (
        "clicks.count(where=views['seconds'] > 3)",
        "MixedSources",
        "the aggregate count of source 'clicks' has a filter on source 'views'",
    ),
    "aggregate of a request": (
        "(clicks['price'] - request['amount']).mean()",
        "MixedSources",
        "mean reads the request column 'amount', which events do not have: use it outside the aggregate",
    ),
    "group without a source": (
        "group(charged=request['amount'])",
        "MixedSources",
        "group 'activity' reads no source: one of its features has to take a column or a count of one",
    ),
    # --- parameters ---
    "half-life of nothing": (
        "clicks.decayed_count(half_life='0s')",
        "InvalidValue",
        "half_life='0s' must be above zero",
    ),
    "last of none": (
        "clicks['item'].last_n(0)",
        "InvalidValue",
        "last_n takes a whole number above zero, found 0",
    ),
}
