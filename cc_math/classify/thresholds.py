"""What a score threshold keeps, and how right it is: the numbers to choose it by.

Owns the tally of documents and tokens by score, the estimate of precision and recall at each
threshold, and the choice by a target. Reads `scores` and `documents` parts, writes nothing.

The trade: scores are rounded to 1e-4, so a histogram of 10,001 bins a group says exactly what
every threshold keeps, in memory that does not grow with the corpus. Precision and recall are
estimates, from labelled pages by their weights with intervals by site; without labels, from
the scores themselves, which is only as true as their calibration.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from cc_math.classify.compare_models import FEWEST_LABELS
from cc_math.classify.intervals import (
    Estimate,
    share_estimate,
    site_draws,
    weights_by_site,
)
from cc_math.classify.labelled_pages import LabelledPage
from cc_math.errors import InputError, UserError
from cc_math.kind_shares import kind_of
from cc_math.manifests import Part
from cc_math.tables import ColumnNames, read_columns, read_documents, sidecar

Progress = Callable[[str], None]
IntArray = npt.NDArray[np.int64]
_BINS = 10_001  # scores 0.0000 to 1.0000
#: Thresholds that are tried: 0.01, 0.02 … 0.99. Chosen: labels tell no finer difference.
THRESHOLDS: tuple[float, ...] = tuple(n / 100 for n in range(1, 100))
_KIND = "kind:"
# A target that the estimate meets but for the last bits of a sum is met.
_SLACK = 1e-9


@dataclass(slots=True)
class Tally:
    """Documents and tokens of one group by score, each [10001]."""

    documents: IntArray = field(default_factory=lambda: np.zeros(_BINS, dtype=np.int64))
    tokens: IntArray = field(default_factory=lambda: np.zeros(_BINS, dtype=np.int64))

    def add(self, bins: IntArray, tokens: IntArray) -> None:
        """Count documents with these bins and token counts, both [N]."""
        self.documents += np.bincount(bins, minlength=_BINS)
        np.add.at(self.tokens, bins, tokens)

    def kept(self, threshold: float) -> tuple[int, int]:
        """(documents, tokens) with a score from `threshold` on."""
        start = _bin(threshold)
        return int(self.documents[start:].sum()), int(self.tokens[start:].sum())


@dataclass(slots=True)
class ScoredDocuments:
    """What is known of the documents: tallies, scores of the labelled pages, gaps."""

    every: Tally = field(default_factory=Tally)
    by_language: dict[str, Tally] = field(default_factory=dict)
    by_kind: dict[str, Tally] = field(default_factory=dict)
    label_scores: dict[str, float] = field(default_factory=dict)
    unscored: int = 0
    without_token_count: int = 0


def _bin(score: float) -> int:
    return int(np.clip(round(score * (_BINS - 1)), 0, _BINS - 1))


def tally_documents(
    documents: Sequence[Part],
    scores: Sequence[Part],
    names: ColumnNames,
    *,
    head: str,
    model: str | None,
    min_kind_scores: Mapping[str, float],
    labelled_urls: frozenset[str],
    progress: Progress,
) -> ScoredDocuments:
    """Count every scored document by score, language and kind (where `kind:` heads are there).

    `model` is the digest whose rows count, needed only where `scores` holds several;
    `min_kind_scores` as in :func:`cc_math.kind_shares.kind_of`, so that kinds are those that
    `compose` counts. Raises InputError for scores of other documents, and where the head or the
    model is not there.
    """
    found = ScoredDocuments()
    for number, part in enumerate(documents, 1):
        progress(f"counting {part.name} ({number} of {len(documents)})")
        beside = sidecar(scores, part.name)
        if beside is None or (beside.made_from and beside.made_from != part.identity):
            raise InputError(
                f"the scores have no part made from {part.uri}: they are of other documents; "
                "score these with `cc-math score` first"
            )
        of_doc, kind_of_doc = _scores_of(beside, head, model, min_kind_scores)
        columns = ["doc_id", "url", "language", "token_count"]
        for batch in read_documents(part, names, columns):
            _tally_batch(found, batch.to_pydict(), of_doc, kind_of_doc, labelled_urls)
    if not found.every.documents.any():
        raise InputError("no document of these parts has a score: the scores are of others")
    return found


def _scores_of(
    part: Part, head: str, model: str | None, min_kind_scores: Mapping[str, float]
) -> tuple[dict[str, float], dict[str, str]]:
    """Score of `head`, and the kind, by doc_id."""
    rows = read_columns(part, ["doc_id", "model", "head", "score"]).to_pydict()
    models = sorted(set(rows["model"]))
    if model is None and len(models) > 1:
        raise UserError(
            f"{part.uri} holds scores of {len(models)} models ({', '.join(models)}); name one "
            "with --model"
        )
    of_doc: dict[str, float] = {}
    kinds: dict[str, dict[str, float]] = {}
    for doc_id, digest, name, score in zip(*rows.values(), strict=True):
        if model is not None and digest != model:
            continue
        if name == head:
            of_doc[doc_id] = float(score)
        elif name.startswith(_KIND):
            kinds.setdefault(doc_id, {})[name.removeprefix(_KIND)] = round(float(score), 4)
    if len(rows["doc_id"]) and not of_doc:
        raise InputError(
            f"{part.uri}: no scores of head {head!r}" + (f" by model {model}" if model else "")
        )
    return of_doc, {doc_id: kind_of(given, min_kind_scores) for doc_id, given in kinds.items()}


def _tally_batch(
    found: ScoredDocuments,
    rows: dict[str, list[Any]],
    of_doc: Mapping[str, float],
    kind_of_doc: Mapping[str, str],
    labelled_urls: frozenset[str],
) -> None:
    groups: dict[tuple[str, str], list[tuple[int, int]]] = {}
    for doc_id, url, language, tokens in zip(*rows.values(), strict=True):
        score = of_doc.get(doc_id)
        if score is None:
            found.unscored += 1
            continue
        found.without_token_count += tokens is None
        pair = (_bin(score), int(tokens or 0))
        groups.setdefault(("language", language or "unknown"), []).append(pair)
        if doc_id in kind_of_doc:
            groups.setdefault(("kind", kind_of_doc[doc_id]), []).append(pair)
        if url in labelled_urls:
            found.label_scores[url] = round(score, 4)
    for (by, name), pairs in groups.items():
        bins, tokens_of = np.array(pairs, dtype=np.int64).T
        tallies = found.by_language if by == "language" else found.by_kind
        tallies.setdefault(name, Tally()).add(bins, tokens_of)
        if by == "language":
            found.every.add(bins, tokens_of)


@dataclass(frozen=True, slots=True)
class Accuracy:
    """Estimated precision and recall at some thresholds, and the labelled pages from each on;
    `labels` is 0, and `labels_kept` None, where the scores themselves were believed."""

    thresholds: tuple[float, ...]
    precision: tuple[Estimate, ...]
    recall: tuple[Estimate, ...]
    labels_kept: tuple[int | None, ...]
    labels: int

    def at(self, threshold: float) -> dict[str, Any]:
        """The estimates at one of the thresholds, as JSON values."""
        n = self.thresholds.index(threshold)
        return {
            "precision": self.precision[n].rounded(),
            "recall": self.recall[n].rounded(),
            "labels": self.labels_kept[n],
        }


def accuracy_by_labels(
    pages: Sequence[LabelledPage],
    scores: Mapping[str, float],
    *,
    thresholds: Sequence[float],
    min_positive: float,
    repeats: int,
    seed: int,
) -> Accuracy:
    """Precision and recall by weighted labels; a labelled page without a score has 0.

    So recall is of all pages that the labels stand for, kept as documents or not.
    """
    truth = np.array([page.score >= min_positive for page in pages])
    if not truth.any():
        raise InputError(f"no label reaches {min_positive:g}: precision and recall need positives")
    weights = np.array([page.weight for page in pages])
    draws = site_draws([page.site for page in pages], repeats=repeats, seed=seed) * weights
    given = np.array([scores.get(page.url, 0.0) for page in pages])
    chosen = (given[:, None] >= np.array(thresholds)[None, :] - _SLACK).astype(np.float64)
    hits, kept = (draws * truth) @ chosen, draws @ chosen  # [R, thresholds]
    positives = (draws * truth).sum(axis=1, keepdims=True)
    with np.errstate(invalid="ignore", divide="ignore"):
        precision, recall = hits / kept, hits / positives
    sites = [page.site for page in pages]
    by_site = weights_by_site(sites, weights[:, None] * chosen)  # [sites, thresholds]
    positives_by_site = weights_by_site(sites, weights * truth)
    return Accuracy(
        thresholds=tuple(thresholds),
        precision=tuple(
            share_estimate(column, kept_by_site)
            for column, kept_by_site in zip(precision.T, by_site.T, strict=True)
        ),
        recall=tuple(share_estimate(column, positives_by_site) for column in recall.T),
        labels_kept=tuple(int(n) for n in chosen.sum(axis=0)),
        labels=len(pages),
    )


def accuracy_by_groups(
    pages: Sequence[LabelledPage], scores: Mapping[str, float], **options: Any
) -> dict[str, dict[str, Accuracy]]:
    """`accuracy_by_labels` of each language and kind with labels enough and a positive one."""
    groups: dict[str, dict[str, Accuracy]] = {"language": {}, "kind": {}}
    for by, found in groups.items():
        for name in sorted({getattr(page, by) for page in pages} - {""}):
            inside = [page for page in pages if getattr(page, by) == name]
            positive = any(page.score >= options["min_positive"] for page in inside)
            if len(inside) >= FEWEST_LABELS and positive:
                found[name] = accuracy_by_labels(inside, scores, **options)
    return groups


def accuracy_by_scores(every: Tally, thresholds: Sequence[float]) -> Accuracy:
    """Precision and recall if a document scored 0.7 is right in 0.7 of the cases.

    Recall is of the documents alone: pages that were not kept are not seen here.
    """
    shares = np.arange(_BINS) / (_BINS - 1)
    right = np.cumsum((every.documents * shares)[::-1])[::-1]
    kept = np.cumsum(every.documents[::-1])[::-1]
    starts = [_bin(threshold) for threshold in thresholds]
    precision = [float(right[n] / kept[n]) if kept[n] else None for n in starts]
    recall = [float(right[n] / right[0]) if right[0] else None for n in starts]
    return Accuracy(
        thresholds=tuple(thresholds),
        precision=tuple(Estimate(value, None, None) for value in precision),
        recall=tuple(Estimate(value, None, None) for value in recall),
        labels_kept=(None,) * len(starts),
        labels=0,
    )


def choose_by_tokens(every: Tally, tokens: int) -> float:
    """The lowest threshold, to 1e-4, that keeps at most `tokens`. Raises UserError for none."""
    kept = np.cumsum(every.tokens[::-1])[::-1]
    fitting = np.flatnonzero(kept <= tokens)
    if not len(fitting):
        raise UserError(
            f"even the documents that score 1 hold {kept[-1]:,} tokens, over {tokens:,}"
        )
    chosen = max(1, int(fitting[0]))
    if not kept[chosen]:
        raise UserError(f"no threshold keeps a document within {tokens:,} tokens")
    return round(chosen / (_BINS - 1), 4)


def choose(
    accuracy: Accuracy, name: Literal["precision", "recall"], target: float, *, by_lower_end: bool
) -> float:
    """The lowest threshold with this precision, or the highest with this recall.

    With `by_lower_end` the lower end of the interval has to reach the target. Raises UserError
    where no threshold does, with the best that can be had.
    """
    estimates = accuracy.precision if name == "precision" else accuracy.recall
    values = [e.low if by_lower_end else e.value for e in estimates]
    known = [(v, t) for v, t in zip(values, accuracy.thresholds, strict=True) if v is not None]
    if not known:
        raise UserError("there are no intervals to go by: give --labels, and --repeats above 0")
    reached = [threshold for value, threshold in known if value >= target - _SLACK]
    if not reached:
        of = f"the lower end of the interval of {name}" if by_lower_end else name
        value, threshold = max(known)
        raise UserError(
            f"no threshold reaches {target:g} in {of}; the best is {value:.3f} at {threshold:g}"
        )
    return min(reached) if name == "precision" else max(reached)


def kept_rows(
    found: Tally | None, accuracy: Accuracy | None, thresholds: Sequence[float]
) -> list[dict[str, Any]]:
    """What each of `thresholds` keeps of a group, with its accuracy, as JSON values.

    Without a tally (a kind that only labels know) documents and tokens are None.
    """
    rows = []
    for threshold in thresholds:
        documents, tokens = (None, None) if found is None else found.kept(threshold)
        row: dict[str, Any] = {"threshold": threshold, "documents": documents, "tokens": tokens}
        rows.append(row | ({} if accuracy is None else accuracy.at(threshold)))
    return rows
