"""The choice of survivors on tables: batches change nothing, pairs need both ends."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cc_math.dedup import tables
from cc_math.dedup.tables import MEMBERS, NOT_REMOVED, TWIN_PAIRS, Twins, choose_twins

Pair = tuple[str, str, str, float]
Member = tuple[str, float, int, str, bool]


def chosen(pairs: list[Pair], members: list[Member]) -> Twins:
    return choose_twins(
        pa.Table.from_pylist(
            [dict(zip(TWIN_PAIRS.names, p, strict=True)) for p in pairs], TWIN_PAIRS
        ),
        pa.Table.from_pylist([dict(zip(MEMBERS.names, m, strict=True)) for m in members], MEMBERS),
        near_overlap_min=0.75,
        url_overlap_min=0.5,
    )


def removed(twins: Twins) -> list[tuple[Any, ...]]:
    return [tuple(row.values()) for row in twins.removed.to_pylist()]


def clusters(twins: Twins) -> dict[str, str]:
    ids = twins.members.column("doc_id").to_pylist()
    return {doc_id: ids[place] for doc_id, place in zip(ids, twins.cluster.tolist(), strict=True)}


def member(doc_id: str, score: float = 0.5, passing: bool = True) -> Member:
    return (doc_id, score, 100, "2026-01-01T00:00:00Z", passing)


def test_the_better_twin_stays_and_both_are_one_cluster() -> None:
    twins = chosen([("a", "b", "near", 0.9)], [member("b", 0.9), member("a", 0.2), member("c")])
    assert removed(twins) == [("a", "b", "near", 0.9)]
    assert clusters(twins) == {"a": "a", "b": "a", "c": "c"}
    assert [kind != NOT_REMOVED for kind in twins.removed_kind.tolist()] == [True, False, False]


def test_the_longer_text_then_the_earlier_capture_stays() -> None:
    times = [("a", 0.5, 10, "2026-02", True), ("b", 0.5, 10, "2026-01", True)]
    assert removed(chosen([("a", "b", "exact", 1.0)], times)) == [("a", "b", "exact", 1.0)]
    longer = [("a", 0.5, 11, "2026-02", True), ("b", 0.5, 10, "2026-01", True)]
    assert removed(chosen([("a", "b", "exact", 1.0)], longer)) == [("b", "a", "exact", 1.0)]


def test_a_pair_with_a_document_that_is_not_there_is_left_out() -> None:
    twins = chosen([("a", "b", "near", 0.9), ("b", "c", "near", 0.9)], [member("a"), member("b")])
    assert removed(twins) == [("b", "a", "near", 0.9)]
    assert removed(chosen([("x", "y", "exact", 1.0)], [member("a")])) == []
    nothing = chosen([], [])
    assert removed(nothing) == [] and nothing.cluster.tolist() == []


def test_an_overlap_is_what_its_four_decimals_mean() -> None:
    below_as_float32 = float(np.float32(0.75)) - 1e-9
    twins = chosen([("a", "b", "near", below_as_float32)], [member("a"), member("b")])
    assert [row[2] for row in removed(twins)] == ["near"]
    assert clusters(twins) == {"a": "a", "b": "a"}


@st.composite
def tables_of_twins(draw: st.DrawFn) -> tuple[list[Pair], list[Member]]:
    """Groups as the stage makes them: stars for urls and equal words, any pairs for near."""
    ids = draw(st.lists(st.text("abcdef", min_size=1, max_size=3), unique=True, max_size=14))
    groups = st.lists(st.integers(0, 4), min_size=len(ids), max_size=len(ids))
    overlap = st.integers(0, 10000).map(lambda n: n / 10000)
    pairs: list[Pair] = []
    for kind in ("url", "exact"):
        named = zip(draw(groups), ids, strict=True)
        for _, group in itertools.groupby(sorted(named), key=lambda pair: pair[0]):
            centre, *rest = sorted(doc_id for _, doc_id in group)
            for doc_id in rest:
                pairs.append((centre, doc_id, kind, 1.0 if kind == "exact" else draw(overlap)))
    if len(ids) > 1:
        two = st.lists(st.sampled_from(ids), min_size=2, max_size=2, unique=True).map(sorted)
        for left, right in draw(st.lists(two, max_size=8)):
            pairs.append((left, right, "near", draw(overlap)))
    members = [
        (
            i,
            draw(overlap),
            draw(st.integers(1, 3)),
            draw(st.sampled_from("xy")),
            draw(st.booleans()),
        )
        for i in ids
    ]
    return pairs, members


@settings(max_examples=60, deadline=None)
@given(tables_of_twins(), st.integers(1, 4))
def test_batches_of_components_choose_as_one(
    case: tuple[list[Pair], list[Member]], batch_documents: int
) -> None:
    pairs, members = case
    whole = chosen(pairs, members)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tables, "BATCH_DOCUMENTS", batch_documents)
        parted = chosen(pairs[::-1], members[::-1])
    assert removed(parted) == removed(whole)
    assert clusters(parted) == clusters(whole)
    kept = {m[0] for m in members} - {row[0] for row in removed(whole)}
    assert all(row[1] in kept for row in removed(whole))
