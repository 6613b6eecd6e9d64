"""Documented quality rules of open corpora, measured on mathematics.

Owns the signals (what is measured of a text) and the rules (which signal a threshold of the
recipe's [quality] table bounds): Gopher (Rae et al. 2021, appendix A.1.1), C4 (Raffel et al.
2020, section 2.2) and FineWeb (Penedo et al. 2024, section 3.6). Reads a text and its language;
writes nothing. `compose` records the signals in `quality` and applies the rules that the recipe
names.

Adapted to mathematics: code, tables and headings are no lines and no words; a formula is one
word, itself (so "Solve $x=1$." and "Solve $x=2$." are different lines), ends a line as a full
stop does, and is left out of lengths, letters and brackets. Scripts written without spaces
count two characters as a word (chosen: Chinese has about 1.6, Thai more). A signal that does
not apply (stop words of another language than English) is None and fails no rule.

The trade: words are what stands between blanks, with their punctuation, and NumPy counts the
n-grams, so that a text costs a third of what :func:`cc_math.text.match_words` takes for it; a
tokeniser for each language would cost ten times as much.
"""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from cc_math.prose import FORMULA, Prose, prose_of

Signals = dict[str, float | None]

SIGNALS: dict[str, str] = {
    "words": "words of prose, tables and formulas; two characters of an unspaced script are one",
    "mean_word_length": "characters of a word of prose; null where most is in unspaced scripts",
    "symbol_word_ratio": "'#' and ellipses by word",
    "bullet_line_share": "lines that begin with a bullet, of lines",
    "ellipsis_line_share": "lines that end with an ellipsis, of lines",
    "alphabetic_word_share": "words with a letter, of words of prose; null as mean_word_length",
    "stop_words": "Gopher's eight English stop words found; null for other languages",
    "duplicate_line_share": "lines that stood before, of lines",
    "duplicate_line_char_share": "characters of lines that stood before, of characters",
    "duplicate_paragraph_share": "paragraphs that stood before, of paragraphs",
    "duplicate_paragraph_char_share": "characters of paragraphs that stood before",
    "top_2gram_share": "characters in the most frequent word 2-gram, of characters",
    "top_3gram_share": "characters in the most frequent word 3-gram, of characters",
    "top_4gram_share": "characters in the most frequent word 4-gram, of characters",
    "duplicate_5gram_share": "characters in word 5-grams that stood before, of characters",
    "duplicate_6gram_share": "characters in word 6-grams that stood before, of characters",
    "duplicate_7gram_share": "characters in word 7-grams that stood before, of characters",
    "duplicate_8gram_share": "characters in word 8-grams that stood before, of characters",
    "duplicate_9gram_share": "characters in word 9-grams that stood before, of characters",
    "duplicate_10gram_share": "characters in word 10-grams that stood before, of characters",
    "punctuated_line_share": "lines that end with punctuation or a formula, of lines",
    "short_line_share": "lines of at most 30 characters (15 of unspaced scripts) and no formula",
    "line_word_ratio": "lines by word",
    "sentences": "ends of sentences: . ! ? and their like before a blank or the end",
    "curly_brackets": "curly brackets outside code and formulas",
    "javascript_line_share": "lines with the word javascript, of lines",
    "policy_line_share": "lines on cookies, privacy and terms of use, of lines",
    "lorem_ipsum": "times that 'lorem ipsum' stands in the text",
    "formula_char_share": "characters of formulas, of the text",
    "code_char_share": "characters of code blocks, of the text",
    "table_char_share": "characters of tables, of the text",
}
"""Every signal with its meaning, in the order of the columns of `quality`."""

