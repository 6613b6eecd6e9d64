"""The parent of the extraction child: it outlives every page.

:func:`supervised_rows` yields the child's frames. Where a page takes too long or too much
memory the child is killed; where the child dies by itself the record in the journal is what
it died of. That record becomes a drop, a new child goes on behind the last frame, and no
other record is lost. One child process serves the whole chunk; there is none per page.
"""

from __future__ import annotations

import json
import mmap
import os
import select
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any, BinaryIO

import pyarrow as pa

from cc_math.errors import ChildError
from cc_math.extraction.child import HEADER, JOURNAL, TABLES
from cc_math.manifests import Json
from cc_math.schema import DropReason

WATCH_INTERVAL_S = 0.05  # chosen: a runaway page fills at most some 200 MB between two looks
END_TIMEOUT_S = 10.0  # chosen: from a closed pipe to the exit status, core dump included
READ_RETRIES = 3  # chosen: of a read that fails at the same byte, a second or more apart
START_TIMEOUT_S = 120.0  # chosen: imports and models on a cold, busy machine


@dataclass(slots=True)
class Frame:
    """Finished rows by table, with counts and notes of the same records."""

    head: Json
    rows: dict[str, pa.Table] = field(default_factory=dict)


def supervised_rows(config: Json) -> Iterator[Frame]:
    """Frames of all records in the configured range; see :func:`cc_math.extraction.child.work`.

    Raises ChildError where a child cannot start, fails outside a page, or dies without a
    record in hand.
    """
    skip: dict[str, list[str]] = {}
    resume_bytes = int(config["start_bytes"])
    failed_at_bytes, failures = -1, 0
    while True:
        with closing(_Child({**config, "skip": skip, "resume_bytes": resume_bytes})) as child:
            for frame in child.frames():
                resume_bytes = max(resume_bytes, int(frame.head["resume_bytes"]))
                yield frame
                if frame.head.get("finished"):
                    return
            try:
                offset, reason, detail = child.cause_of_death()
            except ChildError:
                # most often a stream that broke off: go on where it did, if it got anywhere
                failures = 1 if resume_bytes > failed_at_bytes else failures + 1
                failed_at_bytes = resume_bytes
                if not child.was_ready or failures > READ_RETRIES:
                    raise
                time.sleep(failures)
                continue
        if str(offset) in skip:
            raise ChildError(f"{config['uri']}: the child died again at a record it was to skip")
        skip[str(offset)] = [reason.value, detail]


