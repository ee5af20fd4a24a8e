"""Tables as people hold them, as Arrow: for a spine, and wherever no source's schema says the types."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pyarrow as pa

from headrace.errors import DataError


def any_table(data: Any, what: str = "the spine") -> pa.Table:
    """`data` as a pyarrow Table: an Arrow table, batch or reader, a pandas or polars frame, a list of dicts, or the path of a Parquet, CSV
    or JSON lines file.

    Raises `DataError` for anything else, or a file that cannot be read; `what` names it in the text.

    >>> any_table([{"buyer_id": 7}, {"buyer_id": 8}]).num_rows
    2
    """
    if isinstance(data, pa.Table):
        return data
    if isinstance(data, pa.RecordBatch):
        return pa.table(data)
    if isinstance(data, str | os.PathLike):
        return _file(os.fspath(data), what)
    if isinstance(data, list | tuple):
        return pa.Table.from_pylist(list(data))
    if type(data).__module__.split(".")[0] == "pandas":
        return pa.Table.from_pandas(data, preserve_index=False)
    if hasattr(data, "collect") and type(data).__name__ == "LazyFrame":
        data = data.collect()
    if hasattr(data, "__arrow_c_stream__"):
        return pa.table(data)
    text = (
        f"{what} is {type(data).__name__}; give a pyarrow Table, a pandas or polars frame, a list of dicts, "
        "or the path of a Parquet, CSV or JSON lines file"
    )
    raise DataError(text)


def _file(path: str, what: str) -> pa.Table:
    import pyarrow.csv
    import pyarrow.json
    import pyarrow.parquet

    suffix = Path(path).suffix.lower()
    try:
        if suffix in (".parquet", ".pq"):
            return pyarrow.parquet.read_table(path)
        if suffix in (".csv", ".tsv"):
            options = pyarrow.csv.ParseOptions(delimiter="\t" if suffix == ".tsv" else ",")
            return pyarrow.csv.read_csv(path, parse_options=options)
        if suffix in (".json", ".jsonl", ".ndjson"):
            return pyarrow.json.read_json(path)
    except FileNotFoundError as error:
        raise DataError(f"{what}: there is no file {path}", path=path) from error
    except (OSError, pa.ArrowInvalid) as error:
        raise DataError(f"{what}: cannot read {path}: {error}", path=path) from error
    raise DataError(f"{what}: {path} is no file that is known: .parquet, .csv, .tsv, .json, .jsonl", path=path)
