"""What is fitted on held-out probabilities: the calibrated combination, quality and kinds.

Owns the choice of pages, their features and the fits, each with one fold of sites left out
where figures of that fold are wanted. Reads and writes nothing.

The trade: the text model of a fold has seen the pages of all other folds, so the lines of the
second stage are fitted on features that each come from another model; they differ less than
the lines' own error, and no page is judged by a model or a line that has seen its site.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np

from cc_math.classify.calibrate import (
    apply_calibration,
    fit_isotonic,
    fit_logistic,
    fit_platt,
)
from cc_math.classify.features import (
    LAYOUT_FEATURES,
    layout_features,
    text_features,
    with_words,
)
from cc_math.classify.heads import (
    FEWEST_LABELS,
    fit_kinds,
    fit_line,
    fit_quality,
    kind_shares,
    line_log_odds,
    quality,
)
from cc_math.classify.labels import Example, Examples, read_label_scores
from cc_math.classify.settings import ClassifierSettings
from cc_math.classify.text_models import fold
from cc_math.errors import InputError, RecipeError

#: What each head weighs, see `cc_math.classify.features`; kinds weigh every kind's log odds too.
MATH_FEATURES = ("words_beside_formulas", "words_alone", "words_sure", "no_formula", "formulas",
                 "formula_share", "code_share")  # fmt: skip
KIND_FEATURES = (*MATH_FEATURES, "length", *LAYOUT_FEATURES)
# Of one site at most so many pages count in the heads of kind and quality, shared by all its pages.
# Measured: right kinds of pages of other sites .664 to .679.
_HEAD_SITE_PAGES = 6
# Measured: 2 to 30 pages rank labelled pages the same (.941 to .943), all of them a little worse.
_SITE_PAGES = 10
# A page of many formulas has so many times `bootstrap_min_marks`. Chosen: at once as many a score
# of 0.5 would be right in .65 of labelled pages and miss none.
_MANY = 2

Probabilities = dict[str, dict[str, float]]


@dataclass(frozen=True, slots=True)
class HeldOut:
    """Probabilities by key of an example: of the head, of the kinds of pages, and of the head by
    the model that sees formulas."""

    math: Probabilities
    kinds: Probabilities
    formula_words: Probabilities

    def raw(self, settings: ClassifierSettings, example: Example) -> float:
        """The head's probability; 0 for a page without a word."""
        return self.math[example.key].get(settings.head, 0.0)

    def features(self, settings: ClassifierSettings, example: Example) -> dict[str, float]:
        """The features of an example that was held out."""
        kinds = self.kinds.get(example.key, {})
        second = None
        if settings.formula_words:
            second = self.formula_words[example.key].get(settings.head, 0.0)
        known = text_features(example.text) if example.known is None else example.known
        features = with_words(known, self.raw(settings, example), kinds, second)
        return {**features, **layout_features(example.text)} if settings.kinds else features


@dataclass(frozen=True, slots=True)
class Combination:
    """The fitted second stage: `calibration` of the head, and the lines of the other heads."""

    calibration: dict[str, Any]
    heads: dict[str, Any]

    def score(self, raw: float, features: dict[str, float]) -> float:
        """The calibrated score of the head, 0-1."""
        return apply_calibration(self.calibration, raw, features)

    def quality(self, features: dict[str, float]) -> float:
        """Expected level / 5."""
        return quality(self.heads["quality"], features)

    def kinds(self, features: dict[str, float]) -> dict[str, float]:
        """Share of each kind."""
        return kind_shares(self.heads["kind"], features)


def fit_combination(
    settings: ClassifierSettings, examples: Examples, held_out: HeldOut, without: int | None
) -> Combination:
    """The second stage, fitted on held-out pages; `without` leaves one fold's pages out.

    Raises InputError where the pages hold one class only, RecipeError for a combination
    without labels.
    """
    pages = [e for e in _pages(settings, examples) if e.key in held_out.math]
    pages = [e for e in pages if without is None or fold(settings, e) != without]
    heads: dict[str, Any] = {}
    if settings.kinds:
        heads = _fit_heads(settings, pages, held_out)
    return Combination(_fit_head(settings, examples, pages, held_out, without), heads)


def _pages(settings: ClassifierSettings, examples: Examples) -> list[Example]:
    """Labelled pages where there are any, else the training's own examples."""
    if settings.calibration_labels:
        return examples.read
    if settings.calibration == "features":
        raise RecipeError(
            "classifier.calibration = 'features' counts formulas and so needs labels that "
            "were not made by counting formulas: set classifier.calibration_labels"
        )
    return examples.training


