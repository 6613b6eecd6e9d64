"""A page's document: its text with formulas in place, and what is known about it.

Puts the parts together: formulas out of the tree, main content, Markdown, formulas out of
the text, and everything back in one pass that also records where each formula stands.
"""

from __future__ import annotations

import contextlib
import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urljoin, urlsplit

from cc_math.html.content import main_content
from cc_math.html.delimiters import Scanner, page_delimiters
from cc_math.html.formulas import replace_formulas
from cc_math.html.items import KEEP, OPEN, PLACEHOLDER, Item, Items
from cc_math.html.markdown import to_markdown
from cc_math.html.page import MAX_DEPTH, ParsedPage
from cc_math.html.tex import is_definition, one_line, without_inner_dollars
from cc_math.schema import Drop, DropReason

MAX_FORMULAS = 20_000
"""Formula budget of a page; the richest page of the development crawl has 2,900."""

MAX_TEXT_CHARS = 3_000_000
"""Longest text: beyond it a page is a dump of data."""

MAX_OUT_LINKS = 100
"""Links kept per document: enough for the domain loop, bounded for link farms."""


@dataclass(frozen=True, slots=True)
class Formula:
    """A formula of a document. The span covers its delimiters in ``Document.text``."""

    tex: str
    display: bool
    representation: str
    start_char: int
    end_char: int


@dataclass(frozen=True, slots=True)
class Document:
    """What extraction makes of a page."""

    title: str
    text: str
    formulas: tuple[Formula, ...]
    formula_counts: dict[str, int]
    charset: str
    declared_language: str
    opt_out: str | None
    out_links: tuple[str, ...]


_HREF = re.compile(
    r"""<[aA]\s[^<>]{0,300}?(?:href|HREF)\s*=\s*(?:"([^"<>]{1,1000})"|'([^'<>]{1,1000})')"""
)
_BASE = re.compile(r"""<base\s[^>]{0,200}?href\s*=\s*["']([^"']+)""", re.I)
_ROBOTS = re.compile(
    r"""<meta\s[^>]{0,300}?name\s*=\s*["']?(robots|googlebot|ccbot|tdm-reservation)["']?[^>]{0,300}>""",
    re.I,
)
_CONTENT = re.compile(r"""content\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s>]+))""", re.I)
_OPT_OUTS = frozenset(("noindex", "none", "noai", "noimageai", "notrain"))
_LANGUAGE = re.compile(
    r"""<html[^>]{0,500}?\s(?:xml:)?lang\s*=\s*["']?([A-Za-z]{2,3}(?:[-_][A-Za-z0-9]{1,8})*)""",
    re.I,
)
_SPACES = re.compile(r"\s+")
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff\ufffe\uffff]")
HEAD_SCAN_CHARS = 200_000
"""Where metas are looked for: heads of some pages carry 100 kB of styles."""


def opt_out(source: str) -> str | None:
    """What a page's metas ask for (``noindex``, ``noai``, …), sorted, or None."""
    found: set[str] = set()
    for match in _ROBOTS.finditer(source[:HEAD_SCAN_CHARS]):
        value = _CONTENT.search(match.group())
        if value is None:
            continue
        text = next((group for group in value.groups() if group is not None), "").lower()
        if match.group(1).lower() == "tdm-reservation":
            if text.strip() == "1":
                found.add("tdm-reservation")
            continue
        found |= _OPT_OUTS & {word.strip() for word in re.split(r"[,\s;]+", text)}
    if "none" in found:
        found = (found - {"none"}) | {"noindex"}
    return ",".join(sorted(found)) or None


def out_links(source: str, url: str | None, *, may_have_base: bool = True) -> tuple[str, ...]:
    """Absolute http(s) links in order of appearance, without fragments, each once."""
    base = url or ""
    stated = _BASE.search(source[:HEAD_SCAN_CHARS]) if may_have_base else None
    if stated:
        with contextlib.suppress(ValueError):
            base = urljoin(base, stated.group(1))
    links: dict[str, None] = {}
    seen: set[str] = set()
    join = _joiner(base)
    for match in _HREF.finditer(source):
        href = (match[1] or match[2]).strip().partition("#")[0]
        if not href or href in seen:
            continue
        seen.add(href)
        if "&amp;" in href:
            href = href.replace("&amp;", "&")
        if not href.startswith(("http://", "https://")):
            if href[0] == "?" or href[:11].lower().startswith(("javascript:", "mailto:")):
                continue
            try:
                href = join(href)
            except ValueError:
                continue
            if not href.startswith(("http://", "https://")):
                continue
        if href != url and href not in links:
            links[href] = None
            if len(links) >= MAX_OUT_LINKS:
                break
    return tuple(links)


