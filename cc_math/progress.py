"""Progress of long work: one live line at a terminal, JSON lines elsewhere.

Workers send small datagrams (:class:`Heartbeat`) to the driver's :class:`ProgressBoard`,
best effort: a network that drops them costs only detail, since finished chunks are counted
from Spark's own results. Nothing here takes part in the output.
"""

from __future__ import annotations

import json
import secrets
import shutil
import socket
import sys
import threading
import time
from types import TracebackType
from typing import Self, TextIO

TERMINAL_INTERVAL_S = 0.5  # chosen: a person sees it move
LOG_INTERVAL_S = 10.0  # chosen: a log stays readable
HEARTBEAT_INTERVAL_S = 0.5


class Heartbeat:
    """A worker's side: counts so far of one chunk, sent at most every half second."""

    def __init__(self, address: tuple[str, int] | None, token: str, chunk: str) -> None:
        self._address, self._token, self._chunk = address, token, chunk
        self._last_s = 0.0

    def send(self, counts: dict[str, int], force: bool = False) -> None:
        """Report ``counts`` (cumulative for the chunk); errors of the network are ignored."""
        now_s = time.monotonic()
        if self._address is None or (now_s - self._last_s < HEARTBEAT_INTERVAL_S and not force):
            return
        self._last_s = now_s
        message = json.dumps({"token": self._token, "chunk": self._chunk, "counts": counts})
        try:
            # a socket a message: at two a second it costs nothing, and none is left open
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
                sender.sendto(message.encode(), self._address)
        except OSError:
            self._address = None


class ProgressBoard:
    """The driver's side: collects heartbeats and prints. Use as a context manager.

    ``total_weight`` is the size of the whole work in the unit of the count ``done_weight``
    that the workers report (bytes of WARC, rows of a table); the time left follows from it.
    """

    def __init__(
        self, label: str, chunks: int, total_weight: int, host: str, stream: TextIO | None = None
    ) -> None:
        self._label, self._chunks, self._total_weight = label, chunks, max(1, total_weight)
        self._stream = stream or sys.stderr
        self._terminal = self._stream.isatty()
        self._counts: dict[str, dict[str, int]] = {}
        self._finished = 0
        self._started_s = time.monotonic()
        self._stop = threading.Event()
        self.token = secrets.token_hex(8)
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            self._socket.bind((host, 0))
        except OSError:  # the driver is reached under an address that is not its own
            self._socket.bind(("", 0))
        self._socket.settimeout(TERMINAL_INTERVAL_S)
        self.address: tuple[str, int] = (host, self._socket.getsockname()[1])
        self._thread = threading.Thread(target=self._listen, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self._stop.set()
        self._thread.join()
        self._socket.close()
        if self._terminal:
            self._stream.write("\n")

    def _listen(self) -> None:
        printed_s = self._started_s
        while not self._stop.is_set():
            try:
                self._take(self._socket.recv(65536))
            except TimeoutError:
                pass
            except OSError:
                return
            interval_s = TERMINAL_INTERVAL_S if self._terminal else LOG_INTERVAL_S
            if time.monotonic() - printed_s >= interval_s:
                printed_s = time.monotonic()
                self.print()
        self.print()

    def _take(self, data: bytes) -> None:
        try:
            message = json.loads(data)
            if message["token"] == self.token:
                counts = {str(k): int(v) for k, v in message["counts"].items()}
                self._finished += counts.pop("chunk_finished", 0)
                self._counts.setdefault(str(message["chunk"]), {}).update(counts)
        except (ValueError, KeyError, TypeError, AttributeError):
            return

    def totals(self) -> dict[str, int]:
        """Sums of the counts over all chunks heard of."""
        totals: dict[str, int] = {}
        for counts in list(self._counts.values()):
            for name, number in counts.items():
                totals[name] = totals.get(name, 0) + number
        return totals

    def print(self) -> None:
        """One line of where the work stands."""
        totals = self.totals()
        weight = totals.pop("done_weight", 0)
        elapsed_s = time.monotonic() - self._started_s
        share = min(1.0, weight / self._total_weight)
        left_s = elapsed_s * (1 - share) / share if share > 0 else None
        if self._terminal:
            shown = "  ".join(f"{name} {number:,}" for name, number in totals.items())
            rate = f"{totals.get('done', 0) / max(elapsed_s, 1e-9):,.0f}/s"
            left = f"{left_s // 60:.0f}:{left_s % 60:02.0f} left" if left_s is not None else ""
            line = f"{self._label}  {share:4.0%}  {shown}  {rate}  {left}"
            width = shutil.get_terminal_size().columns - 1  # a wrapped line could not be redrawn
            self._stream.write("\r\x1b[K" + line[:width])
        else:
            record: dict[str, object] = {
                "stage": self._label,
                "chunks": self._chunks,
                "chunks_finished": self._finished,
                "share": round(share, 4),
                "elapsed_s": round(elapsed_s, 1),
                "left_s": None if left_s is None else round(left_s, 1),
                "rate_per_s": round(totals.get("done", 0) / max(elapsed_s, 1e-9), 1),
                **totals,
            }
            self._stream.write(json.dumps(record) + "\n")
        self._stream.flush()
