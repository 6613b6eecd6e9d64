"""What cc-math asks of a place where files are kept, and how such a place lists them.

The interface that :mod:`cc_math.storage` (disk, S3), :mod:`cc_math.https` and
:mod:`cc_math.faults` implement.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol


@dataclass(frozen=True, slots=True, order=True)
class Entry:
    """One file of a listing."""

    uri: str
    size_bytes: int


class Store(Protocol):
    """What cc-math asks of a place where files are kept."""

    def open_range(self, uri: str, start_bytes: int = 0) -> BinaryIO:
        """A stream of ``uri`` from ``start_bytes`` to its end; only ``read(n)`` and ``close``.

        A start at or behind the end gives an empty stream.
        """

    def read_range(self, uri: str, start_bytes: int, end_bytes: int) -> bytes:
        """The bytes ``[start_bytes, end_bytes)`` in one request, fewer where the file ends."""

    def size_bytes(self, uri: str) -> int | None:
        """Size of the file in bytes, or None where there is no such file."""

    def list_files(self, uri: str) -> list[Entry]:
        """All files below the folder ``uri``, at any depth, sorted by URI."""

    def read_bytes(self, uri: str) -> bytes:
        """The whole file. Raises InputError where there is none."""

    def put_bytes(self, data: bytes, uri: str) -> None:
        """Write a file whole, replacing what stands there."""

    def put_new(self, data: bytes, uri: str) -> bool:
        """Write a file only where none stands; False when one does."""

    def put_file(self, path: Path, uri: str) -> None:
        """Move a finished local file to ``uri``, replacing what stands there."""

    def delete(self, uri: str) -> None:
        """Remove a file; nothing happens where there is none."""
