"""The stages of the pipeline: name, command, what each reads and writes, and why.

``cc-math --help``, the README's table and the guard tests derive from this list; its order
is the order in which ``cc-math run`` goes through them.
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
        {"domains": "domains"},
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
        ("documents", "scores", "duplicates", "contamination", "cuts"),
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
)


def stage_named(name: str) -> Stage:
    """The stage of that name. Raises KeyError for any other."""
    return {stage.name: stage for stage in STAGES}[name]


def stages_of_table(table: str) -> tuple[Stage, ...]:
    """The stages that write ``table``, in their order."""
    return tuple(stage for stage in STAGES if table in stage.tables)
