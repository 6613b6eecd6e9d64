"""The short account of a run, from its manifest: pages, documents, drops, tokens, places."""

from __future__ import annotations

from collections.abc import Callable

from cc_math.manifests import Json
from cc_math.schema import MACHINE_DEPENDENT_DROPS
from cc_math.storage import join

Say = Callable[[str], None]


def print_account(output: str, manifest: Json, say: Say) -> None:
    """Say what the run in ``output`` made, a line a fact."""
    counts = {name: stage["counts"] for name, stage in manifest["stages"].items()}
    extract, compose = counts["extract"], counts["compose"]
    records = {name: n for name, n in extract.items() if name.startswith("records.")}
    say(f"records read        {sum(records.values()):>10,}  {_listed(records, 'records.')}")
    others = {
        n: c for n, c in extract.items() if n.startswith("responses.") and n != "responses.html"
    }
    say(
        f"HTML pages          {extract.get('responses.html', 0):>10,}  "
        f"not HTML: {_listed(others, 'responses.')}"
    )
    say(f"documents           {extract.get('pages.document', 0):>10,}")
    drops = {n: c for n, c in extract.items() if n.startswith("pages.") and n != "pages.document"}
    by_machine = {f"pages.{reason.value}" for reason in MACHINE_DEPENDENT_DROPS}
    by_rule = {name: c for name, c in drops.items() if name not in by_machine}
    say(f"pages dropped       {sum(by_rule.values()):>10,}  {_listed(by_rule, 'pages.')}")
    last_resort = {name: c for name, c in drops.items() if name in by_machine}
    if last_resort:
        say(
            f"  by the machine    {sum(last_resort.values()):>10,}  "
            f"{_listed(last_resort, 'pages.')}"
        )
    damaged = extract.get("damaged_ranges", 0)
    if damaged:
        say(f"damaged ranges      {damaged:>10,}")
        for note in manifest["stages"]["extract"]["notes"]:
            if "damage" in note:
                start, end = note["damage"]
                say(f"  {note['chunk']}: bytes {start:,} to {end:,} lost: {note['why']}")
    dedup = counts["dedup"]
    removed = {n: c for n, c in dedup.items() if n.startswith("removed.")}
    say(f"duplicates found    {dedup['removed']:>10,}  {_listed(removed, 'removed.')}")
    if "decontaminate" in counts:
        say(f"contaminated        {counts['decontaminate']['contaminated']:>10,}  documents")
    else:
        say("contaminated                 ?  no benchmarks, as the recipe states")
    _say_corpus(compose, say)
    shard = counts["shard"]
    split = (
        f"train {shard.get('train.tokens', 0):,}, validation {shard.get('validation.tokens', 0):,}"
    )
    say(f"tokens in shards    {shard['tokens']:>10,}  {split}")
    say("")
    places = ("pages", "documents", "scores", "dedup", "decontaminate", "corpus", "shards")
    for folder in (*places, "domains", "proposals.tsv", "corpus/README.md", "manifest.json"):
        if folder != "decontaminate" or "decontaminate" in counts:
            say(f"  {join(output, folder)}")


def _say_corpus(compose: dict[str, int], say: Say) -> None:
    dropped = {n: c for n, c in compose.items() if n.startswith("dropped.")}
    unapplied = {n: c for n, c in compose.items() if n.startswith("would_drop.")}
    say(
        f"corpus              {compose.get('published', 0):>10,}  "
        f"left out: {_listed(dropped, 'dropped.')}"
    )
    for by in ("language", "kind"):
        tokens = {
            name.removesuffix(".tokens"): n
            for name, n in compose.items()
            if name.startswith(f"{by}.") and name.endswith(".tokens")
        }
        if tokens:
            say(f"  {'tokens by ' + by:<27} {_listed(tokens, f'{by}.')}")
    listed = _listed(unapplied, "would_drop.quality:")
    say(f"  quality rules               of these, rules not applied would remove: {listed}")


def _listed(counts: dict[str, int], prefix: str) -> str:
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return (
        ", ".join(f"{name.removeprefix(prefix)} {number:,}" for name, number in ordered) or "none"
    )
