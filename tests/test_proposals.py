"""Proposals: what a person may do to the file, what the rule decides, what decisions match."""

from __future__ import annotations

import copy
import dataclasses
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cc_math.classify.proposals import (
    COLUMNS,
    AcceptedSites,
    Proposal,
    auto_decisions,
    merge_decisions,
    read_proposals,
    write_proposals,
)
from cc_math.errors import InputError
from cc_math.recipe_tables import Domains

HEAD = "\t".join(COLUMNS)
ROW = Proposal(
    "", "prefix", "uni.example", "uni.example/notes/", 40, 30, 0.75, 0.5981, 0.8581, 0.93, 21000,
    "en 29, de 1", "exposition 30", "75 % recalled here", "https://uni.example/notes/1",
)  # fmt: skip


def read(folder: Path, content: str | bytes) -> list[Proposal]:
    path = folder / "proposals.tsv"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return read_proposals(str(path))


def row(decision: str, level: str, path: str = "", domain: str = "uni.example") -> Proposal:
    return Proposal(decision, level, domain, path)


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    rows = [ROW, row("accept", "domain"), row("reject", "link", "math.uni.example/")]
    assert read(tmp_path, write_proposals(rows)) == rows


_LINE = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Zs", "Zl", "Zp")))


@given(_LINE, _LINE, st.integers(0, 10**12), st.integers(0, 10_000))
def test_any_text_comes_back_on_one_line(
    tmp_path_factory: pytest.TempPathFactory, why: str, example: str, pages: int, share: int
) -> None:
    folder = tmp_path_factory.mktemp("proposals")
    made = dataclasses.replace(ROW, why=why, example=example, pages=pages, share=share / 1e4)
    (back,) = read(folder, write_proposals([made]))
    assert (back.pages, back.share, back.site) == (pages, share / 1e4, made.site)
    if not {'"', "\x85"} & set(why + example):
        assert (back.why, back.example) == (why.strip(), example.strip())


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_what_spreadsheets_make_of_it_is_read(tmp_path: Path, newline: str, encoding: str) -> None:
    lines = [
        HEAD,
        'Accept\tprefix\tuni.example\t"uni.example/notes/"\t"1,040"\t30\t"0,75"\t0,598\t0,858\t0,9\t'
        '21.000\t"en 29, de 1"\t\t"75 % ""recalled"""',
        "",
        "\t" * 14,
    ]
    (found,) = read(tmp_path, newline.join(lines).encode(encoding))
    assert found.decision == "accept"
    assert found.path == "uni.example/notes/"
    assert (found.pages, found.share, found.share_low, found.tokens) == (1040, 0.75, 0.598, 21000)
    assert (found.languages, found.why) == ("en 29, de 1", '75 % "recalled"')


def test_a_row_of_ones_own_needs_four_cells_and_any_order_of_columns(tmp_path: Path) -> None:
    head = "notes\tpath\tdomain\tlevel\tdecision"
    text = f"{head}\nmine\tmath.uni.example/\tuni.example\tprefix\taccept\n"
    assert read(tmp_path, text) == [row("accept", "prefix", "math.uni.example/")]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("yes\tdomain\tuni.example\t", ":2: unknown decision 'yes'; write accept, reject"),
        ("accept\tsite\tuni.example\t", ":2: unknown level 'site'"),
        ("accept\tdomain\t\t", "is no registered domain"),
        ("accept\tdomain\tmath.uni.example\t", "domain uni.example and the path math.uni.example/"),
        ("accept\tdomain\tuni.example\tuni.example/notes/", "write prefix as the level"),
        ("accept\tprefix\tuni.example\t", "level prefix needs a path, such as uni.example/folder/"),
        ("accept\tprefix\tuni.example\tother.example/a/", "does not lie in uni.example"),
        ("accept\tprefix\tuni.example\t/a/", "begin it with the host"),
        ("accept\tprefix\tuni.example\tuni.example/a/\tmany", "pages wants a number, found 'many'"),
        ("accept\tprefix\tuni.example\tuni.example/a/\t4\t3\t0.7.5", "share wants a number"),
        ("accept\tprefix\tuni.example\t\"uni.example/a/", "a quote opens the cell"),
        ("accept\tdomain\tuni.example" + "\tx" * 20, ":2: 23 cells, but 15 columns"),
    ],
)  # fmt: skip
def test_a_mistake_is_told_with_its_line(tmp_path: Path, line: str, message: str) -> None:
    with pytest.raises(InputError) as caught:
        read(tmp_path, f"{HEAD}\n{line}\n")
    assert message in str(caught.value)
    assert "proposals.tsv:2" in str(caught.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "the file is empty"),
        (HEAD.replace("\t", ","), "separated by tabs, found commas"),
        (HEAD.replace("\t", ";"), "found semicolons"),
        (HEAD.replace("decision", "decison"), "no column 'decision' in the first line; is 'dec"),
        (HEAD + "\tpath", "column 'path' stands there twice"),
        (HEAD.encode() + "\naccept\tdomain\tü.example\t".encode("latin-1"), ":2: not UTF-8"),
    ],
)  # fmt: skip
def test_a_broken_file_is_told(tmp_path: Path, content: str | bytes, message: str) -> None:
    with pytest.raises(InputError) as caught:
        read(tmp_path, content)
    assert message in str(caught.value)


