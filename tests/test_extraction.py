"""The extraction child and its parent: hostile pages cost one page each."""

from __future__ import annotations

import io
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from warcio.statusandheaders import StatusAndHeaders
from warcio.warcwriter import WARCWriter

from cc_math.chunks import Chunk, ChunkContext
from cc_math.errors import AccountingError, ChildError, InputError
from cc_math.extraction.chunk import check_account, crawl_name, extract_chunk
from cc_math.extraction.supervise import supervised_rows
from cc_math.manifests import Part
from cc_math.progress import Heartbeat
from cc_math.recipe import Recipe, section_values
from cc_math.tables import read_columns

MATHS = (
    b"<html><head><title>Sums</title></head><body><main><h1>Sums</h1><p>The sum of the first n odd "
    b"numbers is a square, which is shown by induction on n for every natural number n.</p>"
    b"<script type='math/tex'>\\sum_{k=1}^{n} (2k-1) = n^2</script>"
    b"<p>Proof. For n = 1 both sides are one. "
    b"<script type='math/tex'>(n+1)^2 = n^2 + 2n + 1</script>"
    b" is the step, and this completes the proof of the theorem.</p></main></body></html>"
)


def write_warc(path: Path, urls: list[str], body: bytes = MATHS) -> None:
    buffer = io.BytesIO()
    writer = WARCWriter(buffer, gzip=True)
    for url in urls:
        head = StatusAndHeaders("200 OK", [("Content-Type", "text/html")], protocol="HTTP/1.1")
        record = writer.create_warc_record(
            url,
            "response",
            payload=io.BytesIO(body + url.encode()),
            length=len(body + url.encode()),
            http_headers=head,
            warc_headers_dict={"WARC-Date": "2026-01-01T00:00:00Z"},
        )
        writer.write_record(record)
    path.write_bytes(buffer.getvalue())


def config(path: Path, **settings: Any) -> dict[str, Any]:
    return {
        "uri": str(path),
        "listed_path": path.name,
        "start_bytes": 0,
        "end_bytes": None,
        "settings": {**section_values(Recipe(), "extract"), **settings},
        "crawl": "CC-TEST",
        "extract_page": "tests.hostile_extractors:extract_page",
    }


def collect(configuration: dict[str, Any]) -> tuple[Counter[str], list[Any], list[dict[str, Any]]]:
    counts: Counter[str] = Counter()
    notes, pages = [], []
    for frame in supervised_rows(configuration):
        counts.update(frame.head["counts"])
        notes += frame.head["notes"]
        if "pages" in frame.rows:
            pages += frame.rows["pages"].to_pylist()
    return counts, notes, pages


def test_hostile_pages_cost_one_page_each(tmp_path: Path) -> None:
    urls = ["/1", "/abort", "/2", "/hang", "/memory", "/3", "/raise", "/4"]
    write_warc(tmp_path / "x.warc.gz", [f"https://a.example{url}" for url in urls])
    counts, notes, pages = collect(
        config(tmp_path / "x.warc.gz", deadline_s=1.5, memory_limit_bytes=200 << 20)
    )
    outcomes = {page["url"].rsplit("/", 1)[-1]: page["outcome"] for page in pages}
    assert outcomes["abort"] == "child_crashed"
    assert outcomes["hang"] == "deadline"
    assert outcomes["memory"] == "memory_limit"
    assert outcomes["raise"] == "extraction_error"
    assert [outcomes[name] for name in "1234"] == ["document"] * 4
    assert counts["records.response"] == counts["responses.html"] == len(pages) == 8
    assert {note["drop"] for note in notes} >= {"child_crashed", "deadline"}


def test_a_child_that_cannot_start_is_an_error_that_names_why(tmp_path: Path) -> None:
    write_warc(tmp_path / "x.warc.gz", ["https://a.example/1"])
    broken = {**config(tmp_path / "x.warc.gz"), "extract_page": "no_such_module:extract_page"}
    with pytest.raises(ChildError, match="no_such_module"):
        collect(broken)


