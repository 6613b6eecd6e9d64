"""Small pages, one or two formulas each, for every representation that extraction reads.

Each fixture says what the page's formulas are, delimiters included and in order: a preview, a
fallback image or an assistive copy that came out as well would be one formula too many. The
mark-up has the shape that the renderers and publishing systems write; text and formulas are
the project's own. Pages that hold no mathematics are in ``negative_fixtures``.
"""

# ruff: noqa: E501  (mark-up is easier to read unbroken)

from __future__ import annotations

from dataclasses import dataclass

WORDS = "Some ordinary words stand before and after each of the formulas of this page. " * 3


@dataclass(frozen=True, slots=True)
class Fixture:
    """One page. ``formulas`` with delimiters, in order; ``text`` must stand in the document's
    text, and nothing of ``absent`` may."""

    name: str
    body: str
    formulas: tuple[str, ...]
    text: tuple[str, ...] = ()
    absent: tuple[str, ...] = ()
    head: str = ""

    @property
    def page(self) -> bytes:
        """The whole page, as bytes."""
        return (
            f"<!DOCTYPE html><html lang='en'><head><title>Page</title>{self.head}</head><body>"
            f"<article><p>{WORDS}</p>{self.body}<p>{WORDS}</p></article></body></html>"
        ).encode()


def shown(
    name: str,
    body: str,
    *formulas: str,
    text: tuple[str, ...] = (),
    absent: tuple[str, ...] = (),
    head: str = "",
) -> Fixture:
    """A fixture with its formulas as positional arguments."""
    return Fixture(name, body, formulas, text, absent, head)


TEX_SCRIPT = "<script>MathJax = {tex: {inlineMath: [['$', '$'], ['\\\\(', '\\\\)']]}}</script>"
PARENTHESES_ONLY = "<script>MathJax = {tex: {inlineMath: [['\\\\(', '\\\\)']]}}</script>"
MATHJAX_2 = "<script src='https://cdn.example.org/MathJax.js?config=TeX-AMS_CHTML'></script>"
MATHJAX_3 = "<script src='https://cdn.example.org/mathjax@3/es5/tex-chtml.js'></script>"
ASCIIMATH_AND_TEX = (
    "<script src='https://cdn.example.org/MathJax.js?config=TeX-MML-AM_CHTML'></script>"
)
AUTO_RENDER = """<script>renderMathInElement(document.body, {delimiters: [
  {left: '$$', right: '$$', display: true}, {left: '$', right: '$', display: false}]})</script>"""

HALF = "<mfrac><mn>1</mn><mi>n</mi></mfrac>"
POWER = "<msup><mi>r</mi><mi>k</mi></msup>"
POWER_SUM = "<mrow><mi>p</mi><mo>+</mo><msup><mi>q</mi><mn>2</mn></msup></mrow>"


def annotated(mathml: str, tex: str, attributes: str = "") -> str:
    """Presentation MathML with its TeX source in an annotation."""
    return (
        f'<math xmlns="http://www.w3.org/1998/Math/MathML"{attributes}><semantics>{mathml}'
        f'<annotation encoding="application/x-tex">{tex}</annotation></semantics></math>'
    )


# --- MathJax ------------------------------------------------------------------------------

