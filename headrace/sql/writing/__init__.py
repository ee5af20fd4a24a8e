"""`to_sql`: a definition as SQL that is read back as the same definition."""

from __future__ import annotations

from typing import TYPE_CHECKING

from headrace.errors import DuplicateName

from .tables import create_key, create_table
from .view import create_view

if TYPE_CHECKING:
    from headrace.groups import FeatureGroup
    from headrace.keys import Key


def to_sql(group: FeatureGroup) -> str:
    """The group as SQL: `CREATE KEY` and `CREATE TABLE` for what it needs, then `CREATE VIEW`.

    It promises that `parse(to_sql(group))` holds a group with the same digest. User functions are called by their names and have to be
    declared where the text is read.

    Raises:
        DefinitionError: the group holds what SQL cannot say: two different Keys of one name, or the name of a Key or of its column with
            a comma or a colon in it or blanks around it.

    >>> import headrace as hr
    >>> buyer = hr.Key("buyer_id", hr.Dimension("account"), "int64")
    >>> clicks = hr.Source("clicks", schema={"buyer_id": "int64", "price": "float64", "ts": "timestamp"}, time="ts")
    >>> print(hr.to_sql(hr.FeatureGroup("spending", key=buyer, features={"spend": clicks["price"].sum().over("7d")})))
    CREATE KEY buyer_id BIGINT DIMENSION account;
    CREATE TABLE clicks (
        buyer_id BIGINT,
        price DOUBLE,
        ts TIMESTAMP
    ) WITH (time = 'ts');
    CREATE VIEW spending WITH (key = 'buyer_id') AS
    SELECT
        SUM(price) OVER (LAST '7 days') AS spend
    FROM clicks;
    <BLANKLINE>
    """
    keys: dict[str, Key] = {}
    for key in (*group.keys, *(key for source in group.sources for key in source.keys.values())):
        if keys.setdefault(key.name, key) != key:
            text = f"group '{group.name}' and its sources have two different Keys named '{key.name}': SQL tells Keys apart by their name"
            raise DuplicateName(text, group=group.name, key=key.name)
    return "".join([*map(create_key, keys.values()), *(create_table(source.base) for source in group.sources), create_view(group)])
