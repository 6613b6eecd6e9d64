"""Macros of a page: read from configuration and formulas, expanded within bounds."""

# ruff: noqa: E501  (mark-up is easier to read unbroken)

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cc_math.html import Document, extract
from cc_math.html.javascript import read_object
from cc_math.html.macros import (
    MAX_EXPANDED_CHARS,
    Macro,
    _expand,
    _expand_plain,
    expand,
    page_macros,
)
from cc_math.html.prefilter import find_hints

WORDS = "Words before and after the formulas make this the main content of the page. " * 4


def defined(definitions: str) -> dict[str, Macro]:
    macros: dict[str, Macro] = {}
    expand(definitions + " x", macros)
    return macros


@pytest.mark.parametrize(
    ("definitions", "source", "expected"),
    [
        (r"\newcommand{\R}{\mathbb{R}}", r"x\in\R", r"x\in\mathbb{R}"),
        (r"\newcommand\R{\mathbb R}", r"\R x", r"\mathbb R x"),
        (r"\newcommand{\amp}{&}\newcommand{\lt}{<}", r"a \amp\lt b", "a &< b"),
        (r"\newcommand{\abs}[1]{\left|#1\right|}", r"\abs{x+1}", r"\left|x+1\right|"),
        (r"\newcommand{\pd}[2]{\frac{\partial #1}{\partial #2}}", r"\pd f{x_1}",
         r"\frac{\partial f}{\partial x_1}"),
        (r"\newcommand{\n}[2][2]{\|#2\|_{#1}}", r"\n{x}+\n[p]{y}", r"\|x\|_{2}+\|y\|_{p}"),
        (r"\newcommand*{\z}{\zeta}", r"2\z t", r"2\zeta t"),
        (r"\providecommand{\z}{1}\providecommand{\z}{2}", r"\z", "1"),
        (r"\newcommand{\z}{1}\renewcommand{\z}{2}", r"\z", "2"),
        (r"\def\x#1#2{(#1,#2)}", r"\x ab", "(a,b)"),
        (r"\gdef\bold#1{{\bf #1}}", r"\bold{v}w", r"{\bf v}w"),
        (r"\DeclareMathOperator{\rank}{rank}", r"\rank A", r"\operatorname{rank} A"),
        (r"\DeclareMathOperator*{\amax}{arg\,max}", r"\amax_x f", r"\operatorname*{arg\,max}_x f"),
        (r"\let\eps\varepsilon", r"\eps t", r"\varepsilon t"),
        (r"\let\old=\phi \let\phi\varphi \let\varphi\old", r"\phi+\varphi", r"\varphi+\phi"),
        (r"\newcommand{\v}[1]{\mathbf{#1}}\newcommand{\dd}[1]{\frac{d}{d\v{#1}}}", r"\dd{x}",
         r"\frac{d}{d\mathbf{x}}"),
        (r"\newcommand{\a}{\alpha}", r"\text{\a} \verb|\a| \a", r"\text{\a} \verb|\a| \alpha"),
        (r"\newcommand{\R}{\mathbb{R}}", r"\text{if $x\in\R$}", r"\text{if $x\in\mathbb{R}$}"),
        (r"\newcommand{\m}[1]{\alpha#1}", r"\m x", r"\alpha x"),
        (r"\newcommand{\m}[1]{\bar{#1}\beta}", r"\m{x}y", r"\bar{x}\beta y"),
        (r"\newcommand{\R}{\mathbb{R}}", r"e^\R+\frac\R2", r"e^{\mathbb{R}}+\frac{\mathbb{R}}2"),
        (r"\newcommand{\R}{\mathbb{R}}", r"\Re \RR \\R", r"\Re \RR \\R"),
        (r"\def\q(#1){[#1]}", r"\q(1)", r"\q(1)"),
    ],
)  # fmt: skip
def test_expansion(definitions: str, source: str, expected: str) -> None:
    assert expand(source, defined(definitions)) == expected


def test_definitions_in_a_formula_hold_from_there_on() -> None:
    macros: dict[str, Macro] = {}
    assert expand(r"\newcommand{\k}{\kappa} \k^2", macros) == r"\kappa^2"
    assert expand(r"\k", macros) == r"\kappa"


def test_a_formula_that_only_defines_stays_as_it_stands() -> None:
    source = r"\newcommand{\k}{\kappa}"
    assert expand(source, {}) == source


@pytest.mark.parametrize(
    ("definitions", "source"),
    [
        (r"\def\a{\a}", r"x\a"),
        (r"\def\a{\b}\def\b{\a}", r"x\a"),
        (r"\def\a{\a\a}", r"x\a"),
        (r"\def\a#1{\a{#1#1}}", r"\a x"),
        ("".join(rf"\def\{chr(98 + i)}{{\{chr(97 + i)}\{chr(97 + i)}}}" for i in range(19)), r"\t"),
        (r"\newcommand{\f}[2]{#1}", r"\f x"),
    ],
)
def test_limits_leave_a_formula_as_it_stands(definitions: str, source: str) -> None:
    start = time.process_time()
    assert expand(source, defined(definitions)) == source
    assert time.process_time() - start < 2


