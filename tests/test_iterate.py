"""The loop's rules without Spark: thresholds, the stop rule, identity, decisions, the ledger."""

from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cc_math.classify import load_classifier, model_place
from cc_math.classify.fasttext_model import SHIPPED_DEFAULT
from cc_math.classify.proposals import ACCEPT, Proposal, read_proposals, write_proposals
from cc_math.errors import DriftError, InputError, OutputConflict
from cc_math.manifests import Part
from cc_math.recipe import Recipe, load, parse, to_toml
from cc_math.rounds import costs
from cc_math.rounds.decisions import (
    accepted_sites,
    all_decisions,
    decide,
    decisions_summary,
    offer_proposals,
    proposals_uri,
    written_by_hand,
)
from cc_math.rounds.folders import (
    corpus_parts,
    crawl_names,
    finished_rounds,
    remove_unfinished,
    round_folder,
    write_ledger,
    write_once,
)
from cc_math.rounds.hold_out import labelled_addresses, labelled_url, require_documents
from cc_math.rounds.identity import begin_loop, begin_round, changed
from cc_math.rounds.integrity import is_loop_place, loop_file_problems
from cc_math.rounds.settings import FIXED, FREE, Iterate
from cc_math.rounds.show import print_ledger, read_ledger
from cc_math.rounds.stop import overlap, why_stopped
from cc_math.rounds.threshold import (
    BINS,
    bin_of,
    choose_threshold,
    coarse,
    first_bin,
    histogram_of,
)
from cc_math.spark import train_step
from cc_math.spark.chunks import Job
from cc_math.tables import put_table, read_columns, rows_table, sha256_of

# --- thresholds ---------------------------------------------------------------------------


def threshold(rows: list[tuple[int, int, int]], budget: int, floor: float = 0.0) -> Any:
    return choose_threshold(
        histogram_of(rows), token_budget=budget, min_score=0.5, budget_floor=floor
    )


def test_without_a_budget_the_recipe_score_acts() -> None:
    found = threshold([(4999, 1, 10), (5000, 2, 20), (9000, 3, 30)], 0)
    assert (found.min_score, found.rule, found.documents, found.tokens) == (
        0.5,
        "min_score",
        5,
        50,
    )


def test_a_budget_takes_whole_bins_from_the_best_down_and_never_more() -> None:
    rows = [(9000, 1, 40), (8000, 2, 50), (7000, 1, 20)]
    assert threshold(rows, 100).min_score == 0.8
    assert threshold(rows, 89).min_score == 0.9
    assert threshold(rows, 110).rule == "pool"  # everything down to the floor fits
    assert threshold(rows, 90).tokens == 90


def test_documents_of_one_score_stand_or_fall_together() -> None:
    rows = [(9000, 1, 40), (8000, 1, 30), (8000, 1, 30)]
    assert threshold(rows, 80).documents == 1


def test_the_best_bin_is_taken_even_where_it_exceeds_the_budget() -> None:
    found = threshold([(9000, 3, 400), (8000, 1, 1)], 100)
    assert (found.min_score, found.documents) == (0.9, 3)


def test_a_budget_stops_at_the_floor() -> None:
    found = threshold([(9000, 1, 1), (100, 5, 5)], 1000, floor=0.2)
    assert (found.min_score, found.rule, found.documents) == (0.2, "pool", 1)
    assert threshold([], 1000, floor=0.2).documents == 0


@given(
    st.lists(st.tuples(st.integers(0, BINS - 1), st.integers(1, 5), st.integers(0, 100))),
    st.integers(1, 2000),
)
def test_a_budget_is_spent_as_far_as_whole_bins_allow(
    rows: list[tuple[int, int, int]], budget: int
) -> None:
    histogram = histogram_of(rows)
    found = choose_threshold(histogram, token_budget=budget, min_score=0.5, budget_floor=0.0)
    lowest = first_bin(found.min_score)
    assert found.tokens == sum(histogram.tokens[lowest:])
    best = max((number for number, _, _ in rows), default=0)
    if found.tokens > budget:
        assert {number for number, _, _ in rows if number >= lowest} == {best}
    below = [number for number in range(lowest) if histogram.documents[number]]
    if below:
        assert found.tokens + histogram.tokens[below[-1]] > budget


