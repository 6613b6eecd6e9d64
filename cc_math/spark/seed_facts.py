"""The first pass of a seed: what is known of each document of a part, without its text.

A fact row holds what :func:`cc_math.rounds.seed.choose` judges by: formulas, the score of the
round before (or by its model, where the document came in since), what was decided about its
site, a sketch of its words. Spark deals the rows of all parts to buckets of sites
(:mod:`cc_math.spark.seed_choice`), some 250 bytes a document.
"""

from __future__ import annotations

from collections import Counter
from typing import Any, cast

import pyarrow as pa

from cc_math.chunks import Chunk, ChunkContext, ChunkResult
from cc_math.classify.proposals import AcceptedSites
from cc_math.classify.score import Classifier, load_classifier
from cc_math.manifests import Json, Part
from cc_math.rounds.seed import bucket_of, is_likely
from cc_math.rounds.template import Sketch, sketch_of
from cc_math.spark.dealt_rows import put_exchange
from cc_math.spark.parts import part_json, part_of, rows_of, scores_of
from cc_math.tables import read_columns
from cc_math.text import FormulaMask, classifier_text, formula_spans
from cc_math.urls import registered_domain, url_key

FACTS = pa.schema(
    [
        ("bucket", pa.int32()),
        ("kind", pa.string()),  # FACT; rows of other kinds have a bucket and a doc_id or a name
        ("part", pa.string()),
        ("doc_id", pa.string()),
        ("site", pa.string()),
        ("formulas", pa.int32()),
        ("score", pa.float64()),  # null where no model scored it
        ("recalled", pa.bool_()),
        ("reason", pa.string()),
        ("may_link", pa.bool_()),
        ("rejected", pa.bool_()),
        ("sketch", pa.binary()),
    ]
)
FACT = "fact"
FACTS_DDL = (
    "bucket int, kind string, part string, doc_id string, site string, formulas int, score double, "
    "recalled boolean, reason string, may_link boolean, rejected boolean, sketch binary"
)
COLUMNS = ["doc_id", "url", "registered_domain", "text", "formula_counts"]


def fact_chunks(
    documents: list[Part], sampled: list[Part], scores: list[Part], recalled: list[Part]
) -> list[Chunk]:
    """One chunk a documents part, with its sidecars of the round before where it has them."""
    beside = {
        "scores": {part.name: part for part in scores},
        "recalled": {part.name: part for part in recalled},
    }
    chunks = []
    for part in [*documents, *sampled]:
        is_sample = not any(part is document for document in documents)
        found = {} if is_sample else {kind: parts.get(part.name) for kind, parts in beside.items()}
        name = f"sample-{part.name}" if is_sample else part.name
        identity = {kind: other.identity for kind, other in found.items() if other}
        task = {
            "documents": part_json(part),
            "names": ["doc_id", "url", "text"],
            "sample": is_sample,
            **{kind: part_json(other) for kind, other in found.items()},
        }
        given = {"documents": part.identity, **identity}
        chunks.append(Chunk(name, given, task, max(1, part.rows)))
    return chunks


def fact_chunk(chunk: Chunk, context: ChunkContext) -> ChunkResult:
    """Facts of one part, to the exchange folder.

    Labelled pages have none; their sketches are the manifest's notes, for there are few.
    """
    judge = _FactMaker(chunk, context.settings)
    facts: list[Json] = []
    counts: Counter[str] = Counter()
    held_out: list[Json] = []
    for batch in rows_of(chunk, COLUMNS):
        for row in batch.to_pylist():
            counts["documents"] += 1
            if judge.is_labelled(row):
                held_out.append({"sketch": judge.sketch(row).hex()})
                continue
            fact = judge.fact(row)
            if fact is None:
                counts["left_out.too_short"] += 1
                continue
            counts["scored"] += fact["score"] is not None
            counts["likely"] += is_likely(fact["score"])
            facts.append({**fact, "kind": FACT, "part": chunk.name})
        context.heartbeat.send({"done": counts["documents"], "done_weight": counts["documents"]})
    put_exchange(pa.Table.from_pylist(facts, FACTS), context.output, facts_path(chunk.name))
    return ChunkResult(counts=dict(counts), notes=held_out)


def facts_path(name: str) -> str:
    """Where the facts of a part stand in the exchange folder, without the ending."""
    return f"facts/{name}"


class _FactMaker:
    """What the facts of one part need: sidecars, decisions, labels, perhaps a model."""

    def __init__(self, chunk: Chunk, settings: Json) -> None:
        self._settings = settings
        self._accepted = AcceptedSites.from_json(settings["accepted"])
        self._labels = frozenset(settings["labels"])
        self._is_sample = bool(chunk.task["sample"])
        self._scores = scores_of(chunk)
        self._recalled: frozenset[str] = frozenset()
        if chunk.task.get("recalled"):
            table = read_columns(part_of(chunk.task["recalled"]), ["doc_id"])
            self._recalled = frozenset(table.column(0).to_pylist())
        is_new = not self._is_sample and not chunk.task.get("scores")
        self._model: Classifier | None = None
        if is_new and settings["model"]:
            self._model = load_classifier(settings["model"])

    def is_labelled(self, row: Json) -> bool:
        """Whether a page is held out, by the key of its address."""
        return url_key(row["url"] or "") in self._labels

    def sketch(self, row: Json) -> Sketch:
        """The sketch of a page's line."""
        return sketch_of(self._line(row))

    def _line(self, row: Json) -> str:
        mask = cast(FormulaMask, self._settings["formulas"])
        return classifier_text((row["text"] or "")[: self._settings["max_chars"]], mask)

    def fact(self, row: Json) -> Json | None:
        """The facts of one document; None where its line is too short to be an example."""
        url, text, doc_id = row["url"] or "", row["text"] or "", row["doc_id"]
        line = self._line(row)
        if line.count(" ") + 1 < self._settings["min_words"]:
            return None
        site = row["registered_domain"] or registered_domain(url)
        score = self._scores.get(doc_id)
        if score is None and self._model is not None:
            # A document that came in since the round before.
            score = self._model.score_many([text])[0][1]
        return {
            "bucket": bucket_of(site, self._settings["buckets"]),
            "doc_id": doc_id,
            "site": site,
            "formulas": formulas_of(row["formula_counts"], text),
            "score": score,
            "recalled": doc_id in self._recalled,
            "reason": "" if self._is_sample else self._accepted.reason(url, site),
            "may_link": not self._is_sample and self._accepted.linked(url, site),
            "rejected": self._accepted.rejected(url, site),
            "sketch": sketch_of(line),
        }


def formulas_of(counts: Any, text: str) -> int:
    """Formulas of a document by its own counts, or by its text where it has none."""
    if counts is None:
        return sum(1 for _ in formula_spans(text))
    return sum(number or 0 for _, number in counts)
