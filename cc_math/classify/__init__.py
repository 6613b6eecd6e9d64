"""fastText classifiers: labels, training, calibration, scoring, domains.

The public surface is what this file names, loaded when first asked for: the recipe needs only
the settings, and must not wait for fastText.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cc_math.classify.settings import ClassifierSettings

if TYPE_CHECKING:
    from cc_math.classify.score import Classifier, QuickModel, load_classifier, load_quick

__all__ = ["Classifier", "ClassifierSettings", "QuickModel", "load_classifier", "load_quick"]


def __getattr__(name: str) -> Any:
    if name in __all__:
        from cc_math.classify import score

        return getattr(score, name)
    raise AttributeError(f"module 'cc_math.classify' has no attribute {name!r}")
