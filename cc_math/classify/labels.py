"""Examples for training: from Parquet or JSON lines to normalised, labelled lines.

Owns reading, the bootstrap rule, exclusions, caps and the deal of sites into folds. Reads
any folder of Parquet with a text column, so `documents` of an extract run as well as a
corpus of the user's; writes nothing.

The trade: the chosen examples are held in memory as normalised lines (about a gigabyte per
hundred thousand long pages), because they are read once per fold. Order, sample and folds
come from hashes of the addresses, so neither listing order nor part sizes move them.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast

import pyarrow as pa
import pyarrow.parquet as pq

from cc_math.classify.features import FEATURE_CHARS, text_features
from cc_math.classify.lines import text_lines
from cc_math.classify.settings import ClassifierSettings
from cc_math.errors import InputError
from cc_math.language import identify
from cc_math.storage import read_text, store_for
from cc_math.text import FormulaMask, classifier_text
from cc_math.urls import registered_domain

Row = dict[str, Any]
# Languages without a positive keep so many negatives; chosen: enough to learn its stop words
# as neutral beside the other languages' mathematics.
_FEWEST_NEGATIVES = 40
_ENDINGS = (".parquet", ".jsonl", ".json", ".ndjson")


@dataclass(frozen=True, slots=True)
class Example:
    """One page as the trainer sees it.

    `positive` is None for a page that is only scored (a labelled one, or one that the
    bootstrap rule leaves open). `key` orders and names it; `text` is kept only for labelled
    pages and seeds, whose formulas a calibration may count, and so is `formula_line`, the line
    with formulas as structure tokens, where the settings want one. `known` are the features
    that need no model, kept in place of the text where a calibration weighs them; `source` says
    where the example is from, `prior` is an earlier model's score. `teaches_words` is False for a
    read page that calibrates and teaches kinds but is no example of the head's text models.
    """

    key: str
    url: str
    site: str
    line: str
    positive: bool | None
    text: str = ""
    is_seed: bool = False
    language: str = ""
    kind: str = ""
    formula_line: str = ""
    known: Mapping[str, float] | None = None
    source: str = ""
    prior: float | None = None
    teaches_words: bool = True


@dataclass(frozen=True, slots=True)
class Examples:
    """What a training reads: examples in hash order, and labelled pages apart.

    `read` are the labelled pages that calibrate, with their own verdict and kind; those that
    only evaluate are in `labelled` alone.
    """

    training: list[Example]
    seeds: list[Example]
    labelled: list[Example]
    read: list[Example]
    counts: dict[str, int]


def read_rows(uris: tuple[str, ...], wanted: tuple[str, ...]) -> Iterator[Row]:
    """Rows of Parquet or JSON-lines files or folders, with the `wanted` columns at least.

    Raises InputError for a missing file, a folder without data, or a missing column.
    """
    for uri in uris:
        files = [uri] if uri.endswith(_ENDINGS) else _data_files(uri)
        for file in files:
            if file.endswith(".parquet"):
                yield from _parquet_rows(file, wanted)
            else:
                yield from _json_rows(file, wanted)


def _data_files(folder: str) -> list[str]:
    files = [e.uri for e in store_for(folder).list_files(folder) if e.uri.endswith(_ENDINGS[:2])]
    # Manifests and run records lie beside the data of a stage, as JSON but not as JSON lines.
    files = [f for f in files if "/_" not in f[len(folder) :]]
    if not files:
        raise InputError(f"{folder}: expected Parquet or JSON lines, found no such file")
    return files


def _parquet_rows(uri: str, wanted: tuple[str, ...]) -> Iterator[Row]:
    try:
        file = pq.ParquetFile(pa.BufferReader(store_for(uri).read_bytes(uri)))
    except pa.ArrowInvalid as error:
        raise InputError(f"{uri}: not a Parquet file ({error})") from None
    missing = [name for name in wanted if name not in file.schema_arrow.names]
    if missing:
        raise InputError(
            f"{uri}: no column {', '.join(missing)}; it has {', '.join(file.schema_arrow.names)}; "
            "name the columns in [classifier]"
        )
    for batch in file.iter_batches(batch_size=256, columns=list(wanted)):
        yield from cast(list[Row], batch.to_pylist())


def _json_rows(uri: str, wanted: tuple[str, ...]) -> Iterator[Row]:
    for number, line in enumerate(read_text(uri).split("\n"), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except ValueError as error:
            raise InputError(f"{uri}:{number}: not JSON ({error})") from None
        missing = [n for n in wanted if not isinstance(row, dict) or n not in row]
        if missing:
            raise InputError(f"{uri}:{number}: no field {', '.join(missing)}")
        yield row


def read_label_scores(uri: str, field: str) -> dict[str, Row]:
    """Labels by address: each row as it stands, its score under `score` as a float."""
    rows = _json_rows(uri, ("url", field))
    return {str(row["url"]): {**row, "score": float(row[field])} for row in rows}


def read_examples(settings: ClassifierSettings) -> Examples:
    """All examples that `settings` name, normalised, without the excluded ones."""
    counts: Counter[str] = Counter()
    kept_out = _excluded_urls(settings)
    sites_out = _excluded_sites(settings)
    labelled_urls: set[str] = set()
    for uri in (settings.calibration_labels, settings.evaluation_labels):
        if uri:
            labelled_urls |= set(read_label_scores(uri, settings.score_field))
    chosen: dict[str, Example] = {}
    labelled: dict[str, Example] = {}
    for row, positive in _judged_rows(settings):
        counts["rows"] += 1
        url = str(row.get(settings.url_field) or "") if settings.url_field else ""
        text = str(row[settings.text_field] or "")[: max(settings.max_chars, FEATURE_CHARS)]
        is_labelled = url in labelled_urls
        if positive is None and not is_labelled:
            counts["left_open_by_rule"] += 1
            continue
        site = registered_domain(url) if url else ""
        if not is_labelled and (url in kept_out or site in sites_out):
            counts["excluded"] += 1
            continue
        line, formula_line = _lines(text, settings)
        key = _key(settings.seed, url, line)
        if is_labelled:
            labelled[url] = Example(key, url, site, line, None, text, formula_line=formula_line)
        elif line.count(" ") + 1 < settings.min_words:
            counts["too_short"] += 1
        else:
            # Captures of one page and twins under one address differ in key by their text.
            language = identify(text[: settings.max_chars])[0]
            site = site or f"\0{key}"
            known = text_features(text) if settings.calibration == "sites" else None
            source = str(row.get(settings.source_field) or "") if settings.source_field else ""
            prior = row.get(settings.prior_field) if settings.prior_field else None
            chosen[key] = Example(
                key, url, site, line, positive, language=language, known=known, source=source,
                prior=prior,
            )  # fmt: skip
    kept_in = {u: e for u, e in labelled.items() if u not in kept_out and e.site not in sites_out}
    read = _read_pages(settings, kept_in)
    counts["read"] = len(read)
    counts["read_for_words"] = sum(page.teaches_words for page in read)
    seeds = _seed_examples(settings)
    training = _capped([chosen[key] for key in sorted(chosen)], settings, counts)
    return Examples(
        training=_balanced(training, seeds, settings, counts),
        seeds=seeds,
        labelled=[labelled[url] for url in sorted(labelled)],
        read=read,
        counts=dict(sorted(counts.items())),
    )


def _read_pages(settings: ClassifierSettings, labelled: dict[str, Example]) -> list[Example]:
    """The pages of `calibration_labels` with what their reader said, but no page that evaluates.

    Raises InputError where a page is in both files: its own label would judge it.
    """
    if not settings.calibration_labels:
        return []
    rows = read_label_scores(settings.calibration_labels, settings.score_field)
    if settings.evaluation_labels:
        judges = set(read_label_scores(settings.evaluation_labels, settings.score_field))
        if both := sorted(judges & set(rows)):
            raise InputError(
                f"{settings.calibration_labels}: {len(both)} of its pages are in "
                f"{settings.evaluation_labels} too ({both[0]}); take them out of one of the files"
            )
    return [
        dataclasses.replace(
            labelled[url],
            positive=bool(rows[url]["score"] >= settings.min_score),
            kind=str(rows[url].get("kind") or ""),
            teaches_words=bool(rows[url].get("teaches_words", True)),
        )
        for url in sorted(labelled.keys() & rows.keys())
    ]


def _judged_rows(settings: ClassifierSettings) -> Iterator[tuple[Row, bool | None]]:
    """Rows of every source with what the source says of them."""
    text, label, marks = settings.text_field, settings.label_field, settings.marks_field
    url = (settings.url_field,) if settings.url_field else ()
    for row in read_rows(settings.positives, (text, *url)):
        yield row, True
    for row in read_rows(settings.negatives, (text, *url)):
        yield row, False
    named = tuple(name for name in (settings.source_field, settings.prior_field) if name)
    for row in read_rows(settings.labelled, (text, label, *url, *named)):
        if not settings.sources_out or row[settings.source_field] not in settings.sources_out:
            yield row, float(row[label]) >= settings.min_label
    for row in read_rows(settings.lookup, (text, *url)):
        yield row, None
    for row in read_rows(settings.bootstrap, (text, marks, *url)):
        found = int(row[marks] or 0)
        yield row, True if found >= settings.bootstrap_min_marks else False if not found else None


def _capped(
    examples: list[Example], settings: ClassifierSettings, counts: Counter[str]
) -> list[Example]:
    """The first of each site and class, then of each class, in hash order; repeats left out."""
    per_site: Counter[tuple[str, bool | None]] = Counter()
    per_class: Counter[bool | None] = Counter()
    seen: set[bytes] = set()
    kept = []
    for example in examples:
        text_digest = hashlib.blake2b(example.line.encode(), digest_size=16).digest()
        if text_digest in seen:
            counts["repeated"] += 1
            continue
        site_class = (example.site, example.positive)
        if per_site[site_class] >= settings.max_per_site:
            counts["over_max_per_site"] += 1
        elif per_class[example.positive] >= settings.max_examples:
            counts["over_max_examples"] += 1
        else:
            per_site[site_class] += 1
            per_class[example.positive] += 1
            seen.add(text_digest)
            kept.append(example)
    counts["positives"], counts["negatives"] = per_class[True], per_class[False]
    return kept


def _balanced(
    examples: list[Example],
    seeds: list[Example],
    settings: ClassifierSettings,
    counts: Counter[str],
) -> list[Example]:
    """Of each language at most `max_negative_ratio` negatives a positive, in hash order.

    Without this a crawl whose German pages hold no formulas teaches that German is none.
    """
    positives: Counter[str] = Counter(e.language for e in examples if e.positive)
    for seed in seeds:
        positives[seed.language] += settings.seed_copies if seed.positive else 0
    negatives: Counter[str] = Counter()
    kept = []
    for example in examples:
        if example.positive is False:
            most = settings.max_negative_ratio * positives[example.language]
            if negatives[example.language] >= max(_FEWEST_NEGATIVES, most):
                counts["over_max_negative_ratio"] += 1
                continue
            negatives[example.language] += 1
        kept.append(example)
    counts["negatives"] = sum(negatives.values())
    for example in kept:
        if example.source:
            counts[f"{'positives' if example.positive else 'negatives'}.{example.source}"] += 1
    return kept


def _lines(text: str, settings: ClassifierSettings) -> tuple[str, str]:
    """The line of a text, and the one that shows its formulas ("" where none is wanted)."""
    head = text[: settings.max_chars]
    if settings.formula_words:
        return text_lines(head)[:2]
    return classifier_text(head, cast(FormulaMask, settings.formulas)), ""


def _seed_examples(settings: ClassifierSettings) -> list[Example]:
    seeds = []
    for row in read_rows(settings.seeds, ("text", "label")):
        text = str(row["text"])
        line, formula_line = _lines(text, settings)
        key = _key(settings.seed, "", line)
        positive = float(row["label"]) >= settings.min_label
        # A hand-written example belongs to no site: it is dealt into a fold by itself.
        language = str(row.get("language") or identify(str(row["text"]))[0])
        site = f"\0{key}"
        seeds.append(
            Example(key, "", site, line, positive, text, True, language, formula_line=formula_line)
        )
    return sorted(seeds, key=lambda example: example.key)


def fold_of(site: str, folds: int, seed: int) -> int:
    """The fold of a registered domain, by hash."""
    digest = hashlib.blake2b(f"{seed}\0{site}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") % folds


def examples_of_share(settings: ClassifierSettings, examples: Examples, share: float) -> Examples:
    """The examples of a share of the sites, drawn by hash; labelled pages and seeds all stay."""

    def is_drawn(example: Example) -> bool:
        digest = hashlib.blake2b(f"{settings.seed}\0curve\0{example.site}".encode(), digest_size=8)
        return int.from_bytes(digest.digest(), "big") < share * 2**64

    return dataclasses.replace(
        examples,
        training=[e for e in examples.training if is_drawn(e)],
        read=[e for e in examples.read if is_drawn(e)],
    )


def _key(seed: int, url: str, line: str) -> str:
    return hashlib.blake2b(f"{seed}\0{url}\0{line}".encode(), digest_size=16).hexdigest()


def _file_lines(uri: str) -> set[str]:
    if not uri:
        return set()
    return {line.strip() for line in read_text(uri).split("\n") if line.strip()}


def _excluded_sites(settings: ClassifierSettings) -> set[str]:
    """Registered domains of `exclude_sites`: hosts or addresses, `#` begins a comment.

    Raises InputError for a line without a domain: its site would silently stay in.
    """
    sites = set()
    for line in sorted(_file_lines(settings.exclude_sites)):
        if line.startswith("#"):
            continue
        address = line if "://" in line else f"https://{line}"
        site = registered_domain(address.lower())
        if "." not in site or any(c.isspace() for c in site):
            raise InputError(f"{settings.exclude_sites}: expected a domain, found {line!r}")
        sites.add(site)
    return sites


def _excluded_urls(settings: ClassifierSettings) -> set[str]:
    """Addresses of `exclude_urls`: plain lines, or JSON lines with url."""
    urls = set()
    for line in _file_lines(settings.exclude_urls):
        urls.add(str(json.loads(line)["url"]) if line.startswith("{") else line)
    return urls
