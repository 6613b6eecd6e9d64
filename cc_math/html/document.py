"""A page's document: its text with formulas in place, and what is known about it.

Puts the parts together: formulas out of the tree, main content, Markdown, formulas out of
the text, and everything back in one pass that also records where each formula stands.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

from cc_math.html.content import main_content
from cc_math.html.delimiters import Scanner, page_delimiters
from cc_math.html.formulas import replace_formulas
from cc_math.html.items import KEEP, OPEN, PLACEHOLDER, Item, Items
from cc_math.html.links import out_links
from cc_math.html.markdown import to_markdown
from cc_math.html.nodes import unregistered_nodes
from cc_math.html.page import MAX_DEPTH, ParsedPage
from cc_math.html.quotes import apply_marks
from cc_math.html.readings import heading_text
from cc_math.html.tex import is_definition, one_line, without_inner_dollars
from cc_math.schema import Drop, DropReason

MAX_FORMULAS = 20_000
"""Formula budget of a page; the richest page of the development crawl has 2,900."""

MAX_TEXT_CHARS = 3_000_000
"""Longest text: beyond it a page is a dump of data."""


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


_ROBOTS = re.compile(
    r"""<meta\s[^>]{0,300}?name\s*=\s*["']?(robots|googlebot|ccbot|tdm-reservation)["']?[^>]{0,300}>""",
    re.I,
)
_CONTENT = re.compile(r"""content\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s>]+))""", re.I)
_OPT_OUTS = frozenset(("noindex", "none", "noai", "noimageai", "notrain"))
_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(?:[-_][A-Za-z0-9]{1,8})*")
_SPACES = re.compile(r"\s+")
_TICKS = re.compile("`+")
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


def _declared_language(page: ParsedPage) -> str:
    """What the page's ``html`` element says; '' where it says nothing that reads as a code."""
    document = page.tree.document
    root = document.document_element if document is not None else None
    if root is None:
        return ""
    stated = root.getattr("lang") or root.getattr("xml:lang") or ""
    match = _LANGUAGE.match(stated.strip())
    return match.group() if match else ""


def _title(page: ParsedPage) -> str:
    title = page.tree.title or ""
    document = page.tree.document
    if not title.strip() and document is not None:
        node = document.query_selector('meta[property="og:title"]')
        title = (node.getattr("content") or "") if node is not None else ""
        if not title.strip():
            heading = document.query_selector("h1")
            title = heading_text(heading) if heading is not None else ""
    title = _CONTROL.sub("", PLACEHOLDER.sub("", title)).replace(KEEP, "")
    return unicodedata.normalize("NFC", _SPACES.sub(" ", title).strip())


def _ticks(code: str, least: int) -> str:
    """Backticks enough to stand around code that may hold backticks itself."""
    longest = max(map(len, _TICKS.findall(code)), default=0) if "`" in code else 0
    return "`" * max(least, longest + 1)


def _fence(code: str) -> str:
    ticks = _ticks(code, 3)
    return f"{ticks}\n{code}\n{ticks}"


def _block(code: str, before: str, following: str, inline_only: bool) -> str:
    """A block of code, apart from what stands before and after it by one empty line."""
    if inline_only:
        return _code(_SPACES.sub(" ", code), False)
    line = before[before.rfind("\n") + 1 :]
    if line.startswith("> ") and not line.strip("> "):
        return _fence(code).replace("\n", "\n" + line)
    lead = "" if before.endswith("\n\n") else "\n" if before.endswith("\n") else "\n\n"
    trail = "" if following[:2] == "\n\n" else "\n" if following[:1] == "\n" else "\n\n"
    return lead + _fence(code) + trail


def _code(code: str, beside_formula: bool) -> str:
    """Inline code. Beside a formula the backticks are double, so that no reader pairs the
    end of one piece of code with the start of the next and swallows the formula between."""
    if "`" not in code:
        ticks = "``" if beside_formula and "$" not in code else "`"
        return f"{ticks}{code}{ticks}"
    ticks = _ticks(code, 2)
    return f"{ticks} {code} {ticks}"


