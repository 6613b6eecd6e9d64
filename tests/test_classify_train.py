"""Training: the same bytes every time, sites held out, mistakes named."""

import dataclasses
import hashlib
import json
import math
import tomllib
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cc_math import recipe
from cc_math.classify import load_classifier
from cc_math.classify.combine import site_shares
from cc_math.classify.labels import Examples, fold_of, read_examples
from cc_math.classify.lines import text_lines
from cc_math.classify.settings import ClassifierSettings, settings_from_toml
from cc_math.classify.text_models import fold, held_out, train_math
from cc_math.classify.train import train_classifier
from cc_math.errors import InputError, ModelError, RecipeError
from cc_math.text import classifier_text, formula_spans

RECIPES = Path(__file__).resolve().parent.parent / "classifiers"
SMALL = ClassifierSettings(
    dim=4,
    buckets=200,
    min_count=1,
    epochs=20,
    learning_rate=1.0,
    folds=2,
    min_words=3,
    max_per_site=20,
    seed_copies=1,
)
MATH = "the equation has a solution so the proof of the theorem ends with a prime number"
REST = "the weather in the harbour was mild so the guests of the hotel went to the market"


def _rows(count: int) -> list[dict[str, object]]:
    """Pages of ten sites, with and without formulas; the words of each are shifted."""
    rows: list[dict[str, object]] = []
    for number in range(count):
        math_page = number % 2 == 0
        words = (MATH if math_page else REST).split()
        turned = words[number % 7 :] + words[: number % 7] + ["ab" * (1 + number % 11)]
        rows.append(
            {
                "url": f"https://site{number % 10}.org/{number}",
                "text": " ".join(turned) + (" $x^2$" if math_page else ""),
                "n_formulas": 9 if math_page else 0,
                "label": float(math_page),
            }
        )
    return rows


def _write(rows: list[dict[str, object]], path: Path) -> str:
    if path.suffix == ".parquet":
        pq.write_table(pa.Table.from_pylist(rows), path)
    else:
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


def _train(settings: ClassifierSettings, output: Path) -> dict[str, object]:
    return train_classifier(settings, output, lambda message: None).metrics


def test_twenty_trainings_give_one_digest_and_no_nan(tmp_path: Path) -> None:
    source = _write(_rows(40), tmp_path / "pages.parquet")
    settings = dataclasses.replace(SMALL, bootstrap=(source,), calibration="none", cross_fit=False)
    digests = set()
    for number in range(20):
        result = train_classifier(settings, tmp_path / str(number), lambda message: None)
        digests.add(hashlib.sha256(result.model_path.read_bytes()).hexdigest())
        [(raw, score)] = load_classifier(result.model_path).score_many([MATH]) if not number else [
            (0.5, 0.5)
        ]  # fmt: skip
        assert math.isfinite(raw) and math.isfinite(score)
    assert len(digests) == 1


def test_order_and_packing_of_the_input_change_nothing(tmp_path: Path) -> None:
    rows = _rows(40)
    one = _write(rows, tmp_path / "one.parquet")
    folder = tmp_path / "many"
    folder.mkdir()
    for part, start in enumerate((30, 0, 15)):
        _write(rows[start : start + 15], folder / f"part-{part}.parquet")
    whole = train_classifier(
        dataclasses.replace(SMALL, bootstrap=(one,)), tmp_path / "a", lambda message: None
    )
    parts = train_classifier(
        dataclasses.replace(SMALL, bootstrap=(str(folder),)), tmp_path / "b", lambda message: None
    )
    assert whole.model_path.read_bytes() == parts.model_path.read_bytes()
    assert whole.digest == parts.digest


@pytest.mark.parametrize("kind", ["platt", "isotonic", "none"])
def test_calibrations_train_load_and_score(tmp_path: Path, kind: str) -> None:
    source = _write(_rows(60), tmp_path / "pages.jsonl")
    settings = dataclasses.replace(SMALL, labelled=(source,), calibration=kind)
    result = train_classifier(settings, tmp_path / "model", lambda message: None)
    scores = load_classifier(result.model_path).score_many([MATH, REST])
    assert scores[0][1] > scores[1][1]
    assert result.metrics["held_out"]["average_precision"] > 0.9
    assert "held-out examples" in result.card_path.read_text()


def test_training_and_scoring_read_the_same_features(tmp_path: Path) -> None:
    text = "# Satz\n\nSei $x^2$ = 5, 数学 1984 __label__math\tÄhnlich"
    rows = [{"url": "", "text": text, "label": 1.0}]
    source = _write(rows, tmp_path / "one.jsonl")
    [example] = read_examples(dataclasses.replace(SMALL, labelled=(source,), min_words=1)).training
    assert example.line == classifier_text(text)


