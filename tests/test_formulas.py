"""Representations of formulas and the renderer's configuration, on pages of a few lines."""

# ruff: noqa: E501  (mark-up is easier to read unbroken)

from __future__ import annotations

import pytest

from cc_math.html import Document, extract
from cc_math.html.tex import one_line, source_formula, strip_comments

WORDS = "Words before and after the formulas make this the main content of the page. " * 4
MATHJAX = "<script src='https://cdn.example.org/mathjax@3/es5/tex-mml-chtml.js'></script>"


def page(body: str, head: str = "", attributes: str = "") -> Document:
    source = f"<html><head>{head}</head><body {attributes}><article><p>{WORDS}</p>{body}<p>{WORDS}</p></article></body>"
    result = extract(source.encode())
    assert isinstance(result, Document), result
    return result


def formulas(body: str, head: str = "", attributes: str = "") -> list[str]:
    """The page's formulas in their delimiters."""
    document = page(body, head, attributes)
    return [document.text[f.start_char : f.end_char] for f in document.formulas]


# Configuration ----------------------------------------------------------------------------

DOLLARS = "tex: {inlineMath: [['$','$']]}"


@pytest.mark.parametrize(
    ("head", "body", "expected"),
    [
        ("MathJax.Hub.Config({tex2jax: {inlineMath: [['$','$']], processEscapes: true}})",
         r"<p>Pay \$5 for $x$ or \$7.</p>", ["$x$"]),
        ("MathJax.Hub.Config({tex2jax: {inlineMath: [['$','$'], ['\\\\(','\\\\)']]}})",
         r"<p>$x$ and \(y\)</p>", ["$x$", "$y$"]),
        ("MathJax = {tex: {inlineMath: {'[+]': [['$', '$']]}}}", "<p>$x$ and $k$</p>", ["$x$", "$k$"]),
        ("MathJax = {tex: {displayMath: [['%%','%%']]}}", "<p>%%x%%</p><p>$$y$$</p>", ["$$x$$", "$$y$$"]),
        ("MathJax = {tex: {processEnvironments: false}}",
         r"<p>\(x\) \begin{equation}y\end{equation}</p>", ["$x$"]),
        ("MathJax = {options: {ignoreHtmlClass: 'raw|tex2jax_ignore'}, " + DOLLARS + "}",
         "<p>$x$</p><div class='raw'>$y$ <b>$z$</b> \\(w\\)</div><p>$k$</p>", ["$x$", "$k$"]),
        ("MathJax.Hub.Config({tex2jax: {inlineMath: [['$','$']], ignoreClass: 'raw', processClass: 'read'}})",
         "<p>$x$</p><div class='raw'>$y$ and <b class='read'>$z$</b></div>", ["$x$", "$z$"]),
        (DOLLARS.join(("MathJax = {", "}")),
         "<p>$x$</p><p class='tex2jax_ignore'>$y$ and \\[z\\]</p>", ["$x$"]),
        ("renderMathInElement(document.body, {delimiters: [{left: '$', right: '$', display: false}], "
         "ignoredClasses: ['raw']}) // katex", "<p>$x$</p><p><span class='raw'>$y$</span></p>", ["$x$"]),
        ("renderMathInElement(document.body, {delimiters: [{left: '$', right: '$', display: false}], "
         "ignoredClasses: ['raw']})", "<p>$x$ <span class='raw'>$y$</span></p>", ["$x$"]),
        (DOLLARS.join(("MathJax = {", "}")), "<pre class='tex2jax_process'>$x$</pre><p><code class='mathjax_process'>$y$</code> "
         "<code>$z$</code></p><pre>$w$</pre>", ["$x$", "$y$"]),
        ("MathJax = {options: {skipHtmlTags: ['script', 'style', 'pre']}}",
         r"<p><code>\(x\)</code>, <code>\(y\) or z</code></p><pre><code>\(w\)</code></pre>", ["$x$"]),
        ("MathJax = {options: {skipHtmlTags: {'[-]': ['code']}}}", "<p><code>$$x$$</code></p>", ["$$x$$"]),
        ("MathJax = {options: {skipHtmlTags: ['script', 'pre', 'code']}}", r"<p><code>\(x\)</code></p>", []),
        ("MathJax = {options: {ignoreHtmlClass: '.*|', processHtmlClass: 'arithmatex'}, " + DOLLARS + "}",
         r"<p>from $5 a to 7$ <span class='arithmatex'>\(x\)</span></p>", ["$x$"]),
    ],
)  # fmt: skip
def test_configuration(head: str, body: str, expected: list[str]) -> None:
    assert formulas(body, f"<script>{head}</script>{MATHJAX}") == expected


