"""The compose stage on small tables: shares of kinds, recalled documents, several places."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from cc_math.cli import cli
from cc_math.command_job import documents_of, parts_of_all, sidecar_groups
from cc_math.errors import InputError, UserError
from cc_math.manifests import Part
from cc_math.recipe import load
from cc_math.spark.chunks import Job
from cc_math.spark.compose import compose
from cc_math.tables import ColumnNames, rows_table, write_table
from cc_math.verify import verify

WORDS = "Let x be a number and let y be the square of x, so that the root of y is x again. "


def doc(number: int, kind: str, score: float = 0.9) -> dict[str, Any]:
    """A document; its tokens are 100 for an exposition and 50 for any other kind."""
    return {
        "doc_id": f"{number:032x}", "url": f"https://site{number}.example/page", "kind": kind,
        "text": WORDS * 3, "crawl": "CC-TEST-1", "language": "en", "score": score,
        "token_count": 100 if kind == "exposition" else 50,
        "warc_filename": "a.warc.gz", "warc_record_offset": number, "opt_out": "",
        "registered_domain": f"site{number}.example", "formula_counts": [], "formula_faults": [],
    }  # fmt: skip


def score_rows(documents: list[dict[str, Any]], kinds: bool) -> list[dict[str, Any]]:
    rows = []
    for d in documents:
        heads = {"math": d["score"]}
        if kinds:
            heads |= {f"kind:{k}": 0.1 for k in ("exposition", "listing", "problem_solution")}
            heads[f"kind:{d['kind']}"] = 0.8
        rows += [
            {"doc_id": d["doc_id"], "model": "m", "head": head, "raw": score, "score": score}
            for head, score in heads.items()
        ]
    return rows


def write_parts(folder: Path, table: str, parts: dict[str, list[dict[str, Any]]]) -> str:
    folder.mkdir(parents=True, exist_ok=True)
    for name, rows in parts.items():
        write_table(rows_table(table, rows), table, folder / f"{name}.parquet")
    return str(folder)


def corpus_of(
    spark: Any, output: Path, documents: str, scores: str | None, *settings: str, **given: Any
) -> tuple[dict[str, Any], dict[str, dict[str, Any]]]:
    """Compose: the manifest's counts and the corpus rows by doc_id."""
    job = Job(str(output), load(None, settings), say=lambda line: None)
    job._sessions.append(spark)
    parts = parts_of_all([scores], "scores") if scores else None
    manifest = compose(job, documents_of([documents]), ColumnNames(), scores=parts, **given)
    rows = [
        row
        for f in manifest["files"]
        if f["table"] == "corpus"
        for row in pq.read_table(output / f["path"]).to_pylist()
    ]
    return manifest["counts"], {row["doc_id"]: row for row in rows}


MIX = [
    doc(n, "problem_solution" if n % 10 == 0 else "listing" if n % 10 == 1 else "exposition")
    for n in range(200)
]


def mix_in(folder: Path, parts: int) -> tuple[str, str]:
    dealt = {f"part{i}": MIX[i::parts] for i in range(parts)}
    scores = {name: score_rows(rows, kinds=True) for name, rows in dealt.items()}
    return write_parts(folder / "d", "documents", dealt), write_parts(
        folder / "s", "scores", scores
    )


@pytest.mark.spark
def test_a_share_of_kinds_is_reached_whatever_the_parts(spark: Any, tmp_path: Path) -> None:
    share = "compose.min_kind_shares=problem_solution=0.3"
    found = []
    for parts in (1, 3):
        documents, scores = mix_in(tmp_path / str(parts), parts)
        output = tmp_path / f"out{parts}"
        counts, rows = corpus_of(spark, output, documents, scores, share)
        problems, _ = verify(str(output))
        assert problems == []
        found.append(sorted(rows))
        # 1,000 tokens of problems are 0.3 of 3,333; the rest were 16,000 : 1,000
        assert counts["kind.problem_solution.tokens"] == 1000
        assert counts["kind.exposition.tokens"] == 2100  # at most 2,196
        assert counts["kind.listing.tokens"] == 100  # at most 137
        assert counts["dropped.over_kind_share"] == 200 - counts["published"] == 157
        assert counts["over_kind_share.exposition.documents"] == 160 - 21
        kinds = [json.loads(row["metadata"])["kind"] for row in rows.values()]
        assert kinds.count("problem_solution") == 20
    assert found[0] == found[1]


@pytest.mark.spark
def test_the_card_stands_with_the_corpus_and_is_verified(spark: Any, tmp_path: Path) -> None:
    documents, scores = mix_in(tmp_path, 2)
    output = tmp_path / "out"
    counts, rows = corpus_of(spark, output, documents, scores, "decontaminate.benchmarks=none")
    card = output / "README.md"
    text = card.read_text()
    assert f"{len(rows)} documents, {counts['tokens']:,} tokens" in text
    assert f"| en | {len(rows)} | {counts['tokens']:,} | 100.0% |" in text
    assert "- CC-TEST-1/*.parquet" in text
    assert "the recipe states that there are no benchmarks" in text
    assert counts["language.en.documents"] == counts["score.0.9"] == len(rows)
    assert verify(str(output))[0] == []
    card.write_text(text.replace("not known", "all free"))
    (problem,) = verify(str(output))[0]
    assert problem.path == str(card)