def test_both_lines_of_a_text_are_the_normalisers() -> None:
    for text in (
        r"Let $x^2$ and $y$ be 5 $z$ 6, then $$\\frac{a}{b}$$ is 7.",
        "no formula, 3 words",
        "5 $a$ 6 $b$ 7",
        "qxformulaxq and $x$",
        r"\\text{$a$ in $b$} $5 and $6",
        "$a$$b$ $c$",
        "",
    ):
        plain, structured, spans = text_lines(text)
        assert plain == classifier_text(text, "remove")
        assert structured == classifier_text(text, "structure")
        assert spans == list(formula_spans(text))


def test_labelled_sites_and_excluded_ones_stay_out(tmp_path: Path) -> None:
    source = _write(_rows(40), tmp_path / "pages.parquet")
    labels = [{"url": "https://site1.org/1", "math_score": 4, "lang": "en"}]
    sites = tmp_path / "sites.txt"
    sites.write_text("another.org\n")
    settings = dataclasses.replace(
        SMALL,
        bootstrap=(source,),
        evaluation_labels=_write(labels, tmp_path / "labels.jsonl"),
        exclude_sites=str(sites),
    )
    examples = read_examples(settings)
    assert [e.url for e in examples.labelled] == ["https://site1.org/1"]
    assert "https://site1.org/1" not in {e.url for e in examples.training}
    sites.write_text("site1.org\nsite2.org\n")
    kept = {e.site for e in read_examples(settings).training}
    assert len(kept) == 8 and "site2.org" not in kept


def test_excluded_sites_are_hosts_or_addresses_and_reach_read_pages(tmp_path: Path) -> None:
    source = _write(_rows(40), tmp_path / "pages.parquet")
    labels = [{"url": f"https://site{n}.org/{n}", "math_score": 4, "lang": "en"} for n in (1, 3)]
    sites = tmp_path / "sites.txt"
    sites.write_text("# hold-out\nwww.Site1.org\nhttps://site2.org/path\n")
    settings = dataclasses.replace(
        SMALL,
        bootstrap=(source,),
        calibration_labels=_write(labels, tmp_path / "labels.jsonl"),
        exclude_sites=str(sites),
    )
    examples = read_examples(settings)
    assert not {"site1.org", "site2.org"} & {e.site for e in examples.training}
    assert [e.site for e in examples.read] == ["site3.org"]
    sites.write_text("no domain here\n")
    with pytest.raises(InputError, match="expected a domain"):
        read_examples(settings)


def _read_settings(tmp_path: Path, **changes: object) -> ClassifierSettings:
    rows = _rows(80)
    labels = [
        {
            "url": row["url"],
            "math_score": 4 if row["label"] else 0,
            "kind": "exposition" if row["label"] else "news_blog",
            "lang": "en",
        }
        for row in rows[:60]
    ]
    return dataclasses.replace(
        SMALL,
        bootstrap=(_write(rows, tmp_path / "pages.parquet"),),
        bootstrap_role="context",
        read_copies=1,
        kinds=True,
        formula_words=True,
        calibration="features",
        calibration_labels=_write(labels, tmp_path / "labels.jsonl"),
        **changes,
    )


def test_heads_are_trained_stored_and_scored(tmp_path: Path) -> None:
    settings = _read_settings(tmp_path, learning_curve=(0.9,))
    result = train_classifier(settings, tmp_path / "model", lambda message: None)
    model = load_classifier(result.model_path)
    assert model.heads == ("math", "quality", "kind:exposition", "kind:news_blog")
    first, second, empty = model.score_heads([MATH + " $x^2$ $x$", REST, ""])
    assert first["math"] == model.score_many([MATH + " $x^2$ $x$"])[0]
    assert first["math"][1] > second["math"][1] and first["quality"][1] > second["quality"][1]
    assert first["kind:exposition"][1] > 0.5 > second["kind:exposition"][1]
    assert all(math.isfinite(v) for row in (first, second, empty) for p in row.values() for v in p)
    assert result.metrics["calibration_labels"]["heads"]["kind"]["right"] > 0.8
    assert result.metrics["learning_curve"][0]["share"] == 0.9
    again = train_classifier(settings, tmp_path / "again", lambda message: None)
    assert again.digest == result.digest


