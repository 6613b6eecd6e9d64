"""Storage: the local disk, S3 (moto's in-process double), and https (a server of the test)."""

from __future__ import annotations

import functools
import http.server
import io
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cc_math import storage
from cc_math.errors import InputError, StorageError
from cc_math.storage import join, parent, random_access, store_for
from cc_math.store import Entry


def test_local_ranges_read_to_the_end(tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    path.write_bytes(b"0123456789")
    store = store_for(str(path))
    for start, wanted in ((0, b"0123456789"), (7, b"789"), (10, b""), (99, b"")):
        with store.open_range(str(path), start) as stream:
            assert stream.read() == wanted
    assert store.size_bytes(str(path)) == 10
    assert store.size_bytes(str(tmp_path)) is None  # a folder is not a file
    assert store.size_bytes(str(tmp_path / "none")) is None


def test_local_missing_file_is_the_callers_mistake_and_named(tmp_path: Path) -> None:
    missing = str(tmp_path / "none.warc.gz")
    with pytest.raises(InputError, match=r"none\.warc\.gz"):
        store_for(missing).read_bytes(missing)


def test_local_put_new_writes_once(tmp_path: Path) -> None:
    uri = str(tmp_path / "deep" / "er" / "manifest.json")
    store = store_for(uri)
    assert store.put_new(b"first", uri)
    assert not store.put_new(b"second", uri)
    assert store.read_bytes(uri) == b"first"
    assert os.listdir(tmp_path / "deep" / "er") == ["manifest.json"]  # nothing left behind


def test_local_put_new_has_one_winner(tmp_path: Path) -> None:
    uri = str(tmp_path / "manifest.json")
    store = store_for(uri)
    won: list[int] = []

    def attempt(number: int) -> None:
        if store.put_new(str(number).encode(), uri):
            won.append(number)

    threads = [threading.Thread(target=attempt, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [str(number).encode() for number in won] == [store.read_bytes(uri)]


def test_local_put_file_replaces_whole(tmp_path: Path) -> None:
    made, uri = tmp_path / "made", str(tmp_path / "out" / "table.parquet")
    store = store_for(uri)
    store.put_bytes(b"old and longer than the new one", uri)
    made.write_bytes(b"new")
    store.put_file(made, uri)
    assert store.read_bytes(uri) == b"new"
    assert not made.exists()


def test_local_put_file_that_fails_leaves_what_stood_there(tmp_path: Path) -> None:
    uri = str(tmp_path / "table.parquet")
    store = store_for(uri)
    store.put_bytes(b"old", uri)
    with pytest.raises(StorageError, match=r"table\.parquet"):
        store.put_file(tmp_path / "never made", uri)
    assert store.read_bytes(uri) == b"old"
    assert os.listdir(tmp_path) == ["table.parquet"]


def test_local_file_has_the_rights_of_any_other_new_file(tmp_path: Path) -> None:
    uri = str(tmp_path / "a")
    store_for(uri).put_bytes(b"", uri)
    plain = tmp_path / "b"
    plain.write_bytes(b"")
    assert (tmp_path / "a").stat().st_mode == plain.stat().st_mode


def test_local_output_that_cannot_be_written_says_which(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    uri = str(tmp_path / "file" / "below")
    with pytest.raises(StorageError, match=r"cannot write .*below"):
        store_for(uri).put_bytes(b"", uri)


def test_local_listing_is_sorted_at_any_depth_and_leaves_unfinished_files_out(
    tmp_path: Path,
) -> None:
    for name in ("b/2", "b/1", "a", "c/x/y", "c/.part-k3j2"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(name.encode())
    root = str(tmp_path)
    assert store_for(root).list_files(root) == [
        Entry(f"{root}/a", 1), Entry(f"{root}/b/1", 3), Entry(f"{root}/b/2", 3),
        Entry(f"{root}/c/x/y", 5),
    ]  # fmt: skip
    assert store_for(root).list_files(root + "/") == store_for(root).list_files(root)
    assert store_for(root).list_files(f"{root}/nothing") == []


def test_local_delete_of_nothing_is_nothing(tmp_path: Path) -> None:
    uri = str(tmp_path / "a")
    store_for(uri).delete(uri)


def test_file_uris_are_paths(tmp_path: Path) -> None:
    path = tmp_path / "with blank #1.txt"
    path.write_text("x")
    uri = f"file://{tmp_path}/with%20blank%20#1.txt"
    assert storage.local_path(uri) == path
    assert storage.local_path("file:/a/b") == Path("/a/b")
    assert storage.local_path("file://localhost/a/b") == Path("/a/b")
    assert storage.read_text(uri) == "x"


def test_text_that_is_not_utf8_is_the_callers_mistake(tmp_path: Path) -> None:
    path = tmp_path / "recipe.toml"
    path.write_bytes(b"name = '\xe9'")
    with pytest.raises(InputError, match="not UTF-8"):
        storage.read_text(str(path))


def test_names_join_by_single_slashes() -> None:
    assert join("s3://bucket/", "a", "b") == "s3://bucket/a/b"
    assert join("out", "a/b") == "out/a/b"
    assert join("out/") == "out/"
    assert parent("s3://bucket/a/b/") == "s3://bucket/a"
    assert parent("out") == "."
    assert storage.base_name("s3://bucket/a/b/") == "b"


def test_a_scheme_that_is_not_supported_names_those_that_are() -> None:
    with pytest.raises(InputError, match=r"ftp://.*s3://"):
        store_for("ftp://example.org/a")


# --- S3 -----------------------------------------------------------------------------------


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A bucket called `bucket` in moto's double; gives a boto3 client."""
    moto = pytest.importorskip("moto")
    import boto3

    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.delenv("AWS_ENDPOINT_URL_S3", raising=False)
    with moto.mock_aws():
        storage._store.cache_clear()
        client = boto3.client("s3", region_name="us-east-1")
        client.create_bucket(Bucket="bucket")
        yield client
    storage._store.cache_clear()


def test_s3_reads_ranges_to_the_end(s3: Any) -> None:
    s3.put_object(Bucket="bucket", Key="a/b.bin", Body=b"0123456789")
    s3.put_object(Bucket="bucket", Key="a/empty", Body=b"")
    for scheme in ("s3", "s3a"):
        uri = f"{scheme}://bucket/a/b.bin"
        store = store_for(uri)
        assert store.read_bytes(uri) == b"0123456789"
        assert store.size_bytes(uri) == 10
        for start, wanted in ((0, b"0123456789"), (7, b"789"), (10, b""), (99, b"")):
            with store.open_range(uri, start) as stream:
                assert stream.read() == wanted
    with store.open_range("s3://bucket/a/empty") as stream:
        assert stream.read(10) == b""


def test_s3_put_new_writes_once(s3: Any) -> None:
    uri = "s3://bucket/out/_manifests/extract/chunk.json"
    store = store_for(uri)
    assert store.put_new(b"first", uri)
    assert not store.put_new(b"second", uri)
    assert store.read_bytes(uri) == b"first"


def test_s3_puts_and_deletes(s3: Any, tmp_path: Path) -> None:
    uri = "s3://bucket/out/table.parquet"
    store = store_for(uri)
    store.put_bytes(b"old", uri)
    made = tmp_path / "made"
    made.write_bytes(b"new")
    store.put_file(made, uri)
    assert store.read_bytes(uri) == b"new"
    assert not made.exists()
    store.delete(uri)
    assert store.size_bytes(uri) is None
    store.delete(uri)


def test_s3_lists_past_the_first_thousand_keys(s3: Any) -> None:
    for number in range(1003):
        s3.put_object(Bucket="bucket", Key=f"many/part-{number:05d}", Body=b"x")
    s3.put_object(Bucket="bucket", Key="many-more/part", Body=b"x")  # another folder
    entries = store_for("s3://bucket/many").list_files("s3://bucket/many")
    assert [entry.uri for entry in entries] == [
        f"s3://bucket/many/part-{number:05d}" for number in range(1003)
    ]
    assert store_for("s3://bucket").list_files("s3://bucket/nothing") == []


def test_s3_keys_may_hold_any_mark(s3: Any) -> None:
    uri = "s3://bucket/odd/a?b;c#d%20.txt"
    store = store_for(uri)
    store.put_bytes(b"x", uri)
    assert s3.list_objects_v2(Bucket="bucket")["Contents"][0]["Key"] == "odd/a?b;c#d%20.txt"
    assert store.list_files("s3://bucket/odd") == [Entry(uri, 1)]


def test_s3_missing_key_and_bucket_are_the_callers_mistake(s3: Any, tmp_path: Path) -> None:
    store = store_for("s3://bucket")
    with pytest.raises(InputError, match="there is no s3://bucket/none"):
        store.read_bytes("s3://bucket/none")
    with pytest.raises(InputError, match="there is no s3://bucket/none"):
        store.open_range("s3://bucket/none", 5)
    with pytest.raises(InputError, match="bucket does not exist"):
        store.list_files("s3://nowhere-at-all/x")
    with pytest.raises(InputError, match="bucket does not exist"):
        store.put_bytes(b"", "s3://nowhere-at-all/x")
    made = tmp_path / "made"
    made.write_bytes(b"x")
    with pytest.raises(InputError, match="bucket does not exist"):
        store.put_file(made, "s3://nowhere-at-all/x")
    with pytest.raises(InputError, match="s3://BUCKET/KEY"):
        store.read_bytes("s3:///x")


def test_s3_file_is_read_at_random_by_ranges(s3: Any) -> None:
    s3.put_object(Bucket="bucket", Key="piece.arrow", Body=b"0123456789")
    file = random_access("s3://bucket/piece.arrow")
    assert file.size() == 10
    file.seek(4)
    assert file.read(3) == b"456"
    file.seek(8)
    assert file.read(10) == b"89"
    assert file.read(10) == b""


# --- https --------------------------------------------------------------------------------


class _Handler(http.server.BaseHTTPRequestHandler):
    """Files of a folder, with ranges (not below /whole/), as a crawl's front end serves them."""

    def __init__(self, root: Path, *args: Any) -> None:
        self.root = root
        super().__init__(*args)

    def log_message(self, *args: Any) -> None:
        pass

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def do_GET(self) -> None:
        self._answer(body=True)

    def _answer(self, body: bool) -> None:
        path = self.root / self.path.lstrip("/")
        if not path.is_file():
            self.send_response(410 if "gone" in self.path else 404)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        data, status = path.read_bytes(), 200
        asked = self.headers.get("Range")
        if asked and "whole" not in self.path:
            start = int(asked.removeprefix("bytes=").rstrip("-"))
            status = 206 if start < len(data) else 416
            data = data[start:]
        self.send_response(status)
        if path.suffix == ".gz":
            self.send_header("Content-Encoding", "gzip")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if body:
            self.wfile.write(data)


@pytest.fixture
def web(tmp_path: Path) -> Iterator[str]:
    """Address of a server of the files in tmp_path."""
    server = http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), functools.partial(_Handler, tmp_path)
    )
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    storage._store.cache_clear()
    yield f"http://127.0.0.1:{server.server_port}"
    storage._store("http")._pool.clear()  # type: ignore[attr-defined]
    server.shutdown()
    thread.join()
    server.server_close()


def test_https_reads_whole_and_by_range(web: str, tmp_path: Path) -> None:
    (tmp_path / "a.bin").write_bytes(b"0123456789")
    uri = f"{web}/a.bin"
    store = store_for(uri)
    assert store.read_bytes(uri) == b"0123456789"
    assert store.size_bytes(uri) == 10
    for start, wanted in ((0, b"0123456789"), (7, b"789"), (10, b"")):
        with store.open_range(uri, start) as stream:
            assert stream.read() == wanted


def test_https_leaves_gzip_as_it_is(web: str, tmp_path: Path) -> None:
    import gzip

    packed = gzip.compress(b"text", mtime=0)
    (tmp_path / "a.gz").write_bytes(packed)
    uri = f"{web}/a.gz"
    assert store_for(uri).read_bytes(uri) == packed
    with store_for(uri).open_range(uri) as stream:
        assert stream.read() == packed


def test_https_missing_file_is_the_callers_mistake(web: str) -> None:
    store = store_for(web)
    for name in ("none", "gone"):
        with pytest.raises(InputError, match=f"there is no {web}/{name}"):
            store.read_bytes(f"{web}/{name}")
        assert store.size_bytes(f"{web}/{name}") is None


def test_https_server_without_ranges_is_refused(web: str, tmp_path: Path) -> None:
    (tmp_path / "whole").mkdir()
    (tmp_path / "whole" / "a").write_bytes(b"0123456789")
    uri = f"{web}/whole/a"
    with pytest.raises(StorageError, match="range"):
        store_for(uri).open_range(uri, 5)


def test_https_is_read_only_and_has_no_listings(tmp_path: Path) -> None:
    uri = "https://example.org/out"
    store = store_for(uri)
    with pytest.raises(InputError, match=r"warc\.paths\.gz"):
        store.list_files(uri)
    for write in (
        lambda: store.put_bytes(b"", uri),
        lambda: store.put_new(b"", uri),
        lambda: store.put_file(tmp_path, uri),
        lambda: store.delete(uri),
    ):
        with pytest.raises(StorageError, match="only be read"):
            write()


def test_blocks_are_bounded() -> None:
    assert list(storage.read_in_blocks(io.BytesIO(b"abcdefg"), 3)) == [b"abc", b"def", b"g"]
