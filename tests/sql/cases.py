"""The fixture files: statements, and behind each, after `-->`, what it is or how it is refused.

A file is a comment line, then cases divided by blank lines. `FORMS` says what a case of each file stands for: an expression, a window, or
whole statements. `python -m tests.sql.cases` writes what is, after a text was changed on purpose; read the difference before you commit it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import headrace as hr
from headrace.describe import text as describe
from headrace.errors import HeadraceError

if TYPE_CHECKING:
    from headrace.sql import Definitions

FOLDER = Path(__file__).parent / "fixtures"
SCHEMA = (FOLDER / "schema.sql").read_text()
VIEW = "CREATE VIEW checked WITH (key = 'buyer_id') AS\nSELECT\n{}\nFROM clicks\nWINDOW named AS (LAST '7 days')"
FORMS = {
    "expressions": VIEW.format("{} AS x"),
    "aggregates": VIEW.format("{} AS x"),
    "windows": VIEW.format("SUM(price) OVER (\n{}\n) AS x"),
    "views": "{}",
    "tables": "{}",
}


@dataclass(frozen=True)
class Case:
    """One case: its place, its SQL, what is expected."""

    file: str
    line: int
    sql: str
    expected: str

    @property
    def statements(self) -> str:
        """The whole text that is parsed."""
        return FORMS[self.file.removesuffix("_invalid")].replace("{}", self.sql)


def cases(*, invalid: bool) -> list[Case]:
    """Those of all files that are valid, or of all that are not."""
    found: list[Case] = []
    for kind in FORMS:
        name = f"{kind}_invalid" if invalid else kind
        found += read(name)
    return found


def read(name: str) -> list[Case]:
    """The cases of one file."""
    found, line = [], 1
    for block in (FOLDER / f"{name}.sql").read_text().split("\n\n"):
        lines = block.strip("\n").split("\n")
        sql = "\n".join(each for each in lines if not each.startswith("-->"))
        expected = "\n".join(each.removeprefix("-->").removeprefix(" ") for each in lines if each.startswith("-->"))
        if line > 1 and sql:
            found.append(Case(name, line, sql, expected))
        line += block.count("\n") + 2
    return found


def outcome(case: Case) -> str:
    """What the case's statements are, or the error."""
    known = hr.parse(SCHEMA)
    try:
        found = hr.parse(case.statements, known=known)
    except HeadraceError as error:
        return f"{type(error).__name__}: {error}"
    return shown(found)


def shown(found: Definitions) -> str:
    """Definitions as a fixture writes them; of the view around an expression, only that."""
    lines = []
    for each in found:
        if isinstance(each, hr.FeatureGroup):
            if each.name != "checked":
                options = {"refresh_us": each.refresh_us, "domain": each.domain, "description": each.description}
                lines.append(f"{each!r} of {', '.join(source.name for source in each.sources)} {options}")
            for name, feature in each.features.items():
                lines.append(describe(feature.node) if each.name == "checked" else f"{name} = {describe(feature.node)}")
        elif isinstance(each, hr.Source):
            written = "" if each.format == "json" else f" format={each.format}"
            lines.append(f"{each!r} time={each.time} keys={each.keys} unique={each.unique} topic={each.topic}{written} domain={each.domain}")
            lines.append(f"  lateness_us={each.lateness_us} max_ahead_us={each.max_ahead_us} idle_us={each.idle_us} {each.description or ''}".rstrip())
            lines += [f"  {field.name}: {field.type} {field.unit or ''} {field.known_after_us or ''}".rstrip() for field in each.fields]
        else:
            lines.append(repr(each))
    return "\n".join(lines)


def rewrite(name: str) -> None:
    """Put what is in the place of what was expected."""
    path = FOLDER / f"{name}.sql"
    blocks = [path.read_text().split("\n\n")[0].strip("\n")]
    for case in read(name):
        lines = [f"--> {line}".rstrip() for line in outcome(case).split("\n")]
        blocks.append("\n".join([case.sql, *lines]))
    path.write_text("\n\n".join(blocks) + "\n")


if __name__ == "__main__":
    for kind in FORMS:
        rewrite(kind)
        rewrite(f"{kind}_invalid")
