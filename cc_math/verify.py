"""Re-read everything that a run wrote and say what is wrong, if anything.

Checks, for every stage found in any folder below one (a run, a stage, a loop of `cc-math
iterate`): the manifest and its chunks agree; each file is there with the bytes and sha256 it had;
Parquet files have the table's schema, the stated rows, their order and their key; counts
reconcile (:mod:`cc_math.verify_counts`); token shards hold ids in range, end each document
rightly, and hold the same stream in every format, which decodes to the corpus. Nothing is mended.
"""

from __future__ import annotations

import dataclasses
import itertools
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from cc_math.errors import CcMathError, InputError
from cc_math.manifests import (
    Json,
    canonical_json,
    digest,
    read_json,
    stage_manifest_uri,
    table_parts,
)
from cc_math.schema import SCHEMA_VERSION, TABLES, arrow_schema
from cc_math.shards import tokenizer
from cc_math.shards import verify as shards_verify
from cc_math.shards.layout import Layout
from cc_math.shards.verify import Problem
from cc_math.shards.write import ShardFile
from cc_math.stages import STAGES, STEPS, Stage
from cc_math.storage import join, store_for
from cc_math.tables import local_copy, read_columns, sha256_of
from cc_math.verify_counts import FoundStage, across_problems, count_problems, loop_problems

SAMPLED_DOCUMENTS = 32  # chosen: decoded and compared with the corpus, per shard
_SORTED_BY = dict.fromkeys(
    ("pages", "documents", "scores", "quality", "corpus", "wanted", "recalled", "differences"),
    "doc_id",
)
_KEYED_BY = dict.fromkeys(("corpus", "wanted", "recalled"), "doc_id")


def verify(
    uri: str, say: Callable[[str], None] = lambda line: None
) -> tuple[list[Problem], dict[str, int]]:
    """Problems found below ``uri``, and what was looked at (stages, files, bytes, rows).

    ``uri`` is the folder of a run or of one stage. Raises InputError where neither is there.
    """
    problems: list[Problem] = []
    found = find_stages(uri, problems)
    if not found and not problems:
        raise InputError(f"{uri}: expected a folder that cc-math wrote, found no manifest below it")
    for run in sorted({uri, *(each.run for each in found)}):
        problems += _verify_run(run, [each for each in found if each.run == run])
    looked_at = {"stages": len(found), "files": 0, "bytes": 0, "rows": 0}
    for each in found:
        files = each.manifest["files"]
        say(f"{each.stage.name}: {len(files)} files below {each.root}")
        problems += _verify_chunks(each.stage, each.root, each.manifest)
        for entry in files:
            problems += _verify_file(each.root, entry)
            looked_at["files"] += 1
            looked_at["bytes"] += entry["bytes"]
            looked_at["rows"] += entry["rows"]
        problems += count_problems(each)
    problems += across_problems(found)
    problems += loop_problems(uri, found)
    for each in found:
        if each.stage.name == "shard":
            problems += _verify_shards(each.root, each.manifest, _corpus_of(each, found))
    return problems, looked_at


def find_stages(uri: str, problems: list[Problem]) -> list[FoundStage]:
    """The finished stages at ``uri`` and in any folder below it, by folder and pipeline order.

    Manifests that cannot be read, and stages that were begun and not finished, are added to
    ``problems``. What stands below a `_run` is of no concern: exchange files and clocks.
    """
    known = {stage.name: number for number, stage in enumerate((*STAGES, *STEPS))}
    places: set[tuple[str, int]] = set()
    for entry in store_for(uri).list_files(uri):
        below = entry.uri[len(uri.rstrip("/")) :].strip("/").split("/")
        if "_manifests" not in below[:-1] or "_run" in below:
            continue
        at = below.index("_manifests")
        name = below[at + 1].removesuffix(".json")
        root = join(uri, *below[:at]) if at else uri
        if name in known:
            places.add((root, known[name]))
        else:
            problems.append(Problem(entry.uri, f"{name} is no stage that this version knows"))
    found = []
    for root, number in sorted(places):
        stage = (*STAGES, *STEPS)[number]
        place = stage_manifest_uri(root, stage.name)
        try:
            manifest = read_json(place)
        except InputError as error:
            problems.append(Problem(place, str(error)))
            continue
        if manifest is None:
            what = f"stage {stage.name} is not finished: run the same command again"
            problems.append(Problem(root, what))
        elif _is_manifest(manifest):
            found.append(FoundStage(stage, root, manifest))
        else:
            problems.append(Problem(place, "is not the manifest of a stage"))
    return found


