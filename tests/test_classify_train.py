"""Training: the same bytes every time, sites held out, mistakes named."""

import dataclasses
import hashlib
import json
import math
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cc_math.classify import load_classifier
from cc_math.classify.labels import fold_of, read_examples
from cc_math.classify.settings import ClassifierSettings, settings_from_toml
from cc_math.classify.train import train_classifier
from cc_math.errors import InputError, RecipeError

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
    from cc_math.text import classifier_text

    assert example.line == classifier_text(text)


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
    for path in sorted(RECIPES.glob("*.toml")):
        assert settings_from_toml(str(path)).name == path.stem.replace("default", "math")


def test_recipe_with_an_unknown_key(tmp_path: Path) -> None:
    path = tmp_path / "r.toml"
    path.write_text("[classifier]\ndimm = 3\n")
    with pytest.raises(RecipeError, match="no key dimm"):
        settings_from_toml(str(path))


def test_hand_written_labels_and_seeds_hold_no_page_text() -> None:
    rows = [json.loads(line) for line in (RECIPES / "labels.jsonl").read_text().splitlines()]
    assert all(set(row) == {"url", "math_score", "kind", "lang"} for row in rows)
    assert len({row["url"] for row in rows}) == len(rows) >= 150
