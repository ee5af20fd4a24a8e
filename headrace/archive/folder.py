"""A folder that holds immutable files: local, or any that fsspec reaches (`s3://bucket/prefix`).

It promises that a file appears whole or not at all, and that of two writers of one name exactly one succeeds: a hard link locally,
`If-None-Match` on S3. It relies on fsspec for everything that is not local; credentials and endpoints come from the environment or from
`options`. What the files mean is left to its callers.
"""

from __future__ import annotations

import os
import sys
import tempfile
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from headrace.errors import StorageError, Unreachable, UserError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


class Folder:
    """One folder by its URI; `options` go to fsspec as they stand. Pickles as its URI and options."""

    def __init__(self, uri: str | os.PathLike[str], options: Mapping[str, Any] | None = None) -> None:
        text = os.fspath(uri)
        self.uri = text.removeprefix("file://").rstrip("/") or "/"
        self.options = dict(options or {})
        self.local = "://" not in self.uri
        self._remote: Any = None

    def __reduce__(self) -> tuple[Any, ...]:
        return Folder, (self.uri, self.options)

    def __repr__(self) -> str:
        return f"Folder({self.uri!r})"

    def child(self, name: str) -> Folder:
        """The folder `name` in this one."""
        return Folder(f"{self.uri}/{name}", self.options)

    def path(self, name: str) -> str:
        """The full address of a file in it, for people."""
        return f"{self.uri}/{name}"

    def names(self) -> list[str]:
        """The names of the files in it, sorted, hidden ones left out; empty where the folder is not there."""
        return self._entries("file")

    def sizes(self) -> dict[str, int]:
        """The bytes of the files in it by name, hidden ones left out, from one listing."""
        if self.local:
            found = {entry.name: entry.stat().st_size for entry in self._scanned() if entry.is_file()}
        else:
            found = {entry["name"].rsplit("/", 1)[1]: entry["size"] for entry in self._listed() if entry["type"] == "file"}
        return {name: size for name, size in found.items() if name and not name.startswith(".")}

    def folders(self) -> list[str]:
        """The names of the folders in it, sorted."""
        return self._entries("directory")

    def tree(self) -> list[str]:
        """The names of the files in it and in all folders below, relative and sorted; hidden files and folders left out."""
        if self.local:
            found = []
            for folder, folders, names in os.walk(self.uri):
                folders[:] = [name for name in folders if not name.startswith(".")]
                found += [os.path.relpath(Path(folder, name), self.uri) for name in names]
        else:
            fs, root = self._fs()
            fs.invalidate_cache(root)
            try:
                found = [name.removeprefix(f"{root}/") for name in fs.find(root)]
            except FileNotFoundError:
                found = []
            except failures() as error:
                raise self.failed("list", "", error) from error
        return sorted(name for name in found if not any(part.startswith(".") for part in name.split("/")))

    def content(self, name: str) -> bytes | None:
        """The bytes of a small file; None where it is not there."""
        try:
            if self.local:
                return (Path(self.uri) / name).read_bytes()
            fs, root = self._fs()
            read: bytes = fs.cat_file(f"{root}/{name}")
        except (FileNotFoundError, NotADirectoryError):
            return None
        except failures() as error:
            raise self.failed("read", name, error) from error
        return read

    def open(self, name: str) -> pa.NativeFile:
        """The file for reading at random places; several may be open at once, in several threads. It and its reads raise `failures()`."""
        if self.local:
            return pa.memory_map(self.path(name))
        fs, root = self._fs()
        # pyarrow's own way by fsspec takes a store that does not answer for one that does not have the file
        return pa.PythonFile(fs.open(f"{root}/{name}", "rb"), mode="r")

    def draft(self, suffix: str) -> Path:
        """A new local path for a file that is being written, on the same disk where this folder is local; its name is hidden."""
        name = f".{uuid.uuid4().hex}{suffix}"
        if self.local:
            folder = Path(self.uri)
            try:
                folder.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise StorageError(f"cannot make the folder {self.uri}: {error.strerror}", path=self.uri) from error
            return folder / name
        return Path(tempfile.gettempdir()) / name

    def replace(self, written: Path, name: str) -> None:
        """Gives the finished local file `written` its name here, in place of what has the name, and removes it."""
        try:
            if self.local:
                written.replace(Path(self.uri) / name)
            else:
                fs, root = self._fs()
                fs.put_file(str(written), f"{root}/{name}")
        except failures() as error:
            raise self.failed("write", name, error) from error
        finally:
            written.unlink(missing_ok=True)

    def put(self, name: str, parts: Iterable[Any], suffix: str) -> None:
        """Write a file of bytes and buffers, in place of what has the name; it is whole, or as it was, also behind a crash of the machine.

        `suffix` is that of the draft. Raises `StorageError`.
        """
        draft = self.draft(suffix)
        try:
            with draft.open("wb") as file:
                for part in parts:
                    file.write(part)
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            draft.unlink(missing_ok=True)
            raise StorageError(f"cannot write {self.path(name)}: {error.strerror}", path=self.path(name)) from error
        self.replace(draft, name)

    def publish(self, written: Path, name: str, *, keep: bool = False) -> bool:
        """Gives the finished local file `written` its name here, and removes it unless `keep`; False where the name exists already."""
        try:
            if self.local:
                target = Path(self.uri) / name
                _sync(written)
                new = [folder for folder in (target.parent, *target.parent.parents) if not folder.exists()]
                target.parent.mkdir(parents=True, exist_ok=True)
                os.link(written, target)
                for folder in (target.parent, *(folder.parent for folder in new)):
                    _sync(folder)
            else:
                fs, root = self._fs()
                fs.put_file(str(written), f"{root}/{name}", mode="create")
        except FileExistsError:
            return False
        except failures() as error:
            if not self.local and _is_conflict(error):
                return False
            raise self.failed("write", name, error) from error
        finally:
            if not keep:
                written.unlink(missing_ok=True)
        return True

    def remove(self, name: str) -> None:
        """Removes a file; one that is not there is no error."""
        try:
            if self.local:
                (Path(self.uri) / name).unlink(missing_ok=True)
            else:
                fs, root = self._fs()
                fs.rm_file(f"{root}/{name}")
        except FileNotFoundError:
            return
        except failures() as error:
            raise self.failed("remove", name, error) from error

    def failed(self, what: str, name: str, error: Exception) -> StorageError:
        """The error for what could not be done to a file, or to the folder: `Unreachable` where another time may do."""
        path = self.path(name) if name else self.uri
        lasting = self.local or isinstance(error, (FileNotFoundError, pa.ArrowInvalid))
        return (StorageError if lasting else Unreachable)(f"cannot {what} {path}: {error}", path=path)

    def _entries(self, kind: str) -> list[str]:
        if self.local:
            names = [entry.name for entry in self._scanned() if (entry.is_file() if kind == "file" else entry.is_dir())]
        else:
            names = [entry["name"].rstrip("/").rsplit("/", 1)[1] for entry in self._listed() if entry["type"] == kind]
        return sorted(name for name in names if name and not name.startswith("."))

    def _scanned(self) -> list[os.DirEntry[str]]:
        """What is in a local folder."""
        try:
            folder = Path(self.uri)
            return list(os.scandir(folder)) if folder.is_dir() else []
        except OSError as error:
            raise self.failed("list", "", error) from error

    def _listed(self) -> list[Any]:
        """What fsspec lists of a folder that is not local."""
        fs, root = self._fs()
        fs.invalidate_cache(root)
        try:
            found = fs.ls(root, detail=True)
        except FileNotFoundError:
            return []
        except failures() as error:
            raise self.failed("list", "", error) from error
        # S3 lists a folder's own marker among its files
        return [entry for entry in found if entry["name"] != root]

    def _fs(self) -> tuple[Any, str]:
        """The file system of fsspec, and the path in it."""
        if self._remote is None:
            try:
                import fsspec

                # others write there too: a listing that is remembered hides what they wrote since
                fs, root = fsspec.core.url_to_fs(self.uri, **{"use_listings_cache": False, **self.options})
            except (ImportError, ValueError) as error:
                text = f"cannot reach {self.uri}: {error}; pip install headrace[s3] for s3://"
                raise UserError(text, uri=self.uri) from error
            self._remote = fs, root.rstrip("/")
        found: tuple[Any, str] = self._remote
        return found


def failures() -> tuple[type[Exception], ...]:
    """What reading and writing may raise: an S3 that does not answer is to its client no `OSError`."""
    # what s3fs stands on is there once it is used
    used = [(sys.modules.get(module), name) for module, name in (("botocore.exceptions", "BotoCoreError"), ("aiohttp", "ClientError"))]
    return OSError, pa.ArrowInvalid, *(getattr(module, name) for module, name in used if module is not None)


def _is_conflict(error: Exception) -> bool:
    """Whether S3 refused to replace an object; botocore's answer stands behind fsspec's error."""
    cause = error.__cause__ or error
    answer = getattr(cause, "response", {})
    return answer.get("Error", {}).get("Code") in {"PreconditionFailed", "ConditionalRequestConflict"} or "PreconditionFailed" in str(error)


def _sync(path: Path) -> None:
    """Brings a file or a folder's entries to the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
