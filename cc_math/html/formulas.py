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
from typing import NamedTuple

from resiliparse.parse.html import DocumentNode, ElementNode, NodeType

from cc_math.html.configuration import Delimiters, Scope, page_delimiters
from cc_math.html.hevea import read_hevea_display
from cc_math.html.images import (
    Reading,
    classes_of,
    read_image_alt,
    read_image_of_class,
    read_service_image,
)
from cc_math.html.items import CLOSE, KEEP, OPEN, Item, Items
from cc_math.html.macros import Macro, expand
from cc_math.html.page import ParsedPage
from cc_math.html.readings import (
    DATA_ATTRIBUTES,
    read_asciimath_script,
    read_bare,
    read_code,
    read_data_attribute,
    read_data_mathml,
    read_element,
    read_katex,
    read_mathml,
    read_mathml_script,
    read_mediawiki,
    read_mjx_container,
    read_mjx_latex,
    read_pandoc_bare,
    read_renderer_source,
    read_tex_script,
)
from cc_math.html.tex import source_formula


class Rule(NamedTuple):
    """How one representation is found and read. ``source``: it carries the TeX that the
    page's renderer would read, so that the page's macros hold in it."""

    representation: str
    hints: tuple[str, ...]
    selector: str
    read: Callable[[ElementNode], Reading]
    source: bool = False


RULES: tuple[Rule, ...] = (
    Rule("mathml_script", ("script of MathML",), 'script[type^="math/mml"]', read_mathml_script),
    Rule("mathjax_script", ("script of TeX",), 'script[type^="math/tex"]', read_tex_script, True),
    Rule("katex_script", ("script of KaTeX",), 'script[type^="math/katex"]', read_tex_script, True),
    Rule(
        "asciimath_script",
        ("script of AsciiMath",),
        'script[type^="math/asciimath"]',
        read_asciimath_script,
    ),
    Rule("mathjax_data_latex", ("data-latex of MathJax",), "mjx-container", read_mjx_latex, True),
    Rule("mathjax_output", ("<mjx-container",), "mjx-container", read_mjx_container),
    Rule("katex", ("class katex",), ".katex", read_katex, True),
    Rule("mediawiki", ("mwe-math-element",), ".mwe-math-element", read_mediawiki),
    Rule("data_mathml", ("data-mathml",), "[data-mathml]", read_data_mathml),
    Rule("mathml", ("<math",), "math", read_mathml),
    Rule(
        "data_attribute",
        ("data attribute",),
        ", ".join(f"[{name}]" for name in DATA_ATTRIBUTES),
        read_data_attribute,
        True,
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
            "/math?math=",
            "TeX in a path",
        ),
        "img",
        read_service_image,
    ),
    Rule(
        "image_alt",
        ("image of TeX",),
        'img.tex, img.latex, img.math, img[alt^="$"], img[alt^="\\\\"], img[alt^="% latex2html"], '
        'img[class*="formula"], img[class*="math"], img[class*="equation"], img[class*="tex"]',
        read_image_alt,
    ),
    Rule(
        "image_alt",
        ("image in a class of TeX",),
        ".math > img, .math > p > img",
        read_image_of_class,
        True,
    ),
    Rule(
        "pandoc",
        ("math inline", "math display"),
        ".math.inline, .math.display",
        read_pandoc_bare,
        True,
    ),
    Rule(
        "tex_class",
        ("class of a renderer",),
        "span.wp-katex-eq, code.js-render-math:not(pre *), [data-math-style]:not(pre *), "
        "code.language-math.math-inline:not(pre *), pre.js-render-math, "
        "pre:has(> code.js-render-math), pre:has(> code.language-math)",
        read_renderer_source,
        True,
    ),
    Rule(
        "tex_class",
        ("class of TeX",),
        "span:is(.math, .latex, .tex, .math-container, .math-inline, .mathjax, .katex-inline), "
        "div:is(.math, .math-display), .arithmatex, code.math",
        read_bare,
        True,
    ),
    Rule("html", ("bar of Hevea",), "table.display.dcenter", read_hevea_display),
)

_SCRIPTS = frozenset(("mathjax_script", "asciimath_script"))
_RENDERED = (
    ".MathJax_Preview, .MathJax_Display, .MathJax, .MathJax_SVG_Display, .MathJax_SVG, "
    ".MathJax_CHTML, .MJXc-display, .mjx-chtml, .MathJax_MathML, .MJX_Assistive_MathML, "
    ".math-fallback"
)
_CUSTOM = re.compile(
    r"<((?!mjx-)[a-zA-Z]{1,12}-(?:math|tex|latex|katex|formula|equation)|itex|tex|mathjax"
    r"|(?:math|latex|katex|tex)-(?:inline|display|block|span|field|formula|jax|renderer))[\s>]"
)
_PROCESSED_CODE = ":is(pre, code):is(.tex2jax_process, .mathjax_process)"
_PREFIXED = re.compile(r"<([A-Za-z]{1,8}):math[\s>]")


