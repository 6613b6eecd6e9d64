r"""Macros that a page defines, and formulas with them expanded, so that each stands alone.

Definitions come from the renderer's configuration (``macros`` of MathJax 2, 3, 4 and of
KaTeX), from blocks of definitions in the page's formulas, hidden ones too (PreTeXt keeps a
whole preamble in one), and from the formulas themselves, in the order in which they stand.
A definition outside of formulas (a listing of LaTeX) defines nothing, and no macro is known
that the page does not define.

Expansion follows TeX (TeXbook, chapter 20): arguments are taken unexpanded, ``\let`` copies
the meaning at that time. It ends at :data:`MAX_DEPTH`, :data:`MAX_EXPANSIONS` or
:data:`MAX_EXPANDED_CHARS`; a formula that reaches one stays as it stands.
"""

from __future__ import annotations

import re
from html import unescape

from cc_math.html.javascript import Literal, read_object
from cc_math.html.macro_definitions import (
    CONTROL,
    DEFINING,
    DEFINING_NAMES,
    Macro,
    argument,
    optional_argument,
    read_definition,
)
from cc_math.html.tex import group_end

__all__ = ["Macro", "expand", "page_macros"]

MAX_DEPTH = 20
"""Macros within macros. Chosen: hand-written preambles stay under six."""

MAX_EXPANSIONS = 2_000
"""Macros expanded in one formula: a long aligned table uses ``\\amp`` some hundred times."""

MAX_EXPANDED_CHARS = 20_000
"""Longest formula after expansion: the longest that is looked for in text."""

MAX_LISTING_CHARS = 10_000
"""How far back the start of a listing is looked for. Chosen: longer than listings of TeX."""

MAX_BLOCKS = 200
MAX_BLOCK_CHARS = 20_000
"""Blocks of definitions read per page, and how far each. Chosen: PreTeXt's have 2,000."""

MAX_BROKEN = 20
"""Definitions without an end that are read over, per page and per formula: each is looked
through to the end of its formula. Chosen: a page with more is no page for people."""

MAX_DEFINITIONS = 2_000
"""Macros of one page. Chosen: the longest preambles of people have a few hundred."""
_MAX_TEXT_DEPTH = 4  # formulas in words in formulas; chosen
_OPENED = re.compile(
    r"""(?:\\\(|\\\[|\$\$?|math/tex[^<>]{0,40}>|application/x-tex["']?>|class="[^"<>]{0,80}math[^"<>]{0,40}">)\s*$"""
)
_PARAMETER = re.compile(r"#(\d)")
_BLANKS = re.compile(r"(?:\s|%[^\n]*(?:\n|$))*")
_CONTROLS = re.compile(r"(\\(?:[A-Za-z]+|.))", re.S)
_ENDS_IN_COMMAND = re.compile(r"\\[A-Za-z]+$")
_OPEN_SLOT = re.compile(
    r"(?:[\^_]|\\(?:[dt]?frac|[dt]?binom|sqrt|hat|bar|vec|tilde|dot|ddot|wide(?:hat|tilde)"
    r"|over(?:line|rightarrow)|underline|math(?:bb|bf|cal|frak|it|rm|scr|sf|tt)|boldsymbol|bm))\s*$"
)
_ONE_TOKEN = re.compile(r"(?:\\(?:[A-Za-z]+|.)|[^\\{}])$", re.S)
_TEXT = frozenset(
    ("text", "textrm", "textbf", "textit", "textsf", "texttt", "textnormal", "mbox", "hbox",
     "label", "ref", "eqref", "cite", "href", "url")
)  # fmt: skip
_SPECIAL = DEFINING_NAMES | {"verb"}
_RICH_TEXT = re.compile(r"\\(?:" + "|".join(sorted(_TEXT)) + r")\s*\{[^{}]*[\\${]")
_TEXT_FORMULA = re.compile(r"\$([^$]+)\$|\\\((.{1,500}?)\\\)", re.S)
_MACROS_OPTION = re.compile(r"acros[\"']?\s*:\s*\{")


