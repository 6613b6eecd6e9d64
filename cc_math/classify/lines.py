"""The two lines that the text models read of one text: formulas left out, and as structure.

Owns their making in one pass over the text, for training and scoring alike, out of the shared
normaliser (`cc_math.text`). Reads and writes nothing.

The trade: each formula is replaced by a word that stands for it while the rest is normalised
once, twice as fast as normalising both forms; a text in which that word is lost or doubled
goes the slow way, with the same result.
"""

from __future__ import annotations

from functools import lru_cache

from cc_math.text import classifier_text, formula_spans, structure_tokens

Span = tuple[int, int, int, int]

# ASCII, so that the normaliser keeps to its fast path, and no word of any language.
_STAND_IN = "qxformulaxq"
_NUMBER = "0"  # the normaliser's token for a number, or for a row of numbers


@lru_cache(maxsize=1 << 15)  # short formulas repeat; some megabytes
def _structure(formula: str) -> str:
    return structure_tokens(formula).lower()


def text_lines(text: str) -> tuple[str, str, list[Span]]:
    """(line without formulas, line with formulas as structure tokens, formulas of `text`).

    The formulas are as `cc_math.text.formula_spans` gives them.
    """
    spans = list(formula_spans(text))
    if not spans:
        line = classifier_text(text, "remove")
        return line, line, spans
    parts, done = [], 0
    for start, end, _, _ in spans:
        parts.append(text[done:start])
        done = end
    parts.append(text[done:])
    pieces = classifier_text(f" {_STAND_IN} ".join(parts), "remove").split(_STAND_IN)
    if len(pieces) != len(spans) + 1:
        return classifier_text(text, "remove"), classifier_text(text, "structure"), spans
    pieces = [piece.strip() for piece in pieces]
    structured = [pieces[0]]
    for (_, _, start, end), piece in zip(spans, pieces[1:], strict=True):
        structured += (_structure(text[start:end]), piece)
    return _without_stand_ins(pieces), " ".join(filter(None, structured)), spans


def _without_stand_ins(pieces: list[str]) -> str:
    """The pieces joined; numbers that come to stand side by side are one token again."""
    kept: list[str] = []
    after_number = False
    for words in pieces:
        if after_number and (words + " ").startswith(f"{_NUMBER} "):
            words = words[len(_NUMBER) :].lstrip()
        if words:
            kept.append(words)
            after_number = words == _NUMBER or words.endswith(f" {_NUMBER}")
    return " ".join(kept)
