"""The tables: name, type and meaning of every column, and the reasons for drops.

This is the data contract of cc-math. Every table is written by :mod:`cc_math.tables`
with the Arrow schema built here; ``schema_version`` stands in the metadata of each file.
Column order is the order of the lists below.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from enum import StrEnum

import pyarrow as pa

from cc_math.quality import SIGNALS

SCHEMA_VERSION = 3  # raised when a column is added or changes its meaning, name or type


class DropReason(StrEnum):
    """Why an HTML page is not a document. One enum for the whole of extraction."""

    not_selected = "not_selected"  # words and formula marks both below the floor
    empty_page = "empty_page"  # no visible text at all
    too_short = "too_short"  # main content shorter than extract.min_text_chars
    text_too_long = "text_too_long"
    too_large_bytes = "too_large_bytes"
    too_many_nodes = "too_many_nodes"
    too_many_formulas = "too_many_formulas"
    extraction_error = "extraction_error"  # an exception inside extraction, named in detail
    deadline = "deadline"  # wall clock, the last resort
    memory_limit = "memory_limit"
    child_crashed = "child_crashed"  # the interpreter or a C library died on the page


MACHINE_DEPENDENT_DROPS = frozenset(
    {DropReason.deadline, DropReason.memory_limit, DropReason.child_crashed}
)
"""Drops that another machine might not make; listed apart in every account."""


@dataclass(frozen=True, slots=True)
class Drop:
    """A record that is not carried on: the reason, and a detail for the reader of a log."""

    reason: DropReason
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table."""

    name: str
    type: pa.DataType
    meaning: str


_TEXT = pa.string()
_COUNTS = pa.map_(pa.string(), pa.int32())
_LANGUAGES = pa.list_(pa.struct([("code", pa.string()), ("share", pa.float64())]))

_IDENTITY = [
    Column("doc_id", _TEXT, "32 hex digits: BLAKE2b-128 of raw URL, capture time, payload digest"),
    Column("url", _TEXT, "WARC-Target-URI as captured"),
]

_PAGE_COLUMNS = [
    *_IDENTITY,
    Column("registered_domain", _TEXT, "by the public suffix list with its private section"),
    Column("crawl", _TEXT, "crawl name, such as CC-MAIN-2026-05, or the recipe's name for it"),
    Column("warc_filename", _TEXT, "path of the WARC as listed in the input"),
    Column("warc_record_offset", pa.int64(), "bytes to the start of the record's gzip member"),
    Column("warc_record_length", pa.int64(), "compressed length of the record in bytes"),
    Column("fetch_time", _TEXT, "WARC-Date, ISO 8601, UTC"),
]

_PAGE_JUDGEMENTS = [
    Column("language", _TEXT, "ISO 639 code, 'und' when unknown; CLD2 of the crawl, else by text"),
    Column("quick_score", pa.float32(), "first selection's score of the words, 0-1; null unread"),
    Column("n_formulas", pa.int32(), "formula marks seen by the byte scan"),
    Column("opt_out", _TEXT, "noai, noindex, tdm-reservation … joined by commas; empty for none"),
]

_DOCUMENT_COLUMNS = [
    Column("title", _TEXT, "title of the page"),
    Column("text", _TEXT, "main content, UTF-8 Markdown, formulas as LaTeX in $…$ or $$…$$"),
    Column("token_count", pa.int32(), "tokens of text by the shipped tokenizer"),
    Column("content_mime_type", _TEXT, "identified payload type, else the Content-Type header"),
    Column("language_score", pa.float32(), "share or confidence of language, 0-1"),
    Column("out_links", pa.list_(pa.string()), "absolute links of the page, at most 100"),
    Column("formula_counts", _COUNTS, "formulas in text by source representation"),
    Column("formula_faults", _COUNTS, "formulas whose TeX is not whole, each by its first fault"),
    Column("content_digest", _TEXT, "32 hex digits: BLAKE2b-128 of text"),
    Column("extractor_version", _TEXT, "cc-math version and schema version that made the row"),
]

