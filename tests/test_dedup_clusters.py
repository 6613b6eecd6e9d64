"""Candidate pairs, components, and which document of twins stays."""

from dataclasses import dataclass

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from cc_math.dedup.clusters import (
    EXACT,
    NEAR,
    URL,
    Pairs,
    candidate_pairs,
    choose_survivors,
    components,
    rank_documents,
)

Row = tuple[int, int, int, float]


def pairs_of(rows: list[Row]) -> Pairs:
    return Pairs(
        np.array([row[0] for row in rows], dtype=np.int64),
        np.array([row[1] for row in rows], dtype=np.int64),
        np.array([row[2] for row in rows], dtype=np.uint8),
        np.array([row[3] for row in rows], dtype=np.float64),
    )


def removed(
    rank: list[int], rows: list[Row], passing: list[bool] | None = None
) -> dict[int, tuple[int, int, float]]:
    found = choose_survivors(
        np.array(rank),
        np.array(passing if passing is not None else [True] * len(rank)),
        pairs_of(rows),
        near_overlap_min=0.8,
        url_overlap_min=0.5,
    )
    columns = (found.kept.tolist(), found.kind.tolist(), found.overlap.tolist())
    return dict(zip(found.document.tolist(), zip(*columns, strict=True), strict=True))


def test_all_pairs_of_a_small_bucket() -> None:
    left, right, cut = candidate_pairs(
        np.array([5, 5, 5, 6, 6, 7]), np.array([3, 1, 2, 1, 2, 9]), bucket_anchors=3
    )
    assert list(zip(left.tolist(), right.tolist(), strict=True)) == [(1, 2), (1, 3), (2, 3)]
    assert cut == 0


def test_a_large_bucket_is_paired_with_its_smallest_documents() -> None:
    left, right, cut = candidate_pairs(np.zeros(1000), np.arange(1000), bucket_anchors=2)
    assert len(left) == 999 + 998 and cut == 1
    assert set(left.tolist()) == {0, 1} and bool(np.all(left < right))


def test_a_document_with_one_key_twice_is_no_pair() -> None:
    left, _, _ = candidate_pairs(np.array([1, 1]), np.array([4, 4]), bucket_anchors=9)
    assert len(left) == 0
    assert candidate_pairs(np.empty(0), np.empty(0, dtype=np.int64), bucket_anchors=9)[2] == 0


def test_components_of_a_long_chain() -> None:
    chain = np.arange(5000)
    assert set(components(5001, chain + 1, chain).tolist()) == {0}
    assert components(3, np.array([2]), np.array([1])).tolist() == [0, 1, 1]


def test_rank_prefers_score_then_length_then_the_earlier_capture() -> None:
    rank = rank_documents(
        np.array([0.5, 0.9, 0.9, 0.9]),
        np.array([900, 100, 200, 200]),
        np.array(["2026-01-01", "2026-01-01", "2026-02-01", "2026-01-01"]),
        np.array(["a", "b", "c", "d"]),
    )
    assert rank.tolist() == [3, 2, 1, 0]


def test_exact_group_keeps_its_best_member() -> None:
    assert removed([2, 0, 1], [(1, 0, EXACT, 1.0), (2, 0, EXACT, 1.0)]) == {
        0: (1, EXACT, 1.0),
        2: (1, EXACT, 1.0),
    }


def test_a_twin_is_not_lost_because_the_better_copy_does_not_pass() -> None:
    rows = [(1, 0, EXACT, 1.0), (2, 0, NEAR, 0.9)]
    assert removed([0, 1, 2], rows, [False, True, True]) == {2: (1, NEAR, 0.9)}
    assert removed([0, 1, 2], rows, [False, False, True]) == {}


def test_no_chains_the_ends_stay_without_the_middle() -> None:
    rows = [(0, 1, NEAR, 0.85), (1, 2, NEAR, 0.85)]
    assert removed([0, 1, 2], rows) == {1: (0, NEAR, 0.85)}  # 2 has no kept twin
    assert removed([1, 0, 2], rows) == {0: (1, NEAR, 0.85), 2: (1, NEAR, 0.85)}


def test_near_pair_below_the_threshold_removes_nothing() -> None:
    assert removed([0, 1], [(0, 1, NEAR, 0.79)]) == {}


