"""The stages of the pipeline: name, command, what each reads and writes, and why.

``cc-math --help``, the README's table and the guard tests derive from this list; its order
is the order in which ``cc-math run`` goes through them, those that it does not run at the end.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Stage:
    """One stage. ``tables`` maps a table to its folder below the stage's output, '' for itself."""

    name: str
    command: str
    reads: tuple[str, ...]
    tables: dict[str, str]
    recipe_sections: tuple[str, ...]
    purpose: str
    run_folder: str = ""  # its output below the folder of `cc-math run`


STAGES: tuple[Stage, ...] = (
    Stage(
        "extract",
        "extract",
        ("WARC",),
        {"pages": "pages", "documents": "documents", "html": "html"},
        ("extract", "crawl"),
        "WARC records to pages seen and documents kept, every formula as LaTeX",
    ),
    Stage(
        "score",
        "score",
        ("documents",),
        {"scores": ""},
        ("score",),
        "calibrated classifier scores beside the documents",
        "scores",
    ),
    Stage(
        "mine_domains",
        "mine-domains",
        ("pages", "documents", "scores"),
        {"domains": "domains", "linked_pages": "linked_pages"},
        ("domains",),
        "what share of each site was recalled, and candidates for the next round",
    ),
    Stage(
        "dedup",
        "dedup",
        ("documents", "scores"),
        {"duplicates": "duplicates", "duplicate_pairs": "duplicate_pairs", "cuts": "cuts"},
        ("dedup",),
        "duplicates by URL, exact text and verified MinHash candidates",
        "dedup",
    ),
    Stage(
        "decontaminate",
        "decontaminate",
        ("documents", "benchmarks"),
        {"contamination": "contamination", "cuts": "cuts"},
        ("decontaminate",),
        "passages that a benchmark's test set contains",
        "decontaminate",
    ),
    Stage(
        "compose",
        "compose",
        ("documents", "scores", "recalled", "duplicates", "contamination", "cuts"),
        {"corpus": "", "quality": "_quality"},
        ("compose", "quality"),
        "joins the sidecars, applies the thresholds, writes the corpus",
        "corpus",
    ),
    Stage(
        "shard",
        "shard",
        ("corpus", "tokenizer"),
        {"shards": "", "tokens": "parquet", "megatron": "megatron"},
        ("shard",),
        "token shards for training stacks, train and validation split by site",
        "shards",
    ),
    Stage(
        "fetch",
        "fetch",
        ("index", "WARC"),
        {"pages": "pages", "documents": "documents", "html": "html"},
        ("extract", "crawl", "fetch"),
        "chosen pages alone, by byte range or by reading their WARC, to pages and documents",
    ),
    Stage(
        "iterate",
        "iterate",
        ("WARC", "pages", "documents"),
        {"seed": "seed", "wanted": "wanted", "recalled": "recalled"},
        ("iterate", "domains"),
        "rounds of seed, training, recall and domain discovery until nothing new turns up",
    ),
)

STEPS: tuple[Stage, ...] = (
    Stage(
        "seed",
        "iterate",
        ("documents", "scores", "recalled"),
        {"seed": "seed"},
        ("iterate", "domains"),
        "examples that a round learns from",
    ),
    Stage(
        "recall",
        "iterate",
        ("documents", "scores"),
        {"recalled": "recalled"},
        ("iterate", "domains"),
        "documents that a round takes, by its threshold",
    ),
    Stage(
        "want",
        "iterate",
        ("pages", "linked_pages"),
        {"wanted": "wanted"},
        ("iterate", "domains"),
        "dropped pages that a round wants to read",
    ),
    Stage(
        "reselect",
        "iterate",
        ("pages", "documents"),
        {"pages": "pages", "documents": "documents"},
        ("iterate", "extract"),
        "documents that only a round's own model selected",
    ),
    Stage(
        "diff",
        "diff",
        ("documents", "corpus", "recalled", "scores"),
        {"differences": "differences"},
        (),
        "pages that one round, corpus or run holds and another does not",
    ),
)
"""What leaves manifests and is no stage of its own: the steps of a round, in its folder, and the
lists of `diff`."""


def stage_named(name: str) -> Stage:
    """The stage or step of that name. Raises KeyError for any other."""
    return {stage.name: stage for stage in (*STAGES, *STEPS)}[name]


def stages_of_table(table: str) -> tuple[Stage, ...]:
    """The stages and steps that write ``table``, in their order."""
    return tuple(stage for stage in (*STAGES, *STEPS) if table in stage.tables)
