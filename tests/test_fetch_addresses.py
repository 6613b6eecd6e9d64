"""Lists of URLs and sites, and the pages of an index that they mean."""

from __future__ import annotations

import dataclasses
import gzip
import re
import tempfile
from collections import Counter
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cc_math.chunks import Chunk, ChunkContext
from cc_math.errors import InputError
from cc_math.fetch import list_lines
from cc_math.fetch import list_pieces as list_pieces_module
from cc_math.fetch import sorted_list as sorted_lists
from cc_math.fetch.address_list import Addresses, Pages, Site, parse_site, path_of, site_key
from cc_math.fetch.list_lines import BadLine, lines_chunk, read_lines
from cc_math.fetch.list_pieces import list_pieces, measure, numbered_lines
from cc_math.fetch.sorted_list import write_lines_part
from cc_math.progress import Heartbeat
from cc_math.urls import host_of, registered_domain
from tests.sorted_lists import lines_table, sorted_list


def meant(kind: str, lines: list[str], urls: list[str]) -> list[tuple[str, str]]:
    """(URL, line) pairs."""
    table = lines_table(kind, lines)
    columns = (table.column(name).combine_chunks() for name in ("match", "number"))
    hosts = pa.array([host_of(url) for url in urls])
    pairs = Addresses(kind, *columns).of_pages(Pages(kind, pa.array(urls), hosts))
    return [(urls[row], lines[number - 1]) for row, number in pairs]


@pytest.mark.parametrize(
    ("line", "site"),
    [
        ("Example.org", Site("example.org", "")),
        ("https://math.example.org/", Site("math.example.org", "")),
        ("*.example.org", Site("example.org", "")),
        ("example.org/wiki/*", Site("example.org", "/wiki/")),
        ("http://example.org/q?tag=a#b", Site("example.org", "/q?tag=a")),
        ("b.github.io", Site("b.github.io", "")),
        ("192.0.2.1/x", Site("192.0.2.1", "/x")),
        ("bücher.example", Site("xn--bcher-kva.example", "")),
    ],
)
def test_sites_are_read_in_the_ways_people_write_them(line: str, site: Site) -> None:
    assert parse_site(line) == site


def test_path_of_begins_with_a_slash() -> None:
    assert path_of("https://a.example") == "/"
    assert path_of("https://a.example?x=1") == "/?x=1"
    assert path_of("https://a.example/b/c?d=/e#f") == "/b/c?d=/e"


def test_urls_are_meant_exactly_or_by_canonical_form() -> None:
    urls = ["http://a.example/x/", "https://www.a.example/x?utm_source=b", "https://a.example/y"]
    assert meant("urls", ["https://a.example/x"], urls) == []
    assert meant("urls", ["https://a.example/y#part"], urls)[0][0] == urls[2]
    found = meant("canonical", ["https://a.example/x", "https://a.example/x/#b"], urls)
    assert [url for url, _ in found] == urls[:2]


def test_two_ways_to_write_one_url_are_one(tmp_path: Path) -> None:
    lines = ["https://a.example/x", "http://www.a.example/x/", "https://a.example/x#y"]
    firsts = {"canonical": [1, 1, 1], "urls": [1, 2, 1]}
    for kind, expected in firsts.items():
        sorted_list(kind, lines, tmp_path)
        rows = pq.read_table(tmp_path / "0.parquet").sort_by("number")
        assert rows.column("line").to_pylist() == lines
        assert rows.column("first").to_pylist() == expected


def test_a_domain_means_all_below_it_and_a_path_one_host() -> None:
    urls = [
        "https://example.org/",
        "https://www.example.org/math/1",
        "https://blog.example.org/math/2",
        "https://notexample.org/math/3",
        "https://example.org/math?page=4",
    ]
    assert [url for url, _ in meant("domains", ["example.org"], urls)] == [*urls[:3], urls[4]]
    by_path = meant("domains", ["example.org/math"], urls)
    assert [url for url, _ in by_path] == [urls[1], urls[4]]
    assert meant("domains", ["example.org/math?page="], urls) == [
        (urls[4], "example.org/math?page=")
    ]


