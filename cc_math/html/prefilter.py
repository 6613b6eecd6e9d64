"""How much real formula mark-up a page's bytes hold: one scan, before any parse.

Counts marks of formulas that stand in the page, not of a renderer that is merely included
(MathJax.js is in the template of many blogs without a formula). Pages with marks pass the
first selection whatever their words say, and marks let extraction skip work, so the
patterns are those of :mod:`cc_math.html.formulas`; false marks cost time, missing ones cost
nothing but that second chance. google-re2 finds all of them in one pass, linear in the
bytes.
"""

from __future__ import annotations

import re2

_PATTERNS = (
    # MathJax 2's sources and output of the other versions
    rb"""<script[^>]{1,60}math/(?:tex|mml|asciimath)""",
    rb"""<mjx-container""",
    rb"""data-mathml=""",
    # KaTeX and MathML
    rb"""class=["']?katex["' ]""",
    rb"""<(?:[a-zA-Z]{1,8}:)?math[ >]""",
    # images and attributes that carry TeX
    rb"""mwe-math-(?:element|fallback-image|mathml)""",
    rb"""latex\.php\?""",
    rb"""(?:codecogs\.com/(?:gif|png|svg|eqn)|/mimetex\.cgi\?|/mathtex\.cgi\?|quicklatex-cache)""",
    rb"""zhihu\.com/equation\?""",
    rb"""data-(?:tex|latex|equation-content|formula|expr|math)=["'][^"']""",
    rb"""class=["']?(?:math-container|arithmatex|ztext-math|MathJye|formulaInl|formulaDsp)""",
    rb"""class=["']?(?:math|math inline|math display|math notranslate nohighlight)["' ]""",
    rb"""<img[^>]{0,200}alt=["']\s*(?:\$|\\\[|\\\(|\\displaystyle)""",
    rb"""\[(?:tex|itex)\]|<(?:itex|tex|d-math|mathjax)[ >]""",
    # TeX between delimiters in the text
    rb"""\\begin\{(?:equation|align|gather|eqnarray|multline|aligned|cases|[bpvBV]?matrix)\*?\}""",
    rb"""\\\([^()"'\n]{0,40}?[\\^_=A-Za-z0-9][^"\n]{0,200}?\\\)""",
    rb"""\\\[[^"\n\]]{0,60}?\\[a-zA-Z]{2}""",
    rb"""\$[^$\n"'<>;]{0,80}?\\[a-zA-Z]{2,12}[^$\n"'<>;]{0,200}?\$""",
    rb"""\$[A-Za-z0-9]{1,3}[_^]\{?[A-Za-z0-9+\-]{1,4}\}?[^$\n"'<>;]{0,60}?\$""",
)
_OPTIONS = re2.Options()
_OPTIONS.encoding = re2.Options.Encoding.LATIN1
_OPTIONS.log_errors = False
_MARKS = re2.compile(rb"|".join(_PATTERNS), _OPTIONS)

MAX_MARKS = 10_000
"""Counting stops here: more says nothing new, and the scan stays short."""


def formula_marks(payload: bytes) -> int:
    """Number of formula marks in a page's bytes, at most :data:`MAX_MARKS`."""
    count = 0
    for _ in _MARKS.finditer(payload):
        count += 1
        if count >= MAX_MARKS:
            break
    return count
