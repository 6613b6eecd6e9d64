"""The rules of compose on plain values."""

from __future__ import annotations

import dataclasses
import itertools
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cc_math.composition import (
    ComposeDrop,
    Facts,
    acting_cuts,
    judge,
    merged,
    metadata_json,
    without,
)
from cc_math.recipe import Recipe, section_values

SETTINGS = {
    **section_values(Recipe(), "compose"),
    "min_score": 0.5,
    "min_text_chars": 10,
    "quality": {"apply": ["max_lorem_ipsum", "min_words"]},
}
GOOD = Facts(
    score=0.9,
    scored=True,
    language="en",
    opt_out="",
    contaminated=False,
    contamination_cut=False,
    length_chars=100,
    cuts=(),
)
SPANS = st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30)).map(sorted).map(tuple))


def test_a_good_document_passes() -> None:
    assert judge(GOOD, SETTINGS) is None


@pytest.mark.parametrize(
    ("changes", "settings", "wanted"),
    [
        ({"score": None}, {}, ComposeDrop.unscored),
        ({"score": 0.4999}, {}, ComposeDrop.below_min_score),
        ({"score": 0.5}, {}, None),
        ({"score": None, "scored": False}, {}, None),  # without scores no threshold acts
        ({"recalled": False}, {}, ComposeDrop.not_recalled),
        ({"recalled": False, "score": None}, {}, ComposeDrop.not_recalled),
        ({"recalled": True, "score": 0.4}, {}, None),  # the round's threshold has decided
        ({"recalled": True, "opt_out": "noai"}, {}, ComposeDrop.opted_out),
        ({"language": "de"}, {"languages": ["en", "fr"]}, ComposeDrop.other_language),
        ({"language": "fr"}, {"languages": ["en", "fr"]}, None),
        ({"opt_out": "noai,noindex"}, {}, ComposeDrop.opted_out),
        ({"opt_out": "tdm-reservation"}, {}, ComposeDrop.opted_out),
        ({"opt_out": "noindex"}, {}, None),  # speaks of search engines
        ({"opt_out": "noai"}, {"exclude_opt_out": []}, None),
        ({"contaminated": True}, {"contamination": "drop"}, ComposeDrop.contaminated),
        (
            {"contaminated": True, "contamination_cut": True},
            {"contamination": "cut"},
            None,
        ),
        ({"contaminated": True}, {"contamination": "cut"}, ComposeDrop.contaminated),  # no cut
        ({"contaminated": True}, {"contamination": "keep"}, None),
        ({"length_chars": 9}, {}, ComposeDrop.too_short),
        ({"cuts": [(0, 60), (50, 91)]}, {}, ComposeDrop.too_short),
        ({"cuts": [(0, 60), (50, 90)]}, {}, None),
        ({"failures": ["max_bullet_line_share"]}, {}, None),  # recorded, not applied
        ({"failures": ["min_words", "max_lorem_ipsum"]}, {}, "quality:max_lorem_ipsum"),
        ({"failures": ["min_words"]}, {"quality": {"apply": []}}, None),
        ({"failures": ["min_words"], "length_chars": 9}, {}, ComposeDrop.too_short),
    ],
)
def test_rules(changes: dict[str, Any], settings: dict[str, Any], wanted: str | None) -> None:
    assert judge(dataclasses.replace(GOOD, **changes), {**SETTINGS, **settings}) == wanted


def test_the_first_rule_names_the_drop() -> None:
    facts = dataclasses.replace(GOOD, score=0.1, opt_out="noai", length_chars=0)
    assert judge(facts, SETTINGS) is ComposeDrop.below_min_score


@settings(deadline=None)
@given(SPANS)
def test_merged_spans_are_sorted_apart_and_cover_the_same(spans: list[tuple[int, int]]) -> None:
    joined = merged(spans)
    assert all(first[1] < second[0] for first, second in itertools.pairwise(joined))
    covered = {at for start, end in spans for at in range(start, end)}
    assert {at for start, end in joined for at in range(start, end)} == covered
    assert merged(joined) == joined


@settings(deadline=None)
@given(st.text(alphabet="ab\n ", max_size=30), SPANS)
def test_what_is_left_is_what_no_span_covers(text: str, spans: list[tuple[int, int]]) -> None:
    covered = {at for start, end in spans for at in range(start, end)}
    left = [mark for at, mark in enumerate(text) if at not in covered]
    if not spans:
        assert without(text, spans) == text
    seen = "".join(without(text, spans).split())
    assert seen == "".join("".join(left).split())


def test_a_cut_paragraph_leaves_one_blank_line() -> None:
    text = "First.\n\nRepeated everywhere.\n\nLast."
    start = text.index("Repeated")
    cut = (start, start + len("Repeated everywhere."))
    assert without(text, [cut]) == "First.\n\nLast."
    assert without(text, [(0, len("First."))]) == "Repeated everywhere.\n\nLast."
    assert without(text, [(0, len(text))]) == ""
    assert without(text, []) == text


def test_contamination_is_cut_only_where_the_recipe_says_so() -> None:
    cuts = [(0, 5, "repeated_passage"), (7, 9, "contamination")]
    assert acting_cuts(cuts, "drop") == [(0, 5)]
    assert acting_cuts(cuts, "keep") == [(0, 5)]
    assert acting_cuts(cuts, "cut") == [(0, 5), (7, 9)]


def test_metadata_is_json_with_a_fixed_order() -> None:
    row = {
        "title": "Größe", "opt_out": None, "formula_counts": [("katex", 2), ("tex", 1)],
        "formula_faults": [("braces", 1)],
    }  # fmt: skip
    text = metadata_json(row, 7, "qa")
    assert json.loads(text) == {
        "title": "Größe", "opt_out": "", "formula_counts": {"katex": 2, "tex": 1}, "cut_chars": 7,
        "formula_faults": {"braces": 1}, "kind": "qa",
    }  # fmt: skip
    keys = ("title", "opt_out", "formula_counts", "formula_faults")
    foreign = json.loads(metadata_json(dict.fromkeys(keys), 0, ""))
    assert foreign == {
        "cut_chars": 0, "formula_counts": {}, "formula_faults": {}, "kind": "", "opt_out": "",
        "title": "",
    }  # fmt: skip
