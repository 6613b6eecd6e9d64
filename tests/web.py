"""A web server of a folder, for tests of reading behind http: with byte ranges or without."""

from __future__ import annotations

import functools
import http.server
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cc_math import storage


@dataclass
class Web:
    """Its address, and the requests that it has answered (method, path, Range header)."""

    uri: str = ""
    requests: list[tuple[str, str, str]] = field(default_factory=list)
    faults: list[int] = field(default_factory=list)
    """What goes wrong with the next GETs: a status; SHORT, half of the bytes; CUT, the line breaks
    in the midst of them."""
    refused: str = ""
    """A path that is forbidden."""

    def ranges(self) -> list[str]:
        """The ranges asked for, in their order."""
        return [wanted for method, _, wanted in self.requests if method == "GET" and wanted]


SHORT, CUT = -1, -2


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def __init__(self, web: Web, folder: Path, ranges: bool, *arguments: Any) -> None:
        self._web, self._folder, self._ranges = web, folder, ranges
        super().__init__(*arguments)

    def do_HEAD(self) -> None:
        self._answer()

    def do_GET(self) -> None:
        self._answer()

    def _answer(self) -> None:
        wanted = self.headers.get("Range", "")
        self._web.requests.append((self.command, self.path, wanted))
        if self.path == self._web.refused:
            self._send(403, b"")
            return
        path = self._folder / self.path.lstrip("/")
        if not path.is_file():
            self._send(404, b"")
            return
        data = path.read_bytes()
        found = re.fullmatch(r"bytes=(\d+)-(\d*)", wanted) if self._ranges else None
        if found is None:
            self._send(200, data)
        elif int(found[1]) >= len(data):
            self._send(416, b"")
        else:
            self._send(206, data[int(found[1]) : int(found[2]) + 1 if found[2] else None])

    def _send(self, status: int, body: bytes) -> None:
        size_bytes = len(body)
        if self._web.faults and self.command == "GET":
            fault = self._web.faults.pop(0)
            status = fault if fault > 0 else status
            body = body[: len(body) // 2]
            size_bytes = size_bytes if fault == CUT else len(body)
            self.close_connection = fault == CUT
        self.send_response(status)
        self.send_header("Content-Length", str(size_bytes))
        self.end_headers()
        if self.command == "GET":
            try:
                self.wfile.write(body)
            except OSError:
                self.close_connection = True  # the client had enough

    def log_message(self, format: str, *arguments: Any) -> None:
        return


@contextmanager
def served(folder: Path, *, ranges: bool = True) -> Iterator[Web]:
    """A server of the files in ``folder``."""
    web = Web()
    handler = functools.partial(_Handler, web, folder, ranges)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    storage._store.cache_clear()
    web.uri = f"http://127.0.0.1:{server.server_port}"
    try:
        yield web
    finally:
        storage._store("http")._pool.clear()  # type: ignore[attr-defined]
        server.shutdown()
        thread.join()
        server.server_close()
