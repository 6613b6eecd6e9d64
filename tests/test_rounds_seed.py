"""The seed of a mining round: what enters it, as what, what never does, and drift that is named."""

from __future__ import annotations

import dataclasses
import json
import random
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cc_math.classify.proposals import AcceptedSites, Proposal
from cc_math.classify.settings import ClassifierSettings
from cc_math.errors import DriftError
from cc_math.manifests import Part
from cc_math.recipe import Recipe
from cc_math.rounds.seed import Candidate, Known, choose, judge, order_of, site_cap
from cc_math.rounds.settings import Iterate
from cc_math.rounds.template import Twins, sketch_of, sketch_overlap
from cc_math.rounds.train_round import figures_at, hold_out_parts, suspects, train_round
from cc_math.schema import arrow_schema
from cc_math.spark.chunks import Job
from cc_math.spark.seed import compose_seed

SETTINGS = Iterate()
FIRST = Known(None, frozenset(), frozenset(), Twins(0.8))
LATER = Known(0.2, frozenset({"shop.org"}), frozenset({"linked"}), Twins(0.8))
WORDS = "a proof of the theorem begins with a prime number and a field of sets"


def candidate(doc_id: str = "d", **known: Any) -> Candidate:
    words = [f"{doc_id}x{n}" for n in range(12)]
    line = known.pop("line", " ".join(words))
    values: dict[str, Any] = {
        "part": "p", "site": "a.org", "formulas": 0, "score": None, "recalled": False,
        "reason": "", "may_link": False, "rejected": False,
    }  # fmt: skip
    return Candidate(
        doc_id=doc_id, order=order_of(doc_id, 1), sketch=sketch_of(line), **{**values, **known}
    )


# ---- templates -------------------------------------------------------------------------------


def test_pages_that_differ_in_a_word_of_many_are_one_templates() -> None:
    page = [f"word{n}" for n in range(80)]
    one = sketch_of(" ".join([*page, "ada"]))
    other = sketch_of(" ".join([*page, "grace"]))
    assert sketch_overlap(one, other) > 0.8
    twins = Twins(0.8)
    twins.add(one)
    assert twins.holds(other)
    assert not twins.holds(sketch_of(" ".join(f"text{n}" for n in range(80))))


def test_of_a_templates_pages_one_enters_and_the_same_one_in_any_order() -> None:
    page = " ".join(f"word{n}" for n in range(80))
    found = [candidate(f"t{n}", line=f"{page} name{n}", formulas=9) for n in range(20)]
    chosen, counts = choose(found, FIRST, SETTINGS)
    assert counts == {"left_out.template": 19}
    again, _ = choose(list(reversed(found)), FIRST, SETTINGS)
    assert [c.doc_id for c in chosen] == [c.doc_id for c in again]
    assert chosen[0].order == min(c.order for c in found)


def test_a_template_of_two_sites_counts_once_for_each() -> None:
    page = " ".join(f"word{n}" for n in range(80))
    found = [candidate(s, site=s, line=page, formulas=9) for s in ("a.org", "b.org")]
    assert len(choose(found, FIRST, SETTINGS)[0]) == 2


# ---- judgement -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("formulas", "source"), [(5, "bootstrap"), (4, "few_formulas"), (0, "random")]
)
def test_in_the_first_round_formulas_decide(formulas: int, source: str) -> None:
    assert judge(candidate(formulas=formulas), None, FIRST, SETTINGS) == source


@pytest.mark.parametrize(
    ("known", "likely", "source"),
    [
        ({"reason": "domain", "score": 0.4}, 0.9, "domain"),
        ({"reason": "prefix", "score": 0.4}, 0.9, "prefix"),
        ({"doc_id": "linked", "may_link": True, "score": 0.4}, 0.9, "link"),
        # an index, a log-in page, an empty shell of a mathematical site
        ({"reason": "domain", "score": 0.02}, 0.1, "random"),
        ({"reason": "domain", "score": 0.02, "formulas": 2}, 0.1, "few_formulas"),
        # nobody accepted the host's linked pages
        ({"doc_id": "linked", "score": 0.4}, 0.9, "likely_without_formulas"),
        ({"reason": "domain", "score": 0.9, "recalled": True, "formulas": 9}, 0.9, "bootstrap"),
        ({"site": "shop.org", "score": 0.5, "formulas": 3}, 0.1, "hard_negative"),
        ({"rejected": True, "score": 0.5, "formulas": 9}, 0.1, "hard_negative"),
        ({"site": "shop.org", "score": 0.1}, 0.01, "random"),
    ],
)
def test_later_the_score_and_the_site_decide(
    known: dict[str, Any], likely: float, source: str
) -> None:
    assert judge(candidate(**known), likely, LATER, SETTINGS) == source


