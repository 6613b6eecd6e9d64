r"""Client-side TeX: formulas that stand in the text between delimiters.

What counts as a delimiter is the page's own MathJax or KaTeX configuration where the page
shows one; else the renderers' defaults (``\(…\)``, ``\[…\]``, ``$$…$$``, environments); and
single dollars by evidence: the page must hold dollar pairs that can only be TeX. Prices
(``$5 and $10``), shell and PHP variables fail the rule for content: no words, no spaces just
inside, no digit after the closing dollar (pandoc's rule). Code never reaches this module:
it has been replaced by placeholders before.

The scan is linear: every opener looks for its closer within a bounded distance, and a closer
that a block does not hold is looked for once.
"""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass

from cc_math.html.items import CLOSE, OPEN, Item, Items
from cc_math.html.tex import MATH_ENVIRONMENTS, one_paragraph

MAX_DISPLAY_CHARS = 20_000
MAX_INLINE_CHARS = 3_000
"""Longest formulas looked for. The longest inline formula of the development pages has
1,100 characters, the longest display one 4,600."""

_JS_PAIR = re.compile(
    r"""\[\s*(["'])((?:\\.|(?!\1).){1,12})\1\s*,\s*(["'])((?:\\.|(?!\3).){1,12})\3\s*\]"""
)
_KATEX_PAIR = re.compile(
    r"""left["']?\s*:\s*(["'])((?:\\.|(?!\1).){1,20})\1\s*,\s*["']?right["']?\s*:\s*(["'])((?:\\.|(?!\3).){1,20})\3"""
    r"""(?:\s*,\s*["']?display["']?\s*:\s*(true|false|!0|!1))?"""
)
_INLINE_CONFIG = re.compile(r"inlineMath[\"']?\s*:")
_DISPLAY_CONFIG = re.compile(r"displayMath[\"']?\s*:")
_RENDERERS = frozenset(("mathjax", "katex", "texme", "jsmath"))
_BACKSLASH_PAIR = re.compile(r"\\[(\[]([^\n]{1,400}?)\\[)\]]")
EVIDENCE_SAMPLES = 30
"""How many pairs are looked at for evidence. Chosen: the first screens of a page."""
CONFIG_WINDOW_CHARS = 400
"""How far after ``inlineMath:`` its pairs are read. Chosen: longer than any seen."""


@dataclass(frozen=True, slots=True)
class Delimiters:
    """Which delimiters a page's renderer reads."""

    renderer: bool
    configured: bool
    single_dollar: bool
    extra: tuple[tuple[str, str, bool], ...]


def _unescape_js(value: str) -> str:
    return re.sub(r"\\(.)", r"\1", value)


def page_delimiters(source: str, hints: frozenset[str]) -> Delimiters:
    """Read the renderer's configuration out of a page's source.

    ``hints``: what :func:`cc_math.html.prefilter.scan` found in it.
    """
    renderer = not hints.isdisjoint(_RENDERERS)
    pairs: list[tuple[str, str, bool]] = []
    if "pairs of MathJax" in hints:
        for pattern, display in ((_INLINE_CONFIG, False), (_DISPLAY_CONFIG, True)):
            for match in pattern.finditer(source):
                window = source[match.end() : match.end() + CONFIG_WINDOW_CHARS]
                end = re.search(r"\]\s*\]|\}", window)
                window = window[: end.end()] if end else window
                for pair in _JS_PAIR.finditer(window):
                    pairs.append((_unescape_js(pair[2]), _unescape_js(pair[4]), display))
    if "pairs of KaTeX" in hints and "delimiters" in hints:
        for pair in _KATEX_PAIR.finditer(source):
            pairs.append((_unescape_js(pair[2]), _unescape_js(pair[4]), pair[5] in ("true", "!0")))
    known = ("$", "$$", "\\(", "\\[")
    extra = tuple(
        dict.fromkeys(
            p
            for p in pairs
            if p[0] not in known and not p[0].startswith("\\begin") and len(p[0]) > 1
        )
    )
    return Delimiters(
        renderer=renderer,
        configured=bool(pairs),
        single_dollar=any(left == "$" for left, _, _ in pairs),
        extra=extra,
    )


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
        extra = "|".join(re.escape(left) for left, _, _ in delimiters.extra)
        fixed = (
            r"\\\\|\\\$|\\\(|\\\[|\\begin\{([A-Za-z]{2,14}\*?)\}|\$\$?|\[(?:tex|itex|math|latex)\]"
        )
        self.openers = re.compile(f"{extra}|{fixed}" if extra else fixed)
        self.extra = {left: (right, display) for left, right, display in delimiters.extra}
        self.empty_until: dict[str, int] = {}

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
        if "$" not in text and "\\" not in text and "[" not in text and not self.extra:
            return text
        self.empty_until.clear()
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
            tex = one_paragraph(self.items.expand(content).replace(OPEN, "").replace(CLOSE, ""))
            parts.append(self.items.add(Item("formula", tex, display, representation)))
            last = position = end
            if self.items.n_formulas > self.max_formulas:
                break
        if not parts:
            return text
        parts.append(text[last:])
        return "".join(parts)

    def _until(self, text: str, start: int, closer: str, limit: int) -> int:
        """Where the closer stands, or -1. What was searched in vain is not searched again."""
        stop = start + limit
        end = text.find(closer, max(start, self.empty_until.get(closer, 0)), stop)
        while end > start and closer[0] == "\\" and text[end - 1] == "\\" and not _even(text, end):
            end = text.find(closer, end + 1, stop)
        if end < 0:
            self.empty_until[closer] = max(start, min(stop, len(text)) - len(closer) + 1)
        return end

    def _formula(self, text: str, match: re.Match[str]) -> tuple[str, int, bool, str] | None:
        opener = match.group()
        start = match.end()
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
            if end <= start:
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
            return (
                (text[start:end], end + len(closer), opener == "[tex]", "bbcode")
                if end > start
                else None
            )
        name = match.group(1)
        if name not in MATH_ENVIRONMENTS:
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
