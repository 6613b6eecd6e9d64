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
from typing import Any, get_args, get_type_hints

from cc_math.classify.settings import ClassifierSettings
from cc_math.errors import RecipeError
from cc_math.kind_shares import KindShares, check_kind_shares, check_kinds
from cc_math.manifests import digest
from cc_math.quality_settings import Quality
from cc_math.recipe_tables import (
    Compose,
    Crawl,
    Decontaminate,
    Dedup,
    Domains,
    Extract,
    Fetch,
    Input,
    Score,
    Shard,
)
from cc_math.rounds.settings import Iterate
from cc_math.storage import read_text

LOCATIONS = frozenset(
    {
        "extract.quick_model",
        "score.model",
        "decontaminate.benchmarks",
        "shard.tokenizer",
        "iterate.labels",
        "iterate.seeds",
    }
)
"""Values that say where a thing lies; its digest, not its place, is part of a result's identity."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """A whole recipe; see the tables' own docstrings."""

    input: Input = field(default_factory=Input)
    crawl: Crawl = field(default_factory=Crawl)
    extract: Extract = field(default_factory=Extract)
    classifier: ClassifierSettings = field(default_factory=ClassifierSettings)
    score: Score = field(default_factory=Score)
    domains: Domains = field(default_factory=Domains)
    iterate: Iterate = field(default_factory=Iterate)
    fetch: Fetch = field(default_factory=Fetch)
    dedup: Dedup = field(default_factory=Dedup)
    decontaminate: Decontaminate = field(default_factory=Decontaminate)
    compose: Compose = field(default_factory=Compose)
    quality: Quality = field(default_factory=Quality)
    shard: Shard = field(default_factory=Shard)

    def to_dict(self) -> dict[str, Any]:
        """The resolved recipe as plain values, every default filled in."""
        return {name: section_values(self, name) for name in table_names()}

    def digest(self) -> str:
        """sha256 of the values that decide the output's bytes, 64 hex digits.

        Without [input] and [classifier], which name what is read and trained, and without
        the places of models and benchmarks, whose digests stand in the manifests.
        """
        return digest(self.identity_dict())

    def identity_dict(self) -> dict[str, Any]:
        """The values behind :meth:`digest`, every default filled in."""
        tables = [name for name in table_names() if name not in ("input", "classifier")]
        return {name: identity_values(self, name) for name in tables}


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
    overrides = list(overrides)
    for override in overrides:
        recipe = _override(recipe, override)
    try:
        return _checked(recipe)
    except RecipeError as error:
        at = _place_of(str(error), text, where, overrides)
        raise RecipeError(f"{at}: {error}" if at else str(error)) from None


def _place_of(message: str, text: str, where: str, overrides: list[str]) -> str:
    """Where the value of the key that begins ``message`` was given; '' where that is not known."""
    name = re.split(r"[ :,]", message, maxsplit=1)[0]
    for override in reversed(overrides):
        if override.partition("=")[0].strip() == name:
            return f"--set {override}"
    table, dot, key = name.partition(".")
    line = _line_of(text, table, key) if dot else ""
    return f"{where}{line}" if line else ""


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


_LISTS = {tuple[str, ...]: "a list of strings", tuple[float, ...]: "a list of numbers"}


def _converted(given: Any, wanted: Any) -> Any:
    """``given`` as the wanted type, or None where it is of another type."""
    if wanted is float and isinstance(given, int) and not isinstance(given, bool):
        return float(given) if abs(given) < 2**53 else None  # larger ones are not exact
    if wanted in _LISTS:
        item_type = get_args(wanted)[0]
        items = [_converted(item, item_type) for item in given] if type(given) is list else [None]
        return None if None in items else tuple(items)
    if wanted == KindShares and isinstance(given, dict):
        shares = [(kind, _converted(share, float)) for kind, share in sorted(given.items())]
        return None if any(share is None for _, share in shares) else tuple(shares)
    return given if type(given) is wanted else None


def _type_name(wanted: Any) -> str:
    if wanted == KindShares:
        return "a table with a number for each kind"
    names = {
        int: "a whole number", float: "a number", bool: "true or false", str: "a string",
        dict: "a table",
    }  # fmt: skip
    return names.get(wanted) or _LISTS.get(wanted) or str(wanted.__name__)


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
                given = _plain_list(given, at)
            elif hints.get(key) == KindShares:
                given = _inline_table(given, at)
    return _with_value(recipe, table, key, given, at)


def _plain_list(given: str, at: str) -> list[str]:
    """`en,de`; also `[en,de]`, which is what a shell leaves of ["en","de"]."""
    inside = given[1:-1] if given[:1] == "[" and given[-1:] == "]" else given
    if any(mark in inside for mark in "[]\"'"):
        raise RecipeError(f'{at}: expected a list such as en,de or \'["en", "de"]\'')
    return [item.strip() for item in inside.split(",") if item.strip()]