MATHJAX = (
    shown("script", "<p>Let <script type='math/tex'>p_1 + p_2</script> be.</p>", "$p_1 + p_2$",
          text=("Let $p_1 + p_2$ be.",)),
    shown("displayed script", "<p>So<script type='math/tex; mode=display'>\\sum_i a_i = 4</script></p>",
          "$$\\sum_i a_i = 4$$"),
    shown("script in CDATA", "<p><script type='math/tex'>% <![CDATA[\nu < v %]]></script></p>", "$u < v$"),
    shown("script of MathML", f"<p>As <script type='math/mml'><math>{HALF}</math></script> shrinks.</p>",
          "$\\frac{1}{n}$"),
    shown("displayed script of MathML",
          f"<p><script type='math/mml; mode=display'><math display='block'>{HALF}</math></script></p>",
          "$$\\frac{1}{n}$$"),
    shown("MathJax 2, HTML-CSS and its script",
          "<p>Here <span class='MathJax_Preview'>wk</span><span class='MathJax' id='MathJax-Element-1-Frame' "
          "tabindex='0'><nobr><span class='math' id='MathJax-Span-1'><span class='mi'>w</span><span class='mn'>7"
          "</span></span></nobr></span><script type='math/tex' id='MathJax-Element-1'>w^{7}</script> ends.</p>",
          "$w^{7}$", text=("Here $w^{7}$ ends.",), absent=("wk", "w7")),
    shown("MathJax 2, displayed SVG and its script",
          "<span class='MathJax_Preview'></span><div class='MathJax_SVG_Display'><span class='MathJax_SVG'>"
          "<svg><text>lost</text></svg></span></div>"
          "<script type='math/tex; mode=display' id='MathJax-Element-2'>\\int_0^1 g</script>",
          "$$\\int_0^1 g$$", absent=("lost",)),
    shown("MathJax 2, CommonHTML and its script",
          "<p>Now <span class='mjx-chtml MathJax_CHTML'><span class='mjx-math'><span class='mjx-char'>β</span>"
          "</span></span><script type='math/tex'>\\beta</script> counts.</p>",
          "$\\beta$", text=("Now $\\beta$ counts.",)),
    shown("MathJax 2, data-mathml only",
          f'<p>Take <span class="MathJax" id="MathJax-Element-3-Frame" data-mathml="&lt;math&gt;{POWER.replace("<", "&lt;")}'
          '&lt;/math&gt;" role="presentation"><nobr aria-hidden="true"><span>rk</span></nobr><span '
          f'class="MJX_Assistive_MathML" role="presentation"><math>{POWER}</math></span></span> now.</p>',
          "$r^k$", text=("Take $r^k$ now.",), absent=("rk",)),
    shown("MathJax 2, displayed data-mathml",
          f'<div class="MathJax_Display"><span class="MathJax" data-mathml="<math display=&quot;block&quot;>{HALF}</math>">'
          "<span>1n</span></span></div>", "$$\\frac{1}{n}$$"),
    shown("MathJax 3, CHTML with assistive MathML",
          '<p>Say <mjx-container class="MathJax" jax="CHTML"><mjx-math class="MJX-TEX" aria-hidden="true"><mjx-mi '
          'class="mjx-i"><mjx-c class="mjx-c1D45F TEX-I"></mjx-c></mjx-mi></mjx-math><mjx-assistive-mml unselectable="on" '
          f'display="inline"><math xmlns="http://www.w3.org/1998/Math/MathML">{POWER}</math></mjx-assistive-mml>'
          "</mjx-container> or so.</p>", "$r^k$", text=("Say $r^k$ or so.",)),
    shown("MathJax 3, displayed CHTML with assistive MathML",
          '<mjx-container class="MathJax" jax="CHTML" display="true"><mjx-math display="true"></mjx-math><mjx-assistive-mml '
          f'display="block"><math display="block">{HALF}</math></mjx-assistive-mml></mjx-container>', "$$\\frac{1}{n}$$"),
    shown("MathJax 3, SVG with assistive MathML",
          '<p><mjx-container class="MathJax" jax="SVG"><svg viewBox="0 0 9 9"><g><g data-mml-node="math"><text>lost</text>'
          f'</g></g></svg><mjx-assistive-mml><math>{POWER_SUM}</math></mjx-assistive-mml></mjx-container></p>',
          "$p+q^2$", absent=("lost",)),
    shown("MathJax 3, CHTML by its glyphs",
          '<p><mjx-container class="MathJax" jax="CHTML"><mjx-math class="MJX-TEX"><mjx-msup><mjx-mi class="mjx-i"><mjx-c '
          'class="mjx-c1D467 TEX-I"></mjx-c></mjx-mi><mjx-script style="vertical-align: 0.363em;"><mjx-mn class="mjx-n" '
          'size="s"><mjx-c class="mjx-c33"></mjx-c></mjx-mn></mjx-script></mjx-msup><mjx-mo class="mjx-n" space="4"><mjx-c '
          'class="mjx-c2265"></mjx-c></mjx-mo><mjx-mi class="mjx-i" space="4"><mjx-c class="mjx-c1D6FD TEX-I"></mjx-c>'
          "</mjx-mi></mjx-math></mjx-container></p>", "$z^3\\ge \\beta$"),
    shown("MathJax 4",
          '<p><mjx-container class="MathJax" jax="CHTML"><mjx-math data-latex="\\lambda^{4}"><mjx-msup data-latex="\\lambda^{4}">'
          '<mjx-mi data-latex="\\lambda"><mjx-c>λ</mjx-c></mjx-mi></mjx-msup></mjx-math></mjx-container></p>',
          "$\\lambda^{4}$"),
    shown("MathJax 4, displayed SVG",
          '<mjx-container class="MathJax" jax="SVG" display="true"><svg data-latex="a &lt; b"><g data-mml-node="math" '
          'data-latex="a &lt; b"></g></svg></mjx-container>', "$$a < b$$"),
)  # fmt: skip

# --- TeX in the text ----------------------------------------------------------------------

