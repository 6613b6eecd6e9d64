"""Inputs: what names WARCs, which of them a trial takes, and what they are called."""

from __future__ import annotations

import gzip
import os
from pathlib import Path

import pytest

from cc_math import storage
from cc_math.errors import InputError
from cc_math.inputs import WarcFile, find_warcs


@pytest.fixture
def crawl(tmp_path: Path) -> Path:
    """A folder with three WARCs at two depths, and files that are none."""
    for name in ("a.warc.gz", "deep/b.warc.gz", "deep/er/c.warc", "a.warc.wet.gz", "notes.txt"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"12345")
    return tmp_path


def listed(files: list[WarcFile]) -> list[str]:
    return [file.listed_path for file in files]


def write_list(path: Path, *lines: str) -> str:
    text = "".join(f"{line}\n" for line in lines).encode()
    path.write_bytes(gzip.compress(text) if path.suffix == ".gz" else text)
    return str(path)


def test_a_single_warc(crawl: Path) -> None:
    (file,) = find_warcs((f"{crawl}/a.warc.gz",))
    assert file == WarcFile(f"{crawl}/a.warc.gz", "a.warc.gz", 5)
    assert file.name == "a"


def test_a_folder_gives_all_warcs_below_it(crawl: Path) -> None:
    files = find_warcs((str(crawl),))
    assert listed(files) == ["a.warc.gz", "deep/b.warc.gz", "deep/er/c.warc"]
    assert [file.name for file in files] == ["a", "deep__b", "deep__er__c"]
    assert find_warcs((f"{crawl}/",)) == files


