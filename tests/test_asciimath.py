"""AsciiMath to LaTeX, and where a page's text is read as AsciiMath."""

# ruff: noqa: E501

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cc_math.html import Document, extract
from cc_math.html.asciimath import asciimath_to_tex, is_plausible
from cc_math.html.tex import balanced

WORDS = "Words before and after the formulas make this the main content of the page. " * 4


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("x^2+y_1", "x^2+y_1"),
        ("x_1^2", "x_1^2"),
        ("e^(-x/2)", "e^{-\\frac{x}{2}}"),
        ("a/b", "\\frac{a}{b}"),
        ("a/b/c", "\\frac{a}{b}/c"),
        ("(a+b)/(c+d)", "\\frac{a+b}{c+d}"),
        ("dy/dx", "\\frac{dy}{dx}"),
        ("(x+1)(x-1)", "(x+1)(x-1)"),
        ("(1/2)", "\\left(\\frac{1}{2}\\right)"),
        ("sqrt x", "\\sqrt{x}"),
        ("sqrt sqrt(x+1)", "\\sqrt{\\sqrt{x+1}}"),
        ("root(3)(x)", "\\sqrt[3]{x}"),
        ("frac(a)(b)", "\\frac{a}{b}"),
        ('stackrel"def"=', "\\stackrel{\\text{def}}{=}"),
        ("sum_(i=1)^n i^3", "\\sum_{i=1}^ni^3"),
        ("int_0^oo f(x)dx", "\\int_0^{\\infty}f(x)dx"),
        ("lim_(x->oo) 1/x", "\\lim_{x\\to\\infty}\\frac{1}{x}"),
        ("sin x/2", "\\frac{\\sin x}{2}"),
        ("sin^2 x", "\\sin^2x"),
        ("f(x)/g(x)", "\\frac{f(x)}{g(x)}"),
        ("hat(ab) vec x", "\\hat{ab}\\vec{x}"),
        ("abs(x/2)", "\\left|\\frac{x}{2}\\right|"),
        ("|x|+||y||", "|x|+\\|y\\|"),
        ("P(A|B)", "P(A\\mid B)"),
        ("AA x in RR", "\\forall x\\in\\mathbb{R}"),
        ("alphax", "\\alpha x"),
        ("\\alpha\\ x", "\\alpha\\ x"),
        ("bb(A) bbb C", "\\mathbf{A}\\mathbb{C}"),
        ("x <= y != z", "x\\le y\\ne z"),
        ("<<x,y>>", "\\langle x,y\\rangle"),
        ("{x : x>0}", "\\{x:x>0\\}"),
        ('"if $5" x', "\\text{if \\$5}x"),
        ("text(at) x", "\\text{at}x"),
        ("3.5%", "3.5\\%"),
        ("[[a,b],[c,d]]", "\\begin{bmatrix} a & b \\\\ c & d \\end{bmatrix}"),
        ("((n),(k))", "\\begin{pmatrix} n \\\\ k \\end{pmatrix}"),
        ("|[a,b],[c,d]|", "\\begin{vmatrix} a & b \\\\ c & d \\end{vmatrix}"),
        (
            '{(x,if x>0),(0,"else"):}',
            "\\begin{cases} x & \\text{ if }x>0 \\\\ 0 & \\text{else} \\end{cases}",
        ),
        (
            "[[a,b,|,c],[d,e,|,f]]",
            "\\left[\\begin{array}{cc|c} a & b & c \\\\ d & e & f \\end{array}\\right]",
        ),
        ("[1,2]", "[1,2]"),
        ("(x", "(x"),
        ("x)", "x)"),
        ("a/", "a/"),
        ("^2", "{}^2"),
        ("", ""),
    ],
)
def test_asciimath(source: str, expected: str) -> None:
    assert asciimath_to_tex(source) == expected


@settings(max_examples=300, deadline=None)
@given(
    st.lists(
        st.sampled_from(
            ["sqrt", "(", ")", "[", "]", "{", "}", "{:", ":}", "|", "/", "^", "_", "x", "sin", "frac",
             "root", "color", "text(", '"', ",", "[[a,b],[c,d]]", " ", "12", "é", "\\", "%", "hat", "if"]
        ),
        max_size=40,
    ).map("".join)
)  # fmt: skip
def test_any_text_converts_to_balanced_latex(source: str) -> None:
    assert balanced(asciimath_to_tex(source))


@pytest.mark.parametrize("piece", ["(", "sqrt ", "x/", "|", "x_", "hat(", "sin^2 ", "text(", '"'])
def test_conversion_is_linear(piece: str) -> None:
    start = time.process_time()
    asciimath_to_tex(piece * 20_000)
    assert time.process_time() - start < 5


@pytest.mark.parametrize(
    ("source", "expected"),
    [("x^2+sqrt y", True), ("alpha beta", True), ("abc", True), ("print", False), ("  ", False),
     ("git commit", False), ('x "where x is a root"', True)],
)  # fmt: skip
def test_what_reads_as_asciimath(source: str, expected: bool) -> None:
    assert is_plausible(source) is expected


def formulas(body: str, head: str = "") -> list[tuple[str, bool, str]]:
    page = f"<html><head>{head}</head><body><p>{WORDS}</p><p>{body}</p><p>{WORDS}</p></body>"
    result = extract(page.encode())
    assert isinstance(result, Document), result
    return [(f.tex, f.display, f.representation) for f in result.formulas]


def test_script_of_asciimath() -> None:
    assert formulas(
        "<span class='MathJax_Preview'>x</span><script type='math/asciimath'>x/2</script>, "
        "<script type='math/asciimath; mode=display'>y</script>"
    ) == [("\\frac{x}{2}", False, "asciimath_script"), ("y", True, "asciimath_script")]


BY_NAME = "<script>MathJax = {loader: {load: ['input/asciimath']}, asciimath: {}}</script>"


@pytest.mark.parametrize(
    "head",
    [
        BY_NAME,
        "<script src='ASCIIMathML.js'></script><script src='mathjax.js'></script>",
        "<script src='https://cdn.example.org/MathJax.js?config=AM_CHTML'></script>",
        "<script src='https://cdn.example.org/MathJax.js?config=TeX-MML-AM_CHTML'></script>",
    ],
)
def test_backticks_where_the_page_asks_for_asciimath(head: str) -> None:
    assert formulas("Let `x/2` be \\(y\\).", head)[0] == ("\\frac{x}{2}", False, "asciimath")


def test_backticks_elsewhere_are_code() -> None:
    head = "<script src='https://cdn.example.org/MathJax.js?config=TeX-AMS_CHTML'></script>"
    assert formulas("Let `x/2` be \\(y\\).", head) == [("y", False, "delimiters_paren")]


def test_a_page_that_loads_everything_keeps_its_words_in_backticks() -> None:
    head = "<script src='https://cdn.example.org/MathJax.js?config=TeX-MML-AM_CHTML'></script>"
    assert formulas("Run `git commit` for \\(y\\).", head) == [("y", False, "delimiters_paren")]


def test_delimiters_of_asciimath_are_read() -> None:
    head = "<script>MathJax.Hub.Config({asciimath2jax: {delimiters: [['@@','@@']]}})</script>"
    assert formulas("Let @@x/2@@ be \\(y\\).", head)[0] == ("\\frac{x}{2}", False, "asciimath")
