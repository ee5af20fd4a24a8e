"""How an error shows its place: long lines in part, tabs and wide ends of lines, several lines, the end of the text."""

from __future__ import annotations

import pytest

import headrace as hr
from headrace.errors import DefinitionError, UnknownColumn
from headrace.sql.place import WIDTH

TABLE = "CREATE TABLE t (uid BIGINT, price DOUBLE, ts TIMESTAMP) WITH (time = 'ts');"


def error_of(sql: str) -> DefinitionError:
    with pytest.raises(DefinitionError) as caught:
        hr.parse(sql)
    return caught.value


def underlined(error: DefinitionError) -> str:
    _, shown, carets = str(error).split("\n")
    start = carets.index("^")
    return shown[start : carets.rindex("^") + 1]


def test_line_and_character_are_counted_from_1() -> None:
    error = error_of(f"{TABLE}\nCREATE VIEW v WITH (key = 'uid') AS\nSELECT prce\nFROM t")
    assert isinstance(error, UnknownColumn)
    assert (error.line, error.character, error.file, error.column) == (3, 8, "sql", "prce")
    assert underlined(error) == "prce"


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_tabs_and_ends_of_lines(newline: str) -> None:
    error = error_of(newline.join([TABLE, "CREATE VIEW v WITH (key = 'uid') AS", "\tSELECT\t\tprce,\tprice", "\tFROM t"]))
    assert (error.line, error.character) == (3, 10)
    assert underlined(error) == "prce"
    assert "\t" not in str(error)
    assert "\r" not in str(error)


@pytest.mark.parametrize("before", [0, 10, 50, 100, 500])
def test_a_long_line_is_shown_around_the_place(before: int) -> None:
    many = "".join(f"price + {number} AS x{number}, " for number in range(before))
    error = error_of(f"{TABLE}\nCREATE VIEW v WITH (key = 'uid') AS SELECT {many} LOWER(price) AS x{', price AS y' * 50} FROM t")
    assert underlined(error) == "LOWER(price)"
    assert max(len(line) for line in str(error).split("\n")[1:]) <= WIDTH + 12


def test_a_place_of_several_lines_is_underlined_in_the_first() -> None:
    error = error_of(f"{TABLE}\nCREATE VIEW v WITH (key = 'uid') AS SELECT LOWER(\n price\n) AS x FROM t")
    assert underlined(error) == "LOWER("


def test_the_end_of_the_text() -> None:
    error = error_of(f"{TABLE}\nCREATE VIEW v WITH (key = 'uid') AS\n\n")
    assert (error.line, underlined(error)) == (2, "AS")


def test_two_files_of_one_name_tell_theirs_apart() -> None:
    with pytest.raises(DefinitionError, match=r"^shop/buyers\.sql:1:8: "):
        hr.parse("CREATE INDEX i ON t (uid)", file="shop/buyers.sql")