def _fit_head(
    settings: ClassifierSettings,
    examples: Examples,
    pages: list[Example],
    held_out: HeldOut,
    without: int | None,
) -> dict[str, Any]:
    kind = settings.calibration
    if kind == "none":
        return {"kind": "none"}
    labels = [bool(e.positive) for e in pages]
    if len(set(labels)) < 2:
        raise InputError(
            f"calibration needs held-out pages of both classes, found {sum(labels)} positive "
            f"of {len(labels)}; add sites or labels, or set classifier.calibration to none"
        )
    raw = [held_out.raw(settings, e) for e in pages]
    if kind == "isotonic":
        return fit_isotonic(raw, labels)
    if kind == "platt":
        return fit_platt(raw, labels)
    if kind == "sites":
        return _fit_to_sites(settings, pages, held_out)
    seeds = [
        e
        for e in examples.seeds
        if e.key in held_out.math and (without is None or fold(settings, e) != without)
    ]
    weights = [1.0] * len(pages)
    if settings.calibration_seed_weight > 0:
        pages = [*pages, *seeds]
        labels += [bool(e.positive) for e in seeds]
        weights += [settings.calibration_seed_weight / max(1, len(seeds))] * len(seeds)
    rows = [held_out.features(settings, e) for e in pages]
    return {"kind": "features", **fit_line(MATH_FEATURES, rows, labels, weights)}


def _fit_to_sites(
    settings: ClassifierSettings, pages: list[Example], held_out: HeldOut
) -> dict[str, Any]:
    """The head's line where nobody has read a page, fitted to :func:`site_shares`.

    Scores fitted to shares of scores would shrink towards the middle round by round, so the line
    is stretched and shifted, which moves no rank, until it fits the shares of pages with many
    formulas: those a round cannot change, and a score means the same in every round.
    """
    sites = [page.site for page in pages]
    values = [float(bool(e.positive)) if e.prior is None else e.prior for e in pages]
    places, shares, weights = site_shares(sites, values)
    rows = [held_out.features(settings, pages[n]) for n in places]
    line = fit_line(MATH_FEATURES, rows, shares, weights)
    fewest = math.log1p(_MANY * settings.bootstrap_min_marks) - 1e-9
    many = [float((page.known or {}).get("formulas", 0.0) >= fewest) for page in pages]
    _, shares, weights = site_shares(sites, many)
    if not 0.0 < sum(shares) < len(shares):
        return {"kind": "features", **line}
    odds = np.array([[line_log_odds(line, row)] for row in rows])
    slope, bias = fit_logistic(odds, np.array(shares), np.array(weights))
    stretched = {name: round(float(slope) * w, 6) for name, w in line["weights"].items()}
    bias = round(float(slope) * line["bias"] + float(bias), 6)
    return {"kind": "features", "weights": stretched, "bias": bias}


def site_shares(
    sites: list[str], values: list[float]
) -> tuple[list[int], list[float], list[float]]:
    """What stands for labels where nobody has read a page: (places, shares, weights).

    The share of a page is the mean `value` of the *other* examples of its site; pages without
    another are left out, `places` are those that stay. What a page itself holds has no part in
    its share, so a line fitted to the shares can weigh formulas and words against each other,
    though formulas made the labels. To rank by a share that depends on a page only through its
    class is to rank by its class (Menon et al. 2015, "Learning from corrupted binary labels"; for
    views that know nothing of each other Blum & Mitchell 1998).

    A site weighs as much as `_SITE_PAGES` pages at most.
    """
    of_site: dict[str, list[float]] = {}
    for site, value in zip(sites, values, strict=True):
        of_site.setdefault(site, []).append(value)
    sums = {site: math.fsum(found) for site, found in of_site.items()}
    places = [n for n, site in enumerate(sites) if len(of_site[site]) > 1]
    shares = [(sums[sites[n]] - values[n]) / (len(of_site[sites[n]]) - 1) for n in places]
    weights = [min(1.0, _SITE_PAGES / len(of_site[sites[n]])) for n in places]
    return places, [min(1.0, max(0.0, share)) for share in shares], weights


def _fit_heads(
    settings: ClassifierSettings, pages: list[Example], held_out: HeldOut
) -> dict[str, Any]:
    scores = read_label_scores(settings.calibration_labels, settings.score_field)
    rows = [held_out.features(settings, e) for e in pages]
    of_site = Counter(page.site for page in pages)
    weights = [min(1.0, _HEAD_SITE_PAGES / of_site[page.site]) for page in pages]
    kinds = sorted({name for row in rows for name in row if name.startswith("kind:")})
    names = (*KIND_FEATURES, *kinds)
    known = [n for n, page in enumerate(pages) if page.kind]
    if len(known) < FEWEST_LABELS:
        raise InputError(
            f"{settings.calibration_labels}: classifier.kinds needs labels with a kind, found "
            f"{len(known)}"
        )
    return {
        "quality": fit_quality(names, rows, [scores[e.url]["score"] for e in pages], weights),
        "kind": fit_kinds(
            names,
            [rows[n] for n in known],
            [pages[n].kind for n in known],
            [weights[n] for n in known],
        ),
    }
