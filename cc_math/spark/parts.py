"""Documents parts as chunks, and their columns as DataFrames.

What the later stages share: a documents part is the chunk of its sidecars; rows that repeat a
doc_id are left out and counted; columns that must meet across chunks are read in Python and
handed to Spark as Arrow batches, so that the JVM needs no access to the store.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from cc_math.chunks import Chunk
from cc_math.errors import InputError
from cc_math.kind_shares import kind_of
from cc_math.manifests import Part
from cc_math.tables import ColumnNames, read_columns, read_documents

_KIND = "kind:"


def part_json(part: Part | None) -> dict[str, Any] | None:
    """A part as JSON for a task."""
    if part is None:
        return None
    return {"uri": part.uri, "name": part.name, "identity": part.identity, "rows": part.rows}


def part_of(value: dict[str, Any]) -> Part:
    """The part that :func:`part_json` wrote."""
    return Part(value["uri"], value["name"], value["identity"], value["rows"])


def document_chunks(
    documents: list[Part], names: ColumnNames, **sidecars: list[Part]
) -> list[Chunk]:
    """One chunk a documents part, with the sidecar parts of the same name.

    Raises InputError where a sidecar is not of these documents: a part without its sidecar
    would be taken for one without scores, duplicates or leaks.
    """
    by_name = {kind: {part.name: part for part in parts} for kind, parts in sidecars.items()}
    for kind, found in by_name.items():
        require_same_parts(documents, kind, found)
    if documents:
        _require_columns(documents[0], names)
    chunks = []
    for part in documents:
        beside = {kind: parts.get(part.name) for kind, parts in by_name.items()}
        identity = {kind: found.identity if found else None for kind, found in beside.items()}
        task = {
            "documents": part_json(part),
            "names": [names.doc_id, names.url, names.text],
            **{kind: part_json(found) for kind, found in beside.items()},
        }
        given = {"documents": part.identity, "columns": task["names"], **identity}
        chunks.append(Chunk(part.name, given, task, max(1, part.rows)))
    return chunks


def require_same_parts(documents: list[Part], kind: str, sidecar: dict[str, Part]) -> None:
    """Raise InputError unless ``sidecar`` has a part for each of ``documents``, made from it."""
    wanted = {part.name: part.identity for part in documents}
    for name in sorted(set(wanted) ^ set(sidecar)):
        raise InputError(
            f"{kind}: its parts are not those of the documents (part {name} stands on one side "
            f"only); make {kind} from these documents"
        )
    for name, part in sidecar.items():
        if part.made_from and part.made_from != wanted[name]:
            raise InputError(
                f"{kind}: part {name} was made from other documents than those given now; make "
                f"{kind} again"
            )


def _require_columns(part: Part, names: ColumnNames) -> None:
    next(read_documents(part, names, ["doc_id", "text"], batch_rows=1), None)


def rows_of(chunk: Chunk, columns: list[str]) -> Iterator[pa.RecordBatch]:
    """Batches of the chunk's documents with ``columns``."""
    names = ColumnNames(*chunk.task["names"])
    return read_documents(part_of(chunk.task["documents"]), names, columns)


def distinct_rows(
    chunk: Chunk, columns: list[str], counts: dict[str, int]
) -> Iterator[pa.RecordBatch]:
    """As :func:`rows_of`, the first row of each doc_id only; counts `documents` and `repeated`."""
    seen: set[str] = set()
    for batch in rows_of(chunk, columns):
        keep = []
        for doc_id in batch.column("doc_id").to_pylist():
            keep.append(doc_id not in seen)
            seen.add(doc_id)
        counts["documents"] += batch.num_rows
        counts["repeated"] += keep.count(False)
        yield batch if all(keep) else batch.filter(pa.array(keep))


def scores_of(chunk: Chunk) -> dict[str, float]:
    """Calibrated math score by doc_id from the chunk's `scores` part; empty without one.

    Of several models it is the one that stands first, see `spark.score`.
    """
    if not chunk.task.get("scores"):
        return {}
    names = ["doc_id", "model", "head", "score"]
    table = read_columns(part_of(chunk.task["scores"]), names)
    acting = table.column("model")[0].as_py() if table.num_rows else ""
    rows = zip(*(table.column(name).to_pylist() for name in names), strict=True)
    return {
        doc_id: round(score, 4)
        for doc_id, model, head, score in rows
        if head == "math" and model == acting
    }


def kinds_of(chunk: Chunk, min_scores: Mapping[str, float]) -> dict[str, str]:
    """Kind of page by doc_id, by the heads kind:NAME of the acting model; empty where the chunk's
    `scores` part has none. ``min_scores`` as for :func:`cc_math.kind_shares.kind_of`."""
    if not chunk.task.get("scores"):
        return {}
    table = read_columns(part_of(chunk.task["scores"]), ["doc_id", "model", "head", "score"])
    acting = table.column("model")[0].as_py() if table.num_rows else ""
    is_kind = pc.and_(
        pc.starts_with(table.column("head"), _KIND), pc.equal(table.column("model"), acting)
    )
    rows = table.filter(is_kind).select(["doc_id", "head", "score"]).to_pydict()
    scores: dict[str, dict[str, float]] = {}
    for doc_id, head, score in zip(*rows.values(), strict=True):
        scores.setdefault(doc_id, {})[head.removeprefix(_KIND)] = round(score, 4)
    return {doc_id: kind_of(given, min_scores) for doc_id, given in scores.items()}


def frame_of_parts(session: Any, parts: list[Part], columns: list[str], ddl: str) -> Any:
    """A DataFrame of ``columns`` of our own tables, read by Python tasks. ``ddl`` is its schema."""
    texts = [(json.dumps(part_json(part)),) for part in parts]
    rows = session.sparkContext.parallelize(texts, max(1, len(texts)))
    named = session.createDataFrame(rows, "part string")

    def read(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            for text in batch.column(0).to_pylist():
                table = read_columns(part_of(json.loads(text)), columns)
                yield from table.to_batches(max_chunksize=65536)

    return named.mapInArrow(read, ddl)
