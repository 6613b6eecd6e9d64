"""The MathML converter against pandoc's, a second opinion by another author.

Both read the same presentation MathML; what they write is compared after everything that prints
the same has been made the same (spaces, braces, ``\\left``, synonyms). Skipped where there is
no pandoc: `apt-get install pandoc`. One call of pandoc converts all the snippets.
"""

# ruff: noqa: E501  (mark-up is easier to read unbroken)

from __future__ import annotations

import json
import re
import shutil
import subprocess
from typing import Any

import pytest

from cc_math.html.mathml import mathml_to_tex

CELLS = "<mtable><mtr><mtd><mn>1</mn></mtd><mtd><mi>a</mi></mtd></mtr><mtr><mtd><mn>0</mn></mtd><mtd><mn>1</mn></mtd></mtr></mtable>"
SUM = "<munderover><mo>∑</mo><mrow><mi>i</mi><mo>=</mo><mn>1</mn></mrow><mi>n</mi></munderover>"

SNIPPETS: dict[str, str] = {
    "sum of two": "<mi>x</mi><mo>+</mo><mn>12</mn>",
    "minus": "<mi>x</mi><mo>−</mo><mi>y</mi>",
    "decimal": "<mn>3.14</mn><mi>r</mi>",
    "fraction": "<mfrac><mi>a</mi><mrow><mi>b</mi><mo>+</mo><mn>1</mn></mrow></mfrac>",
    "fraction in a fraction": "<mfrac><mn>1</mn><mrow><mn>1</mn><mo>+</mo><mfrac><mn>1</mn><mi>x</mi></mfrac></mrow></mfrac>",
    "power": "<msup><mi>x</mi><mn>2</mn></msup>",
    "power of a power": "<msup><mi>e</mi><msup><mi>x</mi><mn>2</mn></msup></msup>",
    "index": "<msub><mi>a</mi><mrow><mi>n</mi><mo>+</mo><mn>1</mn></mrow></msub>",
    "both scripts": "<msubsup><mi>x</mi><mi>i</mi><mn>2</mn></msubsup>",
    "power of a bracket": "<msup><mrow><mo>(</mo><mi>x</mi><mo>+</mo><mi>y</mi><mo>)</mo></mrow><mn>3</mn></msup>",
    "prime": "<msup><mi>f</mi><mo>′</mo></msup><mo>(</mo><mi>x</mi><mo>)</mo>",
    "root": "<msqrt><mi>x</mi><mo>+</mo><mn>1</mn></msqrt>",
    "cube root": "<mroot><mi>x</mi><mn>3</mn></mroot>",
    "sum with limits": SUM + "<msub><mi>a</mi><mi>i</mi></msub>",
    "product": "<munder><mo>∏</mo><mi>p</mi></munder><mi>p</mi>",
    "integral": "<msubsup><mo>∫</mo><mn>0</mn><mi>∞</mi></msubsup><mi>f</mi><mo>(</mo><mi>t</mi><mo>)</mo><mi>d</mi><mi>t</mi>",
    "limit": "<munder><mi>lim</mi><mrow><mi>x</mi><mo>→</mo><mn>0</mn></mrow></munder><mi>g</mi>",
    "function": "<mi>sin</mi><mo>&#x2061;</mo><mi>α</mi>",
    "logarithm": "<msub><mi>log</mi><mn>2</mn></msub><mo>&#x2061;</mo><mi>n</mi>",
    "Greek": "<mi>α</mi><mi>β</mi><mo>=</mo><mi>Γ</mi><mi>ω</mi>",
    "relations": "<mi>a</mi><mo>≤</mo><mi>b</mi><mo>≠</mo><mi>c</mi><mo>≥</mo><mi>d</mi>",
    "set relations": "<mi>x</mi><mo>∈</mo><mi>A</mi><mo>∪</mo><mi>B</mi><mo>⊆</mo><mi>C</mi>",
    "arrows": "<mi>A</mi><mo>→</mo><mi>B</mi><mo>⇒</mo><mi>C</mi>",
    "logic": "<mo>∀</mo><mi>x</mi><mo>∃</mo><mi>y</mi><mo>¬</mo><mi>p</mi><mo>∧</mo><mi>q</mi>",
    "infinity": "<mi>n</mi><mo>→</mo><mi>∞</mi>",
    "blackboard bold": "<mi mathvariant='double-struck'>R</mi>",
    "blackboard bold as a character": "<mi>ℤ</mi>",
    "bold": "<mi mathvariant='bold'>v</mi>",
    "script": "<mi mathvariant='script'>L</mi>",
    "fraktur": "<mi mathvariant='fraktur'>g</mi>",
    "text": "<mtext>if </mtext><mi>x</mi>",
    "hat": "<mover accent='true'><mi>x</mi><mo>^</mo></mover>",
    "bar": "<mover accent='true'><mi>x</mi><mo>¯</mo></mover>",
    "tilde": "<mover accent='true'><mi>x</mi><mo>~</mo></mover>",
    "vector": "<mover accent='true'><mi>v</mi><mo>→</mo></mover>",
    "dot": "<mover accent='true'><mi>x</mi><mo>˙</mo></mover>",
    "matrix": CELLS,
    "matrix in parentheses": f"<mrow><mo>(</mo>{CELLS}<mo>)</mo></mrow>",
    "matrix in brackets": f"<mrow><mo>[</mo>{CELLS}<mo>]</mo></mrow>",
    "fenced": "<mfenced open='(' close=')'><mi>a</mi><mi>b</mi></mfenced>",
    "fenced interval": "<mfenced open='[' close=')'><mn>0</mn><mn>1</mn></mfenced>",
    "absolute value": "<mrow><mo>|</mo><mi>x</mi><mo>|</mo></mrow>",
    "stretching brackets": "<mrow><mo>(</mo><mfrac><mn>1</mn><mn>2</mn></mfrac><mo>)</mo></mrow>",
    "set": "<mo>{</mo><mi>a</mi><mo>,</mo><mi>b</mi><mo>}</mo>",
    "angle brackets": "<mo>⟨</mo><mi>u</mi><mo>,</mo><mi>v</mi><mo>⟩</mo>",
    "prescripts": "<mmultiscripts><mi>F</mi><mn>1</mn><none/><mprescripts/><mn>2</mn><none/></mmultiscripts>",
    "underbrace": "<munder><mrow><mi>a</mi><mo>+</mo><mi>b</mi></mrow><mo>⏟</mo></munder>",
    "over": "<mover><mo>=</mo><mtext>def</mtext></mover>",
    "binomial": "<mrow><mo>(</mo><mfrac linethickness='0'><mi>n</mi><mi>k</mi></mfrac><mo>)</mo></mrow>",
    "dots": "<mn>1</mn><mo>,</mo><mo>…</mo><mo>,</mo><mi>n</mi>",
    "partial derivative": "<mfrac><mrow><mo>∂</mo><mi>f</mi></mrow><mrow><mo>∂</mo><mi>x</mi></mrow></mfrac>",
    "modulus": "<mi>a</mi><mo>≡</mo><mi>b</mi>",
    "less and more": "<mi>a</mi><mo>&lt;</mo><mi>b</mi><mo>&gt;</mo><mi>c</mi>",
    "per cent": "<mn>5</mn><mo>%</mo>",
    "ampersand": "<mi>p</mi><mo>&amp;</mo><mi>q</mi>",
    "cardinal": "<msub><mi>ℵ</mi><mn>0</mn></msub>",
    "struck relations": "<mi>a</mi><mo>∤</mo><mi>b</mi><mo>∉</mo><mi>C</mi><mo>≢</mo><mi>d</mi>",
    "norm": "<mo>‖</mo><mi>x</mi><mo>‖</mo>",
    "floor and ceiling": "<mo>⌊</mo><mi>x</mi><mo>⌋</mo><mo>⌈</mo><mi>y</mi><mo>⌉</mo>",
    "arrow with a label": "<mi>A</mi><mover><mo>→</mo><mi>f</mi></mover><mi>B</mi>",
    "maximum": "<munder><mi>max</mi><mrow><mi>x</mi><mo>∈</mo><mi>S</mi></mrow></munder><mi>f</mi>",
    "union": "<munderover><mo>⋃</mo><mi>i</mi><mi>n</mi></munderover><msub><mi>A</mi><mi>i</mi></msub>",
    "contour": "<mo>∮</mo><mi>f</mi>",
    "script of a script": "<msup><msub><mi>a</mi><mn>2</mn></msub><mn>3</mn></msup>",
    "bar at a place": "<msub><mrow><mo>|</mo></mrow><mrow><mi>x</mi><mo>=</mo><mn>0</mn></mrow></msub>",
    "inverse": "<msup><mi>sin</mi><mrow><mo>−</mo><mn>1</mn></mrow></msup><mi>x</mi>",
    "roots of a quadratic": (
        "<mfrac><mrow><mo>−</mo><mi>b</mi><mo>±</mo><msqrt><msup><mi>b</mi><mn>2</mn></msup><mo>−</mo><mn>4</mn><mi>a</mi><mi>c</mi>"
        "</msqrt></mrow><mrow><mn>2</mn><mi>a</mi></mrow></mfrac>"
    ),
    "script on nothing": "<mi>B</mi><msup><mrow/><mi>T</mi></msup><mi>A</mi>",
    "upper limit": "<munder><mi>lim sup</mi><mi>n</mi></munder>",
    "struck out": "<menclose notation='updiagonalstrike'><mi>x</mi></menclose>",
    "bold and italic": "<mi mathvariant='bold-italic'>x</mi>",
    "upright": "<mi mathvariant='normal'>d</mi><mi>x</mi>",
    "cdot": "<mi>a</mi><mo>⋅</mo><mi>b</mi><mo>×</mo><mi>c</mi>",
}

