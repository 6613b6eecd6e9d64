"""fastText classifiers: labels, training, calibration, scoring, domains.

The public surface is what this file names. Importing it loads fastText and NumPy, no more.
"""

from cc_math.classify.score import Classifier, QuickModel, load_classifier, load_quick
from cc_math.classify.settings import ClassifierSettings

__all__ = ["Classifier", "ClassifierSettings", "QuickModel", "load_classifier", "load_quick"]
