"""One slot of the stream to its shard files, in every format asked for.

Owns the names of shard files and the rows of the ``shards`` table. Reads nothing; writes to a
local folder that the caller gives, and moves to its store afterwards. A slot without documents
has no files: Megatron cannot map an empty one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cc_math.errors import RecipeError
from cc_math.shards.layout import Layout
from cc_math.shards.megatron import TokenCounts, write_megatron
from cc_math.shards.parquet import write_parquet_tokens
from cc_math.shards.stream import ShardDocument
from cc_math.shards.tokenizer import TokenType

FORMATS = ("megatron", "parquet")


@dataclass(frozen=True, slots=True)
class ShardFile:
    """A row of the ``shards`` table; both files of a Megatron pair carry the same counts."""

    path: str  # relative to the shards folder, with slashes: FORMAT/SPLIT-NUMBER-of-COUNT.SUFFIX
    bytes: int
    sha256: str
    documents: int
    tokens: int  # end-of-document included
    split: str


def write_shard(
    documents: Sequence[ShardDocument],
    folder: str,
    *,
    layout: Layout,
    slot: int,
    formats: Sequence[str],
    dtype: TokenType,
    with_url: bool,
) -> list[ShardFile]:
    """Write one shard below ``folder`` (created) in each of ``formats``; rows sorted by path.

    ``with_url`` must be the same for all shards of a corpus. Raises RecipeError for an unknown
    format.
    """
    unknown = sorted(set(formats) - set(FORMATS))
    if unknown:
        raise RecipeError(f"unknown shard format {unknown[0]}; expected {' or '.join(FORMATS)}")
    if not documents:
        return []
    stem = layout.name(slot)
    rows: list[ShardFile] = []
    for shard_format in sorted(set(formats)):
        (Path(folder) / shard_format).mkdir(parents=True, exist_ok=True)
        base = f"{folder}/{shard_format}/{stem}"
        if shard_format == "megatron":
            counts = write_megatron(
                (document.tokens for document in documents),
                f"{base}.bin",
                f"{base}.idx",
                dtype=dtype,
            )
            suffixes = [".bin", ".idx"]
        else:
            counts = write_parquet_tokens(
                documents, f"{base}.parquet", dtype=dtype, with_url=with_url
            )
            suffixes = [".parquet"]
        split = layout.split_of_slot(slot)
        for suffix in suffixes:
            rows.append(_describe(folder, f"{shard_format}/{stem}{suffix}", counts, split))
    return rows


def _describe(folder: str, path: str, counts: TokenCounts, split: str) -> ShardFile:
    local = Path(folder) / path
    with local.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return ShardFile(
        path=path,
        bytes=local.stat().st_size,
        sha256=digest,
        documents=counts.documents,
        tokens=counts.tokens,
        split=split,
    )
