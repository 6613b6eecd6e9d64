"""How sites publish a formula: one function of (tex, display) per representation.

Written after the mark-up that the named programs emit (MathJax 2 and 3, KaTeX, LaTeXML,
MediaWiki, WordPress, CodeCogs, Sphinx, pandoc, Stack Exchange, GitHub); shortened where
the original adds hundreds of elements of layout that carry nothing.
"""

from __future__ import annotations

import hashlib
import html
from collections.abc import Callable
from urllib.parse import quote

from . import tex as texlib

MATHML_NS = "http://www.w3.org/1998/Math/MathML"
Writer = Callable[[str, bool], str]


def _tree(tex: str, display: bool) -> str:
    inner = texlib.mathml(texlib.parse(tex), display=display)
    return inner if inner.startswith("<mrow>") else f"<mrow>{inner}</mrow>"


def _math(tex: str, display: bool, annotation: str | None, attributes: str = "") -> str:
    block = ' display="block"' if display else ""
    body = _tree(tex, display)
    if annotation is not None:
        note = html.escape(annotation, quote=False)
        body = (
            f"<semantics>{body}"
            f'<annotation encoding="application/x-tex">{note}</annotation></semantics>'
        )
    return f'<math xmlns="{MATHML_NS}"{block}{attributes}>{body}</math>'


def dollar(tex: str, display: bool) -> str:
    """TeX between dollar signs, for a script in the reader's browser."""
    mark = "$$" if display else "$"
    return f"{mark}{html.escape(tex, quote=False)}{mark}"


def parenthesis(tex: str, display: bool) -> str:
    r"""TeX between \( \) and \[ \]."""
    left, right = (r"\[", r"\]") if display else (r"\(", r"\)")
    return f"{left}{html.escape(tex, quote=False)}{right}"


def environment(tex: str, display: bool) -> str:
    """Displays as bare equation environments, in-line formulas in parentheses."""
    if not display:
        return parenthesis(tex, display)
    return "\\begin{equation}" + html.escape(tex, quote=False) + "\\end{equation}"


def mathjax2(tex: str, display: bool) -> str:
    """kramdown's and MathJax 2's <script type="math/tex">."""
    mode = "; mode=display" if display else ""
    return f'<script type="math/tex{mode}">{tex}</script>'


def mathjax2_rendered(tex: str, display: bool) -> str:
    """What MathJax 2 leaves in a saved page: preview, HTML-CSS output, source script."""
    key = hashlib.sha1(tex.encode()).hexdigest()[:4]
    seen = "".join(
        f'<span class="mi" style="font-family: MathJax_Math-italic;">{html.escape(c)}</span>'
        for c in tex
        if c.isalnum()
    )
    mode = "; mode=display" if display else ""
    return (
        '<span class="MathJax_Preview" style="color: inherit;"></span>'
        f'<span class="MathJax" id="MathJax-Element-{key}-Frame" tabindex="0" '
        f'style="position: relative;"><nobr aria-hidden="true"><span class="math">{seen}</span>'
        f'</nobr><span class="MJX_Assistive_MathML" role="presentation">{_math(tex, display, None)}'
        f'</span></span><script type="math/tex{mode}" id="MathJax-Element-{key}">{tex}</script>'
    )


def mathjax3(tex: str, display: bool) -> str:
    """MathJax 3's CommonHTML output with assistive MathML; the TeX itself is gone."""
    glyphs = "".join(
        f'<mjx-mi class="mjx-i"><mjx-c class="mjx-c{ord(c):X} TEX-I"></mjx-c></mjx-mi>'
        for c in tex
        if c.isalnum()
    )
    wide = ' display="true"' if display else ""
    shape = "block" if display else "inline"
    return (
        f'<mjx-container class="MathJax CtxtMenu_Attached_0" jax="CHTML"{wide} tabindex="0">'
        f'<mjx-math class="MJX-TEX" aria-hidden="true">{glyphs}</mjx-math>'
        f'<mjx-assistive-mml unselectable="on" display="{shape}">{_math(tex, display, None)}'
        "</mjx-assistive-mml></mjx-container>"
    )


