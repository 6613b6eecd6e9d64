"""What each improvement of the default model is worth: one table, cross-fitted, with intervals.

    python -m cc_math.classify.ladder BOOTSTRAP.parquet --labels FILE

Owns the rungs from formula mark-up alone over the paper's recipe to the shipped default, and
the table. Reads a bootstrap table (see `bootstrap`), the default's recipe and labels that no
training sees; prints Markdown, writes nothing.

The trade: every rung is trained once a fold, the paper's with 256 dimensions and two million
hashed features too, so that the table takes half an hour where most readers need only its
last line; `--only` runs the rungs that are named.
"""

from __future__ import annotations

import argparse
import dataclasses
import re
import sys
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from cc_math.classify.evaluate import BoolArray, FloatArray
from cc_math.classify.figures import labelled_scores
from cc_math.classify.intervals import estimate, ranking_figures, site_draws
from cc_math.classify.labels import Row, read_examples, read_label_scores, read_rows
from cc_math.classify.settings import ClassifierSettings, check_settings, settings_from_toml
from cc_math.classify.train import cross_fitted, held_out_scores
from cc_math.errors import CcMathError
from cc_math.urls import registered_domain

_DRAWS = 1000  # as in figures
_MIN_PRECISION = 0.85
# In the style of OpenWebMath's prefilter (Paster et al. 2023), which looks for names of renderers
# and for common LaTeX commands: the marks of the byte scan stand for the former. The commands
# are chosen here, they are not its list.
_LATEX = re.compile(
    r"\\(?:begin|end|frac|sum|int|sqrt|left|right|mathbb|mathcal|mathbf|mathrm|alpha|beta|"
    r"gamma|delta|epsilon|theta|lambda|mu|pi|sigma|omega|infty|partial|leq?|geq?|neq?|in|to|"
    r"cdot|times|text|ldots|cdots|forall|exists|subset|cup|cap|equiv|approx|rightarrow)\b"
)

Score = dict[str, float]


def _changes() -> list[tuple[str, dict[str, Any]]]:
    """The trained rungs: a name, and what changes against the shipped recipe."""
    rule: dict[str, Any] = {
        "bootstrap_role": "examples", "read_copies": 0, "kinds": False, "calibration": "platt",
        "epochs": 8, "formula_words": False, "learning_curve": (),
    }  # fmt: skip
    alone: dict[str, Any] = {**rule, "seeds": ()}
    uncapped: dict[str, Any] = {**alone, "max_per_site": 500_000, "max_negative_ratio": 1e9}
    paper: dict[str, Any] = {
        "dim": 256, "learning_rate": 0.1, "word_ngrams": 3, "min_count": 3, "epochs": 3,
        "buckets": 2_000_000, "formulas": "structure",
    }  # fmt: skip
    joined = {**rule, "calibration": "features"}
    return [
        ("paper's recipe, bootstrapped seed", {**uncapped, **paper}),
        ("formulas masked, small model", uncapped),
        ("+ caps by site, languages balanced", alone),
        ("+ hand-written seeds", rule),
        ("+ joined with what extraction knows", joined),
        ("+ read pages among the examples", {**joined, "read_copies": 4}),
        ("read pages and seeds alone, 40 epochs", {"kinds": False, "formula_words": False}),
        ("+ a second model that sees formulas (shipped default)", {"kinds": False}),
    ]


def rungs(
    settings: ClassifierSettings, progress: Callable[[str], None]
) -> Iterator[tuple[str, Callable[[], Score]]]:
    """Every rung: its name and a function that gives the scores by address."""
    yield "formula mark-up alone", lambda: dict(_pages(settings, _markup))
    yield "OpenWebMath-style prefilter", lambda: dict(_pages(settings, _prefilter))
    for name, changes in _changes():
        rung = dataclasses.replace(settings, **changes)
        yield name, lambda rung=rung: _trained(rung, progress)  # type: ignore[misc]


def _pages(
    settings: ClassifierSettings, score: Callable[[Row], float]
) -> Iterator[tuple[str, float]]:
    columns = ("url", "text", "formula_marks", "n_formulas")
    for row in read_rows(settings.bootstrap, columns):
        yield str(row["url"]), score(row)


