"""MathML to LaTeX: one element, one expected formula."""

# ruff: noqa: E501  (mark-up is easier to read unbroken)

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cc_math.html.mathml import mathml_to_tex
from cc_math.html.rendered import html_to_tex, katex_html_to_tex, mathjax_html_to_tex

MATRIX = "<mtable><mtr><mtd><mn>1</mn></mtd><mtd><mn>2</mn></mtd></mtr></mtable>"


def tex(markup: str) -> str:
    return mathml_to_tex(f"<math>{markup}</math>")[0]


@pytest.mark.parametrize(
    ("markup", "expected"),
    [
        ("<mi>x</mi><mo>+</mo><mn>1</mn>", "x+1"),
        ("<mfrac><mi>a</mi><mi>b</mi></mfrac>", "\\frac{a}{b}"),
        ("<mfrac linethickness='0'><mi>n</mi><mi>k</mi></mfrac>", "{n \\atop k}"),
        ("<msup><mi>x</mi><mn>2</mn></msup>", "x^2"),
        ("<msub><mi>x</mi><mrow><mi>i</mi><mo>+</mo><mn>1</mn></mrow></msub>", "x_{i+1}"),
        ("<msubsup><mi>x</mi><mi>i</mi><mn>2</mn></msubsup>", "x_i^2"),
        ("<msup><mi>f</mi><mo>′</mo></msup><mo>(</mo><mi>x</mi><mo>)</mo>", "f'(x)"),
        ("<msqrt><mi>x</mi><mo>+</mo><mn>1</mn></msqrt>", "\\sqrt{x+1}"),
        ("<mroot><mi>x</mi><mn>3</mn></mroot>", "\\sqrt[3]{x}"),
        (
            "<munderover><mo>∑</mo><mrow><mi>k</mi><mo>=</mo><mn>1</mn></mrow><mi>n</mi></munderover>",
            "\\sum_{k=1}^{n}",
        ),
        (
            "<munder><mi>lim</mi><mrow><mi>x</mi><mo>→</mo><mn>0</mn></mrow></munder>",
            "\\lim_{x\\to 0}",
        ),
        ("<mover><mi>x</mi><mo>^</mo></mover>", "\\hat{x}"),
        ("<mover><mrow><mi>A</mi><mi>B</mi></mrow><mo>→</mo></mover>", "\\vec{AB}"),
        ("<mi>sin</mi><mo>\u2061</mo><mi>α</mi>", "\\sin \\alpha"),
        ("<mi>α</mi><mi>x</mi>", "\\alpha x"),
        ("<mi mathvariant='double-struck'>R</mi>", "\\mathbb{R}"),
        ("<mi>ℝ</mi><mi>𝔤</mi>", "\\mathbb{R}\\mathfrak{g}"),
        ("<mi>foo</mi>", "\\operatorname{foo}"),
        ("<mtext>if </mtext><mi>x</mi>", "\\text{if }x"),
        (f"<mrow><mo>(</mo>{MATRIX}<mo>)</mo></mrow>", "\\begin{pmatrix} 1 & 2 \\end{pmatrix}"),
        (
            f"<mfenced open='[' close=']'>{MATRIX}</mfenced>",
            "\\begin{bmatrix} 1 & 2 \\end{bmatrix}",
        ),
        (f"<mrow><mo>{{</mo>{MATRIX}</mrow>", "\\begin{cases} 1 & 2 \\end{cases}"),
        (
            "<mmultiscripts><mi>F</mi><mn>3</mn><none/><mprescripts/><mn>2</mn><none/></mmultiscripts>",
            "{}_{2}F_{3}",
        ),
        ("<mo>{</mo><mi>a</mi><mo>}</mo>", "\\{a\\}"),
        (
            "<mrow><mo>(</mo><mfrac linethickness='0'><mi>n</mi><mi>k</mi></mfrac><mo>)</mo></mrow>",
            "\\binom{n}{k}",
        ),
        (
            "<munder><mo>∑</mo><mrow><mtable><mtr><mtd><mi>i</mi></mtd></mtr>"
            "<mtr><mtd><mi>j</mi></mtd></mtr></mtable></mrow></munder>",
            "\\sum_{\\substack{i \\\\ j}}",
        ),
        (
            "<mfrac><mrow data-mjx-texclass='ORD'><mi>a</mi></mrow>"
            "<mrow data-mjx-texclass='ORD'><mi>b</mi></mrow></mfrac>",
            "{a \\over b}",
        ),
        ("<mi>B</mi><msup><mrow/><mi>T</mi></msup><mi>A</mi>", "B{}^TA"),
        ("<munder><mi>lim sup</mi><mi>n</mi></munder>", "\\limsup_{n}"),
        ("<mi>arg min</mi>", "\\operatorname{arg\\,min}"),
        ("<mi>a</mi><mtext>&#160;and&#160;</mtext><mi>b</mi>", "a\\text{ and }b"),
        ("<msqrt><mtext> </mtext></msqrt>", "\\sqrt{\\ }"),
        ("<mtext>a\\b</mtext>", "\\text{a\\textbackslash b}"),
        ("<menclose notation='box'><mi>x</mi></menclose>", "\\boxed{x}"),
    ],
)
def test_presentation_mathml(markup: str, expected: str) -> None:
    assert tex(markup) == expected


