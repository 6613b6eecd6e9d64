"""The [quality] table of a recipe: thresholds of the documented quality rules, with their papers.

:mod:`cc_math.quality` measures the signals that these bound; compose applies the named rules.
"""

from __future__ import annotations

from dataclasses import dataclass

from cc_math.recipe_tables import value

_GOPHER = "Rae et al. 2021, appendix A.1.1"
_REPETITION = "Rae et al. 2021, table A1"
_C4 = "Raffel et al. 2020, section 2.2"
_FINEWEB = "Penedo et al. 2024 (FineWeb), section 3.6"


@dataclass(frozen=True, slots=True)
class Quality:
    """[quality] — documented quality rules: thresholds of all, names of those that act."""

    apply: tuple[str, ...] = value(
        (
            "max_mean_word_length",
            "max_symbol_word_ratio",
            "max_javascript_line_share",
            "max_policy_line_share",
            "max_lorem_ipsum",
        ),
        "rules that keep a document out; compose counts what the others would remove",
        "measured: those that remove none of 1,652 documents of a crawl scored 0.5 or more",
    )
    min_words: float = value(50.0, "fewest words", _GOPHER)
    max_words: float = value(100_000.0, "most words", _GOPHER)
    min_mean_word_length: float = value(3.0, "shortest mean word, in characters", _GOPHER)
    max_mean_word_length: float = value(10.0, "longest mean word, in characters", _GOPHER)
    max_symbol_word_ratio: float = value(0.1, "most '#' and ellipses by word", _GOPHER)
    max_bullet_line_share: float = value(0.9, "largest share of lines with a bullet", _GOPHER)
    max_ellipsis_line_share: float = value(
        0.3, "largest share of lines that end in an ellipsis", _GOPHER
    )
    min_alphabetic_word_share: float = value(0.8, "smallest share of words with a letter", _GOPHER)
    min_stop_words: float = value(2.0, "fewest of eight English stop words, in English", _GOPHER)
    max_duplicate_line_share: float = value(0.3, "largest share of repeated lines", _REPETITION)
    max_duplicate_line_char_share: float = value(
        0.2, "the same in characters", "Rae et al. 2021, table A1; Penedo et al. 2024: 0.1"
    )
    max_duplicate_paragraph_share: float = value(
        0.3, "largest share of repeated paragraphs", _REPETITION
    )
    max_duplicate_paragraph_char_share: float = value(0.2, "the same in characters", _REPETITION)
    max_top_2gram_share: float = value(
        0.2, "largest share of characters in one 2-gram", _REPETITION
    )
    max_top_3gram_share: float = value(
        0.18, "largest share of characters in one 3-gram", _REPETITION
    )
    max_top_4gram_share: float = value(
        0.16, "largest share of characters in one 4-gram", _REPETITION
    )
    max_duplicate_5gram_share: float = value(
        0.15, "largest share of characters in repeated 5-grams", _REPETITION
    )
    max_duplicate_6gram_share: float = value(
        0.14, "largest share of characters in repeated 6-grams", _REPETITION
    )
    max_duplicate_7gram_share: float = value(
        0.13, "largest share of characters in repeated 7-grams", _REPETITION
    )
    max_duplicate_8gram_share: float = value(
        0.12, "largest share of characters in repeated 8-grams", _REPETITION
    )
    max_duplicate_9gram_share: float = value(
        0.11, "largest share of characters in repeated 9-grams", _REPETITION
    )
    max_duplicate_10gram_share: float = value(
        0.1, "largest share of characters in repeated 10-grams", _REPETITION
    )
    min_punctuated_line_share: float = value(
        0.12, "smallest share of lines that end with punctuation", _FINEWEB
    )
    max_short_line_share: float = value(
        0.67, "largest share of lines of up to 30 characters", _FINEWEB
    )
    max_line_word_ratio: float = value(
        0.3, "most lines by word", "Penedo et al. 2024, the code of its filter"
    )
    min_sentences: float = value(5.0, "fewest sentences", _C4)
    max_curly_brackets: float = value(0.0, "most curly brackets outside code and formulas", _C4)
    max_javascript_line_share: float = value(
        0.1,
        "largest share of lines with 'javascript'",
        "chosen: Raffel et al. 2020, section 2.2, drop such lines, cc-math cuts none",
    )
    max_policy_line_share: float = value(
        0.1, "largest share of lines on cookies and terms", "as max_javascript_line_share"
    )
    max_lorem_ipsum: float = value(0.0, "most times of 'lorem ipsum'", _C4)
