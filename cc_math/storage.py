"""Files on a local disk, in S3 and behind https, through one small interface.

Owns every byte that cc-math reads or writes by URI. Plain paths and ``file://`` go to
the local disk, ``s3://`` and ``s3a://`` to boto3 (credentials come from the platform),
``https://`` can be read only (:mod:`cc_math.https`). The interface (:mod:`cc_math.store`)
has just what a commit-last protocol needs: ranged streaming reads, whole-file puts that
appear at once or not at all, and ``put_new``, which writes only where nothing stands yet (a
hard link on a disk, ``If-None-Match: *`` in S3). :mod:`cc_math.faults` wraps a store to make
it fail on demand.

The trade: no append and no rename. A file is made on local disk first and then put whole,
so a worker needs scratch space of the size of one output file.
"""

from __future__ import annotations

import functools
import io
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, cast
from urllib.parse import unquote

from cc_math import faults
from cc_math.errors import InputError, StorageError
from cc_math.https import HttpsStore
from cc_math.store import Entry, Store

_UNFINISHED = ".part-"  # a local file that is still being written, or whose writer died


class LocalStore:
    """The local disk. A file appears whole, by rename; a folder is made when first needed."""

    def open_range(self, uri: str, start_bytes: int = 0) -> BinaryIO:
        try:
            stream = open(local_path(uri), "rb")  # noqa: SIM115 - the caller closes it
        except OSError as error:
            raise InputError(f"cannot open {uri}: {error.strerror}") from None
        stream.seek(start_bytes)
        return stream

    def read_range(self, uri: str, start_bytes: int, end_bytes: int) -> bytes:
        with self.open_range(uri, start_bytes) as stream:
            return stream.read(end_bytes - start_bytes)

    def size_bytes(self, uri: str) -> int | None:
        path = local_path(uri)
        return path.stat().st_size if path.is_file() else None

    def list_files(self, uri: str) -> list[Entry]:
        root = local_path(uri)
        entries = []
        for folder, _, names in os.walk(root):
            for name in names:
                path = Path(folder, name)
                if name.startswith(_UNFINISHED) or not path.is_file():  # or just removed
                    continue
                relative = path.relative_to(root).as_posix()
                entries.append(Entry(join(uri, relative), path.stat().st_size))
        return sorted(entries)

    def read_bytes(self, uri: str) -> bytes:
        with self.open_range(uri) as stream:
            return stream.read()

    @contextmanager
    def _temporary(self, uri: str) -> Iterator[Path]:
        target = local_path(uri)
        temporary = None
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            handle, name = tempfile.mkstemp(prefix=_UNFINISHED, dir=target.parent)
            temporary = Path(name)
            os.close(handle)
            os.chmod(name, 0o666 & ~_umask())
            yield temporary
        except OSError as error:
            raise StorageError(f"cannot write {uri}: {error.strerror}") from error
        finally:
            if temporary is not None:
                temporary.unlink(missing_ok=True)

    def put_bytes(self, data: bytes, uri: str) -> None:
        with self._temporary(uri) as temporary:
            temporary.write_bytes(data)
            os.replace(temporary, local_path(uri))

    def put_new(self, data: bytes, uri: str) -> bool:
        with self._temporary(uri) as temporary:
            temporary.write_bytes(data)
            try:
                os.link(temporary, local_path(uri))
            except FileExistsError:
                return False
        return True

    def put_file(self, path: Path, uri: str) -> None:
        with self._temporary(uri) as temporary:
            shutil.copyfile(path, temporary)
            os.replace(temporary, local_path(uri))
        path.unlink()

    def delete(self, uri: str) -> None:
        local_path(uri).unlink(missing_ok=True)