@given(st.integers(0, BINS - 1))
def test_bins_hold_rounded_scores_exactly(number: int) -> None:
    score = round(number / 10_000, 4)
    assert bin_of(score) == number == first_bin(score)


def test_a_threshold_between_two_scores_takes_the_upper() -> None:
    assert first_bin(0.50004) == 5001


def test_the_coarse_histogram_loses_nothing() -> None:
    histogram = histogram_of([(0, 1, 2), (499, 1, 2), (500, 1, 2), (10_000, 7, 9)])
    rows = coarse(histogram)
    assert [row["documents"] for row in rows if row["documents"]] == [2, 1, 7]
    assert len(rows) == 20
    assert rows[-1]["from"] == 0.95


# --- the stop rule ------------------------------------------------------------------------


def finished(number: int, recalled: int, kept: int) -> dict[str, Any]:
    share = None if number == 1 else overlap(kept, recalled)
    return {"round": number, "overlap": share, "recalled": {"recalled": recalled, "kept": kept}}


def test_the_loop_ends_where_rounds_share_their_pages_both_ways() -> None:
    first = finished(1, 1000, 0)
    assert why_stopped([], Iterate()) == ""
    assert why_stopped([first], Iterate()) == ""
    assert why_stopped([first, finished(2, 1100, 1000)], Iterate()) == ""  # a tenth is new
    assert why_stopped([first, finished(2, 800, 800)], Iterate()) == ""  # a fifth is lost
    assert "98.52%" in why_stopped([first, finished(2, 1015, 1000)], Iterate())
    assert "just what" in why_stopped([first, finished(2, 1000, 1000)], Iterate())


def test_the_loop_ends_at_the_most_rounds_and_where_nothing_is_recalled() -> None:
    rounds = [finished(1, 10, 0), finished(2, 20, 10)]
    assert "max_rounds" in why_stopped(rounds, Iterate(max_rounds=2))
    assert "nothing" in why_stopped([finished(1, 0, 0)], Iterate())
    assert overlap(0, 0) is None
    assert overlap(1, 3) == 0.333333


# --- identity -----------------------------------------------------------------------------


def with_values(**values: Any) -> Recipe:
    return dataclasses.replace(Recipe(), iterate=dataclasses.replace(Iterate(), **values))


def test_the_recipe_has_the_table_and_prints_it() -> None:
    recipe = parse("[iterate]\ntoken_budget = 5\nuse_links = false\n")
    assert recipe.iterate.token_budget == 5
    assert parse(to_toml(recipe)) == recipe
    assert load(None, ("iterate.max_rounds=3",)).iterate.max_rounds == 3
    keys = {spec.name for spec in dataclasses.fields(Iterate)}
    assert keys >= FREE | FIXED


def test_a_loop_made_from_something_else_is_refused_with_what_changed(tmp_path: Path) -> None:
    labels = tmp_path / "labels.jsonl"
    labels.write_text('{"url": "http://a.org/", "math_score": 3}\n')
    loop = str(tmp_path / "loop")
    recipe = with_values(labels=str(labels))
    begin_loop(loop, recipe, {"warcs": "1"})
    begin_loop(loop, with_values(labels=str(labels), max_rounds=2), {"warcs": "1"})  # free
    with pytest.raises(OutputConflict, match="warcs was '1', is '2'"):
        begin_loop(loop, recipe, {"warcs": "2"})
    with pytest.raises(OutputConflict, match=r"iterate\.sample_pages was 20000, is 7"):
        begin_loop(loop, with_values(labels=str(labels), sample_pages=7), {"warcs": "1"})
    moved = tmp_path / "elsewhere.jsonl"
    moved.write_bytes(labels.read_bytes())
    begin_loop(loop, with_values(labels=str(moved)), {"warcs": "1"})  # a place is no identity
    labels.write_text("")
    with pytest.raises(OutputConflict, match=r"iterate\.labels"):
        begin_loop(loop, recipe, {"warcs": "1"})


