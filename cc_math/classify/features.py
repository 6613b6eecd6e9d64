"""What is known of a document beside its words: numbers that a combination may weigh.

Owns the features' names, meanings and computation, all from the text that extraction wrote
(formulas as LaTeX between dollar signs, code in back-ticks), so that a corpus of anybody's can
be scored. Reads and writes nothing.

The trade: only what one scan of the text gives. Shapes of formulas, tables, lists, links and
signs were measured as well and moved the ranking of labelled pages by no more than its noise.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from types import MappingProxyType

from cc_math.text import formula_spans

# Fenced blocks and inline code of Markdown; a fence that is not closed is no code.
_CODE = re.compile(r"```.*?```|`[^`\n]+`", re.DOTALL)
# Log odds of 0.993: a text model that is sure for want of knowing a language does not outvote
# a page full of formulas. Without formulas there is nothing to outvote, and what lies beyond
# tells a page of word problems from a list of titles.
_SURE_LOG_ODDS = 5.0
_SUREST_LOG_ODDS = 12.0  # of 1 - 6e-6; float32 and fastText's own 1e-5 end near there
_KIND_PREFIX = "kind:"
#: Characters of a text whose formulas and code are counted. Measured: 100,000 ranks as 200,000
#: do and 20,000 worse, while a scan for formulas costs a third of normalising the same text.
FEATURE_CHARS = 100_000

#: Name -> meaning. A model's combinations may weigh these and `kind:NAME` (see below).
FEATURES = {
    "words_beside_formulas": "log odds of the text models on a page with formulas, else 0",
    "words_alone": "log odds of the text model on a page without formulas, else 0",
    "words_sure": "on a page without formulas, log odds of the text model beyond 5, else 0",
    "no_formula": "1 for a page without formulas, else 0",
    "formulas": "log(1 + number of formulas)",
    "formula_share": "characters in formulas / all",
    "code_share": "characters in Markdown code / all",
    "length": "log(1 + characters / 1000)",
}


def is_feature(name: str) -> bool:
    """Whether `name` is a feature: one of FEATURES, or `kind:NAME`, a kind's log odds."""
    return name in FEATURES or name.startswith(_KIND_PREFIX)


def bounded_log_odds(probability: float, bound: float = _SURE_LOG_ODDS) -> float:
    """Log odds of a probability, within +-`bound`."""
    inside = min(1.0 - 1e-6, max(1e-6, probability))
    odds = math.log(inside / (1.0 - inside))
    return max(-bound, min(bound, odds))


def document_features(
    text: str,
    raw: float,
    kinds: Mapping[str, float] = MappingProxyType({}),
    formula_words: float | None = None,
    *,
    spans: Iterable[tuple[int, int, int, int]] | None = None,
) -> dict[str, float]:
    """The features of a document whose text model said `raw` (0-1) and `kinds` (name -> 0-1).

    `formula_words` is the probability of the text model that sees formulas, where there is one;
    beside formulas the mean of both log odds counts. `spans` are the formulas of `text` where
    the caller has found them already.

    Words have lines of their own beside formulas and alone, so that a page without any mark-up
    is judged by its words and never for want of formulas. `kind:NAME` is the log odds of a kind.
    """
    return with_words(text_features(text, spans=spans), raw, kinds, formula_words)


def text_features(
    text: str, *, spans: Iterable[tuple[int, int, int, int]] | None = None
) -> dict[str, float]:
    """The features that need no model: formulas, code and length."""
    text = text[:FEATURE_CHARS]
    formulas = formula_chars = 0
    for start, end, _, _ in formula_spans(text) if spans is None else spans:
        formulas += 1
        formula_chars += end - start
    code_chars = sum(len(found) for found in _CODE.findall(text)) if "`" in text else 0
    length_chars = max(1, len(text))
    return {
        "no_formula": 0.0 if formulas else 1.0,
        "formulas": math.log1p(formulas),
        "formula_share": formula_chars / length_chars,
        "code_share": code_chars / length_chars,
        "length": math.log1p(len(text) / 1000),
    }


def with_words(
    known: Mapping[str, float],
    raw: float,
    kinds: Mapping[str, float] = MappingProxyType({}),
    formula_words: float | None = None,
) -> dict[str, float]:
    """All features of a document: ``known`` by :func:`text_features`, and what its words say."""
    formulas = known["no_formula"] == 0.0
    words = beside = bounded_log_odds(raw)
    if formula_words is not None:
        beside = (words + bounded_log_odds(formula_words)) / 2
    surplus = bounded_log_odds(raw, _SUREST_LOG_ODDS) - _SURE_LOG_ODDS
    return {
        "words_beside_formulas": beside if formulas else 0.0,
        "words_alone": 0.0 if formulas else words,
        "words_sure": 0.0 if formulas else max(0.0, surplus),
        **known,
        **{_KIND_PREFIX + name: bounded_log_odds(p) for name, p in kinds.items()},
    }
