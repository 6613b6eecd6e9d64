"""From hits to the passages to leave out.

The trade: the whole paragraph of a hit goes, because what follows a copied problem in it is
its numbers or its answer; of a very long paragraph only the sentences around the hit, so
that a page in one block does not vanish. No cut begins or ends inside a formula or a fence.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from cc_math.decontaminate.match import Hit
from cc_math.dedup.passages import Cut, blocks, protected_spans

_SENTENCE_END = re.compile(r"[.!?][\"')\]]*\s+|[\u3002\uff01\uff1f]|\n")


def contamination_cuts(text: str, hits: Sequence[Hit], *, margin_chars: int) -> list[Cut]:
    """Cuts for ``hits`` of :func:`find_hits` in ``text``: ascending, disjoint.

    A side of the paragraph longer than ``margin_chars`` is cut back to the sentence nearest
    the hit; a sentence that runs on beyond the margin goes to the paragraph's end.
    """
    if not hits:
        return []
    divided = blocks(text)
    starts = np.array([start for start, _ in divided])
    protected = protected_spans(text)
    merged: list[tuple[int, int]] = []
    for start_char, end_char in sorted({(hit.start_char, hit.end_char) for hit in hits}):
        first = divided[int(np.searchsorted(starts, start_char, side="right")) - 1]
        last = divided[int(np.searchsorted(starts, end_char - 1, side="right")) - 1]
        start, end = first[0], last[1]
        if start_char - start > margin_chars:
            window = (max(start, start_char - margin_chars), start_char)
            start = max(_sentence_ends(text, window, protected), default=start)
        if end - end_char > margin_chars:
            window = (end_char - 1, min(end, end_char + margin_chars))
            found = [
                place for place in _sentence_ends(text, window, protected) if place >= end_char
            ]
            end = min(found, default=end)
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], end))
        else:
            merged.append((start, end))
    return [Cut(start, end, "contamination") for start, end in merged]


def _sentence_ends(
    text: str, window: tuple[int, int], protected: Sequence[tuple[int, int]]
) -> list[int]:
    """Places in the window just after a sentence, outside formulas and fences."""
    inside = [span for span in protected if span[0] < window[1] and span[1] > window[0]]
    return [
        match.end()
        for match in _SENTENCE_END.finditer(text, *window)
        if not any(start < match.end() < end for start, end in inside)
    ]
