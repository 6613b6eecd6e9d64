"""WARC reading: nothing is lost without being named, whatever the bytes."""

import bz2
import gzip
import io
import zlib
from itertools import pairwise
from pathlib import Path

import brotli
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from cc_math.http_payload import decode_body, parse_http_response
from cc_math.warc import (
    Capture,
    Damage,
    Item,
    OtherReason,
    OtherRecord,
    classify_response,
    count_items,
    doc_id,
    plan_chunks,
    read_captures,
)

PAGE = b"<!doctype html><title>Sums</title><p>One and one are two.</p>"


def record(kind: str, block: bytes, *headers: str) -> bytes:
    head = [f"WARC-Type: {kind}", f"Content-Length: {len(block)}", *headers]
    return ("WARC/1.0\r\n" + "\r\n".join(head) + "\r\n\r\n").encode() + block + b"\r\n\r\n"


def http(body: bytes, *headers: str, status: str = "200 OK") -> bytes:
    lines = [f"HTTP/1.1 {status}", *(headers or ("Content-Type: text/html",))]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def capture_records(name: str, body: bytes = PAGE) -> list[bytes]:
    uri, key = f"WARC-Target-URI: https://a.test/{name}", f"<urn:uuid:{name}>"
    cld2 = b'languages-cld2: {"languages":[{"code":"en","text-covered":0.9}]}\r\n'
    return [
        record("request", b"GET / HTTP/1.1\r\n\r\n", uri),
        record("response", http(body), uri, f"WARC-Record-ID: {key}", "WARC-Date: 2026-01-01"),
        record(
            "metadata", b"charset-detected: UTF-8\r\n" + cld2, uri, f"WARC-Concurrent-To: {key}"
        ),
    ]


MEMBERS = [gzip.compress(record("warcinfo", b"software: test\r\n"), mtime=0)] + [
    gzip.compress(part, mtime=0)
    for i in range(3)
    for part in capture_records(f"p{i}", PAGE + bytes(f"<p>{i * 7919}</p>", "ascii"))
]
WARC = b"".join(MEMBERS)
STARTS = [len(b"".join(MEMBERS[:i])) for i in range(len(MEMBERS))]


def read(data: bytes, start: int = 0, end: int | None = None, skip: int = 0) -> list[Item]:
    stream = io.BytesIO(data[start:])
    return list(
        read_captures(
            stream,
            start_bytes=start,
            end_bytes=end,
            max_record_bytes=1 << 16,
            skip_before_bytes=skip,
        )
    )


def captures(items: list[Item]) -> list[Capture]:
    return [item for item in items if isinstance(item, Capture)]


def span(item: Item) -> tuple[int, int]:
    if isinstance(item, Damage):
        return item.offset_start_bytes, item.offset_end_bytes
    return item.record_offset_bytes, item.record_offset_bytes + item.record_length_bytes


def one(*records: bytes) -> Capture:
    (found,) = captures(read(b"".join(gzip.compress(part) for part in records)))
    return found


def test_a_capture_carries_its_place_its_page_and_its_metadata() -> None:
    items = read(WARC)
    first = captures(items)[0]
    assert first.url == "https://a.test/p0"
    assert (first.record_offset_bytes, first.record_length_bytes) == (STARTS[2], len(MEMBERS[2]))
    assert first.payload == PAGE + b"<p>0</p>"
    assert first.cld2_languages == (("en", 0.9),)
    assert first.charset_detected == "UTF-8"
    assert (first.http_status, first.content_type) == (200, "text/html")
    assert [span(item)[0] for item in items] == STARTS


def test_records_are_responses_and_others_by_type() -> None:
    counts = count_items(read(WARC))
    assert (counts.records, counts.responses) == (10, 3)
    assert counts.others == {"metadata": 3, "request": 3, "warcinfo": 1}
    assert (counts.damages, counts.lost_bytes) == (0, 0)


def test_metadata_of_another_page_is_not_taken() -> None:
    response, metadata = capture_records("a")[1], capture_records("b")[2]
    assert one(response, metadata).cld2_languages == ()


def test_metadata_without_an_id_is_matched_by_url() -> None:
    response = record("response", http(PAGE), "WARC-Target-URI: https://a.test/x")
    metadata = record("metadata", b"charset-detected: KOI8-R", "WARC-Target-URI: https://a.test/x")
    assert one(response, metadata).charset_detected == "KOI8-R"


@given(st.integers(1, len(WARC) + 10))
def test_chunks_yield_together_what_the_file_yields(chunk_bytes: int) -> None:
    chunks = plan_chunks(len(WARC), chunk_bytes)
    assert [item for start, end in chunks for item in read(WARC, start, end)] == read(WARC)


