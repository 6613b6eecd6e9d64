"""Lists of URLs and sites, and the pages of an index that they mean."""

from __future__ import annotations

import gzip
import io
from pathlib import Path

import pyarrow as pa
import pytest

from cc_math.errors import InputError
from cc_math.fetch.address_list import (
    Addresses,
    Site,
    parse_lines,
    parse_site,
    path_of,
    read_addresses,
)
from cc_math.urls import host_of


def meant(kind: str, lines: list[str], urls: list[str]) -> list[tuple[str, str]]:
    """(URL, line) pairs."""
    addresses = Addresses(kind, tuple(lines))
    pairs = addresses.matches(pa.array(urls), pa.array([host_of(url) for url in urls]))
    return [(urls[row], lines[line]) for row, line in pairs]


def test_blank_lines_comments_and_repeated_lines_are_left_out() -> None:
    text = "\ufeff# a list\n\n https://a.example/1 \nhttps://a.example/1\nhttps://a.example/#2\n"
    assert parse_lines(text, "urls", "x") == ("https://a.example/1", "https://a.example/#2")


@pytest.mark.parametrize(
    ("kind", "text", "said"),
    [
        ("urls", "https://a.example/\nexample.org/x", r"list:2: expected a URL .* 'example.org/x'"),
        ("urls", "ftp://a.example/", r"list:1: expected a URL"),
        ("urls", "# nothing\n", r"list: expected URLs, one a line, found none"),
        ("domains", "\n", r"list: expected domains"),
        ("domains", "a b.example", r"list:1: expected a domain"),
        ("domains", "localhost", r"list:1: expected a domain"),
        ("domains", "example.org\nco.uk", r"list:2: co.uk is a public suffix"),
        ("domains", "com", r"list:1: expected a domain"),
    ],
)
def test_a_line_that_is_no_address_is_named(kind: str, text: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        parse_lines(text, kind, "list")


def test_lists_are_read_from_files_packed_or_not_and_from_standard_input(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = b"https://a.example/1\n"
    (tmp_path / "a.txt").write_bytes(data)
    (tmp_path / "a.gz").write_bytes(gzip.compress(data))
    (tmp_path / "latin").write_bytes(b"https://a.example/1\nhttps://a.example/\xe4\n")
    (tmp_path / "broken").write_bytes(gzip.compress(data)[:-9])
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(data)))
    for place in (str(tmp_path / "a.txt"), str(tmp_path / "a.gz"), "-"):
        assert read_addresses(place, "urls").lines == ("https://a.example/1",)
    with pytest.raises(InputError, match="latin:2: not UTF-8"):
        read_addresses(str(tmp_path / "latin"), "urls")
    with pytest.raises(InputError, match="damaged gzip"):
        read_addresses(str(tmp_path / "broken"), "urls")
    with pytest.raises(InputError, match=r"none\.txt"):
        read_addresses(str(tmp_path / "none.txt"), "urls")


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


def test_two_ways_to_write_one_url_are_one() -> None:
    lines = ("https://a.example/x", "http://www.a.example/x/", "https://a.example/x#y")
    assert Addresses("canonical", lines).same_as == dict.fromkeys(lines[1:], lines[0])
    assert Addresses("urls", lines).same_as == {lines[2]: lines[0]}


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


def test_names_above_a_host_may_be_its_registered_domain_up_to_a_public_suffix() -> None:
    addresses = Addresses("urls", ("https://x.github.io/1", "http://192.0.2.7/2"))
    assert addresses.domains == {"x.github.io", "github.io", "192.0.2.7", ""}
    assert Addresses("domains", ("a.b.co.uk",)).domains == {"a.b.co.uk", "b.co.uk"}
