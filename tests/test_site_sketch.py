"""The record of training sites: never a wrong no, seldom a wrong yes, no damage crashes it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cc_math.classify.site_sketch import MOST_SITES, site_sketch, sites_seen


@given(st.sets(st.text(min_size=1, max_size=20), min_size=1, max_size=50))
def test_a_site_that_was_in_is_found(sites: set[str]) -> None:
    sketch = json.loads(json.dumps(site_sketch(sites)))
    assert sites_seen(sketch, sites) == sites
    assert site_sketch(sorted(sites, reverse=True)) == site_sketch(sites)


def test_a_site_that_was_not_in_is_seldom_found() -> None:
    sketch = site_sketch(f"in{n}.example" for n in range(2000))
    wrong = sites_seen(sketch, (f"out{n}.example" for n in range(5000)))
    assert wrong is not None and len(wrong) < 100  # 0.8 % of 5,000 are 40
    assert sketch["sites"] == 2000 and len(sketch["bits"]) < 3400


@pytest.mark.parametrize("sketch", [None, [], {}, {"bits": ""}, {"bits": "é"}, {"bits": 3}])
def test_what_is_no_record_says_nothing(sketch: Any) -> None:
    assert sites_seen(sketch, ["a.example"]) is None


def test_too_many_sites_are_counted_and_not_recorded() -> None:
    sketch = site_sketch(str(n) for n in range(MOST_SITES + 1))
    assert sketch == {"sites": MOST_SITES + 1, "bits": ""}