def test_a_folder_that_is_here(crawl: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(crawl / "deep")
    assert listed(find_warcs((".",))) == ["b.warc.gz", "er/c.warc"]
    assert listed(find_warcs(("*.warc.gz",))) == ["b.warc.gz"]


@pytest.mark.parametrize(
    ("pattern", "wanted"),
    [
        ("*.warc.gz", ["a.warc.gz", "deep/b.warc.gz"]),  # * goes through folders
        ("deep/*", ["b.warc.gz", "er/c.warc"]),
        ("deep/?.warc.gz", ["b.warc.gz"]),
        ("[ab].warc.gz", ["a.warc.gz"]),
    ],
)
def test_globs(crawl: Path, pattern: str, wanted: list[str]) -> None:
    assert listed(find_warcs((f"{crawl}/{pattern}",))) == wanted


def test_a_list_is_relative_to_its_folder_or_to_base(crawl: Path) -> None:
    uri = write_list(crawl / "warc.paths.gz", "deep/b.warc.gz", "", "# a remark", "a.warc.gz")
    files = find_warcs((uri,))
    assert listed(files) == ["a.warc.gz", "deep/b.warc.gz"]
    assert files[0].uri == f"{crawl}/a.warc.gz"
    elsewhere = write_list(crawl / "deep" / "warc.paths", "a.warc.gz")
    assert find_warcs((elsewhere,), base=str(crawl))[0].uri == f"{crawl}/a.warc.gz"


def test_a_list_may_name_whole_uris(crawl: Path) -> None:
    uri = write_list(crawl / "list.txt", f"file://{crawl}/a.warc.gz", f"{crawl}/deep/b.warc.gz")
    assert [file.size_bytes for file in find_warcs((uri,), base="s3://never-used")] == [5, 5]


def test_a_crawl_is_its_list_at_the_base(tmp_path: Path) -> None:
    folder = tmp_path / "crawl-data" / "CC-MAIN-2026-05"
    path = "crawl-data/CC-MAIN-2026-05/segments/1/warc/CC-MAIN-1-00000.warc.gz"
    (tmp_path / path).parent.mkdir(parents=True)
    (tmp_path / path).write_bytes(b"123")
    write_list(folder / "warc.paths.gz", path)
    (file,) = find_warcs((), crawl="CC-MAIN-2026-05", base=str(tmp_path))
    assert (file.uri, file.listed_path) == (f"{tmp_path}/{path}", path)
    assert file.name == "CC-MAIN-1-00000"  # Common Crawl's folders say nothing that it does not
    with pytest.raises(InputError, match="CC-MAIN-2026-05"):
        find_warcs((), crawl="2026-05")


def test_inputs_add_up_and_count_once(crawl: Path) -> None:
    files = find_warcs((f"{crawl}/a.warc.gz", f"{crawl}/a.warc.gz", f"{crawl}/deep/b.warc.gz"))
    assert listed(files) == ["a.warc.gz", "b.warc.gz"]


def test_one_missing_warc_stays_and_all_missing_is_an_error(crawl: Path) -> None:
    files = find_warcs((f"{crawl}/a.warc.gz", f"{crawl}/gone.warc.gz"))
    assert [(file.name, file.size_bytes) for file in files] == [("a", 5), ("gone", None)]
    with pytest.raises(InputError, match=r"there is no .*gone\.warc\.gz"):
        find_warcs((f"{crawl}/gone.warc.gz",))
    with pytest.raises(InputError, match="nor the others"):
        find_warcs((f"{crawl}/gone.warc.gz", f"{crawl}/lost.warc.gz"))


def test_two_warcs_of_one_name_are_refused(crawl: Path) -> None:
    (crawl / "deep" / "a.warc.gz").write_bytes(b"1")
    with pytest.raises(InputError, match=r"both called a\.warc\.gz; give their parent folder"):
        find_warcs((f"{crawl}/a.warc.gz", f"{crawl}/deep/a.warc.gz"))
    assert len(find_warcs((f"{crawl}",))) == 4


@pytest.mark.parametrize(
    ("inputs", "says"),
    [
        ((), "--input"),
        (("{}/notes",), "expected a WARC"),
        (("{}/*.arc.gz",), "no WARC matches"),
        (("{}/none.paths.gz",), "none.paths.gz"),
    ],
)
def test_inputs_that_name_nothing_are_the_callers_mistake(
    crawl: Path, inputs: tuple[str, ...], says: str
) -> None:
    with pytest.raises(InputError, match=says):
        find_warcs(tuple(uri.format(crawl) for uri in inputs))


def test_damaged_and_empty_lists_are_named(crawl: Path) -> None:
    torn = crawl / "torn.paths.gz"
    torn.write_bytes(gzip.compress(os.urandom(1000))[:-100])
    with pytest.raises(InputError, match="damaged gzip"):
        find_warcs((str(torn),))
    with pytest.raises(InputError, match="found none"):
        find_warcs((write_list(crawl / "empty.paths.gz", "# nothing"),))


def test_limit_takes_the_first_by_path(crawl: Path) -> None:
    assert listed(find_warcs((str(crawl),), limit=2)) == ["a.warc.gz", "deep/b.warc.gz"]
    assert len(find_warcs((str(crawl),), limit=99)) == 3


def test_a_larger_sample_contains_a_smaller(tmp_path: Path) -> None:
    for number in range(400):
        (tmp_path / f"{number:05d}.warc.gz").write_bytes(b"")
    samples = [
        set(listed(find_warcs((str(tmp_path),), sample=share))) for share in (0.05, 0.25, 0.6, 1.0)
    ]
    assert samples[0] < samples[1] < samples[2] < samples[3]
    assert len(samples[3]) == 400
    assert 60 < len(samples[1]) < 140  # 100 wanted; by hash, so the same on every machine
    with pytest.raises(InputError, match="leaves none of 400 WARCs"):
        find_warcs((str(tmp_path),), sample=1e-9)


def test_names_are_safe_for_files() -> None:
    assert WarcFile("u", "a b/ü?.warc.gz", 1).name == "a__b__"
    assert WarcFile("u", "../.hidden.warc", 1).name == "hidden"
    assert WarcFile("u", ".warc.gz", 1).name == "warc"


def test_s3_folders_and_globs(monkeypatch: pytest.MonkeyPatch) -> None:
    moto = pytest.importorskip("moto")
    import boto3

    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    with moto.mock_aws():
        storage._store.cache_clear()
        client = boto3.client("s3", region_name="us-east-1")
        client.create_bucket(Bucket="crawl")
        for name in ("a.warc.gz", "seg/b.warc.gz", "seg/readme.txt"):
            client.put_object(Bucket="crawl", Key=name, Body=b"1234")
        assert listed(find_warcs(("s3://crawl",))) == ["a.warc.gz", "seg/b.warc.gz"]
        assert listed(find_warcs(("s3://crawl/seg/*.gz",))) == ["b.warc.gz"]
        assert find_warcs(("s3://crawl/seg/b.warc.gz",))[0].size_bytes == 4
    storage._store.cache_clear()
