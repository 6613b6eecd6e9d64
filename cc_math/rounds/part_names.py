"""What the names of parts tell: WARC-NNNNN as extracted, WARC-NNNNN-SUFFIX as taken in later."""

from __future__ import annotations

import re

from cc_math.manifests import Part

RESELECT = "reselect"
_NAME = re.compile(rf"(.*)-\d{{5}}(?:-(?:round-\d+|fetched|sample|{RESELECT}-\d+))?")


def warc_of(name: str) -> str:
    """The WARC's part of a part's name; the whole name where it is none of ours."""
    found = _NAME.fullmatch(name)
    return found.group(1) if found else name


def extracted_name(name: str) -> str:
    """The name of the extracted part that a reselected part was read from."""
    return name.partition(f"-{RESELECT}-")[0]


def wanted_of_parts(fetched: list[Part], wanted: list[Part]) -> dict[str, list[Part]]:
    """By fetched documents part: the `wanted` parts of its WARC, which say why each came in."""
    by_warc: dict[str, list[Part]] = {}
    for part in wanted:
        by_warc.setdefault(warc_of(part.name), []).append(part)
    return {part.name: by_warc.get(warc_of(part.name), []) for part in fetched}
