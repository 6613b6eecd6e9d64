"""Intervals by site, and thresholds: what each keeps, how right it is, which to choose."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st

from cc_math.classify.evaluate import average_precision, metrics, roc_auc
from cc_math.classify.intervals import (
    estimate,
    ranking_figures,
    share_estimate,
    site_draws,
    weights_by_site,
)
from cc_math.classify.labelled_pages import LabelledPage
from cc_math.classify.thresholds import (
    Tally,
    accuracy_by_labels,
    accuracy_by_scores,
    choose,
    choose_by_tokens,
)
from cc_math.cli import cli
from cc_math.errors import UserError
from cc_math.threshold_command import parse_count

# --- intervals ----------------------------------------------------------------------------


def test_a_draw_takes_whole_sites() -> None:
    draws = site_draws(["a", "b", "a", "c"], repeats=200, seed=1)
    assert draws.shape == (201, 4)
    assert (draws[0] == 1).all()
    assert (draws[:, 0] == draws[:, 2]).all()
    # as many sites as there are, in every draw
    assert (draws[:, 0] + draws[:, 1] + draws[:, 3] == 3).all()
    assert (draws == site_draws(["a", "b", "a", "c"], repeats=200, seed=1)).all()
    assert (draws != site_draws(["a", "b", "a", "c"], repeats=200, seed=2)).any()


def test_the_order_of_the_pages_does_not_move_a_draw() -> None:
    one = site_draws(["a", "b", "c"], repeats=20, seed=3)
    other = site_draws(["c", "a", "b"], repeats=20, seed=3)
    assert (one[:, [2, 0, 1]] == other).all()


def test_one_site_alone_gives_an_interval_of_nothing() -> None:
    draws = site_draws(["a"] * 5, repeats=50, seed=1)
    assert (draws == 1).all()


def test_estimates_leave_out_draws_that_cannot_tell() -> None:
    found = estimate(np.array([0.5, np.nan, 0.4, 0.6]))
    assert found.value == 0.5
    assert found.low is not None and found.high is not None
    assert 0.4 <= found.low < found.high <= 0.6
    assert estimate(np.array([np.nan, 1.0])).rounded() == [None, None, None]
    assert estimate(np.array([0.5])).rounded() == [0.5, None, None]


def test_where_every_page_is_right_the_interval_is_wilsons() -> None:
    sites = [f"s{n}" for n in range(20)]
    all_right, none_right = np.ones(50), np.zeros(50)
    one_each = weights_by_site(sites, np.ones(20))
    found = share_estimate(all_right, one_each)
    # Wilson's interval of 20 of 20: 20 / (20 + 1.96^2)
    assert found.rounded() == [1.0, 0.8389, 1.0]
    assert share_estimate(none_right, one_each).rounded() == [0.0, 0.0, 0.1611]
    # ten pages of two sites say little more than two pages
    two_sites = weights_by_site(["a"] * 5 + ["b"] * 5, np.ones(10))
    assert share_estimate(all_right, two_sites).rounded() == [1.0, 0.3424, 1.0]
    weighted = weights_by_site(sites, np.array([20.0] + [1.0] * 19))
    low = share_estimate(all_right, weighted).low
    assert low is not None and low < 0.6
    between = np.array([0.5, 0.4, 0.6])
    assert share_estimate(between, one_each) == estimate(between)
    assert share_estimate(np.array([1.0]), one_each).rounded() == [1.0, None, None]  # no draws


rankings = st.lists(
    st.tuples(
        st.booleans(),
        st.integers(0, 10).map(lambda n: n / 10),
        st.integers(1, 5).map(float),
    ),
    min_size=2,
    max_size=30,
).filter(lambda rows: len({label for label, _, _ in rows}) == 2)


@given(rankings)
def test_figures_are_those_of_the_plain_functions(rows: list[tuple[bool, float, float]]) -> None:
    labels = np.array([label for label, _, _ in rows])
    scores = np.array([score for _, score, _ in rows])
    weights = np.array([[1.0] * len(rows), [weight for _, _, weight in rows]])
    found = ranking_figures(labels, scores, weights, threshold=0.5, min_precision=0.6)
    for n in range(2):
        assert found["average_precision"][n] == pytest.approx(
            average_precision(labels, scores, weights[n])
        )
        assert found["roc_auc"][n] == pytest.approx(roc_auc(labels, scores, weights[n]))
        plain = metrics(labels.tolist(), scores.tolist(), scores.tolist(), 0.5, weights[n].tolist())
        for name in ("precision", "recall", "f1", "brier"):
            # with nothing chosen there is no precision; `metrics` says 0
            value = 0.0 if np.isnan(found[name][n]) else found[name][n]
            assert value == pytest.approx(plain[name], abs=1e-4)
        best = 0.0
        for threshold in set(scores.tolist()):
            chosen = scores >= threshold
            hits = float(weights[n][chosen & labels].sum())
            if hits / float(weights[n][chosen].sum()) >= 0.6 - 1e-9:
                best = max(best, hits / float(weights[n][labels].sum()))
        assert found["recall_at_precision"][n] == pytest.approx(best)


def test_a_class_that_is_missing_gives_no_figure() -> None:
    found = ranking_figures(
        np.array([False, False]), np.array([0.9, 0.1]), np.ones((1, 2)),
        threshold=0.5, min_precision=0.8,
    )  # fmt: skip
    assert np.isnan(found["average_precision"][0]) and np.isnan(found["recall"][0])
    assert found["brier"][0] == pytest.approx((0.81 + 0.01) / 2)


# --- thresholds ---------------------------------------------------------------------------


def tally(*documents: tuple[float, int]) -> Tally:
    found = Tally()
    bins = np.array([round(score * 10_000) for score, _ in documents], dtype=np.int64)
    found.add(bins, np.array([tokens for _, tokens in documents], dtype=np.int64))
    return found


def page(url: str, score: float, weight: float = 1.0, kind: str = "") -> LabelledPage:
    return LabelledPage(url, url, score, kind, "en", weight, None)


@given(st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 1000)), max_size=30))
def test_a_tally_knows_what_every_threshold_keeps(documents: list[tuple[int, int]]) -> None:
    found = tally(*((n / 10_000, tokens) for n, tokens in documents))
    for n in (0, 1, 4999, 5000, 5001, 10_000):
        kept = [tokens for score, tokens in documents if score >= n]
        assert found.kept(n / 10_000) == (len(kept), sum(kept))


def test_budgets_take_the_best_that_fits() -> None:
    found = tally((0.9, 100), (0.8, 100), (0.7, 100))
    assert choose_by_tokens(found, 200) == 0.7001
    assert choose_by_tokens(found, 300) == 0.0001
    with pytest.raises(UserError, match="over 50"):
        choose_by_tokens(tally((1.0, 100)), 50)


def test_accuracy_weighs_labels_and_counts_lost_pages_as_missed() -> None:
    pages = [page("a", 5, 2.0), page("b", 0, 1.0), page("lost", 4, 1.0), page("d", 1, 1.0)]
    scores = {"a": 0.9, "b": 0.6, "d": 0.1}
    found = accuracy_by_labels(
        pages, scores, thresholds=[0.05, 0.5, 0.7], min_positive=3, repeats=20, seed=1
    )
    assert [e.value for e in found.precision] == pytest.approx([2 / 4, 2 / 3, 1.0])
    assert [e.value for e in found.recall] == pytest.approx([2 / 3] * 3)
    assert found.labels_kept == (3, 2, 1)
    assert choose(found, "precision", 0.6, by_lower_end=False) == 0.5
    assert choose(found, "recall", 0.6, by_lower_end=False) == 0.7
    with pytest.raises(UserError, match=r"no threshold reaches 0\.9 in recall; the best is 0\.667"):
        choose(found, "recall", 0.9, by_lower_end=False)


def test_without_labels_the_scores_are_believed() -> None:
    found = accuracy_by_scores(tally((0.9, 1), (0.5, 1), (0.1, 1)), [0.05, 0.5, 0.95])
    assert found.precision[0].value == pytest.approx(0.5)
    assert found.precision[1].value == pytest.approx(0.7)
    assert found.recall[1].value == pytest.approx(1.4 / 1.5)
    assert found.precision[2].value is None
    with pytest.raises(UserError, match="give --labels"):
        choose(found, "precision", 0.5, by_lower_end=True)


@pytest.mark.parametrize(
    ("text", "count"),
    [("120B", 120 * 10**9), ("1.5M", 1_500_000), ("5e9", 5 * 10**9), ("1_000", 1000), ("7", 7)],
)
def test_counts_are_read_as_people_write_them(text: str, count: int) -> None:
    assert parse_count(text) == count


@pytest.mark.parametrize("text", ["", "0", "-5", "many", "1G", "1e999", "nan"])
def test_other_counts_are_refused(text: str) -> None:
    with pytest.raises(UserError, match="number of tokens"):
        parse_count(text)


# --- the command --------------------------------------------------------------------------


def scored_documents(folder: Path, models: tuple[str, ...] = ("m1",)) -> list[str]:
    """Ten documents with scores 0.0, 0.1 … 0.9 of 100 tokens, and folders as options."""
    ids = [f"{n:032x}" for n in range(10)]
    documents = pa.table(
        {
            "doc_id": ids,
            "url": [f"https://s{n}.example/" for n in range(10)],
            "text": ["x"] * 10,
            "language": ["en", "fr"] * 5,
            "token_count": pa.array([100] * 10, pa.int32()),
        }
    )
    heads = ("math", "kind:qa", "kind:spam")
    rows = [(i, m, h) for i in range(10) for m in models for h in heads]
    values = {"math": lambda n: n / 10, "kind:qa": lambda n: 0.6, "kind:spam": lambda n: n / 10}
    score = pa.array([values[h](i) for i, _, h in rows], pa.float32())
    scores = pa.table(
        {
            "doc_id": [ids[i] for i, _, _ in rows],
            "model": [m for _, m, _ in rows],
            "head": [h for _, _, h in rows],
            "raw": score,
            "score": score,
        }
    )
    for name, table in (("documents", documents), ("scores", scores)):
        (folder / name).mkdir(parents=True, exist_ok=True)
        pq.write_table(table, folder / name / "part.parquet")
    return ["--documents", str(folder / "documents"), "--scores", str(folder / "scores")]


def labels(folder: Path) -> list[str]:
    rows = [
        {"url": f"https://s{n}.example/", "math_score": 5 if n >= 5 else 0, "kind": "qa",
         "lang": "en"}
        for n in range(10)
    ]  # fmt: skip
    (folder / "labels.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return ["--labels", str(folder / "labels.jsonl")]


def command(*arguments: str) -> Result:
    return CliRunner().invoke(cli, ["choose-threshold", *arguments], prog_name="cc-math")


def figures(*arguments: str) -> dict[str, Any]:
    done = command(*arguments, "--json")
    assert done.exit_code == 0, done.output
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_the_command_chooses_by_each_target(tmp_path: Path) -> None:
    given = [*scored_documents(tmp_path), *labels(tmp_path), "--repeats", "50"]
    found = figures(*given, "--precision", "0.8")
    assert found["chosen"] == 0.31  # 0.4 to 0.9: five right of six
    assert found["option"] == "--set compose.min_score=0.31"
    assert figures(*given, "--recall", "1")["chosen"] == 0.5
    assert figures(*given, "--precision", "0.56", "--lower-end")["chosen"] == 0.41
    sure = command(*given, "--precision", "0.8", "--lower-end")  # five right ones are not sure
    assert sure.exit_code == 2 and "the best is 0.566 at 0.5" in sure.output
    budget = figures(*given, "--tokens", "250")
    assert budget["chosen"] == pytest.approx(0.7001, abs=1e-4)
    (row,) = [r for r in budget["thresholds"] if r["threshold"] == budget["chosen"]]
    assert (row["documents"], row["tokens"], row["labels"]) == (2, 200, 2)
    assert {k: v["documents"] for k, v in budget["by_language"].items()} == {"en": 1, "fr": 1}
    assert {k: v["documents"] for k, v in budget["by_kind"].items()} == {"spam": 2, "qa": 0}


def test_kinds_are_those_that_compose_counts(tmp_path: Path) -> None:
    given = scored_documents(tmp_path)
    plain = figures(*given, "--tokens", "250")
    assert plain["by_kind"]["spam"]["documents"] == 2  # the likeliest
    least = ["--set", "compose.min_kind_scores=qa=0.05"]
    moved = figures(*given, "--tokens", "250", *least)
    assert moved["by_kind"]["qa"]["documents"] == 2  # reaches its least score, and so goes before


def test_the_table_is_for_reading(tmp_path: Path) -> None:
    done = command(*scored_documents(tmp_path), *labels(tmp_path), "--recall", "1")
    assert done.exit_code == 0, done.output
    assert "by 10 labelled pages" in done.output
    assert "<- chosen" in done.output
    assert done.stdout.rstrip().endswith("--set compose.min_score=0.5")
    plain = command(*scored_documents(tmp_path))
    assert "give --labels" in plain.output
    assert "to use it" not in plain.output


def test_mistakes_are_named(tmp_path: Path) -> None:
    given = scored_documents(tmp_path)
    (tmp_path / "empty.jsonl").write_text("\n")
    (tmp_path / "wrong.jsonl").write_text('{"url": "u", "math_score": "high"}\n')
    (tmp_path / "other.jsonl").write_text('{"url": "https://other.example/", "math_score": 3}\n')
    for arguments, said in (
        (["--precision", "0.9", "--recall", "0.9"], "exclude each other"),
        (["--tokens", "plenty"], "number of tokens"),
        (["--model", "m2"], "no scores of head 'math' by model m2"),
        (["--labels", str(tmp_path / "empty.jsonl")], "no labels"),
        (
            ["--labels", str(tmp_path / "wrong.jsonl")],
            'wrong.jsonl:1: math_score must be a number, found "high"',
        ),
        (["--labels", str(tmp_path / "other.jsonl")], "not one labelled page"),
    ):
        done = command(*given, *arguments)
        assert done.exit_code == 2, done.output
        assert said in done.output
    foreign = scored_documents(tmp_path / "foreign")
    (tmp_path / "foreign" / "scores" / "part.parquet").rename(
        tmp_path / "foreign" / "scores" / "other.parquet"
    )
    done = command(*foreign)
    assert done.exit_code == 2 and "no part made from" in done.output
    done = command(*scored_documents(tmp_path / "two", models=("m1", "m2")))
    assert done.exit_code == 2
    assert "2 models (m1, m2); name one with --model" in done.output
    assert (
        command(*scored_documents(tmp_path / "two", ("m1", "m2")), "--model", "m2").exit_code == 0
    )
