"""What a page's bytes hold, before any parse: marks of formulas, and literals that rules need.

``formula_marks`` counts marks of formulas that stand in the page, not of a renderer that is
merely included (MathJax.js is in the template of many blogs without a formula). Pages with
marks pass the first selection whatever their words say. A false mark costs the time of one
extraction, a missing one costs nothing but that second chance.

``literals_in`` says which of a fixed list of strings occur, so that extraction runs only
the selectors that can match. Both are one pass of google-re2, linear in the bytes: its
pattern set costs a tenth of a millisecond a page, forty ``in`` tests cost one.
"""

from __future__ import annotations

import re2

_PATTERNS = (
    # MathJax's sources and output
    rb"""type=["']?math/(?:tex|mml|asciimath)""",
    rb"""<mjx-container""",
    rb"""data-mathml=""",
    # KaTeX and MathML
    rb"""class=["']?katex["' ]""",
    rb"""<(?:m|mml|math|ns\d):math[ >]""",
    rb"""<math[ >]""",
    # images and attributes that carry TeX
    rb"""mwe-math-(?:element|fallback-image|mathml)""",
    rb"""latex\.php\?""",
    rb"""codecogs\.com/(?:gif|png|svg|eqn)|/(?:mime|math)tex\.cgi\?|quicklatex-cache""",
    rb"""\.com/equation\?tex=""",
    rb"""data-(?:tex|latex|equation-content|formula|expr)=["'][^"']""",
    rb"""class=["']?(?:math-container|arithmatex|ztext-math|formulaInl|formulaDsp)""",
    rb"""class=["']?math(?: inline| display| notranslate nohighlight)?["' ]""",
    rb"""alt=["'] ?(?:\$[^"']|\\\[|\\\(|\\displaystyle|\\[a-z]+[{_^ ])""",
    rb"""\[/(?:tex|itex)\]|<(?:itex|tex|d-math|dt-math|mathjax)[ >]""",
    # TeX in the text
    rb"""\\begin\{(?:equation|align|gather|eqnarray|multline|aligned|cases|[bpvBV]?matrix)\*?\}""",
    rb"""\\\((?:[A-Za-z0-9][=<>+\-_^,\\]|[A-Za-z0-9] ?\\\)|\\[a-zA-Z]{2})""",
    rb"""\\\[ ?(?:[A-Za-z0-9(]+ ?[=<>+_^]|\\[a-zA-Z]{2})""",
    rb"""[^\\A-Za-z](?:\\|\$|\{|\}|\d|_|\^)\\?\\(?:frac|dfrac|sqrt|sum|int|mathbb|mathcal|mathrm|alpha|beta|theta|lambda|infty|cdot|times|leq?|geq?|in|to|pi|sin|cos|log|ldots|left)[^A-Za-z]""",
    rb"""\$\\(?:frac|dfrac|sqrt|sum|int|math[a-z]+|alpha|beta|gamma|delta|theta|lambda|mu|sigma|omega|epsilon|phi|pi|Delta|infty|left|vec|hat|bar|overline|displaystyle|text)[^A-Za-z]""",
    rb"""\$[A-Za-z]\$|\$[A-Za-z0-9]{1,2}[_^](?:\{|[A-Za-z0-9][^A-Za-z0-9])""",
)
MAX_MARKS = 10_000
"""Counting stops here: more says nothing new, and the scan stays short."""

LITERALS = (
    "math/mml", "math/tex", "math/asciimath", "<mjx-container", "katex", "mwe-math-element",
    "data-mathml", "<math", ":math", "<itex", "<tex", "<mathjax",
    "data-equation-content", "data-tex", "data-latex", "data-math",
    "data-formula", "data-expr", "data-katex", "codecogs", "latex.php", "mimetex", "mathtex",
    "equation?tex=", "cht=tx", "equation_images/", "cgi-bin/math", "svg.latex", "<img",
    "math inline", "math display", "math", "latex", "tex", "<pre", "<code", "<tt", "<kbd",
    "<samp", "<table", "<ul", "<section", "<article", "dropdown", "hidden", "collaps",
    "expand", "toggle", "spoiler", "popup", "-like", "linenos", "gutter", "lineno",
    "line-numbers", "linenumber", "headerlink", "anchor",
    "mw-editsection", "copybtn", "clipboard-copy", "inlinemath", "displaymath", "mathjax", "texme",
    "delimiters", "rendermathinelement", "jsmath",
    "katex-html", "ltx_", "asciimath", "<sup", "<sub",
)  # fmt: skip
"""Lower-case; matched without regard to case."""


def _options(case_sensitive: bool) -> re2.Options:
    options = re2.Options()
    options.encoding = re2.Options.Encoding.LATIN1  # bytes as they are
    options.case_sensitive = case_sensitive
    options.log_errors = False
    return options


def _set(patterns: tuple[bytes | str, ...], options: re2.Options) -> re2.Set:
    compiled = re2.Set.SearchSet(options)
    for pattern in patterns:
        compiled.Add(pattern)
    compiled.Compile()
    return compiled


_MARK_SET = _set(_PATTERNS, _options(True))
_MARKS = [re2.compile(pattern, _options(True)) for pattern in _PATTERNS]
_CUSTOM_ELEMENT = rb"<[a-z]{1,12}-(?:math|tex|latex|katex|formula|equation)[\s>]"
CUSTOM_ELEMENT = "custom element"
"""Stands in the answer of :func:`literals_in` for an element like ``d-math``."""
_LITERAL_SET = _set(
    (*(re2.escape(literal) for literal in LITERALS), _CUSTOM_ELEMENT), _options(False)
)
_LITERAL_NAMES = (*LITERALS, CUSTOM_ELEMENT)


def formula_marks(payload: bytes) -> int:
    """Number of formula marks in a page's bytes, at most :data:`MAX_MARKS`."""
    count = 0
    for index in _MARK_SET.Match(payload) or ():
        for _ in _MARKS[index].finditer(payload):
            count += 1
            if count >= MAX_MARKS:
                return count
    return count


def literals_in(payload: bytes) -> frozenset[str]:
    """Which of :data:`LITERALS` occur in the bytes, in any case."""
    return frozenset(_LITERAL_NAMES[index] for index in _LITERAL_SET.Match(payload) or ())