_PLAIN_PATH = re.compile(
    r"""(?:/[\w~%+,=@()!*':-]+(?:[./][\w~%+,=@()!*':-]+)*|[\w~%+,=@-]+(?:[./][\w~%+,=@-]+)*)/?"""
    r"""(?:\?[\w~%+,=@()!*':./&-]+)?""",
    re.ASCII,
)
"""Neither empty nor dot segments, no scheme, no parameters: nothing to resolve or to mend."""


def _joiner(base: str) -> Callable[[str], str]:
    """``urljoin`` with ``base``; plain paths, which most links are, without its parsing."""
    try:
        parts = urlsplit(base)
    except ValueError:
        return lambda href: urljoin(base, href)
    origin = f"{parts.scheme}://{parts.netloc}"
    folder = parts.path.rpartition("/")[0] + "/"
    plain_base = parts.scheme in ("http", "https") and bool(parts.netloc)
    simple = plain_base and "/." not in folder and "//" not in folder

    def join(href: str) -> str:
        if not simple or not _PLAIN_PATH.fullmatch(href):
            return urljoin(base, href)
        return origin + href if href[0] == "/" else origin + folder + href

    return join


def _title(page: ParsedPage) -> str:
    title = page.tree.title or ""
    document = page.tree.document
    if not title.strip() and document is not None:
        node = document.query_selector('meta[property="og:title"]')
        title = (node.getattr("content") or "") if node is not None else ""
        if not title.strip():
            heading = document.query_selector("h1")
            title = (heading.text or "") if heading is not None else ""
    title = _CONTROL.sub("", PLACEHOLDER.sub("", title)).replace(KEEP, "")
    return unicodedata.normalize("NFC", _SPACES.sub(" ", title).strip())


def _fence(code: str) -> str:
    ticks = "```"
    while ticks in code:
        ticks += "`"
    return f"{ticks}\n{code}\n{ticks}"


def _block(code: str, before: str, following: str, inline_only: bool) -> str:
    """A block of code, apart from what stands before and after it by one empty line."""
    if inline_only:
        return _code(_SPACES.sub(" ", code), False)
    lead = "" if before.endswith("\n\n") else "\n" if before.endswith("\n") else "\n\n"
    trail = "" if following[:2] == "\n\n" else "\n" if following[:1] == "\n" else "\n\n"
    return lead + _fence(code) + trail


def _code(code: str, beside_formula: bool) -> str:
    """Inline code. Beside a formula the backticks are double, so that no reader pairs the
    end of one piece of code with the start of the next and swallows the formula between."""
    if "`" not in code:
        ticks = "``" if beside_formula and "$" not in code else "`"
        return f"{ticks}{code}{ticks}"
    ticks = "``"
    while ticks in code:
        ticks += "`"
    return f"{ticks} {code} {ticks}"


def _formula_text(item: Item, inline_only: bool) -> tuple[str, str, str]:
    """(before, formula in its delimiters, after)."""
    tex = item.text
    if item.display:
        if inline_only:
            return "", "$$" + one_line(tex).replace("$$", "$ $") + "$$", ""
        return "\n", "$$" + tex.replace("$$", "$ $") + "$$", "\n"
    inner = one_line(tex) if inline_only else tex
    return "", f"${inner}$", ""


def _code_beside_formulas(text: str, items: Items) -> set[int]:
    """Numbers of the pieces of code on lines that hold a formula as well."""
    found: set[int] = set()
    if not items.n_formulas or items.n_formulas == len(items.found):
        return found
    for line in text.split("\n"):
        if line.count(OPEN) < 2:
            continue
        numbers = [n for n in map(int, PLACEHOLDER.findall(line)) if n < len(items.found)]
        if any(items.found[n].kind == "formula" for n in numbers):
            found.update(n for n in numbers if items.found[n].kind == "code")
    return found


