"""One capture → its row in `pages` and, where it is kept, in `documents` and `html`.

Owns the order of judgement: decode, quick score of the words, formula marks, first selection,
and for the pages that pass the parse and full extraction. The trade: every page is judged by
its words, which costs a third of the time on an ordinary crawl and loses no page for want of
a marker (recall first).
"""

from __future__ import annotations

import functools
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import zstandard

from cc_math import html, language, urls
from cc_math.classify import load_quick
from cc_math.html.tex_check import count_faults
from cc_math.manifests import Json
from cc_math.schema import SCHEMA_VERSION, Drop, DropReason
from cc_math.shards import tokenizer
from cc_math.version import __version__
from cc_math.warc import Capture, doc_id

EXTRACTOR_VERSION = f"cc-math {__version__}, schema {SCHEMA_VERSION}"
HTML_ZSTD_LEVEL = 10  # chosen: pages are written once, read seldom; 20 % smaller than level 3
Row = dict[str, Any]
PageExtractor = Callable[..., "html.Document | Drop"]


@dataclass(slots=True)
class Rows:
    """Rows of one capture."""

    page: Row
    document: Row | None = None
    html: Row | None = None


class Judge:
    """Judges captures by the recipe's [extract] table; holds the models and the step times."""

    def __init__(
        self,
        settings: Json,
        crawl: str,
        listed_path: str,
        extract_page: PageExtractor = html.extract_page,
    ) -> None:
        self.settings, self.crawl, self.listed_path = settings, crawl, listed_path
        self.timings_s: dict[str, float] = {}
        self._extract_page = extract_page
        self._quick = load_quick(settings["quick_model"] or None)
        self._tokenizer = tokenizer.load()
        self._compressor = zstandard.ZstdCompressor(level=HTML_ZSTD_LEVEL)

    def _timed(self, step: str, started_s: float) -> float:
        now_s = time.perf_counter()
        self.timings_s[step] = self.timings_s.get(step, 0.0) + now_s - started_s
        return now_s

    def judge(self, capture: Capture) -> Rows:
        """The rows of an HTML capture. Never raises: an error inside extraction is a drop."""
        page = self._page_row(capture)
        try:
            result = self._document(capture, page)
        except MemoryError:
            result = Drop(DropReason.memory_limit, "MemoryError")
        except Exception as error:  # a page must not end the job; its error is its reason
            result = Drop(DropReason.extraction_error, f"{type(error).__name__}: {error}"[:200])
        if isinstance(result, Drop):
            return self.dropped(capture, result, page)
        document = {**page, **result}
        page["outcome"] = "document"
        page["opt_out"], page["language"] = document["opt_out"], document["language"]
        stored = self._html_row(capture, page) if self.settings["keep_html"] else None
        return Rows(page, document, stored)

    def dropped(self, capture: Capture, drop: Drop, page: Row | None = None) -> Rows:
        """The row of a page that is not kept."""
        page = page or self._page_row(capture)
        page["outcome"] = drop.reason.value
        return Rows(page)

    def _page_row(self, capture: Capture) -> Row:
        known, _ = language.from_cld2(capture.cld2_languages)
        return {
            "doc_id": doc_id(capture.url, capture.fetch_time, capture.payload_digest),
            "url": _clean(capture.url),
            "registered_domain": urls.registered_domain(capture.url),
            "crawl": self.crawl,
            "warc_filename": self.listed_path,
            "warc_record_offset": capture.record_offset_bytes,
            "warc_record_length": capture.record_length_bytes,
            "fetch_time": _clean(capture.fetch_time),
            "outcome": "",
            "language": known,
            "quick_score": None,
            "n_formulas": 0,
            "opt_out": _opt_out(capture, None),
        }

    def _document(self, capture: Capture, page: Row) -> Row | Drop:
        settings = self.settings
        started_s = time.perf_counter()
        source = html.read(
            capture.payload, capture.content_type, max_bytes=settings["max_payload_bytes"]
        )
        if isinstance(source, Drop):
            return source
        started_s = self._timed("decode", started_s)
        words = source.quick_text(self._quick.max_chars)
        started_s = self._timed("quick text", started_s)
        marks = source.formula_marks()
        started_s = self._timed("formula marks", started_s)
        quick_score = self._quick.score(words)
        started_s = self._timed("quick score", started_s)
        page["quick_score"], page["n_formulas"] = quick_score, marks
        if page["language"] == language.UNKNOWN:
            page["language"], _ = language.identify(words)
            started_s = self._timed("language", started_s)
        if not words and marks == 0:
            return Drop(DropReason.empty_page)
        if quick_score < settings["quick_floor"] and marks < settings["min_formula_marks"]:
            return Drop(DropReason.not_selected)
        parsed = html.parse(source, max_nodes=settings["max_nodes"])
        started_s = self._timed("parse", started_s)
        if isinstance(parsed, Drop):
            return parsed
        document = self._extract_page(
            parsed,
            capture.url,
            max_formulas=settings["max_formulas"],
            max_text_chars=settings["max_text_chars"],
        )
        started_s = self._timed("extract", started_s)
        if isinstance(document, Drop):
            return document
        if len(document.text) < settings["min_text_chars"]:
            return Drop(DropReason.too_short, f"{len(document.text)} characters")
        row = self._document_row(capture, document)
        self._timed("document row", started_s)
        return row

    def _document_row(self, capture: Capture, document: html.Document) -> Row:
        found, found_score = language.from_cld2(capture.cld2_languages)
        if found == language.UNKNOWN:
            found, found_score = language.identify(document.text)
        mime = capture.identified_payload_type or capture.content_type.partition(";")[0]
        return {
            "title": _clean(document.title),
            "text": document.text,
            "token_count": self._tokenizer.count_batch([document.text])[0],
            "content_mime_type": _clean(mime.strip().lower()),
            "language": found,
            "language_score": round(found_score, 4),
            "opt_out": _opt_out(capture, document.opt_out),
            "out_links": [_clean(link) for link in document.out_links],
            "formula_counts": sorted(document.formula_counts.items()),
            "formula_faults": sorted(count_faults(f.tex for f in document.formulas).items()),
            "content_digest": _digest(document.text),
            "extractor_version": EXTRACTOR_VERSION,
        }

    def _html_row(self, capture: Capture, page: Row) -> Row:
        return {
            "doc_id": page["doc_id"],
            "url": page["url"],
            "fetch_time": page["fetch_time"],
            "payload_digest": _clean(capture.payload_digest),
            "content_type": _clean(capture.content_type),
            "identified_payload_type": _clean(capture.identified_payload_type),
            "languages_cld2": [
                {"code": _clean(code), "share": share} for code, share in capture.cld2_languages
            ],
            "x_robots_tag": _clean(capture.x_robots_tag),
            "tdm_reservation": _clean(capture.tdm_reservation),
            "payload_zstd": self._compressor.compress(capture.payload),
        }


def _digest(text: str) -> str:
    import hashlib

    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def _clean(text: str) -> str:
    """``text`` without lone surrogates and NULs, which UTF-8 and readers refuse."""
    if text.isascii():
        return text.replace("\0", "")
    return text.encode("utf-8", "replace").decode().replace("\0", "")


_OPT_OUT_WORDS = ("noai", "noimageai", "noindex")


@functools.lru_cache(maxsize=1024)
def _robots_words(header: str) -> tuple[str, ...]:
    words = {word.strip() for word in header.lower().replace(":", ",").split(",")}
    words |= (
        {"noindex"} if "none" in words else set()
    )  # RFC 9309's registry: none = noindex, nofollow
    return tuple(sorted(words.intersection(_OPT_OUT_WORDS)))


def _opt_out(capture: Capture, in_page: str | None) -> str:
    """What headers and page say against use, joined by commas and sorted; '' for nothing."""
    said = set(_robots_words(capture.x_robots_tag)) if capture.x_robots_tag else set()
    if capture.tdm_reservation.strip() == "1":  # TDM Reservation Protocol, W3C CG report, 2024
        said.add("tdm-reservation")
    if in_page:
        said.update(in_page.split(","))
    return ",".join(sorted(said))