def _is_manifest(manifest: Json) -> bool:
    """Whether the keys that the checks rely on are there, with the types they need."""
    counts, files = manifest.get("counts"), manifest.get("files")
    if not isinstance(counts, dict) or not isinstance(files, list):
        return False
    notes = manifest.get("notes", [])
    if not isinstance(notes, list) or not all(isinstance(note, dict) for note in notes):
        return False
    keys = {"table": str, "path": str, "bytes": int, "sha256": str, "rows": int}
    sound = all(
        isinstance(f, dict) and all(isinstance(f.get(k), t) for k, t in keys.items()) for f in files
    )
    numbers = all(isinstance(number, int) for number in counts.values())
    return sound and numbers and isinstance(manifest.get("chunks"), dict)


def _verify_run(uri: str, found: list[FoundStage]) -> list[Problem]:
    """The run's own manifest, where there is one, against the stages that are there."""
    place = join(uri, "manifest.json")
    try:
        body = read_json(place)
    except InputError as error:
        return [Problem(place, f"is not the manifest of a run: {error}")]
    if body is None:
        return []
    stages = body.get("stages")
    if not isinstance(stages, dict) or not all(isinstance(s, dict) for s in stages.values()):
        return [Problem(place, "is not the manifest of a run: it names no stages")]
    there = {each.stage.name: each.manifest for each in found}
    problems = _form_problems(place, body)
    if body.get("recipe_digest") != digest(body.get("recipe")):
        problems.append(Problem(place, "its recipe is not that of its recipe_digest"))
    for name, stated in stages.items():
        if name not in there:
            problems.append(Problem(place, f"names stage {name}, which is not there"))
        elif any(there[name].get(key) != value for key, value in stated.items()):
            problems.append(Problem(place, f"states other figures of {name} than the stage does"))
    return problems


def _verify_chunks(stage: Stage, root: str, manifest: Json) -> list[Problem]:
    """The stage's manifest against those of its chunks, and all of them against their own form."""
    folder = join(root, "_manifests", stage.name)
    problems = _form_problems(stage_manifest_uri(root, stage.name), manifest)
    files, counts = [], dict[str, int]()
    chunks: dict[str, Json] = {}
    for entry in store_for(folder).list_files(folder):
        try:
            chunk = read_json(entry.uri) or {}
        except CcMathError as error:
            problems.append(Problem(entry.uri, f"not a chunk's manifest: {error}"))
            continue
        if not _is_manifest({**chunk, "chunks": {}}):
            problems.append(Problem(entry.uri, "not a chunk's manifest"))
            continue
        problems += _form_problems(entry.uri, chunk)
        chunks[str(chunk.get("chunk"))] = chunk
        files += chunk["files"]
        for name, number in chunk["counts"].items():
            counts[name] = counts.get(name, 0) + number
    missing = set(manifest["chunks"]) - set(chunks)
    if missing:
        problems.append(Problem(folder, f"no manifest of chunks {', '.join(sorted(missing))}"))
    elif what := _other_than_chunks(stage, manifest, chunks):
        problems.append(Problem(root, f"{stage.name}: its manifest states {what} than its chunks"))
    stated_files = {f["path"]: f for f in manifest["files"]}
    for file in files:
        if stated_files.get(file["path"]) != file:
            what = f"{stage.name}: its chunk says something else of {file['path']} than the stage"
            problems.append(Problem(root, what))
    for name, number in counts.items():
        stated = manifest["counts"].get(name)
        if stated is None or stated < number:
            problems.append(
                Problem(root, f"{stage.name}: {name} is {number} by chunk, {stated} in all")
            )
    return problems


def _form_problems(uri: str, content: Json) -> list[Problem]:
    """A manifest is written in one form only; other bytes are not those that were written."""
    if store_for(uri).read_bytes(uri) == canonical_json(content):
        return []
    return [Problem(uri, "is not in the form in which cc-math writes it: it was changed")]