DISAGREEMENTS: dict[str, str] = {
    "prescripts": "{}_{2}F_{1}",  # six empty places, the base lost as well
    "binomial": "\\binom{n}{k}",  # draws the line that has no thickness
    "tilde": "\\tilde{x}",  # a relation over a letter, not the accent
    "vector": "\\vec{v}",  # the same
    "dot": "\\dot{x}",  # a spacing character over a letter
    "upper limit": "\\limsup_{n}",  # letters multiplied
    "struck out": "\\cancel{x}",  # the stroke lost
    "bold and italic": "\\boldsymbol{x}",  # upright
    "upright": "\\mathrm{d}x",  # italic
}
"""Snippets that pandoc 2.17 gets wrong, and what is right. Read one by one."""


def from_pandoc(snippets: list[str]) -> list[str]:
    """pandoc's TeX of ``math`` elements: one call, one paragraph each."""
    html = "".join(
        f"<p><math xmlns='http://www.w3.org/1998/Math/MathML'>{snippet}</math></p>"
        for snippet in snippets
    )
    command = ["pandoc", "--from=html", "--to=json"]
    made = subprocess.run(command, input=html, capture_output=True, text=True, check=True)
    blocks: list[dict[str, Any]] = json.loads(made.stdout)["blocks"]
    return ["".join(part["c"][1] for part in block["c"] if part["t"] == "Math") for block in blocks]