RULES: dict[str, str] = {
    "min_words": "words",
    "max_words": "words",
    "min_mean_word_length": "mean_word_length",
    "max_mean_word_length": "mean_word_length",
    "max_symbol_word_ratio": "symbol_word_ratio",
    "max_bullet_line_share": "bullet_line_share",
    "max_ellipsis_line_share": "ellipsis_line_share",
    "min_alphabetic_word_share": "alphabetic_word_share",
    "min_stop_words": "stop_words",
    "max_duplicate_line_share": "duplicate_line_share",
    "max_duplicate_line_char_share": "duplicate_line_char_share",
    "max_duplicate_paragraph_share": "duplicate_paragraph_share",
    "max_duplicate_paragraph_char_share": "duplicate_paragraph_char_share",
    **{f"max_top_{n}gram_share": f"top_{n}gram_share" for n in (2, 3, 4)},
    **{f"max_duplicate_{n}gram_share": f"duplicate_{n}gram_share" for n in range(5, 11)},
    "min_punctuated_line_share": "punctuated_line_share",
    "max_short_line_share": "short_line_share",
    "max_line_word_ratio": "line_word_ratio",
    "min_sentences": "sentences",
    "max_curly_brackets": "curly_brackets",
    "max_javascript_line_share": "javascript_line_share",
    "max_policy_line_share": "policy_line_share",
    "max_lorem_ipsum": "lorem_ipsum",
}
"""Rule (its threshold's key in [quality]) → the signal that it bounds from below or above."""

# Rae et al. 2021, appendix A.1.1: at least two of these
_STOP_WORDS = ("the", "be", "to", "of", "and", "that", "have", "with")
_SHORT_LINE_CHARS = 30  # Penedo et al. 2024, section 3.6
_UNSPACED_WORD_CHARS = 2
_UNSPACED_SHARE = 0.5  # chosen: from here a text is read as one without spaces

# Scripts without spaces, as in cc_math.text
_UNSPACED = (
    "\u0e01-\u0e3a\u0e40-\u0e4e\u0e80-\u0edf\u1000-\u103f\u1780-\u17d3\u3005-\u3007\u3040-\u30ff"
    "\u3105-\u312f\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uff66-\uff9f"
    "\U00020000-\U000323af"
)
_UNSPACED_CHARACTER = re.compile(f"[{_UNSPACED}]")
_UNSPACED_RUN = re.compile(f"[{_UNSPACED}]+")
_UNSPACED_WORD = re.compile(f"[{_UNSPACED}]|[^\\s{_UNSPACED}]+")
# Words are counted on bytes, a byte a character: other scripts' letters by the first byte of
# their UTF-8, once signs (Latin-1's, U+2010-2BFF, CJK's) and formulas are taken out.
_SIGNS = re.compile(
    "[\xa1-\xa9\xab-\xb4\xb6-\xb9\xbb-\xbf\xd7\xf7\u2010-\u2bff\u3001-\u303f\uff01-\uff0f"
    "\U000f0000-\U000ffffd]+"
)
_ASCII = [chr(code) for code in range(128)]
_INNER_BYTES = bytes(range(0x80, 0xC0))  # of a character, after its first
_NO_LETTER = _INNER_BYTES + "".join(c for c in _ASCII if not (c.isalpha() or c.isspace())).encode()
_NO_WORD = _INNER_BYTES + "".join(c for c in _ASCII if not (c.isalnum() or c.isspace())).encode()
# `.`, `!`, `?` to `.`, blanks to a blank, closing marks to nothing, the rest to `a`: a sentence
# ends at ". "
_CLOSING = b"\"')]*_"
_TO_SHAPE = bytes(46 if c in ".!?" else 32 if c.isspace() else 97 for c in [*_ASCII, *"a" * 128])
_ENDS = frozenset(".!?…:;,\"'”’»)]*_。！？．：；，」』）؟؛।")
_FOREIGN_SENTENCE_ENDS = "。！？؟।…"
_POLICY = re.compile(  # Raffel et al. 2020, section 2.2 and the code of C4
    r"terms of use|privacy policy|cookie policy|uses cookies|use of cookies|use cookies"
)
_MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)  # 2^64 / golden ratio, odd (Knuth, TAOCP 3, 6.4)
_SHIFT = np.uint64(29)  # chosen: any middle one lets high bits act on low ones
_BUCKET_SHIFT = np.uint64(51)  # chosen: 2^13 buckets, most words of a page have one of their own


