r"""Is a formula's TeX whole? Counted, never mended.

Owns the sanity check of the formulas that extraction puts out: braces, environments and
``\left … \right`` close in order, no HTML is left in, no bare ``$`` stands inside. A formula
that fails stays in the text as it is; `documents` carries the counts, and a training set that
wants only whole formulas can ask for documents without them.

Reads strings, writes nothing. The trade: nesting alone is checked. Unknown commands, missing
arguments and misplaced ``&`` are left to TeX, since a parser would cost more than all the rest
of extraction. Most formulas hold neither ``\left`` nor an environment: their braces are checked
by deleting what is no brace and striking out ``{}``, a microsecond a formula.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from enum import StrEnum
from html.entities import name2codepoint


class Fault(StrEnum):
    """What is wrong with a formula's TeX, in the order in which a formula is judged."""

    html = "html"  # tags, comments or entities of HTML are left in
    dollar = "dollar"  # a `$` that is not escaped: a delimiter inside a formula
    braces = "braces"  # a brace too many or too few
    environments = "environments"  # \begin and \end do not match by name, or nest wrongly
    left_right = "left_right"  # \left without \right, \right without \left, or across a group


# A tag of HTML, not an order relation: `a<b>c` may be mathematics, `<b class=…`, `</b>` and the
# names below are not. The names are those that text-level mark-up and renderers leave behind.
_TAG = re.compile(
    r"</[a-z][a-z0-9:]*\s*>|<[a-z][a-z0-9:]*\s+[a-z-]+\s*=\s*[\"']|<!--"
    r"|<(?:br|hr|em|strong|small|sub|sup|span|div|img|font|code|pre|tt|var|nobr|wbr|table|tbody|"
    r"tr|td|th|ul|ol|li|math|mrow|mi|mn|mo|script|style|center|h[1-6])\s*/?>",
    re.IGNORECASE,
)
_ENTITY = re.compile(r"&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|([A-Za-z]{2,8}\d{0,2}));")
_BARE_DOLLAR = re.compile(r"(?<!\\)(?:\\\\)*\$")
_NESTING = re.compile(
    r"\\(?P<edge>begin|end)\s*(?:\{(?P<name>[^{}]*)\}|(?![A-Za-z]))"
    r"|\\(?P<fence>left|right)(?![A-Za-z])|\\.|(?P<brace>[{}])",
    re.DOTALL,
)
_NO_BRACE = bytes(code for code in range(256) if chr(code) not in "{}")
_MAX_STRIKES = 8  # chosen: formulas nest two or three deep; deeper ones take the scan below


def formula_fault(tex: str) -> Fault | None:
    """The first fault of a formula without its delimiters, or None. Linear in its length."""
    if "<" in tex and _TAG.search(tex):
        return Fault.html
    if "&" in tex and ";" in tex and _has_entity(tex):
        return Fault.html
    if "$" in tex and _BARE_DOLLAR.search(tex):
        return Fault.dollar
    if "\\" not in tex:
        return None if _braces_close(tex) else Fault.braces
    fenced = "\\left" in tex or "\\right" in tex or "\\begin" in tex or "\\end" in tex
    if not fenced and "\\{" not in tex and "\\}" not in tex and _braces_close(tex):
        return None
    return _nesting_fault(tex)


def count_faults(formulas: Iterable[str]) -> dict[str, int]:
    """Formulas by fault, sorted by name; each is counted once, under its first fault."""
    counts: dict[str, int] = {}
    for tex in formulas:
        fault = formula_fault(tex)
        if fault is not None:
            counts[fault.value] = counts.get(fault.value, 0) + 1
    return dict(sorted(counts.items()))


def _has_entity(tex: str) -> bool:
    return any(match[1] is None or match[1] in name2codepoint for match in _ENTITY.finditer(tex))


def _braces_close(tex: str) -> bool:
    """Whether braces close in order, where none is escaped; may say no for very deep ones."""
    if "{" not in tex:
        return "}" not in tex
    braces = tex.encode("utf-8", "surrogatepass").translate(None, _NO_BRACE)
    for _ in range(_MAX_STRIKES):
        if not braces:
            return True
        braces = braces.replace(b"{}", b"")
    return not braces or _nesting_fault(braces.decode()) is None


def _nesting_fault(tex: str) -> Fault | None:
    r"""One pass with a stack of what is open: ``{``, ``\left`` or the name of an environment."""
    opened: list[tuple[Fault, str]] = []
    for match in _NESTING.finditer(tex):
        kind = match.lastgroup
        if kind is None:
            continue
        if kind == "brace":
            fault, name, opens = Fault.braces, "", match[0] == "{"
        elif kind == "fence":
            fault, name, opens = Fault.left_right, "", match["fence"] == "left"
        elif kind == "name":
            fault, opens = Fault.environments, match["edge"] == "begin"
            name = match["name"].rpartition("\n")[2].strip()  # after a comment: \begin{%⏎array}
        else:
            return Fault.environments  # \begin or \end without a name
        if opens:
            opened.append((fault, name))
        elif not opened or opened[-1] != (fault, name):
            return fault
        else:
            opened.pop()
    return opened[-1][0] if opened else None
