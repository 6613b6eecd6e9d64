"""The shared normaliser: words for comparing, one line for fastText."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cc_math.text import classifier_text, formula_spans, match_spans, match_words

PIECES = st.sampled_from(
    [
        "$",
        "$$",
        "\\(",
        "\\)",
        "\\[",
        "\\]",
        "{",
        "}",
        "\\frac",
        "^",
        "_",
        "x",
        "12",
        " ",
        "\n",
        "-",
        "*",
    ]
    + [
        "`",
        "```",
        "](",
        "http://a.b",
        "数",
        "é",
        "e\u0301",
        "½",
        "²",
        "ß",
        "\u0130",
        "ก",
        "٣",
        "#",
        "|",
    ]
)
MESSY = st.lists(PIECES, max_size=60).map("".join)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (r"$\frac12$", r"$\frac{1}{2}$"),
        (r"$\dfrac{1}{2}$", r"$\tfrac12$"),
        (r"$\frac{1}{2}$", "1/2"),
        (r"$\frac{a+b}{\frac{c}{d}}$", r"\(\frac{a + b}{\dfrac c d}\)"),
        ("x^2 + 3", "$x^2+3$"),
        (r"\(x^{2}+3\)", "x² + 3"),
        (r"$\left( x \right)\,dx$", "$(x) dx$"),
        (r"$\displaystyle\sum_{i=1}^{n} i$", r"\[\sum_{i=1}^n i\]"),
        (r"$2 \times 3$", "2 × 3"),
        (r"$a \leqslant b$", "a <= b"),
        (r"angle of $90^\circ$", "angle of 90°"),
        (r"triangle $ABC$", "triangle ABC"),
        (r"$1{,}000$ apples", "1,000 apples"),
        ("1,000 apples", "1000 apples"),
        (r"$f'(x)$", r"$f^{\prime}(x)$"),
        (r"$x$ if $x > 0$", r"$x \text{ if } x > 0$"),
        (r"$\operatorname{lcm}(a,b)$", "$lcm(a, b)$"),
        ("Ｆｕｌｌ width", "full WIDTH"),
        ("caf\u00e9", "cafe\u0301"),
        ("α + β", r"$\alpha+\beta$"),
        ("well-known fact", "well known fact"),
        ("½ cup", "1/2 cup"),
    ],
)
def test_two_spellings_give_the_same_words(one: str, other: str) -> None:
    assert match_words(one) == match_words(other)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("3.14 is not 3.15", ["3.14", "is", "not", "3.15"]),
        ("{1,2,3}", ["1", "2", "3"]),
        ("x1 and 2x", ["x", "1", "and", "2", "x"]),
        ("求函数 f(x)=x+1", ["求", "函", "数", "f", "x", "=", "x", "+", "1"]),
        ("He has $5 and gets $6 more", ["he", "has", "5", "and", "gets", "6", "more"]),
        ("हिन्दी भाषा", ["हिन्दी", "भाषा"]),
        ("$-x$ or 3 - 2", ["-", "x", "or", "3", "-", "2"]),
        ("", []),
    ],
)
def test_words(text: str, words: list[str]) -> None:
    assert match_words(text) == words


def test_markdown_marks_are_no_words() -> None:
    text = "# Title\n\n- one\n* **two**\n> three\n\n```python\nx = 1\n```\n"
    text += "[four](https://a.b/c) | five |"
    assert match_words(text) == ["title", "one", "two", "three", "x", "=", "1", "four", "five"]


def test_different_numbers_and_formulas_differ() -> None:
    assert match_words("17 apples") != match_words("71 apples")
    assert match_words("$x^2$") != match_words("$x^3$")
    assert match_words(r"$\frac{1}{2}$") != match_words(r"$\frac{2}{1}$")


def test_prose_between_dollar_signs_is_no_formula() -> None:
    text = "It costs 5$ and the total sum was then 6$, they said."
    assert list(formula_spans(text)) == []


@given(MESSY)
def test_spans_and_words_agree_and_lie_in_the_text(text: str) -> None:
    spans = match_spans(text)
    assert [word for word, _, _ in spans] == match_words(text)
    assert all(0 <= start <= end <= len(text) for _, start, end in spans)
    assert all(word and word == word.casefold() for word, _, _ in spans)


@given(MESSY | st.text())
def test_classifier_text_is_one_safe_line_and_stable(text: str) -> None:
    line = classifier_text(text)
    assert "_" not in line and line == " ".join(line.split())
    assert classifier_text(line) == line
    masked = classifier_text(text, "structure")
    assert masked == " ".join(masked.split())


def test_classifier_text_masks() -> None:
    text = r"Let $x^2 + 1 = \frac{1}{2}$ be given, __label__other, in 1984."
    assert classifier_text(text) == "let be given label other in 0"
    masked = classifier_text(text, "structure")
    assert "ƒfrac" in masked and "ƒv ƒpower ƒn ƒplus ƒn ƒequal" in masked
    assert classifier_text("设函数 2024 年") == "设 函 数 0 年"


def test_hostile_text_costs_linear_time() -> None:
    for unit in ("$", "\\(", "\\[", "$$a", "](", "{", "\\frac", "> ", "- ", "1,", "```", "x^"):
        text = unit * (200_000 // len(unit))
        started = time.perf_counter()
        match_words(text)
        classifier_text(text)
        assert time.perf_counter() - started < 5.0, unit
