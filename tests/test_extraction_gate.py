"""The extraction gate: every representation of a formula, and scores on real pages.

The fixtures below are written for the project, one representation each. The real pages are
part of the development data; their scores have pinned floors in `extraction_floors.json`,
with a hash over the inputs. `CC_MATH_DEV_DATA=DIR python -m tests.test_extraction_gate --update`
raises the floors to what is reached now, and refuses where a score has fallen.
"""

# ruff: noqa: E501  (mark-up is easier to read unbroken)

from __future__ import annotations

import gzip
import hashlib
import importlib.util
import json
import os
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from cc_math.html import Document, extract

FLOORS = Path(__file__).with_name("extraction_floors.json")
HIGHER_IS_BETTER = ("recall", "prec", "recall~", "delim", "text", "code")
LOWER_IS_BETTER = ("boil", "falsemath")

WORDS = "Some ordinary words stand before and after each of the formulas of this page. " * 3
TEX = r"\frac{a_1}{b+1}"
CONFIG = r"""<script>MathJax = {tex: {inlineMath: [['$', '$'], ['\\(', '\\)']]}}</script>"""
ENCODED = "%5Cfrac%7Ba_1%7D%7Bb%2B1%7D"
MATHML = (
    "<mfrac><msub><mi>a</mi><mn>1</mn></msub><mrow><mi>b</mi><mo>+</mo><mn>1</mn></mrow></mfrac>"
)
ANNOTATED = (
    f"<math><semantics>{MATHML}<annotation encoding='application/x-tex'>{TEX}</annotation>"
    "</semantics></math>"
)
RENDERED = "<span class='mord'>a</span><span class='mord'>b</span>"

