"""The steps of a round over Spark on made-up rows: captures met twice, sums, wanted pages."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from cc_math.classify.proposals import ACCEPT, REJECT, AcceptedSites, Proposal
from cc_math.manifests import Part
from cc_math.recipe import load
from cc_math.rounds.folders import parts_of
from cc_math.rounds.part_names import wanted_of_parts
from cc_math.rounds.threshold import Threshold
from cc_math.spark.chunks import Job
from cc_math.spark.recalled import recall, score_histogram, scored_chunks
from cc_math.spark.wanted import want_sample, want_sites
from cc_math.tables import put_table, read_columns, rows_table

pytestmark = [pytest.mark.spark, pytest.mark.slow]
ABOVE = Threshold(0.5, "min_score", 0, 0)


def job(spark: Any, output: Path, *settings: str) -> Job:
    made = Job(str(output), load(None, settings), say=lambda line: None)
    made._sessions.append(spark)
    return made


def put(folder: Path, table: str, name: str, rows: list[dict[str, Any]]) -> Part:
    """A part of a table as a file without a manifest."""
    entry = put_table(rows_table(table, rows), table, str(folder), f"{table}/{name}.parquet")
    return Part(str(folder / entry.path), name, entry.sha256, len(rows))


def doc_id(number: int) -> str:
    return f"{number:032x}"


def document(number: int, warc: str = "a", tokens: int = 10) -> dict[str, Any]:
    return {
        "doc_id": doc_id(number),
        "url": f"http://site{number}.org/",
        "registered_domain": f"site{number}.org",
        "crawl": "CC-MADE-2026-05",
        "warc_filename": f"{warc}.warc.gz",
        "warc_record_offset": number,
        "text": "text",
        "token_count": tokens,
    }


def score_row(number: int, score: float) -> dict[str, Any]:
    return {"doc_id": doc_id(number), "model": "m", "head": "math", "raw": score, "score": score}


def rows_in(part: Part, *columns: str) -> list[tuple[Any, ...]]:
    table = read_columns(part, list(columns))
    return list(zip(*(table.column(name).to_pylist() for name in columns), strict=True))


def test_a_capture_in_two_parts_counts_once(spark: Any, tmp_path: Path) -> None:
    documents = [
        put(tmp_path, "documents", "a-00000", [document(1), document(2)]),
        put(tmp_path, "documents", "b-00000", [document(1, "b"), document(3, "b")]),
    ]
    scores = [
        put(tmp_path, "scores", "a-00000", [score_row(1, 0.9), score_row(2, 0.4)]),
        put(tmp_path, "scores", "b-00000", [score_row(1, 0.9), score_row(3, 0.7)]),
    ]
    at = job(spark, tmp_path / "round")
    chunks = scored_chunks(documents, scores)
    histogram = score_histogram(at, chunks)
    assert {b: n for b, n in enumerate(histogram.documents) if n} == {4000: 1, 7000: 1, 9000: 1}
    assert sum(histogram.tokens) == 30
    counts = recall(at, chunks, ABOVE, number=1, before=[], wanted={}, sources={})["counts"]
    assert (counts["documents"], counts["repeated"], counts["recalled"]) == (4, 1, 2)
    recalled = parts_of(at.output, "recalled")
    assert [rows_in(part, "doc_id", "round", "source") for part in recalled] == [
        [(doc_id(1), 1, "selection")],
        [(doc_id(3), 1, "selection")],
    ]
    assert recalled[0].made_from == documents[0].identity


def test_a_document_keeps_the_round_of_its_unbroken_run(spark: Any, tmp_path: Path) -> None:
    documents = [
        put(tmp_path, "documents", "a-00000", [document(1), document(2), document(3)]),
        put(tmp_path, "documents", "a-00000-round-02", [document(4)]),
    ]
    former = {"crawl": "c", "score": 0.9, "token_count": 10, "source": "selection"}
    before = [
        put(
            tmp_path, "recalled", "a-00000",
            [{**former, "doc_id": doc_id(n), "round": 1} for n in (1, 3)],
        )
    ]  # fmt: skip
    wanted = [put(tmp_path, "wanted", "a-00000", [{"doc_id": doc_id(4), "reason": "prefix"}])]
    scores = [
        put(
            tmp_path, "scores", "a-00000",
            [score_row(1, 0.9), score_row(2, 0.9), score_row(3, 0.1)],
        ),
        put(tmp_path, "scores", "a-00000-round-02", [score_row(4, 0.8)]),
    ]  # fmt: skip
    at = job(spark, tmp_path / "round")
    counts = recall(
        at, scored_chunks(documents, scores), ABOVE, number=2, before=before,
        wanted=wanted_of_parts(documents[1:], wanted), sources={},
    )["counts"]  # fmt: skip
    found = [row for part in parts_of(at.output, "recalled")
             for row in rows_in(part, "doc_id", "round", "source")]  # fmt: skip
    assert found == [
        (doc_id(1), 1, "selection"),
        (doc_id(2), 2, "selection"),
        (doc_id(4), 2, "prefix"),
    ]
    assert (counts["kept"], counts["new"], counts["lost"], counts["lost_tokens"]) == (1, 2, 1, 10)
    assert counts["new.prefix"] == 1


def page(number: int, url: str, site: str, outcome: str = "not_selected") -> dict[str, Any]:
    return {
        **{key: value for key, value in document(number).items() if key not in ("text", "tokens")},
        "url": url,
        "registered_domain": site,
        "outcome": outcome,
        "warc_record_length": 5,
    }


def test_dropped_pages_of_accepted_sites_are_wanted_once(spark: Any, tmp_path: Path) -> None:
    pages = [
        put(
            tmp_path, "pages", "a-00000",
            [
                page(1, "http://maths.org/a", "maths.org"),
                page(1, "http://maths.org/a", "maths.org"),  # captured into the WARC twice
                page(2, "http://maths.org/b", "maths.org", "document"),
                page(3, "http://maths.org/c", "maths.org", "too_short"),
                page(4, "http://maths.org/news/d", "maths.org"),
                page(5, "http://other.org/algebra/e", "other.org"),
                page(6, "http://linked.org/f", "linked.org"),
                page(7, "http://linked.org/g", "linked.org"),
                page(8, "http://maths.org/h", "maths.org"),
            ],
        )
    ]  # fmt: skip
    accepted = AcceptedSites(
        [
            Proposal(ACCEPT, "domain", "maths.org", ""),
            Proposal(REJECT, "prefix", "maths.org", "maths.org/news/"),
            Proposal(ACCEPT, "prefix", "other.org", "other.org/algebra/"),
            Proposal(ACCEPT, "link", "linked.org", "linked.org/"),
        ]
    )
    linked = [
        put(
            tmp_path, "linked_pages", "part-00000",
            [page(6, "http://linked.org/f", "linked.org")],
        )
    ]  # fmt: skip
    before = [put(tmp_path, "wanted", "a-00000", [{"doc_id": doc_id(8), "reason": "domain"}])]
    by_hand = [
        Proposal(ACCEPT, "prefix", "other.org", "other.org/alg/"),  # no beginning of a folder
        Proposal(ACCEPT, "prefix", "other.org", "other.org/algebra/"),
        Proposal(ACCEPT, "domain", "maths.org", ""),
        Proposal(ACCEPT, "domain", "elsewhere.org", ""),
    ]
    at = job(spark, tmp_path / "round")
    counts = want_sites(
        at, pages, accepted=accepted, linked=linked, before=before, watched=by_hand
    )["counts"]
    assert [counts.get(f"below.{n}", 0) for n in range(4)] == [0, 1, 6, 0]
    (part,) = parts_of(at.output, "wanted")
    assert rows_in(part, "doc_id", "reason") == [
        (doc_id(1), "domain"),
        (doc_id(5), "prefix"),
        (doc_id(6), "link"),
    ]
    assert counts["known"] == 1


def test_the_sample_is_the_same_draw_each_time(spark: Any, tmp_path: Path) -> None:
    rows = [page(n, f"http://s.org/{n}", "s.org") for n in range(400)]
    pages = [put(tmp_path, "pages", "a-00000", rows)]
    drawn = []
    for name in ("one", "two"):
        at = job(spark, tmp_path / name, "iterate.sample_share=0.25")
        want_sample(at, pages, len(rows))
        drawn.append(rows_in(parts_of(at.output, "wanted")[0], "doc_id", "reason"))
    assert drawn[0] == drawn[1]
    assert 70 < len(drawn[0]) < 130
    few = job(spark, tmp_path / "few", "iterate.sample_pages=20")
    want_sample(few, pages, len(rows))
    assert 5 < parts_of(few.output, "wanted")[0].rows < 40
