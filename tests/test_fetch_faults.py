"""Fetching from stores that stumble, refuse and answer by halves, and from a hostile index."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import urllib3

from cc_math import storage
from cc_math.chunks import Chunk, ChunkContext
from cc_math.errors import InputError, StorageError
from cc_math.fetch.chunk import fetch_chunk
from cc_math.fetch.index import CANDIDATES, FOUND, Matched, match_file
from cc_math.fetch.plan import WANTED_ROWS, WantedRecord
from cc_math.fetch.records import find_record, open_source
from cc_math.progress import Heartbeat
from cc_math.recipe import Recipe, section_values
from cc_math.warc import Capture
from tests.columnar_index import index_rows, write_index
from tests.conftest import SAMPLE
from tests.sorted_lists import sorted_list
from tests.test_fetch_records import MAX_BYTES, all_captures, write_warc
from tests.web import CUT, SHORT, served


@pytest.fixture
def two_tries(monkeypatch: pytest.MonkeyPatch) -> None:
    """A store that gives up early and does not wait, so that a refusal takes no minutes."""

    def quick(*, total: int, backoff_factor: float, status_forcelist: Any) -> Any:
        return real(total=1, backoff_factor=0, status_forcelist=status_forcelist)

    real = urllib3.Retry
    monkeypatch.setattr(urllib3, "Retry", quick)
    storage._store.cache_clear()


def fetched(uri: str, records: list[WantedRecord], folder: Path, threshold: int) -> dict[str, int]:
    """Counts of a chunk of ``records``."""
    rows = folder / "rows.parquet"
    columns = zip(*((r.offset_bytes, r.length_bytes, r.url, r.doc_id) for r in records),
                  strict=True)  # fmt: skip
    arrays = [pa.array(c, f.type) for c, f in zip(columns, WANTED_ROWS, strict=True)]
    pq.write_table(pa.Table.from_arrays(arrays, schema=WANTED_ROWS), rows)
    recipe = Recipe()
    settings = {name: section_values(recipe, name) for name in ("extract", "crawl", "fetch")}
    settings["fetch"]["whole_from_pages"] = threshold
    settings["fetch"]["join_gap_bytes"] = 0
    task = {"uri": uri, "listed_path": "x.warc.gz", "crawl": "CC-TEST", "html": []}
    task |= {"warc_records": len(records), "rows": {"uri": str(rows), "row_group": 0}}
    context = ChunkContext(str(folder / "out"), settings, Heartbeat(None, "", "x"))
    return fetch_chunk(Chunk("x", {}, task, len(records)), context).counts


@pytest.mark.parametrize("threshold", [1, 1000], ids=["reading on", "by range"])
def test_a_store_that_stumbles_costs_no_record(tmp_path: Path, threshold: int) -> None:
    records = write_warc(tmp_path / "x.warc.gz", 30)[::3]
    with served(tmp_path) as web:
        web.faults += [503, CUT, SHORT]  # slow down; a line that breaks; half of what was asked
        said = fetched(f"{web.uri}/x.warc.gz", records, tmp_path, threshold)
        assert web.faults == []
    assert said["records.response"] == said["wanted"] == len(records)
    assert not [name for name in said if name.startswith("missed.")]


@pytest.mark.parametrize("whole", [True, False], ids=["reading on", "by range"])
def test_a_read_that_ends_before_the_file_is_no_end_of_the_file(
    tmp_path: Path, whole: bool
) -> None:
    records = write_warc(tmp_path / "x.warc.gz", 20)
    with served(tmp_path) as web:
        web.faults += [SHORT]
        fetch = {"whole": whole, "join_gap_bytes": 1 << 20}
        with pytest.raises(StorageError, match=r"a read ended at byte [\d,]+ of "):
            source = open_source(f"{web.uri}/x.warc.gz", records, fetch)
            for record in records:
                find_record(source, record, max_record_bytes=MAX_BYTES)


@pytest.mark.parametrize(
    ("status", "error", "said"),
    [
        (404, InputError, "there is no http://.*/none.warc.gz"),
        (403, StorageError, "HEAD http://.*/x.warc.gz: .*403"),
    ],
)
def test_a_warc_that_is_refused_is_named(
    two_tries: None, tmp_path: Path, status: int, error: type[Exception], said: str
) -> None:
    records = write_warc(tmp_path / "x.warc.gz", 3)
    with served(tmp_path) as web:
        web.refused = "" if status == 404 else "/x.warc.gz"
        name = "none.warc.gz" if status == 404 else "x.warc.gz"
        with pytest.raises(error, match=said):
            fetched(f"{web.uri}/{name}", records, tmp_path, 1000)


@pytest.mark.parametrize("whole", [True, False], ids=["reading on", "by range"])
def test_a_store_that_never_recovers_is_given_up_with_its_word(
    two_tries: None, tmp_path: Path, whole: bool
) -> None:
    records = write_warc(tmp_path / "x.warc.gz", 3)
    with served(tmp_path) as web:
        web.faults += [503] * 9
        with pytest.raises(StorageError, match=r"GET http://.*/x.warc.gz: .*503"):
            open_source(f"{web.uri}/x.warc.gz", records, {"whole": whole, "join_gap_bytes": 0})


# --- S3 that throttles ------------------------------------------------------------------------


@pytest.fixture
def slow_s3(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Path, list[str]]]:
    """S3 of one file that answers its first requests with SlowDown; the answers it gave."""
    pytest.importorskip("boto3")
    path, answers = tmp_path / "x.warc.gz", list[str]()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if len(answers) < 2:
                answers.append("SlowDown")
                body = b"<Error><Code>SlowDown</Code><Message>Reduce the rate</Message></Error>"
                self.send_response(503)
            else:
                answers.append(self.headers["Range"])
                start, end = self.headers["Range"].removeprefix("bytes=").split("-")
                body = path.read_bytes()[int(start) : int(end) + 1]
                self.send_response(206)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *arguments: Any) -> None:
            return

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    environment = {
        "AWS_ENDPOINT_URL_S3": f"http://127.0.0.1:{server.server_port}",
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    storage._store.cache_clear()
    yield path, answers
    storage._store.cache_clear()
    server.shutdown()
    thread.join()
    server.server_close()


def test_s3_that_asks_to_slow_down_is_asked_again(slow_s3: tuple[Path, list[str]]) -> None:
    path, answers = slow_s3
    records = write_warc(path, 5)[:2]
    captures = all_captures(path)
    fetch = {"whole": False, "join_gap_bytes": 1 << 20}
    source = open_source("s3://bucket/x.warc.gz", records, fetch)
    found = [find_record(source, record, max_record_bytes=MAX_BYTES) for record in records]
    source.close()
    assert found == [captures[record.offset_bytes] for record in records]
    assert answers[:2] == ["SlowDown", "SlowDown"] and len(answers) == 3


# --- a hostile index --------------------------------------------------------------------------


@pytest.fixture(scope="module")
def rows() -> list[dict[str, Any]]:
    return index_rows(sorted(SAMPLE.glob("*.warc.gz")))[:40]


def matched(path: Path, urls: list[str], folder: Path) -> Matched:
    found = Matched()
    for _ in match_file(
        str(path), sorted_list("urls", urls, folder), any_type=False, matched=found
    ):
        pass
    return found


def spoilt(
    rows: list[dict[str, Any]], folder: Path, *, drop: str = "", **columns: Any
) -> tuple[Path, pa.Table]:
    """The index of ``rows`` as one file, with ``columns`` in the place of its own."""
    (path,) = write_index(rows, folder, crawl="X", parts=1).rglob("*.parquet")
    table = pq.read_table(path, partitioning=None)
    for name, values in columns.items():
        table = table.set_column(table.column_names.index(name), name, values)
    table = table.drop_columns([drop]) if drop else table
    pq.write_table(table, path)
    return path, table


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("fetch_status", ["200"] * 40),
        ("warc_record_offset", [1.5] * 40),
        ("fetch_time", ["2026-01-01"] * 40),
        ("url", list(range(40))),
        ("url_host_registered_domain", [["a.example"]] * 40),
        ("content_digest", [1] * 40),
    ],
)
def test_a_column_of_another_type_is_named(
    rows: list[dict[str, Any]], tmp_path: Path, name: str, values: list[Any]
) -> None:
    path, _ = spoilt(rows, tmp_path / "index", **{name: pa.array(values)})
    with pytest.raises(InputError, match=rf"column {name} is .*; expected Common Crawl's"):
        matched(path, [rows[0]["url"]], tmp_path)


def test_text_may_come_in_dictionaries_and_numbers_in_any_width(
    rows: list[dict[str, Any]], tmp_path: Path
) -> None:
    urls = [row["url"] for row in rows]
    expected = matched(spoilt(rows, tmp_path / "1")[0], urls, tmp_path / "a")
    path, table = spoilt(rows, tmp_path / "2")
    for name in ("url", "url_host_registered_domain", "warc_filename", "content_mime_detected"):
        column = table.column(name).dictionary_encode()
        table = table.set_column(table.column_names.index(name), name, column)
    column = table.column("warc_record_offset").cast(pa.uint64())
    table = table.set_column(
        table.column_names.index("warc_record_offset"), "warc_record_offset", column
    )
    column = table.column("fetch_time").cast(pa.timestamp("us", tz="America/Bogota"))
    table = table.set_column(table.column_names.index("fetch_time"), "fetch_time", column)
    pq.write_table(table, path)
    assert matched(path, urls, tmp_path / "b") == expected
    assert expected.counts["index.candidates"] > 20


def test_rows_that_name_no_place_in_a_warc_are_left_out_and_counted(
    rows: list[dict[str, Any]], tmp_path: Path
) -> None:
    rows = [dict(row, fetch_status=200, content_mime_detected="text/html") for row in rows[:8]]
    for number, row in enumerate(rows):
        row |= {"url": f"https://a.example/{number}", "url_host_registered_domain": "a.example"}
        row["url_host_name"] = "a.example"
    rows[0]["warc_filename"] = ""
    rows[1]["warc_filename"] = "../../../etc/x.warc.gz"
    rows[2]["warc_record_offset"] = -1
    rows[3]["warc_record_length"] = 0
    rows[4]["content_mime_detected"] = "text/x\n\tand more" + "y" * 1000
    path, table = spoilt(rows, tmp_path / "index")
    times = table.column("fetch_time").cast(pa.int64()).to_pylist()
    times[5], times[6] = 2**62, -(2**62)
    column = pa.array(times, pa.timestamp("ms"))
    table = table.set_column(table.column_names.index("fetch_time"), "fetch_time", column)
    pq.write_table(table, path)
    found = matched(path, [row["url"] for row in rows], tmp_path)
    (candidates,), (told,) = found.candidates, found.found
    assert found.counts["index.left_out.place"] == 4
    assert found.counts["index.left_out.type"] == 1
    assert found.counts["index.captures"] == 8
    assert [row["url"][-1] for row in candidates.to_pylist()] == ["5", "6", "7"]
    assert candidates.column("fetch_time").to_pylist()[:2] == ["", ""]
    assert candidates.schema == CANDIDATES and told.schema == FOUND
    why = {row["first"] - 1: row["why"] for row in told.to_pylist()}
    assert why[0] == "place unknown (warc_filename is empty)"
    assert why[1] == "place unknown (warc_filename holds ..)"
    assert why[2].startswith("place unknown (") and why[2].endswith("bytes at -1)")
    assert "\n" not in why[4] and "\t" not in why[4] and len(why[4]) < 120


def test_rows_without_a_url_are_nobodys(rows: list[dict[str, Any]], tmp_path: Path) -> None:
    host = rows[0]["url_host_name"]
    nothing = pa.array([None] * len(rows), pa.string())
    path, _ = spoilt(rows, tmp_path / "index", url=nothing)
    found = Matched()
    sites = sorted_list("domains", [host], tmp_path / "list")
    for _ in match_file(str(path), sites, any_type=True, matched=found):
        pass
    assert found.counts["index.left_out.place"] == found.counts["index.captures"] > 0
    assert matched(path, [rows[0]["url"]], tmp_path).counts["index.captures"] == 0


def test_a_damaged_file_of_the_index_is_named_with_its_row_group(
    rows: list[dict[str, Any]], tmp_path: Path
) -> None:
    path, _ = spoilt(rows, tmp_path / "index")
    with pq.ParquetFile(path) as file:
        names = file.schema_arrow.names
        chunk = file.metadata.row_group(0).column(names.index("url_host_registered_domain"))
    data = bytearray(path.read_bytes())
    start = chunk.dictionary_page_offset or chunk.data_page_offset
    data[start : start + chunk.total_compressed_size] = b"\xff" * chunk.total_compressed_size
    path.write_bytes(data)
    with pytest.raises(InputError, match=r"\.parquet: row group 0 cannot be read"):
        matched(path, [rows[0]["url"]], tmp_path)
    path.write_bytes(data[: len(data) // 2])
    with pytest.raises(InputError, match="is not a Parquet file"):
        matched(path, [rows[0]["url"]], tmp_path)


def test_captures_are_of_the_records_asked_for(tmp_path: Path) -> None:
    records = write_warc(tmp_path / "x.warc.gz", 6)
    wrong = WantedRecord(records[2].offset_bytes, records[2].length_bytes, "https://b.example/", "")
    behind = WantedRecord(10**9, 100, "https://a.example/9", "")
    large = WantedRecord(records[4].offset_bytes, 1 << 40, records[4].url, "")
    said = fetched(str(tmp_path / "x.warc.gz"), [records[0], wrong, large, behind], tmp_path, 1000)
    assert said["records.response"] == 1
    assert said["missed.other_url"] == 1
    assert said["missed.no_record"] == 2
    assert isinstance(all_captures(tmp_path / "x.warc.gz")[records[0].offset_bytes], Capture)
