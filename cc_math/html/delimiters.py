r"""Client-side TeX: formulas that stand in the text between delimiters.

What counts as a delimiter is the page's own MathJax or KaTeX configuration where the page
shows one; else the renderers' defaults (``\(…\)``, ``\[…\]``, ``$$…$$``, environments); and
single dollars by evidence: the page must hold dollar pairs that can only be TeX. Prices
(``$5 and $10``), shell and PHP variables fail the rule for content: no words, no spaces just
inside, no digit after the closing dollar (pandoc's rule). Code never reaches this module:
it has been replaced by placeholders before.

The scan is linear: every opener looks for its closer within a bounded distance, a closer is
looked for once, and what an untrusted opener encloses is weighed up to the next such opener only.
"""

from __future__ import annotations

import itertools
import re
from html import unescape

from cc_math.html.asciimath import asciimath_to_tex, is_plausible
from cc_math.html.configuration import Delimiters, page_delimiters
from cc_math.html.items import CLOSE, HIDDEN_DOLLAR, KEEP, OPEN, Item, Items
from cc_math.html.macros import expand
from cc_math.html.tex import MATH_ENVIRONMENTS, source_formula

__all__ = ["Delimiters", "Scanner", "page_delimiters"]

MAX_DISPLAY_CHARS = 20_000
MAX_INLINE_CHARS = 3_000
"""Longest formulas looked for. The longest inline formula of the development pages has
1,100 characters, the longest display one 4,600."""

_BACKSLASH_PAIR = re.compile(r"\\[(\[]((?:[^\n\\]|\\[^\n(\[]){1,400}?)\\[)\]]")
_SAME_OPENER = {
    opener: re.compile(r"(?<!\\)(?:\\\\)*" + re.escape(opener)) for opener in ("\\(", "\\[")
}
MAX_ASCIIMATH_CHARS = 1_000
"""Longest formula between backticks. Chosen: they are typed by hand, on one line."""
_COMMENT = re.compile(r"%[^\n<]{0,300}\n")
MAX_COMMENTS = 500
"""Comments of TeX looked for in a page's source. Chosen: ten a formula on a long page."""
EVIDENCE_SAMPLES = 30
"""How many pairs are looked at for evidence. Chosen: the first screens of a page."""

_COMMAND = re.compile(r"\\[a-zA-Z]{2,}|\\[{}|,;!%]")
_SCRIPT = re.compile(r"[A-Za-z0-9)}\]]\s*[_^]\s*[A-Za-z0-9{\\(*+\-]")
_WORDS = re.compile(r"(?<![\\A-Za-z])[A-Za-z]{3,}")
_TEXT_ARGUMENT = re.compile(
    r"\\(?:text|mathrm|operatorname|mbox|textbf|textit|mathbf|label|tag|begin|end|mathit|mathsf|hbox)\*?\s*\{[^{}]*\}"
)
_SIMPLE = re.compile(
    r"^(?:[A-Za-zΑ-ω]'*|-?\d+(?:[.,]\d+)?%?|[-+A-Za-z0-9Α-ω\s=<>≤≥≠+*/().,!:;|'\[\]{}~^_&×·−±∈→∞-]+)$"
)
_NOT_CODE = re.compile(r"[;\"`@?]|//|=>|->|&&|\bfunction\b|\$\w")
_PRICE = re.compile(
    r"^\d[\d,.]*(?:\s?[kKmMbB]n?|\s*(?:million|billion|USD|per|and|to|or|a)\b|\s*[-–—+/])?[^=^_\\{}]*$"
)


def _is_strong(content: str) -> bool:
    """TeX that cannot be prose, a price or a variable name."""
    if _COMMAND.search(content):
        return True
    return bool(_SCRIPT.search(content)) and len(content) < 200 and not _WORDS.search(content)


def _is_mathematics(content: str) -> bool:
    """Content of delimiters whose page says nothing about them."""
    if _COMMAND.search(content):
        words = _WORDS.findall(_TEXT_ARGUMENT.sub("", content))
        return len(words) <= 4 + len(content) // 40
    if _NOT_CODE.search(content):
        return False
    words = [
        w
        for w in _WORDS.findall(content)
        if w not in ("sin", "cos", "tan", "log", "exp", "max", "min", "mod", "lim", "det", "gcd")
    ]
    if words:
        return False
    return bool(_SIMPLE.match(content)) and any(c.isalnum() for c in content)


