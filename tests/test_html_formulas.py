"""Formulas written with sup and sub: what becomes TeX, what stays text, and how."""

from __future__ import annotations

import pytest

from cc_math.html import Document, extract

WORDS = "This paragraph has words enough to count as the main content of a page. " * 4


def shown(body: str, head: str = "") -> Document:
    page = (
        f"<html><head><meta charset=utf-8>{head}</head><body><article><p>{WORDS}</p>"
        f"<p>Here {body} ends.</p><p>{WORDS}</p></article></body></html>"
    )
    result = extract(page.encode())
    assert isinstance(result, Document), result
    return result


@pytest.mark.parametrize(
    ("body", "tex"),
    [
        ("<i>x</i><sup>2</sup>", "x^{2}"),
        ("<em>a</em><sub>n</sub>", "a_{n}"),
        ("<var>a</var><sub>n+1</sub>", "a_{n+1}"),
        ("<i>c</i><sub>1</sub><sup>2</sup>", "c_{1}^{2}"),
        ("<i>c</i><sup>2</sup><sub>1</sub>", "c_{1}^{2}"),
        ("<i>e</i><sup>−<i>iπ</i></sup>", "e^{-i\\pi}"),
        ("<i>x</i><sub>max</sub>", "x_{\\mathrm{max}}"),
        ("<i>a</i><sub><i>ij</i></sub>", "a_{ij}"),
        ("<span class='cmmi-10'>x</span><sup><span class='cmr-7'>2</span></sup>", "x^{2}"),
        ("<span style='font-style:italic'>x</span><sub>3</sub>", "x_{3}"),
        ("σ<sup>2</sup>", "\\sigma^{2}"),
        ("2<sup><i>n</i></sup>", "2^{n}"),
    ],
)
def test_scripts_of_mathematical_tokens_become_tex(body: str, tex: str) -> None:
    result = shown(body)
    assert [(f.tex, f.representation) for f in result.formulas] == [(tex, "html")]
    assert f"Here ${tex}$ ends." in result.text


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ("q<sub>7</sub> + k<sub>3</sub>", "q₇ + k₃"),
        ("10<sup>5</sup> and 10<sup>-3</sup>", "10⁵ and 10⁻³"),
        ("H<sub>2</sub>O and CO<sub>2</sub>", "H₂O and CO₂"),
        ("50 m<sup>2</sup>", "50 m²"),
        ("x<sup>k+1</sup>", "x^{k+1}"),
        ("A<sup>T</sup>", "A^T"),
        ("V<sub>bot</sub>", "V_{bot}"),
        ("(a+b)<sup>2</sup>", "(a+b)²"),
        ("the 1<sup>st</sup> and <i>n</i><sup>th</sup>", "the 1st and nth"),
        ("Name<sup>TM</sup>", "NameTM"),
        ("in 1998<sup><a href='#n2'>2</a></sup>", "in 1998[^2]"),
        ("word<sup><a href='#n2'>[2]</a></sup>", "word[2]"),
        ("λόγος<sup>3</sup>", "λόγος³"),
        ("1<sup>er</sup> and 2<sup>e</sup>", "1er and 2e"),
    ],
)
def test_other_scripts_stay_text_and_are_not_glued(body: str, text: str) -> None:
    result = shown(body)
    assert result.formulas == ()
    assert f"Here {text} ends." in result.text


def test_beside_other_formulas_scripts_stay_text() -> None:
    result = shown("<script type='math/tex'>y</script> and <i>x</i><sup>2</sup>")
    assert "Here $y$ and x² ends." in result.text
    result = shown("<i>x</i><sup>2</sup>", head="<script src='mathjax.js'></script>")
    assert "Here x² ends." in result.text


def test_scripts_in_code_are_code() -> None:
    result = shown("<code><i>x</i><sup>2</sup></code>")
    assert "Here `x2` ends." in result.text
