"""Which formulas are whole."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cc_math.html.tex import balanced
from cc_math.html.tex_check import Fault, count_faults, formula_fault


@pytest.mark.parametrize(
    "tex",
    [
        "",
        "x",
        "a<b, c>d",
        "0<a>b",
        r"\frac{a}{b}",
        r"\{x : x > 0\}",
        r"\left\{ \frac{1}{2} \right.",
        r"\left( a \middle| b \right)",
        r"\leftarrow x \rightarrow",
        r"a \\[2pt] b \\{c}",
        r"\begin{cases} 1 & x \\ 2 & y \end{cases}",
        "\\begin{%\nbmatrix} 1 \\end{bmatrix}",
        r"\begin {matrix} a \end{matrix}",
        r"\begingroup x \endgroup",
        r"\text{costs \$5}",
        r"a & b; c",
        r"\mathbb{R}^{n^{m^{k}}}",
        "{" * 40 + "}" * 40,
    ],
)
def test_whole_formulas_have_no_fault(tex: str) -> None:
    assert formula_fault(tex) is None


@pytest.mark.parametrize(
    ("tex", "fault"),
    [
        ("x^{2", Fault.braces),
        ("x}{", Fault.braces),
        (r"\frac{a}{b}}", Fault.braces),
        (r"\{ {x \}", Fault.braces),
        (r"a \\} b {", Fault.braces),
        ("{" * 41 + "}" * 40, Fault.braces),
        (r"\begin{align} x", Fault.environments),
        (r"x \end{align}", Fault.environments),
        (r"\begin{align} x \end{aligned}", Fault.environments),
        (r"\begin{a}\begin{b}\end{a}\end{b}", Fault.environments),
        (r"\begin x", Fault.environments),
        (r"\left( x", Fault.left_right),
        (r"x \right)", Fault.left_right),
        (r"{\left( x } \right)", Fault.braces),
        (r"\begin{cases} \left( x \end{cases}", Fault.environments),
        ("x<br>y", Fault.html),
        ("x<br />y", Fault.html),
        ("x<sub>1</sub>", Fault.html),
        ('<a href="x">y', Fault.html),
        ("x<!-- y", Fault.html),
        ("a &lt; b", Fault.html),
        ("a &#60; b", Fault.html),
        ("a $ b", Fault.dollar),
        (r"\text{if $x$}", Fault.dollar),
        (r"\\$x", Fault.dollar),
    ],
)
def test_faults(tex: str, fault: Fault) -> None:
    assert formula_fault(tex) is fault


def test_each_formula_counts_once() -> None:
    formulas = ["x", "<b>x</b>{", "{", "{}", r"\left("]
    assert count_faults(formulas) == {"braces": 1, "html": 1, "left_right": 1}
    assert count_faults([]) == {}


@settings(deadline=None)
@given(st.text(alphabet="{}\\ab ", max_size=24))
def test_braces_are_those_of_the_plain_scan(tex: str) -> None:
    assert (formula_fault(tex) is None) == balanced(tex)


@settings(deadline=None)
@given(st.text(max_size=60))
def test_any_text_has_a_fault_or_none(tex: str) -> None:
    assert formula_fault(tex) in {None, *Fault}


@pytest.mark.parametrize(
    "piece",
    ["{", "}", "{}", "\\", "\\begin{", "\\left(", "<", "<a ", "&", "&amp", "$", "</", "{{}"],
)
def test_time_is_linear_in_the_formula(piece: str) -> None:
    started_s = time.process_time()
    formula_fault(piece * 100_000)
    formula_fault("{" * 100_000 + "}" * 100_000)
    assert time.process_time() - started_s < 5.0
