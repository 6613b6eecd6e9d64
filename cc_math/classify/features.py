"""What is known of a document beside its words: numbers that a combination may weigh.

Owns the features' names, meanings and computation, all from the text that extraction wrote
(formulas as LaTeX between dollar signs, code in back-ticks), so that a corpus of anybody's can
be scored. Reads and writes nothing.

The trade: only what one scan of the text gives. For the head `math`, shapes of formulas, tables,
lists, links and signs were measured and moved the ranking of labelled pages by no more than its
noise. For the kind of page layout says more than words, which learn the style of the sites that
were read; of some forty such features those stay whose loss was measured.
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
# What page titles and headings call a set of problems: parts of words, case folded, in the
# languages of the seeds. Chosen.
_TASKS = ("exerci", "ejercicio", "exercíc", "problem", "question", "quiz", "homework", "worksheet",
          "aufgabe", "übung", "задач", "упражнен", "习题", "練習", "练习", "题", "問題", "问题",
          "문제", "演習")  # fmt: skip
_TITLE_CHARS = 200  # chosen: a title and what stands right under it
_HEADING = re.compile(r"\n#[^\n]*")
_NUMBERED = re.compile(r"\n[ >]*\(?\d{1,3}[.)]")
#: Characters of a text whose layout is looked at. Chosen: as many as the text models read.
LAYOUT_CHARS = 20_000
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

#: Name -> meaning of the features of layout, which the heads of kind and quality weigh too.
LAYOUT_FEATURES = {
    "title_task": "1 where the first 200 characters speak of exercises or problems, else 0",
    "heading_tasks": "log(1 + times that headings speak of exercises or problems)",
    "headings": "lines that are headings / all",
    "numbered_lines": "lines that begin with a number and a dot or bracket / all",
    "line_length": "log(1 + characters / lines)",
    "questions": "log(1 + question marks in 1,000 words of six characters)",
    "links": "log(1 + links in 1,000 words of six characters)",
    "code_blocks": "log(1 + fenced blocks of code)",
}


def is_feature(name: str) -> bool:
    """Whether `name` is one of FEATURES or LAYOUT_FEATURES, or `kind:NAME`, a kind's log odds."""
    return name in FEATURES or name in LAYOUT_FEATURES or name.startswith(_KIND_PREFIX)


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


def layout_features(text: str) -> dict[str, float]:
    """The features of layout, of the beginning of a text: titles, numbered lines, questions."""
    text = "\n" + text[:LAYOUT_CHARS]
    lines = text.count("\n")
    thousand_words = len(text) / 6000
    found = _HEADING.findall(text)
    headings = "".join(found).casefold()
    title = text[: _TITLE_CHARS + 1].casefold()
    return {
        "title_task": float(any(task in title for task in _TASKS)),
        "heading_tasks": math.log1p(sum(headings.count(task) for task in _TASKS)),
        "headings": len(found) / lines,
        "numbered_lines": len(_NUMBERED.findall(text)) / lines,
        "line_length": math.log1p(len(text) / lines),
        "questions": math.log1p((text.count("?") + text.count("？")) / max(0.05, thousand_words)),
        "links": math.log1p(text.count("](") / max(0.05, thousand_words)),
        "code_blocks": math.log1p(text.count("```") / 2),
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
