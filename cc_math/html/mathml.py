"""MathML to LaTeX: its TeX annotation or ``alttext`` where it has one, else conversion.

An annotation wins, since it is the source. The mark-up is read as text: it comes out of an
HTML parser or an attribute, so it may be HTML-flavoured (prefixes, no namespace, entities,
broken nesting), and that takes a tenth of the time of walking the parser's nodes. Conversion
itself is in :mod:`cc_math.html.presentation`.
"""

from __future__ import annotations

import re
from html import unescape

from cc_math.html.items import KEEP
from cc_math.html.markup import parse
from cc_math.html.presentation import convert, tidy

_ANNOTATION = re.compile(
    r"""<(?:[\w]+:)?annotation\s[^>]*?encoding\s*=\s*["'](?:application/x-tex|TeX|LaTeX|text/x-tex|application/x-latex)["'][^>]*>(.*?)</(?:\w+:)?annotation""",
    re.S | re.I,
)
USUAL_ANNOTATION = '<annotation encoding="application/x-tex">'
_ALTTEXT = re.compile(r"""<(?:\w+:)?math\b[^>]*?\salttext\s*=\s*(?:"([^"]*)"|'([^']*)')""", re.S)
_SIGN_OF_TEX = re.compile(r"[\\^_{}=+<>()\d]|^\S{1,3}$")
_DISPLAY = re.compile(
    r"""<(?:\w+:)?math\b[^>]*?(?:\sdisplay\s*=\s*["']?block|\smode\s*=\s*["']?display)""", re.S
)


def tex_annotation(markup: str) -> str | None:
    """The TeX annotation in some MathML, or None."""
    if "annotation" not in markup:
        return None
    start = markup.find(USUAL_ANNOTATION)
    if start >= 0:  # a fifth of the time of the pattern
        start += len(USUAL_ANNOTATION)
        end = markup.find("</annotation", start)
        tex = markup[start:end] if end >= 0 else ""
    else:
        match = _ANNOTATION.search(markup)
        tex = match[1] if match else ""
    tex = tex.strip()
    return unescape(tex).strip() if tex else None


def tex_alttext(markup: str) -> str | None:
    """The TeX in the ``alttext`` of some MathML; None without one, and for words for a screen
    reader."""
    match = _ALTTEXT.search(markup)
    if match is None:
        return None
    tex = unescape(match[1] if match[1] is not None else match[2]).strip()
    return tex if _SIGN_OF_TEX.search(tex) else None


def mathml_to_tex(markup: str) -> tuple[str, bool]:
    """(TeX, display) of a ``math`` element given as mark-up. Never raises."""
    if KEEP in markup:
        markup = markup.replace(KEEP, "")
    display = _DISPLAY.search(markup[:2000]) is not None
    tex = tex_annotation(markup)
    if tex is None and "alttext" in markup[:4000]:
        tex = tex_alttext(markup)
    if tex:
        if tex.startswith("\\displaystyle") and "display=" not in markup[:400]:
            display = True
        return tex, display
    return tidy(convert(parse(markup), 0)), display
