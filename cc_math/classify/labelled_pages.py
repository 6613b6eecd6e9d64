"""Labelled pages, and their texts out of the documents of a run.

Owns the reading of a file of labels (JSON lines: url, a score, and perhaps kind, lang,
weight and text) and the search for the texts of its pages. Writes nothing.

The trade: documents are read part by part and only the labelled texts are kept, so memory
is that of the labels; the time is that of reading the documents' text once.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from cc_math.classify.labels import Row, read_label_scores
from cc_math.errors import InputError
from cc_math.manifests import table_parts
from cc_math.tables import ColumnNames, read_documents
from cc_math.urls import registered_domain

Progress = Callable[[str], None]


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


def read_labelled_pages(uri: str, *, score_field: str) -> list[LabelledPage]:
    """The labels of a JSON-lines file, sorted by address; the last of an address counts.

    Raises InputError for a file without labels, a score or weight that is no number.
    """
    try:
        rows = read_label_scores(uri, score_field)
        pages = [_page(row) for _, row in sorted(rows.items())]
    except (ValueError, TypeError) as error:
        raise InputError(
            f"{uri}: {score_field} and weight must be numbers, and a weight above 0 ({error})"
        ) from None
    if not pages:
        raise InputError(f"{uri}: no labels; expected JSON lines with url and {score_field}")
    return pages


def _page(row: Row) -> LabelledPage:
    score, weight = float(row["score"]), float(row.get("weight", 1.0))
    if not (math.isfinite(score) and math.isfinite(weight) and weight > 0):
        raise ValueError(f"{row['url']}: score {score}, weight {weight}")
    return LabelledPage(
        url=str(row["url"]),
        # a page without a site to speak of is one by itself
        site=registered_domain(str(row["url"])) or str(row["url"]),
        score=score,
        kind=str(row.get("kind") or ""),
        language=str(row.get("lang") or row.get("language") or ""),
        weight=weight,
        text=str(row["text"]) if isinstance(row.get("text"), str) else None,
    )


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
    return texts
