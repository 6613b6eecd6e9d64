"""Single records of a WARC: joined ranges, reading on, kept HTML, and what is not there."""

from __future__ import annotations

import dataclasses
import gzip
import hashlib
import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cc_math.errors import InputError
from cc_math.extraction.missed import Missed, MissedReason
from cc_math.extraction.rows import Judge
from cc_math.fetch.kept_html import capture_of, kept_ids, read_kept_pages
from cc_math.fetch.plan import FOLLOW_BYTES, WantedRecord, estimated_s, plan_reads, read_cost
from cc_math.fetch.records import JoinedRanges, ReadOn, find_record, open_source
from cc_math.recipe import Recipe, section_values
from cc_math.tables import put_table, rows_table
from cc_math.warc import Capture, doc_id, read_captures
from tests.web import served

MAX_BYTES = 1 << 20
TIME = "2026-01-02T03:04:05Z"


def member(kind: str, url: str, block: bytes, **headers: str) -> bytes:
    lines = {"WARC-Type": kind, "WARC-Target-URI": url, "WARC-Date": TIME, **headers}
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    record = f"WARC/1.0\r\n{head}Content-Length: {len(block)}\r\n\r\n".encode() + block
    return gzip.compress(record + b"\r\n\r\n", mtime=0)


def page(number: int) -> bytes:
    body = f"<html><p>Page {number} of a small crawl".encode() + b" and its words" * number
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nX-Robots-Tag: noai\r\n\r\n"
    return head + body


def languages(code: str, padding: int = 0) -> bytes:
    found = {"languages": [{"code": code, "text-covered": 0.97}], "padding": "x" * padding}
    return f"languages-cld2: {json.dumps(found)}\r\n".encode()


def write_warc(path: Path, pages: int, padding: int = 0) -> list[WantedRecord]:
    """A WARC in Common Crawl's order; the places of its responses."""
    wanted = []
    with path.open("wb") as target:
        target.write(member("warcinfo", "", b"isPartOf: CC-TEST\r\n"))
        for number in range(pages):
            url = f"https://a.example/{number}"
            target.write(member("request", url, b"GET / HTTP/1.1\r\n\r\n"))
            start = target.tell()
            target.write(member("response", url, page(number)))
            wanted.append(WantedRecord(start, target.tell() - start, url, ""))
            target.write(member("metadata", url, languages("de", padding)))
    return wanted


def all_captures(path: Path) -> dict[int, Capture]:
    with path.open("rb") as stream:
        items = read_captures(stream, start_bytes=0, end_bytes=None, max_record_bytes=MAX_BYTES)
        return {i.record_offset_bytes: i for i in items if isinstance(i, Capture)}


# --- planning -------------------------------------------------------------------------------

PLACES = st.lists(st.tuples(st.integers(0, 5_000_000), st.integers(1, 40_000)), max_size=40)


@given(PLACES, st.integers(0, 300_000))
def test_reads_cover_every_record_and_stay_apart(
    places: list[tuple[int, int]], gap_bytes: int
) -> None:
    records = sorted(WantedRecord(start, length, "u", "") for start, length in places)
    reads = plan_reads(records, join_gap_bytes=gap_bytes, max_read_bytes=1_000_000)
    assert reads == sorted(reads)
    for record in records:
        end = record.end_bytes + FOLLOW_BYTES
        assert any(first <= record.offset_bytes and end <= last for first, last in reads)
    joined = sum(last - first for first, last in reads)
    alone = sum(record.length_bytes + FOLLOW_BYTES for record in records)
    assert joined <= alone + gap_bytes * len(records)


def test_near_ranges_are_joined_and_far_ones_are_not() -> None:
    records = [WantedRecord(start, 100, "u", "") for start in (0, 2000, 900_000)]
    end = 100 + FOLLOW_BYTES
    assert plan_reads(records, join_gap_bytes=1000) == [(0, 2000 + end), (900_000, 900_000 + end)]
    assert len(plan_reads(records, join_gap_bytes=0)) == 3
    assert len(plan_reads(records, join_gap_bytes=10**6)) == 1
    assert len(plan_reads(records, join_gap_bytes=10**6, max_read_bytes=4000)) == 2


