"""What a page's bytes hold, before any parse: marks of formulas, and literals that rules need.

``formula_marks`` counts marks of formulas that stand in the page, not of a renderer that is
merely included (MathJax.js is in the template of many blogs without a formula). Pages with
marks pass the first selection whatever their words say. A false mark costs the time of one
extraction, a missing one costs nothing but that second chance.

``find_hints`` finds in one pass which of a fixed list of hints occur, so that extraction
runs only the selectors that can match: a selector walks the whole tree, a fifth of a
millisecond, while one more pattern in google-re2's set costs nothing (a set is one automaton;
its pass takes a tenth of a millisecond a page, linear in the bytes). Only pages that pass the
first selection are asked for hints.
"""

from __future__ import annotations

import re2

_PATTERNS = (
    # MathJax's sources and output
    rb"""type=["']?math/(?:tex|katex|mml|asciimath)""",
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
    rb"""class=["']?(?:wp-katex-eq|language-math|code math js-render-math)["' ]|data-math-style=""",
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


def _class_name(names: str) -> str:
    """A ``class`` attribute that holds one of the names (quoted or not)."""
    return rf"""class\s*=\s*(?:"(?:[^"]*\s)?|'(?:[^']*\s)?)?(?:{names})["'\s>]"""


_VALUE_START = r"""\s*=\s*(?:"[^"]*|'[^']*|[^\s"'>]*)"""
_SUSPECT_SECTION = (
    r"""<(?:section|article)\s(?:[^<>]*\s)?id\s*=\s*["']?[^"'\s<>]*(?:relat|recommend|popular|featur|trend|nav|menu|foot|"""
    r"head|right|search|side|shar|social|comment|logo|ad|banner|next|prev|print|links?|meta|info|"
    r"tag|label|feedback|reply|modal)"
)
"""An ``id`` that Resiliparse may take for furniture; the words of ``content``'s own pattern."""
FOLDED_WORDS = ("dropdown", "hidden", "collaps", "expand", "popup")
_LITERALS = (
    "<mjx-container", "mwe-math-element", "data-mathml",
    "codecogs", "latex.php", "mimetex", "mathtex", "equation?tex=", "cht=tx", "equation_images/",
    "cgi-bin/math", "svg.latex", "/math?math=", "math inline", "math display", "<section",
    "<article", "<svg", "mathjax", "katex", "texme", "jsmath",
)  # fmt: skip
_HINTS: dict[str, str] = {
    **{literal: re2.escape(literal) for literal in _LITERALS},
    **{f"<{tag}": rf"<{tag}[\s>/]" for tag in
       ("math", "pre", "code", "tt", "kbd", "samp", "table", "ul", "sup", "sub", "base",
        "blockquote", "dd")},
    # formulas
    "script of MathML": r"""type\s*=\s*["']?math/mml""",
    "script of TeX": r"""type\s*=\s*["']?math/tex""",
    "script of KaTeX": r"""type\s*=\s*["']?math/katex""",
    "output of MathJax 2": (
        r"""mathjax[_"'\s>]|mjxc-display|mjx-chtml|assistive_mathml|math-fallback"""
    ),
    "prefixed math": r"<[a-z]{1,8}:math[\s>]",
    "custom element": (
        r"<(?:[a-z]{1,12}-(?:math|tex|latex|katex|formula|equation)|itex|tex|mathjax"
        r"|(?:math|latex|katex|tex)-(?:inline|display|block|span|field|formula|jax|renderer))[\s>]"
    ),
    "class katex": _class_name("katex"),
    "class of TeX": _class_name(
        "math|latex|tex|math-container|arithmatex|math-inline|math-display|mathjax|katex-inline"
    ),
    "class of a renderer": (
        _class_name("wp-katex-eq|js-render-math|language-math") + r"|data-math-style[\s=>/]"
    ),
    "bar of Hevea": _class_name("hbar"),
    "data attribute": (
        r"data-(?:equation-content|tex|latex|math|formula|expr|katex|mathjax|asciimath-latex|equation"
        r"|latex-source|tex-source|original-latex)"
        r"[\s=>/]"
    ),
    "image of TeX": (
        r"""<img(?:[^<>"']|"[^"]*"|'[^']*')*\s(?:class""" + _VALUE_START
        + r"""(?:formula|math|equation|tex)|alt\s*=\s*["']?[$\\&%])"""
    ),
    "image in a class of TeX": (
        r"""class\s*=\s*["']?math["'\s>][^<]*(?:<p[\s>][^<]*)?"""
        r"""(?:<span\s[^<]*eqno[^<]*(?:<a\s[^<]*</a>[^<]*)?</span>[^<]*)?<img\s"""
    ),
    "TeX in a path": (
        r"""/(?:svg|png|gif|tex|latex|formula)/[^"'<>\s?]*%(?:5c|5e|7b)"""
    ),
    "pairs of MathJax": r"""(?:inline|display)math["']?\s*:""",
    "data-latex of MathJax": r"<(?:mjx-math|g|svg)\s[^<>]*data-latex",
    "script of AsciiMath": r"""type\s*=\s*["']?math/asciimath""",
    "asciimath by name": (
        r"""asciimath2jax|asciimathml|asciimath\.js|[?&]config=am_|asciimath["']?\s*:\s*\{"""
    ),
    "asciimath": (
        r"""asciimath(?:2jax|ml|\.js|-chtml|-svg|["']?\s*:\s*\{)|input/asciimath"""
        r"|[?&]config=(?:[\w-]*-)?am_"
    ),
    "macros of renderer": r"""macros["']?\s*:\s*\{""",
    "definition of macro": (
        r"\\(?:newcommand|renewcommand|providecommand|declaremathoperator|[gex]?def|let)[^a-z]"
    ),
    "classes of renderer": r"""(?:ignore|process)(?:html)?class["']?\s*:""",
    "ignored classes": "ignoredclasses",
    "tags of renderer": r"""(?:skip(?:html)?|ignored)tags["']?\s*:""",
    "class ignored by renderer": "class" + _VALUE_START + "(?:tex2jax|mathjax)_ignore",
    "code processed by renderer": (
        r"<(?:pre|code)\s[^<>]*class" + _VALUE_START + "(?:tex2jax|mathjax)_process"
    ),
    "process environments": "processenvironments",
    "delimiters": "delimiters|rendermathinelement",
    "pairs of KaTeX": r"""left["']?\s*:\s*["']""",
    # content
    "class of gutters": _class_name(
        "linenos|gutter|lineno|line-numbers-rows|linenumber|headerlink|anchor-link|anchorjs-link|"
        "mw-editsection|copybtn|clipboard-copy|header-anchor"
    ),
    "link into the page": r"""href\s*=\s*["']?#""",
    "anchor sign": (
        r"""href\s*=\s*["']?#[^<>]*>(?:[^<A-Za-z0-9]|&[a-z]+;|&#x?[0-9a-f]+;){0,20}</a"""
    ),
    "suspect section": _SUSPECT_SECTION,
    "class section": _class_name("section"),
    **{f"class* {word}": "class" + _VALUE_START + word for word in FOLDED_WORDS},
    "class$ -like": r"""-like["'\s>]""",
    "aria-expanded": r"""aria-expanded\s*=\s*["']?false""",
    "thread": r"""schema\.org/Question|crawler-post|id\s*=\s*["']?question["'\s>]""",
    "steps between pages": (
        r"""navheader|navfooter|ptx-content-footer|(?:previous|next|top)-button|"""
        r"""<a\s[^<>]*rel\s*=\s*["']?(?:[a-z]+\s)?(?:prev|next)"""
    ),
    "comments": (
        r"""id\s*=\s*["']?(?:respond|commentform|comments)["'\s>]|"""
        + _class_name("comment-respond|comments-area|commentlist|comment-list")
    ),
    "notes of LaTeXML": r"ltx_note",
    "unseen words": _class_name("screen-reader-only|sr-only|visually-hidden|screen-reader-text"),
    "class para": _class_name("para"),
    "source of a listing": "ltx_listing_data",
    "class share": _class_name("share|sharing|social|follow|feedback|print"),
    # the page itself
    "robots": r"""name\s*=\s*["']?(?:robots|googlebot|ccbot|tdm-reservation)""",
    "closed anchor": r"""<a\s[^<>]*["'\s]/>""",
    "private use": r"\xee\x80[\x80-\x83]",
    "lone character": (
        r">[ \n]?(?:[\xe0-\xef][\x80-\xbf][\x80-\xbf]|[!-~][\xc2-\xdf][\x80-\xbf])[ \n]?<"
    ),
}  # fmt: skip
"""Name and pattern of what extraction asks for, matched without regard to case. A hint may be
there for nothing (in a script, in a comment); it is never missing where a rule would match."""


_MAX_AUTOMATON_BYTES = 64 << 20  # at the default of 8 MiB states are thrown away and made again


def _options(case_sensitive: bool) -> re2.Options:
    options = re2.Options()
    options.encoding = re2.Options.Encoding.LATIN1  # bytes as they are
    options.case_sensitive = case_sensitive
    options.log_errors = False
    options.max_mem = _MAX_AUTOMATON_BYTES
    return options


def _set(patterns: tuple[bytes | str, ...], options: re2.Options) -> re2.Set:
    compiled = re2.Set.SearchSet(options)
    for pattern in patterns:
        compiled.Add(pattern)
    compiled.Compile()
    return compiled


_MARKS = [re2.compile(pattern, _options(True)) for pattern in _PATTERNS]
_NAMES = tuple(_HINTS)
_MARK_SET = _set(_PATTERNS, _options(True))
_HINT_SET = _set(tuple(f"(?i:{pattern})".encode() for pattern in _HINTS.values()), _options(True))


def formula_marks(payload: bytes) -> int:
    """Number of formula marks in a page's bytes, at most :data:`MAX_MARKS`."""
    count = 0
    for index in _MARK_SET.Match(payload) or ():
        for _ in _MARKS[index].finditer(payload):
            count += 1
            if count >= MAX_MARKS:
                return count
    return count


def find_hints(payload: bytes) -> frozenset[str]:
    """Names of the hints that occur in a page's bytes."""
    return frozenset(_NAMES[index] for index in _HINT_SET.Match(payload) or ())
