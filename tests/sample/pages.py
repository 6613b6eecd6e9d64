"""The pages of the sample crawl: read the sites' TOML, fill the templates, make the bytes.

A file of `sites/` is one site: `[site]` says how it publishes (template, representation of
formulas, language, encoding), each `[[page]]` is one page. What a page may say:

    path           its address after the site's base
    title, body    the text, in the mark-up of markup.py; `generate` names a generator of
                   problems.py instead, `body_of` another page's URL, then with `replace`
                   = [[old, new], …]: that makes a near duplicate
    role           math, word_problem, confusable, ordinary, hostile, other (not HTML or not 200)
    duplicates     other URLs that serve the very same bytes
    captured_again dates at which the same URL was fetched once more, unchanged
    leaks          id of the made-up benchmark's item that the page gives away
    opt_out        what its robots meta tag or X-Robots-Tag says, the tag through `headers`
    truncated      why the crawler stopped: the payload ends at `truncated_bytes` or at 70 %
    repeat         how often the body is repeated, for long pages
    template, formulas, language, encoding, header_charset, meta_charset, status, type,
    headers, robots, cld2, note

What stands at the site holds for its pages unless they say otherwise.
"""

from __future__ import annotations

import hashlib
import html
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from .formulas import REPRESENTATIONS
from .hostile import HOSTILE
from .markup import formulas_of, to_html
from .problems import GENERATORS

HTML_TYPES = ("text/html", "application/xhtml+xml")
HERE = Path(__file__).parent
CRAWL_START = datetime(2026, 1, 16, 6, 0, 0, tzinfo=UTC)
CRAWL_SECONDS = 13 * 86_400


@dataclass(frozen=True)
class Page:
    """One capture of the crawl and what the tests may expect of it."""

    url: str
    date: str  # of the capture, ISO 8601 in UTC
    role: str
    language: str  # ISO 639-1, '' where there is no text
    title: str
    representation: str  # name in formulas.py, '' where the page has none
    formulas: tuple[str, ...]  # the LaTeX that its author wrote, in order
    payload: bytes
    content_type: str
    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()
    charset: str = "utf-8"  # of the payload, whatever the page claims
    truncated: str = ""
    duplicate_of: str = ""
    near_duplicate_of: str = ""
    leaks: str = ""
    opt_out: str = ""
    cld2: bool = True
    note: str = ""


def number_of(text: str) -> int:
    """A stable number from a text, for everything that a real crawl would leave to chance."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")


def capture_date(url: str) -> str:
    """A date inside the crawl that depends on the URL alone."""
    moment = CRAWL_START + timedelta(seconds=number_of("date " + url) % CRAWL_SECONDS)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


@cache
def sites() -> tuple[dict[str, Any], ...]:
    """The parsed sources, by file name."""
    return tuple(
        tomllib.loads(path.read_text("utf-8")) for path in sorted(HERE.glob("sites/*.toml"))
    )


def _pdf(title: str, body: str) -> bytes:
    """A one-page PDF 1.4 with the body's lines as text."""
    lines = [title, *body.strip().split("\n")]
    escaped = [s.replace("\\", r"\\").replace("(", r"\(").replace(")", r"\)") for s in lines]
    shown = "BT /F1 11 Tf 72 770 Td 14 TL " + " ".join(f"({s}) Tj T*" for s in escaped) + " ET"
    stream = shown.encode("latin-1", "replace")
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R "
        b"/Resources << /Font << /F1 5 0 R >> >> >>",
        b"<< /Length %d >>\nstream\n%s\nendstream" % (len(stream), stream),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]
    out = b"%PDF-1.4\n"
    offsets = []
    for number, content in enumerate(objects, 1):
        offsets.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, content)
    table = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    trailer = b"trailer << /Size 6 /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % len(out)
    return out + b"xref\n0 6\n0000000000 65535 f \n" + table + trailer


def _anchors(names: list[str], base: str, as_items: bool) -> str:
    links = [f'<a href="{base}/{n.lower().replace(" ", "-")}/">{html.escape(n)}</a>' for n in names]
    return "".join(f"<li>{a}</li>" for a in links) if as_items else " ".join(links)


def _links(site: Mapping[str, Any], own: str) -> str:
    """Links to up to six other pages of the site: boiler-plate that extraction must drop."""
    others = [p for p in site["page"] if p.get("title") and p.get("path") != own]
    return "\n".join(
        f'<li><a href="{p["path"]}">{html.escape(p["title"])}</a></li>' for p in others[:6]
    )