_PIECES = st.lists(
    st.sampled_from(
        [r"\def", r"\newcommand", r"\let", r"\a", r"\b", r"\c", "{", "}", "[", "]", "#1", "#2", "x", " ",
         "=", "1", r"\text", r"\verb", "$", r"\\", r"\{", "%", "\n", r"\frac", "^", "*"]
    ),
    max_size=60,
)  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(_PIECES, _PIECES)
def test_any_source_expands_within_its_bound(first: list[str], second: list[str]) -> None:
    macros = {"c": Macro(1, None, r"\b{#1}#1")}
    for source in ("".join(first), "".join(second)):
        assert len(expand(source, macros)) <= MAX_EXPANDED_CHARS + len(source)


_PLAIN = {"a": Macro(0, None, "&"), "b": Macro(0, None, r"\mathbb{R}"), "c": Macro(0, None, r"x\phi"),
          "d": Macro(0, None, r"\phi"), "!": Macro(0, None, "e")}  # fmt: skip


@given(
    st.lists(
        st.sampled_from([*"{}^_ xy1&=", *(rf"\{name}" for name in (*_PLAIN, "frac", "hat", "z"))]),
        max_size=30,
    )
)
def test_the_short_way_expands_as_the_long_way(pieces: list[str]) -> None:
    source = "".join(pieces)
    assert _expand_plain(source, _PLAIN) == _expand(source, _PLAIN, 0)


@pytest.mark.parametrize(
    ("literal", "expected"),
    [
        (r"""{RR: "\\mathbb{R}", bold: ["{\\bf #1}", 1]}""",
         {"RR": "\\mathbb{R}", "bold": ["{\\bf #1}", 1]}),
        (r"""{'a': '\\alpha', // why
            "\\b": String.raw`\beta`, /* and */ c: ['x#1', 2, 'd'],}""",
         {"a": "\\alpha", "\\b": "\\beta", "c": ["x#1", 2, "d"]}),
        ("{f: function (x) { return {a: 'no, }'}; }, g: h(1, [2]), ...i, j: 'k' + 'l', m: 3}",
         {"j": "k", "m": 3}),
        ("{a: '\\u03b1\\n', b: {c: 'd'}, e: 'f'}", {"a": "α\n", "e": "f"}),
        ("{a: 'never closed", {}),
        ("{", {}),
    ],
)  # fmt: skip
def test_literals_of_javascript(literal: str, expected: dict[str, object]) -> None:
    assert read_object(literal, 1) == expected


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet="{}[]()'\"`,:\\ax1/*\n+.", max_size=80))
def test_any_literal_is_read_without_an_exception(literal: str) -> None:
    read_object(literal, 0)


def formulas(body: str, head: str = "") -> list[str]:
    page = f"<html><head>{head}</head><body><p>{WORDS}</p><p>{body}</p><p>{WORDS}</p></body>"
    result = extract(page.encode())
    assert isinstance(result, Document), result
    return [f.tex for f in result.formulas]


@pytest.mark.parametrize(
    "head",
    [
        r"""<script type="text/x-mathjax-config">MathJax.Hub.Config({TeX: {Macros: {RR: "{\\bf R}",
            dist: ["d(#1, #2)", 2]}}})</script><script src="MathJax.js"></script>""",
        r"""<script>window.MathJax = {tex: {macros: {RR: '{\\bf R}', dist: ['d(#1, #2)', 2]}}}</script>""",
        r"""<script>window.MathJax = {"tex": {"macros": {"RR": "{\\bf R}", "dist": ["d(#1, #2)", 2]}}}</script>""",
        r"""<script>renderMathInElement(document.body, {delimiters: [{left: '\\(', right: '\\)'}],
            macros: {"\\RR": "{\\bf R}", "\\dist": "d(#1, #2)"}})</script>""",
    ],
    ids=["MathJax 2", "MathJax 3", "JSON", "KaTeX"],
)
def test_macros_of_configurations(head: str) -> None:
    assert formulas(r"\(\dist{x}{\RR}\)", head) == [r"d(x, {\bf R})"]


def test_macros_of_a_hidden_preamble() -> None:
    preamble = (
        r"<div style='display:none'>\(\newcommand{\lt}{&lt;} \newcommand{\amp}{&amp;}"
        r"\DeclareMathOperator{\id}{id}\)</div>"
    )
    body = preamble + r"\(x \lt y\), \[\begin{aligned} \id \amp= 1 \end{aligned}\]"
    expected = ["x < y", r"\begin{aligned} \operatorname{id} &= 1 \end{aligned}"]
    assert formulas(body, "<script src='mathjax.js'></script>") == expected


def test_macros_reach_formulas_in_elements() -> None:
    body = (
        r"<script type='math/tex'>\def\R{\mathbb{R}}</script><script type='math/tex'>x\in\R</script>"
        r"<span class='math inline'>\(\R^2\)</span>"
    )
    assert formulas(body) == [r"x\in\mathbb{R}", r"\mathbb{R}^2"]


def test_a_listing_defines_nothing() -> None:
    body = (
        r"<pre>\(\newcommand{\vec}[1]{\mathbf{#1}}\)</pre>, \newcommand{\hat}{x}, \(\vec v+\hat w\)"
    )
    assert formulas(body, "<script src='mathjax.js'></script>") == [r"\vec v+\hat w"]


def test_a_page_without_definitions_has_no_macros() -> None:
    source = "<p>macros: none, \\(x\\)</p>"
    assert page_macros(source, find_hints(source.encode())) is None
