"""What a file is that is no HTML page, by its first bytes.

Reads bytes given to it, nothing else. Signatures are those of the WHATWG's MIME Sniffing standard
(section 6 for images, audio and archives; section 7.2 for bytes that no text holds), PDF's from
ISO 32000, and those of the files that lie about in a crawl: WARC, gzip, Zstandard, Parquet.
"""

from __future__ import annotations

import re

_SIGNATURES: tuple[tuple[bytes, str], ...] = (
    (b"%PDF-", "a PDF"),
    (b"%!PS-", "PostScript"),
    (b"\x89PNG\r\n\x1a\n", "a PNG picture"),
    (b"\xff\xd8\xff", "a JPEG picture"),
    (b"GIF87a", "a GIF picture"),
    (b"GIF89a", "a GIF picture"),
    (b"RIFF", "a RIFF file (WebP, WAV or AVI)"),
    (b"PK\x03\x04", "a ZIP archive, or an office file or EPUB"),
    (b"Rar!\x1a\x07", "a RAR archive"),
    (b"\x1f\x8b", "a gzip file: decompress it first, or give a WARC to `cc-math extract`"),
    (b"\x28\xb5\x2f\xfd", "a Zstandard file: decompress it first"),
    (b"WARC/1.", "a WARC: `cc-math extract --input` reads these"),
    (b"PAR1", "a Parquet file"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old office file"),
    (b"\x7fELF", "a program"),
    (b"OggS", "an Ogg file"),
    (b"ID3", "an MP3 file"),
)
_HEAD_BYTES = 1445  # MIME Sniffing, section 5.2: the resource header
_BINARY = re.compile(rb"[\x00-\x08\x0b\x0e-\x1a\x1c-\x1f]")
_BYTE_ORDER_MARKS = (b"\xfe\xff", b"\xff\xfe", b"\xef\xbb\xbf", b"\x00\x00\xfe\xff")


def not_a_page(data: bytes) -> str:
    """What ``data`` plainly is instead of a page, in words; '' where it may be one.

    Text without a single tag may be a page. UTF-16 and UTF-32 are taken for text by their byte
    order mark, or where every second byte of the start is empty.
    """
    for signature, name in _SIGNATURES:
        if data.startswith(signature):
            return name
    head = data[:_HEAD_BYTES]
    if head.startswith(_BYTE_ORDER_MARKS) or not _BINARY.search(head):
        return ""
    wide = head[: len(head) // 2 * 2]
    if len(wide) >= 8 and min(wide[0::2].count(0), wide[1::2].count(0)) == 0 and b"\0" in wide:
        zeros = max(wide[0::2].count(0), wide[1::2].count(0))
        if zeros >= 0.4 * len(wide) / 2:
            return ""
    return "binary data"