def page_macros(
    source: str, hints: frozenset[str], scripts: str | None = None
) -> dict[str, Macro] | None:
    """The macros that a page defines, by name without backslash; None when it defines none
    at all (no formula of it needs a look). The first definition of a name counts; formulas
    that redefine one do so from their place on. ``scripts``: where a renderer is configured
    (by default the whole source).
    """
    macros: dict[str, Macro] = {}
    scripts = source if scripts is None else scripts
    if "macros of renderer" in hints:
        for match in _MACROS_OPTION.finditer(scripts):
            if not scripts.endswith(("m", "M"), 0, match.start()):
                continue
            for name, value in read_object(scripts, match.end()).items():
                macro = _configured(value)
                name = name.removeprefix("\\")
                if macro is not None and (name.isalpha() or len(name) == 1):
                    macros.setdefault(name, macro)
    if "definition of macro" in hints:
        listings = tuple(tag for tag in ("<pre", "<code") if tag in hints)
        _read_blocks(source, macros, listings)
        return macros
    return macros or None


def _configured(value: Literal) -> Macro | None:
    """A macro of a configuration: a body, or [body, number of arguments, default]."""
    if isinstance(value, str):
        numbers = [int(match[1]) for match in _PARAMETER.finditer(value)]
        return Macro(max(numbers, default=0), None, value)
    if isinstance(value, list) and value and isinstance(value[0], str):
        count = value[1] if len(value) > 1 and isinstance(value[1], int) else 0
        default = value[2] if len(value) > 2 and isinstance(value[2], str) else None
        return Macro(min(max(count, 0), 9), default, value[0])
    return None


def _read_blocks(source: str, macros: dict[str, Macro], listings: tuple[str, ...]) -> None:
    """Definitions that open a formula in the page's source, shown or hidden."""
    position = n_broken = 0
    for _ in range(MAX_BLOCKS):
        match = DEFINING.search(source, position)
        if match is None or n_broken > MAX_BROKEN or len(macros) > MAX_DEFINITIONS:
            return
        position = match.end()
        start = match.start()
        if _OPENED.search(source, max(0, start - 160), start) is None:
            continue
        if listings and _in_listing(source[max(0, start - MAX_LISTING_CHARS) : start], listings):
            continue
        block = unescape(source[start : start + MAX_BLOCK_CHARS])
        found: dict[str, Macro] = {}
        read = 0
        while len(found) <= MAX_DEFINITIONS:
            definition = read_definition(block, read, found)
            if definition is None:
                break
            blanks = _BLANKS.match(block, definition)
            read = blanks.end() if blanks else definition
        n_broken += not found
        for name, macro in found.items():
            macros.setdefault(name, macro)
        position = start + max(read, 1)  # entities make the source longer, never shorter


def _in_listing(before: str, listings: tuple[str, ...]) -> bool:
    """Whether a listing is open at the end of a piece of source."""
    return any(before.rfind(tag) > before.rfind("</" + tag[1:]) for tag in listings)


class _Output:
    """Pieces of a formula; a command never runs into the letter after it."""

    def __init__(self) -> None:
        self.parts: list[str] = []
        self.length = 0

    def put(self, piece: str) -> None:
        if not piece:
            return
        if piece[0].isalpha() and self.parts and _ENDS_IN_COMMAND.search(self.parts[-1][-60:]):
            self.parts.append(" ")
        self.parts.append(piece)
        self.length += len(piece)

    def tail(self) -> str:
        return "".join(self.parts[-3:])[-60:]


def expand(tex: str, macros: dict[str, Macro], depth: int = 0) -> str:
    """A formula with the macros expanded; definitions in it are taken up and left out.

    As it stands when it uses none, only defines some, or reaches a limit. ``depth``: of
    formulas in words in formulas.
    """
    used = CONTROL.findall(tex) if "\\" in tex else ()
    if macros.keys().isdisjoint(used) and DEFINING_NAMES.isdisjoint(used):
        return tex
    if len(tex) > MAX_EXPANDED_CHARS or len(macros) > MAX_DEFINITIONS:
        return tex
    names = set(used)
    if (
        names.isdisjoint(_SPECIAL)
        and all(_is_plain(macros[name], macros) for name in names if name in macros)
        and (names.isdisjoint(_TEXT) or _RICH_TEXT.search(tex) is None)
    ):
        expanded = _expand_plain(tex, macros)
    else:
        expanded = _expand(tex, macros, depth)
    return tex if expanded is None or not expanded.strip() else expanded.strip()


def _is_plain(macro: Macro, macros: dict[str, Macro]) -> bool:
    """Whether a macro stands for its body and nothing more."""
    return (
        macro.n_arguments == 0
        and not macro.primitive
        and macros.keys().isdisjoint(CONTROL.findall(macro.body))
    )


