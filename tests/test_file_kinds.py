"""Files that are no pages are named; pages in any encoding are left alone."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from cc_math.cli import cli
from cc_math.file_kinds import not_a_page

PAGE = "<!doctype html><title>Satz</title><p>Für alle <i>x</i> gilt 1 + 1 = 2.</p>" * 3


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1", "utf-8-sig", "utf-16", "utf-16-le"])
def test_pages_are_left_alone(encoding: str) -> None:
    assert not_a_page(PAGE.encode(encoding)) == ""


@pytest.mark.parametrize("data", [b"", b"plain words", "数学".encode("gb18030"), b"\x1b$B@5$NCM"])
def test_text_without_tags_may_be_a_page(data: bytes) -> None:
    assert not_a_page(data) == ""


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"%PDF-1.7\n%\xe2\xe3\xcf\xd3", "a PDF"),
        (b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR", "a PNG"),
        (b"PK\x03\x04\x14\x00", "a ZIP"),
        (b"\x1f\x8b\x08\x00", "gzip"),
        (b"WARC/1.0\r\nWARC-Type: response", "cc-math extract"),
        (bytes(range(256)), "binary data"),
        (b"\x00" * 64, "binary data"),
    ],
)
def test_other_files_are_named(data: bytes, says: str, tmp_path: Path) -> None:
    assert says in not_a_page(data)
    path = tmp_path / "file.html"
    path.write_bytes(data)
    done = CliRunner().invoke(cli, ["text", str(path)])
    assert done.exit_code == 2
    assert says in done.output and "file.html" in done.output