def test_another_table_than_the_option_wants_is_named(tmp_path: Path) -> None:
    documents = write_parts(tmp_path / "d", "documents", {"a": [doc(1, "qa")]})
    scores = write_parts(tmp_path / "s", "scores", {"a": score_rows([doc(1, "qa")], False)})
    cuts = write_parts(tmp_path / "cuts", "cuts", {"a": []})
    for option, given, wanted in (
        ("--duplicates", cuts, "duplicate_pairs, which has a column other_doc_id"),
        ("--contamination", scores, "contamination, which has a column benchmark"),
        ("--cuts", scores, "cuts, which has a column start_char"),
        ("--recalled", cuts, "recalled, which has a column round"),
        ("--scores", documents, "scores, which has a column head"),
    ):
        command = ["compose", "--documents", documents, option, given, "--output", "unused"]
        done = CliRunner().invoke(cli, command, prog_name="cc-math")
        assert done.exit_code == 2, done.output
        assert f"expected a part of {wanted}; found doc_id" in done.output


@pytest.mark.spark
def test_without_bounds_kinds_are_counted_and_nothing_goes(spark: Any, tmp_path: Path) -> None:
    documents, scores = mix_in(tmp_path, 2)
    counts, rows = corpus_of(spark, tmp_path / "out", documents, scores)
    assert counts["kind.exposition.documents"] == 160
    assert counts["kind.listing.tokens"] == 1000
    assert len(rows) == counts["published"] == 200
    assert not any("over_kind_share" in name for name in counts)


@pytest.mark.spark
def test_shares_that_the_scores_cannot_tell_stop_before_work(spark: Any, tmp_path: Path) -> None:
    share = "compose.min_kind_shares=problem_solution=0.3"
    documents, _ = mix_in(tmp_path, 2)
    with pytest.raises(UserError, match="need --scores"):
        corpus_of(spark, tmp_path / "o1", documents, None, share)
    plain = {f"part{i}": score_rows(MIX[i::2], kinds=False) for i in range(2)}
    scores = write_parts(tmp_path / "plain", "scores", plain)
    with pytest.raises(InputError, match="these have none"):
        corpus_of(spark, tmp_path / "o2", documents, scores, share)
    assert not (tmp_path / "o2").exists()


@pytest.mark.spark
def test_only_recalled_documents_are_published_with_their_round(spark: Any, tmp_path: Path) -> None:
    docs = [doc(n, "exposition", 0.4 + n / 100) for n in range(8)]
    documents = write_parts(tmp_path / "d", "documents", {"a": docs[:5], "b": docs[5:]})
    scores = {"a": score_rows(docs[:5], kinds=False), "b": score_rows(docs[5:], kinds=False)}
    given = write_parts(tmp_path / "s", "scores", scores)
    recalled = {
        "a": [{**docs[0], "round": 1}, {**docs[3], "round": 2}],
        "b": [{**docs[7], "round": 2}],
    }
    table = write_parts(tmp_path / "r", "recalled", recalled)
    for number, score_folder in enumerate((given, None)):
        counts, rows = corpus_of(
            spark, tmp_path / f"out{number}", documents, score_folder,
            recalled=parts_of_all([table], "recalled"),
        )  # fmt: skip
        assert counts["dropped.not_recalled"] == 5
        assert {int(i, 16): row["round"] for i, row in rows.items()} == {0: 1, 3: 2, 7: 2}
        assert rows[docs[0]["doc_id"]]["score"] == pytest.approx(0.4)  # the round's own threshold
    counts, rows = corpus_of(spark, tmp_path / "out", documents, given)
    assert counts["dropped.below_min_score"] == 8
    assert rows == {}


def test_parts_of_several_places_are_put_together_by_name(tmp_path: Path) -> None:
    one = write_parts(tmp_path / "one", "documents", {"b": [doc(1, "qa")]})
    two = write_parts(tmp_path / "two", "documents", {"a": [doc(2, "qa")], "c": [doc(3, "qa")]})
    assert [part.name for part in documents_of([one, two])] == ["a", "b", "c"]
    with pytest.raises(InputError, match=r"part b stands at .*one and at .*one"):
        documents_of([one, two, one])


def test_sidecars_of_other_documents_are_one_of_the_same_are_two() -> None:
    def parts(*names: str) -> list[Part]:
        return [Part("", name, "", 1) for name in names]

    dedup, first, second = parts("a", "b"), parts("a"), parts("b")
    groups = sidecar_groups([dedup, first, second])
    assert [[part.name for part in group] for group in groups] == [["a", "b"], ["a", "b"]]


def digests(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and "_run" not in path.parts
    }


@pytest.mark.spark
def test_the_order_of_places_changes_no_byte(spark: Any, tmp_path: Path) -> None:
    documents, scores = mix_in(tmp_path, 4)
    share = ("compose.max_kind_shares=exposition=0.5",)
    outputs = []
    for name, order in (("x", (0, 1, 2, 3)), ("y", (2, 0, 3, 1))):
        job = Job(str(tmp_path / name), load(None, share), partitions=1, say=lambda line: None)
        job._sessions.append(spark)
        parts = documents_of([f"{documents}/part{i}.parquet" for i in order])
        given = parts_of_all([f"{scores}/part{i}.parquet" for i in reversed(order)], "scores")
        manifest = compose(job, parts, ColumnNames(), scores=given)
        shown = manifest["counts"]
        assert shown["kind.exposition.tokens"] <= shown["tokens"] / 2
        assert shown["kind.problem_solution.tokens"] == 1000
        outputs.append(digests(tmp_path / name))
    assert outputs[0] == outputs[1]
