"""Scoring: texts in, raw and calibrated scores out, through the shared normaliser.

Owns the two classes that outlive a call because loading a model costs more than a page:
`QuickModel` judges the visible text of every page of a crawl in the first selection;
`Classifier` judges the main text of documents. Reads the models, writes nothing.

The trade: a line is cut at the model's `max_chars` before it is normalised, so that a book
costs what an article does.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cc_math.classify.calibrate import apply_calibration
from cc_math.classify.fasttext_model import (
    SHIPPED_DEFAULT,
    SHIPPED_QUICK,
    LoadedModel,
    load_model,
)
from cc_math.classify.features import document_features, layout_features
from cc_math.classify.heads import kind_shares, quality
from cc_math.classify.lines import text_lines
from cc_math.classify.model_place import local_model
from cc_math.text import FormulaMask, classifier_text

__all__ = ["Classifier", "QuickModel", "document_features", "load_classifier", "load_quick"]
SCORE_DECIMALS = 4  # the design's rounding: the last bits of a sum differ between CPUs


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
    """A calibrated model of documents.

    `head` names the rows in `scores` that thresholds read; `heads` all that the model fills:
    that one first, then perhaps `quality` and one `kind:NAME` for each kind it knows.
    """

    def __init__(self, model: LoadedModel) -> None:
        self.digest = model.digest
        training = model.description.get("training")
        #: What the model says of its training sites, for `classify.site_sketch`; None if nothing.
        self.training_sites = training.get("sites") if isinstance(training, dict) else None
        self.head: str = model.description["head"]
        self._model = model
        self._max_chars: int = model.description["max_chars"]
        self._formulas: FormulaMask = model.description["formulas"]
        self._calibration: dict[str, Any] = model.description["calibration"]
        extra = model.description.get("heads", {})
        self._quality: list[dict[str, Any]] = extra.get("quality", [])
        self._kinds: dict[str, dict[str, Any]] = extra.get("kind", {})
        self.heads: tuple[str, ...] = (
            self.head,
            *(["quality"] if self._quality else []),
            *(f"kind:{name}" for name in sorted(self._kinds)),
        )
        self._weighs_kinds = any(
            name.startswith("kind:") for name in self._calibration.get("weights", ())
        )

    def score_many(self, texts: Sequence[str]) -> list[tuple[float, float]]:
        """(raw, calibrated) of each text, both 0-1, rounded to 1e-4, in the order given."""
        scores = []
        for text in texts:
            raw, features = self._read(text, with_kinds=self._weighs_kinds)
            scores.append(self._math(raw, features))
        return scores

    def score_heads(self, texts: Sequence[str]) -> list[dict[str, tuple[float, float]]]:
        """(raw, score) of each text by head, in the order of `heads`, rounded to 1e-4.

        `quality` is the expected level / 5, `kind:NAME` a probability; both are as they come
        from their lines, so that raw and score are the same.
        """
        rows = []
        for text in texts:
            raw, features = self._read(text, with_kinds=True)
            row = {self.head: self._math(raw, features)}
            if self._quality:
                level = round(quality(self._quality, features), SCORE_DECIMALS)
                row["quality"] = (level, level)
            for name, share in sorted(kind_shares(self._kinds, features).items()):
                rounded = round(share, SCORE_DECIMALS)
                row[f"kind:{name}"] = (rounded, rounded)
            rows.append(row)
        return rows

    def features(self, text: str) -> dict[str, float]:
        """What the combination knows of a text; see `cc_math.classify.features`."""
        return self._read(text, with_kinds=True)[1]

    def _read(self, text: str, *, with_kinds: bool) -> tuple[float, dict[str, float]]:
        """The text model's probability, and the features; kinds and layout cost a fifth of the
        time."""
        head = text[: self._max_chars]
        spans = None
        if self._model.formula_words is None:
            line, second = classifier_text(head, self._formulas), None
        else:
            line, formula_line, spans = text_lines(head)
            second = self._model.predict_formula_words(formula_line)
        raw = self._model.predict(line)
        kinds = self._model.predict_kinds(line) if with_kinds else {}
        known = spans if len(head) == len(text) else None
        features = document_features(text, raw, kinds, second, spans=known)
        return raw, {**features, **layout_features(text)} if with_kinds else features

    def _math(self, raw: float, features: dict[str, float]) -> tuple[float, float]:
        calibrated = apply_calibration(self._calibration, raw, features)
        return round(raw, SCORE_DECIMALS), round(calibrated, SCORE_DECIMALS)


def load_quick(path: str | Path | None = None) -> QuickModel:
    """The quick model at `path` (a path or s3://), or the shipped one. Raises ModelError."""
    return QuickModel(load_model(local_model(str(path or SHIPPED_QUICK)), shipped=not path))


def load_classifier(path: str | Path | None = None) -> Classifier:
    """The classifier at `path` (a path or s3://), or the shipped one. Raises ModelError."""
    return Classifier(load_model(local_model(str(path or SHIPPED_DEFAULT)), shipped=not path))
