"""The extraction child: reads captures, judges them, sends rows; it may die at any page.

Run as ``python -m cc_math.extraction.child FRAMES_FD JOURNAL_FD`` with its configuration as
JSON on standard input, by :mod:`cc_math.extraction.supervise` only. Before each page it
writes the record's offset and the time to the journal (shared memory), so that the parent
knows what was in hand. Finished rows leave as Arrow frames together with the offset from
which a successor must go on: what a frame carries is safe, the rest is judged again.
"""

from __future__ import annotations

import ctypes
import importlib
import importlib.abc
import io
import json
import mmap
import os
import resource
import signal
import struct
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing
from types import ModuleType
from typing import Any, BinaryIO

import pyarrow as pa

from cc_math.extraction.missed import Missed
from cc_math.extraction.rows import Judge, Row, Rows
from cc_math.manifests import Json
from cc_math.schema import Drop, DropReason
from cc_math.storage import store_for
from cc_math.tables import rows_table
from cc_math.warc import Capture, Damage, Item, classify_response, read_captures

JOURNAL = struct.Struct("<qd")  # offset of the record in hand (-1: none), monotonic start in s
_OFFSET, _STARTED = struct.Struct("<q"), struct.Struct("<d")
HEADER = struct.Struct("<4Q")  # lengths in bytes: JSON, pages, documents, html
FRAME_ROWS = 256  # chosen: what a crash costs again is below a second of work
FRAME_SECONDS = 0.5
FRAME_BYTES = 8 << 20
_PR_SET_PDEATHSIG = 1  # linux/prctl.h
TABLES = ("pages", "documents", "html")


def take_in_hand(journal: mmap.mmap, offset: int) -> None:
    """Journal a record. The time goes first: the parent, which reads while this writes, must
    never see the offset of one record with the time of another."""
    _STARTED.pack_into(journal, _OFFSET.size, time.monotonic())
    _OFFSET.pack_into(journal, 0, offset)


def put_down(journal: mmap.mmap) -> None:
    """Journal that no record is in hand."""
    _OFFSET.pack_into(journal, 0, -1)


class FrameSender:
    """Gathers rows and counts of finished records and sends them as frames."""

    def __init__(self, sink: BinaryIO) -> None:
        self._sink = sink
        self._rows: dict[str, list[Row]] = {table: [] for table in TABLES}
        self._counts: Counter[str] = Counter()
        self._notes: list[Json] = []
        self._resume_bytes = 0
        self._held_bytes = 0
        self._sent_s = time.monotonic()

    def count(self, name: str) -> None:
        """Count one record under ``name``."""
        self._counts[name] += 1

    def note(self, note: Json) -> None:
        """Add a note for the manifest."""
        self._notes.append(note)

    def add(self, rows: Rows) -> None:
        """Add the rows of one page."""
        for table, row in zip(TABLES, (rows.page, rows.document, rows.html), strict=True):
            if row is not None:
                self._rows[table].append(row)
                self._held_bytes += len(row.get("text", "")) + len(row.get("payload_zstd", b""))

    def finished(self, resume_bytes: int) -> None:
        """All records before ``resume_bytes`` are done; send a frame when it is time."""
        self._resume_bytes = resume_bytes
        waited_s = time.monotonic() - self._sent_s
        full = len(self._rows["pages"]) >= FRAME_ROWS or self._held_bytes > FRAME_BYTES
        if full or waited_s > FRAME_SECONDS:
            self.send({})

    def send(self, extra: Json) -> None:
        """Send what was gathered, with ``extra`` in the frame's JSON."""
        head = {
            "resume_bytes": self._resume_bytes,
            "counts": self._counts,
            "notes": self._notes,
            **extra,
        }
        bodies = [json.dumps(head).encode()]
        for table in TABLES:
            bodies.append(_arrow_bytes(table, self._rows[table]) if self._rows[table] else b"")
            self._rows[table] = []
        self._sink.write(HEADER.pack(*(len(body) for body in bodies)))
        for body in bodies:
            self._sink.write(body)
        self._sink.flush()
        self._counts, self._notes, self._held_bytes = Counter(), [], 0
        self._sent_s = time.monotonic()


def _arrow_bytes(table: str, rows: list[Row]) -> bytes:
    sink = io.BytesIO()
    content = rows_table(table, rows)
    with pa.ipc.new_stream(sink, content.schema) as writer:
        writer.write_table(content)
    return sink.getvalue()