def test_hard_negatives_of_undecided_sites_can_be_switched_off() -> None:
    doubtful = candidate(score=0.5, formulas=9)
    for everywhere, source in ((True, "hard_negative"), (False, "unlikely")):
        settings = dataclasses.replace(SETTINGS, hard_everywhere=everywhere)
        assert judge(doubtful, 0.4, LATER, settings) == source


def test_a_low_score_on_a_recalled_site_outweighs_the_same_on_another() -> None:
    """The second witness: the other documents of the site."""

    def site(name: str, good: int) -> list[Candidate]:
        others = [
            candidate(f"{name}{n}", site=name, score=0.9 if n < good else 0.1, reason="domain")
            for n in range(20)
        ]
        return [*others, candidate(name, site=name, score=0.4, reason="domain")]

    chosen, _ = choose([*site("book.org", 19), *site("blog.org", 2)], LATER, SETTINGS)
    entered = {c.doc_id: c.source for c in chosen}
    assert entered["book.org"] == "domain"
    assert entered.get("blog.org") != "domain"


def test_a_source_that_is_off_gives_nothing() -> None:
    off = dataclasses.replace(SETTINGS, seed_sources=("random",))
    chosen, counts = choose([candidate(formulas=9), candidate("e")], FIRST, off)
    assert [c.source for c in chosen] == ["random"]
    assert counts == {"left_out.source_off": 1}


# ---- caps ------------------------------------------------------------------------------------


def test_a_site_gives_no_more_than_its_cap_in_hash_order() -> None:
    settings = dataclasses.replace(SETTINGS, max_per_site=3)
    found = [candidate(f"d{n}", formulas=9) for n in range(10)]
    chosen, counts = choose(found, FIRST, settings)
    assert [c.rank for c in chosen] == [0, 1, 2]
    assert {c.order for c in chosen} == set(sorted(c.order for c in found)[:3])
    assert counts["left_out.over_max_per_site"] == 7


@given(
    st.dictionaries(st.integers(1, 150), st.integers(1, 40), max_size=8),
    st.sampled_from([0.01, 0.05, 0.2, 1.0]),
)
def test_no_site_has_more_than_its_share(sites_with: dict[int, int], max_share: float) -> None:
    cap = site_cap(sites_with, max_share)
    total = sum(min(n, cap) * sites for n, sites in sites_with.items())
    assert cap <= max(5, max_share * total)
    assert cap <= max(sites_with, default=0)


@given(st.randoms(use_true_random=False))
def test_the_order_of_the_candidates_moves_nothing(shuffle: random.Random) -> None:
    found = [
        candidate(f"d{n}", site=f"s{n % 3}.org", formulas=n % 7, score=(n % 10) / 10)
        for n in range(40)
    ]
    expected = choose(found, LATER, SETTINGS)
    shuffle.shuffle(found)
    assert choose(found, LATER, SETTINGS) == expected


# ---- the table -------------------------------------------------------------------------------


def page(number: int, site: str, *, formulas: int, text: str = "") -> dict[str, Any]:
    drawn = random.Random(number).sample(range(400), 30)
    letters = ["".join("abcdefghij"[int(digit)] for digit in str(n)) for n in drawn]
    return {
        "doc_id": f"{number:032x}",
        "url": f"https://{site}/{number}",
        "registered_domain": site,
        "text": text or " ".join(f"{'math' if formulas else 'rest'}{word}" for word in letters),
        "formula_counts": [("tex", formulas)] if formulas else [],
    }


def parts(folder: Path, rows: list[dict[str, Any]], count: int = 2) -> list[Part]:
    """Documents parts of the rows, dealt out."""
    folder.mkdir(parents=True, exist_ok=True)
    wanted = ("doc_id", "url", "registered_domain", "text", "formula_counts")
    schema = pa.schema([arrow_schema("documents").field(name) for name in wanted])
    made = []
    for n in range(count):
        path = folder / f"part-{n}.parquet"
        mine = rows[n::count]
        pq.write_table(pa.Table.from_pylist(mine, schema), path)
        made.append(Part(str(path), f"part-{n}", f"identity {folder.name} {n}", len(mine)))
    return made


def seed_rows(output: Path, table: str = "seed") -> list[dict[str, Any]]:
    files = sorted((output / table).glob("*.parquet"))
    return [row for file in files for row in pq.read_table(file).to_pylist()]


def composed(output: Path, documents: list[Part], session: Any, **given: Any) -> dict[str, int]:
    recipe = dataclasses.replace(
        Recipe(), iterate=dataclasses.replace(SETTINGS, **given.pop("iterate", {}))
    )
    job = Job(str(output), recipe, partitions=given.pop("partitions", 2), say=lambda _: None)
    job._sessions.append(session)
    options: dict[str, Any] = {
        "sampled": [], "recalled": None, "scores": None, "domains": None, "linked": [],
        "accepted": AcceptedSites(), "labels_uris": (), "model": "",
    }  # fmt: skip
    counts: dict[str, int] = compose_seed(job, documents, **{**options, **given})["counts"]
    return counts