INLINE: dict[str, str] = {
    "script": f"<script type='math/tex'>{TEX}</script>",
    "script beside MathJax 2 output": (
        "<span class='MathJax_Preview'>ab</span><span class='MathJax'><span>a1 b</span></span>"
        f"<script type='math/tex' id='MathJax-Element-1'>{TEX}</script>"
    ),
    "MathJax 2 output with data-mathml": (
        f'<span class="MathJax" data-mathml="<math>{MATHML}</math>"><span>a1</span></span>'
    ),
    "script of MathML": f"<script type='math/mml'><math>{MATHML}</math></script>",
    "configured dollars": CONFIG + f"${TEX}$",
    "dollars by evidence": f"<script src='mathjax.js'></script>${TEX}$",
    "KaTeX auto-render": (
        "<script>renderMathInElement(document.body, {delimiters: [{left: '$', right: '$', "
        f"display: false}}]}})</script>${TEX}$"
    ),
    "parentheses": f"\\({TEX}\\)",
    "configured delimiters": (
        f"<script>MathJax={{tex2jax: {{inlineMath: [['##','##']]}}}}</script>##{TEX}##"
    ),
    "KaTeX": (
        f"<span class='katex'><span class='katex-mathml'>{ANNOTATED}</span>"
        f"<span class='katex-html' aria-hidden='true'>{RENDERED}</span></span>"
    ),
    "MathML with annotation": ANNOTATED,
    "MathML with alttext": f"<math alttext='{TEX}'>{MATHML}</math>",
    "bare MathML": f"<math xmlns='http://www.w3.org/1998/Math/MathML'>{MATHML}</math>",
    "prefixed MathML": f"<mml:math>{MATHML}</mml:math>".replace("<m", "<mml:m")
    .replace("</m", "</mml:m")
    .replace("mml:mml:", "mml:"),
    "MediaWiki": (
        "<span class='mwe-math-element'><span class='mwe-math-mathml-inline' style='display: none'>"
        f"<math alttext='{{\\displaystyle {TEX}}}'>{MATHML}</math></span>"
        f"<img class='mwe-math-fallback-image-inline' alt='{{\\displaystyle {TEX}}}'></span>"
    ),
    "MathJax 3 assistive": (
        f"<mjx-container><mjx-math></mjx-math><mjx-assistive-mml><math>{MATHML}</math>"
        "</mjx-assistive-mml></mjx-container>"
    ),
    "MathJax 4 data-latex": (
        f"<mjx-container><mjx-math data-latex='{TEX}'><mjx-mi data-latex='a'></mjx-mi></mjx-math>"
        "</mjx-container>"
    ),
    "WordPress": f"<img src='https://s0.wp.com/latex.php?latex={ENCODED}&bg=fff' alt='{TEX}' class='latex'>",
    "WordPress without alt": f"<img src='https://s0.wp.com/latex.php?latex={ENCODED}&bg=fff'>",
    "CodeCogs": f"<img src='https://latex.codecogs.com/png.image?%5Cdpi%7B110%7D{ENCODED}'>",
    "CodeCogs with spaces": (
        "<img src='https://latex.codecogs.com/gif.latex?\\frac{a_1}{b&plus;1}' title='x'>"
    ),
    "mimeTeX": f"<img src='/cgi-bin/mimetex.cgi?{ENCODED}'>",
    "Google chart": f"<img src='https://chart.googleapis.com/chart?cht=tx&chl={ENCODED}'>",
    "Zhihu": f"<img src='https://www.zhihu.com/equation?tex={ENCODED}' alt='{TEX}' eeimg='1'>",
    "Canvas": f"<img class='equation_image' data-equation-content='{TEX}' alt='LaTeX: {TEX}'>",
    "Sphinx imgmath": f"<img class='math' src='_images/math/1.png' alt='{TEX}'>",
    "Doxygen": f"<img class='formulaInl' alt='${TEX}$' src='form_0.png'>",
    "image of class tex": f"<img class='tex' alt='{TEX}'>",
    "data-tex": f"<span class='ztext-math' data-tex='{TEX}'>{RENDERED}</span>",
    "data-latex": f"<span data-latex='{TEX}'></span>",
    "pandoc": f"<span class='math inline'>\\({TEX}\\)</span>",
    "bare TeX in class math": f"<span class='math'>{TEX}</span>",
    "arithmatex": f"<span class='arithmatex'>\\({TEX}\\)</span>",
    "StackExchange": f"<span class='math-container'>${TEX}$</span>",
    "d-math": f"<d-math>{TEX}</d-math>",
    "itex": f"[itex]{TEX}[/itex]",
}
DISPLAY: dict[str, str] = {
    "script": f"<script type='math/tex; mode=display'>{TEX}</script>",
    "dollars": CONFIG + f"$${TEX}$$",
    "brackets": f"\\[{TEX}\\]",
    "KaTeX": f"<span class='katex-display'>{INLINE['KaTeX']}</span>",
    "MathML": f"<math display='block'>{MATHML}</math>",
    "MathJax 3": INLINE["MathJax 3 assistive"].replace(
        "<mjx-container", "<mjx-container display='true'"
    ),
    "Doxygen": f"<p class='formulaDsp'><img class='formulaDsp' alt='\\[ {TEX} \\]'></p>",
    "pandoc": f"<span class='math display'>\\[{TEX}\\]</span>",
    "tex": f"[tex]{TEX}[/tex]",
}
NOT_MATHEMATICS: dict[str, str] = {
    "prices": "<p>It is $5 or $10, and $20–$30 for two.</p>",
    "prices beside MathJax": "<script src='mathjax.js'></script><p>It is $5 or $10 a head.</p>",
    "shell": "<p>Set $HOME and $PATH, then run $cmd_a or ${x}.</p>",
    "php": "<p>Here $a_b and $c_d are variables; $this->x is a field.</p>",
    "code": CONFIG + "<pre>echo $x^2$ \\(a\\)</pre><p><code>$y$</code> and <tt>\\(z\\)</tt></p>",
    "regex": "<p>The pattern (foo\\(bar\\)) matches a group, and \\[a-z\\] a class.</p>",
    "macro words": "<p>Write C:\\new\\begin and \\\\server\\share.</p>",
}


def formulas(body: str) -> list[tuple[str, bool]]:
    page = (
        f"<html><body><article><p>{WORDS}</p><p>Let {body} be.</p><p>{WORDS}</p></article></body>"
    )
    result = extract(page.encode())
    assert isinstance(result, Document), result
    for formula in result.formulas:
        mark = "$$" if formula.display else "$"
        shown = result.text[formula.start_char : formula.end_char]
        assert shown == mark + formula.tex + mark
    return [(formula.tex, formula.display) for formula in result.formulas]


@pytest.mark.parametrize("name", INLINE)
def test_inline_formula(name: str) -> None:
    assert formulas(INLINE[name]) == [(TEX, False)]