def replace_formulas(
    page: ParsedPage, items: Items, max_formulas: int, delimiters: Delimiters | None = None
) -> bool:
    """Replace the formulas of a page's elements by placeholders.

    ``delimiters``: the page's configuration, where it has been read already. Changes the
    tree. Returns False when there are more than ``max_formulas``.
    """
    document = page.tree.document
    if document is None:
        return True
    source, hints = page.source, page.hints
    if delimiters is None:
        delimiters = page_delimiters(source, hints)
    macros, scope = delimiters.macros, delimiters.scope
    for prefix in (
        {match.group(1) for match in _PREFIXED.finditer(source)} if "prefixed math" in hints else ()
    ):
        nodes = document.query_selector_all(f"{prefix.lower()}\\:math").values()
        rule = Rule("mathml_prefixed", (), "", read_mathml)
        _apply(document, rule, nodes, items, macros, max_formulas)
    for name in (
        {match.group(1).lower() for match in _CUSTOM.finditer(source)}
        if "custom element" in hints
        else ()
    ):
        nodes = document.query_selector_all(name).values()
        rule = Rule("tex_element", (), "", read_element, True)
        _apply(document, rule, nodes, items, macros, max_formulas)
    for rule in RULES:
        if hints.isdisjoint(rule.hints):
            continue
        if rule.representation == "data_mathml" and "script of TeX" in hints:
            continue  # the script beside it has been read
        nodes = document.query_selector_all(rule.selector).values()
        _apply(document, rule, nodes, items, macros, max_formulas)
        if rule.representation in _SCRIPTS and "output of MathJax 2" in hints:
            for node in document.query_selector_all(_RENDERED).values():
                if node.parent is not None and OPEN not in (node.text or ""):
                    node.decompose()
        if items.n_formulas > max_formulas:
            return False
    if scope is not None:
        _keep_in_scope(document, scope, items, macros, max_formulas)
    return items.n_formulas <= max_formulas


def _apply(
    document: DocumentNode,
    rule: Rule,
    nodes: list[ElementNode],
    items: Items,
    macros: dict[str, Macro] | None,
    max_formulas: int,
) -> None:
    for node in nodes:
        if items.n_formulas > max_formulas:
            return
        if not document.contains(node):
            continue  # went with a formula around it
        reading = rule.read(node)
        if reading is None or not reading[0].strip():
            continue
        tex = reading[0]
        if OPEN in tex or CLOSE in tex:
            tex = items.expand(tex).replace(OPEN, "").replace(CLOSE, "")
        tex = source_formula(tex)
        if rule.source and macros is not None:
            tex = expand(tex, macros)
        token = items.add(Item("formula", tex, bool(reading[1]), rule.representation))
        _put(document, node, token)


_HIDING = frozenset(("aria-hidden", "style", "hidden", "class", "role"))


def _put(document: DocumentNode, node: ElementNode, token: str) -> None:
    """Leave the placeholder where the element was, outside anything hidden."""
    if node.tag in ("span", "div", "p"):
        for name in _HIDING.intersection(node.attribute_names):
            node.remove_attribute(name)
        node.text = token
        return
    node.replace_with(document.create_text_node(token))


def _keep_in_scope(
    document: DocumentNode,
    scope: Scope,
    items: Items,
    macros: dict[str, Macro] | None,
    max_formulas: int,
) -> None:
    """Read formulas in code where the renderer does, and keep the text scan out of the
    elements that it ignores: a dollar or backslash there gets a private sign behind it."""
    if scope.in_code:
        nodes = [
            node
            for node in document.query_selector_all("code").values()
            if node.parent is not None and node.parent.tag != "pre"
        ]
        rule = Rule("tex_in_code", (), "", read_code, True)
        _apply(document, rule, nodes, items, macros, max_formulas)
    if scope.code_processed:
        _open_code(document)
    if scope.ignores_page or not scope.ignored:
        return  # dollars are dollars there: see configuration.page_delimiters
    selector = ", ".join(f".{name}" for name in sorted(scope.ignored))
    for ignored in document.query_selector_all(selector).values():
        if ignored.parent is None or not _has_sign(ignored.text or ""):
            continue  # went with an element around it
        markup = ignored.inner_html
        if not any(name in markup for name in scope.processed):
            ignored.inner_html = _hide_signs(markup)
            continue
        pending = [ignored]
        while pending:
            for child in pending.pop().child_nodes:
                if isinstance(child, ElementNode):
                    if _has_sign(child.text or "") and scope.processed.isdisjoint(
                        classes_of(child)
                    ):
                        pending.append(child)
                elif child.type == NodeType.TEXT:
                    child.text = _hide_signs(child.text or "")


def _open_code(document: DocumentNode) -> None:
    """Code that the renderer reads is text, for the text scan to read as well."""
    for node in document.query_selector_all(_PROCESSED_CODE).values():
        if node.parent is not None and _has_sign(node.text or ""):
            opened = document.create_element("div" if node.tag == "pre" else "span")
            opened.inner_html = node.inner_html
            node.replace_with(opened)


def _has_sign(text: str) -> bool:
    return "$" in text or "\\" in text


def _hide_signs(text: str) -> str:
    if KEEP in text:
        text = text.replace("$" + KEEP, "$").replace("\\" + KEEP, "\\")  # nested elements
    return text.replace("$", "$" + KEEP).replace("\\", "\\" + KEEP)
