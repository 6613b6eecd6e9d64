"""The mine-domains stage on small tables: each address once, links, the same bytes every time."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from cc_math.classify.proposals import read_proposals
from cc_math.cli import cli
from cc_math.errors import InputError
from cc_math.manifests import Json, Part, table_parts
from cc_math.recipe import load
from cc_math.spark.chunks import Job
from cc_math.spark.mine_domains import mine_domains
from cc_math.tables import rows_table, write_table
from cc_math.urls import registered_domain
from cc_math.verify import verify

pytestmark = [pytest.mark.spark, pytest.mark.slow]


@dataclass(frozen=True)
class Page:
    """A page of the tests: ``score`` is None where it is no document."""

    url: str
    score: float | None = None
    links: tuple[str, ...] = ()
    capture: int = 0
    language: str = "en"
    kind: str = "exposition"

    @property
    def doc_id(self) -> str:
        named = f"{self.url} {self.capture}".encode()
        return hashlib.blake2b(named, digest_size=16).hexdigest()


Parts = tuple[list[Part], list[Part], list[Part]]


def write(folder: Path, parts: Iterable[Iterable[Page]]) -> Parts:
    """`pages`, `documents` and `scores` of each part."""
    found: list[list[Part]] = []
    made = [list(part) for part in parts]
    for table, rows_of in (("pages", pages_rows), ("documents", document_rows),
                           ("scores", score_rows)):  # fmt: skip
        (folder / table).mkdir(parents=True, exist_ok=True)
        for number, part in enumerate(made):
            rows = rows_of(part)
            write_table(rows_table(table, rows), table, folder / table / f"part{number}.parquet")
        found.append(table_parts(str(folder / table), table))
    return found[0], found[1], found[2]


def pages_rows(part: list[Page]) -> list[Json]:
    return [
        {"doc_id": p.doc_id, "url": p.url, "registered_domain": registered_domain(p.url)}
        for p in part
    ]


def document_rows(part: list[Page]) -> list[Json]:
    return [
        {"doc_id": p.doc_id, "url": p.url, "text": "", "token_count": 10, "language": p.language,
         "out_links": list(p.links)}
        for p in part if p.score is not None
    ]  # fmt: skip


def score_rows(part: list[Page]) -> list[Json]:
    rows = []
    for p in part:
        heads = {"math": p.score, f"kind:{p.kind}": 0.8, "kind:aaa": 0.1}
        if p.score is not None:
            rows += [{"doc_id": p.doc_id, "model": "m", "head": h, "score": s}
                     for h, s in heads.items()]  # fmt: skip
    return rows


def job(spark: Any, output: Path, *settings: str, partitions: int | None = None) -> Job:
    made = Job(str(output), load(None, settings), partitions=partitions, say=lambda line: None)
    made._sessions.append(spark)
    return made


def table(output: Path, name: str) -> list[Json]:
    files = sorted((output / name).glob("*.parquet"))
    return [row for file in files for row in pq.read_table(file).to_pylist()]


def tree(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and "_run" not in path.parts
    }


def notes(domain: str, count: int, score: float | None, **more: Any) -> list[Page]:
    return [Page(f"https://{domain}/{n}", score, **more) for n in range(count)]


CRAWL = [
    *notes("maths.example/notes", 30, 0.9, links=("https://maths.example/menu",)),
    *notes("maths.example/jobs", 30, None),
    Page("https://maths.example/menu"),
    *notes("shop.example", 200, 0.1),
    *notes("few.example", 3, 0.9, language="de", kind="qa",
           links=("https://shop.example/7", "https://maths.example/jobs/3")),
    Page("https://other.example/", 0.9, links=("http://www.shop.example/7/#top",)),
]  # fmt: skip


@pytest.fixture(scope="module")
def mined(spark: Any, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Json, Parts]:
    """The stage over CRAWL in three parts, with a capture met twice, and one captured again."""
    folder = tmp_path_factory.mktemp("mined")
    again = [CRAWL[0], Page("http://www.maths.example/notes/1/?utm_source=x", 0.95, capture=1)]
    parts = write(folder / "in", [CRAWL[:40], CRAWL[40:], again])
    manifest = mine_domains(job(spark, folder / "out", "domains.part_pages=100"), *parts)
    return folder / "out", manifest, parts


def domains(output: Path) -> dict[str, Json]:
    return {row["domain"]: row for row in table(output, "domains") if row["level"] != "link"}


def test_an_address_counts_once(mined: tuple[Path, Json, Parts]) -> None:
    output, manifest, _ = mined
    row = domains(output)["maths.example"]
    assert (row["pages"], row["recalled"], row["tokens"]) == (61, 30, 300)
    counts = manifest["counts"]
    assert (counts["pages"], counts["repeated"], counts["other_captures"]) == (267, 1, 1)
    assert (
        counts["addresses"]
        == 265
        == sum(row["pages"] for row in table(output, "domains") if row["level"] == "domain")
    )


def test_prefixes_languages_kinds_and_examples(mined: tuple[Path, Json, Parts]) -> None:
    found = domains(mined[0])
    notes_row = found["maths.example/notes/"]
    assert (notes_row["level"], notes_row["pages"], notes_row["share"]) == ("prefix", 30, 1.0)
    assert len(notes_row["examples"]) == 5
    assert found["few.example"]["languages"] == [("de", 3)]
    assert found["few.example"]["kinds"] == [("qa", 3)]
    assert found["shop.example"]["recalled"] == 0
    assert not found["few.example"]["proposed"]  # three pages prove nothing


def test_links_count_once_a_site_and_lead_to_pages_that_are_not_recalled(
    mined: tuple[Path, Json, Parts],
) -> None:
    linked = {row["url"]: row for row in table(mined[0], "linked_pages")}
    assert sorted(linked) == [
        "https://maths.example/jobs/3", "https://maths.example/menu", "https://shop.example/7",
    ]  # fmt: skip
    assert linked["https://shop.example/7"]["n_links"] == 2
    assert linked["https://maths.example/menu"]["n_links"] == 1
    assert linked["https://maths.example/menu"]["from_url"].startswith("https://maths.example/no")


def test_proposals_are_for_a_person_to_read(mined: tuple[Path, Json, Parts]) -> None:
    rows = read_proposals(str(mined[0] / "proposals.tsv"))
    assert [(r.level, r.path) for r in rows] == [("prefix", "maths.example/notes/")]
    assert (rows[0].pages, rows[0].recalled, rows[0].kinds) == (30, 30, "exposition 30")
    assert rows[0].why == "100 % recalled here, 0 % around it in maths.example"


def test_the_output_is_in_parts_and_verifies(mined: tuple[Path, Json, Parts]) -> None:
    output, manifest, _ = mined
    assert len(list((output / "domains").glob("part-*.parquet"))) == 3
    assert len(manifest["chunks"]) == 3
    problems, _ = verify(str(output))
    assert problems == []
    assert not list((output / "_run" / "mine_domains").rglob("*.parquet"))


def test_partitions_change_no_byte(
    spark: Any, mined: tuple[Path, Json, Parts], tmp_path: Path
) -> None:
    before = spark.conf.get("spark.sql.shuffle.partitions")
    spark.conf.set("spark.sql.shuffle.partitions", "5")
    try:
        other = job(spark, tmp_path / "out", "domains.part_pages=100", partitions=1)
        mine_domains(other, *mined[2])
    finally:
        spark.conf.set("spark.sql.shuffle.partitions", before)
    assert tree(tmp_path / "out") == tree(mined[0])


def test_how_the_pages_lie_in_parts_changes_no_row(
    spark: Any, mined: tuple[Path, Json, Parts], tmp_path: Path
) -> None:
    again = [CRAWL[0], Page("http://www.maths.example/notes/1/?utm_source=x", 0.95, capture=1)]
    parts = write(tmp_path / "in", [[*again, *CRAWL[::-1]]])
    mine_domains(job(spark, tmp_path / "out", "domains.part_pages=100"), *parts)
    for name in ("domains", "linked_pages", "proposals.tsv"):
        one, other = tree(tmp_path / "out"), tree(mined[0])
        assert {k: v for k, v in one.items() if k.startswith(name)} == {
            k: v for k, v in other.items() if k.startswith(name)
        }


def test_a_run_cut_short_goes_on_to_the_same_bytes(
    spark: Any, mined: tuple[Path, Json, Parts], tmp_path: Path
) -> None:
    output = tmp_path / "out"
    given = job(spark, output, "domains.part_pages=100")
    mine_domains(given, *mined[2])
    whole = tree(output)
    (output / "_manifests" / "mine_domains.json").unlink()
    (output / "_manifests" / "mine_domains" / "part-00001.json").unlink()
    (output / "domains" / "part-00001.parquet").unlink()
    mine_domains(given, *mined[2])
    assert tree(output) == whole
    manifest = mine_domains(given, *mined[2])
    assert manifest["counts"]["pages"] == 267


def test_a_page_fetched_later_counts_with_its_first_capture(spark: Any, tmp_path: Path) -> None:
    dropped = notes("maths.example", 12, None)
    fetched = notes("maths.example", 12, 0.9)
    parts = write(tmp_path / "in", [dropped, fetched])
    mine_domains(job(spark, tmp_path / "out"), *parts)
    row = domains(tmp_path / "out")["maths.example"]
    assert (row["pages"], row["recalled"], row["tokens"]) == (12, 12, 120)


def test_the_threshold_may_be_given_and_the_list_is_capped(spark: Any, tmp_path: Path) -> None:
    crawl = [*notes("a.example", 40, 0.55), *notes("b.example", 20, 0.65)]
    parts = write(tmp_path / "in", [crawl])
    said: list[str] = []
    given = job(spark, tmp_path / "out", "domains.max_proposals=1")
    given.say = said.append
    manifest = mine_domains(given, *parts)
    assert [r.domain for r in read_proposals(str(tmp_path / "out" / "proposals.tsv"))] == [
        "a.example"
    ]
    assert manifest["counts"]["proposals.left_out"] == 1
    assert any("1 sites with most recalled pages of 2" in line for line in said)
    mine_domains(job(spark, tmp_path / "high"), *parts, min_score=0.6)
    assert [r.domain for r in read_proposals(str(tmp_path / "high" / "proposals.tsv"))] == [
        "b.example"
    ]


def test_scores_of_other_pages_are_refused(spark: Any, tmp_path: Path) -> None:
    pages, documents, scores = write(tmp_path, [CRAWL[:5], CRAWL[5:9]])
    with pytest.raises(InputError, match="part part1 stands on one side"):
        mine_domains(job(spark, tmp_path / "out"), pages, documents, scores[:1])


def test_the_command_copies_decisions_and_decides_by_rule(
    spark: Any, mined: tuple[Path, Json, Parts], tmp_path: Path
) -> None:
    edited = tmp_path / "edited.tsv"
    edited.write_text("decision\tlevel\tdomain\tpath\nreject\tdomain\tshop.example\t\n")
    folder = mined[0].parent / "in"
    arguments = ["mine-domains", "--output", str(tmp_path / "out"), "--auto",
                 "--decisions", str(edited)]  # fmt: skip
    for name in ("pages", "documents", "scores"):
        arguments += [f"--{name}", str(folder / name)]
    result = CliRunner().invoke(cli, arguments)
    assert result.exit_code == 0, result.output
    rows = read_proposals(str(tmp_path / "out" / "decisions.tsv"))
    assert [(r.decision, r.domain) for r in rows] == [
        ("accept", "maths.example"), ("reject", "shop.example"),
    ]  # fmt: skip
    assert "1 accept, 1 reject" in result.output
    edited.write_text("decision\tlevel\tdomain\tpath\nmaybe\tdomain\tshop.example\t\n")
    result = CliRunner().invoke(cli, arguments)
    assert result.exit_code == 2
    assert "edited.tsv:2: unknown decision 'maybe'" in result.output