IN_TEXT = (
    shown("configured dollars", "<p>For $m$ and $n_1$ in order.</p>", "$m$", "$n_1$", head=TEX_SCRIPT,
          text=("For $m$ and $n_1$ in order.",)),
    shown("MathJax 2 configuration", "<p>For $m$ in order.</p>", "$m$", head=(
        "<script type='text/x-mathjax-config'>MathJax.Hub.Config({tex2jax: {inlineMath: [ ['$','$'] ], "
        "processEscapes: true}});</script>" + MATHJAX_2)),
    shown("escaped dollars beside configured ones", "<p>It costs \\$7 if $c = 7$.</p>", "$c = 7$", head=(
        "<script type='text/x-mathjax-config'>MathJax.Hub.Config({tex2jax: {inlineMath: [['$','$']], "
        "processEscapes: true}});</script>" + MATHJAX_2), text=("costs \\$7 if",)),
    shown("dollars by evidence", "<p>Then $\\alpha_1 = 2$, so $\\alpha_2 = 3$ and $k$ is odd.</p>",
          "$\\alpha_1 = 2$", "$\\alpha_2 = 3$", "$k$"),
    shown("double dollars", "<p>It follows $$\\prod_{j} t_j = 1$$ at once.</p>", "$$\\prod_{j} t_j = 1$$"),
    shown("parentheses", "<p>Where \\(u = v\\), stop.</p>", "$u = v$", head=MATHJAX_3, text=("Where $u = v$, stop.",)),
    shown("parentheses without a renderer", "<p>Where \\(\\gamma = v\\), stop.</p>", "$\\gamma = v$"),
    shown("brackets", "<p>\\[ \\nabla h = 0. \\]</p>", "$$\\nabla h = 0.$$", head=MATHJAX_3),
    shown("brackets over several lines", "<p>\\[<br>s = \\frac{1}{2}<br>\\]</p>", "$$s = \\frac{1}{2}$$", head=MATHJAX_3),
    shown("environment", "<p>\\begin{equation} d = e \\end{equation}</p>",
          "$$\\begin{equation} d = e \\end{equation}$$", head=MATHJAX_3),
    shown("aligned environment", "<p>\\begin{align*} a &amp;= b \\\\ c &amp;= d \\end{align*}</p>",
          "$$\\begin{align*} a &= b \\\\ c &= d \\end{align*}$$", head=MATHJAX_3),
    shown("environment in dollars", "<p>$$\\begin{pmatrix} 1 &amp; 0 \\\\ 0 &amp; 1 \\end{pmatrix}$$</p>",
          "$$\\begin{pmatrix} 1 & 0 \\\\ 0 & 1 \\end{pmatrix}$$", head=MATHJAX_3),
    shown("entities", "<p>If \\(x &lt; y &amp;&#38; y &#62; z\\), good.</p>", "$x < y && y > z$", head=MATHJAX_3),
    shown("dollars inside text", "<p>\\(\\text{if $s$ holds}\\)</p>", "$\\text{if \\(s\\) holds}$", head=MATHJAX_3),
    shown("escaped dollar inside a formula", "<p>Pay $\\$ 3 + x$ now.</p>", "$\\$ 3 + x$", head=TEX_SCRIPT),
    shown("emphasis inside a formula", "<p>\\(a_<em>1 + b_</em>2\\)</p>", "$a_1 + b_2$", head=MATHJAX_3),
    shown("KaTeX auto-render", "<p>Take $f(x)$ and $$g(x)$$ here.</p>", "$f(x)$", "$$g(x)$$", head=AUTO_RENDER),
    shown("KaTeX auto-render, double dollars only", "<p>Pay $p$ for $$y = 1$$ here.</p>", "$$y = 1$$",
          text=("Pay \\$p\\$ for",), head=(
        "<script>renderMathInElement(document.body, {delimiters: [{left: '$$', right: '$$', display: true}]})</script>")),
    shown("configured marks of a page's own", "<p>For ##j = 2## in order.</p>", "$j = 2$",
          head="<script>MathJax = {tex2jax: {inlineMath: [['##', '##']]}}</script>"),
    shown("dollars that the configuration leaves out", "<p>The variables $m$ and \\(n\\) differ.</p>", "$n$",
          head=PARENTHESES_ONLY, text=("variables \\$m\\$ and $n$ differ",)),
    shown("ignored class", "<p>See <span class='tex2jax_ignore'>\\(raw\\)</span> and \\(w\\).</p>", "$w$", head=MATHJAX_3,
          text=("\\(raw\\)",)),
    shown("ignored class of the configuration", "<p>Raw <span class='no-math'>\\(x\\)</span> but \\(y\\).</p>", "$y$",
          head="<script>MathJax = {options: {ignoreHtmlClass: 'no-math'}}</script>" + MATHJAX_3, text=("Raw \\(x\\) but",)),
    shown("processed class of the configuration", "<p class='ignore'>Raw \\(x\\) but <span class='process-math'>\\(y\\)</span>.</p>",
          "$y$", head="<script>MathJax = {options: {ignoreHtmlClass: 'ignore', processHtmlClass: 'process-math'}}</script>"
          + MATHJAX_3, text=("Raw \\(x\\) but",)),
    shown("code is not rendered", "<p>Write <code>\\(x\\)</code> for \\(x\\).</p><pre>$$x$$</pre>", "$x$", head=MATHJAX_3,
          text=("`\\(x\\)`", "```\n$$x$$\n```")),
    shown("display mathematics keeps its tag", "<p>\\[ a = b \\tag{3} \\]</p>", "$$a = b \\tag{3}$$", head=MATHJAX_3),
    shown("number beside a formula", "<p>\\[ x = 1 \\] (1.2)</p>", "$$x = 1$$", head=MATHJAX_3, text=("(1.2)",)),
    shown("chemistry by its own command", "<p>\\(\\ce{H2O}\\)</p>", "$\\ce{H2O}$", head=MATHJAX_3),
    shown("formulas of a table", "<table><tr><th>n</th><th>v</th></tr><tr><td>\\(n_1\\)</td><td>\\(v_1\\)</td></tr></table>",
          "$n_1$", "$v_1$", head=MATHJAX_3, text=("| $n_1$ | $v_1$ |",)),
    shown("formulas of a list", "<ol><li>\\(a^2\\)</li><li>then \\(b\\)</li></ol>", "$a^2$", "$b$", head=MATHJAX_3,
          text=("1. $a^2$\n2. then $b$",)),
    shown("formula in a heading", "<h2>The group \\(S_3\\)</h2>", "$S_3$", head=MATHJAX_3, text=("## The group $S_3$",)),
    shown("two formulas side by side", "<p>\\(a\\)\\(b\\)</p>", "$a$", "$b$", head=MATHJAX_3),
    shown("Chinese words around a formula", "<p>设\\(x\\)为实数，则\\(x^2\\ge 0\\)。</p>", "$x$", "$x^2\\ge 0$", head=MATHJAX_3,
          text=("设$x$为实数，则$x^2\\ge 0$。",)),
    shown("Persian words around a formula", "<p dir='rtl'>اگر \\(x = 1\\) باشد</p>", "$x = 1$", head=MATHJAX_3,
          text=("اگر $x = 1$ باشد",)),
)  # fmt: skip

# --- KaTeX and MathML ---------------------------------------------------------------------


def katex(mathml: str, tex: str, html: str) -> str:
    """KaTeX's two copies of a formula."""
    copy = f'<span class="katex-mathml">{annotated(mathml, tex)}</span>' if tex else ""
    return (
        f'<span class="katex">{copy}<span class="katex-html" aria-hidden="true"><span class="base">'
        f'<span class="strut" style="height:0.6em;"></span>{html}</span></span></span>'
    )


