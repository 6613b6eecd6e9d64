"""Rendered formulas without their boxes: what is cut, what stays whole, and the same documents."""

# ruff: noqa: E501  (mark-up is easier to read unbroken)

from __future__ import annotations

import pytest
from resiliparse.parse.html import HTMLTree
from resiliparse.parse.html import node as resiliparse_node

from cc_math.html import Document, extract
from cc_math.html.nodes import unregistered_nodes
from cc_math.html.readings import read_mathml, read_mjx_latex
from cc_math.html.thinning import without_boxes

HINTS = frozenset(("data-latex of MathJax", "<mjx-container", "<math", "<pre"))
BOXES = "<mjx-mi><mjx-c class=mjx-c78>x</mjx-c></mjx-mi>"
ROW = "<mrow><mi>x</mi><mo>+</mo><mn>1</mn></mrow>"
ANNOTATION = '<annotation encoding="application/x-tex">x&lt;y</annotation>'


@pytest.mark.parametrize(
    ("markup", "thinned"),
    [
        (
            f"<mjx-container jax=CHTML><mjx-math class=a data-latex='x'>{BOXES}</mjx-math><img></mjx-container>, y",
            "<mjx-container jax=CHTML><mjx-math class=a data-latex='x'></mjx-math></mjx-container>, y",
        ),
        (f'<math alttext="a > b" id=m>{ROW}</math>', '<math alttext="a > b" id=m></math>'),
        (
            f"<math><semantics>{ROW}{ANNOTATION}</semantics></math>",
            f"<math>{ANNOTATION}</math>",
        ),
        (
            '<pre><span class="k">if</span> <span class=n1>a</span><span class="lineno">1</span></pre>',
            '<pre>if a<span class="lineno">1</span></pre>',
        ),
    ],
)
def test_boxes_are_cut_beside_the_source(markup: str, thinned: str) -> None:
    assert without_boxes(markup, HINTS) == thinned


@pytest.mark.parametrize(
    "markup",
    [
        f"<mjx-container><mjx-math>{BOXES}</mjx-math></mjx-container>",
        f"<mjx-container><mjx-math data-latex=''>{BOXES}</mjx-math></mjx-container>",
        f"<mjx-container><svg><g data-latex=x>{BOXES}</g></svg></mjx-container>",
        f"<mjx-container><mjx-math data-latex='{'x' * 3000}'>{BOXES}</mjx-math></mjx-container>",
        f"<mjx-container><mjx-math data-latex=x>{BOXES}",
        f"<math>{ROW}</math>",
        f'<math alttext="the sum of all">{ROW}</math>',
        f'<math alttext="x">{ROW}<annotation encoding="MathML-Content">x</annotation></math>',
        '<math><annotation encoding="application/x-tex"> </annotation></math>',
        '<math><annotation encoding="application/x-tex">a<b>c</b></annotation></math>',
        f"<mathjax>{ROW}</mathjax>",
        '<p><span class="k">outside of code</span></p>',
    ],
)
def test_what_has_another_shape_stays_whole(markup: str) -> None:
    assert without_boxes(markup, HINTS) == markup


@pytest.mark.parametrize("attributes", ["", " display=block", ' alttext="{x}" display="block"'])
def test_what_is_left_of_mathml_reads_the_same(attributes: str) -> None:
    markup = f"<p><math{attributes}><semantics>{ROW}{ANNOTATION}</semantics></math>"
    whole, thin = (
        HTMLTree.parse(text).document.query_selector("math")  # type: ignore[union-attr]
        for text in (markup, without_boxes(markup, HINTS))
    )
    assert whole is not None and thin is not None and len(thin.outer_html) < len(whole.outer_html)
    assert read_mathml(thin) == read_mathml(whole) == ("x<y", "block" in attributes)


def test_what_is_left_of_a_container_reads_the_same() -> None:
    markup = f'<mjx-container display=true><mjx-math data-latex="a&lt;b">{BOXES}</mjx-math></mjx-container>'
    for text in (markup, without_boxes(markup, HINTS)):
        element = HTMLTree.parse(text).document.query_selector("mjx-container")  # type: ignore[union-attr]
        assert element is not None and read_mjx_latex(element) == ("a<b", True)


def test_nodes_are_registered_again_afterwards() -> None:
    document = HTMLTree.parse("<p>a").document
    assert document is not None
    kept = getattr(resiliparse_node, "_node_cache", None)
    with pytest.raises(ValueError), unregistered_nodes():
        assert document.query_selector("p") == document.query_selector("p")
        raise ValueError
    assert getattr(resiliparse_node, "_node_cache", None) is kept
    paragraph = document.query_selector("p")
    assert document.query_selector("p") is paragraph


def test_a_title_taken_from_a_heading_has_the_formula_that_only_alttext_tells() -> None:
    body = f'<h1>Zeros of <math alttext="x+1">{ROW}</math></h1><p>{"A line of words. " * 20}</p>'
    result = extract(f"<html><body>{body}</body></html>".encode())
    assert isinstance(result, Document)
    assert result.title == "Zeros of x+1"
    assert "Zeros of $x+1$" in result.text