def assemble(text: str, items: Items) -> tuple[str, tuple[Formula, ...]]:
    """Put items back into text: (text, formulas with their places)."""
    parts: list[str] = []
    formulas: list[Formula] = []
    length = 0
    used: set[int] = set()

    def put(piece: str) -> None:
        nonlocal length
        parts.append(piece)
        length += len(piece)

    beside = _code_beside_formulas(text, items)
    pieces = PLACEHOLDER.split(text)
    in_row = False
    for index in range(0, len(pieces), 2):
        plain = pieces[index]
        if plain:
            put(plain)
            cut = plain.rfind("\n")
            if cut >= 0 or index == 0:
                in_row = plain[cut + 1 :].startswith("| ")
        if index + 1 >= len(pieces):
            break
        number = int(pieces[index + 1])
        if number >= len(items.found) or number in used:
            continue
        used.add(number)
        item = items.found[number]
        following = pieces[index + 2] if index + 2 < len(pieces) else ""
        if item.kind == "block":
            put(_block(item.text, parts[-1] if parts else "\n\n", following, in_row))
            continue
        if item.kind == "code":
            put(_code(item.text, number in beside))
            continue
        if is_definition(item.text):
            continue
        if "$" in item.text and not item.display:
            item.text = without_inner_dollars(item.text)
        before, shown, after = _formula_text(item, in_row)
        if before and parts and parts[-1].rpartition("\n")[2].strip():
            put(before)
        elif not before and parts and parts[-1][-1:] in ("$", "\\"):
            put(" ")  # two formulas side by side would read as one, `\\$` as a dollar
        formulas.append(
            Formula(item.text, item.display, item.representation, length, length + len(shown))
        )
        put(shown)
        if after and not following.startswith("\n"):
            put(after)
        elif following[:1].isdigit():
            put(" ")  # a digit after the closing dollar would make it a price
    return "".join(parts), tuple(formulas)


_DOLLAR = re.compile(r"(?<!\\)\$")
_MANY_NEWLINES = re.compile(r"\n{3,}")


def _plain(text: str) -> str:
    """Normalise text that still holds placeholders: NFC, no controls, dollars escaped."""
    if not text.isascii():
        text = unicodedata.normalize("NFC", text).replace(KEEP, "")
    text = _CONTROL.sub("", text)
    if "$" in text:
        text = _DOLLAR.sub(r"\\$", text)
    return _MANY_NEWLINES.sub("\n\n", text)


def extract_page(
    page: ParsedPage,
    url: str | None = None,
    *,
    max_formulas: int = MAX_FORMULAS,
    max_text_chars: int = MAX_TEXT_CHARS,
) -> Document | Drop:
    """The document of a parsed page. Consumes the page's tree.

    Drops pages without text and pages over a budget; an exception inside extraction is a
    drop as well, since one page must not stop a job.
    """
    try:
        return _extract(page, url, max_formulas, max_text_chars)
    except (RecursionError, ValueError, AttributeError, IndexError, KeyError, TypeError) as error:
        return Drop(DropReason.extraction_error, f"{type(error).__name__}: {error}"[:300])


def _extract(
    page: ParsedPage, url: str | None, max_formulas: int, max_text_chars: int
) -> Document | Drop:
    if page.too_deep():
        return Drop(DropReason.too_many_nodes, f"nested deeper than {MAX_DEPTH} elements")
    title = _title(page)
    items = Items()
    too_many = Drop(DropReason.too_many_formulas, f"more than {max_formulas} formulas")
    if not replace_formulas(page, items, max_formulas):
        return too_many
    text = to_markdown(main_content(page, items))
    if len(text) > max_text_chars:
        return Drop(DropReason.text_too_long, f"{len(text)} characters, budget {max_text_chars}")
    if "$" in text or "\\" in text or "[" in text:
        scanner = Scanner(page_delimiters(page.source, page.hints), items, max_formulas)
        scanner.weigh(text)
        text = "\n\n".join(map(scanner.block, text.split("\n\n")))
        if items.n_formulas > max_formulas:
            return too_many
    for item in items.found:
        if not item.text.isascii():
            item.text = unicodedata.normalize("NFC", item.text).replace(KEEP, "")
        if not item.text.isprintable():
            item.text = _CONTROL.sub("", item.text)
    text, formulas = assemble(_plain(text).strip(), items)
    if not text.strip():
        return Drop(DropReason.empty_page, "no visible text")
    if len(text) > max_text_chars:
        return Drop(DropReason.text_too_long, f"{len(text)} characters, budget {max_text_chars}")
    counts: dict[str, int] = {}
    for formula in formulas:
        counts[formula.representation] = counts.get(formula.representation, 0) + 1
    language = _LANGUAGE.search(page.source[:HEAD_SCAN_CHARS])
    return Document(
        title=title,
        text=text,
        formulas=formulas,
        formula_counts=dict(sorted(counts.items())),
        charset=page.charset,
        declared_language=language.group(1) if language else "",
        opt_out=opt_out(page.source) if "robots" in page.hints else None,
        out_links=out_links(page.source, url, may_have_base="<base" in page.hints),
    )
