"""From equal keys to candidate pairs, and from verified pairs to the documents that stay.

Owns the pair format, the candidate generator, connected components and the choice of
survivors. Documents are integers: their place in the sorted list of doc_ids, so that the
smallest number is the smallest doc_id. Nothing depends on the order of the input rows.

The rule, per :func:`choose_survivors`: no chains. A is removed only if a twin of A that was
measured against A itself stays; that A resembles B and B resembles C never removes C for A.
Clustering by connected components (datatrove, text-dedup) keeps one document of a chain
whose ends share nothing; here such a chain keeps every second link. The price is a greedy
order instead of an order-free definition; the order is the documents' rank.

Legend: N documents, P pairs, R (key, document) rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

KINDS = ("url", "exact", "near")
URL, EXACT, NEAR = range(3)  # codes of KINDS in Pairs.kind and Removals.kind

Documents = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Pairs:
    """Verified pairs: the table ``duplicate_pairs`` with integers for doc_ids.

    Exact pairs join each document to the smallest of the same words; url pairs join each to
    the smallest of the same url_key; near pairs join the smallest documents of two exact
    groups. ``left`` and ``right`` are int64[P], ``kind`` uint8[P], ``overlap`` float64[P].
    """

    left: Documents
    right: Documents
    kind: NDArray[np.uint8]
    overlap: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Removals:
    """Removed documents, ascending, each with the twin that stays: the table ``duplicates``."""

    document: Documents
    kept: Documents
    kind: NDArray[np.uint8]
    overlap: NDArray[np.float64]


def candidate_pairs(
    keys: NDArray[Any], documents: Documents, *, bucket_anchors: int
) -> tuple[Documents, Documents, int]:
    """Distinct pairs (smaller, larger) that share a key, sorted, and the cut buckets' number.

    In a bucket of at most ``bucket_anchors`` documents every pair is a candidate; in a
    larger one every pair with one of its ``bucket_anchors`` smallest documents, so that a
    template with a million pages stays linear. ``keys`` is any sortable array[R].
    """
    empty: Documents = np.empty(0, dtype=np.int64)
    if not len(keys):
        return empty, empty, 0
    order = np.lexsort((documents, keys))
    keys, documents = keys[order], documents[order]
    repeated = np.zeros(len(keys), dtype=bool)
    repeated[1:] = (keys[1:] == keys[:-1]) & (documents[1:] == documents[:-1])
    keys, documents = keys[~repeated], documents[~repeated]
    starts = np.flatnonzero(np.r_[True, keys[1:] != keys[:-1]])
    sizes = np.diff(np.r_[starts, len(keys)])
    start_of = np.repeat(starts, sizes)
    place = np.arange(len(keys)) - start_of
    found = []
    for anchor in range(min(bucket_anchors, int(sizes.max()) - 1)):
        later = np.flatnonzero(place > anchor)
        found.append((documents[start_of[later] + anchor], documents[later]))
    if not found:
        return empty, empty, 0
    pairs = np.unique(np.concatenate([np.stack(pair, axis=1) for pair in found]), axis=0)
    return pairs[:, 0], pairs[:, 1], int(np.count_nonzero(sizes > bucket_anchors))


def components(count: int, left: Documents, right: Documents) -> Documents:
    """Smallest document of each document's connected component: int64[count].

    Labels propagate to the smaller root, with pointer jumping (Shiloach, Vishkin 1982), so
    a chain of n links takes about log n rounds.
    """
    labels = np.arange(count, dtype=np.int64)
    while True:
        smaller = np.minimum(labels[left], labels[right])
        before = labels.copy()
        np.minimum.at(labels, before[left], smaller)
        np.minimum.at(labels, before[right], smaller)
        labels = labels[labels]
        if np.array_equal(labels, before):
            return labels


def rank_documents(
    score: NDArray[np.float64],
    length_chars: NDArray[np.int64],
    fetch_time: NDArray[Any],
    doc_id: NDArray[Any],
) -> NDArray[np.int64]:
    """Rank of each document, 0 the best: int64[N], all different where doc_ids are. Times and
    ids may be strings, or integers in their order.

    Higher score, then the longer text, then the earlier capture (nearer the source of a
    text that is copied), then the smaller doc_id. The rank decides between captures of one
    URL too: where a page changed little, its fullest state is worth more than its latest.
    """
    order = np.lexsort((doc_id, fetch_time, -length_chars, -score))
    rank = np.empty(len(order), dtype=np.int64)
    rank[order] = np.arange(len(order))
    return rank


def _url_groups(count: int, pairs: Pairs) -> tuple[Documents, NDArray[np.float64]]:
    """Each document's URL group (its smallest document) and its overlap with that document."""
    chosen = pairs.kind == URL
    left, right = pairs.left[chosen], pairs.right[chosen]
    group = components(count, left, right)
    to_centre = np.zeros(count, dtype=np.float64)
    smaller, larger = np.minimum(left, right), np.maximum(left, right)
    measured = smaller == group[larger]
    np.maximum.at(to_centre, larger[measured], pairs.overlap[chosen][measured])
    to_centre[group == np.arange(count)] = 1.0
    return group, to_centre


