"""The first selection measured: recall on labelled pages, and the share of pages that pass.

    python -m cc_math.classify.selection BOOTSTRAP.parquet --labels FILE --floor 0.05 --marks 2

Owns the two published figures of the design's first selection: a page passes if its quick
score reaches the floor or its bytes hold enough formula marks. Reads a bootstrap table (see
`bootstrap`) and labels; writes nothing. With `--recipe` the scores are cross-fitted: each
page is scored by a model trained without its site, which is the honest figure for pages of
sites that no training saw.
"""

from __future__ import annotations

import argparse
import dataclasses
import sys
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from cc_math.classify.evaluate import FloatArray, recall_at_floor
from cc_math.classify.labels import fold_of, read_label_scores, read_rows
from cc_math.classify.score import QuickModel, load_quick
from cc_math.classify.settings import ClassifierSettings, settings_from_toml
from cc_math.classify.train import train_without_fold
from cc_math.errors import CcMathError
from cc_math.urls import registered_domain

_MATHEMATICS = 3.0  # rubric: 3 is substantial and useful for learning


def selection_figures(
    urls: Sequence[str],
    quick_scores: FloatArray,
    marks: FloatArray,
    labels: dict[str, dict[str, float]],
    *,
    floor: float,
    min_marks: int,
) -> tuple[float, float]:
    """(weighted recall of labelled mathematics, share of pages that pass).

    `urls`, `quick_scores` and `marks` are [N], one per capture. A page captured twice passes
    as often as its captures do, on average.
    """
    passed = (quick_scores >= floor) | (marks >= min_marks)
    captures: dict[str, list[bool]] = defaultdict(list)
    for url, passes in zip(urls, passed, strict=True):
        captures[url].append(bool(passes))
    found = [row for url, row in labels.items() if row["score"] >= _MATHEMATICS]
    shares = [float(np.mean(captures.get(str(row["url"]), [False]))) for row in found]
    weights = np.array([float(row.get("weight", 1.0)) for row in found])
    truth = np.ones(len(found), dtype=np.bool_)
    whole = np.array(shares) >= 1.0
    return recall_at_floor(truth, whole, weights), float(passed.mean())


def cross_fitted_scores(
    recipe: ClassifierSettings, urls: Sequence[str], texts: Sequence[str], output_dir: Path
) -> FloatArray:
    """Quick scores, [N], each by a model whose training held no page of the site."""
    scores = np.zeros(len(urls))
    sites = [registered_domain(url) for url in urls]
    folds = np.array([fold_of(site, recipe.folds, recipe.seed) for site in sites])
    for fold in range(recipe.folds):
        model = QuickModel(train_without_fold(recipe, fold, output_dir))
        for index in np.flatnonzero(folds == fold).tolist():
            scores[index] = model.score(texts[index])
    return scores


def main() -> int:
    """The command line; returns the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("bootstrap", help="bootstrap table")
    parser.add_argument("--labels", required=True, help="JSON lines with url, math_score, weight")
    parser.add_argument("--floor", type=float, action="append", required=True)
    parser.add_argument("--marks", type=int, action="append", required=True)
    parser.add_argument("--recipe", help="quick model's recipe, for cross-fitted scores")
    parser.add_argument("--scratch", type=Path, default=Path("selection"), help="models go here")
    arguments = parser.parse_args()
    try:
        rows = list(read_rows((arguments.bootstrap,), ("url", "quick_text", "formula_marks")))
        urls = [str(row["url"]) for row in rows]
        texts = [str(row["quick_text"]) for row in rows]
        if arguments.recipe:
            settings = settings_from_toml(arguments.recipe)
            settings = dataclasses.replace(
                settings, bootstrap=(arguments.bootstrap,), evaluation_labels=arguments.labels
            )
            scores = cross_fitted_scores(settings, urls, texts, arguments.scratch)
        else:
            quick = load_quick()
            scores = np.array([quick.score(text) for text in texts])
        labels = read_label_scores(arguments.labels, "math_score")
    except CcMathError as error:
        print(f"cc-math: {error}", file=sys.stderr)
        return error.exit_code
    marks = np.array([float(row["formula_marks"]) for row in rows])
    print("floor  marks  recall  passing")
    for floor in arguments.floor:
        for min_marks in arguments.marks:
            recall, share = selection_figures(
                urls, scores, marks, labels, floor=floor, min_marks=min_marks
            )
            print(f"{floor:5.2f}  {min_marks:5d}  {recall:6.4f}  {share:7.4f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
