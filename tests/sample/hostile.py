"""Pages that no author meant, and that every crawl holds: each must cost one page at most."""

from __future__ import annotations

_HEAD = b"<!DOCTYPE html><html><head><title>"
_PROSE = (
    b"<p>The derivative of a product is the first factor times the derivative of the second, "
    b"plus the second times the derivative of the first. "
)
_HTML = "text/html; charset=UTF-8"
_ENTITIES = b"\n".join(
    b'<!ENTITY lol%d "%s">' % (n, b"&lol%d;" % (n - 1) * 10) for n in range(1, 10)
)

# Path -> (Content-Type, payload, what is wrong with it).
HOSTILE: dict[str, tuple[str, bytes, str]] = {
    "/deep": (
        _HTML,
        _HEAD + b"Deep</title></head><body>" + b"<div>" * 30_000 + _PROSE + b"</div>" * 30_000,
        "30,000 elements deep",
    ),
    "/deep-inline": (
        _HTML,
        _HEAD + b"Deep in-line</title></head><body><p>" + b"<b><i><font>" * 4_000 + _PROSE,
        "formatting elements that a parser re-opens, never closed",
    ),
    "/deep-math": (
        _HTML,
        _HEAD
        + b"Deep formula</title></head><body>"
        + _PROSE
        + b"<math>"
        + b"<msup><mi>x</mi>" * 9_000
        + b"<mn>2</mn>"
        + b"</msup>" * 9_000
        + b"</math></body></html>",
        "a tower of 9,000 exponents in MathML",
    ),
    "/unclosed": (
        _HTML,
        b"<html><body><h1>Unclosed<table><tr><td>" + _PROSE * 3 + b"<td><a href='/x'><p>"
        b"More text in a cell that nothing closes <b>bold <i>both</b> slanted</i> <!-- comment",
        "mis-nested and unclosed tags, an unclosed comment",
    ),
    "/nul": (
        _HTML,
        _HEAD
        + b"Nul\x00 bytes</title></head><body>"
        + _PROSE.replace(b" ", b" \x00", 9)
        + b"Control \x01\x02\x08\x0b\x1f characters and a lone \xed\xa0\x80 surrogate.</p></body>",
        "NUL and control bytes, a UTF-8 encoded surrogate",
    ),
    "/empty": (_HTML, b"", "no body at all"),
    "/blank": (_HTML, b"\n \t\r\n" * 50, "white space only"),
    "/attribute": (
        _HTML,
        _HEAD
        + b"Attribute</title></head><body><div data-state='"
        + b"x^2+" * 75_000
        + b"'>"
        + _PROSE
        + b"</div></body></html>",
        "an attribute of 300 kB",
    ),
    "/entities": (
        _HTML,
        b'<?xml version="1.0"?>\n<!DOCTYPE lolz [\n<!ENTITY lol0 "lol">\n'
        + _ENTITIES
        + b'\n<!ENTITY file SYSTEM "file:///etc/hostname">\n]>\n<html '
        b'xmlns="http://www.w3.org/1999/'
        b'xhtml"><head><title>Entities</title></head><body><p>&lol9; &file;</p>'
        + _PROSE
        + b"</body></html>",
        "entities that grow to three billion letters, and one that names a file",
    ),
    "/unclosed-math": (
        _HTML,
        _HEAD
        + b"Unclosed formula</title></head><body>"
        + _PROSE
        + rb"Let \(f(x) = x^2 and let $g(x) = \frac{1}{x so that \[ f(g(x)) = \left( \frac{1}{x"
        + b"</p><math><mfrac><mi>a</mi>"
        + _PROSE * 2,
        "formulas that never end",
    ),
    "/dollars": (
        _HTML,
        _HEAD + b"Dollars</title></head><body><p>" + b"$" * 200_000 + b"</p></body></html>",
        "200 kB of dollar signs",
    ),
    "/delimiters": (
        _HTML,
        _HEAD
        + b"Delimiters</title></head><body><p>"
        + rb"\(\[\begin{equation}" * 6_000
        + b"</p></body></html>",
        "six thousand openings, no end",
    ),
    "/braces": (
        _HTML,
        _HEAD
        + b"Braces</title></head><body>"
        + _PROSE
        + b'<script type="math/tex">'
        + rb"\frac{" * 20_000
        + b"1"
        + b"}{2}" * 20_000
        + b"</script></body></html>",
        "one formula with 20,000 nested fractions",
    ),
    "/many-formulas": (
        _HTML,
        _HEAD
        + b"Many formulas</title></head><body>"
        + b"".join(b'<script type="math/tex">x_{%d}</script> ' % n for n in range(12_000))
        + b"</body></html>",
        "12,000 formulas and not a sentence",
    ),
    "/invalid-utf8": (
        _HTML,
        _HEAD
        + b"Invalid \xff\xfe UTF-8</title></head><body>"
        + _PROSE
        + b"Caf\xe9 na\xefve \xc3\x28 \xf0\x28\x8c\x28 overlong \xc0\xaf end.</p>"
        + _PROSE
        + b"</body>",
        "bytes that are no UTF-8, under a header that says they are",
    ),
    "/utf16": (
        "text/html",
        b"\xff\xfe"
        + "<html><head><title>UTF-16</title></head><body><p>Every second byte of "
        "this short page is zero, as its mark at the start announces.</p></body>".encode(
            "utf-16-le"
        ),
        "UTF-16 with a byte order mark, no charset in the header",
    ),
    "/not-html": (
        _HTML,
        b"\x89PNG\r\n\x1a\n" + bytes((n * 197 + 91) % 256 for n in range(4_000)),
        "a binary file served as HTML",
    ),
    "/frameset": (
        _HTML,
        b'<html><frameset cols="20%,80%"><frame src="a.html"><frame src="b.html"></frameset>'
        b"</html>",
        "frames only",
    ),
    "/refresh": (
        _HTML,
        b'<html><head><meta http-equiv="refresh" content="0;url=/elsewhere"></head><body></body>'
        b"</html>",
        "a redirect in a meta tag",
    ),
}