def _near_edges(
    node_of: Documents, pairs: Pairs, near_overlap_min: float
) -> dict[int, list[tuple[int, float]]]:
    """Edges of each node of exact twins: neighbouring node and measured overlap."""
    chosen = (pairs.kind == NEAR) & (pairs.overlap >= near_overlap_min)
    left, right = node_of[pairs.left[chosen]], node_of[pairs.right[chosen]]
    edges: dict[int, list[tuple[int, float]]] = {}
    for a, b, value in zip(
        left.tolist(), right.tolist(), pairs.overlap[chosen].tolist(), strict=True
    ):
        if a != b:
            edges.setdefault(a, []).append((b, value))
            edges.setdefault(b, []).append((a, value))
    return edges


def _members_by_node(
    rank: NDArray[np.int64], passing: NDArray[np.bool_], pairs: Pairs, node_of: Documents
) -> dict[int, list[int]]:
    """Passing documents that have a pair, by node: nodes and members in the order of rank."""
    paired = np.zeros(len(rank), dtype=bool)  # the others cannot have a twin
    paired[pairs.left] = paired[pairs.right] = True
    visited = np.flatnonzero(paired & passing)
    visited = visited[np.argsort(rank[visited])]
    members: dict[int, list[int]] = {}
    for document, node in zip(visited.tolist(), node_of[visited].tolist(), strict=True):
        members.setdefault(node, []).append(document)
    return members


def _nearest_kept(
    edges: Sequence[tuple[int, float]], kept_of_node: dict[int, int], rank: NDArray[np.int64]
) -> tuple[int, float] | None:
    """The kept twin of largest overlap, then best rank, with its overlap."""
    twins = [
        (-value, int(rank[kept_of_node[other]]), kept_of_node[other])
        for other, value in edges
        if other in kept_of_node
    ]
    return (min(twins)[2], -min(twins)[0]) if twins else None


def choose_survivors(
    rank: NDArray[np.int64],
    passing: NDArray[np.bool_],
    pairs: Pairs,
    *,
    near_overlap_min: float, url_overlap_min: float,
) -> Removals:  # fmt: skip
    """Which passing documents go, and for which passing twin that stays.

    ``rank`` (int64[N], 0 the best, all different) and ``passing`` (bool[N]: what ``compose``
    would publish but for duplicates) describe the documents. Documents of the same words
    are one node; nodes are visited by the rank of their best passing member, and

    * a member leaves (``url``) if its URL group already has a kept capture, or one of the
      same words as a kept document, with an overlap of ``url_overlap_min`` or more. Overlap
      in a group is measured with its smallest document; between two others the value is
      the bound a + b - 1 of the triangle inequality, which 1 - Jaccard obeys (Lipkus 1999);
    * the rest of the node leaves (``near``) if a verified pair of ``near_overlap_min`` or
      more joins it to a node that was kept: the kept twin with the largest overlap, then
      the best rank, is named;
    * else its best member stays and the others leave (``exact``, or ``url`` if they are
      captures of one URL).

    So every removed document has a kept twin at or above the threshold of its kind, no two
    kept documents are twins, and the result does not depend on the order of ``pairs``.
    """
    exact = pairs.kind == EXACT
    node_of = components(len(rank), pairs.left[exact], pairs.right[exact])
    url_group, to_centre = _url_groups(len(rank), pairs)
    edges = _near_edges(node_of, pairs, near_overlap_min)
    members = _members_by_node(rank, passing, pairs, node_of)
    kept_of_node: dict[int, int] = {}
    kept_of_url: dict[int, tuple[float, int]] = {}  # url group: best overlap to centre, kept
    rows: list[tuple[int, int, int, float]] = []
    for node, documents in members.items():
        remaining = []
        for document in documents:
            nearest, kept = kept_of_url.get(int(url_group[document]), (-1.0, -1))
            bound = max(0.0, round(nearest + float(to_centre[document]) - 1.0, 4))
            if kept >= 0 and bound >= url_overlap_min:
                rows.append((document, kept, URL, bound))
            else:
                remaining.append(document)
        if not remaining:
            continue
        twin = _nearest_kept(edges.get(node, ()), kept_of_node, rank)
        if twin is not None:
            rows.extend((document, twin[0], NEAR, twin[1]) for document in remaining)
            continue
        kept = remaining[0]
        kept_of_node[node] = kept
        for document in remaining:
            group = int(url_group[document])
            kept_of_url[group] = max(
                kept_of_url.get(group, (-1.0, -1)), (float(to_centre[document]), kept)
            )
            if document != kept:
                same_url = group == int(url_group[kept])
                rows.append((document, kept, URL if same_url else EXACT, 1.0))
    return _removals(rows)


def _removals(rows: Sequence[tuple[int, int, int, float]]) -> Removals:
    ordered = sorted(rows)
    return Removals(
        np.array([row[0] for row in ordered], dtype=np.int64),
        np.array([row[1] for row in ordered], dtype=np.int64),
        np.array([row[2] for row in ordered], dtype=np.uint8),
        np.array([row[3] for row in ordered], dtype=np.float64),
    )
