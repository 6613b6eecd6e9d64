"""Where a document holds a text of a benchmark.

Two rules over one index:

``ngram``     the paper's (Shao et al. 2024, §2.1): any run of ten words that stands in a
              benchmark text, and benchmark texts of three to nine words as a whole. With
              formulas counted word by word it removes pages for ``f(x) = x^2 + 1, find``.
``coverage``  the acting rule: in a stretch of the document at most ``window_share`` times as
              long as the benchmark text, n-grams of that text cover nearly all of it
              (``whole_strength``, and ``whole_words`` telling words), or much of it
              (``part_strength`` and ``part_words``), or a run of it without a gap has
              ``run_words``. So one changed number or a formula spelt otherwise does not hide
              a copied problem, and a common phrase or formula does not condemn a page.

A problem that is hardly more than a formula cannot be told from anybody's exercise on that
formula: :func:`undetectable` counts such texts, for the card. Every match is checked word by
word against the benchmark's text before it counts.

Legend: W words of the document, M matched postings.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cc_math.decontaminate.index import Index, counted_words, telling_words
from cc_math.dedup.shingles import ngram_hashes, word_hashes
from cc_math.text import match_spans, match_words

NGRAM_COLUMN_CHARS = 200  # of the column `ngram` in the table `contamination`


@dataclass(frozen=True, slots=True)
class Rule:
    """Thresholds of a rule, in words of the match.

    ``whole_words`` counts different words, single characters half (:func:`counted_words`);
    ``part_words`` and ``run_words`` telling ones (:func:`telling_words`), but where
    ``telling`` is false ``run_words`` counts every word. A ``part_strength`` above 1
    switches its clause off.
    """

    name: str
    whole_strength: float
    whole_words: float
    part_strength: float
    part_words: float
    run_words: float
    window_share: float
    telling: bool


NGRAM_RULE = Rule("ngram", 1.0, 2.0, 2.0, 0.0, 10.0, 1.0, telling=False)
"""Shao et al. 2024, §2.1: 10-grams, and texts of 3 to 9 grams whole. For an index of 10-grams
built with ``common_texts`` of at least the number of texts, so that none is left out. Single
characters count half, because their words were not split within formulas and ours are."""


@dataclass(frozen=True, slots=True)
class Hit:
    """A benchmark text found in a document: a row of ``contamination`` without its doc_id."""

    benchmark: str
    item_id: str
    field: str  # question or answer
    rule: str
    ngram: str
    start_char: int
    end_char: int
    strength: float


@dataclass(frozen=True, slots=True)
class _Match:
    """A found text: document words first … last - 1, the longest run, the share covered."""

    text: int
    first: int
    last: int
    run_first: int
    run_last: int
    strength: float


def find_hits(text: str, index: Index, rule: Rule) -> list[Hit]:
    """All hits of ``rule`` in a document, by place; one for each item of a found text."""
    words = match_words(text)
    matches = _find_matches(words, index, rule)
    if not matches:
        return []
    spans = match_spans(text)
    hits = []
    for match in matches:
        ngram = " ".join(words[match.run_first : match.run_last])[:NGRAM_COLUMN_CHARS]
        start, end = spans[match.first][1], max(s[2] for s in spans[match.first : match.last])
        hits += [
            Hit(benchmark, item_id, field, rule.name, ngram, start, end, match.strength)
            for benchmark, item_id, field in index.sources[match.text]
        ]
    return sorted(hits, key=lambda h: (h.start_char, h.end_char, h.benchmark, h.item_id, h.field))


def undetectable(index: Index, rule: Rule) -> list[tuple[str, str, str]]:
    """Sources of the texts that ``rule`` could not find even in a document that is the text.

    Texts of fewer than ``short_words`` words are not in the index and not in this list.
    """
    return [
        source
        for text, sources in enumerate(index.sources)
        if not any(match.text == text for match in _find_matches(index.words(text), index, rule))
        for source in sources
    ]


def _find_matches(words: Sequence[str], index: Index, rule: Rule) -> list[_Match]:
    text, place, at = _postings_of(word_hashes(words), index)
    matches: list[_Match] = []
    promising = _promising(text, place, at, index, rule)
    if len(promising):
        order = np.argsort(text, kind="stable")
        text, place, at = text[order], place[order], at[order]
    for number in promising.tolist():
        part = slice(*np.searchsorted(text, [number, number + 1]).tolist())
        matches += _matches_of_text(number, place[part], at[part], words, index, rule)
    return matches


def _postings_of(
    hashes: NDArray[np.uint64], index: Index
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Text, word in that text, and word in the document of each matched posting: int64[M]."""
    numbers, places = [], []
    for length in index.lengths.tolist():
        at, number = index.lookup(ngram_hashes(hashes, length))
        numbers.append(number)
        places.append(at)
    if not numbers:
        none = np.empty(0, dtype=np.int64)
        return none, none, none
    number, at = np.concatenate(numbers), np.concatenate(places)
    count = index.posting_start[number + 1] - index.posting_start[number]
    ends = np.cumsum(count)
    posting = np.arange(ends[-1] if len(ends) else 0) - np.repeat(ends - count, count)
    posting += np.repeat(index.posting_start[number], count)
    return (
        index.posting_text[posting].astype(np.int64),
        index.posting_word[posting].astype(np.int64),
        np.repeat(at, count),
    )


