"""What a unit of work is: the chunk, what its function gets, and what it gives back.

Plain values, so that the functions that do the work need no Spark; :mod:`cc_math.spark.chunks`
runs them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from cc_math.manifests import FileEntry, Json
from cc_math.progress import Heartbeat


@dataclass(frozen=True, slots=True)
class Chunk:
    """A unit of work. ``input`` is its identity and goes into the manifest, ``task`` says where
    the bytes are and does not, ``weight`` is its size in the unit of the heartbeat."""

    name: str
    input: Json
    task: Json
    weight: int = 1


@dataclass(frozen=True, slots=True)
class ChunkContext:
    """What the work function gets beside its chunk."""

    output: str
    settings: Json
    heartbeat: Heartbeat


@dataclass(slots=True)
class ChunkResult:
    """What the work function made. Timings are in seconds and stay out of the manifest."""

    files: list[FileEntry] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)
    notes: list[Json] = field(default_factory=list)
    timings_s: dict[str, float] = field(default_factory=dict)


Work = Callable[[Chunk, ChunkContext], ChunkResult]
