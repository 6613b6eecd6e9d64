"""Extractors that misbehave on pages that ask for it, for the tests of the extraction child."""

from __future__ import annotations

import ctypes
import time
from typing import Any

from cc_math import html
from cc_math.schema import Drop


def extract_page(page: html.ParsedPage, url: str | None, **budgets: Any) -> html.Document | Drop:
    """Abort, hang, eat memory or raise where the URL says so; else extract."""
    if url and url.endswith("/abort"):
        ctypes.string_at(0)
    if url and url.endswith("/hang"):
        while True:
            time.sleep(1)
    if url and url.endswith("/memory"):
        held = []
        while True:
            held.append(bytearray(16 << 20))
    if url and url.endswith("/raise"):
        raise RuntimeError("an error of the extractor")
    return html.extract_page(page, url, **budgets)
