"""When a loop ends: its own rule, the most rounds, or nothing that changes any more."""

from __future__ import annotations

from cc_math.manifests import Json
from cc_math.rounds.settings import Iterate


def overlap(kept: int, recalled: int) -> float | None:
    """Share of a round's recalled pages that the round before had; None where it recalled none."""
    return round(kept / recalled, 6) if recalled else None


def at_rest(rounds: list[Json]) -> tuple[float, float] | None:
    """Of the last round: the share of its pages that the round before had, and the share of the
    round before's that it still has. None where there are no two rounds with pages."""
    if len(rounds) < 2 or rounds[-1]["overlap"] is None:
        return None
    held = overlap(rounds[-1]["recalled"]["kept"], rounds[-2]["recalled"]["recalled"])
    return None if held is None else (rounds[-1]["overlap"], held)


def why_stopped(rounds: list[Json], settings: Iterate) -> str:
    """Why the loop ends after its finished ``rounds``, as a sentence; '' where it goes on.

    The rule of Shao et al. 2024, section 2.1, is that a round had 98 % of its pages already. By
    a fixed score a round can meet it by merely becoming smaller, so here the share must hold
    both ways: of the pages of the round before as many must still be there. By a token budget
    the two are nearly one.
    """
    if not rounds:
        return ""
    last = rounds[-1]
    number = last["round"]
    if not last["recalled"]["recalled"]:
        return f"Round {number} recalled nothing: lower domains.min_score or look at its seed."
    shares = at_rest(rounds)
    if shares is not None and min(shares) >= settings.stop_overlap:
        if min(shares) == 1.0:
            return f"Stopped after round {number}: it recalled just what the round before did."
        return (
            f"Stopped after round {number}: the round before had {shares[0]:.2%} of its pages and "
            f"it has {shares[1]:.2%} of that round's; the rule wants {settings.stop_overlap:.0%}."
        )
    if number >= settings.max_rounds:
        return (
            f"Stopped after round {number}, the most that iterate.max_rounds allows, without "
            "meeting the rule; --rounds N goes on."
        )
    return ""