def _formula_text(
    item: Item, inline_only: bool, previous: str, following: str
) -> tuple[str, str, str]:
    """(what keeps it apart before, formula in its delimiters, what keeps it apart after)."""
    tex = item.text
    if item.display and not inline_only:
        before = "\n" if previous.rpartition("\n")[2].strip() else ""
        after = "" if following.startswith("\n") else "\n"
        return before, "$$" + tex.replace("$$", "$ $") + "$$", after
    # two formulas side by side would read as one, `\\$` as a dollar, `$5` as a price
    after = " " if following[:1].isdigit() else ""
    if item.display:
        return "", "$$" + one_line(tex).replace("$$", "$ $") + "$$", after
    before = " " if previous[-1:] in ("$", "\\") and previous else ""
    return before, f"${one_line(tex) if inline_only else tex}$", after


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


_GROUPS = frozenset(("\\begingroup", "\\endgroup"))
"""What Stack Exchange sets around posts so that their macros end with them: prints nothing."""


def assemble(text: str, items: Items) -> tuple[str, tuple[Formula, ...]]:
    """Put items back into text: (text, formulas with their places)."""
    pieces = PLACEHOLDER.split(text)
    pieces.append("")
    parts = [pieces[0]]
    formulas: list[Formula] = []
    length = len(pieces[0])
    found = items.found
    used = bytearray(len(found))
    beside = _code_beside_formulas(text, items)
    in_row = pieces[0][pieces[0].rfind("\n") + 1 :].startswith("| ")
    for index in range(1, len(pieces) - 1, 2):
        number, following = int(pieces[index]), pieces[index + 1]
        if number < len(found) and not used[number]:
            used[number] = True
            item = found[number]
            if item.kind == "code":
                shown = _code(item.text, number in beside)
            elif item.kind == "block":
                shown = _block(item.text, parts[-1] or "\n\n", following, in_row)
            elif item.kind == "mark" or is_definition(item.text) or item.text in _GROUPS:
                shown = ""
            else:
                if "$" in item.text and not item.display:
                    item.text = without_inner_dollars(item.text)
                before, shown, after = _formula_text(item, in_row, parts[-1], following)
                start = length + len(before)
                formulas.append(
                    Formula(item.text, item.display, item.representation, start, start + len(shown))
                )
                shown = before + shown + after
            if shown:
                parts.append(shown)
                length += len(shown)
        if following:
            parts.append(following)
            length += len(following)
            if "\n" in following:
                in_row = following[following.rfind("\n") + 1 :].startswith("| ")
    return "".join(parts), tuple(formulas)


_DOLLAR = re.compile(r"(?<!\\)\$")
_MANY_NEWLINES = re.compile(r"\n{3,}")


def _plain(text: str) -> str:
    """Normalise text that still holds placeholders: NFC, no controls, dollars escaped."""
    if not text.isascii():
        text = unicodedata.normalize("NFC", text).replace(KEEP, "")
    if not text.replace("\n", "").isprintable():
        text = _CONTROL.sub("", text)
    if "$" in text:
        text = _DOLLAR.sub(r"\\$", text)
    return _MANY_NEWLINES.sub("\n\n", text) if "\n\n\n" in text else text


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
        with unregistered_nodes():
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
    delimiters = page_delimiters(page.source, page.hints)
    if not replace_formulas(page, items, max_formulas, delimiters):
        return too_many
    text = apply_marks(to_markdown(main_content(page, items)), items)
    if len(text) > max_text_chars:
        return Drop(DropReason.text_too_long, f"{len(text)} characters, budget {max_text_chars}")
    if "$" in text or "\\" in text or "[" in text or delimiters.own_signs:
        scanner = Scanner(delimiters, items, max_formulas)
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
    return Document(
        title=title,
        text=text,
        formulas=formulas,
        formula_counts=dict(sorted(counts.items())),
        charset=page.charset,
        declared_language=_declared_language(page),
        opt_out=opt_out(page.source) if "robots" in page.hints else None,
        out_links=out_links(page.source, url, may_have_base="<base" in page.hints),
    )