def katex(tex: str, display: bool) -> str:
    """KaTeX rendered on the server: MathML with the source, then layout for the eye."""
    seen = "".join(
        f'<span class="mord mathnormal">{html.escape(c)}</span>' for c in tex if c.isalnum()
    )
    inner = (
        f'<span class="katex"><span class="katex-mathml">{_math(tex, display, tex)}</span>'
        '<span class="katex-html" aria-hidden="true"><span class="base"><span class="strut" '
        f'style="height:0.8141em;"></span>{seen}</span></span></span>'
    )
    return f'<span class="katex-display">{inner}</span>' if display else inner


def mathml_annotated(tex: str, display: bool) -> str:
    """MathML with the TeX in an annotation."""
    return _math(tex, display, tex)


def mathml_alttext(tex: str, display: bool) -> str:
    """MathML with the TeX in its alttext attribute only."""
    return _math(tex, display, None, f' alttext="{html.escape(tex)}"')


def mathml_bare(tex: str, display: bool) -> str:
    """MathML and nothing else: the TeX must be rebuilt from the tree."""
    return _math(tex, display, None)


def mathml_prefixed(tex: str, display: bool) -> str:
    """MathML with the mml: prefix, as journal platforms emit it."""
    inner = texlib.mathml(texlib.parse(tex), "mml:", display)
    block = ' display="block"' if display else ""
    return f'<mml:math xmlns:mml="{MATHML_NS}"{block}><mml:mrow>{inner}</mml:mrow></mml:math>'


def latexml(tex: str, display: bool) -> str:
    """LaTeXML, as the HTML editions of preprints have it."""
    key = hashlib.sha1(tex.encode()).hexdigest()[:4]
    attributes = f' id="S1.p1.m{key}" class="ltx_Math" alttext="{html.escape(tex)}"'
    math = _math(tex, display, tex, attributes)
    if not display:
        return math
    return (
        f'<table id="S1.E{key}" class="ltx_equation ltx_eqn_table"><tbody><tr class="ltx_eqn_row">'
        '<td class="ltx_eqn_cell ltx_eqn_center_padleft"></td>'
        f'<td class="ltx_eqn_cell ltx_align_center">{math}</td>'
        '<td class="ltx_eqn_cell ltx_eqn_center_padright"></td></tr></tbody></table>'
    )


def mediawiki(tex: str, display: bool) -> str:
    """MediaWiki: hidden MathML, then an image whose alt text is the TeX."""
    source = "{\\displaystyle " + tex + "}"
    kind = "display" if display else "inline"
    key = hashlib.sha1(tex.encode()).hexdigest()
    shape = f'class="mwe-math-mathml-{kind} mwe-math-mathml-a11y" style="display: none;"'
    return (
        f'<span class="mwe-math-element"><span {shape}>{_math(tex, display, source)}</span>'
        f'<img src="https://media.example/api/rest_v1/media/math/render/svg/{key}" '
        f'class="mwe-math-fallback-image-{kind}" aria-hidden="true" '
        f'style="vertical-align: -0.838ex;" alt="{html.escape(source)}"/></span>'
    )


def wordpress(tex: str, display: bool) -> str:
    """WordPress.com's latex.php images."""
    source = ("\\displaystyle " if display else "") + tex
    alt = html.escape(source)
    return (
        f'<img src="https://s0.wp.com/latex.php?latex={quote(source)}&#038;bg=ffffff&#038;'
        f'fg=333333&#038;s=0" alt="{alt}" title="{alt}" class="latex" />'
    )


def codecogs(tex: str, display: bool) -> str:
    """Images from CodeCogs' equation server; half of the pages have no alt text at all."""
    note = f' title="{html.escape(tex)}"' if display else ""
    return f'<img src="https://latex.codecogs.com/gif.latex?{quote(tex)}"{note} border="0"/>'


def math_container(tex: str, display: bool) -> str:
    """Stack Exchange's span around dollar signs."""
    return f'<span class="math-container">{dollar(tex, display)}</span>'


