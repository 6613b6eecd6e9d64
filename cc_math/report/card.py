"""The corpus card: what a corpus holds and by what it was chosen, as Markdown beside its parts.

Owns the card's text, made from the counts of `compose` and its recipe alone, so that it cannot
disagree with them and every run of the same input writes the same bytes. Its first lines are the
YAML that the Hugging Face hub and `datasets` read, so that the folder loads as a data set without
its `_quality` table. Reads and writes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from cc_math.composition import QUALITY_DROP, ComposeDrop
from cc_math.schema import TABLES
from cc_math.version import __version__

MOST_LISTED = 30  # chosen: languages and crawls that are listed one by one
_WHY = {
    ComposeDrop.repeated: "the same capture stands elsewhere in the documents",
    ComposeDrop.not_recalled: "the mining loop did not recall it",
    ComposeDrop.unscored: "has no score",
    ComposeDrop.below_min_score: "scores below {min_score:g}",
    ComposeDrop.other_language: "is in another language than {languages}",
    ComposeDrop.opted_out: "asks not to be used ({exclude_opt_out})",
    ComposeDrop.contaminated: "holds a passage of a benchmark",
    ComposeDrop.too_short: "is shorter than {min_text_chars:,} characters",
    ComposeDrop.duplicate_url: "an earlier or fuller capture of its address stays",
    ComposeDrop.duplicate_exact: "has the words of a document that stays",
    ComposeDrop.duplicate_near: "nearly has the words of a document that stays",
    ComposeDrop.over_kind_share: "makes room for other kinds of pages",
}


def corpus_card(
    counts: dict[str, int],
    folders: Iterable[str],
    recipe: dict[str, dict[str, Any]],
    digest: str,
    made_from: set[str],
) -> str:
    """The card of a corpus, whose parts stand in ``folders``, as Markdown.

    ``counts`` are those of the compose stage, ``recipe`` has its tables `compose`, `quality` and
    `dedup`, ``made_from`` names the sidecars that were given (scores, recalled, duplicates,
    contamination, cuts) and `no_benchmarks` where the recipe states that there are none.
    """
    published, tokens = counts.get("published", 0), counts.get("tokens", 0)
    dropped = sum(number for name, number in counts.items() if name.startswith("dropped."))
    lines = [
        *_front_matter(counts, sorted(folders)),
        "# Mathematics from the web",
        "",
        f"{published:,} documents, {tokens:,} tokens (`token_count`), "
        f"{counts.get('formulas', 0):,} formulas; made by cc-math {__version__} with the recipe "
        f"`{digest[:16]}`. Text is Markdown, formulas are LaTeX in `$…$` and `$$…$$`.",
        "",
        "The pages belong to their authors; their licences are not known. `url` and `fetch_time` "
        "say where each document comes from.",
        "",
        "## What decided",
        *_decisions(counts, recipe, made_from),
        "",
        f"Of {counts.get('documents', 0):,} documents {dropped:,} were left out, each for the "
        "first reason that holds:",
        "",
        *_dropped(counts, recipe["compose"]),
        "",
        *_by("language", counts, tokens),
        *_by("crawl", counts, tokens),
        *_by("kind", counts, tokens),
        *_by_score(counts),
        "## Columns",
        "",
        "| column | type | meaning |",
        "|---|---|---|",
        *(f"| `{c.name}` | {c.type} | {_cell(c.meaning)} |" for c in TABLES["corpus"]),
        "",
    ]
    return "\n".join(lines)


def _front_matter(counts: dict[str, int], folders: list[str]) -> list[str]:
    languages = sorted(name for name, _, _ in _groups("language", counts) if len(name) == 2)
    lines = ["---", "pretty_name: Mathematics from the web"]
    if languages:
        lines += ["language:", *(f"- {name}" for name in languages)]
    if folders:
        lines += ["configs:", "- config_name: default", "  data_files:", "  - split: train",
                  "    path:", *(f"    - {name}/*.parquet" for name in folders)]  # fmt: skip
    return [*lines, "---", ""]


def _decisions(
    counts: dict[str, int], recipe: dict[str, dict[str, Any]], made_from: set[str]
) -> Iterable[str]:
    compose = recipe["compose"]
    yield ""
    if "recalled" in made_from:
        yield "* What the mining loop recalled, by the threshold of its round."
    elif "scores" in made_from:
        yield f"* Calibrated math score of {compose['min_score']:g} or more."
    else:
        yield "* No scores were given: nothing was chosen by score."
    if "duplicates" in made_from:
        dedup = recipe["dedup"]
        yield (
            f"* Duplicates: of captures of one address with an overlap of "
            f"{dedup['min_url_overlap']:g} or more, of equal words, and of a measured Jaccard "
            f"overlap of {dedup['min_overlap']:g} or more ({dedup['shingle_words']}-word "
            "shingles) one stays."
        )
    else:
        yield "* **Duplicates were not looked for.**"
    yield _contamination(compose["contamination"], made_from)
    if "cuts" in made_from:
        yield f"* Passages left out within documents: {counts.get('cut_chars', 0):,} characters."
    opt_out = ", ".join(f"`{name}`" for name in compose["exclude_opt_out"]) or "none"
    yield f"* Opt-outs that keep a page out: {opt_out}. robots.txt is the crawl's business."
    rules = ", ".join(f"`{name}`" for name in recipe["quality"]["apply"]) or "none"
    yield f"* Quality rules that act: {rules}."
    for name, word in (("min_kind_shares", "At least"), ("max_kind_shares", "At most")):
        shares = ", ".join(f"{kind} {share:g}" for kind, share in compose[name])
        if shares:
            yield f"* {word} these shares of the tokens by kind of page: {shares}."


def _contamination(rule: str, made_from: set[str]) -> str:
    if "contamination" not in made_from:
        why = (
            'the recipe states that there are no benchmarks (`decontaminate.benchmarks = "none"`)'
            if "no_benchmarks" in made_from
            else "no table of contamination was given"
        )
        return f"* **Not decontaminated**: {why}. Do not measure a model of it on benchmarks."
    what = {
        "drop": "are left out",
        "cut": "lose these passages",
        "keep": "**are kept**: the table `contamination` names them",
    }
    return f"* Documents that share passages with the benchmarks {what[rule]}."


def _dropped(counts: dict[str, int], compose: dict[str, Any]) -> Iterable[str]:
    found = {n.removeprefix("dropped."): c for n, c in counts.items() if n.startswith("dropped.")}
    values = {k: ", ".join(v) if _is_names(v) else v for k, v in compose.items()}
    yield "| documents | reason | which |"
    yield "|---|---|---|"
    for name, number in sorted(found.items(), key=lambda item: (-item[1], item[0])):
        if name.startswith(QUALITY_DROP):
            why = f"fails the rule `{name.removeprefix(QUALITY_DROP)}`"
        else:
            why = _WHY[ComposeDrop(name)].format(**values)
        yield f"| {number:,} | `{name}` | {why} |"
    yield f"| {sum(found.values()):,} | all | |"


def _is_names(value: Any) -> bool:
    return isinstance(value, list | tuple) and all(isinstance(item, str) for item in value)


def _groups(by: str, counts: dict[str, int]) -> list[tuple[str, int, int]]:
    """(name, documents, tokens) of each language, crawl or kind, most tokens first."""
    prefix, suffix = f"{by}.", ".documents"
    found = [
        (name, number, counts.get(f"{prefix}{name}.tokens", 0))
        for name, number in (
            (key[len(prefix) : -len(suffix)], number)
            for key, number in counts.items()
            if key.startswith(prefix) and key.endswith(suffix)
        )
    ]
    return sorted(found, key=lambda group: (-group[2], group[0]))


def _by(name: str, counts: dict[str, int], tokens: int) -> Iterable[str]:
    groups = _groups(name, counts)
    if not groups:
        return
    yield f"## By {name}"
    yield ""
    yield f"| {name} | documents | tokens | share of tokens |"
    yield "|---|---|---|---|"
    rest = groups[MOST_LISTED:]
    if rest:
        groups = groups[:MOST_LISTED]
        groups.append((f"{len(rest)} others", sum(g[1] for g in rest), sum(g[2] for g in rest)))
    for group, documents, number in groups:
        share = number / tokens if tokens else 0.0
        yield f"| {_cell(group)} | {documents:,} | {number:,} | {share:.1%} |"
    yield ""


def _by_score(counts: dict[str, int]) -> Iterable[str]:
    bands = sorted((name, n) for name, n in counts.items() if name.startswith("score."))
    if not bands:
        return
    yield "## By math score"
    yield ""
    yield "| score | documents |"
    yield "|---|---|"
    for name, number in bands:
        low = float(name.removeprefix("score."))
        yield f"| {low:.1f} to {low + 0.1:.1f} | {number:,} |"
    yield ""


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