def test_what_the_renderer_ignores_is_text() -> None:
    document = page("<p>$x$</p><p class='tex2jax_ignore'>$y$ and \\(z\\)</p>",
                    "<script>MathJax = {tex: {inlineMath: [['$','$']]}}</script>")  # fmt: skip
    assert "\\$y\\$ and \\(z\\)" in document.text


def test_private_characters_of_a_page_become_no_dollars() -> None:
    body = "<p>$x$</p><p class='tex2jax_ignore'>$y$ \ue003z\ue003 &#xe003;w&#xe003;</p>"
    document = page(body, f"<script>{'MathJax = {' + DOLLARS + '}'}</script>")
    assert "\\$y\\$ z" in document.text and "$w" not in document.text
    assert len(document.formulas) == 1


def test_a_page_that_is_ignored_but_for_its_formulas() -> None:
    head = "<script>MathJax = {options: {ignoreHtmlClass: 'ignore-math', processHtmlClass: 'process-math'}, "
    head += "tex: {inlineMath: [['$','$'],['\\\\(','\\\\)']]}}</script>" + MATHJAX
    body = "<p>From $3 a box to 4$ for <span class='process-math'>\\(x_1\\)</span></p>"
    assert formulas(body, head, "class='ignore-math'") == ["$x_1$"]


# Comments, labels -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("tex", "expected"),
    [
        ("a % one\nb", "a \nb"),
        ("a\n% one\nb", "a\nb"),
        ("5\\% of\nx", "5\\% of\nx"),
        ("a \\\\% one\nb", "a \\\\\nb"),
        ("a\nb % two", "a\nb"),
        ("50% of x", "50% of x"),
        ("\\alpha%\nx", "\\alpha\nx"),
    ],
)
def test_comments_end_with_their_line(tex: str, expected: str) -> None:
    assert strip_comments(tex) == expected


def test_one_line_loses_nothing_behind_a_comment() -> None:
    assert one_line("a % one\n+ b").split() == ["a", "+", "b"]


def test_labels_are_no_part_of_a_formula_and_tags_are() -> None:
    assert source_formula("a = b \\label{eq:1} \\tag{7}") == "a = b \\tag{7}"


def test_comments_in_running_text() -> None:
    body = "<p>\\[\na % first &amp; only\n+ b \\\\% second\n+ 5\\% c\n\\]</p>"
    assert formulas(body, MATHJAX) == ["$$a + b \\\\ + 5\\% c$$"]


# Representations --------------------------------------------------------------------------


def hevea(*cells: str) -> str:
    """Hevea's display of these cells."""
    row = "".join(f"<td class='dcell'>{cell}</td>" for cell in cells)
    return f"<table class='display dcenter'><tr style='vertical-align:middle'>{row}</tr></table>"


def stack(above: str, middle: str, below: str) -> str:
    """Hevea's table of three rows in a display."""
    return ("<table class='display'>"
            f"<tr><td class='dcell' style='text-align:center'>{above}</td></tr><tr>{middle}</tr>"
            f"<tr><td class='dcell' style='text-align:center'>{below}</td></tr></table>")  # fmt: skip