def quality_signals(text: str, language: str) -> Signals:
    """The :data:`SIGNALS` of a text (Markdown, formulas in dollars), rounded to 1e-4.

    ``language`` is its ISO 639 code; only "en" is looked at. Never raises; linear in the text
    but for a sort of its repeated words.
    """
    prose = prose_of(text)
    unspaced_chars = 0
    if not prose.words.isascii() and _UNSPACED_CHARACTER.search(prose.words):
        tokens = _UNSPACED_WORD.findall(prose.words)
        unspaced_chars = len(prose.words) - len(_UNSPACED_RUN.sub("", prose.words))
    else:
        tokens = prose.words.split()
    unspaced = unspaced_chars > _UNSPACED_SHARE * len(tokens)
    words = len(tokens) - unspaced_chars + unspaced_chars / _UNSPACED_WORD_CHARS
    short_chars = _SHORT_LINE_CHARS // (_UNSPACED_WORD_CHARS if unspaced else 1)
    signals: Signals = dict.fromkeys(SIGNALS)
    signals["words"] = words + prose.table_words
    if not unspaced:
        signals |= _letter_signals(prose.words)
    numbers = dict(zip(dict.fromkeys(tokens), itertools.count(), strict=False))
    if language == "en":
        signals["stop_words"] = sum(word in numbers for word in _STOP_WORDS)
    ids = np.fromiter(map(numbers.__getitem__, tokens), np.int64, len(tokens))
    lengths = np.fromiter(map(len, tokens), np.int64, len(tokens))
    signals |= _ngram_signals(ids, lengths, _UNSPACED_WORD_CHARS if unspaced else 1)
    signals |= _line_signals(prose, words, short_chars)
    signals |= _repeated("line", prose.lines)
    signals |= _repeated("paragraph", prose.paragraphs)
    signals |= _marks(prose, words)
    for name in ("formula_char_share", "code_char_share", "table_char_share"):
        signals[name] = getattr(prose, name)
    return {name: None if v is None else round(v, 4) for name, v in signals.items()}


def quality_failures(
    signals: Mapping[str, float | None], settings: Mapping[str, float]
) -> list[str]:
    """The rules that a text fails, in the order of :data:`RULES`. ``settings`` maps each rule to
    its threshold; a signal that is None fails none."""
    failed = []
    for rule, signal in RULES.items():
        value = signals[signal]
        if value is None:
            continue
        if value < settings[rule] if rule.startswith("min_") else value > settings[rule]:
            failed.append(rule)
    return failed


def _letter_signals(words: str) -> Signals:
    """Lengths and letters of the words with a letter or digit; what else stands alone is a sign,
    of mathematics mostly, and no word."""
    if not words.isascii():
        words = _SIGNS.sub("", words)
    data = f" {words}".encode("utf-8", "surrogatepass")
    found = data.translate(_TO_SHAPE, _NO_WORD)
    count = found.count(b" a")
    if not count:
        return {}
    return {
        "mean_word_length": found.count(b"a") / count,
        "alphabetic_word_share": data.translate(_TO_SHAPE, _NO_LETTER).count(b" a") / count,
    }


def _ngram_signals(
    ids: npt.NDArray[np.int64], lengths: npt.NDArray[np.int64], scale: int
) -> Signals:
    """Shares of repeated n-grams. ``ids`` and ``lengths`` (int64[W]) are the words' numbers and
    characters; ``scale`` is how many of them make a word.

    An n-gram can be repeated only where the one that is shorter by a word is, so that after the
    first sort only these places are looked at.
    """
    signals: Signals = {f"top_{n}gram_share": 0.0 for n in (2, 3, 4)}
    signals |= {f"duplicate_{n}gram_share": 0.0 for n in range(5, 11)}
    keys = (ids.astype(np.uint64) + np.uint64(1)) * _MULTIPLIER
    places, hashes = np.arange(len(ids)), keys
    ends = np.concatenate([[0], np.cumsum(lengths)])
    total = max(1, int(ends[-1]))
    for size in range(2, 10 * scale + 1):
        if len(places) and places[-1] + size > len(ids):
            inside = int(np.searchsorted(places, len(ids) - size, side="right"))
            places, hashes = places[:inside], hashes[:inside]
        if len(places) < 2:
            break
        hashes = (hashes ^ (hashes >> _SHIFT)) * _MULTIPLIER + keys[places + (size - 1)]
        if size == 2:  # most 2-grams of a page stand once: the sort need not see them
            buckets = (hashes >> _BUCKET_SHIFT).astype(np.intp)
            crowded = np.bincount(buckets)[buckets] > 1
            places, hashes = places[crowded], hashes[crowded]
        order = np.argsort(hashes, kind="stable")  # so the first of a group is its first place
        ordered = hashes[order]
        same = ordered[1:] == ordered[:-1]
        again = np.zeros(len(order), dtype=bool)  # by place: its n-gram stood before
        again[order[1:][same]] = True
        repeated = again.copy()
        repeated[order[:-1][same]] = True
        n = size // scale if size % scale == 0 else 0
        if n in (2, 3, 4) and len(ordered):
            edges = np.flatnonzero(~same) + 1
            bounds = np.zeros(len(edges) + 2, dtype=np.intp)  # of the groups in `order`
            bounds[1:-1], bounds[-1] = edges, len(ordered)
            times = bounds[1:] - bounds[:-1]
            if (most := int(times.max())) > 1:
                at = places[order[bounds[:-1][times == most]]]
                longest = int((ends[at + size] - ends[at]).max())
                signals[f"top_{n}gram_share"] = min(1.0, most * longest / total)
        elif n >= 5:
            signals[f"duplicate_{n}gram_share"] = _covered(places[again], size, ends) / total
        places, hashes = places[repeated], hashes[repeated]
    return signals