def test_prefixes_do_not_matter() -> None:
    markup = "<mml:math><mml:msup><mml:mi>x</mml:mi><mml:mn>2</mml:mn></mml:msup></mml:math>"
    assert mathml_to_tex(markup)[0] == "x^2"


def test_an_annotation_and_alttext_win_over_conversion() -> None:
    annotated = (
        "<math display='block'><semantics><mi>x</mi>"
        "<annotation encoding='application/x-tex'>a &lt; b</annotation></semantics></math>"
    )
    assert mathml_to_tex(annotated) == ("a < b", True)
    assert mathml_to_tex("<math alttext='x_{1}'><mi>y</mi></math>") == ("x_{1}", False)


def test_alttext_in_words_is_not_a_formula() -> None:
    assert mathml_to_tex("<math alttext='x squared plus one'><mi>y</mi></math>")[0] == "y"


def test_glyphs_of_mathjax_are_read_by_their_codes() -> None:
    markup = (
        "<mjx-container><mjx-math><mjx-msub><mjx-mi><mjx-c class='mjx-c1D465 TEX-I'></mjx-c></mjx-mi>"
        "<mjx-script style='vertical-align: -0.15em;'><mjx-mn><mjx-c class='mjx-c31'></mjx-c></mjx-mn>"
        "</mjx-script></mjx-msub><mjx-mo><mjx-c class='mjx-c2264'></mjx-c></mjx-mo>"
        "<mjx-mfrac><mjx-frac><mjx-num><mjx-nstrut></mjx-nstrut><mjx-mn><mjx-c class='mjx-c32'></mjx-c>"
        "</mjx-mn></mjx-num><mjx-dbox><mjx-dtable><mjx-line></mjx-line><mjx-row><mjx-den><mjx-dstrut>"
        "</mjx-dstrut><mjx-mi><mjx-c class='mjx-c1D6FC TEX-I'></mjx-c></mjx-mi></mjx-den></mjx-row>"
        "</mjx-dtable></mjx-dbox></mjx-frac></mjx-mfrac></mjx-math></mjx-container>"
    )
    assert mathjax_html_to_tex(markup) == "x_1\\le \\frac{2}{\\alpha}"


def test_a_fraction_without_a_line_is_read_from_glyphs() -> None:
    markup = (
        "<mjx-container><mjx-math><mjx-mrow><mjx-mo><mjx-c class='mjx-c28'></mjx-c></mjx-mo><mjx-mfrac>"
        "<mjx-frac atop='true'><mjx-num><mjx-mi><mjx-c class='mjx-c1D45B'></mjx-c></mjx-mi></mjx-num>"
        "<mjx-den><mjx-mi><mjx-c class='mjx-c1D458'></mjx-c></mjx-mi></mjx-den></mjx-frac></mjx-mfrac>"
        "<mjx-mo><mjx-c class='mjx-c29'></mjx-c></mjx-mo></mjx-mrow></mjx-math></mjx-container>"
    ).replace("'", '"')
    assert mathjax_html_to_tex(markup) == "\\binom{n}{k}"


def test_boxes_of_katex_are_read_by_their_classes() -> None:
    markup = (
        '<span class="katex"><span class="katex-html"><span class="base"><span class="strut"></span>'
        '<span class="mord"><span class="mord mathnormal">x</span><span class="msupsub">'
        '<span class="vlist-t"><span class="vlist-r"><span class="vlist"><span><span class="pstrut">'
        '</span><span class="mord mtight">2</span></span></span></span></span></span></span>'
        '<span class="mbin">+</span><span class="mord">1</span></span></span></span>'
    )
    assert katex_html_to_tex(markup) == "x^2+1"


def test_formulas_in_plain_html() -> None:
    assert html_to_tex("<em>x</em><sub>1</sub> + <em>y</em><sup>2</sup>") == "x_{1} + y^{2}"


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet="<>/mrowifncstablx\"'=& αé{}", max_size=120))
def test_any_text_converts_without_an_exception(markup: str) -> None:
    mathml_to_tex(f"<math>{markup}</math>")
    mathjax_html_to_tex(markup)
    katex_html_to_tex(markup)