class Scanner:
    """One scan of a page's text; holds what the page's blocks share."""

    def __init__(self, delimiters: Delimiters, items: Items, max_formulas: int) -> None:
        self.delimiters = delimiters
        self.items = items
        self.max_formulas = max_formulas
        self.dollars = delimiters.single_dollar
        self.trusted = delimiters.renderer  # whether \\( and \\[ are delimiters for certain
        self.own_signs = delimiters.own_signs
        self.asciimath = dict(delimiters.asciimath)
        self.comments: tuple[str, ...] | None = None
        extra = "|".join(
            re.escape(left) for left in (*self.asciimath, *(pair[0] for pair in delimiters.extra))
        )
        fixed = (
            r"\\\\|\\\$|\\\(|\\\[|\\begin\{([A-Za-z]{2,14}\*?)\}|\$\$?|\[(?:tex|itex|math|latex)\]"
        )
        self.openers = re.compile(f"{extra}|{fixed}" if extra else fixed)
        self.extra = {left: (right, display) for left, right, display in delimiters.extra}
        self.empty_until: dict[str, int] = {}
        self.next_at: dict[str, int] = {}

    def weigh(self, text: str) -> None:
        """Decide from the whole text what counts as a delimiter where no page says so."""
        if not self.trusted:
            samples = itertools.islice(_BACKSLASH_PAIR.finditer(text), EVIDENCE_SAMPLES)
            self.trusted = any(_is_strong(m[1]) and _is_mathematics(m[1].strip()) for m in samples)
        if self.delimiters.configured or "$" not in text:
            return
        strong = 0
        position = text.find("$")
        while position >= 0 and strong < 3:
            end = text.find("$", position + 1, position + MAX_INLINE_CHARS)
            if end < 0:
                break
            content = text[position + 1 : end]
            if (
                content
                and "\n\n" not in content
                and _is_strong(content)
                and not content[0].isspace()
                and not content[-1].isspace()
                and _is_mathematics(content)
            ):
                strong += 1
                end = text.find("$", end + 1)
                position = end
            else:
                position = end
        self.dollars = strong >= (1 if self.delimiters.renderer else 2)

    def block(self, text: str) -> str:
        """Replace the formulas of one block of text by placeholders."""
        if "$" not in text and "\\" not in text and "[" not in text and not self.own_signs:
            return text
        ignored = KEEP in text and "$" + KEEP in text
        if ignored:  # where the renderer does not look, see formulas.py
            text = text.replace(HIDDEN_DOLLAR, "").replace("$" + KEEP, HIDDEN_DOLLAR)
        self.empty_until.clear()
        self.next_at.clear()
        parts: list[str] = []
        last = position = 0
        while True:
            match = self.openers.search(text, position)
            if match is None:
                break
            found = self._formula(text, match)
            if found is None:
                position = match.end()
                continue
            content, end, display, representation = found
            parts.append(text[last : match.start()])
            tex = self._source(content, representation)
            parts.append(self.items.add(Item("formula", tex, display, representation)))
            last = position = end
            if self.items.n_formulas > self.max_formulas:
                break
        if parts:
            parts.append(text[last:])
            text = "".join(parts)
        return text.replace(HIDDEN_DOLLAR, "$") if ignored else text

    def _source(self, content: str, representation: str) -> str:
        """The formula between two delimiters as it is put out."""
        tex = content
        if OPEN in tex or CLOSE in tex:
            tex = self.items.expand(content).replace(OPEN, "").replace(CLOSE, "")
        if representation == "asciimath":
            return asciimath_to_tex(tex)
        if "%" in tex:
            tex = self._without_comments(tex)
        tex = source_formula(tex)
        macros = self.delimiters.macros
        return tex if macros is None else expand(tex, macros)

    def _without_comments(self, tex: str) -> str:
        """A formula without its comments, whose line breaks the choice of content has taken:
        they end where they end in the page's source."""
        position = -1
        while True:
            position = tex.find("%", position + 1)
            if position < 0:
                break
            if not _even(tex, position):
                continue
            if self.comments is None:
                self.comments = _comments(self.delimiters.source)
            for comment in self.comments:
                if tex.startswith(comment, position):
                    rest = tex[position + len(comment) :]
                    tex = (tex[:position].rstrip() if rest[:1] == " " else tex[:position]) + rest
                    position -= 1
                    break
        return tex

    def _until(self, text: str, start: int, closer: str, limit: int) -> int:
        """Where the closer stands, or -1. What was searched once is not searched again."""
        stop = start + limit
        known = self.next_at.get(closer, -1)
        if start < known <= stop - len(closer):
            return known
        end = text.find(closer, max(start, self.empty_until.get(closer, 0)), stop)
        while end > start and closer[0] == "\\" and text[end - 1] == "\\" and not _even(text, end):
            end = text.find(closer, end + 1, stop)
        if end < 0:
            self.empty_until[closer] = max(start, min(stop, len(text)) - len(closer) + 1)
        else:
            self.next_at[closer] = end
        return end

    def _formula(self, text: str, match: re.Match[str]) -> tuple[str, int, bool, str] | None:
        opener = match.group()
        start = match.end()
        if opener in self.asciimath:
            closer = self.asciimath[opener]
            end = self._until(text, start, closer, MAX_ASCIIMATH_CHARS)
            content = text[start:end] if end > start else ""
            if not content.strip() or not (
                self.delimiters.asciimath_certain or is_plausible(content)
            ):
                return None
            return content, end + len(closer), False, "asciimath"
        if opener in self.extra:
            closer, display = self.extra[opener]
            end = self._until(text, start, closer, MAX_DISPLAY_CHARS)
            if end > start:
                return text[start:end], end + len(closer), display, "delimiters_configured"
            return None
        if opener in ("\\\\", "\\$"):
            return None
        if opener == "$":
            return self._dollar(text, match.start())
        if opener == "$$":
            end = self._until(text, start, "$$", MAX_DISPLAY_CHARS)
            if end <= start:
                return None
            content = text[start:end]
            if not content.strip() or not (
                self.delimiters.renderer or _is_mathematics(content.strip())
            ):
                return None
            return content, end + 2, True, "delimiters_dollars"
        if opener in ("\\(", "\\["):
            closer = "\\)" if opener == "\\(" else "\\]"
            end = self._until(text, start, closer, MAX_DISPLAY_CHARS)
            if end <= start or not (
                self.trusted or _SAME_OPENER[opener].search(text, start, end) is None
            ):
                return None
            content = text[start:end]
            body = content.strip()
            if not body or not (self.trusted or (_is_strong(body) and _is_mathematics(body))):
                return None
            kind = "delimiters_paren" if opener == "\\(" else "delimiters_bracket"
            return content, end + 2, opener == "\\[", kind
        if opener.startswith("["):
            closer = "[/" + opener[1:]
            end = self._until(text, start, closer, MAX_DISPLAY_CHARS)
            if end <= start:
                return None
            return text[start:end], end + len(closer), opener == "[tex]", "bbcode"
        name = match.group(1)
        if name not in MATH_ENVIRONMENTS or not self.delimiters.environments:
            return None
        closer = "\\end{" + name + "}"
        end = self._until(text, start, closer, MAX_DISPLAY_CHARS)
        if end < 0:
            return None
        return text[match.start() : end + len(closer)], end + len(closer), True, "environment"

    def _dollar(self, text: str, start: int) -> tuple[str, int, bool, str] | None:
        if not self.dollars:
            return None
        end = start
        for _ in range(6):
            end = text.find("$", end + 1, start + MAX_INLINE_CHARS)
            if end < 0:
                return None
            if text[end - 1] == "\\" and not _even(text, end):
                continue
            content = text[start + 1 : end]
            if "\n| " in content:
                return None  # a dollar of one row of a table and one of another
            if content.count("{") - content.count("\\{") != content.count("}") - content.count(
                "\\}"
            ):
                continue  # a dollar inside \text{…}
            return self._accept(text, content, end)
        return None

    def _accept(self, text: str, content: str, end: int) -> tuple[str, int, bool, str] | None:
        body = content.strip()
        if not body:
            return None
        if self.delimiters.single_dollar:
            if _PRICE.match(body) and (" " in body and _WORDS.search(body)):
                return None
            return content, end + 1, False, "delimiters_dollar"
        if body != content and not (
            _is_strong(body) and content[0].isspace() == content[-1].isspace()
        ):
            return None
        if text[end + 1 : end + 2].isdigit() or not _is_mathematics(body):
            return None
        return content, end + 1, False, "delimiters_dollar"


def _even(text: str, position: int) -> bool:
    """Whether an even number of backslashes stands right before the position."""
    count = 0
    while position - count > 0 and text[position - count - 1] == "\\" and count < 50:
        count += 1
    return count % 2 == 0


def _comments(source: str) -> tuple[str, ...]:
    """The comments of TeX that a page's source may hold, as they read in running text,
    longest first."""
    found: set[str] = set()
    for match in itertools.islice(_COMMENT.finditer(source), MAX_COMMENTS):
        if _even(source, match.start()):
            found.add(" ".join(unescape(match[0]).split()))
    return tuple(sorted(found, key=lambda comment: (-len(comment), comment)))