def _expand_plain(tex: str, macros: dict[str, Macro]) -> str | None:
    """The same as :func:`_expand` for plain macros (``\\amp``, ``\\R``), in a tenth of its time."""
    pieces = _CONTROLS.split(tex)
    for index in range(1, len(pieces), 2):
        macro = macros.get(pieces[index][1:])
        if macro is None:
            continue
        body, before = macro.body, pieces[index - 1]
        blank = not before or before.isspace()
        command = pieces[index - 2] if blank and index > 1 else ""
        if not _is_one(body) and _OPEN_SLOT.search(command or before[-9:]):
            body = "{" + body + "}"
        elif not before and body[:1].isalpha() and _ENDS_IN_COMMAND.search(command):
            body = " " + body
        following = pieces[index + 1]
        if _ENDS_IN_COMMAND.search(body) and following[:1].isalpha():
            body += " "
        pieces[index] = body
    expanded = "".join(pieces)
    return expanded if len(expanded) <= MAX_EXPANDED_CHARS else None


def _expand(tex: str, macros: dict[str, Macro], depth: int) -> str | None:
    out = _Output()
    rest, position, n_expansions, n_broken = tex, 0, 0, 0
    tails: list[int] = []  # of the macros being expanded: how much stood after each
    while True:
        control = CONTROL.search(rest, position)
        if control is None:
            out.put(rest[position:])
            break
        out.put(rest[position : control.start()])
        name, position = control[1], control.end()
        macro = macros.get(name)
        if macro is None:
            piece, position = _unchanged(rest, control, macros, depth)
            n_broken += bool(piece) and name in DEFINING_NAMES
            if n_broken > MAX_BROKEN:
                return None
            out.put(piece)
            continue
        if macro.primitive:
            out.put(macro.body)
            continue
        remaining = len(rest) - control.start()
        while tails and remaining <= tails[-1]:
            tails.pop()
        filled = _fill(macro, rest, position)
        n_expansions += 1
        if filled is None or n_expansions > MAX_EXPANSIONS or len(tails) >= MAX_DEPTH:
            return None
        body, position = filled
        if _OPEN_SLOT.search(out.tail()) and not _is_one(body):
            body = "{" + body + "}"
        rest = rest[position:]
        tails.append(len(rest))
        if _ENDS_IN_COMMAND.search(body) and rest[:1].isalpha():
            body += " "
        rest, position = body + rest, 0
        if out.length + len(rest) > MAX_EXPANDED_CHARS:
            return None
    return "".join(out.parts)


def _is_one(body: str) -> bool:
    """Whether a body is one token or one group, so that it may stand as an argument."""
    if body[:1] == "{":
        return group_end(body, 0) == len(body)
    return _ONE_TOKEN.match(body) is not None


def _fill(macro: Macro, rest: str, position: int) -> tuple[str, int] | None:
    """A macro's body with the arguments that stand at a place, and what follows them."""
    if macro.n_arguments == 0:
        return macro.body, position
    arguments: list[str] = []
    if macro.default is not None:
        given, position = optional_argument(rest, position)
        arguments.append(macro.default if given is None else given)
    while len(arguments) < macro.n_arguments:
        found = argument(rest, position)
        if found is None:
            return None
        arguments.append(found[0])
        position = found[1]
    out = _Output()
    last = 0
    for match in _PARAMETER.finditer(macro.body):
        out.put(macro.body[last : match.start()])
        index = int(match[1]) - 1
        out.put(arguments[index] if 0 <= index < len(arguments) else match[0])
        last = match.end()
    out.put(macro.body[last:])
    return ("".join(out.parts), position) if out.length <= MAX_EXPANDED_CHARS else None


def _unchanged(
    rest: str, control: re.Match[str], macros: dict[str, Macro], depth: int
) -> tuple[str, int]:
    """What is put out for a command that is no macro: definitions vanish, text stays."""
    name, start, end = control[1], control.start(), control.end()
    if name in DEFINING_NAMES:
        after = read_definition(rest, start, macros)
        return ("", after) if after is not None else (control[0], end)
    if name == "verb" and end < len(rest):
        close = rest.find(rest[end], end + 1)
        return (rest[start : close + 1], close + 1) if close > 0 else (control[0], end)
    if name in _TEXT:
        brace = end
        while brace < len(rest) and rest[brace] == " ":
            brace += 1
        if rest[brace : brace + 1] == "{":
            after = group_end(rest, brace)
            words = rest[start:after]
            if depth < _MAX_TEXT_DEPTH and ("$" in words or "\\(" in words):
                words = _TEXT_FORMULA.sub(
                    lambda m: m[0].replace(m[1] or m[2], expand(m[1] or m[2], macros, depth + 1)),
                    words,
                )
            return words, after
    return control[0], end
