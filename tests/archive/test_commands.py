"""The commands `archive` and `dead-letters`, without a broker."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from headrace.archive.letters import Letter, LetterBox
from headrace.archiving import Archived
from headrace.errors import UserError
from headrace.lettering import find_letter, retry
from headrace.repository import Repository
from tests.archive.topic import START_US, folder_of
from tests.cli.conftest import headrace

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.cli.conftest import Ran

__all__ = ["headrace"]


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository whose only loaded row was dead."""
    define(tmp_path, "int64")
    (tmp_path / "clicks.jsonl").write_text('{"uid": "seven", "ts": "2026-03-01T10:01:00Z"}\n')
    monkeypatch.chdir(tmp_path)
    return tmp_path


def define(folder: Path, uid: str) -> None:
    (folder / "clicks.py").write_text(
        f'import headrace as hr\nclicks = hr.Source("clicks", schema={{"uid": "{uid}", "ts": "timestamp"}}, time="ts")\n'
    )


def test_letters_are_listed_and_shown(headrace: Callable[..., Ran], shop: Path) -> None:
    assert headrace("load", "clicks", "clicks.jsonl").code == 1
    box = LetterBox(folder_of(shop / "archive"))
    box.add([Letter("t", 0, at, "too late", None, b"k", b"\xff", START_US + at) for at in (5, 7)])
    box.flush()
    assert headrace("dead-letters", "list", "clicks", "-n", 2) == headrace_ran("""\
place  arrived                      reason    value
0/5    2024-03-02T00:00:00.000005Z  too late  \\xff
0/7    2024-03-02T00:00:00.000007Z  too late  \\xff
""", "headrace: 1 more dead letter; -n says how many are shown\n")
    found = json.loads(headrace("dead-letters", "list", "clicks", "--reason", "no int64", "--json").out)
    assert [each["place"] for each in found] == ["clicks.jsonl/0"]
    assert headrace("dead-letters", "show", "clicks", "0/7").out.splitlines()[1:5] == ["topic: t", "partition: 0", "offset: 7",
        "arrival: 2024-03-02T00:00:00.000007Z"]  # fmt: skip
    wrong = headrace("dead-letters", "show", "clicks", "3/1")
    told = "headrace: no dead letter of 'clicks' at 3/1: there are 3; headrace dead-letters list clicks names them\n"
    assert (wrong.code, wrong.err) == (2, told)
    assert headrace("dead-letters", "list", "clicks", "--reason", "x").err == (
        "headrace: there are no dead letters of 'clicks' with 'x' in their reason\n"
    )


def headrace_ran(out: str, err: str) -> Ran:
    from tests.cli.conftest import Ran

    return Ran(0, out, err)


def test_rows_of_files_are_loaded_again(headrace: Callable[..., Ran], shop: Path) -> None:
    headrace("load", "clicks", "clicks.jsonl")
    assert headrace("dead-letters", "retry", "clicks").out == "0 rows of files loaded, 1 row dead as before\n"
    define(shop, "string")
    assert headrace("dead-letters", "list", "clicks").out.splitlines()[1].startswith("clicks.jsonl/0 ")
    assert headrace("dead-letters", "retry", "clicks", "--json").out == (
        '{\n  "produced": 0,\n  "rows": 1,\n  "dead": 0,\n  "left": 0\n}\n'
    )
    assert '"seven"' in headrace("show", "clicks", "--json").out
    # the same record, dead in another file
    (shop / "more.jsonl").write_text((shop / "clicks.jsonl").read_text().replace("10:01:00Z", "10:61:00Z"))
    headrace("load", "clicks", "more.jsonl")
    (letter,) = LetterBox(folder_of(shop / "archive")).letters()
    assert letter.place == "more.jsonl/0"
    assert headrace("dead-letters", "retry", "clicks").out == "0 rows of files loaded, 1 row dead as before\n"


def test_a_retry_that_died_before_its_mark_loads_once(headrace: Callable[..., Ran], shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    headrace("load", "clicks", "clicks.jsonl")
    define(shop, "string")

    def dies(self: LetterBox, letters: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(LetterBox, "mark", dies)
        assert headrace("dead-letters", "retry", "clicks").code == 130
    headrace("dead-letters", "retry", "clicks")
    assert len(json.loads(headrace("show", "clicks", "--json").out)) == 1
    assert headrace("dead-letters", "retry", "clicks").err == "headrace: there are no dead letters of 'clicks' to try again\n"


def test_letters_whose_messages_are_in_the_log_are_left(headrace: Callable[..., Ran], shop: Path) -> None:
    box = LetterBox(folder_of(shop / "archive"))
    box.add([Letter("t", 0, 5, "too late", None, None, b"{}", START_US)])
    box.flush()
    text = "1 letter left: their messages are in the log; --reason tries them again all the same\n"
    assert headrace("dead-letters", "retry", "clicks").out == text
    assert retry(Repository(shop), "clicks").left == 1
    with pytest.raises(UserError, match="there is no Kafka: write"):
        retry(Repository(shop), "clicks", "too late")
    assert find_letter(Repository(shop), "clicks", "0/5").value == b"{}"


@pytest.mark.parametrize(
    "arguments, told",
    [
        (["--retain", "-3d"], "--retain -3d keeps nothing: give how long rows are kept, such as 90d"),
        (["--compression", "gzip"], "--compression gzip is none of zstd, lz4, snappy, none"),
        ([], 'there is no Kafka: write [kafka] brokers = "host:9092" into headrace.toml, or set HEADRACE_KAFKA__BROKERS'),
    ],
)
def test_mistakes_are_told(headrace: Callable[..., Ran], shop: Path, arguments: list[str], told: str) -> None:
    done = headrace("archive", "clicks", *arguments, "-C", shop)
    assert (done.code, done.err) == (2, f"headrace: {told}\n")


def test_without_a_broker_it_fails(headrace: Callable[..., Ran], shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sources.topics.watermarks.__defaults__", (0.5,))
    (shop / "headrace.toml").write_text('[kafka]\nbrokers = "127.0.0.1:9"\n')
    done = headrace("archive", "clicks")
    assert done.code == 1
    assert done.err.startswith("headrace: no Kafka answers at 127.0.0.1:9: ")


@pytest.mark.parametrize("settings, arguments, codec", [("", [], "zstd"), ("lz4", [], "lz4"), ("lz4", ["--compression", "snappy"], "snappy")])
def test_the_codec_of_new_files(
    headrace: Callable[..., Ran], shop: Path, monkeypatch: pytest.MonkeyPatch, settings: str, arguments: list[str], codec: str
) -> None:
    given = []

    def archived(*_: object, compression: str, **__: object) -> Archived:
        given.append(compression)
        return Archived("clicks", "clicks", 0, 0, 0, 0, 0, 0, 0, 0.0, True)

    monkeypatch.setattr("headrace.archiving.archive", archived)
    if settings:
        (shop / "headrace.toml").write_text(f'[archive]\ncompression = "{settings}"\n')
    assert headrace("archive", "clicks", *arguments).code == 0
    assert given == [codec]
