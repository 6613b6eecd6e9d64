"""Shares of the corpus by kind of page: how many tokens of each kind stay, and which.

Plain functions on plain values; :mod:`cc_math.spark.compose` feeds them. A recipe bounds the
share of a kind from below (``compose.min_kind_shares``) or above (``compose.max_kind_shares``).
Shares are of tokens, because a training run reads tokens: a page of solved exercises is short,
and thirty per cent of the pages may be ten of the text.

The trade: nothing is repeated to fill a share, so a kind is raised by leaving out the others.
As many tokens stay as the bounds allow, and the unbounded kinds keep their proportions to each
other. Which documents of a kind go is decided by a hash of their id, so the choice hangs on no
order of rows or parts and the rest is a fair sample. To drop the lowest scored first was tried:
scores rise with length, and what stayed were pages of twice the mean length; quality has a knob
of its own, ``compose.min_score``.
"""

from __future__ import annotations

import difflib
import hashlib
from collections.abc import Iterable, Mapping
from fractions import Fraction

from cc_math.errors import InputError, RecipeError

KindShares = tuple[tuple[str, float], ...]
"""A recipe's table of kinds and shares, sorted by kind."""

UNKNOWN = "unknown"
"""Stands for the kind of a document that has none, in counts."""

RANK_BITS = 48  # of 10^10 documents some 10^5 share a rank; only the one at the cut would matter
STEP_BITS = (32, 16, 0)
"""Bits of a rank below each piece of it: a search for one rank goes through these pieces."""
PIECE_MASK = (1 << 16) - 1


def check_kinds(name: str, shares: KindShares) -> None:
    """Raise RecipeError for a kind that there is not, or a value outside 0 to 1; ``name`` is the
    recipe's key."""
    from cc_math.classify.heads import KINDS  # NumPy, which most commands do without

    for kind, share in shares:
        if kind not in KINDS:
            near = difflib.get_close_matches(kind, KINDS, n=1, cutoff=0.4)
            mend = f"did you mean {near[0]}?" if near else f"kinds are {', '.join(KINDS)}"
            raise RecipeError(f"compose.{name}: unknown kind {kind}; {mend}")
        if not 0 <= share <= 1:
            raise RecipeError(f"compose.{name}: {kind} is a value from 0 to 1, found {share}")


def check_kind_shares(least: KindShares, most: KindShares) -> None:
    """Raise RecipeError for a kind that there is not, and for shares that cannot be had."""
    from cc_math.classify.heads import KINDS

    check_kinds("min_kind_shares", least)
    check_kinds("max_kind_shares", most)
    if sum(_exact(least).values()) > 1:
        total = float(sum(_exact(least).values()))
        raise RecipeError(f"compose.min_kind_shares sum to {total:g}: all shares together are 1")
    ceilings = _exact(most)
    for kind, floor in _exact(least).items():
        if floor > ceilings.get(kind, 1):
            raise RecipeError(
                f"compose: {kind} is to have at least {float(floor):g} and at most "
                f"{float(ceilings[kind]):g} of the tokens"
            )
    if set(ceilings) == set(KINDS) and sum(ceilings.values()) < 1:
        total = float(sum(ceilings.values()))
        raise RecipeError(f"compose.max_kind_shares of all kinds sum to {total:g}, below 1")


def require_kind_heads(heads: Iterable[str], least: KindShares, most: KindShares) -> None:
    """Raise InputError where the scores cannot tell one of the kinds that the recipe bounds."""
    if not least and not most:
        return
    known = sorted(head.removeprefix("kind:") for head in heads if head.startswith("kind:"))
    if not known:
        raise InputError(
            "compose.min_kind_shares and max_kind_shares need scores with heads kind:NAME; these "
            "have none: score with a model that has them, such as the shipped one"
        )
    for kind, _ in (*least, *most):
        if kind not in known:
            raise InputError(
                f"compose: the scores have no head kind:{kind}; their kinds are {', '.join(known)}"
            )


def kind_of(scores: Mapping[str, float], min_scores: Mapping[str, float]) -> str:
    """The kind of a document by its scores of each kind; '' without any.

    One whose score reaches its minimum goes before the likeliest, since a head that has seen few
    labels of its kind stays low where it is right; of several the one that is furthest above.
    """
    reached = [
        (score / max(min_scores[kind], 1e-4), kind)
        for kind, score in scores.items()
        if kind in min_scores and score >= min_scores[kind]
    ]
    found = reached or [(score, kind) for kind, score in scores.items()]
    return max(found)[1] if found else ""