BAR = "<td class='hbar'></td>"
SUM = "<td class='dcell'><span style='font-size:xx-large'>∑</span></td>"
A, B = "<span style='font-style:italic'>a</span>", "<span style='font-style:italic'>bc</span>"


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        ((A + "&nbsp;=&nbsp;", stack("1", BAR, B)), ["$$a = \\frac{1}{bc}$$"]),
        ((stack(A + "<sup>2</sup>", BAR, stack("1", BAR, "α")), " + cos " + A),
         ["$$\\frac{a^{2}}{\\frac{1}{\\alpha}} + \\cos a$$"]),
        (("⎛<br>⎜<br>⎝", stack("<i>x</i>", BAR, "2"), "⎞<br>⎟<br>⎠", " ≤ " + B),
         ["$$\\left(\\frac{x}{2}\\right) \\le bc$$"]),
        ((stack(A, SUM, A + "=1"), stack("1", BAR, A)), ["$$\\sum_{a=1}^{a} \\frac{1}{a}$$"]),
        (("{&nbsp;" + A + "&nbsp;&lt;&nbsp;", stack("πβ", BAR, "ℓ"), "&nbsp;}"),
         ["$$\\{a < \\frac{\\pi \\beta}{\\ell} \\}$$"]),
        # a word, a link, a bracket without its fellow, another table, no fraction
        ((A + " = ", stack("the distance", BAR, "the time")), []),
        (("<a href='#e'>e</a> = ", stack("1", BAR, A)), []),
        (("⎛<br>⎜<br>⎝", stack("1", BAR, A)), []),
        (("<table><tr><td>1</td></tr></table>", stack("1", BAR, A)), []),
        (("e ::= ", stack("1", BAR, A)), []),
        ((A + " = 1",), []),
        ((A + " и ", stack("1", BAR, A)), []),
        (("", stack("", BAR, A)), []),
    ],
)  # fmt: skip
def test_displays_of_hevea(cells: tuple[str, ...], expected: list[str]) -> None:
    assert formulas(hevea(*cells)) == expected


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        # images by their address: + is a space in a query, %2B a plus
        ("<p><img src='/cgi-bin/mimetex.cgi?a+b%2Bc'></p>", ["$a+b+c$"]),
        ("<p><img src='https://www.forkosh.com/mathtex.cgi?\\Large\\frac{a}{b}' alt=''></p>", ["$\\frac{a}{b}$"]),
        ("<p><img src='//chart.apis.google.com/chart?cht=tx&amp;chl=x%2By+%5Cin+A'></p>", ["$x+y \\in A$"]),
        ("<p><img src='https://www.zhihu.com/equation?tex=x%5E2+%2B+y' alt='[公式]'></p>", ["$x^2 + y$"]),
        ("<p><img src='https://math.now.sh?from=x%5E2' alt='x^2'></p>", []),
        ("<p><img src='https://i.upmath.me/svg/x%5E%7B2%7D%2B1' alt='x^{2}+1'></p>", ["$x^{2}+1$"]),
        ("<p><img src='https://render.githubusercontent.com/render/math?math=x%20%5Cin%20A'></p>", ["$x \\in A$"]),
        ("<p><img src='https://tex.s2cms.ru/svg/x%5E%7B2%7D%2B1'></p>", ["$x^{2}+1$"]),
        ("<p><img src='/filter/tex/pix.php/0a1b.gif' class='texrender' title='a_1+b' alt='a_1+b'></p>", ["$a_1+b$"]),
        # TeX4ht and Hevea
        ("<p><img src='p0x.png' alt='a1' class='math'> and <img src='p1x.png' alt='\\frac{1}{2}' class='frac'></p>",
         ["$a1$", "$\\frac{1}{2}$"]),
        ("<p><img src='img7.png' alt='\\begin{displaymath}a = b\\end{displaymath}'></p>",
         ["$$\\begin{displaymath}a = b\\end{displaymath}$$"]),
        ("<p><img src='img8.png' alt='% latex2html id marker 88 $\\phi$'></p>", ["$\\phi$"]),
        # a source in MathML: its comments end with their lines
        ("<p><math alttext='a_{1%\n}+b'><mi>a</mi></math></p>", ["$a_{1\n}+b$"]),
        ("<p><math><semantics><mi>a</mi><annotation encoding='application/x-tex'>a_1 &lt; b</annotation>"
         "</semantics></math></p>", ["$a_1 < b$"]),
        # elements of their own
        ("<p><mathjax>#x^2+1#</mathjax></p>", ["$x^2+1$"]),
        ("<p><mathjax>#sqrt(x)/2#</mathjax></p>", ["$\\frac{\\sqrt{x}}{2}$"]),
        ("<p><mathjax>#\\frac{a}{b}#</mathjax></p>", ["$\\frac{a}{b}$"]),
        ("<p><tex-math>x_1</tex-math></p>", ["$x_1$"]),
        ("<p><math-inline>x_1</math-inline><math-display>y = 1</math-display></p>", ["$x_1$", "$$y = 1$$"]),
        ("<p><x-katex>x_1</x-katex></p>", ["$x_1$"]),
        ("<p><la-tex>x_1</la-tex></p>", ["$x_1$"]),
        # MathML in an attribute: Wiris writes «»¨§` for <>"&'
        ("<p><img class='Wirisformula' alt='x squared' data-mathml='«math»«msup»«mi»x«/mi»«mn»2«/mn»«/msup»«/math»'></p>",
         ["$x^2$"]),
        ("<p><img class='Wirisformula' src='a.png' data-mathml='«math xmlns=¨http://www.w3.org/1998/Math/MathML¨ display=¨block¨»"
         "«mi mathvariant=¨bold¨»v«/mi»«mo»§lt;«/mo»«mi»§#960;«/mi»«/math»'></p>", ["$$\\mathbf{v}<\\pi$$"]),
        ("<p><img alt='x squared' data-mathml='&lt;math&gt;&lt;msup&gt;&lt;mi&gt;x&lt;/mi&gt;&lt;mn&gt;2&lt;/mn&gt;"
         "&lt;/msup&gt;&lt;/math&gt;'></p>", ["$x^2$"]),
        ("<p><span data-mathml='«msup»«mi»x«/mi»«/msup»'>x</span> <span data-mathml='true'>y</span> "
         "<span data-mathml='&amp;lt;math&amp;gt;'>z</span></p>", []),
        # images whose class stands on the element around them; a picture there is none
        ("<p>of <span class='math'><img src='a.png' alt='y'/></span></p><div class='math'><img src='b.png' alt='y = a x'/></div>",
         ["$y$", "$$y = a x$$"]),
        ("<div class='math'><img src='b.png' alt='A picture of triangles'/></div>", []),
        # Sphinx's displayed imgmath stands in a paragraph, with its number or without
        ("<div class='math'>\n<p><img src='a.png' alt='y = a x'/></p></div>", ["$$y = a x$$"]),
        ("<div class='math' id='e'>\n<p><span class='eqno'>(12)<a class='headerlink' href='#e' title='Permalink'>¶</a></span>"
         "<img src='b.png' alt='y = a x'/></p></div>", ["$$y = a x$$"]),
        ("<div class='math'><p>A circle: <img src='c.png' alt='x^2'/></p></div>", []),
        ("<div class='other'><p><img class='none' src='c.png' alt='x'/></p></div>", []),
        # elements whose class or attribute is a renderer's own
        ("<p><script type='math/katex'>a_1</script></p><script type='math/katex; mode=display'>b_1</script>",
         ["$a_1$", "$$b_1$$"]),
        ("<p><span class='wp-katex-eq' data-display='false'>AB</span> <span class='wp-katex-eq' data-display='true'>a_2</span></p>",
         ["$AB$", "$$a_2$$"]),
        ("<p><code class='code math js-render-math' data-math-style='inline'>g_2</code></p>"
         "<pre class='code math js-render-math' data-math-style='display'><code><span class='line'>g_3 = 1</span></code></pre>",
         ["$g_2$", "$$g_3 = 1$$"]),
        ("<p>of <span data-math-style='inline'>g_4</span></p><pre data-math-style='display'><code>g_5\n= 1</code></pre>",
         ["$g_4$", "$$g_5\n= 1$$"]),
        ("<pre><code class='language-math'>x_1 = 2\n</code></pre><p><code class='language-math math-inline'>x_2</code></p>",
         ["$$x_1 = 2$$", "$x_2$"]),
        ("<pre><code class='language-mathematica'>x_1 = 2</code></pre><p>The <code class='language-math'>math</code> block.</p>", []),
        # LaTeX2HTML: an equation with its number in the next cell, and a system's row
        ("<div align='CENTER'><table><tr><td nowrap align='CENTER'><img src='i.png' alt='$\\displaystyle \\phi = 0$'></td>"
         "<td nowrap>(2.71)</td></tr></table></div>", ["$$\\phi = 0$$"]),
        ("<table><tr><td><img alt='$\\displaystyle x$'></td><td><img alt='$\\displaystyle = y$'></td></tr></table>",
         ["$x$", "$= y$"]),
        # AsciiMath beyond its longest source
        ("<p><script type='math/asciimath'>x_1</script>, <script type='math/asciimath'>" + "x " * 2_501 + "</script></p>",
         ["$x_1$"]),
        ("<p><mathjax>#" + "x " * 2_501 + "#</mathjax></p>", []),
    ],
)  # fmt: skip
def test_representation(body: str, expected: list[str]) -> None:
    assert formulas(body) == expected
