"""What the tests of Kafka stand on: a machine that lacks it is told so, jars are brought once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.kafka import jars

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("there, text", [({"java", "mvn"}, None), ({"java"}, "a real Kafka needs mvn"), (set(), "a real Kafka needs java and mvn")])
def test_what_is_missing(there: set[str], text: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda program: program if program in there else None)
    assert jars.missing() == text


def test_jars_that_cannot_be_brought_leave_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pom = tmp_path / "pom.xml"
    pom.write_text("<project/>")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(jars, "POM", pom)
    monkeypatch.setenv("PATH", str(tmp_path))
    (tmp_path / "mvn").write_text("#!/bin/sh\necho no such thing; exit 1\n")
    (tmp_path / "mvn").chmod(0o755)
    with pytest.raises(RuntimeError, match="maven could not bring the jars of Kafka:\nno such thing"):
        jars.jars()
    assert list((tmp_path / "headrace").iterdir()) == []


def test_jars_are_brought_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    (tmp_path / "mvn").write_text('#!/bin/sh\nfor last; do :; done\n/bin/mkdir -p "${last#*=}"; echo jar > "${last#*=}/a.jar"; echo >> "$XDG_CACHE_HOME/calls"\n')
    (tmp_path / "mvn").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert jars.jars() == jars.jars()
    assert [file.name for file in jars.jars().iterdir()] == ["a.jar"]
    assert len((tmp_path / "calls").read_text().splitlines()) == 1