RAISED = (
    '<span class="mord"><span class="mord mathnormal">t</span><span class="msupsub"><span class="vlist-t">'
    '<span class="vlist-r"><span class="vlist" style="height:0.8em;"><span style="top:-3.063em;"><span class="pstrut">'
    '</span><span class="sizing reset-size6 size3 mtight"><span class="mord mtight">5</span></span></span></span></span>'
    "</span></span></span>"
)
LATEXML = (
    "<table class='ltx_equation ltx_eqn_table'><tbody><tr class='ltx_equation ltx_eqn_row'><td class='ltx_eqn_cell "
    "ltx_eqn_center_padleft'></td><td class='ltx_eqn_cell ltx_align_center'><math alttext='E_{k}=k^{2}' class='ltx_Math' "
    "display='block'><mi>E</mi></math></td><td class='ltx_eqn_cell ltx_eqn_center_padright'></td><td rowspan='1' "
    "class='ltx_eqn_cell ltx_eqn_eqno'><span class='ltx_tag ltx_tag_equation'>(17)</span></td></tr></tbody></table>"
)
CELLS = "<mtable><mtr><mtd><mn>1</mn></mtd><mtd><mi>a</mi></mtd></mtr><mtr><mtd><mn>0</mn></mtd><mtd><mn>1</mn></mtd></mtr></mtable>"
CASES = (
    "<mrow><mo>{</mo><mtable columnalign='left left'><mtr><mtd><mi>x</mi></mtd><mtd><mtext>if </mtext><mi>x</mi><mo>&gt;</mo>"
    "<mn>0</mn></mtd></mtr><mtr><mtd><mn>0</mn></mtd><mtd><mtext>else</mtext></mtd></mtr></mtable></mrow>"
)
ALIGNED = (
    "<mtable columnalign='right left'><mtr><mtd><mi>a</mi></mtd><mtd><mo>=</mo><mi>b</mi></mtd></mtr><mtr><mtd></mtd>"
    "<mtd><mo>=</mo><mi>c</mi></mtd></mtr></mtable>"
)


def prefixed(mathml: str, prefix: str) -> str:
    """The same MathML with a prefix on every element."""
    return mathml.replace("</", f"</{prefix}:").replace("<m", f"<{prefix}:m")


MARKED_UP = (
    shown("KaTeX", f"<p>At {katex('<mi>t</mi>', 't^5', RAISED)} it turns.</p>", "$t^5$", text=("At $t^5$ it turns.",)),
    shown("displayed KaTeX", f"<span class='katex-display'>{katex('<mi>t</mi>', 't^5', RAISED)}</span>", "$$t^5$$"),
    shown("KaTeX without its MathML", f"<p>At {katex('', '', RAISED)} it turns.</p>", "$t^5$"),
    shown("KaTeX with entities", f"<p>{katex('<mi>a</mi>', 'a &lt; b &amp; c', RAISED)}</p>", "$a < b & c$"),
    shown("KaTeX as MathML only", f"<p><span class='katex'>{annotated(HALF, '1 / n')}</span></p>", "$1 / n$"),
    shown("KaTeX with a tag", f"<span class='katex-display'>{katex('<mi>t</mi>', 't = 1 &#92;tag{9}', RAISED)}</span>", "$$t = 1 \\tag{9}$$"),
    shown("MathML with annotation", f"<p>If {annotated(POWER, 'r^{k}')} is so.</p>", "$r^{k}$", text=("If $r^{k}$ is so.",)),
    shown("displayed MathML with annotation", annotated(HALF, "\\frac1n", ' display="block"'), "$$\\frac1n$$"),
    shown("MathML with alttext", f"<p><math alttext='r^{{k}}'>{POWER}</math></p>", "$r^{k}$"),
    shown("bare MathML", f'<p><math xmlns="http://www.w3.org/1998/Math/MathML">{POWER_SUM}</math></p>', "$p+q^2$"),
    shown("MathML without a namespace", f"<p><math>{HALF}</math></p>", "$\\frac{1}{n}$"),
    shown("MathML with the prefix mml", f"<p><mml:math>{prefixed(HALF, 'mml')}</mml:math></p>", "$\\frac{1}{n}$"),
    shown("MathML with the prefix m", f"<p><m:math display='block'>{prefixed(POWER, 'm')}</m:math></p>", "$$r^k$$"),
    shown("matrix", f"<p><math><mrow><mo>(</mo>{CELLS}<mo>)</mo></mrow></math></p>",
          "$\\begin{pmatrix} 1 & a \\\\ 0 & 1 \\end{pmatrix}$"),
    shown("fenced matrix", f"<p><math><mfenced open='|' close='|'>{CELLS}</mfenced></math></p>",
          "$\\begin{vmatrix} 1 & a \\\\ 0 & 1 \\end{vmatrix}$"),
    shown("cases", f"<math display='block'>{CASES}</math>",
          "$$\\begin{cases} x & \\text{if }x>0 \\\\ 0 & \\text{else} \\end{cases}$$"),
    shown("aligned table", f"<math display='block'>{ALIGNED}</math>", "$$\\begin{aligned} a & =b \\\\ & =c \\end{aligned}$$"),
    shown("scripts on both sides", "<p><math><mmultiscripts><mi>T</mi><mi>a</mi><none/><mprescripts/><none/><mi>b</mi>"
          "</mmultiscripts></math></p>", "${}^{b}T_{a}$"),
    shown("operators with limits", "<p><math><munderover><mo>∑</mo><mrow><mi>i</mi><mo>=</mo><mn>0</mn></mrow><mi>m</mi>"
          "</munderover><msub><mi>c</mi><mi>i</mi></msub></math></p>", "$\\sum_{i=0}^{m}c_i$"),
    shown("accents", "<p><math><mover accent='true'><mi>v</mi><mo>→</mo></mover><mo>⋅</mo><mover><mi>w</mi><mo>¯</mo></mover>"
          "</math></p>", "$\\vec{v}\\cdot \\bar{w}$"),
    shown("stretching fences", f"<p><math><mrow><mo>(</mo>{HALF}<mo>)</mo></mrow></math></p>",
          "$\\left(\\frac{1}{n} \\right)$"),
    shown("roots", "<p><math><mroot><mi>u</mi><mn>3</mn></mroot><mo>−</mo><msqrt><mi>v</mi></msqrt></math></p>",
          "$\\sqrt[3]{u}-\\sqrt{v}$"),
    shown("invisible operators", "<p><math><mi>sin</mi><mo>&#x2061;</mo><mi>θ</mi><mo>&#x2062;</mo><mi>r</mi></math></p>",
          "$\\sin \\theta r$"),
    shown("letters of alphabets", "<p><math><mi mathvariant='double-struck'>Z</mi><mo>⊂</mo><mi>ℚ</mi></math></p>",
          "$\\mathbb{Z}\\subset \\mathbb{Q}$"),
    shown("LaTeXML equation with its number", LATEXML, "$$E_{k}=k^{2}$$", text=("(17)",), absent=("|",)),
    shown("LaTeXML inline", "<p>for <math alttext='n\\geq 1' class='ltx_Math' display='inline'><semantics><mrow><mi>n</mi>"
          "<mo>≥</mo><mn>1</mn></mrow><annotation-xml encoding='MathML-Content'><apply><geq/><ci>n</ci></apply>"
          "</annotation-xml><annotation encoding='application/x-tex'>n\\geq 1</annotation><annotation encoding="
          "'application/x-llamapun'>italic_n ≥ 1</annotation></semantics></math> only</p>", "$n\\geq 1$",
          text=("for $n\\geq 1$ only",), absent=("italic",)),
)  # fmt: skip