@settings(max_examples=300)
@given(st.integers(0, len(WARC) - 1), st.integers(1, 255), st.integers(1, len(WARC)))
def test_a_flipped_byte_costs_its_own_member_in_any_chunking(
    place: int, flip: int, chunk_bytes: int
) -> None:
    damaged = bytearray(WARC)
    damaged[place] ^= flip
    items = read(bytes(damaged))
    assert_tiles(items, len(WARC))
    hit = max(start for start in STARTS if start <= place)
    found = {span(item) for item in items if not isinstance(item, Damage)}
    assert found >= {span(item) for item in read(WARC) if span(item)[0] != hit}
    chunks = plan_chunks(len(WARC), chunk_bytes)
    assert [item for chunk in chunks for item in read(bytes(damaged), *chunk)] == items


@given(st.integers(1, len(WARC) - 1), st.integers(1, 200))
def test_missing_bytes_are_reported_and_what_follows_is_found(place: int, cut: int) -> None:
    items = read(WARC[:place] + WARC[place + cut :])
    assert_tiles(items, len(WARC) - min(cut, len(WARC) - place))
    whole_before = [start for start in STARTS[1:] if start <= place]
    whole_after = [start - cut for start in STARTS if start >= place + cut]
    found = {span(item)[0] for item in items if not isinstance(item, Damage)}
    assert found.issuperset(([0, *whole_before])[: len(whole_before)] + whole_after)


@given(st.integers(1, len(WARC) - 1))
def test_a_truncated_file_ends_in_damage(length: int) -> None:
    items = read(WARC[:length])
    assert_tiles(items, length)
    assert isinstance(items[-1], Damage) == (length not in STARTS)


@given(st.binary(max_size=400))
def test_arbitrary_bytes_never_raise(data: bytes) -> None:
    assert_tiles(read(data), len(data))
    response = record("response", data, "WARC-Target-URI: https://a.test/")
    assert one(response).http_status == 0 or data.startswith(b"HTTP/")
    plain = b"WARC/1.0\r\n" + data
    assert_tiles(read(plain), len(plain))
    assert_tiles(read(gzip.compress(plain)), len(gzip.compress(plain)))


def assert_tiles(items: list[Item], size: int) -> None:
    """Every byte lies in one record or one damage, in order; records may share a member."""
    spans = list(dict.fromkeys(span(item) for item in items))
    assert [0, *(end for _, end in spans)] == [*(start for start, _ in spans), size]


def test_bytes_between_members_are_reported_exactly() -> None:
    items = read(MEMBERS[0] + b"\0" * 700 + MEMBERS[1])
    start = len(MEMBERS[0])
    assert [type(item) for item in items] == [OtherRecord, Damage, OtherRecord]
    assert span(items[1]) == (start, start + 700)


def test_damage_at_a_chunk_boundary_belongs_to_the_chunk_before() -> None:
    data, boundary = MEMBERS[0] + b"junk" + MEMBERS[1], len(MEMBERS[0])
    assert [type(item) for item in read(data, 0, boundary)] == [OtherRecord, Damage]
    assert [type(item) for item in read(data, boundary, len(data))] == [OtherRecord]


def test_reading_goes_on_behind_a_record() -> None:
    items = read(WARC)
    assert read(WARC, STARTS[3], None, STARTS[3]) == items[3:]
    assert read(WARC, 0, None, STARTS[3]) == items[3:]
    broken = b"junk" + MEMBERS[1]
    assert span(read(b"x" * 9 + broken, 9, None, 9)[0]) == (9, 13)


def test_a_gzip_bomb_is_damage_and_costs_no_memory() -> None:
    bomb = gzip.compress(record("response", http(bytes(1 << 22))))
    items = read(MEMBERS[0] + bomb + MEMBERS[1])
    assert [type(item) for item in items] == [OtherRecord, Damage, OtherRecord]
    assert isinstance(items[1], Damage)
    assert "more than 65536 bytes" in items[1].why
    assert span(items[1]) == (len(MEMBERS[0]), len(MEMBERS[0]) + len(bomb))


@pytest.mark.parametrize(
    "odd",
    [
        record("metadata", b"a: b").replace(b"WARC/1.0", b"WARC/2.0"),
        record("metadata", b"a: b", "X-Long: " + "x" * 60_000),
        record("response", http(PAGE)),
        record("metadata", b"a: b").replace(b"\r\n", b"\n"),
        record("made-up", b"a: b"),
        b"",
    ],
    ids=["version 2", "long header", "no URI", "bare line feeds", "own type", "empty member"],
)
def test_odd_records_do_not_end_the_file(odd: bytes) -> None:
    items = read(MEMBERS[0] + gzip.compress(odd) + MEMBERS[1])
    assert len(items) == 3
    assert not any(isinstance(item, Damage) for item in items)