def run_chunk(tmp_path: Path, name: str, end_bytes: int | None = None, start: int = 0) -> Any:
    path = tmp_path / f"{name}.warc.gz"
    task = {
        "uri": str(path),
        "listed_path": path.name,
        "size_bytes": path.stat().st_size,
        "start_bytes": start,
        "end_bytes": end_bytes,
    }
    settings = {
        "extract": section_values(Recipe(), "extract"),
        "crawl": section_values(Recipe(), "crawl"),
    }
    context = ChunkContext(str(tmp_path / "out"), settings, Heartbeat(None, "", name))
    return extract_chunk(Chunk(f"{name}-{start}", {}, task, path.stat().st_size), context)


def test_two_ranges_of_a_warc_give_the_pages_of_the_whole(tmp_path: Path) -> None:
    write_warc(tmp_path / "x.warc.gz", [f"https://a.example/{n}" for n in range(20)])
    middle = (tmp_path / "x.warc.gz").stat().st_size // 2
    whole = run_chunk(tmp_path, "x")
    first, second = run_chunk(tmp_path, "x", middle), run_chunk(tmp_path, "x", None, middle)
    assert first.counts["responses.html"] + second.counts["responses.html"] == 20
    assert whole.counts["pages.document"] == 20


def test_rows_are_sorted_and_complete(tmp_path: Path) -> None:
    write_warc(tmp_path / "x.warc.gz", [f"https://a.example/{n}" for n in range(5)])
    result = run_chunk(tmp_path, "x")
    file = next(entry for entry in result.files if entry.table == "documents")
    uri = str(tmp_path / "out" / file.path)
    rows = read_columns(
        Part(uri, "x", "", -1), ["doc_id", "text", "token_count", "crawl"]
    ).to_pylist()
    assert [row["doc_id"] for row in rows] == sorted(row["doc_id"] for row in rows)
    assert all(r"$$" in row["text"] or "$" in row["text"] for row in rows)
    assert all(row["token_count"] > 20 for row in rows)


def test_a_damaged_warc_is_reported_with_the_lost_range(tmp_path: Path) -> None:
    path = tmp_path / "x.warc.gz"
    write_warc(path, [f"https://a.example/{n}" for n in range(6)])
    data = bytearray(path.read_bytes())
    data[len(data) // 2 : len(data) // 2 + 8] = b"\xff" * 8
    path.write_bytes(data)
    result = run_chunk(tmp_path, "x")
    damages = [note for note in result.notes if "damage" in note]
    assert damages and damages[0]["damage"][0] <= len(data) // 2 < damages[0]["damage"][1]
    assert result.counts["damaged_ranges"] == len(damages)
    assert result.counts["pages.document"] >= 4


def test_a_missing_warc_is_named(tmp_path: Path) -> None:
    task = {"uri": "/nowhere/x.warc.gz", "size_bytes": None}
    context = ChunkContext(str(tmp_path), {}, Heartbeat(None, "", "x"))
    with pytest.raises(InputError, match=r"/nowhere/x\.warc\.gz"):
        extract_chunk(Chunk("x", {}, task), context)


def test_an_account_that_does_not_add_up_is_an_error() -> None:
    counts = Counter({"records.response": 2, "responses.html": 1, "pages.document": 1})
    with pytest.raises(AccountingError, match="responses read: 2"):
        check_account(counts, {"pages": 1, "documents": 1})


def test_crawl_name_comes_from_the_path_or_the_recipe(tmp_path: Path) -> None:
    path = "crawl-data/CC-MAIN-2026-05/segments/1/warc/CC-MAIN-20260101000000-00000.warc.gz"
    assert crawl_name("unread", path, "") == "CC-MAIN-2026-05"
    assert crawl_name("unread", path, "mine") == "mine"


def test_the_child_does_without_pandas() -> None:
    code = (
        "import sys; from cc_math.extraction.child import leave_out_pandas; leave_out_pandas()\n"
        "from cc_math.tables import rows_table\n"
        "table = rows_table('pages', [{'url': 'https://a.example/'}])\n"
        "assert table['url'].to_pylist() == ['https://a.example/'] and 'pandas' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