def test_a_site_decided_in_two_ways_is_a_mistake_and_in_one_way_counts_once(tmp_path: Path) -> None:
    lines = [HEAD, "accept\tprefix\tuni.example\tuni.example/a/",
             "accept\tprefix\tuni.example\thttp://www.uni.example/a"]  # fmt: skip
    assert len(read(tmp_path, "\n".join(lines))) == 1
    lines.append("reject\tprefix\tuni.example\tuni.example/a/")
    with pytest.raises(
        InputError, match=r":4: .* is decided twice: 'reject' here, 'accept' in line 2"
    ):
        read(tmp_path, "\n".join(lines))


def test_decisions_go_over_into_a_fresh_list() -> None:
    own = row("reject", "prefix", "uni.example/jobs/")
    decided = [
        dataclasses.replace(ROW, decision="accept", path="http://www.uni.example/notes", pages=9),
        own,
        row("", "domain", domain="gone.example"),
    ]
    fresh = [row("", "domain"), ROW]
    assert merge_decisions(fresh, decided) == [
        fresh[0], dataclasses.replace(ROW, decision="accept"), own,
    ]  # fmt: skip


def test_the_rule_accepts_by_the_lower_end_and_rejects_parts_of_what_it_accepts() -> None:
    recipe = Domains(auto_min_share=0.25, auto_min_pages=10)

    def found(level: str, path: str, pages: int, low: float, high: float, domain: str) -> Proposal:
        return Proposal("", level, domain, path, pages, share_low=low, share_high=high)

    rows = [
        found("domain", "", 100, 0.6, 0.8, "a.example"),
        found("prefix", "a.example/shop/", 50, 0.0, 0.1, "a.example"),
        found("prefix", "a.example/talks/", 50, 0.1, 0.4, "a.example"),
        found("domain", "", 100, 0.05, 0.2, "b.example"),
        found("prefix", "b.example/x/", 50, 0.01, 0.2, "b.example"),
        found("domain", "", 9, 0.6, 0.8, "c.example"),
        dataclasses.replace(found("domain", "", 90, 0.6, 0.8, "d.example"), decision="reject"),
    ]
    decided = [r.decision for r in auto_decisions(rows, recipe=recipe)]
    assert decided == ["accept", "reject", "", "", "", "", "reject"]


def test_the_rule_leaves_sites_open_that_score_below_the_average() -> None:
    def found(domain: str, recalled: int, score: float) -> Proposal:
        return Proposal("", "domain", domain, "", 2 * recalled, recalled, 0.5, 0.4, 0.6, score)

    rows = [found("a.example", 60, 0.9), found("b.example", 40, 0.6), found("c.example", 20, 0.8)]
    decided = [r.decision for r in auto_decisions(rows, recipe=Domains())]
    assert decided == ["accept", "", "accept"]  # on average 0.78
    lenient = Domains(auto_score_slack=0.2)
    assert [r.decision for r in auto_decisions(rows, recipe=lenient)] == ["accept"] * 3


def test_the_longest_match_acts() -> None:
    sites = AcceptedSites(
        [
            row("accept", "domain"),
            row("reject", "prefix", "uni.example/jobs/"),
            row("accept", "prefix", "uni.example/jobs/maths/"),
            row("accept", "prefix", "*.math.other.example/", "other.example"),
            row("accept", "prefix", "forum.example/f?board=7", "forum.example"),
            row("", "prefix", "uni.example/jobs/maths/old/"),
            row("accept", "link", "linked.example/", "linked.example"),
        ]
    )
    assert sites.reason("https://uni.example/anything", "uni.example") == "domain"
    assert sites.reason("https://uni.example/jobs/1", "uni.example") == ""
    assert sites.rejected("https://uni.example/jobs/1", "uni.example")
    assert sites.reason("https://uni.example/jobs/maths/old/2", "uni.example") == "prefix"
    assert not sites.rejected("https://uni.example/jobs/maths/2", "uni.example")
    assert sites.reason("http://num.math.other.example/x", "other.example") == "prefix"
    assert sites.reason("http://www.other.example/x", "other.example") == ""
    assert sites.reason("http://forum.example/f?board=7&topic=3&utm_id=5", "forum.example")
    assert not sites.reason("http://forum.example/f?board=8&topic=3", "forum.example")
    assert not sites.rejected("https://unknown.example/", "unknown.example")
    assert sites.linked("https://linked.example/a", "linked.example")
    assert not sites.linked("https://uni.example/a", "uni.example")
    assert not sites.reason("https://linked.example/a", "linked.example")


def test_a_later_decision_about_a_site_acts_and_rejection_wins_over_links() -> None:
    sites = AcceptedSites(
        [
            row("accept", "domain"),
            row("accept", "link", "uni.example/"),
            row("reject", "prefix", "uni.example/shop/"),
            row("reject", "domain"),
            row("accept", "domain"),
        ]
    )
    assert sites.reason("https://uni.example/a", "uni.example") == "domain"
    assert not sites.linked("https://uni.example/shop/1", "uni.example")


def test_decisions_travel_as_json_and_as_copies() -> None:
    rows = [
        row("accept", "domain"),
        row("reject", "prefix", "*.a.uni.example/"),
        row("accept", "link", "b.uni.example/"),
        row("accept", "prefix", "uni.example/q?tag="),
    ]
    sites = AcceptedSites(rows)
    value = json.loads(json.dumps(sites.to_json()))
    assert value == AcceptedSites(reversed(rows)).to_json()
    for other in (AcceptedSites.from_json(value), copy.deepcopy(sites)):
        assert other.to_json() == value
        assert other.rejected("http://x.a.uni.example/", "uni.example")
        assert other.linked("http://b.uni.example/1", "uni.example")
    assert not AcceptedSites()
    assert sites
