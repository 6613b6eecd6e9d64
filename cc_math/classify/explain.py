"""Why a document scores what it scores: words, runs of words and features, each with its share.

Owns the explanation that `cc-math score --explain` prints. Two sums are taken apart: the log
odds of the text model into its n-grams (see `ngrams`, exact), and the log odds of the score
into the features of the combination, each with the score that the document would have
without it (occlusion: that term set to nothing). Reads models and documents, writes nothing.

The trade: shares of a sum say what this model did with this page, not what would happen to
another page with the same word.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, cast

from cc_math.classify.calibrate import log_odds
from cc_math.classify.fasttext_model import LoadedModel
from cc_math.classify.ngrams import NgramShare, ngram_shares
from cc_math.classify.score import Classifier
from cc_math.errors import InputError
from cc_math.manifests import Part
from cc_math.tables import ColumnNames, read_documents
from cc_math.text import FormulaMask, classifier_text

Progress = Callable[[str], None]
_MOST_NGRAMS = 12  # chosen: n-grams shown for each side
_BATCH_ROWS = 64  # chosen: documents read at a time while the best are looked for


@dataclass(frozen=True, slots=True)
class FeatureShare:
    """One term of the combination: its value, its share of the log odds, the score without it."""

    name: str
    value: float
    log_odds: float
    score_without: float


@dataclass(frozen=True, slots=True)
class Explanation:
    """A score taken apart. `bias` and the features' shares sum to the score's log odds, the
    n-grams' to those of `raw`; both lists are sorted, the largest share first. `heads` holds
    the scores of the model's other heads."""

    raw: float
    score: float
    bias: float
    features: tuple[FeatureShare, ...]
    ngrams: tuple[NgramShare, ...]
    heads: dict[str, float]


def explain(model: LoadedModel, text: str) -> Explanation:
    """Take the score of `text` apart. Raises ModelError for a quantised model."""
    classifier = Classifier(model)
    scores = classifier.score_heads([text])[0]
    raw, score = scores[classifier.head]
    head = text[: model.description["max_chars"]]
    line = classifier_text(head, cast(FormulaMask, model.description["formulas"]))
    bias, terms = _terms(model.description["calibration"], model.predict(line), classifier, text)
    total = bias + math.fsum(share for _, _, share in terms)
    features = [
        FeatureShare(name, value, share, _sigmoid(total - share)) for name, value, share in terms
    ]
    features.sort(key=lambda feature: (-abs(feature.log_odds), feature.name))
    # a text without a word is scored 0 without asking the model
    positive = model.description["positive_label"]
    ngrams = ngram_shares(model.fasttext, positive, line) if line else ()
    heads = {name: value for name, (_, value) in scores.items() if name != classifier.head}
    return Explanation(raw, score, bias, tuple(features), ngrams, heads)


def _terms(
    calibration: dict[str, Any], raw: float, classifier: Classifier, text: str
) -> tuple[float, list[tuple[str, float, float]]]:
    """Bias, and (name, value, share of the log odds) of each term, of a linear combination.

    An isotonic map is no sum: it has neither.
    """
    if calibration["kind"] == "platt":
        words = log_odds(raw)
        return calibration["bias"], [("words", words, calibration["slope"] * words)]
    if calibration["kind"] == "features":
        values = classifier.features(text)
        weights: dict[str, float] = calibration["weights"]
        terms = [(n, values.get(n, 0.0), w * values.get(n, 0.0)) for n, w in weights.items()]
        return calibration["bias"], terms
    return 0.0, []


def _sigmoid(total: float) -> float:
    return 1.0 / (1.0 + math.exp(-max(-30.0, min(30.0, total))))


