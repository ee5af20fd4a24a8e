"""A group as `CREATE VIEW`.

Each source that is read stands in FROM. An aggregate by rows that has a filter reads a view of its source, because SQL filters after it has
counted the rows. Windows that are used twice get a name. It promises nothing about text that the group did not hold: names of windows and
of views of sources are ours.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from sqlglot import exp

from headrace.durations import format_duration
from headrace.forms import form
from headrace.tree import Aggregate

from .expressions import expression
from .names import duration, identifier, in_a_list, string
from .windows import call, frame, is_plain_ever

if TYPE_CHECKING:
    from headrace.groups import FeatureGroup
    from headrace.tree import Frame


class ViewNames:
    """How one group's columns, sources and windows are called in its view."""

    def __init__(self, group: FeatureGroup) -> None:
        self._nodes = [each.node for each in group.features.values()]
        taken = {source.name for source in group.sources}
        self._views: dict[str, tuple[str, str, exp.Expression]] = {}
        read: dict[str, None] = {}
        for node in self._nodes:
            for each in node.find_all(Aggregate, exp.Column, bfs=False):
                if isinstance(each, Aggregate) and _needs_view(each):
                    self._view(each, taken)
                elif isinstance(each, Aggregate):
                    read[each.args["source"]] = None
                elif each.find_ancestor(Aggregate) is None:
                    read[each.text("table")] = None
        self.sources = [source.name for source in group.sources if source.name in read]
        self.windows = self._named_windows(taken)
        self._inside: str | None = None

    def relations(self) -> list[str]:
        """What stands in FROM, in order."""
        found = [identifier(name) for name in self.sources]
        for name, source, where in self._views.values():
            self._inside = ""
            query = f"SELECT * FROM {identifier(source)} WHERE {expression(where, self)}"  # noqa: S608   # read by parse, by no database
            found.append(f"({query}) AS {identifier(name)}")
        self._inside = None
        return found

    def column(self, source: str, name: str, *, nested: bool) -> str:
        """See `Naming`."""
        relation = source if self._inside is None else self._inside
        if relation and (nested or not self._alone):
            return f"{identifier(relation)}.{identifier(name)}"
        return f"{identifier(source)}.{identifier(name)}" if nested and relation == "" else identifier(name)

    def aggregate(self, node: Aggregate) -> str:
        """See `Naming`."""
        written = self._call(node, None)
        return written if node.args["kind"] in {"decay_sum", "decay_count"} else f"{written} OVER {self._over(node.args['frame'])}"

    def time_since_last(self, node: Aggregate) -> str:
        """See `Naming`."""
        written = self._call(node, "TIME_SINCE_LAST")
        over = node.args.get("frame")
        return written if over is None or is_plain_ever(over) else f"{written} OVER {self._over(over)}"

    @property
    def _alone(self) -> bool:
        return len(self.sources) + len(self._views) == 1

    def _call(self, node: Aggregate, word: str | None) -> str:
        relation, where = node.args["source"], node.args.get("where")
        if _needs_view(node):
            relation, where = self._views[_mark(node)][0], None
        outer, self._inside = self._inside, relation
        try:
            value = None if node.this is None else expression(node.this, self)
            rows_of = "*" if self._alone else f"{identifier(relation)}.*"
            written = call(node, value, rows_of) if word is None else f"{word}({rows_of.removesuffix('*').removesuffix('.')})"
            if where is None:
                return written
            called, ignoring, _ = written.partition(" IGNORE NULLS") if written.endswith(" IGNORE NULLS") else (written, "", "")
            return f"{called} FILTER (WHERE {expression(where, self)}){ignoring}"
        finally:
            self._inside = outer

    def _over(self, node: Frame) -> str:
        written = frame(node)
        return identifier(self.windows[written]) if written in self.windows else f"({written})"

    def _view(self, node: Aggregate, taken: set[str]) -> None:
        mark = _mark(node)
        if mark not in self._views:
            source = node.args["source"]
            self._views[mark] = (_free(f"{source}_{len(self._views) + 1}", taken), source, node.args["where"])

    def _named_windows(self, taken: set[str]) -> dict[str, str]:
        frames = [each.args["frame"] for node in self._nodes for each in node.find_all(Aggregate, bfs=False) if each.args.get("frame")]
        counted = Counter(frame(each) for each in frames)
        found: dict[str, str] = {}
        used = set(taken)
        for each in frames:
            written = frame(each)
            if counted[written] > 1 and written not in found and written != "EVER":
                size_us, rows = each.args.get("size_us"), each.args.get("rows")
                label = format_duration(size_us) if size_us is not None else f"{rows}rows" if rows is not None else "ever"
                found[written] = _free(f"w{label}", used)
        return found


def create_view(group: FeatureGroup) -> str:
    """The statement."""
    names = ViewNames(group)
    keys = [in_a_list(key.name, f"the key of group '{group.name}'") for key in group.keys]
    options = [f"key = {string(', '.join(keys))}"]
    options += [] if group.refresh_us == 60_000_000 else [f"refresh = {string(duration(group.refresh_us))}"]
    told = (("domain", group.domain), ("description", group.description))
    options += [f"{name} = {string(value)}" for name, value in told if value is not None]
    features = [_feature(name, each.node, names) for name, each in group.features.items()]
    lines = [f"CREATE VIEW {identifier(group.name)} WITH ({', '.join(options)}) AS", "SELECT"]
    lines += [f"    {feature}{',' if at < len(features) - 1 else ''}" for at, feature in enumerate(features)]
    lines += ["FROM " + ",\n     ".join(names.relations())]
    if names.windows:
        lines += ["WINDOW " + ",\n       ".join(f"{identifier(name)} AS ({written})" for written, name in names.windows.items())]
    return "\n".join(lines) + ";\n"


def _feature(name: str, node: exp.Expression, names: ViewNames) -> str:
    written = expression(node, names)
    return written if isinstance(node, exp.Column) and node.name == name else f"{written} AS {identifier(name)}"


def _needs_view(node: Aggregate) -> bool:
    over = node.args.get("frame")
    return node.args.get("where") is not None and over is not None and over.args.get("rows") is not None


def _mark(node: Aggregate) -> str:
    return f"{node.args['source']} {form(node.args['where'])}"


def _free(name: str, taken: set[str]) -> str:
    found, number = name, 1
    while found in taken:
        number += 1
        found = f"{name}_{number}"
    taken.add(found)
    return found
