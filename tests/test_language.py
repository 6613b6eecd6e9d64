"""Languages of texts, and the codes that the tables carry."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cc_math.language import from_cld2, identify

ENGLISH = (
    "A triangle whose sides are three, four and five has a right angle between the short ones."
)
GERMAN = (
    "Ein Dreieck mit den Seiten drei, vier und fünf hat zwischen den kurzen einen rechten Winkel."
)


@pytest.mark.parametrize(
    ("text", "language"),
    [
        (ENGLISH, "en"),
        (GERMAN, "de"),
        ("Треугольник со сторонами три, четыре и пять имеет прямой угол между короткими.", "ru"),
        ("边长为三、四、五的三角形,在两条短边之间有一个直角。这是最有名的例子。", "zh"),
        ("邊長為三、四、五的三角形,在兩條短邊之間有一個直角。這是最有名的例子。", "zh"),
        ("Un triangle dont les côtés mesurent trois, quatre et cinq a un angle droit.", "fr"),
        ("משולש שצלעותיו שלוש, ארבע וחמש הוא בעל זווית ישרה בין הצלעות הקצרות.", "he"),
        ("", "und"),
        ("12 + 34 = 46", "und"),
    ],
)
def test_the_language_of_a_text(text: str, language: str) -> None:
    assert identify(text)[0] == language


def test_formulas_have_no_language() -> None:
    formula = r"$$\text{the sum of all these and those numbers is what it is and not more}$$ "
    assert identify(formula * 6 + GERMAN)[0] == "de"


def test_code_does_not_make_a_page_english() -> None:
    code = "return_value = find_index(list_of_words, start=0); print(the.very.same(words)) "
    assert identify((code + GERMAN + " ") * 3)[0] == "de"


def test_control_characters_do_not_hide_the_language() -> None:
    assert identify("\x0c\x00\ufffe\ud800" + ENGLISH)[0] == "en"


@given(st.text(st.characters()))
def test_any_text_has_a_code_and_a_share(text: str) -> None:
    code, share = identify(text)
    assert code.isascii()
    assert code.islower()
    assert 0 <= share <= 1


@pytest.mark.parametrize(
    ("languages", "expected"),
    [
        ((), ("und", 0.0)),
        ((("en", 0.9), ("de", 0.1)), ("en", 0.9)),
        ((("zh-Hant", 0.8),), ("zh", 0.8)),
        ((("iw", 1.5),), ("he", 1.0)),
        ((("un", 0.8),), ("und", 0.0)),
        ((("../etc", 0.8),), ("und", 0.0)),
        ((("ceb", 0.8),), ("ceb", 0.8)),
    ],
)
def test_the_crawls_own_languages(
    languages: tuple[tuple[str, float], ...], expected: tuple[str, float]
) -> None:
    assert from_cld2(languages) == expected


def test_a_share_that_is_no_number_is_none() -> None:
    assert not math.isnan(from_cld2([("en", math.nan)])[1])