def _other_than_chunks(stage: Stage, manifest: Json, chunks: dict[str, Json]) -> str:
    """What the stage's manifest says otherwise than its chunks: an identity, inputs or notes."""
    made = [chunks[name] for name in sorted(chunks)]
    for key in ("stage", "code_version", "schema_version"):
        if any(each.get(key) != manifest.get(key) for each in made):
            return f"another {key}"
    if manifest.get("stage") != stage.name:
        return "another stage"
    identities = sorted((name, chunk.get("identity")) for name, chunk in chunks.items())
    if manifest.get("identity") != digest([stage.name, identities]):
        return "another identity"
    if manifest["chunks"] != {name: chunk.get("input") for name, chunk in chunks.items()}:
        return "another input"
    notes = [{"chunk": c["chunk"], **note} for c in made for note in c.get("notes", [])]
    # the notes of shard are the rows of its table, see _verify_shards
    return "other notes" if stage.name != "shard" and manifest.get("notes", []) != notes else ""


def _verify_file(root: str, entry: Json) -> list[Problem]:
    uri = join(root, entry["path"])
    size_bytes = store_for(uri).size_bytes(uri)
    if size_bytes is None:
        return [Problem(uri, "is missing")]
    if size_bytes != entry["bytes"]:
        return [Problem(uri, f"has {size_bytes} bytes, the manifest says {entry['bytes']}")]
    with local_copy(uri) as path:
        if sha256_of(path) != entry["sha256"]:
            return [Problem(uri, "has another sha256 than the manifest says")]
        if entry["table"] in TABLES:
            return _verify_parquet(path, uri, entry)
    return []


def _verify_parquet(path: Path, uri: str, entry: Json) -> list[Problem]:
    wanted = arrow_schema(entry["table"])
    try:
        with pq.ParquetFile(path) as file:
            if not file.schema_arrow.equals(wanted):
                return [Problem(uri, _other_schema(file.schema_arrow, entry["table"]))]
            if file.metadata.num_rows != entry["rows"]:
                return [Problem(uri, f"{file.metadata.num_rows} rows, not {entry['rows']}")]
            key = _SORTED_BY.get(entry["table"])
            if key is not None:
                ids = file.read(columns=[key], use_threads=False).column(key).to_pylist()
                if any(a > b for a, b in itertools.pairwise(ids)):
                    return [Problem(uri, f"rows are not sorted by {key}")]
                if entry["table"] in _KEYED_BY and any(a == b for a, b in itertools.pairwise(ids)):
                    return [Problem(uri, f"a {key} stands in it twice")]
    except (pa.ArrowException, OSError) as error:
        return [Problem(uri, f"is not readable Parquet: {error}")]
    return []


def _other_schema(found: pa.Schema, table: str) -> str:
    version = (found.metadata or {}).get(b"schema_version", b"?").decode("utf-8", "replace")
    if version != str(SCHEMA_VERSION):
        return f"is of schema version {version}, this version of cc-math reads {SCHEMA_VERSION}"
    return f"its columns are not those of table {table}"


def _corpus_of(shards: FoundStage, found: list[FoundStage]) -> str | None:
    """The corpus that shards were made from: that of their run, or the only one there is."""
    corpora = [each for each in found if each.stage.name == "compose"]
    of_run = [each for each in corpora if each.run == shards.run]
    chosen = of_run or (corpora if len(corpora) == 1 else [])
    return chosen[0].root if chosen else None