class _Child:
    """One child process, its pipe and its journal."""

    def __init__(self, config: Json) -> None:
        self._limit_bytes = int(config["settings"]["memory_limit_bytes"])
        self._deadline_s = float(config["settings"]["deadline_s"])
        self._killed: tuple[int, DropReason, str] | None = None
        self._ready = False
        self._baseline_bytes = 0
        self._started_s = time.monotonic()
        self._uri = str(config["uri"])
        self._journal_file = tempfile.TemporaryFile()  # noqa: SIM115 - lives with the child
        self._journal_file.truncate(JOURNAL.size)
        self._journal = mmap.mmap(self._journal_file.fileno(), JOURNAL.size)
        JOURNAL.pack_into(self._journal, 0, -1, 0.0)
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - lives with the child
        read_fd, write_fd = os.pipe()
        fds = (write_fd, self._journal_file.fileno())
        environment = dict(os.environ, PYTHONPATH=os.pathsep.join(p for p in sys.path if p))
        environment.setdefault("OMP_NUM_THREADS", "1")  # a task owns one core
        # glibc's malloc(3) on huge pages: automata and models of tens of megabytes are read all
        # over for every page; measured, 2 % of the time alone on a machine and 7 % on a busy one
        environment.setdefault("GLIBC_TUNABLES", "glibc.malloc.hugetlb=1")
        self._process = subprocess.Popen(
            [sys.executable, "-m", "cc_math.extraction.child", *(str(fd) for fd in fds)],
            stdin=subprocess.PIPE,
            stdout=self._errors,
            stderr=self._errors,
            pass_fds=fds,
            env=environment,
        )
        os.close(write_fd)
        self._pipe: BinaryIO = os.fdopen(read_fd, "rb", buffering=0)
        assert self._process.stdin is not None
        try:
            given = {**config, "parent_pid": os.getpid()}
            self._process.stdin.write(json.dumps(given).encode())
            self._process.stdin.close()
        except BrokenPipeError:
            pass  # it is dead already; frames() will find out

    def frames(self) -> Iterator[Frame]:
        """Frames until the pipe ends, watching the page in hand meanwhile."""
        buffer = bytearray()
        wanted = HEADER.size
        lengths: tuple[int, ...] | None = None
        while True:
            ready, _, _ = select.select([self._pipe], [], [], WATCH_INTERVAL_S)
            if not ready:
                self._watch()
                continue
            data = self._pipe.read(1 << 20)
            if not data:
                self._wait_for_end()
                return
            buffer += data
            while len(buffer) >= wanted:
                if lengths is None:
                    lengths = HEADER.unpack_from(buffer)
                    del buffer[: HEADER.size]
                    wanted = sum(lengths)
                    continue
                frame = _decode(bytes(buffer[:wanted]), lengths)
                del buffer[:wanted]
                lengths, wanted = None, HEADER.size
                self._note_ready(frame)
                yield frame
            self._watch()

    def _wait_for_end(self) -> None:
        try:
            self._process.wait(END_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()

    @property
    def was_ready(self) -> bool:
        """Whether the child got as far as reading."""
        return self._ready

    def _note_ready(self, frame: Frame) -> None:
        if frame.head.get("ready"):
            self._ready = True
            self._baseline_bytes = _resident_bytes(self._process.pid)

    def _watch(self) -> None:
        offset, page_started_s = JOURNAL.unpack_from(self._journal, 0)
        if not self._ready:
            if time.monotonic() - self._started_s > START_TIMEOUT_S:
                self._process.kill()
            return
        if offset < 0 or self._killed is not None:
            return
        used_bytes = _resident_bytes(self._process.pid) - self._baseline_bytes
        if time.monotonic() - page_started_s > self._deadline_s:
            self._killed = (offset, DropReason.deadline, f"longer than {self._deadline_s:g} s")
        elif used_bytes > self._limit_bytes:
            self._killed = (offset, DropReason.memory_limit, f"more than {self._limit_bytes} bytes")
        if self._killed is not None:
            self._process.kill()

    def cause_of_death(self) -> tuple[int, DropReason, str]:
        """Offset of the record in hand, and why it is dropped. Raises ChildError without one."""
        status = self._process.wait()
        if self._killed is not None:
            return self._killed  # the child may have put the record down before the kill arrived
        offset, _ = JOURNAL.unpack_from(self._journal, 0)
        if offset < 0:
            self._errors.seek(0)
            said = self._errors.read()[-2000:].decode("utf-8", "replace").strip()
            raise ChildError(
                f"{self._uri}: the extraction child ended with status {status} and no record in "
                f"hand; it said: {said or 'nothing'}"
            )
        return int(offset), DropReason.child_crashed, f"exit status {status}"

    def close(self) -> None:
        """End the process, whatever it does, and let go of its files."""
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        self._pipe.close()
        self._journal.close()
        self._journal_file.close()
        self._errors.close()


def _decode(data: bytes, lengths: tuple[int, ...]) -> Frame:
    head_length, *table_lengths = lengths
    frame = Frame(json.loads(data[:head_length]))
    position = head_length
    for table, length in zip(TABLES, table_lengths, strict=True):
        if length:
            reader: Any = pa.ipc.open_stream(data[position : position + length])
            frame.rows[table] = reader.read_all()
        position += length
    return frame


def _resident_bytes(pid: int) -> int:
    """Resident memory of a process; 0 where the system has no /proc."""
    try:
        with open(f"/proc/{pid}/statm", "rb", buffering=0) as statm:  # read twenty times a second
            return int(statm.read().split()[1]) * mmap.PAGESIZE
    except (OSError, ValueError, IndexError):
        return 0
