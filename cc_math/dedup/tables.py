"""The duplicate tables between their form on disk and the arrays of :mod:`.clusters`.

Owns the conversion of ``duplicate_pairs`` and of what is known of its documents to integers
and back, so that `dedup` and `compose` choose survivors by the same code.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from cc_math.dedup.clusters import KINDS, Pairs, choose_survivors, components, rank_documents


@dataclass(frozen=True, slots=True)
class Member:
    """A document that has a twin, as far as the choice of survivors needs it."""

    doc_id: str
    score: float
    length_chars: int
    fetch_time: str
    passing: bool = True


@dataclass(frozen=True, slots=True, order=True)
class TwinPair:
    """A row of ``duplicate_pairs``."""

    doc_id: str
    other_doc_id: str
    kind: str
    overlap: float


@dataclass(frozen=True, slots=True)
class Removal:
    """A row of ``duplicates``."""

    doc_id: str
    kept_doc_id: str
    kind: str
    overlap: float


@dataclass(frozen=True, slots=True)
class Twins:
    """The choice: removed documents by doc_id, and each member's cluster (its smallest doc_id)."""

    removals: list[Removal]
    cluster_of: dict[str, str]


def choose_twins(
    pairs: Iterable[TwinPair],
    members: Iterable[Member],
    *,
    near_overlap_min: float,
    url_overlap_min: float,
) -> Twins:
    """Survivors among ``members``; see :func:`cc_math.dedup.clusters.choose_survivors`.

    A pair with a document that is not among the members is left out: it is not there to be
    kept or removed, but exact and url groups reach past their centre only through it, so
    callers pass every document of ``pairs`` with ``passing`` false where it is out.
    """
    known = sorted(members, key=lambda member: member.doc_id)
    place = {member.doc_id: index for index, member in enumerate(known)}
    least = {"url": url_overlap_min, "exact": 0.0, "near": near_overlap_min}
    rows = sorted(p for p in pairs if p.doc_id in place and p.other_doc_id in place)
    if not rows:
        return Twins([], {})
    arrays = Pairs(
        np.array([place[p.doc_id] for p in rows], dtype=np.int64),
        np.array([place[p.other_doc_id] for p in rows], dtype=np.int64),
        np.array([KINDS.index(p.kind) for p in rows], dtype=np.uint8),
        np.array([round(p.overlap, 4) for p in rows], dtype=np.float64),
    )
    rank = rank_documents(
        np.array([m.score for m in known], dtype=np.float64),
        np.array([m.length_chars for m in known], dtype=np.int64),
        np.array([m.fetch_time for m in known], dtype=np.str_),
        np.array([m.doc_id for m in known], dtype=np.str_),
    )
    passing = np.array([m.passing for m in known], dtype=bool)
    removed = choose_survivors(
        rank,
        passing,
        arrays,
        near_overlap_min=near_overlap_min,
        url_overlap_min=url_overlap_min,
    )
    # the table holds float32; the threshold is compared with the four decimals it means
    twins = np.array([round(p.overlap, 4) >= least[p.kind] for p in rows], dtype=bool)
    cluster = components(len(known), arrays.left[twins], arrays.right[twins])
    removals = [
        Removal(known[d].doc_id, known[k].doc_id, KINDS[kind], overlap)
        for d, k, kind, overlap in zip(
            removed.document.tolist(),
            removed.kept.tolist(),
            removed.kind.tolist(),
            removed.overlap.tolist(),
            strict=True,
        )
    ]
    cluster_of = {m.doc_id: known[int(c)].doc_id for m, c in zip(known, cluster, strict=True)}
    return Twins(removals, cluster_of)
