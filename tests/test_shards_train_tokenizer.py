"""Training of the tokenizer: the same documents give the same bytes."""

from __future__ import annotations

import dataclasses
import json
import random
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cc_math.errors import InputError, RecipeError
from cc_math.shards.tokenizer import from_json
from cc_math.shards.train_tokenizer import (
    TokenizerRecipe,
    TrainingDocument,
    bytes_per_token,
    main,
    read_documents,
    read_recipe,
    train,
)

SHIPPED_RECIPE = Path(__file__).parents[1] / "classifiers" / "tokenizer" / "recipe.toml"
RECIPE = TokenizerRecipe(
    vocab_size=300,
    end_of_document="<|endoftext|>",
    max_token_bytes=16,
    min_frequency=2,
    min_domains=2,
    min_document_chars=1,
    max_document_chars=10_000,
    max_domain_chars=10_000,
    math_formulas=3,
    math_weight=2,
    folds=3,
    seed=1,
)
DOCUMENTS = [
    TrainingDocument(
        f"Theorem {n}. Every \\alpha in the ring has a limit, and $\\frac{{{n}}}{{2}}$ follows.",
        f"site{n % 9}.example",
        "en",
        n % 2 == 0,
    )
    for n in range(60)
]


def test_two_trainings_give_the_same_bytes_in_any_order() -> None:
    shuffled = random.Random(1).sample(DOCUMENTS, len(DOCUMENTS))
    assert train(DOCUMENTS, RECIPE) == train(shuffled, RECIPE)


def test_a_trained_tokenizer_keeps_its_promises() -> None:
    tokenizer = from_json(train(DOCUMENTS, RECIPE), source="test")
    text = "unseen: \x00 ж 北 \\frac{19}{x}"
    ids = tokenizer.encode_batch([text])[0]
    assert tokenizer.decode(ids) == text
    assert (tokenizer.vocab_size, tokenizer.end_of_document) == (300, 0)
    assert tokenizer.lossless


def test_a_word_of_one_site_earns_no_token() -> None:
    alone = [TrainingDocument("zzyzx " * 500, "site1.example", "en", False)]
    vocabulary = json.loads(train(DOCUMENTS + alone, RECIPE))["model"]["vocab"]
    assert not any("zz" in token for token in vocabulary)


def test_text_without_spaces_is_learnt_from_single_sites() -> None:
    clause = [TrainingDocument("证明如下" * 100, "site1.example", "zh", False)]
    tokenizer = from_json(train(DOCUMENTS + clause, RECIPE), source="test")
    assert tokenizer.count_batch(["证明如下"])[0] < 12


def test_too_little_text_is_a_clear_error() -> None:
    with pytest.raises(InputError, match="tokens where 5000 are wanted"):
        train(DOCUMENTS, dataclasses.replace(RECIPE, vocab_size=5_000))


def test_documents_are_read_once_each_and_bounded(tmp_path: Path) -> None:
    table = pa.table(
        {
            "text": ["short", "the same text", "the same text", None, "long " * 10_000],
            "registered_domain": ["a", "b", "a", "a", None],
            "formula_counts": pa.array(
                [[], [("tex", 2), ("mathml", 1)], [("tex", 3)], [], None],
                pa.map_(pa.string(), pa.int32()),
            ),
        }
    )
    pq.write_table(table, tmp_path / "part.parquet")
    found = read_documents(str(tmp_path), dataclasses.replace(RECIPE, min_document_chars=10))
    assert [(len(d.text), d.registered_domain, d.language, d.is_math) for d in found] == [
        (10_000, "", "und", False),
        (13, "a", "und", True),
    ]


def test_a_folder_of_something_else_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_text("{}", encoding="utf-8")
    with pytest.raises(InputError, match="expected Parquet files"):
        read_documents(str(tmp_path), RECIPE)
    pq.write_table(pa.table({"text": ["x"]}), tmp_path / "part.parquet")
    with pytest.raises(InputError, match="registered_domain is not there"):
        read_documents(str(tmp_path), RECIPE)


def test_bytes_per_token_cover_every_document_by_kind_and_language() -> None:
    figures = bytes_per_token(DOCUMENTS, RECIPE)
    assert sorted(figures) == ["all", "math", "math en", "other", "other en"]
    assert figures["all"]["documents"] == 60
    assert figures["all"]["bytes_per_token"] > 1


def test_the_shipped_recipe_is_valid() -> None:
    assert read_recipe(str(SHIPPED_RECIPE)).vocab_size == 32_000


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("colour = 1", "unknown key tokenizer.colour"),
        ('vocab_size = "many"', "tokenizer.vocab_size must be a int"),
    ],
)
def test_a_wrong_recipe_names_the_key(tmp_path: Path, line: str, message: str) -> None:
    key = line.split(" ", maxsplit=1)[0]
    kept = [old for old in SHIPPED_RECIPE.read_text("utf-8").splitlines()
            if not old.startswith(f"{key} ")]  # fmt: skip
    path = tmp_path / "recipe.toml"
    path.write_text("\n".join([*kept, line]), encoding="utf-8")
    with pytest.raises(RecipeError, match=message):
        read_recipe(str(path))


def test_the_command_writes_the_tokenizer_and_its_figures(tmp_path: Path) -> None:
    table = pa.table(
        {
            "text": [document.text for document in DOCUMENTS],
            "registered_domain": [document.registered_domain for document in DOCUMENTS],
        }
    )
    (tmp_path / "documents").mkdir()
    pq.write_table(table, tmp_path / "documents" / "part.parquet")
    recipe = tmp_path / "recipe.toml"
    lines = [f"{key} = {json.dumps(value)}" for key, value in dataclasses.asdict(RECIPE).items()]
    recipe.write_text("\n".join(["[tokenizer]", *lines]), encoding="utf-8")
    main([str(recipe), "--documents", str(tmp_path / "documents"), "--output", str(tmp_path)])
    metrics = json.loads((tmp_path / "metrics.json").read_text("utf-8"))
    assert from_json((tmp_path / "tokenizer.json").read_bytes(), source="x").vocab_size == 300
    assert metrics["recipe"]["vocab_size"] == 300
    assert metrics["unseen_domains"]["all"]["documents"] == 60
