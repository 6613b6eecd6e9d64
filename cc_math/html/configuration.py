r"""What a page tells its renderer: delimiters, macros, and where it may look for formulas.

Reads MathJax 2, 3 and 4 configurations, KaTeX's auto-render options and the address of the
script (``config=AM_HTMLorMML``) out of the page's source. Options are found by name; nothing
is evaluated. Every look is gated by a hint of :mod:`cc_math.html.prefilter`, so a page
without configuration costs nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from cc_math.html.javascript import unescape_js
from cc_math.html.macros import Macro, page_macros

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
CONFIG_WINDOW_CHARS = 400
"""How far after ``inlineMath:`` its pairs are read. Chosen: longer than any seen."""

_ASCIIMATH_CONFIG = re.compile(r"asciimath(?:2jax)?[\"']?\s*:\s*\{")
_NO_ENVIRONMENTS = re.compile(r"processEnvironments[\"']?\s*:\s*(?:false|!1)")
# Patterns begin with a literal, which Python's engine finds at the speed of memory; what
# stands before it is looked at afterwards.
_CLASS_OPTION = re.compile(r"""Class["']?\s*:\s*(["'])([^"'\n]{1,300})\1""")
_IGNORED_CLASSES = re.compile(r"ignoredClasses[\"']?\s*:\s*\[([^\]]{0,300})\]")
_SKIPPED_TAGS = re.compile(
    r"Tags[\"']?\s*:\s*(?:\{\s*[\"']?\[-\][\"']?\s*:\s*(\[[^\]]{0,300}\])|(\[[^\]]{0,300}\]))"
)
_QUOTED_NAME = re.compile(r"""["']([\w-]{1,60})["']""")
_SCOPE_HINTS = frozenset(
    (
        "classes of renderer",
        "ignored classes",
        "tags of renderer",
        "class ignored by renderer",
        "code processed by renderer",
    )
)
_SCRIPT_HINTS = _SCOPE_HINTS | {
    "pairs of MathJax",
    "pairs of KaTeX",
    "asciimath by name",
    "process environments",
    "macros of renderer",
}
_IGNORED = ("tex2jax_ignore", "mathjax_ignore")  # MathJax's own, versions 2 to 4
_OF_RENDERER = _RENDERERS | {"ignored classes"}  # an option of KaTeX's, whatever loads it
_PROCESSED = ("tex2jax_process", "mathjax_process")
_CLASS_NAME = re.compile(r"[A-Za-z_][\w-]{0,60}")
_WHOLE_PAGE = re.compile(r"<(?:html|body|main|article|section)\s", re.IGNORECASE)
MAX_CLASS_USES = 50
"""Places of a class name looked at for an element that holds the page. Chosen."""


@dataclass(frozen=True, slots=True)
class Scope:
    """Where a page's renderer looks.

    ``ignored``, ``processed``: classes of elements that it leaves out and returns to (those
    that the page uses); ``ignores_page``: it leaves out the page as a whole but for the
    elements it is pointed to (PreTeXt, MyST, MkDocs); ``in_code``: a formula in delimiters
    may be the whole of a ``code`` element; ``code_processed``: it returns to some ``pre`` or
    ``code`` by their class.
    """

    ignored: frozenset[str]
    processed: frozenset[str]
    ignores_page: bool
    in_code: bool
    code_processed: bool = False


@dataclass(frozen=True, slots=True)
class Delimiters:
    """Which delimiters a page's renderer reads.

    ``extra``: (left, right, display) of its own; ``asciimath``: (left, right) around
    AsciiMath, ``asciimath_certain`` where the page asks for it by name and not by loading
    everything; ``environments``: whether ``\\begin…\\end`` needs no delimiters; ``macros``:
    see :func:`cc_math.html.macros.page_macros`; ``source``: the page's, to be read again.
    """

    renderer: bool
    configured: bool
    single_dollar: bool
    extra: tuple[tuple[str, str, bool], ...]
    asciimath: tuple[tuple[str, str], ...] = ()
    asciimath_certain: bool = False
    environments: bool = True
    macros: dict[str, Macro] | None = None
    scope: Scope | None = None
    source: str = ""

    @property
    def own_signs(self) -> bool:
        """Whether delimiters may stand in text without a dollar, backslash or bracket."""
        return bool(self.extra or self.asciimath)


def page_delimiters(source: str, hints: frozenset[str]) -> Delimiters:
    """Read the renderer's configuration out of a page's source.

    ``hints``: what :func:`cc_math.html.prefilter.find_hints` found in it.
    """
    scripts = "" if hints.isdisjoint(_SCRIPT_HINTS) else _scripts(source)
    pairs: list[tuple[str, str, bool]] = []
    if "pairs of MathJax" in hints:
        for pattern, display in ((_INLINE_CONFIG, False), (_DISPLAY_CONFIG, True)):
            for match in pattern.finditer(scripts):
                window = scripts[match.end() : match.end() + CONFIG_WINDOW_CHARS]
                end = re.search(r"\]\s*\]|\}", window)
                window = window[: end.end()] if end else window
                for pair in _JS_PAIR.finditer(window):
                    pairs.append((unescape_js(pair[2]), unescape_js(pair[4]), display))
    if "pairs of KaTeX" in hints and "delimiters" in hints:
        for pair in _KATEX_PAIR.finditer(scripts):
            pairs.append((unescape_js(pair[2]), unescape_js(pair[4]), pair[5] in ("true", "!0")))
    known = ("$", "$$", "\\(", "\\[")
    extra = tuple(
        dict.fromkeys(
            p
            for p in pairs
            if p[0] not in known and not p[0].startswith("\\begin") and len(p[0]) > 1
        )
    )
    scope = _scope(source, scripts, hints)
    ignored = scope is not None and scope.ignores_page
    asciimath, certain = ((), False) if ignored else _asciimath(scripts, hints)
    return Delimiters(
        renderer=not hints.isdisjoint(_RENDERERS),
        configured=bool(pairs) or ignored,
        single_dollar=any(left == "$" for left, _, _ in pairs) and not ignored,
        extra=extra,
        asciimath=asciimath,
        asciimath_certain=certain,
        environments=not (
            "process environments" in hints and _NO_ENVIRONMENTS.search(scripts) is not None
        ),
        macros=page_macros(source, hints, scripts),
        scope=scope,
        source=source,
    )


def _asciimath(scripts: str, hints: frozenset[str]) -> tuple[tuple[tuple[str, str], ...], bool]:
    """Delimiters of AsciiMath, and whether the page names it. Backticks by default."""
    certain = "asciimath by name" in hints
    if not certain and "asciimath" not in hints:
        return (), False
    pairs: list[tuple[str, str]] = []
    for match in _ASCIIMATH_CONFIG.finditer(scripts) if certain else ():
        window = scripts[match.end() : match.end() + CONFIG_WINDOW_CHARS]
        stop = window.find("}")
        for pair in _JS_PAIR.finditer(window[:stop] if stop >= 0 else window):
            pairs.append((unescape_js(pair[2]), unescape_js(pair[4])))
    return tuple(dict.fromkeys(pairs)) or (("`", "`"),), certain


def _scripts(source: str) -> str:
    """The page's scripts, attributes included, and the tag of its body: where a renderer is
    configured. What a page shows of a configuration is text, and scripts are short."""
    parts: list[str] = []
    for opening, closing in (("<script", "</script"), ("<SCRIPT", "</SCRIPT")):
        end = 0
        while True:
            start = source.find(opening, end)
            end = source.find(closing, start) if start >= 0 else -1
            if end < 0:
                break
            if not source.startswith("math/", start + 14):  # after `<script type="`
                parts.append(source[start:end])
        if parts:
            break
    body = source.find("<body")
    if body >= 0:
        parts.append(source[body : source.find(">", body, body + 2000)])
    return "\n".join(parts)


def _scope(source: str, scripts: str, hints: frozenset[str]) -> Scope | None:
    """Where the renderer looks, or None where the page says nothing about it."""
    if hints.isdisjoint(_SCOPE_HINTS) or hints.isdisjoint(_OF_RENDERER):
        return None
    names = {"ignore": set(), "process": set(_PROCESSED)}  # type: dict[str, set[str]]
    ignores_page = in_code = False
    if "class ignored by renderer" in hints:
        names["ignore"].update(_IGNORED)
    for name, value in _class_options(scripts) if "classes of renderer" in hints else ():
        ignores_page |= name == "ignore" and value.startswith(".*")
        names[name].update(
            part
            for part in value.split("|")
            if _CLASS_NAME.fullmatch(part) and part not in _IGNORED
        )
    for match in _IGNORED_CLASSES.finditer(scripts) if "ignored classes" in hints else ():
        names["ignore"].update(_QUOTED_NAME.findall(match[1]))
    for match in _SKIPPED_TAGS.finditer(scripts) if "tags of renderer" in hints else ():
        if not scripts.endswith(("skip", "skipHtml", "ignored"), 0, match.start()):
            continue
        removed, listed = match[1], match[2]
        in_code |= "code" in _QUOTED_NAME.findall(removed) if removed is not None else (
            "code" not in _QUOTED_NAME.findall(listed)
        )  # fmt: skip
    used: set[str] = set()
    for name in sorted(names["ignore"]):  # "ignore-math" of PreTeXt's body comes first
        if ignores_page:
            break
        on_page, on_elements = _uses_of_class(source, name)
        ignores_page |= on_page
        if on_elements:
            used.add(name)
    return Scope(
        frozenset(used),
        frozenset(names["process"]),
        ignores_page,
        in_code,
        "code processed by renderer" in hints,
    )


def _class_options(scripts: str) -> Iterator[tuple[str, str]]:
    """Values of ``ignoreClass`` and ``processClass`` (``…HtmlClass`` since MathJax 3)."""
    for match in _CLASS_OPTION.finditer(scripts):
        for name in ("ignore", "process"):
            if scripts.endswith((name, name + "Html"), 0, match.start()):
                yield name, match[2]


def _uses_of_class(source: str, name: str) -> tuple[bool, bool]:
    """Whether an element that holds the page as a whole has a class, and whether another."""
    on_page = on_elements = False
    position = source.find(name)
    for _ in range(MAX_CLASS_USES):
        if position < 0 or (on_page and on_elements):
            break
        tag = source.rfind("<", max(0, position - 300), position)
        start = source[tag:position] if tag >= 0 else ""
        if "class" in start and ">" not in start:
            whole = _WHOLE_PAGE.match(source, tag) is not None
            on_page |= whole
            on_elements |= not whole
        position = source.find(name, position + len(name))
    return on_page, on_elements
