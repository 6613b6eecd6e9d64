"""Registered domains and URL keys."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from cc_math.urls import host_of, registered_domain, url_key


@pytest.mark.parametrize(
    ("url", "domain"),
    [
        ("https://example.com/a", "example.com"),
        ("http://math.example.co.uk:8080/a?b#c", "example.co.uk"),
        ("https://user:key@WWW.Example.ORG./", "example.org"),
        ("https://alice.github.io/notes", "alice.github.io"),
        ("https://github.io/", "github.io"),
        ("https://example.com?next=https://other.org", "example.com"),
        ("https://b\u00fccher.example/", "xn--bcher-kva.example"),
        ("https://made-up.unknowntld/", "made-up.unknowntld"),
        ("http://192.0.2.7/a", "192.0.2.7"),
        ("http://[2001:db8::1]:80/a", "[2001:db8::1]"),
        ("http://localhost:8000/", "localhost"),
        ("/relative", ""),
        ("mailto:someone", ""),
        ("https://", ""),
        ("", ""),
    ],
)
def test_the_registered_domain(url: str, domain: str) -> None:
    assert registered_domain(url) == domain


@pytest.mark.parametrize(
    ("url", "key"),
    [
        ("https://www.Example.com/", "example.com"),
        ("http://example.com:80", "example.com"),
        ("https://example.com:8443/a", "example.com:8443/a"),
        ("https://example.com/Group#Axioms", "example.com/Group"),
        ("https://example.com/a/./b/../c//d/", "example.com/a/c/d"),
        ("https://example.com/a/index.html", "example.com/a"),
        ("https://example.com/Default.aspx", "example.com"),
        ("https://example.com/myindex.html", "example.com/myindex.html"),
        ("https://example.com/a;jsessionid=8F.n1?x=1", "example.com/a?x=1"),
        ("https://example.com/?b=2&utm_source=x&a=1&FBCLID=y", "example.com?a=1&b=2"),
        ("https://example.com/?ref=main&id=", "example.com?id&ref=main"),
        ("https://example.com/t?sid=0123456789abcdef0123456789ABCDEF&t=4", "example.com/t?t=4"),
        ("https://example.com/t?sid=12", "example.com/t?sid=12"),
        ("https://example.com/%7euser/%e4%2f?q=a+b", "example.com/~user/%E4%2F?q=a%20b"),
        ("https://example.com/x y\u00e9", "example.com/x%20y%C3%A9"),
        ("https://b\u00fccher.example/", "xn--bcher-kva.example"),
        ("  https://example.com/a\n", "example.com/a"),
        ("ftp://example.com/a", "ftp://example.com/a"),
        ("http://www.com/", "www.com"),
        ("", ""),
    ],
)
def test_the_key_of_a_url(url: str, key: str) -> None:
    assert url_key(url) == key


def test_pages_that_differ_keep_different_keys() -> None:
    urls = ["https://a.test/X", "https://a.test/x", "https://a.test/x?p=1", "https://a.test/x%2Fy"]
    urls += ["https://b.a.test/x", "https://a.test/x/y"]
    assert len({url_key(url) for url in urls}) == len(urls)


AWKWARD = st.lists(
    st.sampled_from(
        [
            "http://",
            "www.",
            "a",
            "B",
            ".",
            "/",
            "..",
            "%",
            "%4",
            "%41",
            "%2e",
            "25",
            "?",
            "&",
            "=",
            "+",
        ]
        + [
            "#",
            ":",
            "80",
            "@",
            ";",
            "sid=",
            "index.html",
            "\u00df",
            "\u3002",
            "\u200d",
            "[",
            "]",
            " ",
        ]
        + ["\n", "xn--", "-", "://", "\ud800", "\u0130", "utm_"]
    ),
    max_size=14,
).map("".join)


@given(st.one_of(AWKWARD, AWKWARD.map("https://".__add__), st.text()))
@example("http://www.www.a.b")
@example("http://a/index.html/index.html")
def test_any_string_has_a_key_that_is_its_own_key(url: str) -> None:
    key = url_key(url)
    assert url_key(key) == key
    assert host_of(url) == host_of(url).lower()
    assert "://" not in registered_domain(url)
