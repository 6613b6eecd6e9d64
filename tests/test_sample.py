"""The packed sample crawl is what its sources say, and what WARC readers expect."""

from __future__ import annotations

import json
import re
import sys
from collections import Counter
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from fastwarc.warc import ArchiveIterator as FastIterator
from warcio.archiveiterator import ArchiveIterator

sys.path.insert(0, str(Path(__file__).parent))

import pack_sample
from sample.formulas import REPRESENTATIONS
from sample.pages import Page, captures

PAGES = captures()
BY_URL = {page.url: page for page in PAGES if not page.duplicate_of}
PACKED = [pack_sample.OUTPUT / name for name in pack_sample.FILES]
BENCHMARK = pack_sample.OUTPUT / "benchmarks" / "made_up.jsonl"


def words(page: Page) -> set[str]:
    """The longer words of a page's paragraphs, tags left out."""
    paragraphs = re.findall(r"<p>.*?</p>", page.payload.decode(page.charset))
    text = re.sub(r"<script.*?</script>|<[^>]+>", " ", " ".join(paragraphs))
    return set(re.findall(r"[^\W\d_]{4,}", text))


def test_packed_files_are_what_the_sources_give() -> None:
    assert pack_sample.differences() == [], "run python tests/pack_sample.py"


def test_packed_files_are_small_and_carry_no_time() -> None:
    packed = [path.read_bytes() for path in PACKED]
    assert sum(map(len, packed)) <= 1_000_000
    assert all(content[4:8] == bytes(4) for content in packed)


def test_paths_file_lists_the_warcs() -> None:
    listed = pack_sample.members((pack_sample.OUTPUT / "warc.paths.gz").read_bytes())[0]
    assert listed.decode().split() == list(pack_sample.FILES)


@pytest.mark.parametrize("path", PACKED, ids=lambda path: path.name)
def test_each_record_is_a_member_and_each_capture_three_records(path: Path) -> None:
    contents = pack_sample.members(path.read_bytes())
    kinds = [content.split(b"\r\n")[1].split()[1].decode() for content in contents]
    assert kinds[0] == "warcinfo"
    assert kinds[1:] == ["request", "response", "metadata"] * (len(kinds) // 3)
    assert all(content.startswith(b"WARC/1.0\r\n") for content in contents)


@pytest.mark.parametrize("path", PACKED, ids=lambda path: path.name)
def test_warcio_reads_every_record_with_right_digests(path: Path) -> None:
    wanted = len(pack_sample.members(path.read_bytes()))
    seen = 0
    with path.open("rb") as stream:
        for record in ArchiveIterator(stream, check_digests=True):
            record.content_stream().read()
            assert record.digest_checker.passed is not False, record.digest_checker.problems
            seen += 1
    assert seen == wanted


@pytest.mark.parametrize("path", PACKED, ids=lambda path: path.name)
def test_fastwarc_reads_every_record_with_right_digests(path: Path) -> None:
    wanted = len(pack_sample.members(path.read_bytes()))
    seen = 0
    with path.open("rb") as stream:
        for record in FastIterator(stream, parse_http=False):
            assert record.verify_block_digest()
            seen += 1
    assert seen == wanted


def test_payloads_come_back_from_the_packed_files() -> None:
    found = Counter[tuple[str, bytes]]()
    for path in PACKED:
        with path.open("rb") as stream:
            for record in ArchiveIterator(stream):
                if record.rec_type == "response":
                    url = record.rec_headers.get_header("WARC-Target-URI")
                    found[url, record.content_stream().read()] += 1
    assert found == Counter((page.url, page.payload) for page in PAGES)


def test_metadata_carries_languages_as_common_crawl_writes_them() -> None:
    blocks = [
        content.decode()
        for path in PACKED
        for content in pack_sample.members(path.read_bytes())
        if b"WARC-Type: metadata" in content
    ]
    found = [m[1] for block in blocks if (m := re.search(r"languages-cld2: (.*)\r\n", block))]
    assert 0 < len(found) < len(blocks)
    codes = {json.loads(text)["languages"][0]["code"] for text in found}
    assert codes == {"en", "de", "fr", "es", "pt", "ru", "zh", "ja", "ar"}


def test_every_kind_of_page_is_there() -> None:
    distinct = [p for p in PAGES if not p.duplicate_of and not p.near_duplicate_of]
    roles = Counter(page.role for page in distinct)
    assert len(PAGES) >= 170
    assert len({urlsplit(page.url).netloc for page in PAGES}) >= 40
    assert roles["math"] >= 75 and roles["word_problem"] >= 14 and roles["hostile"] >= 12
    assert roles["ordinary"] + roles["confusable"] >= 60
    assert {page.representation for page in PAGES} == {"", *REPRESENTATIONS}
    assert {page.status for page in PAGES} == {200, 301, 404}
    assert {page.truncated for page in PAGES} == {"", "length", "disconnect"}
    assert sum(bool(page.opt_out) for page in PAGES) >= 5
    assert {"gbk", "windows-1251", "iso-8859-1", "shift_jis"} <= {page.charset for page in PAGES}


def test_addresses_and_dates_name_one_capture_each() -> None:
    assert len({(page.url, page.date) for page in PAGES}) == len(PAGES)


def test_exact_duplicates_have_the_same_bytes() -> None:
    copies = [page for page in PAGES if page.duplicate_of]
    assert len(copies) >= 6
    for page in copies:
        assert page.payload == BY_URL[page.duplicate_of].payload
    assert any(page.url == page.duplicate_of for page in copies), "none was captured twice"


def test_near_duplicates_share_their_text_but_not_their_bytes() -> None:
    copies = [page for page in PAGES if page.near_duplicate_of]
    assert len(copies) >= 6
    for page in copies:
        original = BY_URL[page.near_duplicate_of]
        own, other = words(page), words(original)
        assert page.payload != original.payload
        assert len(own & other) / min(len(own), len(other)) > 0.7, page.url


def test_benchmark_items_have_their_fields_and_two_of_them_leak() -> None:
    items = {
        item["id"]: item for item in map(json.loads, BENCHMARK.read_text("utf-8").splitlines())
    }
    assert all(item.keys() == {"id", "question", "answer"} for item in items.values())
    leaks = {page.leaks: page for page in PAGES if page.leaks}
    assert len(leaks) == 2
    for item_id, item in items.items():
        holders = [p.url for p in PAGES if item["question"].encode() in p.payload]
        assert holders == ([leaks[item_id].url] if item_id in leaks else [])


def test_text_pages_are_in_the_encoding_they_are_said_to_be() -> None:
    for page in PAGES:
        if page.role not in ("hostile", "other") and not page.truncated:
            assert page.title[:3].encode(page.charset, "ignore") in page.payload


def test_check_command_finds_nothing_stale(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["pack_sample.py", "--check"])
    assert pack_sample.main() == 0
    assert "up to date" in capsys.readouterr().out
