"""Shares of kinds: what stays holds the bounds, is the most that can, and hangs on no order."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from cc_math.errors import InputError, RecipeError
from cc_math.kind_shares import (
    PIECE_MASK,
    RANK_BITS,
    STEP_BITS,
    KindShares,
    check_kind_shares,
    check_kinds,
    crossing_piece,
    kind_of,
    rank,
    require_kind_heads,
    tokens_that_stay,
)

TOKENS = {"exposition": 8000, "problem_solution": 900, "listing": 1000, "spam": 100}


def test_without_bounds_everything_stays() -> None:
    assert tokens_that_stay(TOKENS, (), ()) == TOKENS
    assert tokens_that_stay({}, (("qa", 0.3),), ()) == {}


def test_a_least_share_keeps_its_kind_whole_and_thins_the_others_alike() -> None:
    stays = tokens_that_stay(TOKENS, (("problem_solution", 0.3),), ())
    # 900 tokens are 0.3 of 3000; the others share 2100 as 8000 : 1000 : 100
    assert stays == {"problem_solution": 900, "exposition": 1846, "listing": 230, "spam": 23}


def test_a_share_that_holds_already_changes_nothing() -> None:
    assert tokens_that_stay(TOKENS, (("problem_solution", 0.09),), ()) == TOKENS


def test_a_largest_share_thins_its_own_kind_alone() -> None:
    stays = tokens_that_stay(TOKENS, (), (("listing", 0.05), ("spam", 0.0)))
    # 8900 tokens are 0.95 of the corpus
    assert stays == {"exposition": 8000, "problem_solution": 900, "listing": 468, "spam": 0}


def test_bounds_from_both_sides() -> None:
    stays = tokens_that_stay(TOKENS, (("problem_solution", 0.3),), (("exposition", 0.4),))
    assert stays == {"problem_solution": 900, "exposition": 1200, "listing": 818, "spam": 81}


@pytest.mark.parametrize(
    ("least", "most", "says"),
    [
        ((("qa", 0.1),), (), "no document of kind qa passes the other rules"),
        ((), (("exposition", 0.1), ("problem_solution", 0.1), ("listing", 0.1), ("spam", 0.1)),
         "leave nothing to publish"),
    ],
)  # fmt: skip
def test_what_leaves_nothing_is_said(least: KindShares, most: KindShares, says: str) -> None:
    with pytest.raises(InputError, match=says):
        tokens_that_stay(TOKENS, least, most)


_KINDS = ("exposition", "problem_solution", "qa", "listing")
_SHARES = st.dictionaries(st.sampled_from(_KINDS), st.integers(0, 100), max_size=3).map(
    lambda given: tuple(sorted((kind, share / 100) for kind, share in given.items()))
)


@settings(deadline=None, max_examples=200)
@given(
    st.dictionaries(st.sampled_from(_KINDS), st.integers(1, 10**9), min_size=1), _SHARES, _SHARES
)
def test_what_stays_holds_the_bounds_and_is_the_most(
    tokens: dict[str, int], least: KindShares, most: KindShares
) -> None:
    try:
        check_kind_shares(least, most)
        stays = tokens_that_stay(tokens, least, most)
    except (RecipeError, InputError):
        assume(False)
        return
    total, slack = sum(stays.values()), len(tokens)  # each kind is cut to a whole number
    assert all(0 <= stays[kind] <= number for kind, number in tokens.items())
    for kind, share in least:
        assert stays.get(kind, 0) >= share * total - slack
    for kind, share in most:
        assert stays.get(kind, 0) <= share * (total + slack) + slack
    floors = {k: Fraction(repr(share)) for k, share in least}
    ceilings = {k: Fraction(repr(share)) for k, share in most}
    more = Fraction(total + slack) * Fraction(1001, 1000)  # no larger corpus would do
    fits = more <= sum(tokens.values()) and all(
        floors.get(k, 0) * more <= tokens.get(k, 0) for k in floors
    )
    room = sum(min(Fraction(n), ceilings.get(k, Fraction(1)) * more) for k, n in tokens.items())
    assert not (fits and room >= more)


@pytest.mark.parametrize(
    ("check", "says"),
    [
        (lambda: check_kinds("min_kind_shares", (("problem_solutions", 0.3),)),
         "did you mean problem_solution"),
        (lambda: check_kinds("min_kind_scores", (("qa", 1.5),)), "from 0 to 1, found 1.5"),
        (lambda: check_kind_shares((("qa", 0.7), ("listing", 0.4)), ()), "sum to 1.1"),
        (lambda: check_kind_shares((("qa", 0.7),), (("qa", 0.4),)),
         "qa is to have at least 0.7 and at most 0.4"),
        (lambda: check_kind_shares((), tuple((k, 0.05) for k in (
            "exposition", "problem_solution", "qa", "reference", "code_docs", "research",
            "news_blog", "listing", "spam", "other"))), "sum to 0.5, below 1"),
    ],
)  # fmt: skip
def test_shares_that_cannot_be_had_are_refused(check: Callable[[], None], says: str) -> None:
    with pytest.raises(RecipeError, match=says):
        check()
    check_kind_shares((("qa", 0.1), ("listing", 0.2), ("research", 0.7)), ())  # 1 to the last bit


def test_the_scores_must_tell_the_kinds_that_are_bounded() -> None:
    heads = ["math", "kind:qa", "kind:listing"]
    require_kind_heads(heads, (("qa", 0.1),), ())
    with pytest.raises(InputError, match="no head kind:spam; their kinds are listing, qa"):
        require_kind_heads(heads, (("qa", 0.1),), (("spam", 0.0),))
    require_kind_heads(["math"], (), ())
    with pytest.raises(InputError, match="these have none"):
        require_kind_heads(["math"], (("qa", 0.1),), ())


def test_a_document_is_of_its_likeliest_kind_or_of_one_that_reaches_its_minimum() -> None:
    scores = {"exposition": 0.7, "problem_solution": 0.28, "qa": 0.02}
    assert kind_of(scores, {}) == "exposition"
    assert kind_of(scores, {"problem_solution": 0.25}) == "problem_solution"
    assert kind_of(scores, {"problem_solution": 0.3}) == "exposition"
    assert kind_of(scores, {"problem_solution": 0.25, "qa": 0.01}) == "qa"  # twice its minimum
    assert kind_of({}, {"qa": 0.1}) == ""


def test_ranks_are_of_the_id_alone_and_spread() -> None:
    ranks = [rank(f"{n:032x}") for n in range(2000)]
    assert ranks == [rank(f"{n:032x}") for n in range(2000)]
    assert len(set(ranks)) == 2000
    assert all(0 <= value < 1 << RANK_BITS for value in ranks)
    assert 0.45 < sum(value < 1 << (RANK_BITS - 1) for value in ranks) / 2000 < 0.55
    assert STEP_BITS[0] + PIECE_MASK.bit_length() == RANK_BITS


def test_the_crossing_piece_is_the_first_over_the_limit() -> None:
    assert crossing_piece({5: 10, 2: 7, 9: 1}, 6) == (2, 0)
    assert crossing_piece({5: 10, 2: 7, 9: 1}, 7) == (5, 7)
    assert crossing_piece({5: 10, 2: 7, 9: 1}, 17) == (9, 17)
    with pytest.raises(ValueError, match="18 tokens do not pass 18"):
        crossing_piece({5: 10, 2: 7, 9: 1}, 18)
