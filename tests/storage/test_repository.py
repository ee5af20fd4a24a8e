"""A folder of definitions, loaded under a name of ours."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from headrace.errors import ConfigError, HeadraceError, RepositoryError, UnknownColumn, UnknownName
from headrace.repository import Repository

KEYS = 'import headrace as hr\nuser = hr.Key("uid", hr.Dimension("user"), "int64")\n'
SOURCES = """
import headrace as hr
{imports}
clicks = hr.Source("clicks", schema={{"uid": "int64", "price": "float64", "ts": "timestamp"}}, time="ts", keys={{"uid": user}})
paid = clicks.filter(clicks["price"] > 0)
"""
FEATURES = """
import headrace as hr
{imports}
groups = [hr.FeatureGroup(name, key=user, features={{"spend": paid["price"].sum().over("7d")}}) for name in ("a_group", "b_group")]
service = hr.FeatureService("scoring", [groups[0]["spend"]])
"""


def folder(tmp_path: Path, **files: str) -> Path:
    for name, text in files.items():
        path = tmp_path / name.replace("__", "/").replace("_py", ".py").replace("_sql", ".sql").replace("_toml", ".toml")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path


@pytest.mark.parametrize(
    "imports",
    [
        ("from .keys import user", "from .keys import user\nfrom .sources import paid"),
        ("from keys import user", "import keys\nfrom sources import paid\nuser = keys.user"),
        ("from . import keys\nuser = keys.user", "import sources as s\npaid = s.paid\nuser = s.user"),
    ],
    ids=["relative", "plain", "modules"],
)
def test_files_import_one_another(tmp_path: Path, imports: tuple[str, str]) -> None:
    before, path = set(sys.modules), list(sys.path)
    found = Repository(
        folder(tmp_path, keys_py=KEYS, sources_py=SOURCES.format(imports=imports[0]), a_features_py=FEATURES.format(imports=imports[1]))
    )
    assert [source.name for source in found.sources] == ["clicks"]
    assert found.groups.names == ["a_group", "b_group"]
    assert found.services["scoring"].groups == (found.groups["a_group"],)
    assert (found.sources.file_of("clicks"), found.groups.file_of("a_group")) == ("sources.py", "a_features.py")
    assert "clicks" in found.sources
    assert len(found.groups) == 2
    assert sys.path == path
    ours = {"sources", "keys", "a_features"}
    assert not (set(sys.modules) - before) & ours


def test_subfolders_are_for_those_who_import_them(tmp_path: Path) -> None:
    files = {
        "shared__keys_py": KEYS,
        "shared__deep__more_py": KEYS.replace("user", "seller").replace("uid", "sid"),
        "other_py": "raise_if_run = 1\n",
        "notes__broken_py": "this is no Python",
        "main_py": SOURCES.format(imports="from shared.keys import user\nimport shared.deep.more\nseller = shared.deep.more.seller"),
    }
    found = Repository(folder(tmp_path, **files))
    assert found.sources.names == ["clicks"]


def test_our_own_names_may_be_theirs(tmp_path: Path) -> None:
    """`replay.py` and `json.py` of the folder are found by the folder's files, by nobody else."""
    files = {
        "replay_py": KEYS,
        "json_py": "answer = 42\n",
        "features_py": SOURCES.format(imports="from replay import user\nimport json\nassert json.answer == 42"),
        "data__json": "",
    }
    Repository(folder(tmp_path, **files))
    import json

    import replay

    assert json.loads("1") == 1
    assert not str(replay.__file__).startswith(str(tmp_path))


def test_what_is_not_loaded(tmp_path: Path) -> None:
    for name in ("test_features.py", "features_test.py", "conftest.py", ".hidden.py", "not-a-name.py"):
        (tmp_path / name).write_text("raise RuntimeError\n")
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "more.py").write_text("raise RuntimeError\n")
    assert len(Repository(tmp_path).sources) == 0


def test_a_script_is_not_run(tmp_path: Path) -> None:
    Repository(folder(tmp_path, train_py='import sys\nif __name__ == "__main__":\n    sys.exit(3)\n'))


def test_the_same_folder_again_is_read_again(tmp_path: Path) -> None:
    folder(tmp_path, keys_py=KEYS, sources_py=SOURCES.format(imports="from .keys import user"))
    assert Repository(tmp_path).sources["clicks"].columns == ["uid", "price", "ts"]
    text = SOURCES.format(imports="from .keys import user").replace('"price": "float64"', '"price": "float64", "extra": "string"')
    folder(tmp_path, sources_py=text)
    assert Repository(tmp_path).sources["clicks"].columns == ["uid", "price", "extra", "ts"]