def _exact(shares: KindShares) -> dict[str, Fraction]:
    """Shares as the decimal fractions that were written."""
    return {kind: Fraction(repr(share)) for kind, share in shares}


def tokens_that_stay(
    tokens: Mapping[str, int], least: KindShares, most: KindShares
) -> dict[str, int]:
    """The most tokens of each kind that may stay, so that the shares hold and most tokens stay.

    ``tokens`` are those of the documents that pass every other rule. With X tokens in all, kind
    k has between least_k X and min(tokens_k, most_k X). The largest such X is found exactly, in
    rational numbers; between these bounds all kinds keep the same part of what they have.
    Raises InputError where no document could stay.
    """
    floors, ceilings = _exact(least), _exact(most)
    total = _largest_total(tokens, floors, ceilings)
    if total == 0 and any(tokens.values()):
        missing = [kind for kind, share in floors.items() if share and not tokens.get(kind)]
        why = f"no document of kind {', '.join(missing)} passes the other rules" if missing else (
            "the kinds without an upper bound have no document that passes the other rules"
        )  # fmt: skip
        raise InputError(f"compose: these shares of kinds leave nothing to publish, since {why}")
    low = {kind: floors.get(kind, Fraction(0)) * total for kind in tokens}
    high = {k: min(Fraction(n), ceilings.get(k, Fraction(1)) * total) for k, n in tokens.items()}
    part = _kept_part(tokens, low, high, total)
    return {k: int(_between(part * n, low[k], high[k])) for k, n in tokens.items()}


def _between(value: Fraction, low: Fraction, high: Fraction) -> Fraction:
    return max(low, min(high, value))


def _largest_total(
    tokens: Mapping[str, int], floors: Mapping[str, Fraction], ceilings: Mapping[str, Fraction]
) -> Fraction:
    """The largest X with X <= tokens_k / floor_k and X <= sum of min(tokens_k, ceiling_k X)."""
    shares = {k: ceilings.get(k, Fraction(1)) for k in tokens}
    most = Fraction(sum(tokens.values()))
    for kind, share in floors.items():
        if share:
            most = min(most, Fraction(tokens.get(kind, 0)) / share)

    def room(total: Fraction) -> Fraction:
        return sum((min(Fraction(n), shares[k] * total) for k, n in tokens.items()), Fraction(0))

    if room(most) >= most:
        return most
    # room(X) - X is concave and 0 at 0: its largest root lies where one set of kinds is whole
    bends = sorted({Fraction(n) / shares[k] for k, n in tokens.items() if shares[k]})
    for bend in reversed([Fraction(0), *bends]):
        whole = {k for k, n in tokens.items() if n <= shares[k] * bend}
        rest = sum((shares[k] for k in tokens if k not in whole), Fraction(0))
        if rest < 1:
            root = Fraction(sum(tokens[k] for k in whole)) / (1 - rest)
            if root <= most and room(root) >= root:
                return root
    return Fraction(0)


def _kept_part(
    tokens: Mapping[str, int],
    low: Mapping[str, Fraction],
    high: Mapping[str, Fraction],
    total: Fraction,
) -> Fraction:
    """The part p with: p tokens_k, held between low_k and high_k, sum to ``total``."""
    bends = {Fraction(0), Fraction(1)}
    for kind, number in tokens.items():
        if number:
            bends |= {low[kind] / number, high[kind] / number}

    def held(part: Fraction) -> Fraction:
        return sum((_between(part * n, low[k], high[k]) for k, n in tokens.items()), Fraction(0))

    before = Fraction(0)
    for bend in sorted(bends):
        if held(bend) >= total:
            rise = held(bend) - held(before)
            return before + (bend - before) * (total - held(before)) / rise if rise else bend
        before = bend
    return Fraction(1)


def rank(doc_id: str) -> int:
    """Place of a document within its kind, 48 bits: smaller ranks stay first."""
    data = doc_id.encode("utf-8", "surrogatepass")
    digest = hashlib.blake2b(data, digest_size=RANK_BITS // 8, person=b"kind share")
    return int.from_bytes(digest.digest(), "big")


def crossing_piece(tokens_by_piece: Mapping[int, int], limit: int) -> tuple[int, int]:
    """(piece, tokens before it) of the first piece at which the running sum passes ``limit``."""
    before = 0
    for piece, tokens in sorted(tokens_by_piece.items()):
        if before + tokens > limit:
            return piece, before
        before += tokens
    raise ValueError(f"{before} tokens do not pass {limit}")
