"""A corpus build as one typed, validated TOML file.

Every value has a default, a meaning and a source; ``cc-math recipe`` prints them all.
The tables below are frozen dataclasses, one per TOML table. :func:`load` refuses an
unknown key or a value of another type and names the key, the line and the nearest valid
name. ``--set table.key=value`` overrides single values.

Values that change no byte of the output (parallelism, progress) are not here: they are
options of the commands.
"""

from __future__ import annotations

import dataclasses
import difflib
import json
import math
import re
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, get_type_hints

from cc_math.classify.settings import ClassifierSettings
from cc_math.errors import RecipeError
from cc_math.manifests import digest
from cc_math.storage import read_text

MIB = 1 << 20
LOCATIONS = frozenset(
    {"extract.quick_model", "score.model", "decontaminate.benchmarks", "shard.tokenizer"}
)
"""Values that say where a thing lies; its digest, not its place, is part of a result's identity."""


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

    name: str = value("", "name for the `crawl` column; '' takes it from the paths or the warcinfo",
                      "chosen")


@dataclass(frozen=True, slots=True)
class Extract:
    """[extract] — WARC records to pages and documents."""

    chunk_bytes: int = value(256 * MIB, "bytes of a WARC that one task reads",
                             "chosen: a Common Crawl WARC of 1 GB makes four tasks of about a minute")
    quick_floor: float = value(0.12, "quick score that lets a page pass the first selection",
                               "measured: see classifiers/README.md")
    min_formula_marks: int = value(2, "formula marks that let a page pass whatever its words",
                                   "measured: see classifiers/README.md")
    min_text_chars: int = value(100, "shortest main text of a document, in characters",
                                "chosen: below it there is no sentence and formula together")
    max_payload_bytes: int = value(16 * MIB, "largest page; Common Crawl cuts at 5 MiB",
                                   "commoncrawl.org, truncation since CC-MAIN-2025-13; three times that")
    max_nodes: int = value(1_000_000, "most DOM nodes of a page",
                           "chosen: far above any of 10,000 real pages, bounded in time")
    max_formulas: int = value(100_000, "most formulas of a page", "chosen: as max_nodes")
    max_text_chars: int = value(4_000_000, "longest main text, in characters",
                                "chosen: a book; longer ones are logs and dumps")
    max_record_bytes: int = value(64 * MIB, "largest inflated WARC record; beyond it is damage",
                                  "chosen: a gzip bomb costs no more than this")
    deadline_s: float = value(60.0, "wall clock for one page, the last resort",
                              "chosen: 10,000 times the mean page")
    memory_limit_bytes: int = value(2048 * MIB, "memory of the extraction child over its start",
                                    "chosen: YARN's usual container less the JVM")
    keep_html: bool = value(False, "store the compressed source of kept pages", "chosen")
    quick_model: str = value("", "quick model file; '' is the shipped one", "")


@dataclass(frozen=True, slots=True)
class Score:
    """[score] — classifier scores."""

    model: str = value("", "model file; '' is the shipped one", "")


@dataclass(frozen=True, slots=True)
class Domains:
    """[domains] — domain discovery (Shao et al. 2024, section 2.1)."""

    min_score: float = value(0.5, "math score from which a document counts as recalled", "chosen")
    min_share: float = value(0.10, "recalled share from which a site is proposed",
                             "Shao et al. 2024, section 2.1: more than 10 % of pages collected")
    min_pages: int = value(10, "fewest pages of a proposed site",
                           "chosen: below it the interval of the share is wider than the threshold")


@dataclass(frozen=True, slots=True)
class Dedup:
    """[dedup] — duplicates by URL, exact text and verified MinHash."""

    shingle_words: int = value(5, "words of a shingle", "Penedo et al. 2024 (FineWeb), 5-grams")
    bands: int = value(20, "LSH bands",
                       "measured: 20 x 6 finds 661 of 661 verified pairs of a crawl, 14 x 8 finds 626")
    rows: int = value(6, "MinHash values per band", "as bands")
    min_overlap: float = value(0.75, "Jaccard overlap from which a verified pair is near-duplicate",
                               "Penedo et al. 2024 (FineWeb): 75 % similar, here measured, not estimated")
    min_url_overlap: float = value(0.5, "overlap from which captures of one URL are duplicates",
                                   "chosen: below it the page at the address is another one")
    seed: int = value(1, "seed of the MinHash permutations", "chosen")
    max_bucket: int = value(64, "members of an LSH bucket that are paired with every other",
                            "chosen: keeps a bucket of n members at 64 n candidates")
    min_score: float = value(0.0, "documents scored below it are left alone; 0 takes all", "chosen")
    min_passage_chars: int = value(300, "shortest repeated paragraph that is cut, in characters",
                                   "measured: at 200 lists of exercises begin to be cut")


