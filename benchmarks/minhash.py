"""MinHash signatures: this project's NumPy beside datasketch, time and error of the estimate.

    python benchmarks/minhash.py [--documents N] [--shingles N]

Needs datasketch (`pip install datasketch`). Documents are made up: pairs of shingle sets whose
true Jaccard overlap is known, so that the error of both estimates can be told.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import numpy as np
from datasketch import MinHash
from numpy.typing import NDArray

from cc_math.dedup import minhash

PERMUTATIONS = 120  # the recipe's 20 bands of 6 rows
Shingles = NDArray[np.uint64]


def pairs(documents: int, shingles: int, seed: int) -> list[tuple[Shingles, Shingles, float]]:
    """Pairs of shingle sets with their true overlap, from 0.3 to 1."""
    draw = np.random.default_rng(seed)
    made = []
    for wanted in np.linspace(0.3, 1.0, documents // 2):
        common = round(2 * shingles * wanted / (1 + wanted))
        pool = np.unique(draw.integers(0, 2**64, 2 * shingles - common, dtype=np.uint64))
        left, right = np.sort(pool[:shingles]), np.sort(pool[len(pool) - shingles :])
        overlap = len(np.intersect1d(left, right)) / len(np.union1d(left, right))
        made.append((left, right, overlap))
    return made


def with_numpy(sets: list[Shingles]) -> list[NDArray[np.uint32]]:
    """Signatures as the dedup stage makes them."""
    functions = minhash.permutations(PERMUTATIONS, 1)
    return [minhash.signature(shingle_set, functions) for shingle_set in sets]


def with_datasketch(sets: list[Shingles]) -> list[MinHash]:
    """Signatures by datasketch's bulk interface; its hash is the identity: hashes come in."""
    as_is: Callable[[int], int] = lambda value: value & 0xFFFFFFFF  # noqa: E731
    return list(
        MinHash.generator(
            [shingle_set.tolist() for shingle_set in sets],
            num_perm=PERMUTATIONS,
            seed=1,
            hashfunc=as_is,
        )
    )


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--documents", type=int, default=1000)
    parser.add_argument("--shingles", type=int, default=1000)
    options = parser.parse_args()
    made = pairs(options.documents, options.shingles, seed=1)
    sets = [one for left, right, _ in made for one in (left, right)]
    print(f"{len(sets)} sets of {options.shingles} shingles, {PERMUTATIONS} permutations")
    print(f"{'':<12}{'ms a set':>10}{'mean error of the estimate':>30}")
    started_s = time.process_time()
    ours = with_numpy(sets)
    ours_s = time.process_time() - started_s
    errors = [
        abs(minhash.estimated_overlap(ours[2 * i], ours[2 * i + 1]) - overlap)
        for i, (_, _, overlap) in enumerate(made)
    ]
    print(f"{'cc-math':<12}{1000 * ours_s / len(sets):>10.3f}{np.mean(errors):>30.4f}")
    started_s = time.process_time()
    theirs = with_datasketch(sets)
    theirs_s = time.process_time() - started_s
    errors = [
        abs(theirs[2 * i].jaccard(theirs[2 * i + 1]) - overlap)
        for i, (_, _, overlap) in enumerate(made)
    ]
    print(f"{'datasketch':<12}{1000 * theirs_s / len(sets):>10.3f}{np.mean(errors):>30.4f}")


if __name__ == "__main__":
    main()
