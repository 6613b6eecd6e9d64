"""The thresholds: which documents are published, and with what text.

Plain functions on plain values; :mod:`cc_math.spark.compose` feeds them. Every rule but the
one about duplicates is a function of a document and its sidecars; duplicates are chosen
among the documents that pass all of these, so that a twin is never lost because the kept
copy fell below a threshold.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

Span = tuple[int, int]


class ComposeDrop(StrEnum):
    """Why a document is not in the corpus, in the order in which the rules act."""

    repeated = "repeated"  # the same capture again
    not_recalled = "not_recalled"  # a table of recalled documents was given, without this one
    unscored = "unscored"  # scores were given, and this document has none
    below_min_score = "below_min_score"
    other_language = "other_language"
    opted_out = "opted_out"
    contaminated = "contaminated"
    too_short = "too_short"  # after the cuts
    duplicate_url = "duplicate_url"
    duplicate_exact = "duplicate_exact"
    duplicate_near = "duplicate_near"
    over_kind_share = "over_kind_share"  # other kinds of pages were to have a larger share


QUALITY_DROP = "quality:"
"""Begins the reason of a document that fails a quality rule; the rule's name follows. These
rules act after those of one document above and before duplicates are chosen."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of one document when it is judged. ``score`` is None where scores were not
    given; ``cuts`` are the passages that the recipe leaves out, ``failures`` the quality rules that
    what is left fails; ``recalled`` is None where no table of recalled documents was given."""

    score: float | None
    scored: bool
    language: str
    opt_out: str
    contaminated: bool
    contamination_cut: bool
    length_chars: int
    cuts: Sequence[Span]
    failures: Sequence[str] = ()
    recalled: bool | None = None


def judge(facts: Facts, settings: dict[str, Any]) -> str | None:
    """The first rule that keeps a document out: a :class:`ComposeDrop`, or a quality rule after
    :data:`QUALITY_DROP`. ``settings`` are the recipe's [compose], with [quality] as "quality".

    Of recalled documents the round's threshold has decided already: no other one acts."""
    if facts.recalled is False:
        return ComposeDrop.not_recalled
    if facts.scored and facts.recalled is None:
        if facts.score is None:
            return ComposeDrop.unscored
        if facts.score < settings["min_score"]:
            return ComposeDrop.below_min_score
    if settings["languages"] and facts.language not in settings["languages"]:
        return ComposeDrop.other_language
    if set(facts.opt_out.split(",")) & set(settings["exclude_opt_out"]):
        return ComposeDrop.opted_out
    # where the passage is to be cut and no cut is given, the document goes
    uncut = settings["contamination"] == "cut" and not facts.contamination_cut
    if facts.contaminated and (settings["contamination"] == "drop" or uncut):
        return ComposeDrop.contaminated
    left_chars = facts.length_chars - sum(end - start for start, end in merged(facts.cuts))
    if left_chars < settings["min_text_chars"]:
        return ComposeDrop.too_short
    for rule in settings["quality"]["apply"]:
        if rule in facts.failures:
            return f"{QUALITY_DROP}{rule}"
    return None


def merged(spans: Sequence[Span]) -> list[Span]:
    """Spans sorted, overlapping and touching ones joined."""
    joined: list[Span] = []
    for start, end in sorted(spans):
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(joined[-1][1], end))
        else:
            joined.append((start, end))
    return joined


def without(text: str, spans: Sequence[Span]) -> str:
    """``text`` less the passages ``spans``; blank lines that a cut leaves are not doubled."""
    pieces, at = [], 0
    for start, end in merged(spans):
        pieces.append(text[at:start])
        at = max(at, end)
    pieces.append(text[at:])
    if len(pieces) == 1:
        return text
    kept = [piece.strip("\n") for piece in pieces]
    return "\n\n".join(piece for piece in kept if piece.strip())


def acting_cuts(cuts: Sequence[tuple[int, int, str]], contamination: str) -> list[Span]:
    """The passages that the recipe cuts: contamination only where its rule is 'cut'."""
    return [(a, b) for a, b, why in cuts if why != "contamination" or contamination == "cut"]


def metadata_json(row: dict[str, Any], cut_chars: int, kind: str) -> str:
    """The corpus's `metadata` column: what FineMath's columns have no place for. ``kind`` is the
    likeliest kind of page, '' where the scores tell none."""
    values = {
        "title": row["title"] or "",
        "opt_out": row["opt_out"] or "",
        "formula_counts": dict(row["formula_counts"] or []),
        "formula_faults": dict(row["formula_faults"] or []),
        "cut_chars": cut_chars,
        "kind": kind,
    }
    return json.dumps(values, sort_keys=True, ensure_ascii=False)