@dataclass(frozen=True, slots=True)
class Decontaminate:
    """[decontaminate] — passages that benchmarks contain."""

    benchmarks: str = value("", "folder of JSON lines, or 'none' to state that there are none", "")
    rule: str = value("coverage", "'coverage', or 'ngram': any 10-gram, as in the paper",
                      "measured: on a crawl without leaks 'ngram' hits 7 % of the documents")
    ngram_words: int = value(6, "words of an n-gram of the coverage rule", "measured against 8")
    common_texts: int = value(10, "an n-gram of more benchmark texts than this is a phrase", "chosen")
    short_words: int = value(3, "fewest words of a text that is looked for whole",
                             "Shao et al. 2024, section 2.1: 3 to 9 grams")
    answer_words: float = value(15.0, "different telling words from which an answer is looked for",
                                "chosen: a bare answer stands everywhere")
    whole_strength: float = value(0.9, "share of a text from which it counts as found whole",
                                  "measured")
    whole_words: float = value(6.0, "different words that a text found whole must have", "measured")
    part_strength: float = value(0.6, "share of a text from which it counts as found in part",
                                 "measured")
    part_words: float = value(9.0, "telling words that a part must have", "measured")
    run_words: float = value(11.0, "different telling words of an unbroken run that is a hit",
                             "measured; any 13 words in Brown et al. 2020, appendix C")
    window_share: float = value(2.0, "stretch of the document searched, in lengths of the text",
                                "chosen")
    margin_chars: int = value(500, "longest side of a paragraph that is cut with its hit", "chosen")
    id_field: str = value("id", "field of the item's id", "chosen")
    question_field: str = value("question", "field of the question", "chosen")
    answer_field: str = value("answer", "field of the answer; '' for none", "chosen")


@dataclass(frozen=True, slots=True)
class Compose:
    """[compose] — the thresholds. They act here and only here."""

    min_score: float = value(0.5, "math score of a published document", "chosen: calibrated even odds")
    languages: tuple[str, ...] = value((), "languages published; empty for all", "chosen")
    exclude_opt_out: tuple[str, ...] = value(
        ("noai", "noimageai", "tdm-reservation"), "opt-outs that keep a document out",
        "chosen: what speaks of machine learning; noindex speaks of search engines")
    contamination: str = value("drop", "'drop' the document, 'cut' the passage, or 'keep' it",
                               "chosen: as Shao et al. 2024, section 2.1, who filter the page")
    min_text_chars: int = value(100, "shortest published text after cuts", "as extract.min_text_chars")


@dataclass(frozen=True, slots=True)
class Shard:
    """[shard] — token shards."""

    tokenizer: str = value("", "tokenizer.json, a folder or a hub name; '' is the shipped one", "")
    formats: tuple[str, ...] = value(("megatron", "parquet"), "formats written", "chosen")
    tokens_per_shard: int = value(134_217_728, "tokens a shard holds in expectation",
                                  "chosen: 2^27, 256 MB as 16-bit ids")
    validation_share: float = value(0.01, "share of registered domains held out for validation", "chosen")
    seed: int = value(1, "seed of document order and split", "chosen")
    end_of_document: str = value("", "end-of-document token; '' finds it in the tokenizer", "")