TABLES: dict[str, list[Column]] = {
    "pages": [
        *_PAGE_COLUMNS,
        Column("outcome", _TEXT, "'document', or the drop reason"),
        *_PAGE_JUDGEMENTS,
    ],
    "documents": [*_PAGE_COLUMNS, *_PAGE_JUDGEMENTS, *_DOCUMENT_COLUMNS],
    "html": [
        *_IDENTITY,
        Column("fetch_time", _TEXT, "WARC-Date, ISO 8601, UTC"),
        Column("payload_digest", _TEXT, "WARC-Payload-Digest, or computed in its form"),
        Column("content_type", _TEXT, "Content-Type header as captured"),
        Column("identified_payload_type", _TEXT, "WARC-Identified-Payload-Type, or empty"),
        Column("languages_cld2", _LANGUAGES, "languages-cld2 of the crawl, best first"),
        Column("x_robots_tag", _TEXT, "X-Robots-Tag header, or empty"),
        Column("tdm_reservation", _TEXT, "TDM-Reservation header, or empty"),
        Column("payload_zstd", pa.binary(), "the decoded payload, compressed with Zstandard"),
    ],
    "scores": [
        Column("doc_id", _TEXT, "document"),
        Column("model", _TEXT, "digest of the model; the one that stages act on stands first"),
        Column("head", _TEXT, "math, quality (level / 5) or kind:NAME"),
        Column("raw", pa.float32(), "the model's own probability, 0-1"),
        Column("score", pa.float32(), "calibrated, 0-1, rounded to 1e-4"),
    ],
    "duplicates": [
        Column("doc_id", _TEXT, "removed document"),
        Column("kept_doc_id", _TEXT, "its twin that stays"),
        Column("kind", _TEXT, "url, exact or near"),
        Column("overlap", pa.float32(), "measured Jaccard overlap of word shingles, 0-1"),
    ],
    "duplicate_pairs": [
        Column("doc_id", _TEXT, "one document of the pair"),
        Column("other_doc_id", _TEXT, "the other; of a url or exact group its smallest doc_id"),
        Column("kind", _TEXT, "url, exact or near"),
        Column("overlap", pa.float32(), "measured Jaccard overlap of word shingles, 0-1"),
    ],
    "cuts": [
        Column("doc_id", _TEXT, "document"),
        Column("start_char", pa.int32(), "first character of the passage in text"),
        Column("end_char", pa.int32(), "one past its last character"),
        Column("reason", _TEXT, "repeated_passage or contamination"),
    ],
    "contamination": [
        Column("doc_id", _TEXT, "document with the hit"),
        Column("benchmark", _TEXT, "name of the benchmark file, without its ending"),
        Column("item_id", _TEXT, "id of the test item"),
        Column("rule", _TEXT, "name of the acting rule"),
        Column("ngram", _TEXT, "words that matched, the first 200 characters"),
        Column("start_char", pa.int32(), "first character of the match in text"),
        Column("end_char", pa.int32(), "one past its last character"),
        Column("strength", pa.float32(), "share of the item covered by the match, 0-1"),
    ],
    "domains": [
        Column("domain", _TEXT, "registered domain, pattern of a path prefix, or host linked to"),
        Column("level", _TEXT, "'domain', 'prefix' or 'link' (pages that recalled pages link to)"),
        Column("registered_domain", _TEXT, "the domain that a prefix or host belongs to"),
        Column("pages", pa.int64(), "addresses (url_key) seen; of level link those linked to"),
        Column("recalled", pa.int64(), "of these with a capture at or above the score threshold"),
        Column("share", pa.float32(), "recalled / pages"),
        Column("share_low", pa.float32(), "lower end of the 95 % Wilson interval"),
        Column("share_high", pa.float32(), "upper end of the 95 % Wilson interval"),
        Column("score", pa.float32(), "mean score of the recalled ones, null without any"),
        Column("tokens", pa.int64(), "tokens of the recalled documents; 0 for level link"),
        Column("languages", _COUNTS, "recalled documents by language"),
        Column("kinds", _COUNTS, "recalled documents by likeliest kind; empty without that head"),
        Column("proposed", pa.bool_(), "whether it is on the list of proposals"),
        Column("examples", pa.list_(pa.string()), "five URLs at most, recalled (level link: not)"),
    ],
    "linked_pages": [
        *_IDENTITY,
        Column("registered_domain", _TEXT, "of the page linked to"),
        Column("n_links", pa.int32(), "sites whose recalled documents link to it, each site once"),
        Column("from_url", _TEXT, "one of these documents, that of the smallest doc_id"),
    ],
    "wanted": [
        *_IDENTITY,
        Column("registered_domain", _TEXT, "by the public suffix list with its private section"),
        Column("crawl", _TEXT, "crawl name"),
        Column("warc_filename", _TEXT, "path of the WARC as listed in the input"),
        Column("warc_record_offset", pa.int64(), "bytes to the start of the record's gzip member"),
        Column("warc_record_length", pa.int64(), "compressed length of the record in bytes"),
        Column("reason", _TEXT, "why it is wanted: domain, prefix, link, sample or index"),
    ],
    "seed": [
        *_IDENTITY,
        Column("registered_domain", _TEXT, "by the public suffix list with its private section"),
        Column("text", _TEXT, "main text, as in documents, cut at what the trainer reads"),
        Column("n_formulas", pa.int32(), "formulas in text"),
        Column("label", pa.int8(), "1 mathematics, 0 not"),
        Column("source", _TEXT, "where the example is from: bootstrap, domain, hard_negative …"),
        Column("score", pa.float32(), "math score by the round before, 0-1; null where none has"),
    ],
    "recalled": [
        *_IDENTITY,
        Column("registered_domain", _TEXT, "by the public suffix list with its private section"),
        Column("crawl", _TEXT, "crawl name"),
        Column("score", pa.float32(), "math score by the round's model, 0-1"),
        Column("token_count", pa.int32(), "tokens of its text by the shipped tokenizer"),
        Column("round", pa.int16(), "first round of the unbroken run of rounds that recalled it"),
        Column("source", _TEXT, "how its page came in: selection, domain, prefix, link, reselect"),
    ],
    "quality": [
        Column("doc_id", _TEXT, "document"),
        Column("failures", pa.list_(pa.string()), "rules of [quality] that its text fails"),
        *(Column(name, pa.float32(), meaning) for name, meaning in SIGNALS.items()),
    ],
    "corpus": [
        *_IDENTITY,
        Column("fetch_time", _TEXT, "WARC-Date, ISO 8601, UTC"),
        Column("content_mime_type", _TEXT, "identified payload type"),
        Column("warc_filename", _TEXT, "path of the WARC as listed in the input"),
        Column("warc_record_offset", pa.int64(), "bytes to the record's gzip member"),
        Column("warc_record_length", pa.int64(), "compressed length of the record in bytes"),
        Column("text", _TEXT, "the published text, cuts applied"),
        Column("token_count", pa.int32(), "tokens of text by the shipped tokenizer"),
        Column("char_count", pa.int32(), "characters of text"),
        Column("metadata", _TEXT, "JSON: title, kind, opt_out, formula counts, faults, cut chars"),
        Column("score", pa.float32(), "math score, null when composed without scores"),
        Column("int_score", pa.int8(), "score x 5 rounded, 0-5, null without scores"),
        Column("crawl", _TEXT, "crawl name"),
        Column("snapshot_type", _TEXT, "'longest' or 'latest' (FineMath); here always 'latest'"),
        Column("language", _TEXT, "ISO 639 code"),
        Column("language_score", pa.float32(), "share or confidence, 0-1"),
        Column("registered_domain", _TEXT, "by the public suffix list with its private section"),
        Column("cluster_id", _TEXT, "smallest doc_id of its duplicate cluster, its own if alone"),
        Column("round", pa.int16(), "mining round that recalled it, null outside of `iterate`"),
    ],
    "differences": [
        *_IDENTITY,
        Column("registered_domain", _TEXT, "by the public suffix list with its private section"),
        Column("status", _TEXT, "gained, lost, changed (same address, other text) or moved"),
        Column("side", _TEXT, "'before' or 'after': where this page stands; changed: 'after'"),
        Column("same_capture", pa.bool_(), "whether both sides have this doc_id: text made anew"),
        Column("language", _TEXT, "ISO 639 code"),
        Column("kind", _TEXT, "likeliest kind of page, 'unknown' without"),
        Column("tokens_before", pa.int64(), "tokens on the first side; null where it lacks it"),
        Column("tokens_after", pa.int64(), "tokens on the second side; null where it lacks it"),
    ],
    "shards": [
        Column("path", _TEXT, "file, relative to the stage's folder"),
        Column("bytes", pa.int64(), "size of the file"),
        Column("sha256", _TEXT, "of the file"),
        Column("documents", pa.int64(), "documents in the file"),
        Column("tokens", pa.int64(), "tokens in the file, end-of-document tokens included"),
        Column("split", _TEXT, "train or validation"),
    ],
}


_OWN_DOC_ID = re.compile(r"[0-9a-f]{32}")  # bytes.fromhex would take blanks and capitals too


def doc_key(doc_id: str) -> bytes:
    """16 bytes for a doc_id in a shuffle: its own 128 bits, or BLAKE2b-128 of a foreign id."""
    if _OWN_DOC_ID.fullmatch(doc_id):
        return bytes.fromhex(doc_id)
    return hashlib.blake2b(doc_id.encode("utf-8", "surrogatepass"), digest_size=16).digest()


def arrow_schema(table: str) -> pa.Schema:
    """Arrow schema of ``table``, with ``schema_version`` and the table's name as metadata."""
    fields = [pa.field(c.name, c.type, metadata={"meaning": c.meaning}) for c in TABLES[table]]
    return pa.schema(
        fields, metadata={"cc_math_table": table, "schema_version": str(SCHEMA_VERSION)}
    )