def test_a_begun_round_keeps_its_recipe_and_the_next_may_have_another(tmp_path: Path) -> None:
    loop = str(tmp_path)
    assert begin_round(loop, 1, Recipe()) == []
    assert begin_round(loop, 1, with_values(stop_overlap=0.5)) == []  # free
    with pytest.raises(OutputConflict, match=r"iterate\.use_links was True, is False"):
        begin_round(loop, 1, with_values(use_links=False))
    assert begin_round(loop, 2, with_values(use_links=False)) == [
        "iterate.use_links was True, is False"
    ]


def test_changes_are_named_by_key() -> None:
    assert changed({"recipe": {"a": {"b": 1}}}, {"recipe": {"a": {"b": 2}}}) == ["a.b was 1, is 2"]
    assert changed({"a": [1]}, {"a": [1]}) == []


# --- decisions ----------------------------------------------------------------------------


def site(decision: str, domain: str, path: str = "", **evidence: Any) -> Proposal:
    given = {"pages": 40, "recalled": 30, "share": 0.75, "share_low": 0.6, "share_high": 0.86}
    level = "prefix" if path else "domain"
    return Proposal(decision, level, domain, path, **{**given, **evidence})


OPEN = [site("", "algebra.org"), site("", "news.com", recalled=0, share_low=0.0, share_high=0.02)]


def offered(loop: Path, number: int, proposals: list[Proposal]) -> Path:
    mined = loop / "mined.tsv"
    mined.write_bytes(write_proposals(proposals))
    offer_proposals(str(loop), number, str(mined))
    return Path(proposals_uri(str(loop), number))


def decided(loop: Path, number: int, *, auto: bool = False, accept_none: bool = False) -> Any:
    return decide(
        str(loop), number, Recipe(), auto=auto, accept_none=accept_none, say=lambda line: None
    )


def accept(path: Path, domain: str, decision: str = ACCEPT) -> None:
    rows = [
        dataclasses.replace(row, decision=decision) if row.domain == domain else row
        for row in read_proposals(str(path))
    ]
    path.write_bytes(write_proposals(rows))


def test_without_a_decision_a_person_is_waited_for(tmp_path: Path) -> None:
    offered(tmp_path, 1, OPEN)
    assert decided(tmp_path, 2) is None
    assert decided(tmp_path, 2) is None  # and again
    assert not (tmp_path / "rounds/02").exists()


def test_a_person_decides_and_later_edits_change_nothing(tmp_path: Path) -> None:
    path = offered(tmp_path, 1, OPEN)
    accept(path, "algebra.org")
    found = decided(tmp_path, 2)
    assert found.by == "person"
    sites = accepted_sites(all_decisions(str(tmp_path), 2), Iterate())
    assert sites.reason("http://algebra.org/x", "algebra.org") == "domain"
    accept(path, "news.com")
    said: list[str] = []
    again = decide(str(tmp_path), 2, Recipe(), auto=False, accept_none=False, say=said.append)
    assert again == found
    assert "ignored" in said[0]


def test_the_rule_decides_what_is_open(tmp_path: Path) -> None:
    offered(tmp_path, 1, OPEN)
    found = decided(tmp_path, 2, auto=True)
    assert found.by == "auto"
    assert [row.decision for row in found.proposals] == ["accept", ""]


def test_going_on_without_a_decision_takes_in_nothing(tmp_path: Path) -> None:
    offered(tmp_path, 1, OPEN)
    found = decided(tmp_path, 2, accept_none=True)
    assert found.by == "nobody"
    assert not accepted_sites(found.proposals, Iterate())


def test_where_nothing_is_proposed_nobody_is_waited_for(tmp_path: Path) -> None:
    offered(tmp_path, 1, [])
    assert decided(tmp_path, 2).by == "nobody"


def test_what_a_person_decided_stands_in_the_next_list(tmp_path: Path) -> None:
    accept(offered(tmp_path, 1, OPEN), "algebra.org")
    decided(tmp_path, 2)
    path = offered(tmp_path, 2, [*OPEN, site("", "topology.net")])
    rows = {row.domain: row.decision for row in read_proposals(str(path))}
    assert rows == {"algebra.org": "accept", "news.com": "", "topology.net": ""}
    assert decided(tmp_path, 3) is None  # nothing new was decided
    accept(path, "algebra.org", "reject")
    summary = decisions_summary(decided(tmp_path, 3), all_decisions(str(tmp_path), 2), {})
    assert summary["rejected"] == {"domain": 1}
    assert summary["accepted"] == {}
    sites = accepted_sites(all_decisions(str(tmp_path), 3), Iterate())
    assert sites.reason("http://algebra.org/x", "algebra.org") == ""