# --- images and attributes ----------------------------------------------------------------

ESCAPED = "%5Cfrac%7Bc%7D%7Bd%2B1%7D"  # \frac{c}{d+1}
FRACTION = "\\frac{c}{d+1}"

IMAGES = (
    shown("MediaWiki", "<p>Let <span class='mwe-math-element'><span class='mwe-math-mathml-inline mwe-math-mathml-a11y' "
          "style='display: none;'><math xmlns='http://www.w3.org/1998/Math/MathML' alttext='{\\displaystyle h^{2}}'>"
          "<semantics><mrow><mi>h</mi></mrow><annotation encoding='application/x-tex'>{\\displaystyle h^{2}}</annotation>"
          "</semantics></math></span><img src='/render/svg/0a1b' class='mwe-math-fallback-image-inline' aria-hidden='true' "
          "alt='{\\displaystyle h^{2}}'></span> be.</p>", "$h^{2}$", text=("Let $h^{2}$ be.",)),
    shown("displayed MediaWiki", "<div class='mwe-math-element'><div class='mwe-math-mathml-display' style='display: none;'>"
          "<math display='block' alttext='{\\displaystyle h=1}'><mi>h</mi></math></div><img "
          "class='mwe-math-fallback-image-display' alt='{\\displaystyle h=1}'></div>", "$$h=1$$"),
    shown("older MediaWiki", "<p>Let <img class='tex' alt='h_0' src='/math/a/b/c.png'> be.</p>", "$h_0$"),
    shown("MediaWiki source mode", "<p>Let <span class='tex' dir='ltr'>$ h_0 $</span> be.</p>", "$h_0$"),
    shown("WordPress", f"<p><img src='https://s0.wp.com/latex.php?latex={ESCAPED}&#038;bg=ffffff&#038;fg=000000&#038;s=0' "
          f"alt='{FRACTION}' title='{FRACTION}' class='latex' /></p>", f"${FRACTION}$"),
    shown("WordPress, by its address", f"<p><img src='https://s0.wp.com/latex.php?latex={ESCAPED}&amp;bg=fff&amp;s=0'></p>",
          f"${FRACTION}$"),
    shown("WordPress, plus for a space", "<p><img src='https://s0.wp.com/latex.php?latex=a+%2B+b%26c&bg=fff'></p>", "$a + b&c$"),
    shown("CodeCogs PNG", f"<p><img src='https://latex.codecogs.com/png.latex?{ESCAPED}'></p>", f"${FRACTION}$"),
    shown("CodeCogs with options", f"<p><img src='https://latex.codecogs.com/gif.image?%5Cinline%20%5Cdpi%7B110%7D{ESCAPED}' "
          "alt='equation'></p>", f"${FRACTION}$"),
    shown("CodeCogs, unescaped", "<p><img src='https://latex.codecogs.com/svg.latex?\\sqrt{a&plus;b}&space;c'></p>", "$\\sqrt{a+b} c$"),
    shown("mimeTeX", f"<p><img src='/cgi-bin/mimetex.cgi?{ESCAPED}' alt=''></p>", f"${FRACTION}$"),
    shown("mathTeX", f"<p><img src='http://www.example.org/cgi-bin/mathtex.cgi?{ESCAPED}'></p>", f"${FRACTION}$"),
    shown("Google chart", f"<p><img src='https://chart.googleapis.com/chart?cht=tx&amp;chl={ESCAPED}'></p>", f"${FRACTION}$"),
    shown("QuickLaTeX", "<p><img src='https://quicklatex.com/cache3/2a/ql_2a_l3.png' class='ql-img-inline-formula "
          "quicklatex-auto-format' alt='&#92;&#97;&#108;&#112;&#104;&#97;&#95;&#51;' title='Rendered by QuickLaTeX.com'></p>",
          "$\\alpha_3$", absent=("Rendered",)),
    shown("displayed QuickLaTeX", "<p class='ql-center-displayed-equation'><span class='ql-right-eqno'> &nbsp; </span><span "
          "class='ql-left-eqno'> &nbsp; </span><img src='https://quicklatex.com/cache3/e7/ql_e7_l3.png' "
          "class='ql-img-displayed-equation quicklatex-auto-format' alt='\\[k = \\frac{1}{2}\\]'></p>", "$$k = \\frac{1}{2}$$"),
    shown("Zhihu", f"<p><img src='https://www.zhihu.com/equation?tex={ESCAPED}' alt='{FRACTION}' eeimg='1'></p>", f"${FRACTION}$"),
    shown("Zhihu, by its address", "<p><img src='https://www.zhihu.com/equation?tex=a%2Bb' alt='[公式]' eeimg='1'></p>", "$a+b$"),
    shown("Zhihu, plus as it stands", "<p><img src='https://www.zhihu.com/equation?tex=%5Calpha+%2B1' alt='[公式]' eeimg='1'></p>",
          "$\\alpha +1$"),
    shown("Google chart, plus for a space", "<p><img src='https://chart.googleapis.com/chart?cht=tx&chl=a+%2B+b'></p>", "$a + b$"),
    shown("CodeCogs, plus as it stands", "<p><img src='https://latex.codecogs.com/gif.latex?a+b%2Bc'></p>", "$a+b+c$"),
    shown("Moodle's TeX filter", "<p><img class='texrender' title='s_{1}^{2}' alt='s_{1}^{2}' "
          "src='https://example.org/filter/tex/pix.php/3f.gif'></p>", "$s_{1}^{2}$"),
    shown("MathType image with its MathML", "<p><img class='Wirisformula' data-mathml='&lt;math&gt;&lt;msup&gt;&lt;mi&gt;x&lt;/mi&gt;"
          "&lt;mn&gt;2&lt;/mn&gt;&lt;/msup&gt;&lt;/math&gt;' alt='x squared'></p>", "$x^2$", absent=("squared",)),
    shown("displayed image of class latexcenter", "<p><img class='latexcenter' alt='\\[x_1 = 2\\]' src='/1.png'></p>", "$$x_1 = 2$$"),
    shown("Moodle's MathJax loader", "<p><span class='filter_mathjaxloader_equation'><span class='nolink'>\\(s_1\\)</span></span></p>",
          "$s_1$"),
    shown("Canvas", "<p><img class='equation_image' title='e^x' src='/equation_images/e%255Ex' alt='LaTeX: e^x' "
          "data-equation-content='e^x'></p>", "$e^x$", absent=("LaTeX:",)),
    shown("Canvas, by its address", "<p><img class='equation_image' src='/equation_images/%255Csqrt%257Bx%257D?scale=1' "
          "alt=''></p>", "$\\sqrt{x}$"),
    shown("image of class latex", "<p><img class='latex' alt='$b^2$' src='/b.png'></p>", "$b^2$"),
    shown("image of class math", "<p><img class='math' alt='b^2' src='/_images/math/b.png'></p>", "$b^2$"),
    shown("LaTeX2HTML", "<p><IMG WIDTH='41' HEIGHT='35' ALIGN='MIDDLE' BORDER='0' SRC='img3.png' ALT='$\\phi^2 + y$'></p>",
          "$\\phi^2 + y$"),
    shown("Doxygen image", "<p>of <img class='formulaInl' alt='$O(n^2)$' src='form_1.png' width='9' height='9'/> steps</p>",
          "$O(n^2)$", text=("of $O(n^2)$ steps",)),
    shown("displayed Doxygen image", "<p class='formulaDsp'><img class='formulaDsp' alt='\\[ w = 3 \\]' src='form_2.png'/></p>",
          "$$w = 3$$"),
    shown("data-tex", "<p><span class='ztext-math' data-eeimg='1' data-tex='f_5'><span>f5</span></span></p>", "$f_5$", absent=("f5",)),
    shown("data-latex", "<p><span data-latex='f_6'></span></p>", "$f_6$"),
    shown("data-math", "<p><span class='inline-math' data-math='f_7'>f7</span></p>", "$f_7$", absent=("f7",)),
    shown("data-formula", "<div data-formula='f_8 = 1'></div>", "$$f_8 = 1$$"),
    shown("data-expr", "<p><span class='katex-lazy' data-expr='f_9'></span></p>", "$f_9$"),
)  # fmt: skip