@dataclass(frozen=True, slots=True)
class Recipe:
    """A whole recipe; see the tables' own docstrings."""

    input: Input = field(default_factory=Input)
    crawl: Crawl = field(default_factory=Crawl)
    extract: Extract = field(default_factory=Extract)
    classifier: ClassifierSettings = field(default_factory=ClassifierSettings)
    score: Score = field(default_factory=Score)
    domains: Domains = field(default_factory=Domains)
    dedup: Dedup = field(default_factory=Dedup)
    decontaminate: Decontaminate = field(default_factory=Decontaminate)
    compose: Compose = field(default_factory=Compose)
    shard: Shard = field(default_factory=Shard)

    def to_dict(self) -> dict[str, Any]:
        """The resolved recipe as plain values, every default filled in."""
        return {name: section_values(self, name) for name in table_names()}

    def digest(self) -> str:
        """sha256 of the resolved recipe, 64 hex digits."""
        return digest(self.to_dict())


def table_names() -> list[str]:
    """Names of the recipe's tables."""
    return [f.name for f in dataclasses.fields(Recipe)]


def section_values(recipe: Recipe, table: str) -> dict[str, Any]:
    """One table of a recipe as plain values (tuples as lists)."""
    plain = dataclasses.asdict(getattr(recipe, table))
    return {k: list(v) if isinstance(v, tuple) else v for k, v in plain.items()}


def identity_values(recipe: Recipe, table: str) -> dict[str, Any]:
    """As :func:`section_values`, without the values that only say where a thing lies."""
    values = section_values(recipe, table)
    return {key: given for key, given in values.items() if f"{table}.{key}" not in LOCATIONS}


def table_class(table: str) -> type[Any]:
    """The dataclass of a table."""
    return get_type_hints(Recipe)[table]  # type: ignore[no-any-return]


def load(uri: str | None, overrides: Iterable[str] = ()) -> Recipe:
    """The recipe of a file (defaults where ``uri`` is None) with ``key=value`` overrides.

    Raises RecipeError for an unknown key, a wrong type or an impossible value.
    """
    text, where = ("", "") if uri is None else (read_text(uri), uri)
    recipe = parse(text, where)
    for override in overrides:
        recipe = _override(recipe, override)
    return _checked(recipe)


def parse(text: str, where: str = "recipe") -> Recipe:
    """The recipe of TOML text; ``where`` names it in messages."""
    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise RecipeError(f"{where}: not TOML: {error}") from None
    recipe = Recipe()
    for table, values in content.items():
        line = _line_of(text, None, table)
        if table not in table_names():
            raise RecipeError(_unknown(where, line, f"table [{table}]", table, table_names()))
        if not isinstance(values, dict):
            raise RecipeError(f"{where}{line}: {table} is a table; write [{table}]")
        for key, given in values.items():
            at = f"{where}{_line_of(text, table, key) or line}"
            recipe = _with_value(recipe, table, key, given, at)
    return recipe


def _with_value(recipe: Recipe, table: str, key: str, given: Any, at: str) -> Recipe:
    cls = table_class(table)
    hints = get_type_hints(cls)
    if key not in hints:
        raise RecipeError(_unknown(at, "", f"key {table}.{key}", key, list(hints)))
    converted = _converted(given, hints[key])
    if converted is None:
        raise RecipeError(
            f"{at}: {table}.{key} wants {_type_name(hints[key])}, found "
            f"{_type_name(type(given))} ({given!r})"
        )
    section = dataclasses.replace(getattr(recipe, table), **{key: converted})
    return dataclasses.replace(recipe, **{table: section})


def _converted(given: Any, wanted: Any) -> Any:
    """``given`` as the wanted type, or None where it is of another type."""
    if wanted is float and isinstance(given, int) and not isinstance(given, bool):
        return float(given) if abs(given) < 2**53 else None  # larger ones are not exact
    if wanted == tuple[str, ...]:
        if isinstance(given, list) and all(isinstance(item, str) for item in given):
            return tuple(given)
        return None
    return given if type(given) is wanted else None


def _type_name(wanted: Any) -> str:
    names = {int: "a whole number", float: "a number", bool: "true or false", str: "a string"}
    return names.get(wanted, "a list of strings" if wanted == tuple[str, ...] else wanted.__name__)


