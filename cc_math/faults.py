"""The fault injector: a store that fails where a test or a drill tells it to.

``CC_MATH_FAULTS`` holds JSON, a list of ``{"operation", "contains", "nth", "action"}``:
the ``nth`` call (from 1, counted per process) of the store's ``operation`` whose URI
contains ``contains`` does ``action``: ``fail`` raises StorageError before anything is
written, ``fail_after`` after it was written (a lost reply), ``exit`` ends the process at
once, as a machine that is taken away does. An environment variable, since Spark's workers
are other processes; unset, stores are handed out unwrapped.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, BinaryIO

from cc_math.errors import StorageError, UserError
from cc_math.store import Entry, Store

VARIABLE = "CC_MATH_FAULTS"
_calls: dict[int, int] = {}  # index of a fault in the plan -> matching calls seen so far


class FaultyStore:
    """A store that obeys a plan of faults and otherwise passes everything on."""

    def __init__(self, store: Store, plan: list[dict[str, Any]]) -> None:
        self._store, self._plan = store, plan

    def _act(self, operation: str, uri: str, after: bool) -> None:
        for index, fault in enumerate(self._plan):
            if fault["operation"] != operation or fault.get("contains", "") not in uri:
                continue
            if after != (fault["action"] == "fail_after"):
                continue
            _calls[index] = _calls.get(index, 0) + 1
            if _calls[index] == int(fault.get("nth", 1)):
                if fault["action"] == "exit":
                    os._exit(77)
                raise StorageError(f"{operation} {uri}: injected fault")

    def open_range(self, uri: str, start_bytes: int = 0) -> BinaryIO:
        self._act("open_range", uri, after=False)
        return self._store.open_range(uri, start_bytes)

    def read_range(self, uri: str, start_bytes: int, end_bytes: int) -> bytes:
        self._act("read_range", uri, after=False)
        return self._store.read_range(uri, start_bytes, end_bytes)

    def size_bytes(self, uri: str) -> int | None:
        self._act("size_bytes", uri, after=False)
        return self._store.size_bytes(uri)

    def list_files(self, uri: str) -> list[Entry]:
        self._act("list_files", uri, after=False)
        return self._store.list_files(uri)

    def read_bytes(self, uri: str) -> bytes:
        self._act("read_bytes", uri, after=False)
        return self._store.read_bytes(uri)

    def put_bytes(self, data: bytes, uri: str) -> None:
        self._act("put_bytes", uri, after=False)
        self._store.put_bytes(data, uri)
        self._act("put_bytes", uri, after=True)

    def put_new(self, data: bytes, uri: str) -> bool:
        self._act("put_new", uri, after=False)
        written = self._store.put_new(data, uri)
        self._act("put_new", uri, after=True)
        return written

    def put_file(self, path: Path, uri: str) -> None:
        self._act("put_file", uri, after=False)
        self._store.put_file(path, uri)
        self._act("put_file", uri, after=True)

    def delete(self, uri: str) -> None:
        self._act("delete", uri, after=False)
        self._store.delete(uri)


def wrapped(store: Store) -> Store:
    """``store`` itself, or with the faults of ``CC_MATH_FAULTS`` before it."""
    text = os.environ.get(VARIABLE)
    if not text:
        return store
    try:
        plan = json.loads(text)
    except ValueError as error:
        raise UserError(f"{VARIABLE} is not JSON: {error}") from None
    return FaultyStore(store, plan)
