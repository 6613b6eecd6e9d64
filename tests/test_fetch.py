"""The fetch stage on the sample crawl: the rows of extract, whichever way the pages come."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cc_math.cli import cli
from cc_math.errors import ChunksFailed, InputError, OutputConflict
from cc_math.inputs import WarcFile
from cc_math.manifests import Part, table_parts
from cc_math.recipe import load
from cc_math.spark.chunks import Job
from cc_math.spark.fetch import fetch
from cc_math.spark.fetch_pieces import wanted_rows
from cc_math.tables import put_table
from cc_math.verify import verify
from tests.columnar_index import index_rows, write_index
from tests.conftest import ROOT, SAMPLE
from tests.test_corrupt_warc import done
from tests.test_pipeline import tree
from tests.test_s3 import OUTPUT, bucket, s3_tree  # noqa: F401 - a fixture is found by its name
from tests.web import served

pytestmark = [pytest.mark.spark, pytest.mark.slow]

CRAWL = "CC-SAMPLE-2026-05"
WARCS = sorted(SAMPLE.glob("*.warc.gz"))


@pytest.fixture(scope="module")
def extracted(spark: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What extract makes of the sample, with its HTML."""
    output = tmp_path_factory.mktemp("extracted")
    done(["extract", "--input", str(SAMPLE), "--keep-html", "--output", str(output)])
    return output


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_index(index_rows(WARCS), tmp_path_factory.mktemp("index"), crawl=CRAWL)