def documents_to_explain(
    parts: Sequence[Part], names: ColumnNames, wanted: str, model: LoadedModel, progress: Progress
) -> list[dict[str, Any]]:
    """The documents that `wanted` means, as rows of doc_id, url, language and text.

    A doc_id, or an address (of all its captures); else a number N: the N highest scores, which
    takes scoring them all. Raises InputError where there is no such document.
    """
    found = [
        row
        for batch in _batches(parts, names, progress, "looking in")
        for row in batch
        if wanted in (row["doc_id"], row["url"])
    ]
    if found:
        return found
    if not wanted.isdecimal() or not 1 <= int(wanted) <= 10_000:
        raise InputError(
            f"no document has the doc_id or address {wanted!r}; a number up to 10000 stands for "
            "so many of the highest scores"
        )
    classifier = Classifier(model)
    best: list[tuple[float, str, dict[str, Any]]] = []
    for batch in _batches(parts, names, progress, "scoring"):
        scores = classifier.score_many([row["text"] or "" for row in batch])
        scored = [(s, str(r["doc_id"]), r) for (_, s), r in zip(scores, batch, strict=True)]
        best = heapq.nsmallest(int(wanted), [*best, *scored], key=lambda b: (-b[0], b[1]))
    return [row for _, _, row in best]


def _batches(
    parts: Sequence[Part], names: ColumnNames, progress: Progress, doing: str
) -> Iterator[list[dict[str, Any]]]:
    for number, part in enumerate(parts, 1):
        progress(f"{doing} {part.name} ({number} of {len(parts)})")
        columns = ["doc_id", "url", "language", "text"]
        for batch in read_documents(part, names, columns, _BATCH_ROWS):
            yield cast(list[dict[str, Any]], batch.to_pylist())


def explanation_json(row: dict[str, Any], found: Explanation) -> dict[str, Any]:
    """An explanation as JSON values, shares rounded to 1e-4; of the text only its n-grams."""
    return {
        "doc_id": row["doc_id"],
        "url": row["url"],
        "language": row["language"],
        "raw": found.raw,
        "score": found.score,
        "bias": round(found.bias, 4),
        "features": [
            {
                "name": f.name,
                "value": round(f.value, 4),
                "log_odds": round(f.log_odds, 4),
                "score_without": round(f.score_without, 4),
            }
            for f in found.features
        ],
        "ngrams": [
            {"ngram": n.ngram, "log_odds": round(n.log_odds, 4), "times": n.times}
            for n in found.ngrams
        ],
        "heads": found.heads,
    }


def explanation_lines(row: dict[str, Any], found: Explanation) -> Iterator[str]:
    """An explanation for a terminal: features first, then the words for and against."""
    yield f"{row['doc_id']}  {row['url'] or ''}  {row['language'] or ''}".rstrip()
    yield f"score {found.score:.4f}, of the words alone {found.raw:.4f}"
    if found.heads:
        ranked = sorted(found.heads.items(), key=lambda head: (-head[1], head[0]))
        yield "  " + "  ".join(f"{name} {value:.2f}" for name, value in ranked if value >= 0.05)
    if found.features:
        total = found.bias + math.fsum(feature.log_odds for feature in found.features)
        yield f"  log odds {total:+.2f} of the score, made of"
        yield f"    {found.bias:+7.2f}  bias"
        for f in (f for f in found.features if f.value or f.log_odds):
            yield (
                f"    {f.log_odds:+7.2f}  {f.name} = {f.value:.4g}"
                f"  (without it the score would be {f.score_without:.4f})"
            )
    words = math.fsum(ngram.log_odds for ngram in found.ngrams)
    yield f"  log odds {words:+.2f} of the words, made of {len(found.ngrams):,} n-grams"
    sides = (
        [n for n in found.ngrams if n.log_odds > 0][:_MOST_NGRAMS],
        [n for n in found.ngrams if n.log_odds < 0][:_MOST_NGRAMS],
    )
    cells = [[f"{n.log_odds:+7.3f}  {_shown(n)}" for n in side] for side in sides]
    width = max(len("for mathematics"), *map(len, cells[0]), 0)
    yield f"    {'for mathematics'.ljust(width)}    against"
    for n in range(max(len(side) for side in cells)):
        left, right = (side[n] if n < len(side) else "" for side in cells)
        yield f"    {left.ljust(width)}    {right}".rstrip()


def _shown(share: NgramShare) -> str:
    name = "(end of text)" if share.ngram == "</s>" else share.ngram.replace("</s>", "(end)")
    return f"{name} ×{share.times}" if share.times > 1 else name
