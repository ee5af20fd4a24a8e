"""An archive on S3 is the archive in a folder."""

from __future__ import annotations

import pickle
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.csv
import pytest

from headrace.archive import FileLog, Folder, load, write
from headrace.errors import StorageError
from headrace.repository import Repository
from headrace.showing import archive_of
from sinks.parquet import ParquetTable
from tests.storage.samples import CLICKS, clicks, rows_of

if TYPE_CHECKING:
    from pathlib import Path


def test_what_is_loaded_is_read(bucket: str, tmp_path: Path) -> None:
    for name, times in (("one", [3, 1, 2]), ("two", [5, 4])):
        pyarrow.csv.write_csv(clicks(times), tmp_path / f"{name}.csv")
    uri = f"{bucket}/archive"
    assert load(CLICKS, [tmp_path / "one.csv"], uri).rows == 3
    assert load(CLICKS, [tmp_path / "two.csv", tmp_path / "one.csv"], uri).ignored[0][1] == "loaded already, as one.csv"
    load(CLICKS, [tmp_path / "one.csv"], tmp_path / "archive")
    load(CLICKS, [tmp_path / "two.csv"], tmp_path / "archive")
    remote, local = FileLog(uri, CLICKS), FileLog(tmp_path / "archive", CLICKS)
    assert remote.row_groups() == local.row_groups()
    assert rows_of(remote) == rows_of(local)
    assert rows_of(pickle.loads(pickle.dumps(remote)), ["uid"]).num_rows == 5
    assert Folder(uri).folders() == ["clicks"]


def test_of_two_writers_one_succeeds(bucket: str) -> None:
    write(bucket, CLICKS, clicks([1]))
    with pytest.raises(StorageError, match=r"exists already: another writer has added to this partition"):
        write(bucket, CLICKS, clicks([2]))
    assert rows_of(FileLog(bucket, CLICKS)).num_rows == 1


def test_a_file_is_loaded_from_there(bucket: str, tmp_path: Path) -> None:
    with ParquetTable(f"{bucket}/in/clicks.parquet", CLICKS.schema) as table:
        table.write(clicks([2, 1]).to_batches()[0])
    done = load(CLICKS, [f"{bucket}/in/clicks.parquet"], tmp_path)
    assert (done.rows, done.dead) == (2, 0)
    assert rows_of(FileLog(tmp_path, CLICKS), ["uid"]).column(0).to_pylist() == [1, 0]


def test_a_bucket_that_is_not_there_is_told(bucket: str) -> None:
    with pytest.raises(StorageError, match=rf"^cannot write {bucket}-gone/clicks/00000-0{{20}}\.parquet: "):
        write(f"{bucket}-gone", CLICKS, clicks([1]))


DEFINITIONS = """
import headrace as hr

buyer = hr.Key("uid", hr.Dimension("account"), "int64")
clicks = hr.Source("clicks", schema={"uid": "int64", "ts": "timestamp"}, time="ts")
activity = hr.FeatureGroup("activity", key=buyer, features={"seen": clicks.count().over("ever")})
"""


def test_a_replay_reads_it_with_the_options_of_the_repository(bucket: str, s3_server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name)
    (tmp_path / "definitions.py").write_text(DEFINITIONS)
    options = f'{{ key = "test", secret = "test", client_kwargs = {{ endpoint_url = "{s3_server}" }} }}'
    (tmp_path / "headrace.toml").write_text(f'[project]\nname = "shop"\n[archive]\nuri = "{bucket}/log"\noptions = {options}\n')
    pyarrow.csv.write_csv(pa.table({"uid": [1, 2, 1], "ts": ["2024-01-01", "2024-01-02", "2024-01-03"]}), tmp_path / "clicks.csv")
    repository = Repository(tmp_path)
    load(repository.sources["clicks"], [tmp_path / "clicks.csv"], archive_of(repository))
    assert repository.replay("activity").column("seen").to_pylist() == [1, 1, 2]
