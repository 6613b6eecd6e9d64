"""Wanted pages of one WARC by byte range and by reading on, for more and more wanted pages.

    python benchmarks/fetch.py [--size-mb 256] [--latency-ms 20 80] [--mb-per-s 50]

Reads the same records out of one made-up WARC (records of 28 kB, the mean of a Common Crawl WARC
of 1 GB and 35,000 pages) three ways: a request a record; joined requests, some on their way at a
time, as `cc-math fetch` makes them; and one stream to the last record. Once from the local disk,
then from an HTTP server of this program that waits before each answer and sends at a given rate,
all streams together, as a store in another place does. Prints seconds, requests and megabytes, and
the number of wanted pages a GB from which reading on is faster. Nothing is extracted: that costs
the same either way.
"""

from __future__ import annotations

import argparse
import gzip
import itertools
import math
import multiprocessing
import random
import re
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from cc_math.fetch.plan import WantedRecord, plan_reads, read_cost
from cc_math.fetch.records import REQUESTS_AHEAD, JoinedRanges, Source, find_record, open_source
from cc_math.recipe import Recipe
from cc_math.warc import Capture

RECORD_BYTES = 28_000
WANTED = (10, 30, 100, 200, 400, 700, 1000, 2000, 4000, 8000)
MAX_RECORD_BYTES = 64 << 20
SEED = 1


def write_warc(path: Path, size_bytes: int) -> list[WantedRecord]:
    """A WARC of response and metadata records; the responses' places."""
    noise, records = random.Random(SEED), []
    with path.open("wb") as target:
        while target.tell() < size_bytes:
            url = f"https://example.org/{len(records)}"
            offset = target.tell()
            target.write(_member("response", url, _page(noise)))
            records.append(WantedRecord(offset, target.tell() - offset, url, ""))
            target.write(_member("metadata", url, b"fetchTimeMs: 100\r\n"))
    return records


def _page(noise: random.Random) -> bytes:
    body = noise.randbytes(int(noise.expovariate(1 / RECORD_BYTES)) + 500)
    return b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n" + body


def _member(kind: str, url: str, block: bytes) -> bytes:
    head = f"WARC/1.0\r\nWARC-Type: {kind}\r\nWARC-Target-URI: {url}\r\n"
    head += f"WARC-Date: 2026-01-01T00:00:00Z\r\nContent-Length: {len(block)}\r\n\r\n"
    return gzip.compress(head.encode() + block + b"\r\n\r\n", compresslevel=1, mtime=0)


class _Handler(BaseHTTPRequestHandler):
    """Serves one file by range; waits before each answer, and while it sends."""

    protocol_version = "HTTP/1.1"
    path_served: Path
    latency_s: float
    bytes_per_s: float
    lock = threading.Lock()
    line_free_s = 0.0

    def do_HEAD(self) -> None:
        self._answer(send=False)

    def do_GET(self) -> None:
        self._answer(send=True)

    def _answer(self, send: bool) -> None:
        time.sleep(self.latency_s)
        size = self.path_served.stat().st_size
        found = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        start = int(found[1]) if found else 0
        end = min(size, int(found[2]) + 1) if found and found[2] else size
        self.send_response(206 if found else 200)
        self.send_header("Content-Length", str(end - start))
        self.end_headers()
        if not send:
            return
        with self.path_served.open("rb") as source:
            source.seek(start)
            while start < end:
                block = source.read(min(1 << 18, end - start))
                try:
                    self.wfile.write(block)
                except OSError:
                    return
                start += len(block)
                time.sleep(self._line_s(len(block)))

    @classmethod
    def _line_s(cls, size_bytes: int) -> float:
        """Seconds until the line, which all streams share, has taken ``size_bytes`` more."""
        with cls.lock:
            now_s = time.perf_counter()
            cls.line_free_s = max(cls.line_free_s, now_s) + size_bytes / cls.bytes_per_s
            return cls.line_free_s - now_s

    def log_message(self, format: str, *arguments: Any) -> None:
        return


def _serve(path: str, latency_s: float, bytes_per_s: float, ports: Any) -> None:
    class Handler(_Handler):
        pass

    Handler.path_served, Handler.latency_s = Path(path), latency_s
    Handler.bytes_per_s = bytes_per_s
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    ports.put(server.server_address[1])
    server.serve_forever()