@pytest.mark.spark
def test_labelled_pages_and_their_twins_never_enter_a_seed(tmp_path: Path, spark: Any) -> None:
    labelled = page(1, "a.org", formulas=9)
    rows = [
        labelled,
        {**page(2, "a.org", formulas=9), "url": "http://www.a.org/1/?utm_source=x"},  # its url_key
        page(3, "b.org", formulas=9, text=labelled["text"]),  # the same text elsewhere
        page(4, "c.org", formulas=9, text=labelled["text"] + " end"),  # nearly the same
        page(5, "d.org", formulas=9),
        page(6, "e.org", formulas=0),
    ]
    labels = tmp_path / "labels.jsonl"
    labels.write_text(json.dumps({"url": "https://a.org/1", "math_score": 4}) + "\n")
    counts = composed(
        tmp_path / "out", parts(tmp_path / "in", rows), spark, labels_uris=(str(labels),)
    )
    entered = {row["url"]: row["label"] for row in seed_rows(tmp_path / "out")}
    assert entered == {"https://d.org/5": 1, "https://e.org/6": 0}
    assert counts["left_out.labelled"] == 2 and counts["left_out.twin_of_labelled"] == 2
    held_out = seed_rows(tmp_path / "out", "hold_out")
    assert [row["url"] for row in held_out] == ["https://a.org/1"] * 2  # as it is labelled
    assert all(row["label"] is None for row in held_out)
    assert sum(part.rows for part in hold_out_parts(str(tmp_path / "out"))) == 2


@pytest.mark.spark
def test_any_partitions_give_the_same_bytes(tmp_path: Path, spark: Any) -> None:
    rows = [page(n, f"s{n % 5}.org", formulas=9 * (n % 2)) for n in range(60)]
    documents = parts(tmp_path / "in", rows, 3)
    made = []
    for n, partitions in enumerate((1, 3)):
        composed(tmp_path / str(n), documents[:: 1 - 2 * n], spark, partitions=partitions)
        files = sorted((tmp_path / str(n) / "seed").glob("*.parquet"))
        made.append([file.read_bytes() for file in files])
    assert made[0] == made[1] and len(made[0]) == 3


@pytest.mark.spark
def test_a_round_takes_in_what_was_accepted(tmp_path: Path, spark: Any) -> None:
    """Uncollected pages become positives, boilerplate does not, rejected sites give negatives."""
    rows = [page(n, "book.org", formulas=9) for n in range(10)]
    rows += [page(20, "book.org", formulas=1), page(21, "book.org", formulas=0)]
    rows += [page(30 + n, "shop.org", formulas=6 if n < 2 else 2) for n in range(12)]
    rows += [page(50, "c.org", formulas=0)]
    documents = parts(tmp_path / "in", rows, 1)
    wanted = {**{row["doc_id"]: 0.05 for row in rows}, f"{20:032x}": 0.49}
    wanted |= {row["doc_id"]: 0.9 for row in rows[:10]} | {f"{30:032x}": 0.45, f"{31:032x}": 0.45}
    scores = [
        {"doc_id": key, "model": "m", "head": "math", "score": value}
        for key, value in wanted.items()
    ]
    tables = {"scores": scores, "recalled": [{"doc_id": row["doc_id"]} for row in rows[:10]]}
    beside = {}
    for name, content in tables.items():
        path = tmp_path / f"{name}.parquet"
        pq.write_table(pa.Table.from_pylist(content), path)
        beside[name] = [Part(str(path), "part-0", name, len(content))]
    sites = AcceptedSites(
        [
            Proposal("accept", "domain", "book.org", ""),
            Proposal("reject", "domain", "shop.org", ""),
        ]
    )
    counts = composed(tmp_path / "out", documents, spark, accepted=sites, **beside)
    entered = {row["doc_id"]: row for row in seed_rows(tmp_path / "out")}
    assert entered[f"{20:032x}"]["source"] == "domain"
    assert entered[f"{21:032x}"]["label"] == 0  # a page without formulas that scores nothing
    assert entered[f"{30:032x}"]["source"] == "hard_negative"
    assert entered[f"{20:032x}"]["score"] == pytest.approx(0.49)
    assert sum(counts.values()) == counts["documents"] * 2  # every document is accounted for


# ---- the training ----------------------------------------------------------------------------

SMALL = ClassifierSettings(
    dim=4, buckets=200, min_count=1, epochs=20, learning_rate=1.0, folds=2, min_words=3
)
REST = "the weather in the harbour was mild so the guests went to the market"


