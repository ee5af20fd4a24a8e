"""The server that speaks S3, from the tests of storage."""

from tests.storage.conftest import bucket, s3_server

__all__ = ["bucket", "s3_server"]