def test_a_page_may_be_meant_by_several_lines() -> None:
    lines = ["example.org", "blog.example.org", "blog.example.org/a"]
    found = meant("domains", lines, ["https://blog.example.org/a/b"])
    assert {line for _, line in found} == set(lines)


def test_names_above_a_host_may_be_its_registered_domain_up_to_a_public_suffix(
    tmp_path: Path,
) -> None:
    addresses = sorted_list("urls", ["https://x.github.io/1", "http://192.0.2.7/2"], tmp_path / "1")
    names = ["x.github.io", "github.io", "192.0.2.7", None, "io", "a.example", "y.github.io"]
    assert addresses.domains_meant(names) >= {"x.github.io", "github.io", "192.0.2.7", None}
    assert "a.example" not in addresses.domains_meant(names)
    for name in ("x.github.io", "github.io", "192.0.2.7"):
        assert addresses.may_hold(name, name, False)
    assert addresses.may_hold("a", "b", True) and not addresses.may_hold("a", "b", False)
    of_site = sorted_list("domains", ["a.b.co.uk"], tmp_path / "2")
    assert of_site.domains_meant(["a.b.co.uk", "b.co.uk", "co.uk"]) == {"a.b.co.uk", "b.co.uk"}
    assert [of_site.may_hold(n, n, True) for n in ("a.b.co.uk", "b.co.uk", "co.uk", "c.co.uk")] == [
        True, True, False, False,
    ]  # fmt: skip


def test_keys_of_sites_stand_in_the_order_of_the_index() -> None:
    hosts = ["a.org", "www.b.com", "x.y.co.uk", "z.github.io"]
    assert [site_key(host) for host in hosts] == ["org,a", "com,b", "uk,co,y", "io,github"]
    assert {site_key(host) for host in ("192.0.2.1", "[::1]", "localhost", "co.uk", "")} == {""}


# --- sorted lists -----------------------------------------------------------------------------


def test_repeated_lines_stand_once_and_what_means_the_same_is_told(tmp_path: Path) -> None:
    lines = ["https://b.org/1", "https://a.com/#1", "https://a.com/#2", "https://a.com/#1"]
    path = tmp_path / "part"
    batches = lines_table("urls", lines).to_batches(max_chunksize=1)
    part = write_lines_part(batches, "urls", path, "there")
    rows = pq.read_table(path).select(["line", "number", "first"]).to_pylist()
    assert [tuple(row.values()) for row in rows] == [
        ("https://a.com/#1", 2, 2), ("https://a.com/#2", 3, 2), ("https://b.org/1", 1, 1),
    ]  # fmt: skip
    assert (part.uri, part.rows, part.repeated) == ("there", 3, 1)
    assert (part.first_key, part.last_key, part.domains) == ("com,a", "org,b", ["a.com", "b.org"])


@given(st.lists(st.sampled_from(range(60)), min_size=1), st.integers(1, 4), st.integers(1, 7))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_blocks_hold_every_line_of_the_domains_that_are_asked_for(
    monkeypatch: pytest.MonkeyPatch, chosen: list[int], parts: int, block_lines: int
) -> None:
    monkeypatch.setattr(sorted_lists, "BLOCK_LINES", block_lines)
    hosts = [f"h{n % 7}.d{n % 5}.{('com', 'co.uk', 'org')[n % 3]}" for n in range(60)]
    lines = [f"https://{hosts[n]}/{n}" for n in chosen]
    asked = [registered_domain(f"https://{hosts[n]}/") for n in range(0, 60, 4)]
    with tempfile.TemporaryDirectory() as folder:
        addresses = sorted_list("urls", lines, Path(folder), parts=parts)
        pages = Pages("urls", pa.array(lines), pa.array([host_of(line) for line in lines]))
        wanted = {line for line in lines if registered_domain(line) in asked}
        for domains in (asked, sorted(addresses.domains_meant(asked))):
            found = {
                lines[row]
                for block in addresses.blocks(domains)
                for row, _ in block.of_pages(pages)
            }
            assert found >= wanted
        assert addresses.domains_meant(asked) == {registered_domain(line) for line in wanted}
        addresses.close()