def _markup(row: Row) -> float:
    return float(row["n_formulas"] or 0)


def _prefilter(row: Row) -> float:
    return float(bool(row["formula_marks"]) or bool(_LATEX.search(str(row["text"]))))


def _trained(settings: ClassifierSettings, progress: Callable[[str], None]) -> Score:
    check_settings(settings)
    examples = read_examples(settings)
    held_out = held_out_scores(settings, examples, progress)
    scores = labelled_scores(
        settings, examples, held_out, cross_fitted(settings, examples, held_out)
    )
    return {url: calibrated for url, (_, calibrated) in scores.items()}


@dataclasses.dataclass(frozen=True, slots=True)
class Judge:
    """Labelled pages as arrays [N], and the draws [R, N] of their sites."""

    urls: list[str]
    levels: FloatArray
    weights: FloatArray
    english: BoolArray
    draws: FloatArray
    min_score: float

    def cells(self, scores: Score) -> list[str]:
        """One row of the table: figures of `scores` by address, a page without one scoring 0."""
        found = np.array([scores.get(url, 0.0) for url in self.urls])
        every = np.ones(len(found), dtype=np.bool_)
        clear = (self.levels < self.min_score - 1) | (self.levels >= self.min_score)
        plain = self._drawn(found, every, self.draws)
        parts = [plain["average_precision"], plain["recall_at_precision"]]
        weighted = self._drawn(found, every, self.draws * self.weights)
        parts.append(weighted["average_precision"])
        for inside in (self.english, ~self.english, clear):
            parts.append(self._drawn(found, inside, self.draws)["average_precision"])
        cells = []
        for number, values in enumerate(parts):
            figure = estimate(values)
            text = "–" if figure.value is None else f"{figure.value:.3f}"
            if number == 0 and figure.low is not None:
                text += f" ({figure.low:.3f}–{figure.high:.3f})"
            cells.append(text)
        return cells

    def _drawn(
        self, scores: FloatArray, inside: BoolArray, draws: FloatArray
    ) -> dict[str, FloatArray]:
        return ranking_figures(
            self.levels[inside] >= self.min_score,
            scores[inside],
            draws[:, inside],
            threshold=0.5,
            min_precision=_MIN_PRECISION,
        )


def judge_of(settings: ClassifierSettings) -> Judge:
    """The evaluation labels of `settings`, ready to judge rankings."""
    rows = read_label_scores(settings.evaluation_labels, settings.score_field)
    urls = sorted(rows)
    sites = [registered_domain(url) for url in urls]
    return Judge(
        urls=urls,
        levels=np.array([rows[url]["score"] for url in urls]),
        weights=np.array([float(rows[url].get("weight", 1.0)) for url in urls]),
        english=np.array([rows[url].get("lang") == "en" for url in urls]),
        draws=site_draws(sites, repeats=_DRAWS, seed=settings.seed),
        min_score=settings.min_score,
    )


def main() -> int:
    """The command line; returns the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("bootstrap", help="bootstrap table")
    parser.add_argument("--labels", required=True, help="JSON lines that no training sees")
    parser.add_argument("--recipe", default="classifiers/default.toml")
    parser.add_argument("--only", action="append", default=[], help="part of a rung's name")
    arguments = parser.parse_args()
    try:
        settings = dataclasses.replace(
            settings_from_toml(arguments.recipe),
            bootstrap=(arguments.bootstrap,),
            evaluation_labels=arguments.labels,
        )
        judge = judge_of(settings)
        print(
            "| | average precision (95 %) | recall at precision .85 | weighted | English | other "
            "languages | without the level below |\n|---|---|---|---|---|---|---|"
        )
        for name, score in rungs(settings, lambda message: None):
            if not arguments.only or any(part in name for part in arguments.only):
                print("| " + " | ".join([name, *judge.cells(score())]) + " |", flush=True)
    except CcMathError as error:
        print(f"cc-math: {error}", file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
