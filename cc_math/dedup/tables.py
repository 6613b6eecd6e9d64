"""The duplicate tables between their form on disk and the arrays of :mod:`.clusters`.

Owns the conversion of ``duplicate_pairs`` and of what is known of its documents to integers
and back, so that `dedup` and `compose` choose survivors by the same code.

The trade: the driver chooses for all documents that have a twin, on Arrow columns and integers:
some 400 bytes and 11 microseconds a pair (measured on 1.6 million pairs; as Python objects it was
1,750), so that 60 million pairs, those of a crawl's hundred million documents, take 24 GB and
eleven minutes. The choice itself needs Python's dicts; it goes through the connected components
in batches, which bounds these. A component is never parted; one of many millions would need the
memory of its members.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from cc_math.dedup.clusters import (
    KINDS,
    Documents,
    Pairs,
    Removals,
    choose_survivors,
    components,
    rank_documents,
)

MEMBERS = pa.schema(
    [
        ("doc_id", pa.large_string()),
        ("score", pa.float64()),
        ("length_chars", pa.int64()),
        ("fetch_time", pa.large_string()),
        ("passing", pa.bool_()),
    ]
)
"""A document that has a twin, as far as the choice of survivors needs it."""
TWIN_PAIRS = pa.schema(
    [
        ("doc_id", pa.large_string()),
        ("other_doc_id", pa.large_string()),
        ("kind", pa.string()),
        ("overlap", pa.float64()),
    ]
)
"""A row of ``duplicate_pairs``. Ids are large strings: those of 70 million documents are more
than the 2 GiB of a plain Arrow array."""
BATCH_DOCUMENTS = 1 << 17  # chosen: a hundred MB of Python objects while a batch is settled


@dataclass(frozen=True, slots=True)
class Twins:
    """The choice among ``members`` (MEMBERS, sorted by doc_id).

    ``removed`` has the columns of ``duplicates``, sorted by doc_id; ``removed_kind`` is uint8[N]
    of the members, an index into KINDS or NOT_REMOVED; ``cluster`` is int64[N], the place of the
    smallest member of each member's cluster.
    """

    members: pa.Table
    removed: pa.Table
    removed_kind: NDArray[np.uint8]
    cluster: Documents


NOT_REMOVED = 255  # in Twins.removed_kind


def choose_twins(
    pairs: pa.Table, members: pa.Table, *, near_overlap_min: float, url_overlap_min: float
) -> Twins:
    """Survivors among ``members`` (MEMBERS, each document once, in any order) by ``pairs``
    (TWIN_PAIRS); see :func:`cc_math.dedup.clusters.choose_survivors`.

    A pair with a document that is not among the members is left out: it is not there to be
    kept or removed, but exact and url groups reach past their centre only through it, so
    callers pass every document of ``pairs`` with ``passing`` false where it is out.
    """
    known = members.sort_by("doc_id")
    count = known.num_rows
    arrays = _known_pairs(pairs, known.column("doc_id"))
    rank = rank_documents(
        known.column("score").to_numpy(),
        known.column("length_chars").to_numpy(),
        _ordinals(known.column("fetch_time")),
        np.arange(count, dtype=np.int64),
    )
    passing = known.column("passing").to_numpy()
    removed = _chosen_by_component(
        rank, passing, arrays, near_overlap_min=near_overlap_min, url_overlap_min=url_overlap_min
    )
    least = np.array([{"url": url_overlap_min, "near": near_overlap_min}.get(k, 0) for k in KINDS])
    twins = arrays.overlap >= least[arrays.kind]
    removed_kind = np.full(count, NOT_REMOVED, dtype=np.uint8)
    removed_kind[removed.document] = removed.kind
    return Twins(
        known,
        pa.table(
            {
                "doc_id": known.column("doc_id").take(pa.array(removed.document)),
                "kept_doc_id": known.column("doc_id").take(pa.array(removed.kept)),
                "kind": pa.array(KINDS).take(pa.array(removed.kind)),
                "overlap": pa.array(removed.overlap),
            }
        ),
        removed_kind,
        components(count, arrays.left[twins], arrays.right[twins]),
    )


def _known_pairs(pairs: pa.Table, ids: pa.ChunkedArray) -> Pairs:
    """The pairs of two documents of ``ids`` (sorted), as places in it."""
    values = ids.combine_chunks()
    left = pc.index_in(pairs.column("doc_id"), value_set=values)
    right = pc.index_in(pairs.column("other_doc_id"), value_set=values)
    there = pc.and_(pc.is_valid(left), pc.is_valid(right))
    rows = {
        "left": left, "right": right,
        "kind": pc.index_in(pairs.column("kind"), value_set=pa.array(KINDS)),
        "overlap": pairs.column("overlap"),
    }  # fmt: skip
    found = pa.table(rows).filter(there)
    return Pairs(
        found.column("left").to_numpy().astype(np.int64),
        found.column("right").to_numpy().astype(np.int64),
        found.column("kind").to_numpy().astype(np.uint8),
        # the table holds float32; what is compared are the four decimals that it means
        np.round(found.column("overlap").to_numpy().astype(np.float64), 4),
    )


def _ordinals(values: pa.ChunkedArray) -> NDArray[np.int64]:
    """Integers in the order of ``values``, equal where these are."""
    if not len(values):
        return np.empty(0, dtype=np.int64)
    ranks = pc.rank(values.combine_chunks(), sort_keys="ascending", tiebreaker="dense")
    return np.asarray(ranks).astype(np.int64)


def _chosen_by_component(
    rank: NDArray[np.int64], passing: NDArray[np.bool_], pairs: Pairs, **least: float
) -> Removals:
    """:func:`choose_survivors`, whose result for a connected component depends on nothing outside
    it, over batches of whole components."""
    count = len(rank)
    label = components(count, pairs.left, pairs.right)
    order = np.argsort(label, kind="stable")  # component by component, members ascending
    pair_label = label[pairs.left]
    pair_order = np.argsort(pair_label, kind="stable")
    starts = np.flatnonzero(np.diff(label[order], prepend=-1))
    bounds = _batch_bounds(starts, count)
    place = np.empty(count, dtype=np.int64)  # of a document in its batch
    found: list[Removals] = []
    for start, end in itertools.pairwise(bounds):
        documents = np.sort(order[start:end])  # ascending: ties are broken by the smaller id
        place[documents] = np.arange(len(documents))
        first, last = label[order[start]], label[order[end - 1]]
        low, high = np.searchsorted(pair_label, [first, last + 1], sorter=pair_order)
        rows = pair_order[low:high]
        if not len(rows):
            continue
        inside = Pairs(
            place[pairs.left[rows]], place[pairs.right[rows]], pairs.kind[rows], pairs.overlap[rows]
        )
        chosen = choose_survivors(
            rank[documents], passing[documents], inside,
            near_overlap_min=least["near_overlap_min"], url_overlap_min=least["url_overlap_min"],
        )  # fmt: skip
        found.append(
            Removals(
                documents[chosen.document], documents[chosen.kept], chosen.kind, chosen.overlap
            )
        )
    return _joined(found)


def _batch_bounds(starts: Documents, count: int) -> list[int]:
    """Bounds of batches of at least BATCH_DOCUMENTS documents, at the starts of components."""
    bounds = [0]
    while len(starts) and bounds[-1] < count:
        next_start = int(np.searchsorted(starts, bounds[-1] + BATCH_DOCUMENTS))
        bounds.append(int(starts[next_start]) if next_start < len(starts) else count)
    return bounds


def _joined(found: list[Removals]) -> Removals:
    """Removals of several batches, sorted by document."""

    def all_of(name: str, dtype: Any) -> NDArray[Any]:
        arrays = [np.empty(0, dtype), *(getattr(each, name) for each in found)]
        return np.concatenate(arrays).astype(dtype)

    document = all_of("document", np.int64)
    order = np.argsort(document, kind="stable")
    return Removals(
        document[order],
        all_of("kept", np.int64)[order],
        all_of("kind", np.uint8)[order],
        all_of("overlap", np.float64)[order],
    )
