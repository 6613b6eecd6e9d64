"""Formulas written with ``sup`` and ``sub``: TeX where nothing else can be meant, else readable.

A script joins its base as TeX (``$x^{2}$``, representation ``html``) only when the base is a
mathematical token: one italic letter (``<i>x</i><sup>2</sup>``), one Greek letter that is no
part of a word, or a number whose exponent is set in italics (``2<sup><i>n</i></sup>``). Every
other script that is an exponent or an index is written so that it cannot be read as part of
its base: in Unicode's raised and lowered characters where all of them exist (10⁵, H₂O), else
after ``^`` or ``_``. Notes (scripts with a link), ordinals (1st) and trademarks stay words.
The trade: x² in upright letters stays text, since m² and CO₂ look the same, and where a page
sets its formulas by other means (a renderer, MathML, images) scripts beside them stay text too:
one page has one notation for what is a formula.
"""

from __future__ import annotations

import re

from resiliparse.parse.html import DocumentNode, ElementNode, Node, TextNode

from cc_math.html.items import KEEP, OPEN, Item, Items
from cc_math.html.symbols import character_tex

_RAISED = str.maketrans("0123456789+-−=()ni", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁻⁼⁽⁾ⁿⁱ")
_LOWERED = str.maketrans("0123456789+-−=()aehijklmnoprstuvx", "₀₁₂₃₄₅₆₇₈₉₊₋₋₌₍₎ₐₑₕᵢⱼₖₗₘₙₒₚᵣₛₜᵤᵥₓ")
_SCRIPT_TEXT = re.compile(
    r"^(?:[A-Za-zΑ-ω]'?"  # x with index n
    r"|[A-Za-z]?[-+−]?\s?\d{1,6}[A-Za-z]?"  # a number
    r"|[\w ']*[+\-−=(),/*][\w+\-−=(),/*' ]*)$"  # an expression
)
_INDEX_WORD = re.compile(r"^[A-Za-zΑ-ω]{2,8}$")
"""An index of several letters (``x_{max}``, ``a_{ij}``); an exponent of letters is a word."""
_ORDINALS = frozenset(
    ("st", "nd", "rd", "th", "er", "re", "e", "ème", "eme", "nde", "o", "a", "os", "as", "ª", "º",
     "TM", "SM", "R", "C", "MR", "MC")
)  # fmt: skip
"""What follows numerals and names as a raised ending or mark, in English and Romance languages."""
_MATHEMATICAL = re.compile(r"^[\w+\-−±=<>≤≥≠(),/*·'′″∞∈→ .|∗†]+$")
_LETTER = re.compile(r"^[A-Za-zΑ-Ωα-ωϑϕϵϱ]['′″]{0,3}$")
_GREEK_END = re.compile(r"(?<![\w$\\])[α-ωϑϕϵϱΓΔΘΛΞΠΣΦΨΩ]$")
_NUMBER_END = re.compile(r"(?<![\w.,$\\])\d{1,4}$")
_ITALIC = frozenset(("i", "em", "var"))
MAX_SCRIPT_CHARS = 24
"""Longer superscripts are notes, not exponents. Chosen."""


def write_scripts(
    document: DocumentNode, nodes: list[ElementNode], items: Items, *, as_formulas: bool
) -> None:
    """Rewrite the ``sup`` and ``sub`` elements of a tree, in document order.

    With ``as_formulas`` a base with its scripts becomes one formula among ``items``; all other
    scripts become text.
    """
    for node in nodes:
        if node.parent is None:
            continue  # went with a formula or with code
        text = _text(node)
        if not text or len(text) > MAX_SCRIPT_CHARS or OPEN in text:
            continue
        if node.child_element_count and node.query_selector("a, sup, sub") is not None:
            _as_note(node, text)
            continue
        if not (as_formulas and _as_formula(document, node, text, items)):
            _as_text(node, text)


def _text(node: Node) -> str:
    return (node.text or "").replace(KEEP, "").strip()


def _as_note(node: ElementNode, text: str) -> None:
    """The number of a note, in Markdown's mark for one where the page has no brackets."""
    link = node.first_element_child
    if node.tag == "sup" and text.isdecimal() and link is not None and link.tag == "a":
        link.text = f"[^{text}]"


def _as_text(node: ElementNode, text: str) -> None:
    raised = node.tag == "sup"
    if not _SCRIPT_TEXT.match(text) and (raised or not _is_index_word(node, text)):
        return
    if raised and text in _ORDINALS and _ends_in_digit(node.prev):
        return
    script = text.translate(_RAISED if raised else _LOWERED)
    if any(before == after for before, after in zip(text, script, strict=True)):
        script = ("^" if raised else "_") + (text if len(text) == 1 else "{" + text + "}")
    node.text = script + KEEP  # alone it would be taken for an icon, see page.py


def _ends_in_digit(before: Node | None) -> bool:
    return before is not None and (before.text or "")[-1:].isdigit()


def _is_index_word(node: ElementNode, text: str) -> bool:
    """Whether letters set low belong to the letter, digit or bracket right before them."""
    before = node.prev
    base = (before.text or "") if before is not None else ""
    return bool(_INDEX_WORD.match(text)) and (base[-1:].isalnum() or base[-1:] in (")", "]"))


def _as_formula(document: DocumentNode, node: ElementNode, text: str, items: Items) -> bool:
    """Replace a base and its scripts by one formula, where the base is a mathematical token."""
    before = node.prev
    if not isinstance(before, ElementNode | TextNode) or not _is_mathematical(node, text):
        return False
    base, rest = _base(before, node)
    if not base:
        return False
    scripts = {node.tag or "": _script_tex(node, text)}
    follower = node.next
    if isinstance(follower, ElementNode) and follower.tag in {"sup", "sub"} - set(scripts):
        more = _text(follower)
        if more and _is_mathematical(follower, more):
            scripts[follower.tag or ""] = _script_tex(follower, more)
            follower.decompose()
    tex = base + "".join(
        f"{sign}{{{scripts[tag]}}}" for tag, sign in (("sub", "_"), ("sup", "^")) if tag in scripts
    )
    if rest:
        before.replace_with(document.create_text_node(rest))
    else:
        before.remove()
    node.replace_with(document.create_text_node(items.add(Item("formula", tex, False, "html"))))
    return True


def _base(before: Node, node: ElementNode) -> tuple[str, str]:
    """(TeX of the base, text before it that stays), or two empty strings."""
    text = (before.text or "").replace(KEEP, "")
    if isinstance(before, ElementNode):
        single = _sets_italics(before) and not before.child_element_count
        return (_tex(text.strip()), "") if single and _LETTER.match(text.strip()) else ("", "")
    match = _GREEK_END.search(text)
    if match is None and node.tag == "sup" and _is_italic(node):
        match = _NUMBER_END.search(text)
    return (_tex(match.group()), text[: match.start()]) if match else ("", "")


def _is_mathematical(node: ElementNode, text: str) -> bool:
    if len(text) > MAX_SCRIPT_CHARS or OPEN in text or not _MATHEMATICAL.match(text):
        return False
    if node.child_element_count and node.query_selector("a, sup, sub") is not None:
        return False
    if _is_italic(node):
        return True
    if node.tag == "sup":
        return text not in _ORDINALS and not _INDEX_WORD.match(text)
    return bool(_INDEX_WORD.match(text) or _SCRIPT_TEXT.match(text))


def _is_italic(node: ElementNode) -> bool:
    """Whether the letters of a script are set in italics."""
    return bool(node.child_element_count) and (
        node.query_selector("i, em, var, span[class^=cmmi], span[style*=italic]") is not None
    )


def _sets_italics(node: ElementNode) -> bool:
    """Whether an element is italic by its name, its font (TeX4ht) or its style (Hevea)."""
    if node.tag in _ITALIC:
        return True
    return node.tag == "span" and (
        (node.class_name or "").startswith("cmmi") or "italic" in (node.getattr("style") or "")
    )


def _script_tex(node: ElementNode, text: str) -> str:
    if _INDEX_WORD.match(text) and not _is_italic(node) and node.tag == "sub" and len(text) > 2:
        return f"\\mathrm{{{_tex(text)}}}"
    return _tex(text)


def _tex(text: str) -> str:
    """TeX of plain characters, read one by one."""
    return "".join(map(character_tex, text.replace("\u00a0", " "))).strip()
