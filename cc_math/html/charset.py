"""Page bytes to text: which encoding a page is in, and its characters.

Order of trust: byte order mark; strict UTF-8 (text of another encoding that happens to be
valid UTF-8 beyond ASCII is so rare that a page's own claim weighs less); the Content-Type
header; the meta declaration; the bytes themselves (uchardet's detector, through
Resiliparse). A claim is dropped when its bytes do not decode: pages that were re-encoded
keep the old meta tag. Labels map to encodings as in the WHATWG Encoding Standard, sec. 4.2
(`iso-8859-1` means windows-1252, `gb2312` means GB18030, and so on).

The result never holds NULs, lone surrogates or U+FEFF.
"""

from __future__ import annotations

import codecs
import re

from resiliparse.parse.encoding import detect_encoding

META_SCAN_BYTES = 4096
"""How far a meta declaration is searched. The WHATWG prescan reads 1,024 bytes; pages with
long heads put it later, and browsers find it there when they parse on."""

DETECT_BYTES = 65536
"""How much is shown to the detector. Chosen: it settles within a few kilobytes of text."""

MAX_BAD_SHARE = 0.1
"""A claimed encoding is believed while at most this share of the characters beyond ASCII came
out as U+FFFD. Chosen: a truncated or mixed page keeps its claim; under a wrong claim nearly
every such character is bad."""
_FEW_BAD = 2  # chosen: so many are believed however short the page