def test_the_part_for_kinds_is_checked(tmp_path: Path) -> None:
    result = train_classifier(_read_settings(tmp_path), tmp_path / "model", lambda message: None)
    part = result.model_path.with_suffix(".kinds.bin")
    content = part.read_bytes()
    part.write_bytes(content[:-1] + b"x")
    with pytest.raises(ModelError, match="sha256"):
        load_classifier(result.model_path)
    part.unlink()
    with pytest.raises(ModelError, match="no such file"):
        load_classifier(result.model_path)


def test_a_page_cannot_both_teach_and_judge(tmp_path: Path) -> None:
    settings = _read_settings(tmp_path)
    with pytest.raises(InputError, match="take them out of one of the files"):
        read_examples(dataclasses.replace(settings, evaluation_labels=settings.calibration_labels))


def test_a_fold_is_judged_without_its_sites(tmp_path: Path) -> None:
    settings = _read_settings(tmp_path)
    examples = read_examples(settings)
    seen: list[set[str]] = []

    def spy(settings: ClassifierSettings, examples: Examples, without: int | None) -> object:
        kept = (*examples.training, *examples.read, *examples.seeds)
        seen.append({e.site for e in kept if fold(settings, e) != without})
        return train_math(settings, examples, without)

    held_out(settings, examples, spy, examples.labelled, lambda message: None)
    for number, sites in enumerate(seen):
        judged = {e.site for e in examples.labelled if fold(settings, e) == number}
        assert judged and not judged & sites


def test_a_site_lies_in_one_fold_and_folds_follow_the_seed() -> None:
    folds = [fold_of(f"site{n}.org", 5, 1) for n in range(200)]
    assert set(folds) == set(range(5))
    assert folds != [fold_of(f"site{n}.org", 5, 2) for n in range(200)]


def test_twins_and_large_sites_are_capped(tmp_path: Path) -> None:
    rows = _rows(4) + [{**_rows(1)[0], "url": f"https://twin.org/{n}"} for n in range(9)]
    source = _write(rows, tmp_path / "pages.jsonl")
    examples = read_examples(dataclasses.replace(SMALL, bootstrap=(source,)))
    assert examples.counts["repeated"] == 9 and len(examples.training) == 4


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({}, "nothing to learn from"),
        ({"bootstrap": ("x",), "formulas": "keep"}, "classifier.formulas is one of"),
        ({"bootstrap": ("x",), "dim": 0}, "classifier.dim must be greater than 0"),
        ({"positives": ("x",)}, "come together"),
        ({"bootstrap": ("x",), "folds": 1}, "classifier.folds"),
        ({"bootstrap": ("x",), "kinds": True}, "set classifier.calibration_labels"),
        ({"bootstrap": ("x",), "learning_curve": (1.5,)}, "shares between 0 and 1"),
        (
            {"bootstrap": ("x",), "bootstrap_role": "context", "calibration_labels": "y"},
            "classifier.read_copies",
        ),
    ],
)
def test_impossible_settings(tmp_path: Path, changes: dict, message: str) -> None:  # type: ignore[type-arg]
    with pytest.raises(RecipeError, match=message):
        _train(dataclasses.replace(SMALL, **changes), tmp_path)


def test_one_sided_or_unreadable_input(tmp_path: Path) -> None:
    one_sided = _write(_rows(40)[::2], tmp_path / "pages.jsonl")
    with pytest.raises(InputError, match="both are needed"):
        _train(dataclasses.replace(SMALL, bootstrap=(one_sided,)), tmp_path / "a")
    with pytest.raises(InputError, match="no field formulas"):
        _train(dataclasses.replace(SMALL, bootstrap=(one_sided,), marks_field="formulas"), tmp_path)
    (tmp_path / "bad.parquet").write_bytes(b"PAR1 no")
    with pytest.raises(InputError, match="not a Parquet file"):
        _train(dataclasses.replace(SMALL, bootstrap=(str(tmp_path / "bad.parquet"),)), tmp_path)


def test_recipes_of_the_house_are_sound() -> None:
    trainable = set()
    for path in sorted(RECIPES.glob("*.toml")):
        recipe.load(str(path))
        if "classifier" in tomllib.loads(path.read_text()):
            trainable.add(path.stem)
            assert settings_from_toml(str(path)).name == path.stem.replace("default", "math")
    assert trainable == {"default", "paper", "quick"}


def test_recipe_with_an_unknown_key(tmp_path: Path) -> None:
    path = tmp_path / "r.toml"
    path.write_text("[classifier]\ndimm = 3\n")
    with pytest.raises(RecipeError, match="no key dimm"):
        settings_from_toml(str(path))