def test_a_member_with_two_records_gives_both() -> None:
    items = read(gzip.compress(record("warcinfo", b"a: b") + capture_records("x")[1]))
    assert [type(item) for item in items] == [OtherRecord, Capture]
    assert span(items[0]) == span(items[1])


@pytest.mark.parametrize(
    "broken",
    [
        b"WARC/1.0\r\nWARC-Type: response\r\n",
        b"WARC/1.0\r\nWARC-Type: response\r\n\r\nblock",
        b"WARC/1.0\r\nContent-Length: -1\r\n\r\nblock",
        b"WARC/1.0\r\nContent-Length: 99\r\n\r\nblock",
        b"not a record",
    ],
)
def test_an_unparsable_record_is_damage_of_its_member(broken: bytes) -> None:
    member = gzip.compress(broken)
    damage, after = read(member + MEMBERS[1])
    assert isinstance(damage, Damage)
    assert span(damage) == (0, len(member))
    assert isinstance(after, OtherRecord)


def test_a_plain_warc_is_read_and_its_damage_reported() -> None:
    records = [record("warcinfo", b"a: b"), *capture_records("x"), *capture_records("y")]
    data = b"".join(records)
    assert [c.url[-1] for c in captures(read(data))] == ["x", "y"]
    assert captures(read(data))[0].cld2_languages == (("en", 0.9),)
    assert_tiles(read(data), len(data))
    lost = data.replace(b"Content-Length: 18", b"Content-Length: 19", 1)
    damage = [item for item in read(lost) if isinstance(item, Damage)]
    assert_tiles(read(lost), len(lost))
    start = lost.index(b"Content-Length: 19") - len("WARC/1.0\r\nWARC-Type: request\r\n")
    assert [span(d)[0] for d in damage] == [start]
    assert len(read(lost)) == len(records)


@pytest.mark.parametrize(
    ("name", "coded"),
    [
        ("gzip", gzip.compress(PAGE)),
        ("deflate", zlib.compress(PAGE)),
        ("deflate", zlib.compress(PAGE)[2:-4]),
        ("br", brotli.compress(PAGE)),
        ("zstd", zstandard.compress(PAGE)),
        ("gzip", PAGE),
        ("br", PAGE),
        ("identity", PAGE),
    ],
)
def test_content_codings_are_undone_where_they_still_apply(name: str, coded: bytes) -> None:
    found = one(record("response", http(coded, f"Content-Encoding: {name}")))
    assert (found.payload, found.payload_problem, found.truncated) == (PAGE, "", "")


def test_chunks_are_joined_under_the_content_coding() -> None:
    coded = gzip.compress(PAGE)
    chunked = b"5\r\n%b\r\n%x;x=y\r\n%b\r\n0\r\n\r\n" % (coded[:5], len(coded) - 5, coded[5:])
    headers = ("Transfer-Encoding: chunked", "Content-Encoding: gzip")
    assert one(record("response", http(chunked, *headers))).payload == PAGE
    assert one(record("response", http(PAGE, headers[0]))).payload == PAGE


@pytest.mark.parametrize(
    ("name", "bomb"),
    [
        ("gzip", gzip.compress(bytes(1 << 22))),
        ("deflate", zlib.compress(bytes(1 << 22))),
        ("br", brotli.compress(bytes(1 << 22))),
        ("zstd", zstandard.compress(bytes(1 << 22))),
    ],
)
def test_a_coded_bomb_is_cut_at_the_bound(name: str, bomb: bytes) -> None:
    response = parse_http_response(http(bomb, f"Content-Encoding: {name}"))
    assert response is not None
    decoded = decode_body(response, max_payload_bytes=10_000)
    assert (len(decoded.body), decoded.cut, decoded.problem) == (10_000, True, "")


@given(
    st.sampled_from(["gzip", "deflate", "br", "zstd", "chunked"]),
    st.binary(max_size=60),
    st.integers(0, 200),
)
def test_no_coded_body_raises(name: str, noise: bytes, place: int) -> None:
    encode = {"deflate": zlib.compress, "br": brotli.compress, "zstd": zstandard.compress}
    coded = encode.get(name, gzip.compress)(PAGE * 3)
    body = noise if place == 0 else coded[:place] + noise + coded[place:]
    header = "Transfer-Encoding" if name == "chunked" else "Content-Encoding"
    response = parse_http_response(http(body, f"{header}: {name}"))
    assert response is not None
    assert len(decode_body(response, max_payload_bytes=1000).body) <= 1000


