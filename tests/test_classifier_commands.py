"""evaluate-classifier, score --explain, pictures: figures, explanations, mistakes."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import fasttext
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner, Result
from hypothesis import given, settings
from hypothesis import strategies as st

from cc_math.classify import load_classifier, pictures
from cc_math.classify.compare_heads import head_figures
from cc_math.classify.compare_models import (
    FEWEST_LABELS,
    Judgement,
    ScoredModel,
    compare_models,
    comparison_lines,
)
from cc_math.classify.explain import explain
from cc_math.classify.fasttext_model import SHIPPED_DEFAULT, load_model
from cc_math.classify.labelled_pages import LabelledPage
from cc_math.classify.ngrams import line_features, ngram_shares, word_hash
from cc_math.classify.pictures import picture_figures, write_pictures
from cc_math.cli import cli
from cc_math.errors import ModelError

MATH = "The derivative of $x^2$ is $2x$; the proof uses the limit of the difference quotient. " * 4
NEWS = "The ferry timetable changes in spring; tickets are sold at the harbour office. " * 4
JUDGEMENT = Judgement(min_positive=3, threshold=0.5, min_precision=0.85, repeats=100, seed=1)


def run(*arguments: str) -> Result:
    return CliRunner().invoke(cli, list(arguments), prog_name="cc-math")


def page(url: str, score: float, kind: str = "qa", language: str = "en") -> LabelledPage:
    return LabelledPage(url, url[:1], score, kind, language, 1.0, None)


# --- the comparison -----------------------------------------------------------------------


def test_models_are_compared_on_the_same_pages() -> None:
    pages = [page(f"{n % 7}-{n}", 5 if n % 2 else 0) for n in range(40)]
    right = {p.url: (0.5, 0.9 if p.score >= 3 else 0.2) for p in pages}
    wrong = {p.url: (0.5, 0.2 if p.score >= 3 else 0.9) for p in pages}
    models = [ScoredModel("right", "d1", right), ScoredModel("wrong", "d2", wrong)]
    found = compare_models(pages, models, JUDGEMENT)
    good, bad = found["models"]
    assert good["unweighted"]["average_precision"] == [1.0, 1.0, 1.0]
    assert good["unweighted"]["f1"][0] == 1.0
    assert good["unweighted"]["brier"][0] == pytest.approx((0.01 + 0.04) / 2)
    assert bad["unweighted"]["recall_at_precision"][0] == 0.0
    assert good["gain"] == [0.0, 0.0, 0.0]
    assert bad["gain"][2] < 0
    assert good["errors"] == [] and len(bad["errors"]) == 40
    text = "\n".join(comparison_lines(found, errors=3))
    assert "1.000 [1.000, 1.000]" in text
    assert "… and 37 more" in text


def test_groups_under_fifteen_labels_get_no_figure() -> None:
    pages = [page(f"{n}", n % 2 * 5, "qa", "en") for n in range(FEWEST_LABELS)]
    pages += [page(f"x{n}", n % 2 * 5, "spam", "fr") for n in range(FEWEST_LABELS - 1)]
    pages += [page("y", 5, "", "")]
    model = ScoredModel("m", "d", {p.url: (0.0, 0.7) for p in pages})
    (found,) = compare_models(pages, [model], JUDGEMENT)["models"]
    assert found["by_language"]["en"]["precision"][0] == pytest.approx(7 / 15, abs=1e-4)
    assert "precision" not in found["by_language"]["fr"]
    assert found["by_language"]["fr"]["wrongly_found"] == 7
    assert found["by_language"]["all but en"]["pages"] == FEWEST_LABELS
    assert "precision" in found["by_language"]["all but en"]
    assert set(found["by_kind"]) == {"qa", "spam", "unknown"}


def test_what_labels_do_not_tell_is_not_printed() -> None:
    pages = [page(f"{n % 7}-{n}", 5 if n % 2 else 0, "", "") for n in range(40)]
    heads = {p.url: {"quality": 0.5, "kind:qa": 0.4} for p in pages}
    model = ScoredModel("m", "d", {p.url: (0.5, 0.6) for p in pages}, heads)
    once = Judgement(min_positive=3, threshold=0.5, min_precision=0.85, repeats=0, seed=1)
    lines = list(comparison_lines(compare_models(pages, [model], once), errors=0))
    text = "\n".join(lines)
    for absent in ("unknown", "by language", "  weighted", "drawn again", "kind"):
        assert absent not in text
    assert "quality" in text
    weighted = [LabelledPage(p.url, p.site, p.score, "qa", "", 1.0 + n, None)
                for n, p in enumerate(pages)]  # fmt: skip
    text = "\n".join(comparison_lines(compare_models(weighted, [model], JUDGEMENT), errors=0))
    for present in ("  weighted", "by language and kind", "drawn again 100 times", "  qa"):
        assert present in text
    assert "unknown" not in text


def test_errors_are_listed_worst_first_and_lost_pages_score_nothing() -> None:
    pages = [page("a", 0), page("b", 5), page("c", 4), page("d", 5)]
    scores = {"a": (0.9, 0.8), "b": (0.5, 0.4), "d": (0.9, 0.9)}
    result = compare_models(pages, [ScoredModel("m", "d", scores)], JUDGEMENT)
    errors = result["models"][0]["errors"]
    assert [error["url"] for error in errors] == ["c", "a", "b"]
    assert errors[0]["what"] == "missed: no document"
    assert errors[1]["what"] == "wrongly found"
    assert result["with_document"] == 3


def test_other_heads_are_judged_on_pages_with_a_document() -> None:
    kinds = ["qa"] * 20 + ["spam"] * 16 + ["news_blog"] * 4 + [""] * 2
    pages = [page(f"{n % 10}{n}", n % 6, kind) for n, kind in enumerate(kinds)]
    heads = {
        p.url: {"quality": p.score / 5, "kind:qa": 0.4, "kind:spam": 0.5 if p.kind == "spam" else 0}
        for p in pages
    }
    del heads[pages[0].url]
    found = head_figures(pages, heads, fewest_labels=15, repeats=20, seed=1)
    assert found["quality"]["mean_distance"][0] == pytest.approx(0)
    assert found["kind"]["pages"] == 39
    assert found["kind"]["accuracy"][0] == pytest.approx(35 / 39, abs=1e-4)
    by_kind = found["kind"]["by_kind"]
    assert by_kind["spam"]["recall"] == [1.0, 1.0, 1.0]
    assert by_kind["qa"]["precision"][0] == pytest.approx(19 / 23, abs=1e-4)
    assert by_kind["news_blog"] == {"pages": 4, "given": 0}
    model = ScoredModel("m", "d", {}, heads)
    text = "\n".join(comparison_lines(compare_models(pages, [model], JUDGEMENT), errors=0))
    assert "m: other heads" in text and "mean distance" in text


# --- the command --------------------------------------------------------------------------


def labelled(folder: Path, **changes: Any) -> list[str]:
    """Labels of four pages, three of them in a Parquet of documents; as options."""
    texts = {"https://a.example/": MATH, "https://b.example/": NEWS, "https://c.example/": MATH}
    documents = {"url": list(texts), "text": list(texts.values()), **changes}
    pq.write_table(pa.table(documents), folder / "documents.parquet")
    rows: list[dict[str, Any]] = [
        {"url": "https://a.example/", "math_score": 4, "kind": "exposition", "lang": "en"},
        {"url": "https://b.example/", "math_score": 0, "kind": "news_blog", "weight": 3},
        {"url": "https://c.example/", "math_score": 5, "kind": "exposition", "lang": "en"},
        {"url": "https://lost.example/", "math_score": 3, "kind": "qa", "lang": "en"},
    ]
    (folder / "labels.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return [
        "--labels", str(folder / "labels.jsonl"),
        "--documents", str(folder / "documents.parquet"), "--repeats", "20",
    ]  # fmt: skip


def test_the_shipped_model_is_evaluated_by_name(tmp_path: Path) -> None:
    done = run("evaluate-classifier", "default", *labelled(tmp_path))
    assert done.exit_code == 0, done.output
    assert "4 labelled pages of 4 sites, 3 of them positive" in done.stdout
    assert "1 have no document and score 0" in done.stdout
    assert "missed: no document  https://lost.example/" in done.stdout


def test_json_holds_everything_and_two_models_stand_side_by_side(tmp_path: Path) -> None:
    options = labelled(tmp_path)
    done = run("evaluate-classifier", "default", str(SHIPPED_DEFAULT), *options, "--json")
    found = json.loads(done.stdout)
    assert [model["name"] for model in found["models"]] == ["default", SHIPPED_DEFAULT.stem]
    assert found["models"][0]["unweighted"] == found["models"][1]["unweighted"]
    assert found["models"][0]["weighted"]["brier"] != found["models"][0]["unweighted"]["brier"]
    assert run("evaluate-classifier", "default", *options, "--json").stdout.startswith("{")


def test_doubtful_labels_can_be_left_out(tmp_path: Path) -> None:
    done = run("evaluate-classifier", "default", *labelled(tmp_path), "--leave-out", "3")
    assert "3 labelled pages of 3 sites" in done.stdout
    none = ["--leave-out=0", "--leave-out=3", "--leave-out=4", "--leave-out=5"]
    done = run("evaluate-classifier", "default", *labelled(tmp_path), *none)
    assert done.exit_code == 2 and "leaves no label" in done.output


def test_labels_may_hold_the_text_themselves(tmp_path: Path) -> None:
    rows = [
        {"url": "a", "math_score": 5, "text": MATH},
        {"url": "b", "math_score": 0, "text": NEWS},
    ]
    path = tmp_path / "labels.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    done = run("evaluate-classifier", "default", "--labels", str(path), "--repeats", "0", "--json")
    assert json.loads(done.stdout)["models"][0]["unweighted"]["roc_auc"] == [1.0, None, None]


def test_mistakes_of_evaluation_are_named(tmp_path: Path) -> None:
    options = labelled(tmp_path)
    other = tmp_path / "other.parquet"
    pq.write_table(pa.table({"url": ["https://z.example/"], "text": ["x"]}), other)
    for arguments, said in (
        (["no-such.bin", *options], "no such file"),
        (["default", "default", *options], "named twice"),
        (["default", "--labels", options[1]], "the labels hold no text"),
        (["default", "--labels", "no-such.jsonl"], "no-such.jsonl"),
        (["default", "--labels", options[1], "--documents", str(other)], "none of the 4 labelled"),
        (["default", *options, "--score-field", "stars"], "no field stars"),
    ):
        done = run("evaluate-classifier", *arguments)
        assert done.exit_code == 2, done.output
        assert said in done.output


# --- explanations -------------------------------------------------------------------------


def test_a_word_is_hashed_as_fasttext_does() -> None:
    # FNV-1a test vectors (draft-eastlake-fnv, appendix C); bytes above 127 count as signed
    assert word_hash("") == 0x811C9DC5
    assert word_hash("foobar") == 0xBF9CF968
    assert word_hash("é") != word_hash("e")


@pytest.fixture(scope="module")
def small_models(tmp_path_factory: pytest.TempPathFactory) -> list[Any]:
    """Two tiny models: runs of three words, and character n-grams besides."""
    file = tmp_path_factory.mktemp("ngrams") / "lines.txt"
    lines = ["__label__math beweis satz größe дерево 定 理", "__label__other the news of the day"]
    file.write_text("\n".join(lines * 20) + "\n", encoding="utf-8")
    options = {"dim": 4, "epoch": 5, "lr": 0.5, "bucket": 500, "minCount": 1, "thread": 1}
    return [
        fasttext.train_supervised(str(file), wordNgrams=3, verbose=0, **options),
        fasttext.train_supervised(
            str(file), wordNgrams=2, minn=2, maxn=4, verbose=0, **options
        ),
    ]  # fmt: skip


@given(st.lists(st.sampled_from(["beweis", "satz", "größe", "дерево", "定", "news", "neu", "ß"])))
@settings(deadline=None)
def test_the_shares_sum_to_the_models_log_odds(small_models: list[Any], words: list[str]) -> None:
    line = " ".join(words)
    for model in small_models:
        total = math.fsum(share.log_odds for share in ngram_shares(model, "math", line))
        found = {label: p for p, label in model.f.predict(line + "\n", 2, -1.0, "strict")}
        assert 1 / (1 + math.exp(-total)) == pytest.approx(found["__label__math"], abs=1e-4)


def test_features_are_words_runs_and_the_end_of_the_line(small_models: list[Any]) -> None:
    names = [name for name, _ in line_features(small_models[0], "beweis unbekannt satz")]
    assert names == [
        "beweis", "satz", "</s>",
        "beweis unbekannt", "beweis unbekannt satz", "unbekannt satz", "unbekannt satz </s>",
        "satz </s>",
    ]  # fmt: skip


def test_a_quantised_model_says_that_it_cannot_be_explained(small_models: list[Any]) -> None:
    class Quantised:
        def is_quantized(self) -> bool:
            return True

    with pytest.raises(ModelError, match="quantised"):
        ngram_shares(Quantised(), "math", "satz")


def test_the_explanation_adds_up_to_the_score() -> None:
    model = load_model(SHIPPED_DEFAULT, shipped=True)
    for text in (MATH, NEWS, "", "$$" * 50, "数学の問題を解く"):
        found = explain(model, text)
        raw, score = load_classifier().score_many([text])[0]
        assert (found.raw, found.score) == (raw, score)
        total = found.bias + math.fsum(feature.log_odds for feature in found.features)
        assert 1 / (1 + math.exp(-total)) == pytest.approx(score, abs=1e-4)
        for feature in found.features:
            if feature.log_odds > 0.01:
                assert feature.score_without < score + 1e-4


def explained(folder: Path, *arguments: str) -> Result:
    table = pa.table(
        {
            "doc_id": ["1" * 32, "2" * 32, "3" * 32],
            "url": ["https://a.example/", "https://b.example/", "https://c.example/"],
            "text": [MATH, NEWS, MATH + "More of the integral."],
            "language": ["en"] * 3,
        }
    )
    pq.write_table(table, folder / "documents.parquet")
    return run("score", "--documents", str(folder / "documents.parquet"), *arguments)


def test_one_document_is_explained_by_id_or_address(tmp_path: Path) -> None:
    by_id = explained(tmp_path, "--explain", "2" * 32)
    assert by_id.exit_code == 0, by_id.output
    assert "https://b.example/" in by_id.stdout and "https://a.example/" not in by_id.stdout
    assert "for mathematics" in by_id.stdout and "bias" in by_id.stdout
    assert explained(tmp_path, "--explain", "https://b.example/").stdout == by_id.stdout


def test_a_number_explains_the_highest_scores_as_json(tmp_path: Path) -> None:
    done = explained(tmp_path, "--explain", "2", "--json")
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert {row["url"] for row in rows} == {"https://a.example/", "https://c.example/"}
    assert rows[0]["score"] >= rows[1]["score"]
    shares = [abs(ngram["log_odds"]) for ngram in rows[0]["ngrams"]]
    assert shares == sorted(shares, reverse=True)


def test_mistakes_of_explanation_are_named(tmp_path: Path) -> None:
    for arguments, said in (
        (["--explain", "no-such-document"], "no document has the doc_id or address"),
        (["--explain", "0"], "no document has the doc_id"),
        ([], "score needs --output DIR to write to, or --explain DOC"),
    ):
        done = explained(tmp_path, *arguments)
        assert done.exit_code == 2, done.output
        assert said in done.output


# --- pictures -----------------------------------------------------------------------------


def some_figures() -> dict[str, Any]:
    scores = np.arange(40) / 40
    return picture_figures(
        scores > 0.45, scores, np.ones(40), threshold=0.5,
        languages=["en"] * 20 + ["fr"] * 20, kinds=["qa"] * 35 + ["spam"] * 5,
    )  # fmt: skip


def test_figures_for_pictures_are_plain_values() -> None:
    found = some_figures()
    assert json.loads(json.dumps(found)) == found
    assert found["curve"]["recall"][-1] == 1.0 and found["curve"]["precision"][0] == 1.0
    assert sum(found["histogram"]["positive"]) + sum(found["histogram"]["negative"]) == 40
    assert sum(row["pages"] for row in found["reliability"]) == 40
    counts = dict(found["by_language"]["en"])
    assert counts.pop("pages") == sum(counts.values()) == 20


def test_pictures_are_the_same_bytes_every_time(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="pictures need matplotlib (extra plots)")
    figures = some_figures()
    figures["learning_curve"] = [
        {"examples": 10, "average_precision": 0.5, "low": 0.4, "high": 0.6},
        {"examples": 20, "average_precision": 0.7, "low": 0.6, "high": 0.8},
    ]
    first = write_pictures(figures, tmp_path / "a", "math")
    second = write_pictures({"evaluation_labels": figures}, tmp_path / "b", "math")
    assert [path.name for path in first] == [
        "math.precision-recall.png", "math.reliability.png", "math.scores.png",
        "math.learning-curve.png", "math.by-language.png", "math.by-kind.png",
    ]  # fmt: skip
    for one, other in zip(first, second, strict=True):
        content = one.read_bytes()
        assert content.startswith(b"\x89PNG") and content == other.read_bytes()
        assert b"Software" not in content and b"tIME" not in content


def test_missing_figures_are_left_out(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="pictures need matplotlib (extra plots)")
    written = write_pictures({"curve": some_figures()["curve"]}, tmp_path)
    assert [path.name for path in written] == ["precision-recall.png"]


def test_without_matplotlib_nothing_is_drawn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pictures, "find_spec", lambda name: None)
    assert write_pictures(some_figures(), tmp_path) == []
    options = ["--pictures", str(tmp_path / "pictures")]
    done = run("evaluate-classifier", "default", *labelled(tmp_path), *options)
    assert done.exit_code == 2
    assert "pip install 'cc-math[plots]'" in done.output
