"""The tables of a recipe: every value with its default, meaning, unit and source.

Frozen dataclasses, one per TOML table; :mod:`cc_math.recipe` reads, checks and prints them.
Three tables lie apart: [quality] in :mod:`cc_math.quality_settings`, and with the code that they
drive [classifier] in :mod:`cc_math.classify.settings`, [iterate] in :mod:`cc_math.rounds.settings`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

MIB = 1 << 20


def value(default: Any, meaning: str, source: str) -> Any:
    """A recipe value: its default, what it means with its unit, and where the default is from."""
    return field(default=default, metadata={"doc": meaning, "source": source})


@dataclass(frozen=True, slots=True)
class Input:
    """[input] — which WARCs a run reads; options of the commands stand in front of it."""

    uris: tuple[str, ...] = value((), "WARCs, folders, globs or lists of paths", "")
    base: str = value("", "what the lines of a list are relative to; '' is the list's folder", "")
    crawl: str = value("", "a whole crawl of Common Crawl, such as CC-MAIN-2026-05", "")
    limit: int = value(0, "read only the first so many WARCs; 0 reads all", "chosen")
    sample: float = value(1.0, "read only this share of the WARCs, chosen by hash", "chosen")


@dataclass(frozen=True, slots=True)
class Crawl:
    """[crawl] — what is known of the input beyond its bytes."""

    name: str = value(
        "", "name for the `crawl` column; '' takes it from the paths or the warcinfo", "chosen"
    )


@dataclass(frozen=True, slots=True)
class Extract:
    """[extract] — WARC records to pages and documents."""

    chunk_bytes: int = value(
        256 * MIB,
        "bytes of a WARC that one task reads",
        "chosen: a Common Crawl WARC of 1 GB makes four tasks of about a minute",
    )
    quick_floor: float = value(
        0.20,
        "quick score that lets a page pass the first selection",
        "measured: see classifiers/README.md",
    )
    min_formula_marks: int = value(
        2,
        "formula marks that let a page pass whatever its words",
        "measured: see classifiers/README.md",
    )
    min_text_chars: int = value(
        100,
        "shortest main text of a document, in characters",
        "chosen: below it there is no sentence and formula together",
    )
    max_payload_bytes: int = value(
        8 * MIB, "largest page in bytes", "Common Crawl cuts payloads at 1 MiB, since 2025 at 5"
    )
    max_nodes: int = value(
        300_000, "most DOM nodes of a page", "chosen: about a second of work at 3 µs a node"
    )
    max_formulas: int = value(
        20_000, "most formulas of a page", "chosen: bounds time, as max_nodes"
    )
    max_text_chars: int = value(
        3_000_000, "longest main text, in characters", "chosen: a book; longer ones are dumps"
    )
    max_record_bytes: int = value(
        64 * MIB,
        "largest inflated WARC record; beyond it is damage",
        "chosen: a gzip bomb costs no more than this",
    )
    deadline_s: float = value(
        60.0, "wall clock for one page, the last resort", "chosen: 10,000 times the mean page"
    )
    memory_limit_bytes: int = value(
        2048 * MIB,
        "memory of the extraction child over its start",
        "chosen: YARN's usual container less the JVM",
    )
    keep_html: bool = value(False, "store the compressed source of kept pages", "chosen")
    quick_model: str = value("", "quick model file; '' is the shipped one", "")


@dataclass(frozen=True, slots=True)
class Score:
    """[score] — classifier scores."""

    model: str = value("", "model file; '' is the shipped one", "")
    beside: tuple[str, ...] = value(
        (), "further models, written beside it to be compared; no stage acts on them", ""
    )


@dataclass(frozen=True, slots=True)
class Domains:
    """[domains] — domain discovery (Shao et al. 2024, section 2.1)."""

    min_score: float = value(0.5, "math score from which a document counts as recalled", "chosen")
    min_share: float = value(
        0.10,
        "recalled share from which a site is proposed",
        "Shao et al. 2024, section 2.1: more than 10 % of pages collected",
    )
    min_pages: int = value(
        10,
        "fewest pages of a proposed site",
        "chosen: below it the interval of the share is wider than the threshold",
    )
    min_evidence: float = value(
        15.1,
        "likelihood ratio (G) from which a path prefix differs from what is around it",
        "chi-square, 1 degree of freedom, p = 0.0001, since many prefixes of a site are tried",
    )
    min_effect: float = value(
        0.5,
        "difference of the recalled shares (Cohen's h) from which a prefix is listed on its own",
        "Cohen 1988, section 6.2: medium; 10 % against 0.5 %, or 50 % against 74 %",
    )
    max_nodes: int = value(
        20_000, "path prefixes of one domain held at a time; the rarest are folded", "chosen: 20 MB"
    )
    max_prefixes: int = value(
        200, "path prefixes listed of one domain, those that differ most", "chosen: a person reads"
    )
    max_proposals: int = value(
        10_000, "rows of proposals.tsv, the sites with most recalled pages", "chosen: a day's read"
    )
    auto_min_share: float = value(
        0.25,
        "lower end of the share's interval from which --auto accepts a site",
        "measured: a round recalls 50 to 75 % of a textbook, so that a quarter is a good part of "
        "a site; of 811 sites 11 rows were accepted by the shipped model's scores, all right",
    )
    auto_score_slack: float = value(
        0.0,
        "how far below the mean score of all listed recalled pages a site so accepted may lie",
        "measured: of a bootstrapped model's sites 15 of 17 are right so, 17 of 34 by share alone",
    )
    auto_min_pages: int = value(10, "fewest pages of a site that --auto accepts", "as min_pages")
    part_pages: int = value(
        250_000, "pages in a part of the tables, cut by hash of the domain", "chosen: a minute"
    )


@dataclass(frozen=True, slots=True)
class Fetch:
    """[fetch] — chosen pages alone, out of their WARCs; changes how bytes move, no document."""

    whole_from_pages: int = value(
        4_000,
        "wanted pages of a WARC from which it is read on instead of by ranges",
        "chosen: joined ranges then move nine tenths of a WARC of 1 GB anyway, in more requests; "
        "in time no crossing was measured (benchmarks/fetch.py), where a request a page, one "
        "after another, loses from 190 to 440 pages on",
    )
    join_gap_bytes: int = value(
        1 * MIB,
        "gap between two wanted records that is read rather than asked around",
        "measured: 20 ms, the least that a request costs, are 1 MB at 50 MB/s",
    )
    chunk_pages: int = value(
        5_000,
        "most wanted pages of a WARC that one task takes",
        "chosen: about half a minute of extraction, and documents of some tens of MB",
    )


@dataclass(frozen=True, slots=True)
class Dedup:
    """[dedup] — duplicates by URL, exact text and verified MinHash."""

    shingle_words: int = value(5, "words of a shingle", "Penedo et al. 2024 (FineWeb), 5-grams")
    bands: int = value(
        20,
        "LSH bands",
        "measured: 20 x 6 finds 661 of 661 verified pairs of a crawl, 14 x 8 finds 626",
    )
    rows: int = value(6, "MinHash values per band", "as bands")
    min_overlap: float = value(
        0.75,
        "Jaccard overlap from which a verified pair is near-duplicate",
        "Penedo et al. 2024 (FineWeb): 75 % similar, here measured, not estimated",
    )
    min_url_overlap: float = value(
        0.5,
        "overlap from which captures of one URL are duplicates",
        "chosen: below it the page at the address is another one",
    )
    seed: int = value(1, "seed of the MinHash permutations", "chosen")
    max_bucket: int = value(
        64,
        "members of an LSH bucket that are paired with every other",
        "chosen: keeps a bucket of n members at 64 n candidates",
    )
    min_score: float = value(0.0, "documents scored below it are left alone; 0 takes all", "chosen")
    min_passage_chars: int = value(
        300,
        "shortest repeated paragraph that is cut, in characters",
        "measured: at 200 lists of exercises begin to be cut",
    )


@dataclass(frozen=True, slots=True)
class Decontaminate:
    """[decontaminate] — passages that benchmarks contain."""

    benchmarks: str = value("", "folder of JSON lines, or 'none' to state that there are none", "")
    rule: str = value(
        "coverage",
        "'coverage', or 'ngram': any 10-gram, as in the paper",
        "measured: on a crawl without leaks 'ngram' hits 7 % of the documents",
    )
    ngram_words: int = value(6, "words of an n-gram of the coverage rule", "measured against 8")
    common_texts: int = value(
        10, "an n-gram of more benchmark texts than this is a phrase", "chosen"
    )
    short_words: int = value(
        3,
        "fewest words of a text that is looked for whole",
        "Shao et al. 2024, section 2.1: 3 to 9 grams",
    )
    answer_words: float = value(
        15.0,
        "different telling words from which an answer is looked for",
        "chosen: a bare answer stands everywhere",
    )
    whole_strength: float = value(
        0.9, "share of a text from which it counts as found whole", "measured"
    )
    whole_words: float = value(6.0, "different words that a text found whole must have", "measured")
    part_strength: float = value(
        0.6, "share of a text from which it counts as found in part", "measured"
    )
    part_words: float = value(9.0, "telling words that a part must have", "measured")
    run_words: float = value(
        11.0,
        "different telling words of an unbroken run that is a hit",
        "measured; any 13 words in Brown et al. 2020, appendix C",
    )
    window_share: float = value(
        2.0, "stretch of the document searched, in lengths of the text", "chosen"
    )
    margin_chars: int = value(500, "longest side of a paragraph that is cut with its hit", "chosen")
    id_field: str = value("id", "field of the item's id", "chosen")
    question_field: str = value("question", "field of the question", "chosen")
    answer_field: str = value("answer", "field of the answer; '' for none", "chosen")


@dataclass(frozen=True, slots=True)
class Compose:
    """[compose] — the thresholds. They act here and only here."""

    min_score: float = value(
        0.5, "math score of a published document", "chosen: calibrated even odds"
    )
    languages: tuple[str, ...] = value((), "languages published; empty for all", "chosen")
    exclude_opt_out: tuple[str, ...] = value(
        ("noai", "noimageai", "tdm-reservation"),
        "opt-outs that keep a document out",
        "chosen: what speaks of machine learning; noindex speaks of search engines",
    )
    contamination: str = value(
        "drop",
        "'drop' the document, 'cut' the passage, or 'keep' it",
        "chosen: as Shao et al. 2024, section 2.1, who filter the page",
    )
    min_text_chars: int = value(
        100, "shortest published text after cuts", "as extract.min_text_chars"
    )
    min_kind_scores: tuple[tuple[str, float], ...] = value(
        (("problem_solution", 0.4),),
        "score of a head kind:NAME from which a document is of that kind, even where another "
        "kind is likelier; without one it is of the likeliest",
        "measured, cross-fitted on 150 read pages of the kind: precision .61, recall .67; the "
        "likeliest alone .61 and .63; on 26 held-out pages .67 and .62",
    )
    min_kind_shares: tuple[tuple[str, float], ...] = value(
        (),
        "least shares of the corpus's tokens by kind of page, such as {problem_solution = 0.3}; "
        "documents of the other kinds are left out for it, by hash",
        "chosen: the mix as it is found",
    )
    max_kind_shares: tuple[tuple[str, float], ...] = value(
        (),
        "largest shares by kind of page, such as {listing = 0.02, code_docs = 0.1}",
        "chosen: the mix as it is found",
    )


@dataclass(frozen=True, slots=True)
class Shard:
    """[shard] — token shards."""

    tokenizer: str = value("", "tokenizer.json, a folder or a hub name; '' is the shipped one", "")
    formats: tuple[str, ...] = value(("megatron", "parquet"), "formats written", "chosen")
    tokens_per_shard: int = value(
        134_217_728, "tokens a shard holds in expectation", "chosen: 2^27, 256 MB as 16-bit ids"
    )
    validation_share: float = value(
        0.01, "share of registered domains held out for validation", "chosen"
    )
    seed: int = value(1, "seed of document order and split", "chosen")
    end_of_document: str = value("", "end-of-document token; '' finds it in the tokenizer", "")