def _covered(places: npt.NDArray[np.intp], size: int, ends: npt.NDArray[np.int64]) -> int:
    """Characters of the words in spans of ``size`` words from ``places``, which ascend."""
    if not len(places):
        return 0
    upto = places + size
    upto[:-1] = np.minimum(upto[:-1], places[1:])  # an overlap counts once
    return int((ends[upto] - ends[places]).sum())


def _repeated(kind: str, pieces: Sequence[str]) -> Signals:
    """Shares of lines or paragraphs that stood before, by number and by characters."""
    again = chars = 0
    if len(set(pieces)) < len(pieces):
        for piece, times in Counter(pieces).items():
            again += times - 1
            chars += (times - 1) * len(piece)
    return {
        f"duplicate_{kind}_share": again / max(1, len(pieces)),
        f"duplicate_{kind}_char_share": chars / max(1, sum(map(len, pieces))),
    }


def _line_signals(prose: Prose, words: float, short_chars: int) -> Signals:
    """Signals of lines; null where there is none."""
    lines, count = prose.lines, len(prose.lines)
    if not lines:
        return {}
    last = [line[-1] for line in lines]
    ended = sum(mark in _ENDS or mark >= "\U000f0000" for mark in last)
    short = sum(len(line) <= short_chars and not FORMULA.search(line) for line in lines)
    ellipses = 0
    if "…" in last or "..." in prose.words:
        ellipses = sum(line.endswith(("...", "…")) for line in lines)
    return {
        "bullet_line_share": prose.bullets / count,
        "ellipsis_line_share": ellipses / count,
        "punctuated_line_share": ended / count,
        "short_line_share": short / count,
        "line_word_ratio": count / max(1.0, words),
    }


def _marks(prose: Prose, words: float) -> Signals:
    """Signals that count signs and phrases."""
    text, count = prose.words, max(1, len(prose.lines))
    shape = f"{text} ".encode("utf-8", "surrogatepass").translate(_TO_SHAPE, _CLOSING)
    sentences = shape.count(b". ")
    if not text.isascii():
        sentences += sum(map(text.count, _FOREIGN_SENTENCE_ENDS))
    lower = text.lower()
    scripts = policies = 0
    if "javascript" in lower:
        scripts = sum("javascript" in line.lower() for line in prose.lines)
    if "cookie" in lower or "privacy" in lower or "terms of use" in lower:
        policies = sum(bool(_POLICY.search(line.lower())) for line in prose.lines)
    symbols = text.count("#") + text.count("...") + text.count("…")
    return {
        "symbol_word_ratio": symbols / max(1.0, words),
        "sentences": float(sentences),
        "curly_brackets": float(text.count("{") + text.count("}")),
        "javascript_line_share": scripts / count,
        "policy_line_share": policies / count,
        "lorem_ipsum": float(lower.count("lorem ipsum")),
    }