def _inline_table(given: str, at: str) -> Any:
    """`problem_solution=0.3,listing=0.1`: a TOML table without its braces."""
    try:
        return tomllib.loads(f"v = {{{given}}}")["v"]
    except tomllib.TOMLDecodeError:
        raise RecipeError(f"{at}: expected KIND=SHARE, such as problem_solution=0.3") from None


def _unknown(where: str, line: str, what: str, name: str, valid: list[str]) -> str:
    near = difflib.get_close_matches(name, valid, n=1, cutoff=0.4)
    mend = f"did you mean {near[0]}?" if near else f"valid are {', '.join(valid)}"
    return f"{where}{line}: unknown {what}; {mend}"


def _line_of(text: str, table: str | None, key: str) -> str:
    """Line of a key (in its table) or of a table's head in TOML text, as ``:N``."""
    here = None
    for number, line in enumerate(text.split("\n"), 1):
        head = re.match(r"\s*\[{1,2}\s*([^\]\s]+)\s*\]", line)
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


_SHARES = (
    "quick_floor",
    "min_share",
    "auto_min_share",
    "min_overlap",
    "min_url_overlap",
    "whole_strength",
    "min_score",
    "validation_share",
    "sample",
    "stop_overlap",
    "sample_share",
    "max_site_share",
    "max_template_overlap",
    "reselect_floor",
    "budget_floor",
    "max_drop",
)
_POSITIVE = (
    "chunk_bytes",
    "max_payload_bytes",
    "max_record_bytes",
    "deadline_s",
    "bands",
    "rows",
    "memory_limit_bytes",
    "shingle_words",
    "ngram_words",
    "common_texts",
    "tokens_per_shard",
    "max_bucket",
    "min_pages",
    "min_effect",
    "max_nodes",
    "max_proposals",
    "part_pages",
    "whole_from_pages",
    "chunk_pages",
    "max_rounds",
    "max_examples",
    "max_per_site",
)
_CHOICES = {
    "compose.contamination": ("drop", "cut", "keep"),
    "decontaminate.rule": ("coverage", "ngram"),
    "compose.exclude_opt_out": ("noai", "noimageai", "noindex", "notrain", "tdm-reservation"),
    "shard.formats": ("megatron", "parquet"),
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
            if isinstance(given, int | float) and given < 0:
                raise RecipeError(f"{name} must not be negative, found {given}")
            for item in given if isinstance(given, list) else [given]:
                if name in _CHOICES and item not in _CHOICES[name]:
                    raise RecipeError(_no_choice(name, item))
    for language in recipe.compose.languages:
        if not re.fullmatch("[a-z]{2,3}", language):
            raise RecipeError(
                f"compose.languages are codes of ISO 639-1 such as en, or und, found {language!r}"
            )
    if recipe.shard.validation_share >= 1:
        raise RecipeError("shard.validation_share must be below 1: something must be trained on")
    bounds = recipe.compose
    check_kinds("min_kind_scores", bounds.min_kind_scores)
    check_kind_shares(bounds.min_kind_shares, bounds.max_kind_shares)
    if not recipe.shard.formats:
        raise RecipeError("shard.formats are megatron and parquet, found none")
    rules = [spec.name for spec in dataclasses.fields(Quality) if spec.name != "apply"]
    for rule in recipe.quality.apply:
        if rule not in rules:
            raise RecipeError(_unknown("quality.apply", "", f"rule {rule}", rule, rules))
    return recipe


def _no_choice(name: str, given: Any) -> str:
    near = difflib.get_close_matches(str(given).lower(), _CHOICES[name], n=1, cutoff=0.4)
    mend = f"; did you mean {near[0]}?" if near else ""
    return f"{name} is one of {', '.join(_CHOICES[name])}, found {given!r}{mend}"


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
            is_table = get_type_hints(cls)[spec.name] == KindShares
            lines.append(f"{spec.name} = {_table_value(given) if is_table else _toml_value(given)}")
        lines.append("")
    return "\n".join(lines)


def _table_value(given: KindShares) -> str:
    return "{" + ", ".join(f"{kind} = {share!r}" for kind, share in given) + "}"


def _toml_value(given: Any) -> str:
    if isinstance(given, bool):
        return "true" if given else "false"
    if isinstance(given, str):
        # JSON's escapes are TOML's, which wants one for DEL too
        return json.dumps(given, ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(given, tuple):
        return "[" + ", ".join(_toml_value(item) for item in given) + "]"
    return repr(given)