@pytest.mark.parametrize("name", DISPLAY)
def test_displayed_formula(name: str) -> None:
    assert formulas(DISPLAY[name]) == [(TEX, True)]


def test_environments_keep_their_name() -> None:
    tex = "\\begin{align*} a &amp;= b \\\\ c &amp;= d \\end{align*}"
    assert formulas(tex) == [(tex.replace("&amp;", "&"), True)]


@pytest.mark.parametrize("name", NOT_MATHEMATICS)
def test_what_is_not_mathematics_stays_text(name: str) -> None:
    assert formulas(NOT_MATHEMATICS[name]) == []


@pytest.mark.parametrize("name", INLINE)
def test_an_extracted_formula_survives_a_second_extraction(name: str) -> None:
    page = f"<html>{CONFIG}<body><p>{WORDS}</p><p>{INLINE[name]}</p></body></html>"
    first = extract(page.encode())
    assert isinstance(first, Document)
    paragraphs = "".join(f"<p>{p}</p>" for p in first.text.replace("<", "&lt;").split("\n\n"))
    second = extract(f"<html>{CONFIG}<body>{paragraphs}</body></html>".encode())
    assert isinstance(second, Document)
    assert [f.tex for f in second.formulas] == [f.tex for f in first.formulas]


def scorer(folder: Path) -> ModuleType:
    path = folder / "webpages" / "score_extraction.py"
    spec = importlib.util.spec_from_file_location("score_extraction", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def scores(folder: Path) -> dict[str, dict[str, float]]:
    """Per group of pages (representation, ALL, …): the scorer's figures in percent."""
    with gzip.open(folder / "webpages" / "dev_pages.jsonl.gz", "rt", encoding="utf-8") as lines:
        pages = [json.loads(line) for line in lines]
    texts: dict[str, str] = {}
    for page in pages:
        result = extract(page["html"].encode("utf-8", "replace"), page["url_like"])
        texts[page["id"]] = result.text if isinstance(result, Document) else ""
    figures, _ = scorer(folder).evaluate(pages, texts)
    names = HIGHER_IS_BETTER + LOWER_IS_BETTER
    return {
        group: {name: row[name] for name in names if row.get(name) is not None}
        for group, row in sorted(figures.items())
    }


def inputs_digest(folder: Path) -> str:
    digest = hashlib.sha256()
    for name in ("dev_pages.jsonl.gz", "score_extraction.py"):
        digest.update((folder / "webpages" / name).read_bytes())
    return digest.hexdigest()


def falls(old: dict[str, dict[str, float]], new: dict[str, dict[str, float]]) -> list[str]:
    """Scores that are worse than their floor."""
    found = []
    for group, row in old.items():
        for name, floor in row.items():
            value = new[group][name]
            if value > floor if name in LOWER_IS_BETTER else value < floor:
                found.append(f"{group} {name}: {value}, floor {floor}")
    return found


def test_scores_on_real_pages_hold_their_floors(dev_data: Path) -> None:
    pinned: dict[str, Any] = json.loads(FLOORS.read_text("utf-8"))
    assert pinned["inputs_sha256"] == inputs_digest(dev_data), "other pages: update the floors"
    assert falls(pinned["floors"], scores(dev_data)) == []


def test_falls_are_found() -> None:
    old = {"ALL": {"recall": 90.0, "boil": 5.0}}
    assert falls(old, {"ALL": {"recall": 90.0, "boil": 5.0}}) == []
    assert len(falls(old, {"ALL": {"recall": 89.9, "boil": 5.1}})) == 2


def update(folder: Path) -> int:
    """Raise the floors to the scores of now; refuse where one would fall."""
    new = scores(folder)
    digest = inputs_digest(folder)
    if FLOORS.exists():
        pinned = json.loads(FLOORS.read_text("utf-8"))
        lower = falls(pinned["floors"], new) if pinned["inputs_sha256"] == digest else []
        if lower:
            print("refused, these would fall:", *lower, sep="\n  ")
            return 1
    content = {"inputs_sha256": digest, "floors": new}
    FLOORS.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", "utf-8")
    return 0


if __name__ == "__main__":
    place = os.environ.get("CC_MATH_DEV_DATA")
    if "--update" not in sys.argv or not place:
        sys.exit("usage: CC_MATH_DEV_DATA=DIR python -m tests.test_extraction_gate --update")
    sys.exit(update(Path(place)))
