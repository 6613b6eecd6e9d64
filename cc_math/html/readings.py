"""How the element of each representation is read: (TeX, display), or None for no formula.

Pure functions of an element of the tree; :mod:`cc_math.html.formulas` says which elements.
Nothing is guessed: where an element may hold something else (a ``data-math`` flag, prose in a
``span`` of class ``math``) its content must show a sign of TeX.
"""

from __future__ import annotations

import re
from html import unescape

from resiliparse.parse.html import ElementNode

from cc_math.html.asciimath import asciimath_to_tex
from cc_math.html.images import Reading, attribute, classes_of
from cc_math.html.items import OPEN
from cc_math.html.mathml import mathml_to_tex, tex_alttext, tex_annotation
from cc_math.html.rendered import html_to_tex, katex_html_to_tex, mathjax_html_to_tex
from cc_math.html.tex import strip_delimiters, strip_style


def read_tex_script(element: ElementNode) -> Reading:
    """TeX in a script of MathJax; displayed where its type says so."""
    tex = (element.text or "").strip()
    if tex.startswith("% <![CDATA["):  # MathJax's own way to hide < from XML parsers
        tex = tex[len("% <![CDATA[") :].removesuffix("%]]>").strip()
    return tex, "mode=display" in attribute(element, "type").replace(" ", "")


def read_asciimath_script(element: ElementNode) -> Reading:
    """AsciiMath in a script of MathJax, as LaTeX."""
    tex = asciimath_to_tex(element.text or "")
    return tex, "mode=display" in attribute(element, "type").replace(" ", "")


def read_mathml(element: ElementNode) -> Reading:
    """A ``math`` element, with any prefix."""
    return _mathml_reading(element.outer_html)


def _mathml_reading(markup: str) -> Reading:
    tex, display = mathml_to_tex(markup)
    return strip_style(tex), display


def read_mathml_script(element: ElementNode) -> Reading:
    """MathML in a script of MathJax."""
    return _mathml_reading(element.text or "")


_WIRIS = str.maketrans("«»¨§`", "<>\"&'")
"""How Wiris and MathType write mark-up in an attribute (their "safe XML")."""
_MATH_ELEMENT = re.compile(r"<(?:\w{1,8}:)?math[\s>]")


def read_data_mathml(element: ElementNode) -> Reading:
    """The MathML that MathJax 2 keeps in an attribute of its output, and Wiris of its images;
    an attribute without a ``math`` element is no formula."""
    markup = attribute(element, "data-mathml")
    if markup.lstrip().startswith("«"):
        markup = markup.translate(_WIRIS)
    if not _MATH_ELEMENT.search(markup):
        return None
    tex, display = mathml_to_tex(markup)
    classes = classes_of(element)
    parent = element.parent_element
    if parent is not None:
        classes |= classes_of(parent)
    shown = any("isplay" in name for name in classes)
    return strip_style(tex), bool(display or shown)


def read_katex(element: ElementNode) -> Reading:
    """KaTeX's output: its annotation, else its boxes."""
    parent = element.parent_element
    display = parent is not None and "katex-display" in classes_of(parent)
    markup = element.outer_html
    tex = tex_annotation(markup)
    if tex is None:
        tex = katex_html_to_tex(markup)
    return tex, display or 'display="block"' in markup[:400]


_DATA_LATEX = re.compile(r'<(?:mjx-math|g|svg)[^>]*?\sdata-latex="([^"]*)"')


def read_mjx_latex(element: ElementNode) -> Reading:
    """The source that MathJax 4 keeps beside its output."""
    match = _DATA_LATEX.search(element.outer_html[:2000])
    return (unescape(match[1]), attribute(element, "display") == "true") if match else None


def read_mjx_container(element: ElementNode) -> Reading:
    """MathJax 3's output: its assistive MathML, else its glyphs."""
    markup = element.outer_html
    display = attribute(element, "display") == "true"
    start = markup.find("<mjx-assistive-mml")
    if start >= 0:
        tex, block = mathml_to_tex(markup[start:])
        return tex, display or bool(block)
    return mathjax_html_to_tex(markup), display


def read_mediawiki(element: ElementNode) -> Reading:
    """MediaWiki's formula: its annotation, else what its image or MathML is described by."""
    markup = element.outer_html
    display = "mwe-math-fallback-image-display" in markup or "mwe-math-mathml-display" in markup
    tex = tex_annotation(markup)
    if tex is None:
        match = re.search(r'\salt(?:text)?="([^"]*)"', markup)
        if match is None:
            return None
        tex = unescape(match.group(1))
    return strip_style(tex.strip()), display


