"""MathML's token elements (MathML 3, section 3.2) to LaTeX: identifiers, operators, words.

Every function has the signature of the converters of :mod:`cc_math.html.presentation`; none
goes deeper, so none looks at ``depth``.
"""

from __future__ import annotations

import re

from cc_math.html.markup import Node, text_of
from cc_math.html.symbols import FUNCTIONS, VARIANTS, character_tex, text_tex, trim

_SPACES = re.compile(r"\s+")


def group(tex: str) -> str:
    """In braces, without the spaces at its ends."""
    return "{" + trim(tex) + "}"


def identifier(node: Node, depth: int) -> str:
    """``mi``: a letter, a function, or a name."""
    text = text_of(node).strip()
    if not text:
        return ""
    variant = node.get("mathvariant")
    plain = text.replace("\u2061", "")
    if plain in FUNCTIONS:
        return f"\\{plain} "
    if " " in plain or "\xa0" in plain:
        named = _name_of_words(plain)
        if named:
            return named
    tex = "".join(character_tex(c) for c in text)
    if variant in VARIANTS:
        return VARIANTS[variant] + group(tex) if VARIANTS[variant] else tex
    if len(plain) > 1 and plain.isalpha() and plain.isascii():
        return ("\\operatorname" if variant != "italic" else "\\mathit") + group(plain)
    if variant == "normal" and len(plain) == 1 and plain.isascii() and plain.isalpha():
        return "\\mathrm" + group(plain)
    return tex


def _name_of_words(text: str) -> str:
    """An operator of several words (``lim sup``, ``arg min``), '' when it is none."""
    words = text.split()
    if not all(word.isascii() and word.isalpha() for word in words):
        return ""
    if "".join(words) in FUNCTIONS:
        return f"\\{''.join(words)} "
    return "\\operatorname" + group("\\,".join(words))


def operator(node: Node, depth: int) -> str:
    """``mo``: a sign, or a function set as one."""
    text = text_of(node).strip()
    if text == "mod":
        return "\\bmod "
    if text in FUNCTIONS:
        return f"\\{text} "
    if len(text) > 1 and text.isalpha() and text.isascii():
        return "\\operatorname" + group(text)
    return (" " in text and _name_of_words(text)) or "".join(character_tex(c) for c in text)


def words(node: Node, depth: int) -> str:
    """``mtext``, ``ms``: words in ``\\text``."""
    text = text_of(node).replace("\xa0", " ")
    if not text.strip():
        return "\\ " if text else ""
    if len(text.strip()) == 1 and not text.strip().isalpha():
        return character_tex(text.strip())
    return text_tex(_SPACES.sub(" ", text))


def number(node: Node, depth: int) -> str:
    """``mn``, in its alphabet."""
    tex = "".join(character_tex(c) for c in text_of(node).strip())
    variant = VARIANTS.get(node.get("mathvariant"), "")
    return variant + group(tex) if variant else tex


def space(node: Node, depth: int) -> str:
    """``mspace``: quads by their width, else one space."""
    return {"1em": "\\quad ", "2em": "\\qquad "}.get(node.get("width"), " ")


def nothing(node: Node, depth: int) -> str:
    """Elements that show nothing."""
    return ""