def sphinx(tex: str, display: bool) -> str:
    """Sphinx's math role and directive."""
    tag = "div" if display else "span"
    inner = parenthesis(tex, display)
    return f'<{tag} class="math notranslate nohighlight">{inner}</{tag}>'


def pandoc(tex: str, display: bool) -> str:
    """pandoc --mathjax."""
    kind = "display" if display else "inline"
    return f'<span class="math {kind}">{parenthesis(tex, display)}</span>'


def github(tex: str, display: bool) -> str:
    """GitHub's rendered Markdown."""
    kind = "display" if display else "inline"
    return f'<math-renderer class="js-{kind}-math">{dollar(tex, display)}</math-renderer>'


def sub_sup(tex: str, display: bool) -> str:
    """Plain HTML: italics, <sup> and <sub>."""
    inner = texlib.sub_sup(texlib.parse(tex)).strip()
    return f'<blockquote class="eq">{inner}</blockquote>' if display else inner


def ascii_math(tex: str, display: bool) -> str:
    """AsciiMath between back-ticks."""
    inner = html.escape(texlib.ascii_math(texlib.parse(tex)), quote=False)
    return f"<div>`{inner}`</div>" if display else f"`{inner}`"


_CONFIG_2 = (
    '<script type="text/x-mathjax-config">MathJax.Hub.Config({tex2jax: '
    "{inlineMath: [['$','$'], ['\\\\(','\\\\)']], processEscapes: true}});</script>\n"
    '<script src="https://cdn.example/mathjax/2.7.9/MathJax.js?config=TeX-AMS_CHTML"></script>'
)
_CONFIG_3 = (
    "<script>MathJax = {tex: {inlineMath: [['\\\\(', '\\\\)']], tags: 'ams'}};</script>\n"
    '<script async src="https://cdn.example/npm/mathjax@3/es5/tex-chtml.js"></script>'
)
_KATEX = (
    '<link rel="stylesheet" href="https://cdn.example/npm/katex@0.16.9/dist/katex.min.css">\n'
    '<script defer src="https://cdn.example/npm/katex@0.16.9/dist/contrib/auto-render.min.js" '
    'onload="renderMathInElement(document.body);"></script>'
)
_ASCII = '<script src="https://cdn.example/mathjax/2.7.9/MathJax.js?config=AM_CHTML"></script>'
_KATEX_STYLE = '<link rel="stylesheet" href="/assets/katex.min.css">'

# Name in the sources -> (writer of one formula, what the page's head loads for it).
REPRESENTATIONS: dict[str, tuple[Writer, str]] = {
    "dollar": (dollar, _CONFIG_2),
    "dollar_no_script": (dollar, ""),
    "parenthesis": (parenthesis, _CONFIG_3),
    "parenthesis_katex": (parenthesis, _KATEX),
    "environment": (environment, _CONFIG_3),
    "mathjax2": (mathjax2, _CONFIG_2),
    "mathjax2_rendered": (mathjax2_rendered, _CONFIG_2),
    "mathjax3": (mathjax3, _CONFIG_3),
    "katex": (katex, _KATEX_STYLE),
    "mathml_annotated": (mathml_annotated, ""),
    "mathml_alttext": (mathml_alttext, ""),
    "mathml_bare": (mathml_bare, ""),
    "mathml_prefixed": (mathml_prefixed, ""),
    "latexml": (latexml, '<link rel="stylesheet" href="/assets/ltx-article.css">'),
    "mediawiki": (mediawiki, '<meta name="generator" content="MediaWiki 1.43.0">'),
    "wordpress": (wordpress, '<meta name="generator" content="WordPress 6.7" />'),
    "codecogs": (codecogs, ""),
    "math_container": (math_container, _CONFIG_2),
    "sphinx": (sphinx, _CONFIG_3),
    "pandoc": (pandoc, _CONFIG_3),
    "github": (github, ""),
    "sub_sup": (sub_sup, ""),
    "ascii_math": (ascii_math, _ASCII),
}