class S3Store:
    """Amazon S3 and what speaks its protocol (endpoint from ``AWS_ENDPOINT_URL_S3``)."""

    def __init__(self) -> None:
        import boto3
        from botocore.config import Config

        retries: Any = {"max_attempts": 8, "mode": "standard"}  # chosen: rides out throttling
        make_client: Any = boto3.client  # Any: which stubs are installed differs
        self._client: Any = make_client("s3", config=Config(retries=retries))

    def _call(self, uri: str, operation: str, **arguments: Any) -> Any:
        from boto3.exceptions import Boto3Error
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            return getattr(self._client, operation)(**arguments)
        except ClientError as error:
            code = str(error.response.get("Error", {}).get("Code", ""))
            if code in {"404", "NoSuchKey", "NotFound"}:
                raise InputError(f"there is no {uri}") from None
            if code in {"NoSuchBucket"}:
                raise InputError(f"{uri}: the bucket does not exist; check its name") from None
            raise StorageError(f"{operation} {uri}: {error}") from error
        except (BotoCoreError, Boto3Error) as error:
            if "NoSuchBucket" in str(error):
                raise InputError(f"{uri}: the bucket does not exist; check its name") from None
            raise StorageError(f"{operation} {uri}: {error}") from error

    def open_range(self, uri: str, start_bytes: int = 0) -> BinaryIO:
        return self._body(uri, f"bytes={start_bytes}-" if start_bytes else "")

    def _body(self, uri: str, wanted: str) -> BinaryIO:
        bucket, key = _bucket_and_key(uri)
        range_of = {"Range": wanted} if wanted else {}
        try:
            reply = self._call(uri, "get_object", Bucket=bucket, Key=key, **range_of)
        except StorageError as error:
            if "InvalidRange" in str(error):
                return io.BytesIO()
            raise
        return cast(BinaryIO, reply["Body"])

    def read_range(self, uri: str, start_bytes: int, end_bytes: int) -> bytes:
        with self._body(uri, f"bytes={start_bytes}-{end_bytes - 1}") as stream:
            return stream.read()

    def size_bytes(self, uri: str) -> int | None:
        bucket, key = _bucket_and_key(uri)
        try:
            return int(self._call(uri, "head_object", Bucket=bucket, Key=key)["ContentLength"])
        except InputError:
            return None

    def list_files(self, uri: str) -> list[Entry]:
        bucket, key = _bucket_and_key(uri)
        prefix = key.rstrip("/") + "/" if key.strip("/") else ""
        entries: list[Entry] = []
        token: dict[str, str] = {}
        while True:
            page = self._call(uri, "list_objects_v2", Bucket=bucket, Prefix=prefix, **token)
            for item in page.get("Contents", []):
                entries.append(Entry(join(uri, item["Key"][len(prefix) :]), int(item["Size"])))
            if not page.get("IsTruncated"):
                return sorted(entries)
            token = {"ContinuationToken": page["NextContinuationToken"]}

    def read_bytes(self, uri: str) -> bytes:
        bucket, key = _bucket_and_key(uri)
        return cast(bytes, self._call(uri, "get_object", Bucket=bucket, Key=key)["Body"].read())

    def put_bytes(self, data: bytes, uri: str) -> None:
        bucket, key = _bucket_and_key(uri)
        self._call(uri, "put_object", Bucket=bucket, Key=key, Body=data)

    def put_new(self, data: bytes, uri: str) -> bool:
        bucket, key = _bucket_and_key(uri)
        try:
            self._call(uri, "put_object", Bucket=bucket, Key=key, Body=data, IfNoneMatch="*")
        except StorageError as error:
            if "PreconditionFailed" in str(error) or "ConditionalRequestConflict" in str(error):
                return False
            raise
        return True

    def put_file(self, path: Path, uri: str) -> None:
        bucket, key = _bucket_and_key(uri)
        self._call(uri, "upload_file", Filename=str(path), Bucket=bucket, Key=key)
        path.unlink()

    def delete(self, uri: str) -> None:
        bucket, key = _bucket_and_key(uri)
        self._call(uri, "delete_object", Bucket=bucket, Key=key)


@functools.cache
def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def local_path(uri: str) -> Path:
    """Path of a plain or ``file://`` URI."""
    if uri.startswith("file:"):
        path = uri.removeprefix("file:")
        if path.startswith("//"):  # an authority, empty or the host's name
            path = "/" + path[2:].partition("/")[2]
        return Path(unquote(path))
    return Path(uri)


def is_local(uri: str) -> bool:
    """Whether ``uri`` is on the local disk."""
    return "://" not in uri or uri.startswith("file:")


def _bucket_and_key(uri: str) -> tuple[str, str]:
    # cut by hand: question marks, semicolons and number signs are legal in a key
    bucket, _, key = uri.partition("://")[2].partition("/")
    if not bucket:
        raise InputError(f"{uri}: expected s3://BUCKET/KEY")
    return bucket, key.lstrip("/")


def join(uri: str, *parts: str) -> str:
    """``uri`` and ``parts`` joined by single slashes; parts are names, never absolute."""
    return "/".join([uri.rstrip("/") or "/", *parts]) if parts else uri


def base_name(uri: str) -> str:
    """The last part of a path or URI."""
    return uri.rstrip("/").rsplit("/", 1)[-1]


def parent(uri: str) -> str:
    """The folder that a path or URI stands in."""
    head, slash, _ = uri.rstrip("/").rpartition("/")
    return head if slash else "."


@functools.cache
def _store(scheme: str) -> Store:
    if scheme in ("", "file"):
        return LocalStore()
    if scheme in ("s3", "s3a"):
        return S3Store()
    if scheme in ("https", "http"):
        return HttpsStore()
    raise InputError(f"{scheme}:// is not supported; expected a path, file://, s3:// or https://")


def store_for(uri: str) -> Store:
    """The store that keeps ``uri``. Raises InputError for a scheme that is not supported."""
    scheme = uri.split("://", 1)[0] if "://" in uri else ""
    return faults.wrapped(_store("file" if uri.startswith("file:") else scheme))


def read_in_blocks(stream: BinaryIO, block_bytes: int = 1 << 20) -> Iterator[bytes]:
    """The rest of ``stream`` in blocks of at most ``block_bytes``."""
    while block := stream.read(block_bytes):
        yield block


def read_text(uri: str) -> str:
    """A UTF-8 text file. Raises InputError where it is missing or not UTF-8."""
    try:
        return store_for(uri).read_bytes(uri).decode()
    except UnicodeDecodeError as error:
        raise InputError(f"{uri} is not UTF-8 text: {error}") from None


class _RangeFile(io.RawIOBase):
    """Random access to a remote file by range requests, for Arrow's file format."""

    def __init__(self, uri: str) -> None:
        self._uri, self._store, self._at = uri, store_for(uri), 0
        self._size_bytes = self._store.size_bytes(uri) or 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size_bytes}[whence]
        self._at = base + offset
        return self._at

    def tell(self) -> int:
        return self._at

    def read(self, size: int = -1) -> bytes:
        left = max(0, self._size_bytes - self._at)
        wanted = left if size < 0 else min(size, left)
        if not wanted:
            return b""
        data = self._store.read_range(self._uri, self._at, self._at + wanted)
        self._at += len(data)
        return data


def random_access(uri: str) -> Any:
    """A local path, or an Arrow file that reads a remote one by ranges."""
    if is_local(uri):
        return str(local_path(uri))
    import pyarrow as pa

    return pa.PythonFile(_RangeFile(uri), mode="r")
