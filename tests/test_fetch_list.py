"""Lists of addresses of any length on Spark: read in pieces, sorted, looked up, told of."""

from __future__ import annotations

import dataclasses
import gzip
import io
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cc_math.cli import cli
from cc_math.errors import InputError
from cc_math.fetch import list_pieces
from cc_math.fetch.index_files import index_files
from cc_math.manifests import read_json
from cc_math.spark import fetch_list, fetch_not_found
from cc_math.spark.fetch_list import read_list
from cc_math.spark.index_lookup import Looked, look_up
from tests.columnar_index import index_rows, write_index
from tests.conftest import ROOT, SAMPLE
from tests.test_fetch import CRAWL, WARCS, job
from tests.test_s3 import OUTPUT, bucket  # noqa: F401 - a fixture is found by its name

pytestmark = [pytest.mark.spark, pytest.mark.slow]


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_index(index_rows(WARCS), tmp_path_factory.mktemp("index"), crawl=CRAWL)


@pytest.fixture(scope="module")
def lines() -> list[str]:
    """Every second URL of the sample, one of them twice, and as many that it does not hold."""
    urls = list(dict.fromkeys(row["url"] for row in index_rows(WARCS)))[::2]
    nowhere = [f"https://nowhere{number % 7}.example/{number}" for number in range(len(urls))]
    mixed = [line for pair in zip(urls, nowhere, strict=True) for line in pair]
    return [*mixed, urls[0], f"{urls[1]}#part"]


def looked(spark: Any, output: Path, index: Path, uri: Path | str, **options: Any) -> Looked:
    given = {"column": "url", "skip_bad": False, **options}
    made = job(spark, output)
    addresses = read_list(made, str(uri), "urls", **given)
    return look_up(made, index_files(str(index)), addresses, captures="all", any_type=False)


def told(found: Looked) -> tuple[list[Any], str, dict[str, int]]:
    """What a look gave, whatever the files it came in."""
    tables = [pq.read_table(part.uri) for part in found.wanted]
    rows = pa.concat_tables(tables).to_pylist()
    text = Path(found.not_found.uri).read_text()
    assert found.not_found.lines == text.count("\n")
    assert found.not_found.first_line == text.partition("\n")[0]
    return sorted(tuple(row.items()) for row in rows), text, found.counts


@pytest.mark.timeout(900)
def test_a_list_gives_the_same_in_whatever_files_pieces_and_partitions(
    spark: Any, index: Path, lines: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = "".join(f"{line}\n" for line in lines).encode()
    (tmp_path / "urls.txt").write_bytes(text)
    expected = told(looked(spark, tmp_path / "text", index, tmp_path / "urls.txt"))
    gone = [line.partition("\t")[0] for line in expected[1].splitlines()]
    assert [line for line in lines if "nowhere" in line] == [g for g in gone if "nowhere" in g]
    assert expected[2]["lines"] == len(lines) - 1
    assert len(expected[0]) > 90

    pq.write_table(pa.table({"link": lines}), tmp_path / "urls.parquet", row_group_size=30)
    folder = tmp_path / "folder"
    folder.mkdir()
    half = len(lines) // 2
    (folder / "1.txt").write_text("\n".join(lines[:half]))  # without an end of line
    (folder / "2.txt.gz").write_bytes(gzip.compress("\n".join(lines[half:]).encode()))
    for module in (fetch_list, fetch_not_found):
        monkeypatch.setattr(module, "PARTITION_LINES", 80)
    monkeypatch.setattr(list_pieces, "PIECE_BYTES", 3000)
    monkeypatch.setattr(list_pieces, "PIECE_ROWS", 60)
    stands = [sorted((tmp_path / "text").rglob("sorted-*/*.parquet"))]
    for name in ("urls.txt", "urls.parquet", "folder"):
        output = tmp_path / f"{name}-out"
        assert told(looked(spark, output, index, tmp_path / name, column="link")) == expected
        stands.append(sorted(output.rglob("sorted-*/*.parquet")))
    assert len(stands[0]) == 1 and all(len(files) >= 3 for files in stands[1:])


def test_a_bad_line_is_named_and_counted_or_left_out_when_told_to(
    spark: Any, index: Path, lines: list[str], tmp_path: Path
) -> None:
    path, bad = tmp_path / "urls.txt", ["ftp://a.example/", "", "b.example", *"cdefg"]
    path.write_text("\n".join([lines[0], *bad[:3], *lines[1:], *bad[3:]]))
    with pytest.raises(InputError) as raised:
        looked(spark, tmp_path / "out", index, path)
    said = str(raised.value)
    assert f"{path}:2: expected a URL that begins with http:// or https://, found 'ftp://" in said
    assert f"{path}:4: expected a URL" in said
    assert "7 such lines in all" in said and "--skip-bad-lines" in said
    found = looked(spark, tmp_path / "out", index, path, skip_bad=True)
    (tmp_path / "good.txt").write_text("\n".join(lines))
    without = looked(spark, tmp_path / "good", index, tmp_path / "good.txt")
    assert found.counts == {
        **without.counts, "lines.bad": 7, "not_found": without.counts["not_found"] + 7,
    }  # fmt: skip
    expected, text = told(without), told(found)[1].splitlines()
    assert told(found)[0] == expected[0]
    assert text[0].startswith("ftp://a.example/\tline 2: expected a URL")
    assert [line for line in text if "\tline " not in line] == expected[1].splitlines()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("# nothing\n\n", "standard input: expected URLs, one a line, found none"),
        ("https://a.example/\nno URL\n", "standard input:2: expected a URL"),
        ("{url}\n", ""),
    ],
)
def test_standard_input_is_a_list(
    spark: Any, index: Path, lines: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str], text: str, said: str,
) -> None:  # fmt: skip
    data = io.BytesIO(text.format(url=lines[0]).encode())
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(data))
    command = ["fetch", "--urls", "-", "--index", str(index), "--base", str(SAMPLE), "--dry-run"]
    code = cli.main([*command, "--output", str(tmp_path)], standalone_mode=False)
    assert code == (2 if said else None)
    assert (said or "1 of 1 lines found") in capsys.readouterr().err


