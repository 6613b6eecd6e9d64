"""Formulas that stand in elements and attributes: found, read, replaced by placeholders.

One rule per representation, none per site. A rule is a hint that must stand in the
page's bytes (so that most rules cost nothing), a CSS selector, and a function
from the element to (TeX, display). Rules run from the outermost representation inwards:
what a rendered formula contains (previews, assistive copies, fallback images) vanishes with
it, so that each formula comes out once.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from html import unescape
from typing import NamedTuple

from resiliparse.parse.html import ElementNode

from cc_math.html.images import (
    Reading,
    attribute,
    classes_of,
    read_image_alt,
    read_service_image,
)
from cc_math.html.items import CLOSE, OPEN, Item, Items
from cc_math.html.mathml import mathml_to_tex, tex_annotation
from cc_math.html.page import ParsedPage
from cc_math.html.rendered import html_to_tex, katex_html_to_tex, mathjax_html_to_tex
from cc_math.html.tex import one_paragraph, strip_delimiters, strip_style


class Rule(NamedTuple):
    """How one representation is found and read."""

    representation: str
    hints: tuple[str, ...]
    selector: str
    read: Callable[[ElementNode], Reading]


def _read_tex_script(element: ElementNode) -> Reading:
    tex = (element.text or "").strip()
    if tex.startswith("% <![CDATA["):  # MathJax's own way to hide < from XML parsers
        tex = tex[len("% <![CDATA[") :].removesuffix("%]]>").strip()
    return tex, "mode=display" in attribute(element, "type").replace(" ", "")


def _read_mathml(element: ElementNode) -> Reading:
    return _mathml_reading(element.outer_html)


def _mathml_reading(markup: str) -> Reading:
    tex, display = mathml_to_tex(markup)
    return strip_style(tex), display


def _read_mathml_script(element: ElementNode) -> Reading:
    return _mathml_reading(element.text or "")


def _read_data_mathml(element: ElementNode) -> Reading:
    tex, display = mathml_to_tex(attribute(element, "data-mathml"))
    classes = classes_of(element)
    parent = element.parent_element
    if parent is not None:
        classes |= classes_of(parent)
    shown = any("isplay" in name for name in classes)
    return strip_style(tex), bool(display or shown)


def _read_katex(element: ElementNode) -> Reading:
    parent = element.parent_element
    display = parent is not None and "katex-display" in classes_of(parent)
    markup = element.outer_html
    tex = tex_annotation(markup)
    if tex is None:
        tex = katex_html_to_tex(markup)
    return tex, display or 'display="block"' in markup[:400]


def _read_mjx_container(element: ElementNode) -> Reading:
    markup = element.outer_html
    display = attribute(element, "display") == "true"
    head = markup[:2000]
    match = re.search(r'<(?:mjx-math|g|svg)[^>]*?\sdata-latex="([^"]*)"', head)
    if match:
        return unescape(match.group(1)), display
    start = markup.find("<mjx-assistive-mml")
    if start >= 0:
        tex, block = mathml_to_tex(markup[start:])
        return tex, display or bool(block)
    return mathjax_html_to_tex(markup), display


def _read_mediawiki(element: ElementNode) -> Reading:
    markup = element.outer_html
    display = "mwe-math-fallback-image-display" in markup or "mwe-math-mathml-display" in markup
    tex = tex_annotation(markup)
    if tex is None:
        match = re.search(r'\salt(?:text)?="([^"]*)"', markup)
        if match is None:
            return None
        tex = unescape(match.group(1))
    return strip_style(tex.strip()), display


_TEX_SIGN = re.compile(r"\\[a-zA-Z]|[\^_=<>+{}]|^[^\W\d_]$|^\d+$|^[A-Za-z]\([a-z,]+\)$")


_DATA_ATTRIBUTES = (
    "data-equation-content",
    "data-tex",
    "data-latex",
    "data-math",
    "data-formula",
    "data-expr",
    "data-katex",
    "data-mathjax",
    "data-asciimath-latex",
)
_PLAIN_VALUE = re.compile(r"^(?:true|false|inline|block|display|math|tex|latex|\d+|[a-z]{4,})?$")


def _read_data_attribute(element: ElementNode) -> Reading:
    for name in _DATA_ATTRIBUTES:
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


def _read_bare(element: ElementNode) -> Reading:
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


def _read_element(element: ElementNode) -> Reading:
    """TeX as the text of an element whose name says so (``d-math``, ``itex``, …)."""
    tex, display = strip_delimiters((element.text or "").strip())
    if OPEN in tex:
        return None
    if display is None:
        display = any(
            element.has_attribute(name) and attribute(element, name) not in ("false", "inline")
            for name in ("block", "display", "display-mode")
        )
    return tex.removeprefix("#"), display


def _read_pandoc_bare(element: ElementNode) -> Reading:
    text = (element.text or "").strip()
    if OPEN in text or not text:
        return None
    if element.child_element_count and element.query_selector("sub, sup, em, i") is not None:
        tex = html_to_tex(element.inner_html)
        return tex, "display" in classes_of(element)
    tex, display = strip_delimiters(text)
    return tex, display if display is not None else "display" in classes_of(element)


RULES: tuple[Rule, ...] = (
    Rule("mathml_script", ("script of MathML",), 'script[type^="math/mml"]', _read_mathml_script),
    Rule("mathjax_script", ("script of TeX",), 'script[type^="math/tex"]', _read_tex_script),
    Rule("mathjax_output", ("<mjx-container",), "mjx-container", _read_mjx_container),
    Rule("katex", ("class katex",), ".katex", _read_katex),
    Rule("mediawiki", ("mwe-math-element",), ".mwe-math-element", _read_mediawiki),
    Rule("data_mathml", ("data-mathml",), "[data-mathml]", _read_data_mathml),
    Rule("mathml", ("<math",), "math", _read_mathml),
    Rule(
        "data_attribute",
        ("data attribute",),
        ", ".join(f"[{name}]" for name in _DATA_ATTRIBUTES),
        _read_data_attribute,
    ),
    Rule(
        "image_service",
        (
            "codecogs",
            "latex.php",
            "mimetex",
            "mathtex",
            "equation?tex=",
            "cht=tx",
            "equation_images/",
            "cgi-bin/math",
            "svg.latex",
        ),
        "img",
        read_service_image,
    ),
    Rule(
        "image_alt",
        ("image of TeX",),
        'img.tex, img.latex, img.math, img[alt^="$"], img[alt^="\\\\["], img[alt^="\\\\("], '
        'img[class*="formula"], img[class*="math"], img[class*="equation"], img[class*="tex"]',
        read_image_alt,
    ),
    Rule(
        "pandoc", ("math inline", "math display"), ".math.inline, .math.display", _read_pandoc_bare
    ),
    Rule(
        "tex_class",
        ("class of TeX",),
        "span.math, div.math, span.latex, span.tex, span.math-container, .arithmatex, "
        "span.math-inline, div.math-display, span.mathjax, code.math, span.katex-inline",
        _read_bare,
    ),
)

_RENDERED = (
    ".MathJax_Preview, .MathJax_Display, .MathJax, .MathJax_SVG_Display, .MathJax_SVG, "
    ".MathJax_CHTML, .MJXc-display, .mjx-chtml, .MathJax_MathML, .MJX_Assistive_MathML, "
    ".math-fallback"
)
_CUSTOM = re.compile(
    r"<((?!mjx-)[a-zA-Z]{1,12}-(?:math|tex|latex|katex|formula|equation)|itex|tex|mathjax)[\s>]"
)
_PREFIXED = re.compile(r"<([A-Za-z]{1,8}):math[\s>]")


def replace_formulas(page: ParsedPage, items: Items, max_formulas: int) -> bool:
    """Replace the formulas of a page's elements by placeholders.

    Changes the tree. Returns False when there are more than ``max_formulas``.
    """
    document = page.tree.document
    if document is None:
        return True
    source, hints = page.source, page.hints
    for prefix in (
        {match.group(1) for match in _PREFIXED.finditer(source)} if "prefixed math" in hints else ()
    ):
        nodes = document.query_selector_all(f"{prefix.lower()}\\:math").values()
        _apply(Rule("mathml_prefixed", (), "", _read_mathml), nodes, items)
    for name in (
        {match.group(1).lower() for match in _CUSTOM.finditer(source)}
        if "custom element" in hints
        else ()
    ):
        nodes = document.query_selector_all(name).values()
        _apply(Rule("tex_element", (), "", _read_element), nodes, items)
    for rule in RULES:
        if hints.isdisjoint(rule.hints):
            continue
        if rule.representation == "data_mathml" and "script of TeX" in hints:
            continue  # the script beside it has been read
        _apply(rule, document.query_selector_all(rule.selector).values(), items)
        if rule.representation == "mathjax_script" and "output of MathJax 2" in hints:
            for node in document.query_selector_all(_RENDERED).values():
                if node.parent is not None and OPEN not in (node.text or ""):
                    node.decompose()
        if items.n_formulas > max_formulas:
            return False
    return items.n_formulas <= max_formulas


def _apply(rule: Rule, nodes: list[ElementNode], items: Items) -> None:
    done = 0
    for node in nodes:
        if node.parent is None:
            continue  # went with a formula around it
        reading = rule.read(node)
        if reading is None or not reading[0].strip():
            continue
        tex = one_paragraph(items.expand(reading[0])).replace(OPEN, "").replace(CLOSE, "")
        token = items.add(Item("formula", tex, bool(reading[1]), rule.representation))
        _put(node, token)
        done += 1


def _put(node: ElementNode, token: str) -> None:
    """Leave the placeholder where the element was, outside anything hidden."""
    tag = node.tag
    if tag in ("span", "div", "p"):
        for name in ("aria-hidden", "style", "hidden", "class", "role"):
            if node.has_attribute(name):
                node.remove_attribute(name)
        node.text = token
        return
    document = node.owner_document
    if document is not None:
        node.replace_with(document.create_text_node(token))
