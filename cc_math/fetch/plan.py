"""Wanted records of one WARC → the byte ranges to ask for.

Owns the trade between bytes and requests: two ranges are joined where the gap between them is
smaller than what a request costs, and behind each record some bytes more are asked for, since
its languages stand in the metadata record that follows it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import pyarrow as pa

FOLLOW_BYTES = 1024
"""Bytes asked for behind a record, for the metadata member that follows a response. Measured:
354 to 625 bytes for 1,926 captures of one WARC; what is longer costs one more request."""

MAX_READ_BYTES = 8 << 20  # chosen: joined reads are held in memory, several at a time

WANTED_ROWS = pa.schema(
    [
        ("warc_record_offset", pa.int64()),
        ("warc_record_length", pa.int64()),
        ("url", pa.string()),
        ("doc_id", pa.string()),
    ]
)
"""Columns of the rows that a chunk works from; an empty doc_id stands for any capture there."""


@dataclass(frozen=True, slots=True, order=True)
class WantedRecord:
    """One wanted record of a WARC. ``doc_id`` is '' where any capture of ``url`` there will do."""

    offset_bytes: int
    length_bytes: int
    url: str
    doc_id: str

    @property
    def end_bytes(self) -> int:
        """One past the record's last byte, by what was said of it."""
        return self.offset_bytes + self.length_bytes

    def is_possible(self, max_record_bytes: int) -> bool:
        """Whether a sound record can stand there: nothing is asked for otherwise."""
        return self.offset_bytes >= 0 and 0 < self.length_bytes <= max_record_bytes


@dataclass(frozen=True, slots=True)
class Cost:
    """What some reads move: requests and bytes."""

    requests: int
    size_bytes: int


def plan_reads(
    records: Iterable[WantedRecord], *, join_gap_bytes: int, max_read_bytes: int = MAX_READ_BYTES
) -> list[tuple[int, int]]:
    """Byte ranges ``(start, end)`` that cover ``records`` (sorted by offset) and what follows them.

    Neighbours are joined where at most ``join_gap_bytes`` lie between them, up to
    ``max_read_bytes`` in one range; a single record may be larger.
    """
    reads: list[tuple[int, int]] = []
    for record in records:
        start, end = record.offset_bytes, record.end_bytes + FOLLOW_BYTES
        if reads:
            first, last = reads[-1]
            joined = max(last, end)
            if start - last <= join_gap_bytes and joined - first <= max_read_bytes:
                reads[-1] = (first, joined)
                continue
        reads.append((start, end))
    return reads


def read_cost(records: Sequence[WantedRecord], *, join_gap_bytes: int, whole: bool) -> Cost:
    """What fetching ``records`` moves: joined ranges, or one read from the first to the last."""
    if not records:
        return Cost(0, 0)
    if whole:
        last = max(record.end_bytes for record in records) + FOLLOW_BYTES
        return Cost(1, last - records[0].offset_bytes)
    reads = plan_reads(records, join_gap_bytes=join_gap_bytes)
    return Cost(len(reads), sum(end - start for start, end in reads))


REQUEST_S = 0.1  # chosen for estimates: a range request to another region or through a CDN
BYTES_PER_S = 25e6  # chosen for estimates: one stream of a good line
PAGE_S = 0.006  # measured: full extraction of a page that passes the first selection


def estimated_s(cost: Cost, pages: int) -> float:
    """A rough time in seconds for one task that moves ``cost`` and judges ``pages``."""
    return cost.requests * REQUEST_S + cost.size_bytes / BYTES_PER_S + pages * PAGE_S