def test_two_folders_stay_apart(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    for place, name in ((one, "x"), (two, "y")):
        place.mkdir()
        folder(place, keys_py=KEYS, sources_py=SOURCES.format(imports="from keys import user").replace('"clicks"', f'"{name}"'))
    assert [Repository(place).sources.names for place in (one, two, one)] == [["x"], ["y"], ["x"]]


def test_sql_files_use_one_another_and_python(tmp_path: Path) -> None:
    files = {
        "keys_py": KEYS,
        "a_view_sql": "CREATE VIEW views WITH (key = 'uid') AS SELECT COUNT(*) OVER (LAST '1 hour') AS n FROM pages;",
        "b_tables_sql": "CREATE TABLE pages (uid BIGINT, ts TIMESTAMP) WITH (time = 'ts');",
    }
    found = Repository(folder(tmp_path, **files))
    assert list(found.groups["views"].features) == ["n"]
    assert found.groups.file_of("views") == "a_view.sql"
    assert found.sources.file_of("pages") in {"a_view.sql", "b_tables.sql"}


def test_resolve(tmp_path: Path) -> None:
    found = Repository(folder(tmp_path, keys_py=KEYS, f_py=SOURCES.format(imports="from keys import user") + FEATURES.format(imports="")))
    assert found.resolve("scoring") == [found.services["scoring"]]
    assert found.resolve(["b_group", "scoring"]) == [found.groups["b_group"], found.services["scoring"]]
    place = f"the repository {tmp_path.name}"
    with pytest.raises(UnknownName) as caught:
        found.resolve("scorin")
    assert str(caught.value) == f"unknown group or service 'scorin' in {place} (did you mean 'scoring'?); it has: a_group, b_group, scoring"
    with pytest.raises(UnknownName, match=r"^unknown source 'click' in .* \(did you mean 'clicks'\?\); it has: clicks$"):
        found.sources["click"]


ONE = KEYS + 'clicks = hr.Source("clicks", schema={"uid": "int64", "ts": "timestamp"}, time="ts")\n'
GROUP = ONE + 'group = hr.FeatureGroup("g", key=user, features={"n": clicks.count().over("1h")})\n'


@pytest.mark.parametrize(
    "files, kind, text",
    [
        ({"a_py": ONE, "b_py": ONE.replace('"ts"}', "").replace('"ts": "timestamp"}', '"ts": "timestamp", "x": "int64"}')}, RepositoryError, "source 'clicks' is defined in a.py and in b.py; rename one of them"),
        ({"a_py": GROUP, "b_py": GROUP}, RepositoryError, "group 'g' is defined in a.py and in b.py; rename one of them"),
        ({"a_py": GROUP + GROUP.replace("group =", "other =")}, RepositoryError, "group 'g' is defined twice in a.py; rename one of them"),
        ({"a_py": KEYS, "b_py": KEYS.replace("int64", "string")}, RepositoryError, "Key 'uid' is defined in a.py and in b.py; rename one of them"),
        ({"a_py": GROUP + 's = hr.FeatureService("g", [group])\n'}, RepositoryError, "'g' is a group in a.py and a service in a.py; rename one of them"),
        ({"a_py": "\n\nx = unknown\n"}, RepositoryError, "a.py, line 3: NameError: name 'unknown' is not defined"),
        ({"a_py": "import b\n", "b_py": "def f():\n    return 1 / 0\nf()\n"}, RepositoryError, "b.py, line 2: ZeroDivisionError: division by zero"),
        ({"a_py": "import nothing_of_this_name\n"}, RepositoryError, "a.py, line 1: ModuleNotFoundError: No module named 'nothing_of_this_name'"),
        ({"a_py": "from .keyz import user\n"}, RepositoryError, "a.py, line 1: ModuleNotFoundError: No module named 'keyz'"),
        ({"a_py": "import b\n", "b_py": "x = (1\n"}, RepositoryError, "b.py, line 1: '(' was never closed: x = (1"),
        ({"a_py": "import sys\nsys.exit(0)\n"}, RepositoryError, "a.py, line 2: it ends the program"),
        ({"a_py": ONE + "clicks['prce']\n"}, UnknownColumn, "a.py, line 4: unknown column 'prce' in source 'clicks'; it has: uid, ts"),
        ({"headrace_toml": "[kafak]\n"}, ConfigError, "FOLDER/headrace.toml: unknown key 'kafak' (did you mean 'kafka'?); there are: project, kafka, archive, state, online, steps, stores, env"),
    ],
)  # fmt: skip
def test_repositories_that_cannot_be(tmp_path: Path, files: dict[str, str], kind: type[HeadraceError], text: str) -> None:
    folder(tmp_path, **files)
    with pytest.raises(kind) as caught:
        Repository(tmp_path)
    assert str(caught.value) == text.replace("FOLDER", str(tmp_path))


def test_an_error_in_sql_says_the_file(tmp_path: Path) -> None:
    folder(tmp_path, bad_sql="CREATE VIEW v WITH (key = 'uid') AS SELECT COUNT(*) OVER (LAST '1 hour') AS n FROM nothing;")
    with pytest.raises(UnknownName) as caught:
        Repository(tmp_path)
    assert caught.value.file == "bad.sql"


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(RepositoryError, match=r"^there is no folder .*/none; headrace init .*/none makes a feature repository$"):
        Repository(tmp_path / "none")


def test_functions_of_the_folder_go_to_other_processes(tmp_path: Path) -> None:
    """What a file defines pickles by its module's name, and another process that loaded the folder takes it."""
    folder(tmp_path, work_py="def double(x):\n    return 2 * x\n")
    code = (
        "import pickle, sys\nfrom headrace.repository import Repository\n"
        f"Repository({str(tmp_path)!r})\n"
        "module = next(m for name, m in sys.modules.items() if name.endswith('.work'))\n"
    )
    root = Path(__file__).parents[2]
    first = subprocess.run(
        [sys.executable, "-c", code + "print(pickle.dumps(module.double).hex())"], capture_output=True, text=True, check=True, cwd=root
    )
    second = subprocess.run(
        [sys.executable, "-c", code + f"print(pickle.loads(bytes.fromhex('{first.stdout.strip()}'))(21))"],
        capture_output=True, text=True, check=True, cwd=root,
    )  # fmt: skip
    assert second.stdout.strip() == "42"
