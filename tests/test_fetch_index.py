"""The columnar index in its published schema: where its files are, what is read of them."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cc_math.errors import InputError
from cc_math.fetch.index import CANDIDATES, Matched, match_file, possible_row_groups
from cc_math.fetch.index_files import crawl_index, index_files
from cc_math.fetch.sorted_list import SortedList
from tests.columnar_index import SCHEMA, index_rows, write_index
from tests.conftest import SAMPLE
from tests.sorted_lists import sorted_list
from tests.web import served

CRAWL = "CC-SAMPLE-2026-05"


@pytest.fixture(scope="module")
def rows() -> list[dict[str, Any]]:
    return index_rows(sorted(SAMPLE.glob("*.warc.gz")))


@pytest.fixture(scope="module")
def index(rows: list[dict[str, Any]], tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_index(rows, tmp_path_factory.mktemp("index"), crawl=CRAWL)


@pytest.fixture
def listed(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., SortedList]:
    """Makes sorted lists of the lines that it is given."""

    def made(kind: str, lines: list[str], parts: int = 1) -> SortedList:
        return sorted_list(kind, lines, tmp_path_factory.mktemp("list"), parts=parts)

    return made


Listed = Callable[..., SortedList]


def matched(index: Path, addresses: SortedList, *, any_type: bool = False) -> Matched:
    found = Matched()
    for file in index_files(str(index)):
        for _ in match_file(file.uri, addresses, any_type=any_type, matched=found):
            pass
    return found


def candidates(found: Matched) -> list[dict[str, Any]]:
    return pa.concat_tables([CANDIDATES.empty_table(), *found.candidates]).to_pylist()


def test_the_index_of_the_tests_has_the_published_columns(index: Path) -> None:
    file = index_files(str(index))[0]
    assert pq.read_schema(file.uri).field("warc_record_offset").type == pa.int32()
    assert pq.read_schema(file.uri).field("fetch_status").type == pa.int16()
    assert pq.read_schema(file.uri).names == SCHEMA.names


def test_every_html_capture_of_the_urls_is_found_at_its_place(
    index: Path, rows: list[dict[str, Any]], listed: Listed
) -> None:
    found = matched(index, listed("urls", [row["url"] for row in rows]))
    given = {(r["warc_filename"], r["warc_record_offset"], r["warc_record_length"]) for r in rows}
    places = {
        (r["warc_filename"], r["warc_record_offset"], r["warc_record_length"])
        for r in candidates(found)
    }
    assert places < given
    counts = found.counts
    left_out = counts["index.left_out.status"] + counts["index.left_out.type"]
    assert counts["index.captures"] == len(rows) == len(places) + left_out
    assert {r["crawl"] for r in candidates(found)} == {CRAWL}
    assert left_out == 11
    everything = matched(index, listed("urls", [row["url"] for row in rows]), any_type=True)
    assert len(candidates(everything)) == len(rows)


def test_doc_ids_are_those_that_extraction_gives(
    index: Path, rows: list[dict[str, Any]], listed: Listed
) -> None:
    from cc_math.warc import Capture, doc_id, read_captures

    ids = set()
    for warc in SAMPLE.glob("*.warc.gz"):
        with warc.open("rb") as stream:
            for item in read_captures(
                stream, start_bytes=0, end_bytes=None, max_record_bytes=64 << 20
            ):
                if isinstance(item, Capture):
                    ids.add(doc_id(item.url, item.fetch_time, item.payload_digest))
    found = matched(index, listed("urls", [row["url"] for row in rows]))
    assert {row["doc_id"] for row in candidates(found)} <= ids


def test_only_row_groups_that_may_hold_a_domain_are_read(
    index: Path, rows: list[dict[str, Any]], listed: Listed
) -> None:
    url = rows[0]["url"]
    found = matched(index, listed("urls", [url]))
    assert found.counts["index.candidates"] >= 1
    assert found.counts["index.row_groups_read"] < found.counts["index.row_groups"] // 2
    nothing = matched(index, listed("domains", ["zzz.example"]))
    assert nothing.counts["index.row_groups_read"] == 0


def test_row_groups_without_statistics_are_read(tmp_path: Path, listed: Listed) -> None:
    path = tmp_path / "x.parquet"
    domains = pa.table({"url_host_registered_domain": ["a.example", "b.example"]})
    pq.write_table(domains, path, write_statistics=False)
    with pq.ParquetFile(path) as file:
        assert possible_row_groups(file, listed("domains", ["z.example"])) == [0]


def test_hosts_without_a_registered_domain_are_found(
    rows: list[dict[str, Any]], tmp_path: Path, listed: Listed
) -> None:
    row = {**rows[0], "url": "http://192.0.2.9/a", "url_host_name": "192.0.2.9"}
    row["url_host_registered_domain"] = None
    index = write_index([row, *rows[1:30]], tmp_path, crawl=CRAWL, parts=1)
    found = matched(index, listed("domains", ["192.0.2.9"]))
    assert [r["url"] for r in candidates(found)] == ["http://192.0.2.9/a"]


def test_why_a_line_has_no_page_is_told(
    index: Path, rows: list[dict[str, Any]], listed: Listed
) -> None:
    gone = next(row["url"] for row in rows if row["fetch_status"] == 404)
    sheet = next(row["url"] for row in rows if row["content_mime_detected"] == "application/pdf")
    tables = matched(index, listed("urls", [gone, sheet])).found
    found = {row["first"]: row for row in pa.concat_tables(tables).to_pylist()}
    assert found[1]["why"] == "status 404"
    assert found[2]["why"] == "type application/pdf"
    assert found[1]["captures"] == 0 < found[1]["left_out"]


def test_a_file_of_another_kind_is_named(tmp_path: Path, index: Path, listed: Listed) -> None:
    addresses = listed("urls", ["https://a.example/"])
    text = tmp_path / "a.parquet"
    text.write_text("not Parquet")
    with pytest.raises(InputError, match=r"a\.parquet is not a Parquet file"):
        next(match_file(str(text), addresses, any_type=False))
    file = index_files(str(index))[0]
    table = pq.read_table(file.uri).drop_columns(["warc_filename", "url_host_name"])
    pq.write_table(table, tmp_path / "b.parquet")
    with pytest.raises(InputError, match=r"no column url_host_name, warc_filename; expected Comm"):
        next(match_file(str(tmp_path / "b.parquet"), addresses, any_type=False))


def test_of_a_folder_the_successful_captures_are_taken(tmp_path: Path, index: Path) -> None:
    place = tmp_path / f"crawl={CRAWL}"
    for subset in ("warc", "crawldiagnostics", "robotstxt"):
        (place / f"subset={subset}").mkdir(parents=True)
        (place / f"subset={subset}" / "part-0.parquet").write_bytes(b"")
    assert [file.name for file in index_files(str(tmp_path))] == [
        f"crawl={CRAWL}/subset=warc/part-0.parquet"
    ]
    assert len(index_files(str(place / "subset=robotstxt"))) == 1  # who asks for it gets it
    assert len(index_files(index_files(str(index))[0].uri)) == 1
    with pytest.raises(InputError, match="columnar index"):
        index_files(str(tmp_path / "none"))
    with pytest.raises(InputError, match="there is no"):
        index_files(str(tmp_path / "none.parquet"))


def test_the_published_index_is_found_by_the_name_of_its_crawl(tmp_path: Path) -> None:
    paths = [
        f"cc-index/table/cc-main/warc/crawl=CC-MAIN-2026-05/subset={subset}/part-00000.gz.parquet"
        for subset in ("crawldiagnostics", "warc")
    ]
    for path in paths:
        (tmp_path / path).parent.mkdir(parents=True)
        (tmp_path / path).write_bytes(b"1234")
    listed = tmp_path / "crawl-data" / "CC-MAIN-2026-05"
    listed.mkdir(parents=True)
    (listed / "cc-index-table.paths.gz").write_bytes(gzip.compress("\n".join(paths).encode()))
    with served(tmp_path) as web:
        (file,) = crawl_index("CC-MAIN-2026-05", web.uri)
        assert (file.uri, file.size_bytes) == (f"{web.uri}/{paths[1]}", 4)
    (file,) = crawl_index("CC-MAIN-2026-05", str(tmp_path))
    assert file.uri == str(tmp_path / paths[1])
    with pytest.raises(InputError, match="expected the form"):
        crawl_index("2026-05", None)


def test_an_index_behind_http_is_read_by_ranges(
    index: Path, rows: list[dict[str, Any]], listed: Listed
) -> None:
    with served(index) as web:
        name = index_files(str(index))[0].name
        addresses = listed("urls", [rows[0]["url"]])
        found = Matched()
        for _ in match_file(f"{web.uri}/{name}", addresses, any_type=False, matched=found):
            pass
        assert found.counts["index.candidates"] >= 1
        assert all(wanted for method, _, wanted in web.requests if method == "GET")
