"""Labelled pages, and their texts out of the documents of a run.

Owns the reading of a file of labels (JSON lines: url, a score, and perhaps kind, lang,
weight and text) and the search for the texts of its pages. Writes nothing.

The trade: documents are read part by part and only the labelled texts are kept, so memory
is that of the labels; the time is that of reading the documents' text once.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from cc_math.errors import InputError
from cc_math.manifests import table_parts
from cc_math.storage import read_text
from cc_math.tables import ColumnNames, read_documents
from cc_math.urls import registered_domain

Progress = Callable[[str], None]
Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class LabelledPage:
    """One label: the page's address and site, its score, kind and language ('' unknown), the
    number of pages that it stands for, and its text where the file of labels holds it."""

    url: str
    site: str
    score: float
    kind: str
    language: str
    weight: float
    text: str | None


def _silent(line: str) -> None:
    """Say nothing."""


def read_labelled_pages(
    uri: str, *, score_field: str, tell: Progress = _silent
) -> list[LabelledPage]:
    """The labels of a JSON-lines file, sorted by address.

    A label that stands there twice counts once, and ``tell`` says how many do. Raises InputError,
    naming the line, for a score or weight that is no number and for two labels of one address
    that disagree; and for a file without labels.
    """
    found: dict[str, tuple[int, LabelledPage]] = {}
    repeated = 0
    for number, row in _label_rows(uri, score_field):
        page = _page(row, score_field, f"{uri}:{number}")
        line, former = found.setdefault(page.url, (number, page))
        if line == number:
            continue
        repeated += 1
        differing = [
            f"{name} {getattr(former, name)!r} and {getattr(page, name)!r}"
            for name in ("score", "kind", "language", "weight")
            if getattr(former, name) != getattr(page, name)
        ]
        if differing:
            raise InputError(
                f"{uri}: lines {line} and {number} label {page.url} differently: "
                f"{', '.join(differing)}; leave one of them out"
            )
    if not found:
        raise InputError(f"{uri}: no labels; expected JSON lines with url and {score_field}")
    if repeated:
        tell(f"{uri}: labels repeated: {repeated:,}; each address counts once")
    return [page for _, (_, page) in sorted(found.items())]


def _label_rows(uri: str, score_field: str) -> Iterator[tuple[int, Row]]:
    """(line number, row) of every line of labels."""
    for number, line in enumerate(read_text(uri).split("\n"), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except ValueError as error:
            raise InputError(f"{uri}:{number}: not JSON ({error})") from None
        missing = [n for n in ("url", score_field) if not isinstance(row, dict) or n not in row]
        if missing:
            raise InputError(f"{uri}:{number}: no field {', '.join(missing)}")
        yield number, row


def _page(row: Row, score_field: str, at: str) -> LabelledPage:
    score = _number(row[score_field], score_field, at)
    weight = _number(row.get("weight", 1.0), "weight", at)
    if weight <= 0:
        raise InputError(f"{at}: weight must be above 0, found {weight:g}")
    url = str(row["url"])
    return LabelledPage(
        url=url,
        site=registered_domain(url) or url,  # a page without a site to speak of is one by itself
        score=score,
        kind=str(row.get("kind") or ""),
        language=str(row.get("lang") or row.get("language") or ""),
        weight=weight,
        text=str(row["text"]) if isinstance(row.get("text"), str) else None,
    )


def _number(given: Any, name: str, at: str) -> float:
    """A finite number, or text that is one. Raises InputError for anything else."""
    try:
        number = math.nan if isinstance(given, bool) else float(given)
    except (TypeError, ValueError):
        number = math.nan
    if not math.isfinite(number):
        raise InputError(f"{at}: {name} must be a number, found {json.dumps(given)}")
    return number


def texts_of_pages(
    pages: Sequence[LabelledPage], documents: str | None, names: ColumnNames, progress: Progress
) -> dict[str, str]:
    """Text by address of the labelled pages that have one.

    From `documents` (a run's folder, or any Parquet with url and text), else from the labels
    themselves. Of a page captured twice the last capture in the order of the parts counts.
    Raises InputError where not one page is found: the labels are of other documents.
    """
    if documents is None:
        texts = {page.url: page.text for page in pages if page.text is not None}
        if not texts:
            raise InputError(
                "the labels hold no text: name the documents of these pages with --documents"
            )
        _tell_missing(len(pages) - len(texts), len(pages), "text beside the label", progress)
        return texts
    wanted = pa.array([page.url for page in pages])
    texts = {}
    parts = table_parts(documents, "documents", "corpus")
    for number, part in enumerate(parts, 1):
        progress(f"looking for labelled pages in {part.name} ({number} of {len(parts)})")
        for batch in read_documents(part, names, ["url", "text"]):
            found = batch.filter(pc.is_in(batch.column("url"), value_set=wanted))
            for row in found.to_pylist():
                texts[row["url"]] = row["text"] or ""
    if not texts:
        raise InputError(
            f"{documents} holds none of the {len(pages)} labelled pages: are the labels of these "
            "documents? Addresses are compared letter by letter; see --url-column"
        )
    _tell_missing(len(pages) - len(texts), len(pages), f"document in {documents}", progress)
    return texts


def _tell_missing(missing: int, pages: int, what: str, progress: Progress) -> None:
    if missing:
        progress(f"{missing:,} of {pages:,} labelled pages have no {what}: they count as score 0")