_BOMS = ((b"\xef\xbb\xbf", "utf-8"), (b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be"))
_META = re.compile(
    rb"""<meta[^>]{0,200}?charset\s*=\s*["']?\s*([A-Za-z0-9_:.\-]{2,40})""", re.IGNORECASE
)
_XML_DECLARATION = re.compile(rb"""^\s*<\?xml[^>]{0,100}?encoding\s*=\s*["']([A-Za-z0-9_.\-]+)""")
_HEADER = re.compile(r"""charset\s*=\s*["']?\s*([A-Za-z0-9_:.\-]+)""", re.IGNORECASE)
_ENCODING_STANDARD = {
    "iso-8859-1": "cp1252",
    "iso8859-1": "cp1252",
    "latin1": "cp1252",
    "latin-1": "cp1252",
    "us-ascii": "cp1252",
    "ascii": "cp1252",
    "iso-8859-9": "cp1254",
    "iso8859-9": "cp1254",
    "iso-8859-11": "cp874",
    "tis-620": "cp874",
    "gb2312": "gb18030",
    "gb_2312-80": "gb18030",
    "gbk": "gb18030",
    "x-gbk": "gb18030",
    "shift_jis": "cp932",
    "shift-jis": "cp932",
    "sjis": "cp932",
    "x-sjis": "cp932",
    "windows-31j": "cp932",
    "euc-kr": "cp949",
    "ks_c_5601-1987": "cp949",
    "big5": "big5hkscs",
    "x-user-defined": "cp1252",
    "utf8": "utf-8",
    "utf-16": "utf-8",
    "utf-16le": "utf-8",
    "utf-16be": "utf-8",
}
_SEVEN_BIT_SHIFTS = (b"\x1b", b"~{")
"""What ISO-2022 and HZ start two-byte text with: without one such a page is ASCII."""

_BEYOND_ASCII = re.compile(rb"[\x80-\xff][A-Za-z\x80-\xff]*")
_LETTERS = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_MAX_LETTERS_BEFORE = 40  # chosen: more letters before the first one beyond ASCII are no word
_KANA = re.compile("[\u3041-\u30ff]")


def codec_name(label: str) -> str | None:
    """Python's codec for an encoding label of the web, or None when there is none."""
    label = label.strip().lower()
    name = _ENCODING_STANDARD.get(label, label)
    try:
        info = codecs.lookup(name)
    except (LookupError, ValueError):
        return None
    return info.name if getattr(info, "_is_text_encoding", True) else None


def declared_labels(payload: bytes, content_type: str | None) -> list[str]:
    """The encodings a page claims: header first (WHATWG HTML, sec. 13.2.3.1), then meta."""
    labels = []
    header = _HEADER.search(content_type or "")
    if header:
        labels.append(header.group(1))
    head = payload[:META_SCAN_BYTES]
    for pattern in (_META, _XML_DECLARATION):
        match = pattern.search(head)
        if match:
            labels.append(match.group(1).decode("ascii"))
    return labels


def _try(payload: bytes, label: str) -> tuple[str, str] | None:
    """(text, codec) when the bytes decode under the label nearly without errors."""
    name = codec_name(label)
    if name is None:
        return None
    try:
        text = payload.decode(name, errors="replace")
    except (LookupError, ValueError):
        return None
    n_bad = text.count("\ufffd")
    if n_bad > _FEW_BAD and n_bad > int(MAX_BAD_SHARE * _count_beyond_ascii(text)):
        return None
    return text, name


def _count_beyond_ascii(text: str) -> int:
    return len(text) - len(text.encode("ascii", "ignore"))


def _shift_jis(payload: bytes) -> str | None:
    """The text as Shift_JIS when it decodes without an error and is a third kana.

    The detector takes short Japanese pages for Greek or Latin; no other encoding's text
    decodes to hiragana and full-width katakana in that share.
    """
    try:
        text = payload.decode("cp932")
    except UnicodeDecodeError:
        return None
    return text if 3 * len(_KANA.findall(text)) >= _count_beyond_ascii(text) > 8 else None


def _words_beyond_ascii(payload: bytes) -> bytes:
    """The words that hold bytes beyond ASCII, whole, one space apart."""
    words = []
    for match in _BEYOND_ASCII.finditer(payload):
        before = payload[max(0, match.start() - _MAX_LETTERS_BEFORE) : match.start()]
        words.append(before[len(before.rstrip(_LETTERS)) :] + match.group())
    return b" ".join(words)


def decode(payload: bytes, content_type: str | None) -> tuple[str, str]:
    """Decode a page. Returns (text, name of the encoding); never raises.

    ``content_type`` is the HTTP header's value, with or without a charset.
    """
    for mark, name in _BOMS:
        if payload.startswith(mark):
            return _clean(payload[len(mark) :].decode(name, errors="replace")), name
    try:
        text = payload.decode("utf-8")
    except UnicodeDecodeError:
        text = None
    if text is not None and not (
        text.isascii() and any(shift in payload for shift in _SEVEN_BIT_SHIFTS)
    ):
        return _clean(text) if b"\0" in payload or "\ufeff" in text else text, "utf-8"
    labels = declared_labels(payload, content_type)
    seven_bit = any(label.lower().startswith(("iso-2022", "hz")) for label in labels)
    if text is not None and not seven_bit:
        return _clean(text), "utf-8"
    for label in labels:
        result = _try(payload, label)
        if result is not None:
            return _clean(result[0]), result[1]
    # The detector counts mark-up as evidence for UTF-8: show it the words beyond ASCII first.
    if (japanese := _shift_jis(payload)) is not None:
        return _clean(japanese), "cp932"
    words = _words_beyond_ascii(payload[: 4 * DETECT_BYTES])
    detected = None
    for sample in (words, payload):
        detected = detect_encoding(sample, max_len=DETECT_BYTES, html5_compatible=False)
        result = _try(payload, detected) if detected else None
        if result is not None:
            return _clean(result[0]), result[1]
    name = next((n for n in map(codec_name, [*labels, detected or "utf-8"]) if n), "utf-8")
    return _clean(payload.decode(name, errors="replace")), name


def _clean(text: str) -> str:
    for unwanted in ("\x00", "\ufeff"):
        if unwanted in text:
            text = text.replace(unwanted, "")
    return text
