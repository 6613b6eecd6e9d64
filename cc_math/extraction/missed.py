"""A record that was asked for by name and is not there: an item beside those of a WARC.

Readers that go to single records (:mod:`cc_math.fetch.records`) yield it in the place of the
capture, so that what was wanted and what was found add up.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class MissedReason(StrEnum):
    """Why a wanted record gave no capture."""

    no_record = "no_record"  # the file ends before it, or no record begins at its offset
    damaged = "damaged"  # a record begins there and cannot be read to its end
    not_a_response = "not_a_response"  # a request, metadata or other record stands there
    other_url = "other_url"  # the capture there is of another address
    other_capture = "other_capture"  # of the same address, with another time or content


@dataclass(frozen=True, slots=True)
class Missed:
    """A wanted record and why it gave no capture."""

    record_offset_bytes: int
    record_length_bytes: int
    url: str
    reason: MissedReason
    detail: str