def test_of_many_domains_no_row_group_is_ruled_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sorted_lists, "MAX_DOMAINS", 3)
    lines = [f"https://d{number}.example/" for number in range(4)]
    assert not sorted_list("urls", lines[:3], tmp_path / "few").may_hold("x", "y", False)
    assert sorted_list("urls", lines, tmp_path / "many").may_hold("x", "y", False)


# --- pieces of a list -------------------------------------------------------------------------


def lines_of(uri: str, kind: str = "urls") -> tuple[list[str], list[str]]:
    """The addresses of a list, and what is said of lines that are none."""
    good, bad = list[str](), list[str]()
    before: Counter[str] = Counter()
    for piece in list_pieces(uri, "url"):
        measured = measure(piece)
        if measured.problem:
            raise InputError(measured.problem)
        for _, line, found in read_lines(piece, before[piece.uri], kind):
            if isinstance(found, BadLine):
                bad.append(found.message(piece.uri, piece.unit))
            else:
                good.append(line)
        before[piece.uri] += measured.lines
    return good, bad


def test_blank_lines_and_comments_are_left_out(tmp_path: Path) -> None:
    text = "\ufeff# a list\n\n https://a.example/1 \r\nhttps://a.example/1\nhttps://a.example/#2\n"
    (tmp_path / "x").write_bytes(text.encode())
    urls = ["https://a.example/1", "https://a.example/1", "https://a.example/#2"]
    assert lines_of(str(tmp_path / "x")) == (urls, [])


@pytest.mark.parametrize(
    ("kind", "text", "said"),
    [
        ("urls", "https://a.example/\nexample.org/x", r"list:2: expected a URL .* 'example.org/x'"),
        ("urls", "ftp://a.example/", r"list:1: expected a URL"),
        ("domains", "a b.example", r"list:1: expected a domain"),
        ("domains", "localhost", r"list:1: expected a domain"),
        ("domains", "example.org\nco.uk", r"list:2: co.uk is a public suffix"),
        ("domains", "com", r"list:1: expected a domain"),
    ],
)
def test_a_line_that_is_no_address_is_named(
    tmp_path: Path, kind: str, text: str, said: str
) -> None:
    (tmp_path / "list").write_text(text)
    (why,) = lines_of(str(tmp_path / "list"), kind)[1]
    assert re.search(said, why)


def test_lists_are_read_from_files_packed_or_not_and_from_folders(tmp_path: Path) -> None:
    data = b"https://a.example/1\n"
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "a.txt").write_bytes(data)
    (folder / "b.txt.gz").write_bytes(gzip.compress(data) + gzip.compress(data[:-2] + b"2"))
    pq.write_table(pa.table({"url": ["https://a.example/3", None]}), folder / "c.parquet")
    (folder / "_SUCCESS").write_bytes(b"")
    (tmp_path / "latin").write_bytes(b"https://a.example/1\nhttps://a.example/\xe4\n")
    (tmp_path / "broken").write_bytes(gzip.compress(data)[:-9])
    (tmp_path / "long").write_bytes(b"https://a.example/" + b"x" * 99_999 + b"\n" + data)
    one = "https://a.example/1"
    assert lines_of(str(folder / "a.txt")) == ([one], [])
    assert lines_of(str(folder)) == ([one, one, "https://a.example/2", "https://a.example/3"], [])
    assert re.search("latin:2: not UTF-8", lines_of(str(tmp_path / "latin"))[1][0])
    good, (bad,) = lines_of(str(tmp_path / "long"))
    assert good == [one]
    assert "long:1: expected at most 65,536 bytes a line" in bad
    with pytest.raises(InputError, match="damaged gzip"):
        lines_of(str(tmp_path / "broken"))
    with pytest.raises(InputError, match=r"none\.txt"):
        lines_of(str(tmp_path / "none.txt"))
    pq.write_table(pa.table({"link": ["x"], "url": [[1]]}), tmp_path / "x.parquet")
    with pytest.raises(InputError, match=r"no column 'href' \(found link, url\).*--url-column"):
        list_pieces(str(tmp_path / "x.parquet"), "href")
    with pytest.raises(InputError, match="column 'url' is no text"):
        lines_of(str(tmp_path / "x.parquet"))