def test_reading_on_is_one_request_of_all_between() -> None:
    records = [WantedRecord(1000, 100, "u", ""), WantedRecord(900_000, 100, "u", "")]
    whole = read_cost(records, join_gap_bytes=0, whole=True)
    ranges = read_cost(records, join_gap_bytes=0, whole=False)
    assert (whole.requests, whole.size_bytes) == (1, 899_100 + FOLLOW_BYTES)
    assert (ranges.requests, ranges.size_bytes) == (2, 2 * (100 + FOLLOW_BYTES))
    assert read_cost([], join_gap_bytes=0, whole=True).requests == 0
    assert estimated_s(whole, 2) > 0


# --- reading --------------------------------------------------------------------------------


@pytest.mark.parametrize("padding", [0, 3000], ids=["short metadata", "long metadata"])
@pytest.mark.parametrize("whole", [False, True], ids=["by range", "reading on"])
def test_single_records_are_those_of_the_whole_file(
    tmp_path: Path, whole: bool, padding: int
) -> None:
    path = tmp_path / "x.warc.gz"
    wanted = write_warc(path, 12, padding)
    captures = all_captures(path)
    assert all(capture.cld2_languages == (("de", 0.97),) for capture in captures.values())
    for chosen in (wanted, wanted[3:4], wanted[-1:], wanted[::5]):
        source = open_source(str(path), chosen, {"whole": whole, "join_gap_bytes": 100})
        for record in chosen:
            found = find_record(source, record, max_record_bytes=MAX_BYTES)
            assert found == captures[record.offset_bytes]
        source.close()


def test_languages_beyond_a_long_metadata_record_cost_one_more_request(tmp_path: Path) -> None:
    path = tmp_path / "x.warc.gz"
    noise = "".join(hashlib.sha256(bytes([n])).hexdigest() for n in range(200))  # hard to compress
    url = "https://a.example/"
    response = member("response", url, page(1))
    long = member("metadata", url, f"note: {noise}\r\n".encode() + languages("fr"))
    assert len(long) > 4 * FOLLOW_BYTES
    path.write_bytes(response + long + member("response", url, page(2)))
    source = JoinedRanges(str(path), [(0, len(response) + FOLLOW_BYTES)], 1)
    found = find_record(source, WantedRecord(0, len(response), url, ""), max_record_bytes=MAX_BYTES)
    assert isinstance(found, Capture)
    assert found.cld2_languages == (("fr", 0.97),)


def missed(path: Path, record: WantedRecord) -> MissedReason:
    results = set()
    for whole in (False, True):
        source = open_source(str(path), [record], {"whole": whole, "join_gap_bytes": 0})
        found = find_record(source, record, max_record_bytes=MAX_BYTES)
        source.close()
        assert isinstance(found, Missed)
        assert found.url == record.url
        results.add(found.reason)
    assert len(results) == 1  # the same either way
    return results.pop()


def test_what_is_not_there_says_why(tmp_path: Path) -> None:
    path = tmp_path / "x.warc.gz"
    record, other = write_warc(path, 6)[2:4]
    wrong = dataclasses.replace
    assert missed(path, wrong(record, url="https://b.example/")) is MissedReason.other_url
    assert missed(path, wrong(record, doc_id="0" * 32)) is MissedReason.other_capture
    moved = wrong(record, offset_bytes=record.offset_bytes + 7)
    assert missed(path, moved) is MissedReason.no_record
    behind = wrong(record, offset_bytes=path.stat().st_size + 10)
    assert missed(path, behind) is MissedReason.no_record
    request = wrong(record, offset_bytes=other.offset_bytes - request_bytes(other.url))
    assert missed(path, request) is MissedReason.not_a_response
    data = bytearray(path.read_bytes())
    middle = record.offset_bytes + record.length_bytes // 2
    data[middle : middle + 8] = b"\xff" * 8
    path.write_bytes(data)
    assert missed(path, record) is MissedReason.damaged


def request_bytes(url: str) -> int:
    return len(member("request", url, b"GET / HTTP/1.1\r\n\r\n"))


def test_a_length_that_is_too_short_is_found_all_the_same_where_its_bytes_came(
    tmp_path: Path,
) -> None:
    path = tmp_path / "x.warc.gz"
    record = write_warc(path, 3)[1]
    short = dataclasses.replace(record, length_bytes=record.length_bytes - 9)
    source = open_source(str(path), [short], {"whole": False, "join_gap_bytes": 0})
    found = find_record(source, short, max_record_bytes=MAX_BYTES)
    assert isinstance(found, Capture)
    assert found.record_length_bytes == record.length_bytes