def test_sites_may_be_many(
    spark: Any, index: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    domains = sorted({str(row["url_host_name"]) for row in index_rows(WARCS)})
    (tmp_path / "sites").write_text("\n".join([*domains, "nowhere.example"]))
    monkeypatch.setattr(fetch_list, "PARTITION_LINES", 5)
    made = job(spark, tmp_path / "out")
    given = read_list(made, str(tmp_path / "sites"), "domains", column="", skip_bad=False)
    found = look_up(made, index_files(str(index)), given, captures="all", any_type=True)
    assert found.counts["index.captures"] == len(index_rows(WARCS))
    assert told(found)[1] == "nowhere.example\tnot in the index\n"


@pytest.mark.timeout(900)
def test_a_killed_look_goes_on_to_the_same(
    spark: Any, index: Path, lines: list[str], tmp_path: Path
) -> None:
    (tmp_path / "urls.txt").write_text("\n".join(lines))
    expected = told(looked(spark, tmp_path / "whole", index, tmp_path / "urls.txt"))
    command = [sys.executable, "-m", "cc_math.cli", "fetch", "--urls", str(tmp_path / "urls.txt")]
    command += ["--index", str(index), "--base", str(SAMPLE), "--master", "local[1]", "--dry-run"]
    output = tmp_path / "killed"
    command += ["--output", str(output), "--captures", "all"]
    faults = [{"operation": "put_file", "contains": "/found/", "nth": 2, "action": "exit"}]
    environment = {**os.environ, "CC_MATH_FAULTS": json.dumps(faults)}
    died = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert died.returncode == 1, died.stderr
    (stands,) = output.rglob("sorted-*.json")
    before = {path: path.stat().st_mtime_ns for path in output.rglob("sorted-*/*")}
    assert read_json(str(stands)) is not None and before
    assert told(looked(spark, output, index, tmp_path / "urls.txt")) == expected
    assert {path: path.stat().st_mtime_ns for path in before} == before
    again = looked(spark, output, index, tmp_path / "urls.txt")
    assert told(again) == expected
    # another list of the same name is another list
    (tmp_path / "urls.txt").write_text("\n".join(reversed(lines)))
    turned = told(looked(spark, output, index, tmp_path / "urls.txt"))
    assert turned[0] == expected[0] and turned[1] != expected[1]


def test_a_local_list_goes_where_tasks_can_read_it(
    bucket: Any,  # noqa: F811
    spark: Any,
    index: Path,
    lines: list[str],
    tmp_path: Path,
) -> None:
    folder = tmp_path / "lists"
    folder.mkdir()
    (folder / "1.txt").write_text("\n".join(lines[:50]))
    (folder / "2.txt").write_text("\n".join(lines[50:]))
    expected = told(looked(spark, tmp_path / "out", index, folder))
    made = dataclasses.replace(job(spark, tmp_path), output=OUTPUT)
    given = read_list(made, str(folder), "urls", column="url", skip_bad=False)
    found = look_up(made, index_files(str(index)), given, captures="all", any_type=False)
    assert found.counts == expected[2]
    key = found.not_found.uri.removeprefix("s3://bucket/")
    body = bucket.get_object(Bucket="bucket", Key=key)["Body"].read()
    assert body.decode() == expected[1]
