"""Where documents land: pure functions of the id and the seed."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cc_math.errors import RecipeError
from cc_math.shards.layout import Layout, bucket_of, order_key, plan_layout, split_of

IDS = [f"{number:032x}" for number in range(2_000)]


def test_the_order_is_pinned() -> None:
    # A change of these breaks every published stream.
    assert order_key("0" * 32, 1) == 0x3057B541CD16EA2
    assert order_key("any id ü", 1) == 0xDA975D989DD82125


@settings(deadline=None)
@given(st.text(), st.integers(0, 2**31), st.integers(1, 1_000))
def test_a_bucket_is_a_range_of_the_order(doc_id: str, seed: int, buckets: int) -> None:
    bucket = bucket_of(doc_id, seed, buckets)
    layout = Layout(seed=seed, validation_share=0, train_shards=buckets, validation_shards=0)
    first, behind = layout.key_range(bucket)
    key = order_key(doc_id, seed)
    assert first <= key < behind
    assert layout.slot_of(doc_id, key, "example.org") == bucket


@settings(deadline=None)
@given(st.integers(1, 50), st.integers(1, 5))
def test_the_ranges_of_a_split_cover_the_order_once(train: int, validation: int) -> None:
    layout = Layout(seed=1, validation_share=0.1, train_shards=train, validation_shards=validation)
    for slots in (range(train), range(train, layout.slots)):
        ranges = [layout.key_range(slot) for slot in slots]
        assert ranges[0][0] == 0
        assert ranges[-1][1] == 2**64
        assert all(left[1] == right[0] for left, right in pairwise(ranges))


def test_buckets_are_of_about_one_size() -> None:
    sizes = [0] * 4
    for doc_id in IDS:
        sizes[bucket_of(doc_id, 7, 4)] += 1
    assert min(sizes) > 400


def test_another_seed_gives_another_order() -> None:
    assert sorted(IDS, key=lambda i: order_key(i, 1)) != sorted(IDS, key=lambda i: order_key(i, 2))


def test_the_split_is_by_domain_and_near_its_share() -> None:
    domains = [f"site{number}.example" for number in range(2_000)]
    chosen = {name for name in domains if split_of(name, 3, 0.05) == "validation"}
    assert 60 < len(chosen) < 140
    assert chosen < {name for name in domains if split_of(name, 3, 0.1) == "validation"}
    assert not any(split_of(name, 3, 0.0) == "validation" for name in domains)


def test_documents_of_one_domain_share_a_split() -> None:
    layout = Layout(seed=3, validation_share=0.5, train_shards=5, validation_shards=2)
    for domain in ("a.example", "b.example", "c.example", "d.example"):
        slots = {layout.slot_of(i, order_key(i, 3), domain) for i in IDS[:50]}
        assert len({layout.split_of_slot(slot) for slot in slots}) == 1


def test_documents_without_a_domain_are_split_one_by_one() -> None:
    layout = Layout(seed=3, validation_share=0.5, train_shards=1, validation_shards=1)
    assert {layout.slot_of(i, order_key(i, 3), None) for i in IDS[:50]} == {0, 1}


def test_names_say_split_number_and_count() -> None:
    layout = Layout(seed=1, validation_share=0.1, train_shards=3, validation_shards=2)
    assert [layout.name(slot) for slot in (0, 2, 4)] == [
        "train-00000-of-00003",
        "train-00002-of-00003",
        "validation-00001-of-00002",
    ]


def test_a_plan_follows_from_the_size_of_the_corpus() -> None:
    plan = plan_layout(total_tokens=1_000, tokens_per_shard=100, seed=1, validation_share=0.25)
    assert (plan.train_shards, plan.validation_shards, plan.slots) == (8, 3, 11)
    empty = plan_layout(total_tokens=0, tokens_per_shard=100, seed=1, validation_share=0.0)
    assert (empty.train_shards, empty.validation_shards) == (1, 0)


@pytest.mark.parametrize("share", [-0.1, 1.0, float("nan")])
def test_an_impossible_share_is_refused(share: float) -> None:
    with pytest.raises(RecipeError, match="validation share"):
        Layout(seed=1, validation_share=share, train_shards=1, validation_shards=1)


def test_a_layout_without_shards_is_refused() -> None:
    with pytest.raises(RecipeError, match="at least one train shard"):
        Layout(seed=1, validation_share=0.1, train_shards=1, validation_shards=0)
