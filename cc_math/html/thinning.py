"""Rendered formulas without their boxes: what stands beside a formula's source is not parsed.

A renderer that ran before the page was stored leaves a hundred elements a formula, and beside
them the TeX that they were made from: MathJax 4 in ``data-latex``, LaTeXML in ``alttext``,
KaTeX and others in an annotation. Readers take the source (:mod:`cc_math.html.readings`); the
boxes would be parsed, and walked through by every selector, for nothing. They are cut out of
the page's mark-up before it is parsed: a formula's own element and its source stay. The trade:
a formula is cut where its mark-up has the shape that renderers write; any other stays whole.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from cc_math.html.mathml import USUAL_ANNOTATION, tex_alttext

_ATTRIBUTES = r"""(?:\s(?:[^<>"']++|"[^"]*+"|'[^']*+')*+)?"""
_START_TAG = re.compile(_ATTRIBUTES + ">")
_START_TAGS = re.compile(_ATTRIBUTES + "><mjx-math" + _ATTRIBUTES + ">")
_DATA_LATEX = re.compile(r"""<mjx-math[^>]*?\sdata-latex=["']?\s*[^\s"'>]""")
_COLOURED = re.compile(r"""<span class="?[a-z]{1,2}\d?"?>([^<]*)</span>""")
"""A word of code as Pygments sets it: the names of its classes are as short as that."""
MAX_START_TAGS_CHARS = 1_500
"""The reader looks through 2,000 characters, in which ``&`` and some others are longer."""
MAX_ESCAPED = 50


def without_boxes(markup: str, hints: frozenset[str]) -> str:
    """A page's mark-up, its rendered formulas cut down to what is read of them."""
    if "data-latex of MathJax" in hints and "<mjx-container" in hints:
        markup = _cut(markup, "mjx-container", _of_container)
    if "<math" in hints:
        markup = _cut(markup, "math", _of_mathml)
    if "<pre" in hints:
        markup = _cut(markup, "pre", _of_code)
    return markup


def _cut(markup: str, name: str, shortened: Callable[[str], str | None]) -> str:
    """``shortened``: what stays of an element's mark-up between its name and its end tag."""
    opening, end_tag = "<" + name, f"</{name}>"
    pieces = markup.split(opening)
    for index in range(1, len(pieces)):
        piece = pieces[index]
        end = piece.find(end_tag)
        kept = shortened(piece[:end]) if end > 0 else None
        if kept is not None:
            pieces[index] = kept + piece[end:]
    return opening.join(pieces)


def _of_container(element: str) -> str | None:
    """MathJax's container: the start tag of its output, which carries the source."""
    tags = _START_TAGS.match(element)
    if (
        tags is None
        or tags.end() > MAX_START_TAGS_CHARS
        or tags[0].count("&") > MAX_ESCAPED
        or _DATA_LATEX.search(tags[0]) is None
    ):
        return None
    return tags[0] + "</mjx-math>"


def _of_mathml(element: str) -> str | None:
    """MathML: its annotation in TeX, or nothing where the start tag has an ``alttext``."""
    tag = _START_TAG.match(element)
    if tag is None:
        return None
    start = element.find(USUAL_ANNOTATION, tag.end())
    if start < 0:
        if "annotation" in element or tex_alttext("<math" + tag[0]) is None:
            return None
        return tag[0]
    tex_start = start + len(USUAL_ANNOTATION)
    end = element.find("<", tex_start)
    if not element.startswith("</annotation>", end) or not element[tex_start:end].strip():
        return None
    return tag[0] + element[start:end] + "</annotation>"


def _of_code(element: str) -> str | None:
    """A block of code: without the elements that colour its words."""
    return "".join(_COLOURED.split(element)) if "<span" in element else None
