"""The ledger as a person reads it: a table of rounds, then what each took in and why.

Reads DIR/ledger.jsonl and joins the costs of DIR/_run, which are no part of the ledger.
"""

from __future__ import annotations

import json
from collections.abc import Callable

from cc_math.errors import InputError
from cc_math.manifests import Json, read_json
from cc_math.rounds.costs import Costs, costs_by_place
from cc_math.rounds.stop import at_rest
from cc_math.storage import join, store_for

Say = Callable[[str], None]
SHOWN_SITES = 8  # chosen: a round's paragraph stays on a screen; all are in its decisions.tsv


def read_ledger(folder: str) -> list[Json]:
    """The lines of DIR/ledger.jsonl, each with its costs. Raises InputError without a ledger."""
    uri = join(folder, "ledger.jsonl")
    if store_for(uri).size_bytes(uri) is None:
        begun = read_json(join(folder, "iterate.json")) is not None
        what = "no round is finished yet" if begun else "no loop"
        raise InputError(f"{folder}: expected a ledger of `cc-math iterate`, found {what}")
    costs = costs_by_place(folder)
    lines = []
    for text in store_for(uri).read_bytes(uri).decode().splitlines():
        line = json.loads(text)
        place = f"rounds/{line['round']:02d}" if "crawl" not in line else f"crawls/{line['crawl']}"
        found = costs.get(place, Costs())
        lines.append({**line, "cost": {"wall_s": found.wall_s, "cpu_s": found.cpu_s}})
    return lines


def print_ledger(folder: str, say: Say) -> None:
    """The ledger as tables and paragraphs."""
    lines = read_ledger(folder)
    rounds = [line for line in lines if "crawl" not in line]
    say("what each round recalled")
    _print_table(_recall_rows(rounds), say)
    say("")
    say(f"how each round's model did on {_judged_on(rounds)}")
    _print_table(_model_rows(rounds), say)
    for line in rounds:
        _print_taken_in(line, say)
    for line in lines:
        if "crawl" in line:
            found = line["recalled"]
            say(
                f"\nlater crawl {line['crawl']} by the model of round {line['round']}: "
                f"{found['recalled']:,} of {found['documents']:,} documents, "
                f"{found['tokens']:,} tokens"
            )
    state = read_json(join(folder, "_run", "state.json"))
    if state is not None and state["rounds"] == len(rounds):  # else a call ended in an error
        say(f"\n{state['says']}")


def _judged_on(rounds: list[Json]) -> str:
    labels = rounds[-1]["hold_out"]["labels"]
    if labels is None:
        return "the held-out examples of its own seed (no --labels were given)"
    text = "the hold-out: cross-fitted by site, at its threshold"
    if "pages_found" in labels:
        found, given = labels["pages_found"], labels["unweighted"]["examples"]
        text += f"; {found:,} of {given:,} labelled pages are documents, the others count as missed"
    return text


def _recall_rows(rounds: list[Json]) -> list[list[str]]:
    head = ["round", "documents", "recalled", "new", "lost", "tokens", "from score", "rule",
            "had already", "still has", "wall", "CPU s"]  # fmt: skip
    rows = [head]
    for number, line in enumerate(rounds, 1):
        found, threshold = line["recalled"], line["threshold"]
        shares = at_rest(rounds[:number])
        rows.append(
            [
                str(line["round"]),
                f"{found['documents']:,}",
                f"{found['recalled']:,}",
                f"{found['new']:,}",
                f"{found['lost']:,}",
                f"{found['tokens']:,}",
                f"{threshold['min_score']:.4f}",
                threshold["rule"],
                *([f"{share:.2%}" for share in shares] if shares else ["", ""]),
                f"{line['cost']['wall_s'] / 60:.1f} min",
                f"{line['cost']['cpu_s']:,.0f}",
            ]
        )
    return rows


def _model_rows(rounds: list[Json]) -> list[list[str]]:
    rows = [["round", "model", "positives", "negatives", "AP", "AP en", "AP other", "precision",
             "recall", "weighted: AP", "precision", "recall"]]  # fmt: skip
    for line in rounds:
        seed = line["seed"]
        # without labels the figures are those of the seed's own held-out examples
        out = line["hold_out"]["labels"] or {"unweighted": line["hold_out"]["held_out"]}
        row = [str(line["round"]), line["model"]["digest"][:8]]
        row += [f"{sum(seed[side].values()):,}" for side in ("positives", "negatives")]
        for group in ("unweighted", "english", "other_languages"):
            row.append(_figure(out, group, "average_precision"))
        row += [_figure(out, "unweighted", name) for name in ("precision", "recall")]
        for name in ("average_precision", "precision", "recall"):
            row.append(_figure(out, "weighted", name))
        rows.append(row)
    return rows


def _figure(figures: Json, group: str, name: str) -> str:
    of = figures.get(group) or {}
    value = of.get(name) if of.get("examples", 1) else None
    return "-" if value is None else f"{value:.3f}"


def _print_taken_in(line: Json, say: Say) -> None:
    positives, negatives = (_counted(line["seed"][side]) for side in ("positives", "negatives"))
    say(f"\nround {line['round']}: positives {positives}; negatives {negatives}")
    labels = line["hold_out"]["labels"] or {}
    for what, groups in (("language", labels.get("languages")), ("kind", labels.get("kinds"))):
        if groups:
            listed = (f"{name} {group['average_precision']:.3f} ({group['positives']} of "
                      f"{group['examples']})" for name, group in groups.items())  # fmt: skip
            say(f"  average precision by {what} (positives of labels): {', '.join(listed)}")
    if line["changed"]:
        say(f"  another recipe than the round before: {'; '.join(line['changed'])}")
    taken = line["taken_in"]
    if taken is not None:
        say(
            f"  decided by {taken['decided_by']}: accepted {_counted(taken['accepted'])}; "
            f"rejected {_counted(taken['rejected'])}"
        )
        for site in taken["sites"][:SHOWN_SITES]:
            say(f"    {site['level']:<6} {site['where']}  {_evidence(site)}")
        if len(taken["sites"]) > SHOWN_SITES:
            say(f"    … and {len(taken['sites']) - SHOWN_SITES} more")
        fetched = taken["fetch"]
        moved = f"{fetched.get('requests', 0):,} requests, {fetched.get('bytes', 0):,} bytes"
        say(
            f"  wanted {_counted(taken['wanted'])} ({moved}); came in as documents: "
            f"{taken['documents']:,}"
        )
        came = _counted(line["recalled"]["sources"])
        say(f"  recalled of all that came in so far: {came}")
    say(f"  documents by score, from 0 to 1 by 0.05: {_histogram(line['histogram'])}")
    domains = line["domains"]
    say(f"  proposals for the next round: {domains.get('proposals', 0):,}")


def _histogram(rows: list[Json]) -> str:
    return " ".join(f"{row['documents']:,}" for row in rows)


def _evidence(site: Json) -> str:
    if site.get("by_hand"):
        return f"written by hand, {site['pages']:,} pages in the crawl"
    share = f"{site['share_low']:.0%}-{site['share_high']:.0%}"
    return f"{site['recalled']:,} of {site['pages']:,} pages ({share})"


def _counted(counts: dict[str, int]) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in sorted(counts.items())) or "nothing"


def _print_table(rows: list[list[str]], say: Say) -> None:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        cells = (cell.rjust(width) for cell, width in zip(row, widths, strict=True))
        say("  ".join(cells).rstrip())