@pytest.fixture(scope="module")
def urls(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A list of every URL of the sample, and two that it does not hold."""
    found = dict.fromkeys(row["url"] for row in index_rows(WARCS))
    path = tmp_path_factory.mktemp("list") / "urls.txt"
    lines = ["# a list", "", *found, "https://nowhere.example/1", "https://nowhere.example/2"]
    path.write_text("\n".join(lines) + "\n")
    return path


def rows(output: Path, table: str) -> list[dict[str, Any]]:
    """Rows of a table, whatever its parts."""
    parts = [pq.read_table(path) for path in sorted((output / table).glob("*.parquet"))]
    found = pa.concat_tables(parts).to_pylist()
    return sorted(found, key=lambda row: (row["doc_id"], row.get("warc_record_offset", 0)))


def counts(output: Path) -> dict[str, int]:
    manifest = json.loads((output / "_manifests" / "fetch.json").read_bytes())
    return dict(manifest["counts"])


def wanted_of(extracted: Path, folder: Path, where: Any = None, **changed: Any) -> list[Part]:
    """Pages of an extraction as a part of `wanted`; ``where`` chooses rows, ``changed`` spoils."""
    pages = pa.Table.from_pylist([r for r in rows(extracted, "pages") if not where or where(r)])
    columns: dict[str, Any] = {name: pages.column(name) for name in pages.column_names}
    columns["reason"] = ["domain"] * pages.num_rows
    for name, value in changed.items():
        columns[name] = [value] * pages.num_rows
    table = wanted_rows({k: pa.array(v) if isinstance(v, list) else v.combine_chunks()
                         for k, v in columns.items()})  # fmt: skip
    entry = put_table(table, "wanted", str(folder), "wanted.parquet")
    return [Part(str(folder / "wanted.parquet"), "wanted", entry.sha256, entry.rows)]


def job(spark: Any, output: Path, *settings: str, partitions: int | None = None) -> Job:
    made = Job(str(output), load(None, settings), partitions=partitions, say=lambda line: None)
    made._sessions.append(spark)
    return made


# --- from the index ---------------------------------------------------------------------------


@pytest.mark.parametrize("threshold", [1, 10_000], ids=["reading on", "by range"])
def test_from_the_index_come_the_rows_of_extract(
    extracted: Path, index: Path, urls: Path, tmp_path: Path, threshold: int
) -> None:
    command = ["fetch", "--urls", str(urls), "--index", str(index), "--base", str(SAMPLE)]
    command += ["--captures", "all", "--select", "--keep-html", "--output", str(tmp_path)]
    done([*command, "--set", f"fetch.whole_from_pages={threshold}"])
    for table in ("pages", "documents", "html"):
        assert rows(tmp_path, table) == rows(extracted, table)
    assert len(rows(tmp_path, "documents")) > 100
    said = counts(tmp_path)
    assert said["wanted"] == said["records.response"] == said["index.wanted"] == 210
    assert said["responses.html"] == 208
    assert said["wanted.by_whole" if threshold == 1 else "wanted.by_range"] == 210
    not_found = (tmp_path / "not_found.txt").read_text().splitlines()
    assert len(not_found) == said["not_found"] == 13
    assert not_found[-1] == "https://nowhere.example/2\tnot in the index"
    assert sum("status 404" in line for line in not_found) == 2
    assert verify(str(tmp_path))[0] == []


def test_what_was_asked_for_passes_the_first_selection(
    extracted: Path, index: Path, urls: Path, tmp_path: Path
) -> None:
    command = ["fetch", "--urls", str(urls), "--index", str(index), "--base", str(SAMPLE)]
    done([*command, "--output", str(tmp_path)])
    outcomes = {row["outcome"] for row in rows(tmp_path, "pages")}
    assert "not_selected" not in outcomes
    kept = {row["doc_id"]: row for row in rows(tmp_path, "documents")}
    selected = {row["doc_id"]: row for row in rows(extracted, "documents")}
    both = kept.keys() & selected.keys()
    assert all(kept[doc_id] == selected[doc_id] for doc_id in both)
    assert len(kept) > len(selected)
    # of pages captured twice the latest capture alone
    urls_kept = [row["url"] for row in rows(tmp_path, "pages")]
    assert len(urls_kept) == len(set(urls_kept)) < len(rows(extracted, "pages"))
    for url in {r["url"] for r in selected.values()} - {r["url"] for r in kept.values()}:
        raise AssertionError(url)


def test_sites_are_fetched_by_name(extracted: Path, index: Path, tmp_path: Path) -> None:
    pages = rows(extracted, "pages")
    domain = max({row["registered_domain"] for row in pages}, key=lambda d: sum(
        row["registered_domain"] == d for row in pages))  # fmt: skip
    (tmp_path / "sites.txt").write_text(f"{domain}\nnowhere.example/math\n")
    shutil.copytree(index, tmp_path / "again")  # the same captures in files of the same names
    command = ["fetch", "--domains", str(tmp_path / "sites.txt"), "--index", str(index)]
    command += ["--index", str(tmp_path / "again"), "--base", str(SAMPLE), "--captures", "all"]
    done([*command, "--output", str(tmp_path / "out"), "--select"])
    wanted = [row for row in pages if row["registered_domain"] == domain]
    assert len(wanted) > 3
    assert rows(tmp_path / "out", "pages") == wanted
    said = counts(tmp_path / "out")
    assert said["wanted.repeated"] == said["wanted"] >= len(wanted)
    assert (tmp_path / "out" / "not_found.txt").read_text() == (
        "nowhere.example/math\tnot in the index\n"
    )


def test_a_dry_run_says_what_would_move_and_writes_nothing(
    index: Path, urls: Path, tmp_path: Path, spark: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["fetch", "--urls", str(urls), "--index", str(index), "--base", str(SAMPLE)]
    done([*command, "--dry-run", "--output", str(tmp_path)])
    said = capsys.readouterr()
    assert "of 2 WARCs" in said.out
    assert "by range: " in said.out and "requests" in said.out and "bytes" in said.out
    assert "minutes" in said.out
    assert "208 of 221 lines found" in said.err
    assert not (tmp_path / "pages").exists()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ([], "needs one of --urls"),
        (["--urls", "{urls}", "--domains", "{urls}"], "needs one of --urls"),
        (["--urls", "{urls}"], "needs an index"),
        (["--urls", "{none}", "--index", "{index}"], "is it the right crawl? --canonical"),
        (["--domains", "{urls}", "--index", "{index}", "--canonical"], "--canonical is for --urls"),
        (["--urls", "{gone}", "--index", "{index}"], "status 404); --any-type takes them"),
        (["--urls", "{urls}", "--index", "{index}"], "lie? Give --base"),
        (["--urls", "{urls}", "--index", "{sample}"], "expected Parquet files of Common Crawl"),
    ],
)
def test_mistakes_are_said_with_their_mend(
    spark: Any, index: Path, urls: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str],
    options: list[str], said: str,
) -> None:  # fmt: skip
    gone = next(row["url"] for row in index_rows(WARCS) if row["fetch_status"] == 404)
    (tmp_path / "gone.txt").write_text(gone)
    (tmp_path / "none.txt").write_text("https://nowhere.example/1")
    places = {"urls": urls, "index": index, "sample": SAMPLE}
    places |= {name: tmp_path / f"{name}.txt" for name in ("gone", "none")}
    command = ["fetch", *(option.format(**places) for option in options)]
    code = cli.main([*command, "--output", str(tmp_path / "out")], standalone_mode=False)
    assert code == 2
    assert said in capsys.readouterr().err


# --- from wanted rows -------------------------------------------------------------------------


def test_pages_come_from_kept_html_where_it_is(spark: Any, extracted: Path, tmp_path: Path) -> None:
    wanted = wanted_of(extracted, tmp_path)
    html = table_parts(str(extracted / "html"), "html")
    manifest = fetch(
        job(spark, tmp_path / "out"), wanted, base=str(SAMPLE), warcs=None, html=html, select=True
    )
    assert rows(tmp_path / "out", "pages") == rows(extracted, "pages")
    assert rows(tmp_path / "out", "documents") == rows(extracted, "documents")
    documents = len(rows(extracted, "documents"))
    assert manifest["counts"]["wanted.from_html"] == documents
    assert manifest["counts"]["wanted.by_range"] == 208 - documents

    kept = wanted_of(extracted, tmp_path / "kept", lambda row: row["outcome"] == "document")
    manifest = fetch(
        job(spark, tmp_path / "no-warc"), kept, base="/nowhere", warcs=None, html=html, select=True
    )
    assert manifest["counts"]["pages.document"] == documents  # the WARCs are not needed


def test_a_list_of_wanted_records_is_fetched_and_a_rerun_does_nothing(
    spark: Any, extracted: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wanted_of(extracted, tmp_path / "wanted", lambda row: row["outcome"] == "not_selected")
    command = ["fetch", "--wanted", str(tmp_path / "wanted"), "--base", str(SAMPLE)]
    done([*command, "--output", str(tmp_path / "out")])
    before = tree(tmp_path / "out")
    assert len(rows(tmp_path / "out", "pages")) == 55
    capsys.readouterr()
    done([*command, "--output", str(tmp_path / "out")])
    assert "nothing to do" in capsys.readouterr().err
    assert tree(tmp_path / "out") == before
    assert verify(str(tmp_path / "out"))[0] == []


@pytest.mark.timeout(900)
def test_parts_partitions_and_a_kill_change_no_byte(
    spark: Any, extracted: Path, tmp_path: Path
) -> None:
    settings = ("fetch.chunk_pages=25",)

    def some(row: dict[str, Any], remainders: set[int]) -> bool:
        return row["outcome"] == "document" and row["warc_record_offset"] % 4 in remainders

    wanted = wanted_of(extracted, tmp_path / "one", lambda row: some(row, {0, 1}))
    even = wanted_of(extracted, tmp_path / "a", lambda row: some(row, {0}))
    odd = wanted_of(extracted, tmp_path / "b", lambda row: some(row, {1}))
    outputs = [tmp_path / name for name in ("whole", "parts", "killed")]
    place = {"base": str(SAMPLE), "warcs": None, "html": None}
    fetch(job(spark, outputs[0], *settings), wanted, select=False, **place)
    fetch(job(spark, outputs[1], *settings, partitions=1), [*odd, *even], select=False, **place)
    chunks = len(tree(outputs[0])) // 3
    assert chunks >= 3
    assert tree(outputs[1]) == tree(outputs[0])
    # a process that dies at a chunk, then the same command again
    command = [sys.executable, "-m", "cc_math.cli", "fetch", "--wanted", str(tmp_path / "one")]
    command += ["--base", str(SAMPLE), "--output", str(outputs[2]), "--master", "local[1]"]
    command += ["--set", settings[0]]
    faults = [{"operation": "put_new", "contains": "", "nth": 2, "action": "exit"}]
    environment = {**os.environ, "CC_MATH_FAULTS": json.dumps(faults)}
    died = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert died.returncode == 1, died.stderr
    assert 0 < len(list((outputs[2] / "_manifests" / "fetch").glob("*.json"))) < chunks
    fetch(job(spark, outputs[2], *settings), wanted, select=False, **place)
    assert tree(outputs[2]) == tree(outputs[0])


def test_what_does_not_stand_where_it_should_is_counted_and_stops_nothing(
    spark: Any, extracted: Path, tmp_path: Path
) -> None:
    good = wanted_of(extracted, tmp_path / "good", lambda row: row["outcome"] == "document")
    other = wanted_of(
        extracted, tmp_path / "other", lambda row: row["outcome"] == "empty_page",
        doc_id="0" * 32,
    )  # fmt: skip
    far = wanted_of(
        extracted, tmp_path / "far", lambda row: row["outcome"] == "too_short",
        warc_record_offset=10**9,
    )  # fmt: skip
    wrong = wanted_of(
        extracted, tmp_path / "wrong", lambda row: row["outcome"] == "too_short",
        warc_record_length=-1,
    )  # fmt: skip
    manifest = fetch(
        job(spark, tmp_path / "out"), [*good, *other, *far, *wrong, *good], base=str(SAMPLE),
        warcs=None, html=None, select=True, suffix="r02",
    )  # fmt: skip
    said, documents = manifest["counts"], len(rows(extracted, "documents"))
    assert said["pages.document"] == documents == said["wanted.repeated"]
    assert said["missed.other_capture"] == 2
    assert said["missed.no_record"] == 2
    assert said["wanted"] == documents + 4
    assert {note["missed"] for note in manifest["notes"]} == {"other_capture", "no_record"}
    assert all(note["url"] for note in manifest["notes"])
    assert all(name.endswith("-r02") for name in manifest["chunks"])
    assert rows(tmp_path / "out", "documents") == rows(extracted, "documents")


def test_a_missing_warc_fails_its_chunk_and_is_named(
    spark: Any, extracted: Path, tmp_path: Path
) -> None:
    wanted = wanted_of(extracted, tmp_path)
    shutil.copy(WARCS[0], tmp_path)
    warcs = {WARCS[0].name: WarcFile(str(tmp_path / WARCS[0].name), WARCS[0].name, None)}
    with pytest.raises(ChunksFailed, match=rf"there is no /nowhere/{WARCS[1].name}"):
        fetch(job(spark, tmp_path / "out"), wanted, base="/nowhere", warcs=warcs, html=None,
              select=True)  # fmt: skip
    assert len(list((tmp_path / "out" / "pages").glob("*.parquet"))) == 1


def test_another_list_replaces_a_result_only_when_told_to(
    spark: Any, extracted: Path, tmp_path: Path
) -> None:
    one = wanted_of(extracted, tmp_path / "1", lambda row: row["outcome"] == "empty_page")
    two = wanted_of(extracted, tmp_path / "2", lambda row: row["outcome"] == "too_short")
    place = {"base": str(SAMPLE), "warcs": None, "html": None, "select": True}
    made = job(spark, tmp_path / "out")
    fetch(made, one, **place)
    with pytest.raises(OutputConflict, match="--overwrite"):
        fetch(made, two, **place)
    made.overwrite = True
    assert fetch(made, two, **place)["counts"]["pages.too_short"] == 1
    assert {row["outcome"] for row in rows(tmp_path / "out", "pages")} == {"too_short"}


def test_two_warcs_of_one_name_are_refused(spark: Any, extracted: Path, tmp_path: Path) -> None:
    one = wanted_of(extracted, tmp_path / "1", warc_filename="a/b.warc.gz")
    two = wanted_of(extracted, tmp_path / "2", warc_filename="a__b.warc.gz")
    with pytest.raises(InputError, match="would both be called"):
        fetch(job(spark, tmp_path / "out"), one + two, base="/x", warcs=None, html=None,
              select=True)  # fmt: skip


# --- from other places ------------------------------------------------------------------------


@pytest.mark.parametrize("ranges", [True, False], ids=["with ranges", "without ranges"])
def test_over_http_come_the_same_rows(
    spark: Any, extracted: Path, tmp_path: Path, ranges: bool
) -> None:
    wanted = wanted_of(extracted, tmp_path, lambda row: row["outcome"] == "document")
    with served(SAMPLE, ranges=ranges) as web:
        fetch(job(spark, tmp_path / "out"), wanted, base=web.uri, warcs=None, html=None,
              select=True)  # fmt: skip
        assert len(web.requests) < 20
    assert rows(tmp_path / "out", "documents") == rows(extracted, "documents")


def test_index_warcs_and_output_may_be_in_s3(
    bucket: Any,  # noqa: F811
    extracted: Path,
    index: Path,
    tmp_path: Path,
) -> None:
    for path in WARCS:
        bucket.upload_file(str(path), "bucket", f"crawl/{path.name}")
    for path in index.rglob("*.parquet"):
        bucket.upload_file(str(path), "bucket", f"index/{path.relative_to(index)}")
    chosen = [row for row in rows(extracted, "pages") if row["outcome"] == "document"][::3]
    listed = "".join(f"{row['url']}\n" for row in chosen)
    bucket.put_object(Bucket="bucket", Key="urls.txt", Body=listed.encode())
    command = ["fetch", "--urls", "s3://bucket/urls.txt", "--index", "s3://bucket/index"]
    done([*command, "--base", "s3://bucket/crawl", "--output", OUTPUT, "--captures", "all"])
    (tmp_path / "urls.txt").write_text(listed)
    command = ["fetch", "--urls", str(tmp_path / "urls.txt"), "--index", str(index)]
    done([*command, "--base", str(SAMPLE), "--output", str(tmp_path / "out"), "--captures", "all"])
    assert s3_tree(bucket) == tree(tmp_path / "out")
    assert len(rows(tmp_path / "out", "documents")) >= len(chosen)
