"""Files behind https, for reading Common Crawl where it is: a store that refuses to write.

Owns the requests: ranges, retries, and what a status means. The trade: no listing, since
https has none; files are named one by one or by a list such as ``warc.paths.gz``.
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any, BinaryIO, cast

from cc_math.errors import InputError, StorageError
from cc_math.store import Entry

HTTPS_CONNECTIONS = 16  # chosen: as many as cc_math.inputs asks for sizes at a time


class NoRanges(StorageError):
    """The server sends whole files only: a read must begin at the file's start."""


class HttpsStore:
    """Read-only files behind https (and http, for a server of one's own)."""

    def __init__(self) -> None:
        import urllib3

        # chosen: Common Crawl's CDN answers 403 and 503 when it wants a client to slow down
        slow_down = (403, 429, 500, 502, 503)
        retry = urllib3.Retry(total=8, backoff_factor=1.0, status_forcelist=slow_down)
        self._pool = urllib3.PoolManager(
            retries=retry, timeout=urllib3.Timeout(60.0), maxsize=HTTPS_CONNECTIONS
        )

    def _request(self, method: str, uri: str, headers: dict[str, str], stream: bool) -> Any:
        import urllib3

        try:
            # some servers call a .gz file a gzip encoding: its bytes are wanted as they are
            reply = self._pool.request(
                method, uri, headers=headers, preload_content=not stream, decode_content=False
            )
        except urllib3.exceptions.HTTPError as error:
            raise StorageError(f"{method} {uri}: {error}") from error
        if reply.status in (404, 410):
            raise InputError(f"there is no {uri}")
        if reply.status >= 400 and reply.status != 416:
            raise StorageError(f"{method} {uri}: HTTP status {reply.status}")
        return reply

    def open_range(self, uri: str, start_bytes: int = 0) -> BinaryIO:
        headers = {"Range": f"bytes={start_bytes}-"} if start_bytes else {}
        reply = self._request("GET", uri, headers, stream=True)
        if reply.status == 416:  # RFC 9110, section 15.5.17: the start is not within the file
            reply.close()
            return io.BytesIO()
        if start_bytes and reply.status != 206:
            reply.close()
            raise NoRanges(f"GET {uri}: the server does not answer range requests")
        return cast(BinaryIO, reply)

    def read_range(self, uri: str, start_bytes: int, end_bytes: int) -> bytes:
        import urllib3

        wanted = {"Range": f"bytes={start_bytes}-{end_bytes - 1}"}
        reply = self._request("GET", uri, wanted, stream=True)
        if reply.status == 416:
            reply.close()
            return b""
        if reply.status != 206:  # the whole file is on its way: it is not taken
            reply.close()
            raise NoRanges(f"GET {uri}: the server does not answer range requests")
        try:
            return cast(bytes, reply.read())  # to the end, so that the connection is used again
        except urllib3.exceptions.HTTPError as error:
            raise StorageError(f"GET {uri}: {error}") from error

    def size_bytes(self, uri: str) -> int | None:
        try:
            return int(self._request("HEAD", uri, {}, stream=False).headers["Content-Length"])
        except (InputError, KeyError):
            return None

    def list_files(self, uri: str) -> list[Entry]:
        raise InputError(f"{uri}: https has no listings; name the files or give a warc.paths.gz")

    def read_bytes(self, uri: str) -> bytes:
        return cast(bytes, self._request("GET", uri, {}, stream=False).data)

    def _refuse(self, uri: str) -> StorageError:
        return StorageError(f"{uri}: https can only be read; give a local or s3:// output")

    def put_bytes(self, data: bytes, uri: str) -> None:
        raise self._refuse(uri)

    def put_new(self, data: bytes, uri: str) -> bool:
        raise self._refuse(uri)

    def put_file(self, path: Path, uri: str) -> None:
        raise self._refuse(uri)

    def delete(self, uri: str) -> None:
        raise self._refuse(uri)
