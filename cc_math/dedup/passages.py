"""Passages repeated within a document, or over the documents of one site.

Owns the division of a text into blocks (paragraphs, whole formulas, whole code fences) and
the rules that cut repeated ones. A cut never begins or ends inside a formula or a fence,
because blocks do not. Deliberately conservative: only long blocks, only equal ones (white
space apart), and of a site's repeated blocks one document keeps its copy; lists of short
problems with one wording, options and headings stay as they are.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from xxhash import xxh3_64_intdigest

from cc_math.text import formula_spans

_BLANK_LINES = re.compile(r"\n[ \t]*\n\s*")
_FENCE_LINE = re.compile(r"^[ ]{0,3}(`{3,}|~{3,})(.*)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Cut:
    """A passage to leave out: text[start_char:end_char]; reason as in the table ``cuts``."""

    start_char: int
    end_char: int
    reason: str


@dataclass(frozen=True, slots=True)
class Passage:
    """A block of a text: text[start_char:end_char], and the hash of its words and signs.

    ``prose``: it holds no formula and no code.
    """

    hash64: int
    start_char: int
    end_char: int
    prose: bool


def protected_spans(text: str) -> list[tuple[int, int]]:
    """Formulas and fenced code, ascending and disjoint: spans that are kept whole."""
    spans = [(start, end) for start, end, _, _ in formula_spans(text)]
    if "```" in text or "~~~" in text:
        spans += _fences(text)
    merged: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if merged and start < merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], end))
        else:
            merged.append((start, end))
    return merged


def _fences(text: str) -> list[tuple[int, int]]:
    """Fenced code blocks (CommonMark 0.31, §4.5); one without an end runs to the text's."""
    spans = []
    mark, opened = "", 0
    for line in _FENCE_LINE.finditer(text):
        if not mark:
            mark, opened = line.group(1), line.start()
        elif line.group(1).startswith(mark) and not line.group(2).strip():
            spans.append((opened, line.end()))
            mark = ""
    return [*spans, (opened, len(text))] if mark else spans


def blocks(text: str) -> list[tuple[int, int]]:
    """Spans of the blocks of ``text``, ascending; together they are the whole text.

    A block ends where the next begins, its blank lines included, so that leaving it out
    leaves no gap.
    """
    ends = np.array([match.end() for match in _BLANK_LINES.finditer(text)], dtype=np.int64)
    protected = protected_spans(text)
    if protected and len(ends):
        starts = np.array([span[0] for span in protected], dtype=np.int64)
        stops = np.array([span[1] for span in protected], dtype=np.int64)
        place = np.searchsorted(starts, ends, side="left") - 1
        ends = ends[(place < 0) | (ends >= stops[place])]
    edges = [0, *(end for end in ends.tolist() if 0 < end < len(text)), len(text)]
    return [(a, b) for a, b in pairwise(edges) if a < b]


def passages(text: str, *, min_chars: int) -> list[Passage]:
    """Blocks of at least ``min_chars`` characters, white space counted once, with their hash."""
    protected = np.array([start for start, _ in protected_spans(text)], dtype=np.int64)
    found = []
    for start, end in blocks(text):
        if end - start < min_chars:
            continue
        words = " ".join(text[start:end].split())
        if len(words) >= min_chars:
            held = np.searchsorted(protected, [start, end])
            prose = bool(held[0] == held[1])
            found.append(Passage(xxh3_64_intdigest(words.encode()), start, end, prose))
    return found


def repeated_passages(text: str, *, min_chars: int, boilerplate: Iterable[int] = ()) -> list[Cut]:
    """Cuts for the second and later copies of a block, and for every block in ``boilerplate``.

    ``boilerplate`` holds the hashes that :func:`site_repeats` gives for this document.
    """
    cuts = []
    seen = set(boilerplate)
    for passage in passages(text, min_chars=min_chars):
        if passage.hash64 in seen:
            cuts.append(Cut(passage.start_char, passage.end_char, "repeated_passage"))
        seen.add(passage.hash64)
    return cuts


def site_repeats(
    site: NDArray[np.int64],
    hashes: NDArray[np.uint64],
    document: NDArray[np.int64],
    *,
    min_documents: int,
) -> tuple[NDArray[np.int64], NDArray[np.uint64]]:
    """Passages that stand on ``min_documents`` or more documents of one site.

    Rows are (site, passage hash, document), in any order, repeats allowed; the caller
    leaves out passages that are not ``prose``, since a repeated formula or listing is mostly
    what the page is about. Returns (document, hash) rows to cut, sorted: all but the
    smallest document of each passage, which keeps its copy.
    """
    rows = np.unique(np.stack([site.astype(np.uint64), hashes, document.astype(np.uint64)]), axis=1)
    if not rows.shape[1]:
        return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.uint64)
    first = np.r_[True, np.any(rows[:2, 1:] != rows[:2, :-1], axis=0)]
    starts = np.flatnonzero(first)
    sizes = np.diff(np.r_[starts, rows.shape[1]])
    chosen = np.repeat(sizes >= min_documents, sizes) & ~first
    documents, cut = rows[2, chosen].astype(np.int64), rows[1, chosen]
    order = np.lexsort((cut, documents))
    return documents[order], cut[order]