def test_what_a_rule_decided_is_open_again(tmp_path: Path) -> None:
    offered(tmp_path, 1, OPEN)
    decided(tmp_path, 2, auto=True)
    rows = read_proposals(str(offered(tmp_path, 2, OPEN)))
    assert [row.decision for row in rows] == ["", ""]


def test_levels_can_be_switched_off() -> None:
    decisions = [site(ACCEPT, "a.org"), site(ACCEPT, "b.org", "b.org/maths/")]
    without = accepted_sites(decisions, Iterate(use_prefixes=False))
    assert without.reason("http://b.org/maths/x", "b.org") == ""
    assert without.reason("http://a.org/x", "a.org") == "domain"


def test_a_broken_list_is_refused_with_its_line(tmp_path: Path) -> None:
    path = offered(tmp_path, 1, OPEN)
    path.write_text(path.read_text().replace("\tdomain\tnews.com", "\tdomian\tnews.com"))
    with pytest.raises(InputError, match=r"proposals\.tsv:3"):
        decided(tmp_path, 2)


# --- folders and the ledger ---------------------------------------------------------------


def line(number: int) -> dict[str, Any]:
    counts = {"documents": 100, "recalled": 40, "tokens": 4000, "new": 4, "lost": 1, "kept": 36}
    figures = {"average_precision": 0.8, "precision": 0.9, "recall": 0.7}
    return {
        "round": number,
        "changed": [],
        "recalled": {**counts, "sources": {"selection": 36, "domain": 4}},
        "threshold": {"min_score": 0.5, "rule": "min_score"},
        "overlap": None if number == 1 else 0.99,
        "histogram": [{"from": 0.0, "documents": 60}, {"from": 0.95, "documents": 1040}],
        "seed": {"positives": {"bootstrap": 10}, "negatives": {"random": 30}},
        "model": {"digest": "0123456789abcdef"},
        "hold_out": {
            "labels": {
                "unweighted": figures,
                "languages": {"de": {"average_precision": 0.7, "positives": 3, "examples": 9}},
            }
        },
        "domains": {"proposals": 5},
        "taken_in": None
        if number == 1
        else {
            "decided_by": "person",
            "accepted": {"domain": 1},
            "rejected": {},
            "sites": [
                {
                    "level": "domain",
                    "where": "algebra.org",
                    "recalled": 30,
                    "pages": 40,
                    "share_low": 0.6,
                    "share_high": 0.86,
                },
                {"level": "prefix", "where": "b.org/x/", "by_hand": True, "pages": 0},
            ],
            "wanted": {"domain": 7},
            "fetch": {"requests": 3, "bytes": 2500},
            "documents": 6,
        },
    }


def ledger_of(loop: Path, rounds: int) -> None:
    write_once(str(loop / "iterate.json"), {})
    for number in range(1, rounds + 1):
        write_once(round_folder(str(loop), number) + "/round.json", line(number))
    write_ledger(str(loop))


def test_the_ledger_has_a_line_a_round_and_is_written_alike(tmp_path: Path) -> None:
    ledger_of(tmp_path, 2)
    before = (tmp_path / "ledger.jsonl").read_bytes()
    write_ledger(str(tmp_path))
    assert (tmp_path / "ledger.jsonl").read_bytes() == before
    assert [json.loads(text)["round"] for text in before.splitlines()] == [1, 2]
    assert len(finished_rounds(str(tmp_path))) == 2


def test_a_round_is_written_once(tmp_path: Path) -> None:
    uri = str(tmp_path / "round.json")
    write_once(uri, {"a": 1})
    write_once(uri, {"a": 1})
    with pytest.raises(InputError, match="something else"):
        write_once(uri, {"a": 2})