def _html(site: Mapping[str, Any], page: Mapping[str, Any], body: str) -> str:
    """The whole page: the body in the site's template."""
    setting = {**site["site"], **page}
    writer, script = REPRESENTATIONS.get(setting.get("formulas", ""), (None, ""))
    meta = setting.get("meta_charset", setting.get("encoding", "utf-8"))
    charset = f'<meta charset="{meta}">\n' if meta else ""
    if setting["template"] == "old" and meta:
        charset = f'<META HTTP-EQUIV="Content-Type" CONTENT="text/html; charset={meta}">\n'
    robots = f'<meta name="robots" content="{setting["robots"]}">\n' if "robots" in setting else ""
    menu_items = setting["template"] in ("wiki", "news", "docs", "paper")
    text = (HERE / "templates" / f"{setting['template']}.html").read_text("utf-8")
    for name, value in {
        "charset": charset,
        "head": robots + script,
        "language": setting.get("language", "en"),
        "site": html.escape(setting["name"]),
        "nav": _anchors(setting.get("nav", []), setting["base"], menu_items),
        "links": _links(site, page["path"]),
        "banner": html.escape(setting.get("banner", "This site uses cookies.")),
        "footer": html.escape(setting.get("footer", "")),
        "date": capture_date(setting["base"])[:10],
        "title": html.escape(page["title"]),
        "body": to_html(body, writer),
    }.items():
        text = text.replace("{{" + name + "}}", value)
    return text


def _source(page: Mapping[str, Any]) -> str:
    """The body of a page, its own, generated, or another page's with changes."""
    if "generate" in page:
        return GENERATORS[page["generate"]]()
    if "body_of" not in page:
        return str(page.get("body", ""))
    found = [
        p for s in sites() for p in s["page"] if s["site"]["base"] + p["path"] == page["body_of"]
    ]
    body = _source(found[0])
    for old, new in page.get("replace", []):
        if old not in body:
            raise ValueError(f"{page['path']}: nothing to replace: {old!r}")
        body = body.replace(old, new)
    return body


def _page(site: Mapping[str, Any], page: Mapping[str, Any]) -> Page:
    setting = {**site["site"], **page}
    url = setting["base"] + page["path"]
    body = _source(page) * page.get("repeat", 1)
    encoding = setting.get("encoding", "utf-8")
    content_type = setting.get("type", "text/html")
    if content_type == "application/pdf":
        payload = _pdf(page["title"], body)
    elif content_type not in HTML_TYPES or setting.get("status", 200) == 301:
        payload = body.encode(encoding)
    else:
        payload = _html(site, page, body).encode(encoding, "xmlcharrefreplace")
    if setting.get("truncated"):
        payload = payload[: page.get("truncated_bytes", len(payload) * 7 // 10)]
    declared = setting.get("header_charset", encoding if encoding != "utf-8" else "UTF-8")
    shown = f"{content_type}; charset={declared}" if declared else content_type
    formulas = formulas_of(body) if setting.get("formulas") else ()
    return Page(
        url=url,
        date=setting.get("date", capture_date(url)),
        role=setting["role"],
        language=setting.get("language", "en"),
        title=page.get("title", ""),
        representation=setting.get("formulas", "") if formulas else "",
        formulas=formulas,
        payload=payload,
        content_type=content_type if content_type == "application/pdf" else shown,
        status=setting.get("status", 200),
        headers=tuple(setting.get("headers", {}).items()),
        charset=encoding,
        truncated=setting.get("truncated", ""),
        near_duplicate_of=page.get("body_of", ""),
        leaks=page.get("leaks", ""),
        opt_out=page.get("opt_out", ""),
        cld2=setting.get("cld2", True),
        note=page.get("note", ""),
    )


@cache
def captures() -> tuple[Page, ...]:
    """Every capture of the crawl, duplicates and hostile pages included, in source order."""
    found: list[Page] = []
    for site in sites():
        for source in site["page"]:
            page = _page(site, source)
            found.append(page)
            for url in source.get("duplicates", []):
                found.append(replace(page, url=url, date=capture_date(url), duplicate_of=page.url))
            for date in source.get("captured_again", []):
                found.append(replace(page, date=date, duplicate_of=page.url))
    for path, (content_type, payload, note) in HOSTILE.items():
        url = "https://broken-pages.example" + path
        found.append(
            Page(
                url=url,
                date=capture_date(url),
                role="hostile",
                language="",
                title="",
                representation="",
                formulas=(),
                payload=payload,
                content_type=content_type,
                cld2=False,
                note=note,
            )
        )
    return tuple(found)