@contextmanager
def served(path: Path, latency_s: float, bytes_per_s: float) -> Iterator[str]:
    """The file's address on a server in another process."""
    context = multiprocessing.get_context("spawn")
    ports = context.Queue()
    server = context.Process(target=_serve, args=(str(path), latency_s, bytes_per_s, ports))
    server.start()
    try:
        yield f"http://127.0.0.1:{ports.get()}/{path.name}"
    finally:
        server.terminate()
        server.join()


def read_all(source: Source, records: list[WantedRecord]) -> float:
    """Seconds to read ``records``."""
    started_s = time.perf_counter()
    for record in records:
        found = find_record(source, record, max_record_bytes=MAX_RECORD_BYTES)
        assert isinstance(found, Capture), found
    source.close()
    return time.perf_counter() - started_s


def measure(uri: str, records: list[WantedRecord], gap_bytes: int, most_single: int) -> None:
    """Print a line for each number of wanted pages, and the break-even."""
    print(
        f"{'wanted':>7} | {'each alone':>10} | {'joined':>8} {'requests':>9} {'MB':>7} | "
        f"{'read on':>8} {'MB':>7}"
    )
    gigabytes = records[-1].end_bytes / 1e9
    slower: dict[str, list[tuple[float, float]]] = {"each alone": [], "joined": []}
    for wanted in (n for n in WANTED if n <= len(records)):
        chosen = sorted(random.Random(SEED).sample(records, wanted))
        fetch = {"join_gap_bytes": gap_bytes}
        cost = read_cost(chosen, join_gap_bytes=gap_bytes, whole=False)
        span = read_cost(chosen, join_gap_bytes=gap_bytes, whole=True)
        joined_s = read_all(open_source(uri, chosen, {**fetch, "whole": False}), chosen)
        on_s = read_all(open_source(uri, chosen, {**fetch, "whole": True}), chosen)
        slower["joined"].append((wanted / gigabytes, joined_s / on_s))
        alone = "-"
        if wanted <= most_single:
            reads = plan_reads(chosen, join_gap_bytes=-1)
            alone_s = read_all(JoinedRanges(uri, reads, 1), chosen)
            alone = f"{alone_s:.2f} s"
            slower["each alone"].append((wanted / gigabytes, alone_s / on_s))
        print(
            f"{wanted:>7} | {alone:>10} | {joined_s:>6.2f} s {cost.requests:>9} "
            f"{cost.size_bytes / 1e6:>7.1f} | {on_s:>6.2f} s {span.size_bytes / 1e6:>7.1f}"
        )
    for way, ratios in slower.items():
        print(f"reading on is faster than ranges, {way}: {break_even(ratios)}")
    print()


def break_even(ratios: list[tuple[float, float]]) -> str:
    """Where the ratio of times, between two numbers of wanted pages, becomes one."""
    for (few, below), (many, above) in itertools.pairwise(ratios):
        if below < 1 <= above:
            share = math.log(1 / below) / math.log(above / below)
            return f"from {few * (many / few) ** share:,.0f} wanted pages a GB"
    return f"not up to {ratios[-1][0]:,.0f} wanted pages a GB"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--size-mb", type=float, default=256.0)
    parser.add_argument("--latency-ms", type=float, nargs="+", default=[20.0, 80.0])
    parser.add_argument("--mb-per-s", type=float, default=50.0)
    parser.add_argument("--join-gap-bytes", type=int, default=Recipe().fetch.join_gap_bytes)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "made-up.warc.gz"
        records = write_warc(path, int(options.size_mb * 1e6))
        print(f"{len(records):,} records, {path.stat().st_size / 1e6:,.0f} MB")
        print(f"gaps joined to {options.join_gap_bytes:,} bytes, {REQUESTS_AHEAD} requests ahead\n")
        print("local disk")
        measure(str(path), records, 0, 10_000)
        for latency_ms in options.latency_ms:
            rate = options.mb_per_s
            print(f"HTTP, {latency_ms:g} ms a request, {rate:g} MB/s in all")
            with served(path, latency_ms / 1000, rate * 1e6) as uri:
                measure(uri, records, options.join_gap_bytes, int(20_000 / latency_ms))


if __name__ == "__main__":
    main()
