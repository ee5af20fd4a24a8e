"""pyarrow's readers and writers of files, without the type stubs that are narrower than they are."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

pq: Any = pyarrow.parquet
csv: Any = pyarrow.csv
_pa: Any = pa


def decompressed(stream: pa.NativeFile, compression: str) -> pa.NativeFile:
    """What a compressed stream holds; `compression` is gzip, bz2, zstd or lz4."""
    found: pa.NativeFile = _pa.CompressedInputStream(stream, compression)
    return found