def example(number: int, label: int, source: str, line: str) -> dict[str, Any]:
    words = line.split()
    turned = words[number % 7 :] + words[: number % 7] + [f"word{'ab'[number % 2] * (number % 9)}"]
    formulas = " $x^2$" * 6 if source == "bootstrap" else ""
    return {
        "doc_id": f"{number:032x}",
        "url": f"https://site{number % 10}.org/{source}{number}",
        "text": " ".join(turned) + formulas,
        "label": label,
        "source": source,
        "score": None,
    }


def seed_part(path: Path, rows: list[dict[str, Any]]) -> Part:
    fields = [*arrow_schema("seed")]
    names = {"doc_id", "url", "text", "label", "source", "score"}
    schema = pa.schema([f for f in fields if f.name in names])
    pq.write_table(pa.Table.from_pylist(rows, schema), path)
    return Part(str(path), path.stem, "", len(rows))


def good_seed() -> list[dict[str, Any]]:
    return [
        example(n, n % 2, "bootstrap" if n % 2 else "random", WORDS if n % 2 else REST)
        for n in range(60)
    ]


def hold_out(folder: Path) -> tuple[Part, str]:
    """Twenty labelled pages of other sites, half of them mathematics, and their labels."""
    rows, labels = [], []
    for n in range(20):
        row = example(n, 0, "hold_out", WORDS if n % 2 else REST)
        row |= {"url": f"https://held{n % 5}.org/{n}", "label": None}
        rows.append(row)
        labels.append({"url": row["url"], "math_score": 4 if n % 2 else 0, "lang": "en"})
    uri = folder / "labels.jsonl"
    uri.write_text("".join(json.dumps(label) + "\n" for label in labels))
    return seed_part(folder / "held.parquet", rows), str(uri)


def test_a_round_needs_no_label(tmp_path: Path) -> None:
    seed = seed_part(tmp_path / "seed.parquet", good_seed())
    made = train_round(
        [seed], hold_out=[], settings=SETTINGS, classifier=SMALL, before=None,
        output=tmp_path / "model", say=lambda _: None,
    )  # fmt: skip
    assert made.figures["guard"] == "held_out" and made.figures["labels"] is None
    assert made.figures["average_precision"] > 0.9
    assert made.composition == {"positives": {"bootstrap": 30}, "negatives": {"random": 30}}


def test_drift_names_the_source_that_did_it(tmp_path: Path) -> None:
    """A source of wrong examples: it fails the round, and the others are not blamed."""
    held, labels = hold_out(tmp_path)
    settings = dataclasses.replace(SETTINGS, labels=labels, max_drop=0.05)

    def round_of(rows: list[dict[str, Any]], before: Any, name: str) -> Any:
        return train_round(
            [seed_part(tmp_path / f"{name}.parquet", rows)], hold_out=[held], settings=settings,
            classifier=SMALL, before=before, output=tmp_path / name, say=lambda _: None,
            evidence_uri=str(tmp_path / "drift.json"),
        )  # fmt: skip

    first = round_of(good_seed(), None, "one")
    assert first.figures["labels"]["unweighted"]["average_precision"] > 0.9
    assert first.figures["labels"]["languages"]["en"]["examples"] == 20
    wrong = [example(100 + n, 1, "domain", REST) for n in range(90)]
    wrong += [example(300 + n, 0, "hard_negative", REST) for n in range(4)]
    with pytest.raises(DriftError) as raised:
        round_of([*good_seed(), *wrong], first.figures, "two")
    message = str(raised.value)
    assert raised.value.exit_code == 1
    assert "seed source that did it is 'domain'" in message
    assert "iterate.seed_sources" in message and "drift.json" in message
    found = json.loads((tmp_path / "drift.json").read_text())["average_precision_without"]
    assert found["domain"] > found["hard_negative"]


def test_figures_at_another_threshold_need_no_training(tmp_path: Path) -> None:
    _, labels = hold_out(tmp_path)
    settings = dataclasses.replace(SETTINGS, labels=labels)
    scores = {f"https://held{n % 5}.org/{n}": (0.5, 0.3 + 0.4 * (n % 2)) for n in range(20)}
    for threshold, recall in ((0.6, 1.0), (0.8, 0.0)):
        assert figures_at(scores, settings, SMALL, threshold)["unweighted"]["recall"] == recall


def test_only_sources_that_are_new_or_grew_are_suspects() -> None:
    before = {"positives": {"bootstrap": 9, "domain": 4}, "negatives": {"random": 9}}
    now = {"positives": {"bootstrap": 5, "domain": 5}, "negatives": {"random": 9, "hard": 3}}
    assert suspects(before, now) == ["hard", "domain"]
