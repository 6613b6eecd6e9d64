"""The prose of a document's text: its lines and words, without code, tables and headings.

Owns what the quality rules take for a line, a paragraph and a word. Reads a document's text
(Markdown, formulas in dollars), writes nothing. A formula stands as one private character, equal
ones alike, so that it is a word of its own to whoever counts, and no letter. The trade: a line
is judged by its first characters, as a scan for lines is, not by a Markdown parser.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from cc_math.text import formula_spans

# What Markdown says of a line stands at its head. `^` under re.MULTILINE tries every character;
# a line break in front does not.
_FENCE = re.compile(r"\n[ \t]*(?:```|~~~)[^\n]*")
_INLINE_CODE = re.compile(r"`[^`\n]+`")
_LINK = re.compile(r"\]\([^()\s]*(?:\([^()\s]*\)[^()\s]*)*\)")
_HEADING = re.compile(r"#{1,6}[ \t]")
_BULLET = re.compile(r"(?:[-*+•‣◦▪●·]|\d{1,3}[.)])[ \t]+")
_WORDLESS = re.compile(r"[\W_]+")  # formulas and signs alone
_BULLETS = frozenset("-*+•‣◦▪●·0123456789")
# A formula stands in the text as one character of plane 15 (private use), its own.
_FIRST_FORMULA = 0xF0000
_FORMULA_CODES = 0xFFFD
FORMULA = re.compile("[\U000f0000-\U000ffffd]")


@dataclass(frozen=True, slots=True)
class Prose:
    """A text without code and tables, each formula one character. ``lines`` hold a word and are
    no headings, their bullets taken off; ``paragraphs`` are such lines; ``words`` is all of it."""

    lines: list[str]
    paragraphs: list[str]
    words: str
    bullets: int
    table_words: int
    formula_char_share: float
    code_char_share: float
    table_char_share: float


def prose_of(text: str) -> Prose:
    """The prose of a text, and the shares of what is none. Linear; never raises."""
    total, code_chars = max(1, len(text)), 0
    if "```" in text or "~~~" in text:
        pieces = _FENCE.split("\n" + text)
        code_chars = sum(map(len, pieces[1::2]))
        text = "\n".join(pieces[::2])
    if "`" in text:
        text = _INLINE_CODE.sub(" ", text)
    if "](" in text:
        text = _LINK.sub("]", text)
    text, formula_chars = _formulas_as_characters(text)
    table_chars = table_words = bullets = begins = 0
    lines: list[str] = []
    words: list[str] = []
    paragraphs: list[str] = []
    for line in map(str.strip, text.split("\n")):
        if not line:
            if begins < len(lines):
                paragraphs.append("\n".join(lines[begins:]))
                begins = len(lines)
            continue
        first = line[0]
        if first == "|":
            table_chars += len(line)
            table_words += max(0, line.count(" ") - line.count("|"))
            continue
        bullet = _BULLET.match(line) if first in _BULLETS else None
        if bullet is not None:
            line = line[bullet.end() :]
        if _WORDLESS.fullmatch(line):
            words += [] if line.isascii() else [line]  # rules are not read, formulas are
        elif first == "#" and _HEADING.match(line):
            words.append(line.lstrip("# \t"))
        else:
            bullets += bullet is not None
            words.append(line)
            lines.append(line)
    if begins < len(lines):
        paragraphs.append("\n".join(lines[begins:]))
    return Prose(
        lines=lines,
        paragraphs=paragraphs,
        words="\n".join(words),
        bullets=bullets,
        table_words=table_words,
        formula_char_share=formula_chars / total,
        code_char_share=code_chars / total,
        table_char_share=table_chars / total,
    )


def _formulas_as_characters(text: str) -> tuple[str, int]:
    """The text with one private character for each formula, equal ones alike; their length."""
    pieces: list[str] = []
    codes: dict[str, str] = {}
    at = formula_chars = 0
    for start, end, _, _ in formula_spans(text):
        formula = text[start:end]
        code = codes.setdefault(formula, chr(_FIRST_FORMULA + len(codes) % _FORMULA_CODES))
        pieces += [text[at:start], code]
        formula_chars += end - start
        at = end
    return "".join([*pieces, text[at:]]), formula_chars