@given(
    st.lists(st.tuples(st.integers(0, 3000), st.integers(0, 900)), min_size=1, max_size=30),
    st.integers(0, 400),
)
def test_both_sources_give_the_bytes_of_the_file(
    tmp_path_factory: pytest.TempPathFactory, asked: list[tuple[int, int]], gap_bytes: int
) -> None:
    path = tmp_path_factory.getbasetemp() / "bytes.bin"
    data = bytes(n * 31 % 251 for n in range(3000))
    path.write_bytes(data)
    places = sorted(asked)
    records = [WantedRecord(start, max(1, size), "u", "") for start, size in places]
    reads = plan_reads(records, join_gap_bytes=gap_bytes, max_read_bytes=2000)
    for source in (
        JoinedRanges(str(path), reads, 1),
        JoinedRanges(str(path), reads, 3),
        ReadOn(str(path), places[0][0]),
    ):
        for start, size in places:
            assert source.get(start, start + size) == data[start : start + size]
        source.close()


# --- behind http ----------------------------------------------------------------------------


def test_http_ranges_are_joined_and_give_the_same(tmp_path: Path) -> None:
    path = tmp_path / "x.warc.gz"
    wanted = write_warc(path, 40)
    captures = all_captures(path)
    chosen = [*wanted[:5], *wanted[30:]]
    with served(tmp_path) as web:
        uri = f"{web.uri}/{path.name}"
        source = open_source(uri, chosen, {"whole": False, "join_gap_bytes": 2000})
        for record in chosen:
            found = find_record(source, record, max_record_bytes=MAX_BYTES)
            assert found == captures[record.offset_bytes]
        source.close()
        assert len(web.ranges()) == 2
        assert all(wanted.split("-")[1] for wanted in web.ranges())  # none without an end


def test_a_server_without_ranges_is_read_on_from_the_start(tmp_path: Path) -> None:
    path = tmp_path / "x.warc.gz"
    chosen = write_warc(path, 40)[10:13]
    captures = all_captures(path)
    for whole in (False, True):
        with served(tmp_path, ranges=False) as web:
            fetch = {"whole": whole, "join_gap_bytes": 0}
            source = open_source(f"{web.uri}/{path.name}", chosen, fetch)
            found = [find_record(source, r, max_record_bytes=MAX_BYTES) for r in chosen]
            source.close()
            assert found == [captures[record.offset_bytes] for record in chosen]
            assert len(web.requests) == 2  # the one that was refused, and the file


# --- kept HTML ------------------------------------------------------------------------------


def kept_capture() -> Capture:
    body = (
        b"<html><main><p>The sum of the angles of a triangle in the plane is two right angles, "
        b"for a line through one corner makes equal angles. $x$ $y$</p></main></html>"
    )
    return Capture(
        url="https://a.example/sums",
        fetch_time=TIME,
        record_offset_bytes=700,
        record_length_bytes=300,
        is_http=True,
        http_status=200,
        http_headers={},
        content_type="text/html; charset=utf-8",
        identified_payload_type="text/html",
        payload=body,
        payload_digest="sha1:ABC",
        payload_problem="",
        truncated="",
        cld2_languages=(("en", 0.98), ("la", 0.02)),
        charset_detected="",
        x_robots_tag="noindex",
        tdm_reservation="1",
    )


def test_a_page_from_kept_html_is_judged_as_the_first_time(tmp_path: Path) -> None:
    capture = kept_capture()
    settings = {**section_values(Recipe(), "extract"), "keep_html": True, "quick_floor": 0.0}
    judge = Judge(settings, "CC-TEST", "x.warc.gz")
    first = judge.judge(capture)
    assert first.html is not None
    entry = put_table(rows_table("html", [first.html]), "html", str(tmp_path), "html/x.parquet")
    uri = str(tmp_path / entry.path)
    name = doc_id(capture.url, capture.fetch_time, capture.payload_digest)
    assert kept_ids([uri], {name, "f" * 32}) == {name}
    row = read_kept_pages([uri], {name})[name]
    record = WantedRecord(700, 300, capture.url, name)
    again = capture_of(row, record, max_payload_bytes=MAX_BYTES)
    assert again == capture
    assert judge.judge(again) == first
    assert capture_of(row, record, max_payload_bytes=10) is None
    assert capture_of({**row, "payload_zstd": b"none"}, record, max_payload_bytes=99) is None


def test_html_of_an_earlier_version_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "old.parquet"
    table = rows_table("html", []).select(["doc_id", "content_type", "payload_zstd"])
    pq.write_table(table, path)
    with pytest.raises(InputError, match="earlier version"):
        kept_ids([str(path)], {"0" * 32})