_TOKEN = re.compile(r"\\[A-Za-z]+|\\.|\S", re.S)
_SYNONYMS = {
    "\\leq": "\\le", "\\geq": "\\ge", "\\neq": "\\ne", "\\rightarrow": "\\to", "\\lbrack": "[", "\\rbrack": "]",
    "\\overline": "\\bar", "\\prime": "'", "\\wedge": "\\land",
    **dict.fromkeys(("\\left", "\\right", "\\limits"), ""),
}  # fmt: skip


def normalised(tex: str) -> str:
    """TeX less what prints the same: spaces, sizes, braces around one thing, synonyms."""
    tex = tex.replace("\\left.", "").replace("\\right.", "")
    tokens = [_SYNONYMS.get(token, token) for token in _TOKEN.findall(tex)]
    joined = " ".join(token for token in tokens if token)
    joined = re.sub(r"\{ (\S+) \}", r"\1", joined)  # a group of one thing
    joined = re.sub(r"(?<=[(\[]) \{ ([^{}]*) \}(?= [)\]])", r" \1", joined)  # a group that is all
    return joined.replace("^ '", "'").replace("\\\\ \\end", "\\end")


@pytest.fixture(scope="module")
def theirs() -> dict[str, str]:
    if shutil.which("pandoc") is None:
        pytest.skip("pandoc is not installed: nothing to compare with")
    return dict(zip(SNIPPETS, from_pandoc(list(SNIPPETS.values())), strict=True))


AGREED = sorted(SNIPPETS.keys() - DISAGREEMENTS.keys())


@pytest.mark.parametrize("name", AGREED)
def test_pandoc_writes_the_same(name: str, theirs: dict[str, str]) -> None:
    ours = mathml_to_tex(f"<math>{SNIPPETS[name]}</math>")[0]
    assert normalised(ours) == normalised(theirs[name])


@pytest.mark.parametrize("name", DISAGREEMENTS)
def test_where_pandoc_errs_ours_is_right(name: str) -> None:
    assert mathml_to_tex(f"<math>{SNIPPETS[name]}</math>")[0] == DISAGREEMENTS[name]
