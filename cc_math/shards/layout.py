"""Where a document lands: the one canonical order, the cut into shards, the split.

Owns the pure functions that give every document its place from its id and the seed alone,
so that any task on any machine agrees without asking another. Reads and writes nothing.

The order is a permutation by hash: documents stand by ``order_key`` (64 bits of the seed and
the doc_id). A shard is a range of keys, so the concatenation of all shards of a split is the
same stream however many shards it is cut into. The trade: shards are equal in expectation,
not exactly (a shard of 100,000 documents deviates by well under one per cent).

The validation split is by registered domain, because near-copies of a page and its template
live on the same site: a split by page would measure memory. The trade: its size follows the
sizes of the sites that fall into it, so on small crawls it misses its share widely.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from cc_math.errors import RecipeError

TRAIN = "train"
VALIDATION = "validation"

_HASH_BYTES = 8  # 64 bits: at 10^9 documents about 27,000 ties, which the doc_id then orders
_HASH_RANGE = 1 << (8 * _HASH_BYTES)


def _hash64(purpose: bytes, seed: int, name: str) -> int:
    """64 bits of BLAKE2b (RFC 7693), apart for each purpose through the personalisation field."""
    data = f"{seed}\0{name}".encode("utf-8", "surrogatepass")
    digest = hashlib.blake2b(data, digest_size=_HASH_BYTES, person=purpose).digest()
    return int.from_bytes(digest, "big")


def order_key(doc_id: str, seed: int) -> int:
    """Place of a document in the stream: 0 to 2**64 - 1; ties are ordered by doc_id."""
    return _hash64(b"cc-math order", seed, doc_id)


def sample_key(doc_id: str, seed: int) -> int:
    """Place of a document in a draw of samples, unrelated to its place in the stream."""
    return _hash64(b"cc-math sample", seed, doc_id)


def bucket_of(doc_id: str, seed: int, buckets: int) -> int:
    """Which of ``buckets`` equal ranges of the order holds the document, 0 to buckets - 1."""
    return order_key(doc_id, seed) * buckets // _HASH_RANGE


def split_of(registered_domain: str, seed: int, validation_share: float) -> str:
    """``train`` or ``validation``, the same for every document of a registered domain.

    ``validation_share`` is the expected share of the *domains*, 0 to 1. A smaller share picks
    a subset of the domains of a larger one. Callers pass the doc_id where no domain is known.
    """
    is_validation = _hash64(b"cc-math split", seed, registered_domain) < round(
        validation_share * _HASH_RANGE
    )
    return VALIDATION if is_validation else TRAIN


@dataclass(frozen=True, slots=True)
class Layout:
    """How the stream is cut: slots 0 to train_shards - 1 are train, the rest validation."""

    seed: int
    validation_share: float
    train_shards: int
    validation_shards: int

    def __post_init__(self) -> None:
        if not 0 <= self.validation_share < 1:
            raise RecipeError(
                f"the validation share must be at least 0 and below 1, not {self.validation_share}"
            )
        if self.train_shards < 1 or self.validation_shards < (self.validation_share > 0):
            raise RecipeError(
                "a layout needs at least one train shard, and one validation shard where the "
                f"validation share is above 0; found {self.train_shards} and "
                f"{self.validation_shards}"
            )

    @property
    def slots(self) -> int:
        """Number of shards of both splits together."""
        return self.train_shards + self.validation_shards

    def slot_of(self, doc_id: str, key: int, registered_domain: str | None) -> int:
        """The slot of a document, whose ``order_key`` the caller has at hand."""
        group = registered_domain or doc_id
        if split_of(group, self.seed, self.validation_share) == TRAIN:
            return key * self.train_shards // _HASH_RANGE
        return self.train_shards + key * self.validation_shards // _HASH_RANGE

    def split_of_slot(self, slot: int) -> str:
        """``train`` or ``validation``."""
        return TRAIN if slot < self.train_shards else VALIDATION

    def key_range(self, slot: int) -> tuple[int, int]:
        """First order key of the slot, and the first behind it."""
        number, shards = self._number(slot)
        return -(-number * _HASH_RANGE // shards), -(-(number + 1) * _HASH_RANGE // shards)

    def name(self, slot: int) -> str:
        """File stem of the shard, such as ``train-00003-of-00900``."""
        number, shards = self._number(slot)
        return f"{self.split_of_slot(slot)}-{number:05d}-of-{shards:05d}"

    def _number(self, slot: int) -> tuple[int, int]:
        """Number of the shard within its split, and how many that split has."""
        if slot < self.train_shards:
            return slot, self.train_shards
        return slot - self.train_shards, self.validation_shards


def plan_layout(
    *, total_tokens: int, tokens_per_shard: int, seed: int, validation_share: float
) -> Layout:
    """The layout of a corpus of about ``total_tokens``, from figures alone (never from cores).

    Shards hold ``tokens_per_shard`` at most in expectation. ``total_tokens`` may be an estimate
    (the corpus's token_count column, of the default tokenizer): it decides only where the
    stream is cut.
    """
    if total_tokens < 0 or tokens_per_shard < 1:
        raise RecipeError(
            "the tokens of a corpus cannot be negative and those of a shard must be at least 1; "
            f"found {total_tokens} and {tokens_per_shard}"
        )
    validation_tokens = round(total_tokens * validation_share)
    return Layout(
        seed=seed,
        validation_share=validation_share,
        train_shards=max(1, -(-(total_tokens - validation_tokens) // tokens_per_shard)),
        validation_shards=max(
            1 if validation_share > 0 else 0, -(-validation_tokens // tokens_per_shard)
        ),
    )