# --- publishing systems -------------------------------------------------------------------

SYSTEMS = (
    shown("itex", "<p>As [itex]l_1[/itex] grows.</p>", "$l_1$", text=("As $l_1$ grows.",)),
    shown("tex", "<p>[tex]l_2 = 0[/tex]</p>", "$$l_2 = 0$$"),
    shown("math container", "<p>Is <span class='math-container'>$z_1 = 2$</span> so?</p>", "$z_1 = 2$",
          text=("Is $z_1 = 2$ so?",)),
    shown("displayed math container", "<span class='math-container'>$$z_1 = 2$$</span>", "$$z_1 = 2$$"),
    shown("ProofWiki", "<p>Let $\\struct {S, \\circ}$ be.</p>", "$\\struct {S, \\circ}$", head=TEX_SCRIPT),
    shown("ProofWiki's rows of an equation", "<table class='eqn'><tr><td>$\\ds x$</td><td>$=$</td><td>$\\ds y + 1$</td></tr></table>",
          "${\\displaystyle} x$", "$=$", "${\\displaystyle} y + 1$", head=(
          "<script>MathJax = {tex: {inlineMath: [['$','$']], macros: {ds: '{\\\\displaystyle}'}}}</script>")),
    shown("Discourse", "<p>It is <span class='math'>c_3</span> here.</p><div class='math'>\nc_4 = 1\n</div>", "$c_3$", "$$c_4 = 1$$"),
    shown("DokuWiki", "<p><img src='/lib/plugins/latex/cache/a.png' class='latex_inline' alt='$d_1$'/></p>", "$d_1$"),
    shown("PreTeXt", "<p>Now <span class='process-math'>\\(x_8\\)</span>, so</p><div class='displaymath process-math' id='m'>"
          "\\begin{equation}x_8 = 1\\tag{4.2}\\end{equation}</div>", "$x_8$",
          "$$\\begin{equation}x_8 = 1\\tag{4.2}\\end{equation}$$"),
    shown("Sphinx", "<p>of <span class='math notranslate nohighlight'>\\(x_7\\)</span> here</p>", "$x_7$"),
    shown("displayed Sphinx with its number", "<div class='math notranslate nohighlight' id='equation-e'><span class='eqno'>(31)"
          "<a class='headerlink' href='#equation-e' title='Link to this equation'>#</a></span>\\[x_7 = 2\\]</div>",
          "$$x_7 = 2$$", text=("(31)",), absent=("#",)),
    shown("pandoc with MathJax", "<p><span class='math inline'>\\(x_6\\)</span> and <span class='math display'>\\[x_6 = 2\\]"
          "</span></p>", "$x_6$", "$$x_6 = 2$$"),
    shown("arithmatex", "<p><span class='arithmatex'>\\(x_5\\)</span></p><div class='arithmatex'>\\[x_5 = 2\\]</div>", "$x_5$",
          "$$x_5 = 2$$"),
    shown("kramdown code", "<p>Now <code class='math inline'>x_4</code>.</p>", "$x_4$"),
    shown("Jupyter", "<div class='cell text_cell rendered'><div class='text_cell_render rendered_html'><h3 id='R'>Rate<a "
          "class='anchor-link' href='#R'>&#182;</a></h3><p>Let $x_3$ be</p>$$x_3 = \\frac{1}{3}$$</div></div>", "$x_3$",
          "$$x_3 = \\frac{1}{3}$$", text=("### Rate\n",), absent=("¶",), head=TEX_SCRIPT),
    shown("Doxygen with MathJax", "<p>of \\(O(n)\\) steps <p class='formulaDsp'>\\[ w = 4 \\]</p>", "$O(n)$", "$$w = 4$$",
          head=MATHJAX_2),
    shown("TeX4ht with MathJax", "<p><span class='mathjax-inline'>\\(y_1\\)</span></p><div class='mathjax-env mathjax-equation'>"
          "\\begin{equation} y_1 = 1 \\end{equation}</div>", "$y_1$", "$$\\begin{equation} y_1 = 1 \\end{equation}$$"),
    shown("Distill", "<p><d-math>y_2</d-math></p><d-math block>y_2 = 1</d-math>", "$y_2$", "$$y_2 = 1$$"),
    shown("pandoc without a renderer", "<p><span class='math inline'><em>e</em><sup><em>x</em></sup></span></p>", "$e^{x}$"),
    shown("jsMath", "<p>as <span class='math'>j_1</span> so</p><div class='math'>j_2 = 1</div>", "$j_1$", "$$j_2 = 1$$",
          head="<script src='/jsMath/easy/load.js'></script>"),
    shown("GitHub", "<p>as <math-renderer class='js-inline-math'>$g_4$</math-renderer> so</p>", "$g_4$"),
)  # fmt: skip

