"""Minimal HTML to Markdown: headings, paragraphs, lists, tables; placeholders untouched.

Reads what Resiliparse writes (a handful of tags, text escaped, table cells apart by two
tabs), so it needs no parser. Words are never changed; only white space is.
"""

from __future__ import annotations

import re
from html import unescape

from cc_math.html.items import CLOSE, OPEN

_TAG = re.compile(r"<(/?)(h[1-6]|p|ul|ol|li|br|pre)>")
_ANY_TAG = re.compile(r"</?[a-z][a-z0-9]*(?: [^<>]*)?>")
_EQUATION_CELL = re.compile(
    f"^(?:(?:{OPEN}\\d+{CLOSE}[ ,.;]*)+|\\(?[A-Z]?[0-9.]{{1,9}}[a-z]?\\)?)$"
)
_BLANKS = re.compile(r"[ \u00a0]{2,}")
_NEWLINES = re.compile(r"\n{3,}")


def to_markdown(minimal_html: str) -> str:
    """Markdown of Resiliparse's minimal HTML. Blocks are apart by one empty line."""
    out: list[str] = []
    lists: list[int] = []  # per open list: next number, 0 for bullets
    margin = ""
    prefix = ""
    pieces = _TAG.split(minimal_html)
    pieces += ("", "")
    for index in range(0, len(pieces), 3):
        text = pieces[index]
        if text and not text.isspace():
            if "<" in text:
                text = _ANY_TAG.sub("", text)
            if "&" in text:
                text = unescape(text)
            if lists:
                text = text.strip()
                if "\n" in text:
                    text = ("\n" + margin).join(map(str.strip, text.split("\n")))
            elif prefix:
                text = text.strip()
            out.append(prefix + text)
            prefix = ""
        closing, tag = pieces[index + 1], pieces[index + 2]
        if tag == "p" or tag == "pre":
            out.append("\n" + margin if lists else "\n\n")
            if not closing and pieces[index + 3][:1] == " ":
                pieces[index + 3] = pieces[index + 3].lstrip(" ")
        elif tag == "li":
            if not closing:
                prefix = "\n" + margin[2:]
                if lists and lists[-1]:
                    prefix += f"{lists[-1]}. "
                    lists[-1] += 1
                else:
                    prefix += "- "
        elif tag == "ul" or tag == "ol":
            if closing:
                if lists:
                    lists.pop()
                margin = "  " * len(lists)
                out.append("\n" + margin if lists else "\n\n")
            else:
                lists.append(1 if tag == "ol" else 0)
                margin = "  " * len(lists)
                out.append("" if len(lists) > 1 else "\n\n")
        elif tag == "br":
            out.append("\n" + margin)
            pieces[index + 3] = pieces[index + 3].lstrip("\n")
        elif closing:
            out.append("\n\n")
            prefix = ""
        elif tag and not lists:
            prefix = "\n\n" + "#" * int(tag[1]) + " "
    text = "".join(out)
    lines = text.split("\n")
    lines = _tables(lines) if "\t" in text else [_spaces(line) if line else "" for line in lines]
    text = "\n".join(lines)
    return (_NEWLINES.sub("\n\n", text) if "\n\n\n" in text else text).strip()


def _cells(line: str) -> str:
    """A row of a table. Rows without content vanish; a row that only sets an equation (the
    formula, perhaps its number in brackets or empty cells for space) is that equation."""
    cells = [_BLANKS.sub(" ", cell.strip()) for cell in line.strip("\n").split("\t\t")]
    filled = [cell.strip("\t") for cell in cells if cell.strip("\t")]
    if not filled:
        return ""
    if (
        any(cell.startswith(OPEN) for cell in filled)
        and all(map(_EQUATION_CELL.match, filled))
        and (
            len(filled) < len(cells)
            or len(filled) == 1
            or (
                all(cell[0] == "(" for cell in filled if not cell.startswith(OPEN))
                and not all(cell.startswith(OPEN) for cell in filled)
            )
        )
    ):
        return " ".join(filled)
    return "| " + " | ".join(cell.strip("\t") for cell in cells) + " |"


def _tables(lines: list[str]) -> list[str]:
    """Lines with tabs become rows of a table, with the rule under its first row."""
    out: list[str] = []
    in_table = False
    for line in lines:
        if "\t" not in line:
            if in_table and line.strip():
                out.append("")
            in_table = False
            out.append(_spaces(line) if line else "")
            continue
        row = _cells(line)
        if row.startswith("| "):
            if not in_table:
                out.append("")
            out.append(row)
            if not in_table:
                out.append("|" + " --- |" * row.count(" | ") + " --- |")
            in_table = True
            continue
        if in_table and row:
            out.append("")
        in_table = False
        out.append(row)
    return out


def _spaces(line: str) -> str:
    """A line without runs of spaces after its indent; nothing when it only separates."""
    line = line.rstrip()
    if len(line) < 40 and not line.strip("|·•»›✕× \u00a0"):
        return ""  # what stood between links or on buttons
    if "  " not in line and "\u00a0" not in line:
        return line
    indent = len(line) - len(line.lstrip(" "))
    return line[:indent] + _BLANKS.sub(" ", line[indent:])