_COMMAND = re.compile(r"\\[a-zA-Z]{2}")
_TEX_SIGN = re.compile(r"\\[a-zA-Z]|[\^_=<>+{}]|^[^\W\d_]$|^\d+$|^[A-Za-z]\([a-z,]+\)$")


DATA_ATTRIBUTES = (
    "data-equation-content",
    "data-tex",
    "data-latex",
    "data-math",
    "data-formula",
    "data-expr",
    "data-katex",
    "data-mathjax",
    "data-asciimath-latex",
    "data-equation",
    "data-latex-source",
    "data-tex-source",
    "data-original-latex",
)
_PLAIN_VALUE = re.compile(r"^(?:true|false|inline|block|display|math|tex|latex|\d+|[a-z]{4,})?$")


def read_data_attribute(element: ElementNode) -> Reading:
    """TeX in an attribute; a flag or a plain word there is no formula."""
    for name in DATA_ATTRIBUTES:
        value = attribute(element, name).strip()
        if value and not (
            _PLAIN_VALUE.match(value) and name != "data-equation-content" and len(value) > 3
        ):
            tex, display = strip_delimiters(value)
            marks = (
                (element.class_name or "")
                + " "
                + attribute(element, "data-display")
                + attribute(element, "data-mode")
            )
            if display is None:
                display = (
                    element.tag == "div" or "isplay" in marks or "block" in marks or "true" in marks
                )
            return tex, display
    return None


def read_bare(element: ElementNode) -> Reading:
    """TeX as the text of an element whose class or name says that it is mathematics."""
    text = (element.text or "").strip()
    if OPEN in text or not text:
        return None
    tex, display = strip_delimiters(text)
    if "$" in tex.replace("\\$", "") or "\\(" in tex or "\\[" in tex.replace("\\\\[", ""):
        return None  # prose with formulas in it: the text scan finds them
    classes = classes_of(element)
    if tex == text and not _TEX_SIGN.search(tex):
        return None
    if display is None:
        display = (
            element.tag in ("div", "p", "math-block")
            or bool(classes & {"display", "katex-block", "math-display", "math_display"})
            or element.has_attribute("block")
            or attribute(element, "display") in ("block", "true")
        )
    return tex, display


def read_renderer_source(element: ElementNode) -> Reading:
    """TeX that waits for a renderer, in an element of a class or attribute of that renderer's
    own: WordPress's KaTeX plug-in, GitLab, and Markdown's code in the language ``math``. No
    other element has these, so that a word alone is a formula too."""
    code = element.query_selector("code") if element.tag == "pre" else None
    text = ((element if code is None else code).text or "").strip()
    if OPEN in text:
        return None  # it has been rendered
    tex, display = strip_delimiters(text)
    style = attribute(element, "data-math-style") or attribute(element, "data-display")
    if display is None:
        display = style in ("display", "true") if style else element.tag == "pre"
    return tex, display


def read_element(element: ElementNode) -> Reading:
    """TeX as the text of an element whose name says so (``d-math``, ``itex``, …)."""
    tex, display = strip_delimiters((element.text or "").strip())
    if OPEN in tex:
        return None
    if element.tag == "mathjax" and len(tex) > 2 and tex[0] == tex[-1] == "#":
        tex = tex[1:-1]  # AsciiMath unless it names commands of TeX
        return (tex if _COMMAND.search(tex) else asciimath_to_tex(tex)), False
    if display is None:
        display = any(
            element.has_attribute(name) and attribute(element, name) not in ("false", "inline")
            for name in ("block", "display", "display-mode")
        ) or (element.tag or "").endswith(("-display", "-block"))
    return tex, display


def read_pandoc_bare(element: ElementNode) -> Reading:
    """Pandoc's formula: TeX, or HTML with its letters and scripts."""
    text = (element.text or "").strip()
    if OPEN in text or not text:
        return None
    if element.child_element_count and element.query_selector("sub, sup, em, i") is not None:
        tex = html_to_tex(element.inner_html)
        return tex, "display" in classes_of(element)
    tex, display = strip_delimiters(text)
    return tex, display if display is not None else "display" in classes_of(element)


def read_code(element: ElementNode) -> Reading:
    """A formula in its delimiters that is the whole of a ``code`` element."""
    text = (element.text or "").strip()
    tex, display = strip_delimiters(text)
    if tex == text or element.child_element_count:
        return None
    return tex, bool(display)


def heading_text(heading: ElementNode) -> str:
    """A heading's text. MathML of which only the ``alttext`` is left (see the module
    ``thinning``) gets that as its text, which changes nothing for ``read_mathml``."""
    for formula in heading.query_selector_all("math").values():
        tex = None if (formula.text or "").strip() else tex_alttext(formula.outer_html)
        if tex is not None:
            formula.text = tex
    return heading.text or ""