def test_an_unfinished_round_can_be_begun_again_and_a_finished_one_not(tmp_path: Path) -> None:
    ledger_of(tmp_path, 1)
    begin_round(str(tmp_path), 2, Recipe())
    assert remove_unfinished(str(tmp_path)) == 2
    assert not (tmp_path / "rounds/02/recipe.json").exists()
    assert begin_round(str(tmp_path), 2, with_values(use_links=False)) == []
    assert (tmp_path / "rounds/01/round.json").exists()


def test_the_table_shows_rounds_sites_and_costs(tmp_path: Path) -> None:
    ledger_of(tmp_path, 2)
    with costs.step(str(tmp_path), "rounds/02", "seed"):
        pass
    timings = tmp_path / "rounds/02/scores/_run/score-1.timings.jsonl"
    timings.parent.mkdir(parents=True)
    timings.write_text('{"chunk": "a", "cpu_s": 90.0}\n{"chunk": "b", "child_cpu": 30.0}\n')
    said: list[str] = []
    print_ledger(str(tmp_path), said.append)
    text = "\n".join(said)
    assert "99.00%" in text
    assert "documents by score, from 0 to 1 by 0.05: 60 1,040" in text
    assert "wanted domain 7 (3 requests, 2,500 bytes); came in as documents: 6" in text
    assert "by language (positives of labels): de 0.700 (3 of 9)" in text
    assert "domain algebra.org  30 of 40 pages (60%-86%)" in " ".join(text.split("    "))
    assert "b.org/x/  written by hand, 0 pages in the crawl" in text
    assert read_ledger(str(tmp_path))[1]["cost"]["cpu_s"] == pytest.approx(120, abs=1)


def test_a_folder_without_rounds_says_so(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no loop"):
        read_ledger(str(tmp_path))
    with pytest.raises(InputError, match="cc-math iterate"):
        corpus_parts(str(tmp_path))
    write_once(str(tmp_path / "iterate.json"), {})
    with pytest.raises(InputError, match="no round is finished"):
        read_ledger(str(tmp_path))
    with pytest.raises(InputError, match="not finished"):
        corpus_parts(str(tmp_path), 1)
    assert crawl_names(str(tmp_path)) == []


def test_a_model_in_a_store_is_copied_with_its_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model_place, "is_local", lambda uri: False)
    path = model_place.local_model(str(SHIPPED_DEFAULT))
    assert path != SHIPPED_DEFAULT
    assert load_classifier(str(SHIPPED_DEFAULT)).digest == load_classifier(str(path)).digest
    names = {file.name for file in path.parent.iterdir()}
    assert names == {"math.bin", "math.json", "math.kinds.bin", "math.formula_words.bin"}


# --- the files of a loop ------------------------------------------------------------------


def whole_loop(loop: Path) -> None:
    """A loop of two rounds with every file that no stage's manifest names."""
    write_once(str(loop / "iterate.json"), {"recipe": {}, "input": {}})
    for number in (1, 2):
        folder = loop / f"rounds/{number:02d}"
        (folder / "model").mkdir(parents=True)
        (folder / "model/math.bin").write_bytes(b"weights")
        threshold = {"min_score": 0.5, "rule": "min_score"}
        files = {"math.bin": sha256_of(folder / "model/math.bin")}
        model = {"digest": "d", "file": "math.bin", "files": files}
        write_once(str(folder / "recipe.json"), {"recipe": {}})
        write_once(str(folder / "model.json"), model)
        write_once(str(folder / "threshold.json"), {"threshold": threshold, "histogram": []})
        offered(loop, number, OPEN)
        body: Any = {
            "round": number,
            "model": {"digest": "d"},
            "threshold": threshold,
            "histogram": [],
        }
        write_once(str(folder / "round.json"), body)
    decided(loop, 2, auto=True)


