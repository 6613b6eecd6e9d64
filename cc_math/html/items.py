"""What is taken out of a page before its content is chosen, and the placeholder left behind.

A formula or a piece of code is replaced in the tree by a short run of private-use
characters around its number. Those survive entity decoding, white-space collapsing and
content selection unchanged, and cannot be read as words, prices or mark-up. Each number is
put back once, so a page cannot duplicate a formula by writing such a run itself.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Literal

OPEN, CLOSE, KEEP, HIDDEN_DOLLAR = "\ue000", "\ue001", "\ue002", "\ue003"
PLACEHOLDER = re.compile(f"{OPEN}(\\d{{1,9}}){CLOSE}")

Kind = Literal["formula", "code", "block", "mark"]


@dataclass(slots=True)
class Item:
    """Taken out of the page: a formula (TeX), inline code, a block of code; or a mark of
    structure that was put into it (see the module ``quotes``)."""

    kind: Kind
    text: str
    display: bool = False
    representation: str = ""


@dataclass(slots=True)
class Items:
    """The items of one page, in order of discovery; the index is in the placeholder."""

    found: list[Item] = field(default_factory=list)
    n_formulas: int = 0

    def add(self, item: Item) -> str:
        """Keep an item and return its placeholder."""
        self.found.append(item)
        self.n_formulas += item.kind == "formula"
        return f"{OPEN}{len(self.found) - 1}{CLOSE}"

    def expand(self, text: str) -> str:
        """Placeholders back to plain TeX or code: for text that is itself code."""
        if OPEN not in text:
            return text
        return PLACEHOLDER.sub(
            lambda match: self.found[int(match[1])].text if int(match[1]) < len(self.found) else "",
            text,
        )
