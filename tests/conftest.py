"""Fixtures that many test modules share: the development data, a Spark session."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent
SAMPLE = ROOT / "cc_math" / "data" / "sample"


@pytest.fixture(scope="session")
def dev_data() -> Path:
    """The folder with `crawl/`, `webpages/` and `benchmarks/`; skips where it is not there."""
    places = [os.environ.get("CC_MATH_DEV_DATA", ""), str(ROOT.parent / "shared")]
    for place in places:
        if place and (Path(place) / "crawl").is_dir():
            return Path(place)
    pytest.skip("development data is not there: set CC_MATH_DEV_DATA to its folder")


@pytest.fixture(scope="session")
def sample() -> Path:
    """The embedded sample crawl."""
    return SAMPLE


@pytest.fixture(scope="session")
def spark() -> Iterator[Any]:
    """One local Spark session for all tests that need one."""
    pytest.importorskip("pyspark")
    from cc_math.spark.session import open_session

    session = open_session("tests", "local[2]", shuffle_partitions=2)
    yield session
    session.stop()