def test_a_whole_loop_has_no_problems_and_any_damage_is_one(tmp_path: Path) -> None:
    whole_loop(tmp_path / "whole")
    assert loop_file_problems(str(tmp_path / "whole")) == []
    (tmp_path / "whole/mined.tsv").unlink()
    files = [path for path in (tmp_path / "whole").rglob("*") if path.is_file()]
    assert len(files) == 1 + 2 * 6 + 2
    for number, path in enumerate(files):
        name = path.relative_to(tmp_path / "whole")
        for damage in ("gone", "cut"):
            loop = tmp_path / f"{number}-{damage}"
            shutil.copytree(tmp_path / "whole", loop)
            if damage == "gone":
                (loop / name).unlink()
            else:
                (loop / name).write_bytes(path.read_bytes()[:5])
            is_last_round = damage == "gone" and str(name) == "rounds/02/round.json"
            found = loop_file_problems(str(loop))
            assert is_loop_place(str(loop))
            assert [p.path for p in found] == [str(loop / name)] or is_last_round, (name, found)


def test_sites_that_a_person_wrote_are_known_from_those_found(tmp_path: Path) -> None:
    path = offered(tmp_path, 1, OPEN)
    accept(path, "algebra.org")
    path.write_text(path.read_text() + "accept\tprefix\tnews.com\tnews.com/maths/\n")
    found = decided(tmp_path, 2)
    by_hand = written_by_hand(found, [], str(tmp_path / "mined.tsv"))
    assert [row.path for row in by_hand] == ["news.com/maths/"]
    assert written_by_hand(found, found.proposals, str(tmp_path / "mined.tsv")) == []
    summary = decisions_summary(found, [], {row.site: 7 for row in by_hand})
    assert {"level": "prefix", "where": "news.com/maths/", "by_hand": True, "pages": 7} in summary[
        "sites"
    ]


# --- labels -------------------------------------------------------------------------------


def test_a_labelled_page_is_known_however_it_is_spelt(tmp_path: Path) -> None:
    path = tmp_path / "labels.jsonl"
    urls = ["http://a.org/x", "https://www.a.org/x", "http://b.org/"]
    path.write_text("\n".join(json.dumps({"url": u, "math_score": n}) for n, u in enumerate(urls)))
    labels = labelled_addresses(str(path), "math_score")
    assert [labelled_url(labels, url) for url in (*urls, "https://b.org", "http://c.org/")] == [
        *urls, "http://b.org/", None
    ]  # fmt: skip


def test_labels_of_which_no_page_is_a_document_are_refused() -> None:
    require_documents("", 0, 0, "loop/extract")  # no labels were given
    require_documents("labels.jsonl", 5, 1, "loop/extract")
    with pytest.raises(InputError, match=r"none of the 5 pages .* --extracted loop/extract"):
        require_documents("labels.jsonl", 5, 0, "loop/extract")


# --- the model of a round -----------------------------------------------------------------


def test_a_round_is_held_to_the_fall_that_is_allowed_now(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The recipe of a round has no max_drop, since it may change at any time."""
    met: list[float] = []

    def drifts(seed: Any, **given: Any) -> None:
        met.append(given["settings"].max_drop)
        raise DriftError("drift")

    monkeypatch.setattr(train_step, "train_round", drifts)
    monkeypatch.setattr(train_step, "parts_of", lambda *place: [])
    monkeypatch.setattr(train_step, "hold_out_parts", lambda folder: [])
    job = Job(str(tmp_path), load(None, ()), say=lambda line: None)
    with pytest.raises(DriftError, match="--redo begins round 1 again"):
        train_step.train_step(job, str(tmp_path), 1, max_drop=0.2)
    assert met == [0.2]


def test_a_seed_in_a_store_is_read_into_one_file_in_its_order(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    parts = []
    for number, rows in enumerate((2, 0, 1)):
        table = rows_table("seed", [{"doc_id": f"{number}{row}"} for row in range(rows)])
        entry = put_table(table, "seed", str(tmp_path), f"seed/{number}.parquet")
        parts.append(Part(str(tmp_path / entry.path), str(number), entry.sha256, rows))
    near = tmp_path / "near.parquet"
    assert train_step.brought_near(parts, near) == [parts[0], parts[2]]  # those that hold rows
    monkeypatch.setattr(train_step, "is_local", lambda uri: False)
    (one,) = train_step.brought_near(parts, near)
    assert one.rows == 3
    assert read_columns(one, ["doc_id"]).column(0).to_pylist() == ["00", "01", "20"]