# --- AsciiMath and macros -----------------------------------------------------------------

ASCIIMATH = (
    shown("AsciiMath script", "<p>Let <script type='math/asciimath'>a/b + sqrt(x)</script> be</p>",
          "$\\frac{a}{b}+\\sqrt{x}$", text=("Let $\\frac{a}{b}+\\sqrt{x}$ be",)),
    shown("AsciiMath script beside its output", "<p><span class='MathJax' data-mathml='<math><mi>x</mi></math>'>x</span>"
          "<script type='math/asciimath'>x_1</script></p>", "$x_1$"),
    shown("AsciiMath in backticks", "<p>Let `sum_(i=1)^n i^3` be.</p>", "$\\sum_{i=1}^ni^3$", head=ASCIIMATH_AND_TEX,
          text=("Let $\\sum_{i=1}^ni^3$ be.",)),
    shown("AsciiMath beside TeX", "<p>Let `x^2 >= 0` and \\(y\\) be.</p>", "$x^2\\ge0$", "$y$", head=ASCIIMATH_AND_TEX),
    shown("mathjax element", "<p>Let <mathjax>#(x-1)/(x+2)#</mathjax> be</p>", "$\\frac{x-1}{x+2}$"),
)  # fmt: skip

MACROS = (
    shown("newcommand in the text", "<p>\\(\\newcommand{\\R}{\\mathbb{R}}\\)</p><p>Let \\(x \\in \\R\\).</p>",
          "$x \\in \\mathbb{R}$", head=MATHJAX_3, absent=("newcommand",)),
    shown("newcommand with an argument", "<p>\\(\\newcommand{\\norm}[1]{\\left\\| #1 \\right\\|}\\)</p><p>Let \\(\\norm{v} = 1\\).</p>",
          "$\\left\\| v \\right\\| = 1$", head=MATHJAX_3),
    shown("def in the text", "<p>\\(\\def\\e{\\varepsilon}\\)</p><p>Let \\(\\e > 0\\).</p>", "$\\varepsilon > 0$", head=MATHJAX_3),
    shown("operator declared in the text", "<p>\\(\\DeclareMathOperator{\\rk}{rk}\\)</p><p>Let \\(\\rk A\\).</p>",
          "$\\operatorname{rk} A$", head=MATHJAX_3),
    shown("macros of MathJax 3", "<p>Let $x \\in \\R$ and $\\abs{x}$.</p>", "$x \\in {\\mathbb{R}}$", "${\\left|x\\right|}$", head=(
        "<script>MathJax = {tex: {inlineMath: [['$','$']], macros: {R: '{\\\\mathbb{R}}', "
        "abs: ['{\\\\left|#1\\\\right|}', 1]}}}</script>")),
    shown("macros of MathJax 2", "<p>Let $x \\in \\R$.</p>", "$x \\in {\\mathbb{R}}$", head=(
        "<script type='text/x-mathjax-config'>MathJax.Hub.Config({TeX: {Macros: {R: '{\\\\mathbb{R}}'}}, "
        "tex2jax: {inlineMath: [['$','$']]}});</script>")),
    shown("macros of KaTeX", "<p>Let $x \\in \\RR$.</p>", "$x \\in \\mathbb{R}$", head=(
        "<script>renderMathInElement(document.body, {delimiters: [{left: '$', right: '$', display: false}], "
        "macros: {'\\\\RR': '\\\\mathbb{R}'}})</script>")),
    shown("a macro that calls itself", "<p>\\(\\def\\a{\\a b}\\)</p><p>Let \\(\\a\\).</p>", "$\\a$", head=MATHJAX_3),
    shown("label", "<p>\\begin{equation}\\label{eq:a} a=b \\end{equation}</p>", "$$\\begin{equation} a=b \\end{equation}$$",
          head=MATHJAX_3),
)  # fmt: skip