def test_near_twin_with_the_largest_overlap_is_named() -> None:
    rows = [(0, 2, NEAR, 0.82), (1, 2, NEAR, 0.95)]
    assert removed([0, 1, 2], rows)[2] == (1, NEAR, 0.95)


def test_near_pair_of_representatives_holds_for_the_whole_exact_group() -> None:
    rows = [(1, 0, EXACT, 1.0), (0, 2, NEAR, 0.9)]
    assert removed([1, 2, 0], rows) == {0: (2, NEAR, 0.9), 1: (2, NEAR, 0.9)}


def test_captures_of_one_url_leave_one_unless_the_page_changed() -> None:
    assert removed([1, 0], [(1, 0, URL, 0.7)]) == {0: (1, URL, 0.7)}
    assert removed([1, 0], [(1, 0, URL, 0.3)]) == {}


def test_overlap_between_two_members_of_a_url_group_is_bounded() -> None:
    rows = [(1, 0, URL, 0.9), (2, 0, URL, 0.8)]
    assert removed([2, 0, 1], rows) == {0: (1, URL, 0.9), 2: (1, URL, 0.7)}
    # The centre is out; 0.6 and 0.7 bound the overlap of 1 and 2 by 0.3 only.
    assert removed([0, 1, 2], [(1, 0, URL, 0.6), (2, 0, URL, 0.7)], [False, True, True]) == {}


def test_same_text_at_the_same_url_is_a_url_duplicate() -> None:
    assert removed([0, 1], [(1, 0, URL, 1.0), (1, 0, EXACT, 1.0)]) == {1: (0, URL, 1.0)}


@dataclass(frozen=True)
class Case:
    rank: list[int]
    passing: list[bool]
    rows: list[Row]


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """Documents with a text and a URL each; overlaps of texts from points on a line.

    The overlap of two texts is 1 - distance, so that 1 - overlap is a metric, as it is for
    real texts.
    """
    count = draw(st.integers(1, 12))
    text = draw(st.lists(st.integers(0, 8), min_size=count, max_size=count))
    url = draw(st.lists(st.integers(0, 6), min_size=count, max_size=count))

    def measured(a: int, b: int) -> float:
        return max(0.0, round(1.0 - 0.12 * abs(text[a] - text[b]), 4))

    rows: list[Row] = []
    for a in range(count):
        same_url = url.index(url[a])
        same_text = text.index(text[a])
        if same_url != a:
            rows.append((a, same_url, URL, measured(a, same_url)))
        if same_text != a:
            rows.append((a, same_text, EXACT, 1.0))
        else:
            rows += [
                (b, a, NEAR, measured(a, b))
                for b in range(a)
                if text.index(text[b]) == b and draw(st.booleans())
            ]
    passing = draw(st.lists(st.booleans(), min_size=count, max_size=count))
    return Case(draw(st.permutations(range(count))), passing, draw(st.permutations(rows)))


@settings(max_examples=300)
@given(cases())
def test_invariants_of_the_choice(case: Case) -> None:
    gone = removed(case.rank, case.rows, case.passing)
    stays = {d for d, passes in enumerate(case.passing) if passes and d not in gone}
    count = len(case.rank)
    exact = [row for row in case.rows if row[2] == EXACT]
    node = components(count, np.array([r[0] for r in exact], dtype=np.int64),
                      np.array([r[1] for r in exact], dtype=np.int64)).tolist()  # fmt: skip
    near = {
        frozenset((node[a], node[b])): value
        for a, b, kind, value in case.rows
        if kind == NEAR and value >= 0.8
    }
    for document, (kept, kind, value) in gone.items():
        assert case.passing[document] and kept in stays
        if kind == NEAR:
            assert near[frozenset((node[document], node[kept]))] == value
        elif kind == EXACT:
            assert node[document] == node[kept] and value == 1.0
        else:
            assert value >= 0.5
    for a in stays:
        for b in stays - {a}:
            assert node[a] != node[b]
            assert frozenset((node[a], node[b])) not in near
            stars = [v for d, c, k, v in case.rows if k == URL and {d, c} == {a, b}]
            assert all(value < 0.5 for value in stars)


@given(cases())
def test_the_choice_does_not_depend_on_the_order_of_the_pairs(case: Case) -> None:
    expected = removed(case.rank, case.rows, case.passing)
    shuffled = [(b, a, kind, value) for a, b, kind, value in reversed(case.rows)]
    assert removed(case.rank, shuffled, case.passing) == expected
