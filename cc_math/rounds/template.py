"""Pages that a template repeats, and twins of pages that must stay out of a seed.

Owns the sketch of a page and the rule by which two pages count as one. A page is known by its
normalised line, the one that the trainer reads: formulas left out, numbers one token. Its
shingles of three words are sketched by MinHash; two pages of which the sketches agree in
`max_template_overlap` of their values or more are one template's, and of such pages of one site
the first in hash order enters a seed. Reads and writes nothing.

The trade: an estimate (standard error .07 at an overlap of .8) instead of the verified overlap
of `dedup`: a page too many or too few among a site's hundred does no harm, and 128 bytes a page
can go through an exchange where texts could not.

Legend: P values of a sketch.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cc_math.dedup.minhash import permutations, signature
from cc_math.dedup.shingles import shingles

SKETCH_VALUES = 32  # P; chosen: 128 bytes a page
_SHINGLE_WORDS = 3  # chosen: short pages have few longer ones
# Two values a band: pages of overlap .8 share a band with probability 1 - (1 - .64)^16 > .9999.
_BAND_BYTES = 8
_FUNCTIONS = permutations(SKETCH_VALUES, 20240201)  # chosen: any fixed number

Sketch = bytes


def sketch_of(line: str) -> Sketch:
    """The sketch of a normalised line: P little-endian uint32 as bytes."""
    found: NDArray[np.uint32] = signature(shingles(line.split(), _SHINGLE_WORDS), _FUNCTIONS)
    return found.astype("<u4").tobytes()


def sketch_overlap(one: Sketch, other: Sketch) -> float:
    """Estimated Jaccard overlap of the shingles of two pages, 0-1."""
    left, right = (np.frombuffer(sketch, dtype="<u4") for sketch in (one, other))
    return float(np.mean(left == right))


class Twins:
    """Sketches met so far, and whether another is one of theirs; found by bands, then compared."""

    def __init__(self, max_overlap: float) -> None:
        self._max_overlap = max_overlap
        self._bands: dict[tuple[int, bytes], list[Sketch]] = {}

    def add(self, sketch: Sketch) -> None:
        """Remember a page."""
        for band in _bands(sketch):
            self._bands.setdefault(band, []).append(sketch)

    def holds(self, sketch: Sketch) -> bool:
        """Whether a page met before overlaps this one by `max_overlap` or more."""
        compared: set[Sketch] = set()
        for band in _bands(sketch):
            for other in self._bands.get(band, ()):
                if other not in compared:
                    compared.add(other)
                    if sketch_overlap(sketch, other) >= self._max_overlap:
                        return True
        return False


def _bands(sketch: Sketch) -> list[tuple[int, bytes]]:
    starts = range(0, len(sketch), _BAND_BYTES)
    return [(start, sketch[start : start + _BAND_BYTES]) for start in starts]
