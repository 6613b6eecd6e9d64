"""Wanted pages of one WARC by byte range and by reading on, and lists looked up in an index.

    python benchmarks/fetch.py [--size-mb 256] [--latency-ms 20 80] [--mb-per-s 50]
    python benchmarks/fetch.py --lines 10000 100000 1000000 [--index-rows 2000000]

Reads the same records out of one made-up WARC (records of 28 kB, the mean of a Common Crawl WARC
of 1 GB and 35,000 pages) three ways: a request a record; joined requests, some on their way at a
time, as `cc-math fetch` makes them; and one stream to the last record. Once from the local disk,
then from an HTTP server of this program that waits before each answer and sends at a given rate,
all streams together, as a store in another place does. Prints seconds, requests and megabytes, and
the number of wanted pages a GB from which reading on is faster. Nothing is extracted: that costs
the same either way.

With ``--lines`` it runs `cc-math fetch --dry-run` on made-up lists of so many URLs, seven tenths of
them in a made-up index of ``--index-rows`` rows in the published schema, and prints seconds, CPU
seconds of all processes, and the largest resident memory of the driver (Python and JVM) and of a
Python worker.
"""

from __future__ import annotations

import argparse
import gzip
import itertools
import math
import multiprocessing
import os
import random
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from cc_math.fetch.plan import WantedRecord, plan_reads, read_cost
from cc_math.fetch.records import REQUESTS_AHEAD, JoinedRanges, Source, find_record, open_source
from cc_math.recipe import Recipe
from cc_math.warc import Capture

RECORD_BYTES = 28_000
WANTED = (10, 30, 100, 200, 400, 700, 1000, 2000, 4000, 8000)
MAX_RECORD_BYTES = 64 << 20
SEED = 1
INDEX_FILE_ROWS = 500_000
PAGES_OF_A_SITE = 40


def write_warc(path: Path, size_bytes: int) -> list[WantedRecord]:
    """A WARC of response and metadata records; the responses' places."""
    noise, records = random.Random(SEED), list[WantedRecord]()
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

    class Server(ThreadingHTTPServer):
        def handle_error(self, request: Any, client_address: Any) -> None:
            return  # a client that has enough closes the line

    server = Server(("127.0.0.1", 0), Handler)
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


def write_index(folder: Path, rows: int) -> None:
    """An index of ``rows`` captures in the columns that are read, sorted as the published one."""
    place = folder / "crawl=CC-MAIN-2026-05" / "subset=warc"
    place.mkdir(parents=True)
    for number, start in enumerate(range(0, rows, INDEX_FILE_ROWS)):
        captures = range(start, min(start + INDEX_FILE_ROWS, rows))
        domains = [_domain(capture) for capture in captures]
        columns: dict[str, Any] = {
            "url_surtkey": [
                f"com,{d[:-4]})/pages/{n}" for d, n in zip(domains, captures, strict=True)
            ],
            "url": [_url(capture) for capture in captures],
            "url_host_name": [f"www.{domain}" for domain in domains],
            "url_host_registered_domain": domains,
            "fetch_time": pa.array([1_768_000_000_000] * len(captures), pa.timestamp("ms")),
            "fetch_status": pa.array([200] * len(captures), pa.int16()),
            "content_digest": [f"{capture:032X}" for capture in captures],
            "content_mime_detected": ["text/html"] * len(captures),
            "warc_filename": [f"{capture * 31 % 64:05d}.warc.gz" for capture in captures],
            "warc_record_offset": pa.array([n * 300 % 10**9 for n in captures], pa.int32()),
            "warc_record_length": pa.array([20_000] * len(captures), pa.int32()),
        }
        path = place / f"part-{number:05d}.c000.gz.parquet"
        pq.write_table(pa.table(columns), path, compression="gzip", row_group_size=100_000)


def _domain(capture: int) -> str:
    return f"site{capture // PAGES_OF_A_SITE:07d}.com"


def _url(capture: int) -> str:
    return f"https://www.{_domain(capture)}/pages/{capture}/of-a-made-up-site.html"


def write_list(path: Path, lines: int, rows: int) -> None:
    """URLs in no order, seven of ten in the index."""
    drawn = random.Random(SEED)
    with path.open("w") as target:
        for number in range(lines):
            capture = drawn.randrange(rows)
            target.write(_url(capture) if number % 10 < 7 else f"{_url(capture)}?{number}")
            target.write("\n")


def look_up(path: Path, index: Path, output: Path) -> dict[str, float]:
    """Figures of one `cc-math fetch --dry-run`: seconds, and megabytes by kind of process."""
    command = [sys.executable, "-m", "cc_math.cli", "fetch", "--urls", str(path), "--dry-run"]
    command += ["--index", str(index), "--base", "/nowhere", "--output", str(output)]
    started_s = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    peaks = {"driver": 0.0, "JVM": 0.0, "worker": 0.0}
    cpu_s: dict[int, float] = {}
    while process.poll() is None:
        for pid in _below(process.pid):
            kind = "driver" if pid == process.pid else "JVM" if _is_java(pid) else "worker"
            peaks[kind] = max(peaks[kind], _peak_mb(pid))
            cpu_s[pid] = max(cpu_s.get(pid, 0.0), _cpu_s(pid))
        time.sleep(0.1)
    if process.returncode:
        raise SystemExit((process.stderr.read() if process.stderr else b"").decode())
    return {"wall_s": time.perf_counter() - started_s, "cpu_s": sum(cpu_s.values()), **peaks}


def _below(pid: int) -> list[int]:
    """A process and those that it started, and they."""
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        for task in Path(f"/proc/{pid}/task").iterdir():  # the JVM starts workers in threads
            children += (task / "children").read_text().split()
    except OSError:
        return []
    return [pid, *(found for child in set(children) for found in _below(int(child)))]


def _is_java(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/comm").read_text().startswith("java")
    except OSError:
        return False


def _cpu_s(pid: int) -> float:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")  # utime, stime: proc(5)


def _peak_mb(pid: int) -> float:
    try:
        found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    except OSError:
        return 0.0
    return int(found[1]) * 1024 / 1e6 if found else 0.0


def measure_look_ups(folder: Path, lines: list[int], rows: int) -> None:
    """Print a line for each length of a list."""
    write_index(folder / "index", rows)
    print(f"an index of {rows:,} rows")
    print(f"{'lines':>10} | {'wall':>8} {'CPU':>8} | {'driver':>9} {'JVM':>9} {'a worker':>9}")
    for number in lines:
        path = folder / f"{number}.txt"
        write_list(path, number, rows)
        found = look_up(path, folder / "index", folder / f"out-{number}")
        sizes = " ".join(f"{found[kind]:>6.0f} MB" for kind in ("driver", "JVM", "worker"))
        print(f"{number:>10,} | {found['wall_s']:>6.1f} s {found['cpu_s']:>6.1f} s | {sizes}")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--size-mb", type=float, default=256.0)
    parser.add_argument("--latency-ms", type=float, nargs="+", default=[20.0, 80.0])
    parser.add_argument("--mb-per-s", type=float, default=50.0)
    parser.add_argument("--join-gap-bytes", type=int, default=Recipe().fetch.join_gap_bytes)
    parser.add_argument("--lines", type=int, nargs="+", help="lengths of lists to look up")
    parser.add_argument("--index-rows", type=int, default=2_000_000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        if options.lines:
            measure_look_ups(Path(folder), options.lines, options.index_rows)
            return
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