def _verify_shards(root: str, manifest: Json, corpus: str | None) -> list[Problem]:
    """Token ids, document boundaries, both formats alike, a sample decoded against the corpus."""
    files = {f["path"] for f in manifest["files"]}
    if not all(_is_there(root, n) for n in ("tokenizer.json", "shards.parquet", "layout.json")):
        return []  # named as missing already
    try:
        stated = read_json(join(root, "layout.json")) or {}
        with local_copy(join(root, "tokenizer.json")) as path:
            tokens = tokenizer.load(str(path), end_of_document=stated["end_of_document"])
        with local_copy(join(root, "shards.parquet")) as path:
            rows = [ShardFile(**row) for row in pq.read_table(path).to_pylist()]
        layout = Layout(**{f.name: stated[f.name] for f in dataclasses.fields(Layout)})
    except (CcMathError, pa.ArrowException, OSError, TypeError, KeyError) as error:
        return [Problem(root, f"shards cannot be read: {type(error).__name__}: {error}")]
    problems = _noted_otherwise(root, rows)
    for name in sorted(path for path in files if path.endswith(".bin")):
        stem = name.removeprefix("megatron/").removesuffix(".bin")
        problems += _verify_pair(root, stem, files, rows, tokens)
    samples = {}
    for slot in range(layout.slots):
        name = f"parquet/{layout.name(slot)}.parquet"
        if name not in files or not _is_there(root, name):
            continue
        with local_copy(join(root, name)) as path:
            found = shards_verify.verify_parquet_tokens(
                str(path),
                vocab_size=tokens.vocab_size,
                end_of_document=tokens.end_of_document,
                expected=[row for row in rows if row.path == name],
                layout=layout,
                slot=slot,
            )
            problems += _renamed(found, name)
            if not found:
                samples[name] = shards_verify.sample_documents(
                    str(path), documents=SAMPLED_DOCUMENTS, seed=0
                )
    return problems + _verify_samples(corpus, samples, tokens)


def _noted_otherwise(root: str, rows: list[ShardFile]) -> list[Problem]:
    """The notes of the shards' manifests are the rows of the table `shards`."""
    folder = join(root, "_manifests", "shard")
    try:
        manifests = [read_json(entry.uri) or {} for entry in store_for(folder).list_files(folder)]
    except CcMathError:
        return []  # named already
    noted = [note for manifest in manifests for note in manifest.get("notes", [])]
    stated = [dataclasses.asdict(row) for row in rows]
    if sorted(noted, key=canonical_json) == sorted(stated, key=canonical_json):
        return []
    return [Problem(join(root, "shards.parquet"), "its rows are not what the shards noted")]


def _verify_samples(
    corpus: str | None, samples: dict[str, Any], tokens: tokenizer.Tokenizer
) -> list[Problem]:
    """Sampled documents of the shards against the corpus, where it stands beside them."""
    if corpus is None:
        return []
    try:
        texts = _texts(corpus, {doc_id for sample in samples.values() for doc_id in sample})
    except (CcMathError, OSError, pa.ArrowException) as error:
        return [Problem(corpus, f"the corpus cannot be read: {error}")]
    problems = []
    for name, sample in samples.items():
        problems += shards_verify.verify_round_trip(name, sample, texts, tokens)
    return problems


def _is_there(root: str, name: str) -> bool:
    return store_for(root).size_bytes(join(root, name)) is not None


def _verify_pair(
    root: str, stem: str, files: set[str], rows: list[ShardFile], tokens: tokenizer.Tokenizer
) -> list[Problem]:
    names = [f"megatron/{stem}.bin", f"megatron/{stem}.idx"]
    if not all(_is_there(root, name) for name in names):
        return []
    with local_copy(join(root, names[0])) as bin_path, local_copy(join(root, names[1])) as idx_path:
        problems = shards_verify.verify_megatron(
            str(bin_path),
            str(idx_path),
            vocab_size=tokens.vocab_size,
            end_of_document=tokens.end_of_document,
            expected=[row for row in rows if row.path in names],
        )
        twin = f"parquet/{stem}.parquet"
        if twin in files and _is_there(root, twin):
            with local_copy(join(root, twin)) as parquet_path:
                problems += shards_verify.verify_same_stream(
                    str(bin_path), str(idx_path), str(parquet_path)
                )
    return _renamed(problems, names[0])


def _renamed(problems: list[Problem], name: str) -> list[Problem]:
    """Problems under the shard's own name where the file was a download."""
    return [p if Path(p.path).name == Path(name).name else Problem(name, p.what) for p in problems]


def _texts(corpus: str, wanted: set[str]) -> dict[str, str]:
    texts: dict[str, str] = {}
    for part in table_parts(corpus, "corpus"):
        table = read_columns(part, ["doc_id", "text"])
        for index, doc_id in enumerate(table.column("doc_id").to_pylist()):
            if doc_id in wanted:
                texts[doc_id] = table.column("text")[index].as_py()
    return texts


def problems_json(problems: list[Problem]) -> str:
    """Problems as JSON lines."""
    return "".join(json.dumps({"path": p.path, "what": p.what}) + "\n" for p in problems)