def work(config: Json, sender: FrameSender, journal: mmap.mmap) -> None:
    """Read and judge the captures of the configured source; the last frame says ``finished``."""
    extract_page = _named(config["extract_page"])
    read_items: Any = _named(config["source"]) if "source" in config else warc_items
    judge = Judge(config["settings"], config["crawl"], config["listed_path"], extract_page)
    start_cpu_s = time.process_time()
    skip = {int(offset): drop for offset, drop in config["skip"].items()}
    sender.send({"ready": True, "resume_bytes": config["resume_bytes"]})
    read_s, started_s = 0.0, time.perf_counter()
    with closing(read_items(config)) as items:
        for item in items:
            read_s += time.perf_counter() - started_s
            _handle(item, judge, sender, journal, skip)
            started_s = time.perf_counter()
    judge.timings_s["read"] = read_s + time.perf_counter() - started_s
    usage = resource.getrusage(resource.RUSAGE_SELF)
    judge.timings_s["child_cpu"] = usage.ru_utime + usage.ru_stime
    judge.timings_s["child_start_cpu"] = start_cpu_s
    peak = {"peak_memory_bytes": usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)}
    sender.send({"finished": True, "timings_s": judge.timings_s, **peak})


def _named(place: str) -> Any:
    """What ``module:name`` names."""
    module, _, name = place.partition(":")
    return getattr(importlib.import_module(module), name)


def warc_items(config: Json) -> Iterator[Item]:
    """The items of the configured byte range of a WARC, from ``resume_bytes`` on."""
    resume = int(config["resume_bytes"])
    fresh = resume == int(config["start_bytes"])
    with store_for(config["uri"]).open_range(config["uri"], resume) as stream:
        yield from read_captures(
            stream,
            start_bytes=resume,
            end_bytes=config["end_bytes"],
            max_record_bytes=config["settings"]["max_record_bytes"],
            skip_before_bytes=0 if fresh else resume,
        )


def _handle(
    item: Item | Missed,
    judge: Judge,
    sender: FrameSender,
    journal: mmap.mmap,
    skip: dict[int, list[str]],
) -> None:
    if isinstance(item, Damage):
        lost = {"damage": [item.offset_start_bytes, item.offset_end_bytes], "why": item.why}
        sender.note(lost)
        sender.count("damaged_ranges")
        sender.finished(item.offset_end_bytes)
        return
    offset = item.record_offset_bytes
    if isinstance(item, Missed):
        missed = {"missed": item.reason.value, "offset": offset, "url": item.url}
        sender.note({**missed, "why": item.detail})
        sender.count(f"missed.{item.reason.value}")
        sender.finished(offset + item.record_length_bytes)
        return
    if not isinstance(item, Capture):
        sender.count(f"records.{item.type}")
        sender.finished(offset + item.record_length_bytes)
        return
    sender.count("records.response")
    why_not = classify_response(item)
    if why_not is not None:
        sender.count(f"responses.{why_not.value}")
    else:
        take_in_hand(journal, offset)
        if offset in skip:
            reason, detail = skip[offset]
            rows = judge.dropped(item, Drop(DropReason(reason), detail))
            sender.note({"drop": reason, "offset": offset, "url": rows.page["url"], "why": detail})
        else:
            rows = judge.judge(item)
        put_down(journal)
        sender.count("responses.html")
        sender.count(f"pages.{rows.page['outcome']}")
        sender.add(rows)
    sender.finished(offset + item.record_length_bytes)


def _limit_memory(limit_bytes: int) -> None:
    """Let allocations fail beyond the limit, so that a page cannot outrun the parent's watch."""
    try:
        with open("/proc/self/statm") as statm:
            used_bytes = int(statm.read().split()[0]) * mmap.PAGESIZE
        resource.setrlimit(resource.RLIMIT_AS, (used_bytes + limit_bytes,) * 2)
    except (OSError, ValueError):
        return  # no /proc (macOS): the parent's own limit is all there is


class _WithoutPandas(importlib.abc.MetaPathFinder):
    """Finds pandas missing. pyarrow imports it, where there is any, at the first list that it
    makes an array of: a third of a second and 50 MB a child, for series that none holds."""

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> None:
        """Let other finders look for everything else."""
        if name == "pandas":
            raise ModuleNotFoundError("the extraction child does without pandas", name=name)


def leave_out_pandas() -> None:
    """Make this process one without pandas, which nothing of extraction uses."""
    sys.meta_path.insert(0, _WithoutPandas())


def _die_with_parent(parent_pid: int) -> None:
    """Ask Linux to kill this process when its parent is gone: a worker that is killed must not
    leave a child behind that spins on a hostile page."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent_pid:
        os._exit(0)  # it went before the request arrived


def main(arguments: list[str]) -> None:
    """Entry point; see the module."""
    leave_out_pandas()
    frames_fd, journal_fd = (int(argument) for argument in arguments)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the driver's to handle
    config: Json = json.load(sys.stdin)
    _die_with_parent(int(config["parent_pid"]))
    journal = mmap.mmap(journal_fd, JOURNAL.size)
    put_down(journal)
    sender = FrameSender(os.fdopen(frames_fd, "wb", buffering=1 << 20))
    _limit_memory(int(config["settings"]["memory_limit_bytes"]))
    try:
        work(config, sender, journal)
    except BrokenPipeError:
        os._exit(0)  # the parent is gone: nobody wants the rest


if __name__ == "__main__":
    main(sys.argv[1:])