def _promising(
    text: NDArray[np.int64],
    place: NDArray[np.int64],
    at: NDArray[np.int64],
    index: Index,
    rule: Rule,
) -> NDArray[np.int64]:
    """Texts that may pass the rule: enough different n-grams, or enough of them in a row.

    Bounds, not the rule: a word counts at most 1 and an n-gram covers ``ngram_words``.
    """
    if not len(text):
        return text
    size = index.ngram_words
    different = np.unique(text << 32 | place) >> 32  # sorting one column is ten times as fast
    found, grams = np.unique(different, return_counts=True)
    lengths = index.text_start[found + 1] - index.text_start[found]
    need = min(rule.part_strength, rule.whole_strength) * index.coverable[found]
    enough = (lengths < size) | (grams * size >= need)
    order = np.lexsort((at, at - place, text))
    texts, diagonals, ats = text[order], (at - place)[order], at[order]
    broken = np.r_[
        True,
        (texts[1:] != texts[:-1]) | (diagonals[1:] != diagonals[:-1]) | (ats[1:] != ats[:-1] + 1),
    ]
    starts = np.flatnonzero(broken)
    runs = np.diff(np.r_[starts, len(texts)]) + size - 1
    return np.union1d(found[enough], texts[starts[runs >= rule.run_words]])


def _matches_of_text(
    text: int,
    place: NDArray[np.int64],
    at: NDArray[np.int64],
    words: Sequence[str],
    index: Index,
    rule: Rule,
) -> list[_Match]:
    """Matches of one benchmark text, left to right and apart from each other.

    A window slides over the matched n-grams by their place in the document; the first
    window that passes and from which none better overlaps it is a match.
    """
    asked = index.words(text)
    length = min(index.ngram_words, len(asked))
    same = [
        words[a : a + length] == asked[p : p + length]
        for a, p in zip(at.tolist(), place.tolist(), strict=True)
    ]
    order = np.lexsort((place, at))
    order = order[np.array(same, dtype=bool)[order]]
    at, place = at[order], place[order]
    start = int(index.text_start[text])
    weight = index.weight[start : start + len(asked)]
    reach = max(len(asked), int(rule.window_share * len(asked)))
    matches: list[_Match] = []
    done = 0
    while done < len(at):
        # A window from each matched n-gram on; windows over a page of one repeated phrase
        # are tried at most once per quarter of the text's length.
        end = int(np.searchsorted(at, at[done] + reach - length, side="right"))
        match = _judge(text, at[done:end], place[done:end], asked, weight, index, rule)
        if match is None:
            done = max(
                done + 1, int(np.searchsorted(at, at[done] + max(1, len(asked) // 4), side="left"))
            )
        else:
            matches.append(match)
            done = int(np.searchsorted(at, match.last, side="left"))
    return matches


def _judge(
    text: int,
    at: NDArray[np.int64],
    place: NDArray[np.int64],
    asked: Sequence[str],
    weight: NDArray[np.float32],
    index: Index,
    rule: Rule,
) -> _Match | None:
    """The match made by these n-grams of one window, None where the rule does not hold."""
    length = min(index.ngram_words, len(asked))
    whole = max(float(index.coverable[text]), float(weight.sum()) / 2)
    steps = np.bincount(place, minlength=len(asked) + 1)
    steps -= np.bincount(place + length, minlength=len(asked) + 1)
    is_covered = np.cumsum(steps)[:-1] > 0
    strength = min(1.0, float(weight[is_covered].sum()) / whole)
    covered = {asked[i] for i in np.flatnonzero(is_covered).tolist()}
    first, last, start = _longest_run(at, place, length, weight)
    run = asked[start : start + last - first]
    run_words = telling_words(run) if rule.telling else counted_words(run)
    if not (
        (strength >= rule.whole_strength and counted_words(covered) >= rule.whole_words)
        or (strength >= rule.part_strength and telling_words(covered) >= rule.part_words)
        or run_words >= rule.run_words
    ):
        return None
    return _Match(text, int(at[0]), int(at[-1]) + length, first, last, round(strength, 4))


def _longest_run(
    at: NDArray[np.int64], place: NDArray[np.int64], length: int, weights: NDArray[np.float32]
) -> tuple[int, int, int]:
    """Document words first and last, and text word first, of the heaviest unbroken run."""
    order = np.lexsort((at, at - place))
    at, place = at[order], place[order]
    broken = np.r_[True, ((at - place)[1:] != (at - place)[:-1]) | (at[1:] != at[:-1] + 1)]
    starts = np.flatnonzero(broken)
    ends = np.r_[starts[1:], len(at)] - 1
    total = np.concatenate([np.zeros(1), np.cumsum(weights, dtype=np.float64)])
    values = total[place[ends] + length] - total[place[starts]]
    best = int(np.argmax(values))
    return int(at[starts[best]]), int(at[ends[best]]) + length, int(place[starts[best]])
