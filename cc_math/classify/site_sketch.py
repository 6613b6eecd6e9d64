"""Which sites a model was trained on, as a few bits in its description.

A Bloom filter (Bloom 1970) over registered domains: it answers "was this site in?", wrongly with
yes once in about 120 times, never wrongly with no, and names no site. So `cc-math
evaluate-classifier` can say that a model has seen the sites of the labels that judge it, which
flatters, without a list of pages or sites in the model. Reads and writes nothing.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Iterable
from typing import Any

BITS_PER_SITE = 10
HASHES = 7  # ln 2 x bits per site; both give 0.8 % wrong answers (Bloom 1970)
MOST_SITES = 500_000  # chosen: 0.8 MB in a model of at most 10 MB; more are not recorded


def site_sketch(sites: Iterable[str]) -> dict[str, Any]:
    """The record of a set of registered domains: {"sites": number, "bits": base64}."""
    names = sorted(set(sites))
    if not names or len(names) > MOST_SITES:
        return {"sites": len(names), "bits": ""}
    bits = bytearray(-(-len(names) * BITS_PER_SITE // 8))
    for name in names:
        for at in _places(name, len(bits) * 8):
            bits[at // 8] |= 1 << at % 8
    return {"sites": len(names), "bits": base64.b64encode(bits).decode("ascii")}


def sites_seen(sketch: Any, sites: Iterable[str]) -> set[str] | None:
    """Those of ``sites`` that a record holds; None where it is no record or holds no bits."""
    text = sketch.get("bits") if isinstance(sketch, dict) else None
    if not isinstance(text, str) or not text:
        return None
    try:
        bits = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None
    size = len(bits) * 8
    return {
        name for name in sites if all(bits[at // 8] >> at % 8 & 1 for at in _places(name, size))
    }


def _places(name: str, size: int) -> list[int]:
    """HASHES bits of ``size`` for a name, from two hashes (Kirsch & Mitzenmacher 2006)."""
    digest = hashlib.blake2b(name.encode("utf-8", "surrogatepass"), digest_size=16).digest()
    first, second = int.from_bytes(digest[:8], "big"), int.from_bytes(digest[8:], "big") | 1
    return [(first + number * second) % size for number in range(HASHES)]