# --- formulas in HTML's own elements ------------------------------------------------------

IN_HTML = (
    shown("power", "<p>So <i>x</i><sup>2</sup> + 1 grows.</p>", "$x^{2}$", text=("So $x^{2}$ + 1 grows.",)),
    shown("index of several characters", "<p>So <i>a</i><sub>n+1</sub> grows.</p>", "$a_{n+1}$"),
    shown("both scripts", "<p>So <em>c</em><sub>1</sub><sup>2</sup> = 4 grows.</p>", "$c_{1}^{2}$"),
    shown("sum of powers", "<p>Thus <i>q</i><sup>7</sup> + <i>k</i><sup>3</sup> holds.</p>", "$q^{7}$", "$k^{3}$",
          text=("Thus $q^{7}$ + $k^{3}$ holds.",)),
    shown("TeX4ht", "<p>As <span class='cmmi-10'>x</span><sup><span class='cmr-7'>2</span></sup> grows.</p>", "$x^{2}$"),
    shown("Hevea", "<p>As <span style='font-style:italic'>x</span><sub>3</sub> grows.</p>", "$x_{3}$"),
    shown("variable", "<p>Thus <var>v</var><sub>0</sub> holds.</p>", "$v_{0}$"),
)  # fmt: skip

FIXTURES = (*MATHJAX, *IN_TEXT, *MARKED_UP, *IMAGES, *SYSTEMS, *ASCIIMATH, *MACROS, *IN_HTML)

# --- pages without TeX: no mathematics, or readable as it stands ----------------------------

NEGATIVES = (
    shown("prices", "<p>It is $5 or $10, and $20–$30 for two.</p>", text=("It is \\$5 or \\$10, and \\$20–\\$30 for two.",)),
    shown("prices beside MathJax", "<p>It is $5 or $10 a head.</p>", head=MATHJAX_3, text=("It is \\$5 or \\$10 a head.",)),
    shown("prices on a page that renders dollars", "<p>It is $5 today and $10 tomorrow.</p>", head=TEX_SCRIPT,
          text=("It is \\$5 today and \\$10 tomorrow.",)),
    shown("millions", "<p>From $1.2M to $3.4bn, or US$7 and A$8.</p>"),
    shown("shell variables", "<p>Set $HOME and $PATH, then run $cmd_a or ${x}.</p>"),
    shown("shell session", "<pre>$ cd /tmp\n$ echo $((1+2)) $?\n</pre>", text=("```\n$ cd /tmp\n$ echo $((1+2)) $?\n```",)),
    shown("PHP variables", "<p>Here $a_b and $c_d are variables; $this->x is a field.</p>"),
    shown("Perl", "<p>Both $_ and $1 are set, as is @{$list}.</p>"),
    shown("template literals", "<p>It prints ${name} and ${total} in place.</p>"),
    shown("spreadsheet cells", "<p>Refer to $A$1 and $B$2, or A$3.</p>"),
    shown("jQuery", "<p>Call $('#a') or $.get before $(document).ready.</p>"),
    shown("code", "<pre>echo $x^2$ \\(a\\)</pre><p><code>$y$</code> and <tt>\\(z\\)</tt></p>", head=TEX_SCRIPT,
          text=("`$y$` and `\\(z\\)`",)),
    shown("scripts and styles", "<script>var a = '$x^2$'; f('\\\\(b\\\\)');</script><style>.a:after{content:'$x$'}</style><p>Plain.</p>",
          head=TEX_SCRIPT, absent=("var a", "content")),
    shown("regular expressions", "<p>The pattern (foo\\(bar\\)) matches a group, and \\[a-z\\] a class.</p>"),
    shown("paths", "<p>Write C:\\new\\begin and \\\\server\\share.</p>", text=("C:\\new\\begin",)),
    shown("escaped dollars", "<p>It costs \\$3 or \\$4 today.</p>", head=TEX_SCRIPT),
    shown("ordinals", "<p>The 1<sup>st</sup>, 2<sup>nd</sup> and 21<sup>st</sup> day.</p>", text=("The 1st, 2nd and 21st day.",)),
    shown("notes", "<p>As was said.<sup><a href='#n3'>3</a></sup> Next.</p>"),
    shown("emails", "<p>Write to a_b@example.org or x^y@example.org now.</p>", text=("a_b@example.org",)),
    shown("snake case", "<p>Use max_len_chars and __init__ with {key: value}.</p>", text=("max_len_chars and __init__",)),
    shown("bulletin board", "<p>[b]bold[/b] and [1] and [note] here</p>"),
    shown("trade marks", "<p>Acme<sup>®</sup> and Widget<sup>TM</sup> sell.</p>"),
    shown("backticks", "<p>Call `sum_(i=1)` and `x^2` from Markdown.</p>", text=("`x^2`",)),
    shown("Windows variables", "<p>Set %PATH% and $env:PATH, $PROFILE too.</p>"),
    shown("powers of ten", "<p>About 10<sup>5</sup> of them on 3 m<sup>2</sup>.</p>", text=("About 10⁵ of them on 3 m².",)),
    shown("chemistry", "<p>Both H<sub>2</sub>O and SO<sub>4</sub><sup>2−</sup> occur.</p>", text=("Both H₂O and SO₄²⁻ occur.",)),
    shown("symbols", "<p>Thus ∀x∈ℝ: x² ≥ 0 and √2 &gt; 1.</p>", text=("Thus ∀x∈ℝ: x² ≥ 0 and √2 > 1.",)),
)  # fmt: skip
