"""A WARC with damage in its middle costs what lies there, says so, and stops nothing."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from cc_math.cli import cli
from cc_math.verify import verify
from tests.conftest import SAMPLE

pytestmark = [pytest.mark.spark, pytest.mark.slow]

DAMAGED = "CC-SAMPLE-2026-05-00000"
LOST_BYTES = 2000


def done(arguments: list[str]) -> None:
    """Run a command in this process, on its session, to exit code 0."""
    # without its standalone mode click returns the code of an exit
    assert cli.main(arguments, standalone_mode=False) in (None, 0)


def pages(output: Path) -> dict[tuple[str, int], dict[str, Any]]:
    """Rows of `pages` by WARC and offset of the record."""
    tables = [pq.read_table(path) for path in (output / "pages").glob("*.parquet")]
    rows = [row for table in tables for row in table.to_pylist()]
    return {(Path(row["warc_filename"]).name, row["warc_record_offset"]): row for row in rows}


def test_damage_is_reported_by_byte_range_and_stops_nothing(
    spark: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    crawl = tmp_path / "crawl"
    crawl.mkdir()
    for path in SAMPLE.glob("*.warc.gz"):
        shutil.copy(path, crawl)
    whole = tmp_path / "whole"
    done(["extract", "--input", str(crawl), "--output", str(whole)])
    target = crawl / f"{DAMAGED}.warc.gz"
    data = bytearray(target.read_bytes())
    middle = len(data) // 2
    data[middle : middle + LOST_BYTES] = b"\xa5" * LOST_BYTES
    target.write_bytes(data)

    capsys.readouterr()
    output = tmp_path / "damaged"
    done(["extract", "--input", str(crawl), "--output", str(output)])
    printed = capsys.readouterr().out
    manifest = json.loads((output / "_manifests" / "extract.json").read_bytes())
    notes = [note for note in manifest["notes"] if "damage" in note]
    assert manifest["counts"]["damaged_ranges"] == len(notes) >= 1
    assert all(note["chunk"].startswith(DAMAGED) and note["why"] for note in notes)
    for note in notes:
        assert json.dumps(note["damage"]) in printed
    ranges = [tuple(note["damage"]) for note in notes]
    assert sum(end - start for start, end in ranges) < len(data) // 4
    for byte in (middle, middle + LOST_BYTES - 1):
        assert any(start <= byte < end for start, end in ranges)

    def is_lost(name: str, offset: int) -> bool:
        return name == target.name and any(start <= offset < end for start, end in ranges)

    before, after = pages(whole), pages(output)
    assert {key for key in before if not is_lost(*key)} == set(after)
    assert 0 < len(before) - len(after) < 20
    assert all(row == before[key] for key, row in after.items())
    assert verify(str(output))[0] == []