def test_headers_are_lower_cased_and_repeated_ones_joined() -> None:
    head = ("X-Robots-Tag: noai", "x-robots-tag: noindex", "TDM-Reservation: 1")
    types = ("Content-Type: text/plain", "Content-Type: text/html")
    found = one(record("response", http(PAGE, *head, *types), "WARC-Truncated: length"))
    assert (found.x_robots_tag, found.tdm_reservation) == ("noai, noindex", "1")
    assert (found.content_type, found.truncated) == ("text/html", "length")


def test_a_missing_digest_is_computed() -> None:
    found = one(record("response", http(b"abc")))
    assert found.payload_digest == "sha1:VGMT4NSHA2AWVOR6EVYXQUGCNSONBWE5"


@pytest.mark.parametrize(
    ("block", "headers", "reason"),
    [
        (http(PAGE), [], None),
        (http(PAGE, "Content-Type: application/xhtml+xml; charset=x"), [], None),
        (http(PAGE, "Server: x"), [], None),
        (http(b"<?xml version='1.0'?>\n<html >", "Server: x"), [], None),
        (http(PAGE, "Content-Type: text/plain"), ["text/html"], None),
        (http(PAGE), ["application/pdf"], OtherReason.not_html),
        (http(b"%PDF-1.7", "Server: x"), [], OtherReason.not_html),
        (http(PAGE, status="404 Not Found"), [], OtherReason.status),
        (http(b" \n"), [], OtherReason.empty_payload),
        (http(bz2.compress(PAGE), "Content-Encoding: bzip2"), [], OtherReason.undecodable_payload),
        (b"a.test 300 IN A 192.0.2.1", [], OtherReason.not_http),
    ],
)
def test_why_a_response_is_no_html_page(
    block: bytes, headers: list[str], reason: OtherReason | None
) -> None:
    identified = [f"WARC-Identified-Payload-Type: {name}" for name in headers]
    uri = "WARC-Target-URI: <https://a.test/>"
    assert classify_response(one(record("response", block, uri, *identified))) is reason


def test_a_response_without_a_url_is_no_page() -> None:
    assert classify_response(one(record("response", http(PAGE)))) is OtherReason.no_url


@given(st.integers(0, 10_000), st.integers(1, 500))
def test_chunks_tile_the_file(size: int, chunk_bytes: int) -> None:
    chunks = plan_chunks(size, chunk_bytes)
    assert (chunks[0][0], chunks[-1][1]) == (0, size)
    assert all(a[1] == b[0] for a, b in pairwise(chunks))
    assert all(end - start <= chunk_bytes for start, end in chunks)


def test_doc_id_depends_on_each_part_and_on_where_it_ends() -> None:
    assert doc_id("https://a.test/", "2026", "sha1:X") == "06fe88ff16442587b70494ad73492c06"
    assert len({doc_id("ab", "c", "d"), doc_id("a", "bc", "d"), doc_id("a", "b", "cd")}) == 3


def test_the_same_records_as_fastwarc_and_warcio(dev_data: Path) -> None:
    fastwarc = pytest.importorskip("fastwarc.warc")
    warcio = pytest.importorskip("warcio.archiveiterator")
    path = min((dev_data / "crawl").glob("*.warc.gz"))
    with path.open("rb") as stream:
        ours = list(read_captures(stream, start_bytes=0, end_bytes=None, max_record_bytes=1 << 26))
    with path.open("rb") as stream:
        theirs = [
            (
                r.stream_pos,
                r.headers["WARC-Type"],
                r.headers.get("WARC-Target-URI"),
                r.reader.read(),
            )
            for r in fastwarc.ArchiveIterator(stream)
        ]
    assert [item_key(item) for item in ours] == [
        (place, kind, *((url, body) if kind == "response" else ()))
        for place, kind, url, body in theirs
    ]
    with path.open("rb") as stream:
        iterator = warcio.ArchiveIterator(stream)
        spans = [
            (
                iterator.get_record_offset(),
                iterator.get_record_offset() + iterator.get_record_length(),
            )
            for _ in iterator
        ]
    assert [span(item) for item in ours] == spans


def item_key(item: Item) -> tuple[object, ...]:
    if isinstance(item, Capture):
        return item.record_offset_bytes, "response", item.url, item.payload
    assert isinstance(item, OtherRecord)
    return item.record_offset_bytes, item.type