def _override(recipe: Recipe, override: str) -> Recipe:
    name, equals, text = override.partition("=")
    table, dot, key = name.strip().partition(".")
    at = f"--set {override}"
    if not equals or not dot:
        raise RecipeError(f"{at}: expected table.key=value, such as compose.min_score=0.8")
    if table not in table_names():
        raise RecipeError(_unknown(at, "", f"table {table}", table, table_names()))
    hints = get_type_hints(table_class(table))
    given: Any = text.strip()
    if hints.get(key) is not str or given[:1] in {'"', "'"}:
        try:
            given = tomllib.loads(f"v = {given}")["v"]
        except tomllib.TOMLDecodeError:
            if hints.get(key) == tuple[str, ...]:
                given = [item for item in given.split(",") if item]
    return _with_value(recipe, table, key, given, at)


def _unknown(where: str, line: str, what: str, name: str, valid: list[str]) -> str:
    near = difflib.get_close_matches(name, valid, n=1, cutoff=0.4)
    mend = f"did you mean {near[0]}?" if near else f"valid are {', '.join(valid)}"
    return f"{where}{line}: unknown {what}; {mend}"


def _line_of(text: str, table: str | None, key: str) -> str:
    """Line of a key (in its table) or of a table's head in TOML text, as ``:N``."""
    here = None
    for number, line in enumerate(text.split("\n"), 1):
        head = re.match(r"\s*\[\s*([^\]\s]+)\s*\]", line)
        if head:
            here = head.group(1).strip("\"'")
            if table is None and here.split(".")[0] == key:
                return f":{number}"
        dotted = re.match(r"\s*([A-Za-z0-9_\-.\"']+)\s*=", line)
        if dotted:
            name = dotted.group(1).replace('"', "").replace("'", "")
            full = f"{here}.{name}" if here else name
            if full == f"{table}.{key}" or (table is None and full.split(".")[0] == key):
                return f":{number}"
    return ""


_SHARES = ("quick_floor", "min_share", "min_overlap", "min_url_overlap", "whole_strength", "min_score",
           "validation_share", "sample")
_POSITIVE = ("chunk_bytes", "max_payload_bytes", "max_record_bytes", "deadline_s", "bands", "rows",
             "memory_limit_bytes", "shingle_words", "ngram_words", "common_texts", "tokens_per_shard", "max_bucket")
_CHOICES = {
    "compose.contamination": ("drop", "cut", "keep"),
    "decontaminate.rule": ("coverage", "ngram"),
}


def _checked(recipe: Recipe) -> Recipe:
    for table, values in recipe.to_dict().items():
        for key, given in values.items():
            name = f"{table}.{key}"
            if isinstance(given, float) and not math.isfinite(given):
                raise RecipeError(f"{name} must be a finite number, found {given}")
            if table == "classifier":
                continue  # checked by check_settings, when a training starts
            if key in _SHARES and not 0.0 <= given <= 1.0:
                raise RecipeError(f"{name} is a share between 0 and 1, found {given}")
            if key in _POSITIVE and not given > 0:
                raise RecipeError(f"{name} must be greater than 0, found {given}")
            if isinstance(given, int) and given < 0:
                raise RecipeError(f"{name} must not be negative, found {given}")
            if name in _CHOICES and given not in _CHOICES[name]:
                raise RecipeError(f"{name} is one of {', '.join(_CHOICES[name])}, found {given!r}")
    unknown = set(recipe.shard.formats) - {"megatron", "parquet"}
    if unknown or not recipe.shard.formats:
        raise RecipeError(f"shard.formats are megatron and parquet, found {sorted(unknown)}")
    return recipe


def to_toml(recipe: Recipe) -> str:
    """A recipe as TOML, each value with its meaning and source as a comment."""
    lines = []
    for table in table_names():
        cls = table_class(table)
        lines.append(f"[{table}]  # {(cls.__doc__ or '').split(' — ')[-1].strip()}")
        for spec in dataclasses.fields(cls):
            given = getattr(getattr(recipe, table), spec.name)
            source = f" ({spec.metadata['source']})" if spec.metadata["source"] else ""
            lines.append(f"# {spec.metadata['doc']}{source}")
            lines.append(f"{spec.name} = {_toml_value(given)}")
        lines.append("")
    return "\n".join(lines)


def _toml_value(given: Any) -> str:
    if isinstance(given, bool):
        return "true" if given else "false"
    if isinstance(given, str):
        # JSON's escapes are TOML's, which wants one for DEL too
        return json.dumps(given, ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(given, tuple):
        return "[" + ", ".join(_toml_value(item) for item in given) + "]"
    return repr(given)