def test_hand_written_labels_and_seeds_hold_no_page_text() -> None:
    rows = [json.loads(line) for line in (RECIPES / "labels.jsonl").read_text().splitlines()]
    wanted = {"url", "math_score", "kind", "lang"}
    assert all(set(row) - {"teaches_words"} == wanted for row in rows)
    assert len({row["url"] for row in rows}) == len(rows) >= 150 + 600


# ---- without labels: what the other pages of a site are ---------------------------------------


def test_a_pages_own_value_has_no_part_in_its_share() -> None:
    places, shares, weights = site_shares(["a", "a", "a", "b"], [1.0, 1.0, 0.0, 1.0])
    assert places == [0, 1, 2]  # the only page of its site says nothing
    assert shares == [0.5, 0.5, 1.0] and weights == [1.0, 1.0, 1.0]
    assert sum(site_shares(["a"] * 40, [1.0] * 40)[2]) == pytest.approx(10.0)


def _seed_rows(prior: float | None) -> list[dict[str, object]]:
    """Sites of mathematics and of the rest, as a mining round's seed has them; `prior` is the
    distance of an earlier score from one half."""
    rows = _rows(80)
    for number, row in enumerate(rows):
        is_math = number % 2 == 0
        words = str(row["text"]).removesuffix(" $x^2$")
        row["url"] = f"https://{'math' if is_math else 'rest'}{number % 8}.org/{number}"
        row["text"] = words + " $x^2$" * (12 if is_math and number % 10 else 0)
        row["source"] = "bootstrap" if is_math else "random"
        row["score"] = None if prior is None else 0.5 + (prior if is_math else -prior)
    return rows


def _sites_settings(source: str) -> ClassifierSettings:
    return dataclasses.replace(
        SMALL,
        labelled=(source,),
        source_field="source",
        prior_field="score",
        calibration="sites",
    )


def _sites_model(rows: list[dict[str, object]], folder: Path) -> tuple[dict[str, object], Path]:
    folder.mkdir()
    settings = _sites_settings(_write(rows, folder / "seed.jsonl"))
    result = train_classifier(settings, folder, lambda message: None)
    return result.metrics, result.model_path


def test_formulas_are_weighed_without_labels(tmp_path: Path) -> None:
    metrics, path = _sites_model(_seed_rows(None), tmp_path / "model")
    calibration = json.loads(path.with_suffix(".json").read_text())["calibration"]
    assert calibration["kind"] == "features"
    plain, marked = load_classifier(path).score_many([REST, REST + " $x^2$" * 12])
    assert marked[1] > plain[1]
    examples = metrics["examples"]
    assert isinstance(examples, dict)
    assert examples["positives.bootstrap"] == 40 and examples["negatives.random"] == 40


def test_scores_keep_their_scale_when_those_before_shrank(tmp_path: Path) -> None:
    texts = [MATH, REST, MATH + " $x^2$" * 12]
    scores = []
    for prior in (0.45, 0.15):
        _, path = _sites_model(_seed_rows(prior), tmp_path / str(prior))
        scores.append([score for _, score in load_classifier(path).score_many(texts)])
    assert scores[1] == pytest.approx(scores[0], abs=0.15)  # unstretched: .65, .35


def test_a_source_can_be_left_out(tmp_path: Path) -> None:
    rows = _seed_rows(None)
    for row in rows[:10]:
        row["source"] = "domain"
    settings = _sites_settings(_write(rows, tmp_path / "seed.jsonl"))
    settings = dataclasses.replace(settings, sources_out=("domain",))
    counts = read_examples(settings).counts
    assert not any(name.endswith(".domain") for name in counts)
    assert counts["positives"] + counts["negatives"] == 70


def test_texts_of_labelled_pages_are_looked_up_and_give_no_example(tmp_path: Path) -> None:
    seed = _write(_seed_rows(None), tmp_path / "seed.jsonl")
    other = {"url": "https://held.org/1", "text": MATH}
    lookup = _write([other, {"url": "https://held.org/2", "text": MATH}], tmp_path / "held.jsonl")
    labels = _write([{"url": "https://held.org/1", "math_score": 4}], tmp_path / "labels.jsonl")
    settings = dataclasses.replace(
        _sites_settings(seed), lookup=(lookup,), evaluation_labels=labels
    )
    examples = read_examples(settings)
    assert [e.url for e in examples.labelled] == ["https://held.org/1"]
    assert not any(e.url.startswith("https://held.org") for e in examples.training)
