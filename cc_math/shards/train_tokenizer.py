"""Trains the tokenizer that ships: byte-level BPE for text with mathematics.

Owns the count of pieces that training sees, and the figures of the card. Reads a folder of
``documents`` (text, registered_domain; language and formula_counts where there are any) and a
recipe; writes ``tokenizer.json`` and ``metrics.json``. Run as

    python -m cc_math.shards.train_tokenizer RECIPE.toml --documents DIR --output DIR

Byte-level BPE (Radford et al. 2019, section 2.2) is lossless by construction: no normaliser,
all 256 bytes in the vocabulary. Digits stand alone (LLaMA, Touvron et al. 2023, section 2.1;
arithmetic is learnt better so: Singh and Strouse 2024), a LaTeX command is one piece with the
space before it, a formula's delimiter is never glued to what it encloses
(:data:`cc_math.shards.tokenizer.PIECE_PATTERN`).

Training sees counts of pieces, not documents: a piece counts only where several registered
domains use it, so that names of people and boilerplate of a site earn no token. The same
documents give the same bytes, in any order: counts are sorted and the library runs in one
thread. The trade: the table of counts is held in memory, about 150 bytes per distinct piece.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import re
import tomllib
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, fields
from itertools import repeat
from pathlib import Path

import pyarrow.dataset as pds
import tokenizers
from tokenizers import decoders, models, pre_tokenizers, trainers

from cc_math.errors import InputError, RecipeError
from cc_math.shards.layout import bucket_of
from cc_math.shards.tokenizer import PIECE_PATTERN, canonical_json, from_json

# Scripts written without spaces: Thai and Lao, Myanmar, Khmer, kana, Han. Their pieces are
# whole clauses, which hardly two sites share.
_UNSPACED = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff"
    "\U00020000-\U0003ffff]"
)
_COLUMNS = ("text", "registered_domain", "language", "formula_counts")
_FEED_PIECES = 1 << 14  # pieces handed to the library at a time; chosen


@dataclass(frozen=True, slots=True)
class TokenizerRecipe:
    """Values of a training; the recipe file gives each with its source."""

    vocab_size: int
    end_of_document: str
    max_token_bytes: int
    min_frequency: int
    min_domains: int  # registered domains that must use a piece
    min_document_chars: int
    max_document_chars: int  # of longer documents, the beginning
    max_domain_chars: int
    math_formulas: int  # formulas from which a document counts as mathematics
    math_weight: int  # how many times such a document counts
    folds: int  # of registered domains, for the figures of the card
    seed: int  # of the folds


@dataclass(frozen=True, slots=True)
class TrainingDocument:
    """A document as far as training and the figures need it."""

    text: str
    registered_domain: str
    language: str
    is_math: bool


def read_recipe(path: str) -> TokenizerRecipe:
    """The ``[tokenizer]`` table of a TOML file. Raises RecipeError for a wrong or missing key."""
    try:
        table = tomllib.loads(Path(path).read_text(encoding="utf-8"))["tokenizer"]
    except (OSError, tomllib.TOMLDecodeError, KeyError) as error:
        raise RecipeError(
            f"expected a TOML file with a [tokenizer] table at {path}: {error}"
        ) from (error)
    known = {field.name: field.type for field in fields(TokenizerRecipe)}
    for key in sorted(set(known) ^ set(table)):
        raise RecipeError(
            f"{'missing' if key in known else 'unknown'} key tokenizer.{key} in {path}"
        )
    for key, value in table.items():
        if type(value).__name__ != known[key]:
            raise RecipeError(f"tokenizer.{key} must be a {known[key]}, and is {value!r} in {path}")
    return TokenizerRecipe(**table)


def read_documents(folder: str, recipe: TokenizerRecipe) -> list[TrainingDocument]:
    """Documents of a Parquet folder, long enough, each text once, sorted by text.

    Raises InputError when the folder has no ``text`` and ``registered_domain``.
    """
    paths = sorted(str(path) for path in Path(folder).rglob("*.parquet"))
    if not paths:
        raise InputError(f"expected Parquet files of documents in {folder}, found none")
    dataset = pds.dataset(paths, format="parquet")
    if missing := [name for name in _COLUMNS[:2] if name not in dataset.schema.names]:
        raise InputError(
            f"expected the columns text and registered_domain in {folder}; "
            f"{missing[0]} is not there"
        )
    present = [name for name in _COLUMNS if name in dataset.schema.names]
    found: dict[str, TrainingDocument] = {}
    for batch in dataset.to_batches(columns=present, use_threads=False):
        for row in batch.to_pylist():
            text = row["text"] or ""
            if len(text) >= recipe.min_document_chars:
                formulas = sum(number for _, number in row.get("formula_counts") or ())
                document = TrainingDocument(
                    text=text[: recipe.max_document_chars],
                    registered_domain=row["registered_domain"] or "",
                    language=row.get("language") or "und",
                    is_math=formulas >= recipe.math_formulas,
                )
                other = found.setdefault(document.text, document)
                if _sort_key(document) < _sort_key(other):
                    found[document.text] = document
    return sorted(found.values(), key=_sort_key)


def train(documents: Sequence[TrainingDocument], recipe: TokenizerRecipe) -> bytes:
    """Canonical JSON of a tokenizer trained on documents, whatever their order.

    Raises InputError when they hold too little text for the vocabulary.
    """
    # The trainer's result does not depend on threads, but a task of one core should use one.
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    split = pre_tokenizers.Split(tokenizers.Regex(PIECE_PATTERN), "isolated")
    counts = _count_pieces(sorted(documents, key=_sort_key), split, recipe)
    model = tokenizers.Tokenizer(models.BPE())
    model.pre_tokenizer = pre_tokenizers.Sequence(
        [split, pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)]
    )
    model.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=recipe.vocab_size,
        min_frequency=recipe.min_frequency,
        special_tokens=[recipe.end_of_document],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        max_token_length=recipe.max_token_bytes,
        show_progress=False,
    )
    model.train_from_iterator(_feed(counts), trainer)
    if model.get_vocab_size() != recipe.vocab_size:
        raise InputError(
            f"the documents give {model.get_vocab_size()} tokens where {recipe.vocab_size} are "
            "wanted; give more documents, or lower vocab_size or min_frequency"
        )
    return canonical_json(json.loads(model.to_str()))


def bytes_per_token(
    documents: Sequence[TrainingDocument], recipe: TokenizerRecipe
) -> dict[str, dict[str, float]]:
    """Figures on domains that training did not see: math and other, all and by language.

    Cross-fitted: each document is measured with a twin of the tokenizer that is trained
    without its fold of registered domains. One training for each fold.
    """
    sums: dict[str, list[int]] = defaultdict(lambda: [0, 0, 0])
    folds = [
        bucket_of(document.registered_domain, recipe.seed, recipe.folds) for document in documents
    ]
    for fold in range(recipe.folds):
        pairs = list(zip(documents, folds, strict=True))
        twin_json = train([document for document, other in pairs if other != fold], recipe)
        twin = from_json(twin_json, source=f"the tokenizer without fold {fold}")
        unseen = [document for document, own in pairs if own == fold]
        counts = twin.count_batch([document.text for document in unseen])
        for document, tokens in zip(unseen, counts, strict=True):
            kind = "math" if document.is_math else "other"
            for group in ("all", kind, f"{kind} {document.language}"):
                for place, value in enumerate((1, len(document.text.encode()), tokens)):
                    sums[group][place] += value
    return {
        group: {"documents": n, "bytes": size, "bytes_per_token": round(size / tokens, 3)}
        for group, (n, size, tokens) in sorted(sums.items())
    }


def _sort_key(document: TrainingDocument) -> tuple[str, str, str, bool]:
    return document.text, document.registered_domain, document.language, document.is_math


def _count_pieces(
    documents: Iterable[TrainingDocument],
    split: pre_tokenizers.PreTokenizer,
    recipe: TokenizerRecipe,
) -> list[tuple[str, int]]:
    """Pieces that enough domains use with their weighted counts, sorted by piece."""
    counts: Counter[str] = Counter()
    domains: dict[str, set[str]] = defaultdict(set)
    used_chars: Counter[str] = Counter()
    for document in documents:
        domain = document.registered_domain
        left_chars = recipe.max_domain_chars - used_chars[domain]
        text = document.text[: max(0, left_chars)]
        used_chars[domain] += len(text)
        weight = recipe.math_weight if document.is_math else 1
        for piece, number in Counter(piece for piece, _ in split.pre_tokenize_str(text)).items():
            counts[piece] += weight * number
            seen_in = domains[piece]
            if len(seen_in) < recipe.min_domains:
                seen_in.add(domain)
    return sorted(
        (piece, number)
        for piece, number in counts.items()
        if len(domains[piece]) >= recipe.min_domains or _UNSPACED.search(piece)
    )


def _feed(counts: Iterable[tuple[str, int]]) -> Iterator[list[str]]:
    """Each piece as often as it counts, in lists: the library takes no counts."""
    batch: list[str] = []
    for piece, number in counts:
        batch.extend(repeat(piece, number))
        if len(batch) >= _FEED_PIECES:
            yield batch
            batch = []
    yield batch


def main(arguments: Sequence[str] | None = None) -> None:
    """Train by a recipe, measure on unseen domains, write both files."""
    parser = argparse.ArgumentParser(description="Train the default tokenizer.")
    parser.add_argument("recipe", help="TOML file with a [tokenizer] table")
    parser.add_argument("--documents", required=True, help="folder of the documents table")
    parser.add_argument("--output", required=True, help="folder for tokenizer.json, metrics.json")
    options = parser.parse_args(arguments)
    recipe = read_recipe(options.recipe)
    documents = read_documents(options.documents, recipe)
    data = train(documents, recipe)
    metrics = {
        "tokenizers_version": tokenizers.__version__,
        "sha256": hashlib.sha256(data).hexdigest(),
        "size_bytes": len(data),
        "recipe": asdict(recipe),
        "documents": len(documents),
        "domains": len({document.registered_domain for document in documents}),
        "unseen_domains": bytes_per_token(documents, recipe),
    }
    output = Path(options.output)
    output.mkdir(parents=True, exist_ok=True)
    (output / "tokenizer.json").write_bytes(data)
    text = json.dumps(metrics, indent=1, sort_keys=True, ensure_ascii=False)
    (output / "metrics.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