@given(st.lists(st.text("ab\r", max_size=9), max_size=30), st.integers(1, 20), st.booleans())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_pieces_hold_each_line_once_with_its_number(
    monkeypatch: pytest.MonkeyPatch, lines: list[str], piece_bytes: int, ended: bool
) -> None:
    monkeypatch.setattr(list_pieces_module, "PIECE_BYTES", piece_bytes)
    text = "\n".join(lines) + ("\n" if ended else "")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "list"
        path.write_bytes(text.encode())
        found, before = [], 0
        pieces = list_pieces(str(path), "url")
        assert len(pieces) == max(1, -(-len(text) // piece_bytes))
        for piece in pieces:
            found += list(numbered_lines(piece, before))
            before += measure(piece).lines
    expected = [(n, line.strip().encode()) for n, line in enumerate(text.split("\n"), 1)]
    assert [pair for pair in found if pair[1]] == [pair for pair in expected if pair[1]]


def test_a_parquet_list_is_cut_at_row_groups(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(list_pieces_module, "PIECE_ROWS", 4)
    urls = [f"https://a.example/{number}" for number in range(10)]
    pq.write_table(pa.table({"url": [*urls, "x"]}), tmp_path / "x.parquet", row_group_size=3)
    assert len(list_pieces(str(tmp_path / "x.parquet"), "url")) == 2
    good, (bad,) = lines_of(str(tmp_path / "x.parquet"))
    assert good == urls
    assert "x.parquet: row 11: expected a URL" in bad


def test_a_piece_gives_files_of_bounded_size_and_names_its_first_bad_lines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(list_lines, "_BATCH_LINES", 2)
    monkeypatch.setattr(list_lines, "FILE_LINES", 4)
    lines = [line for n in range(7) for line in (f"https://a.example/{n}", f"bad {n}", "", "# no")]
    (tmp_path / "list").write_text("\n".join(lines))
    (piece,) = list_pieces(str(tmp_path / "list"), "url")
    task = {"piece": dataclasses.asdict(piece), "kind": "urls"}
    task |= {"lines_before": 0, "offset": 1000}
    context = ChunkContext(str(tmp_path / "out"), {}, Heartbeat(None, "", "x"))
    result = lines_chunk(Chunk("x", {}, task), context)
    assert result.counts == {"lines": 7, "lines.bad": 7}
    assert [(file.table, file.rows) for file in result.files] == [
        ("lines", 4), ("bad", 4), ("lines", 3), ("bad", 3),
    ]  # fmt: skip
    tables = [pq.read_table(tmp_path / "out" / file.path) for file in result.files]
    rows = pa.concat_tables([tables[0], tables[2]]).to_pylist()
    assert [row["number"] for row in rows] == [1000 + number for number in range(1, 29, 4)]
    assert rows[0] == {
        "key": "example,a", "match": "https://a.example/0", "number": 1001,
        "line": "https://a.example/0",
    }  # fmt: skip
    assert len(result.notes) == list_lines.NAMED_BAD_LINES
    assert result.notes[1]["number"] == 6
    why = "line 2: expected a URL that begins with http:// or https://"
    assert tables[1].to_pylist()[0] == {"number": 1002, "line": "bad 0", "why": why}
