"""Scoring: texts in, raw and calibrated scores out, through the shared normaliser.

Owns the two classes that outlive a call because loading a model costs more than a page:
`QuickModel` judges the visible text of every page of a crawl in the first selection;
`Classifier` judges the main text of documents. Reads the models, writes nothing.

The trade: a line is cut at the model's `max_chars` before it is normalised, so that a book
costs what an article does.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from pathlib import Path

from cc_math.classify.calibrate import apply_calibration, log_odds
from cc_math.classify.fasttext_model import (
    SHIPPED_DEFAULT,
    SHIPPED_QUICK,
    LoadedModel,
    load_model,
)
from cc_math.text import FormulaMask, classifier_text, formula_spans

# Fenced blocks and inline code of Markdown; a fence that is not closed is no code.
_CODE = re.compile(r"```.*?```|`[^`\n]+`", re.DOTALL)
# Log odds of 0.993: a text model that is sure for want of knowing a language does not outvote
# a page full of formulas.
_SUREST_LOG_ODDS = 5.0
SCORE_DECIMALS = 4  # the design's rounding: the last bits of a sum differ between CPUs


def document_features(text: str, raw: float) -> dict[str, float]:
    """What a `features` calibration may use of a document.

    words_beside_formulas and words_alone: log odds of the text model, the one for pages with
    formulas and the other for pages without, 0 otherwise, so that each kind of page has its own
    line; no_formula: 1 for the latter; formulas: log(1 + number of formulas); formula_share and
    code_share: characters in formulas and in Markdown code / all.
    """
    formulas = formula_chars = 0
    for start, end, _, _ in formula_spans(text):
        formulas += 1
        formula_chars += end - start
    code_chars = sum(len(found) for found in _CODE.findall(text)) if "`" in text else 0
    words = max(-_SUREST_LOG_ODDS, min(_SUREST_LOG_ODDS, log_odds(raw)))
    length_chars = max(1, len(text))
    return {
        "words_beside_formulas": words if formulas else 0.0,
        "words_alone": 0.0 if formulas else words,
        "no_formula": 0.0 if formulas else 1.0,
        "formulas": math.log1p(formulas),
        "formula_share": formula_chars / length_chars,
        "code_share": code_chars / length_chars,
    }


class QuickModel:
    """The first selection's model: words of the whole page, cheaply."""

    def __init__(self, model: LoadedModel) -> None:
        self.digest = model.digest
        self._model = model
        self.max_chars: int = model.description["max_chars"]
        self._formulas: FormulaMask = model.description["formulas"]

    def score(self, quick_text: str) -> float:
        """Score (0-1) of a page's visible text, title first; 0 for a page without a word."""
        line = classifier_text(quick_text[: self.max_chars], self._formulas)
        return round(self._model.predict(line), SCORE_DECIMALS)


class Classifier:
    """A calibrated model of documents. `head` names its rows in `scores`."""

    def __init__(self, model: LoadedModel) -> None:
        self.digest = model.digest
        self.head: str = model.description["head"]
        self._model = model
        self._max_chars: int = model.description["max_chars"]
        self._formulas: FormulaMask = model.description["formulas"]

    def score_many(self, texts: Sequence[str]) -> list[tuple[float, float]]:
        """(raw, calibrated) of each text, both 0-1, rounded to 1e-4, in the order given."""
        calibration = self._model.description["calibration"]
        uses_features = calibration["kind"] == "features"
        scores = []
        for text in texts:
            head = text[: self._max_chars]
            raw = self._model.predict(classifier_text(head, self._formulas))
            features = document_features(head, raw) if uses_features else {}
            calibrated = apply_calibration(calibration, raw, features)
            scores.append((round(raw, SCORE_DECIMALS), round(calibrated, SCORE_DECIMALS)))
        return scores


def load_quick(path: str | Path | None = None) -> QuickModel:
    """The quick model at `path`, or the shipped one. Raises ModelError."""
    return QuickModel(load_model(Path(path or SHIPPED_QUICK), shipped=not path))


def load_classifier(path: str | Path | None = None) -> Classifier:
    """The classifier at `path`, or the shipped one. Raises ModelError."""
    return Classifier(load_model(Path(path or SHIPPED_DEFAULT), shipped=not path))
