"""Manifests: what makes a chunk of output exist.

A stage that writes to folder O leaves

    O/_manifests/STAGE/CHUNK.json   one per finished chunk, written last, by conditional put
    O/_manifests/STAGE.json         when all chunks are there: totals, checks, list of chunks
    O/_run/                         timings and exchange files, outside identity and verify

A file that no manifest names does not exist for cc-math, whatever a listing shows. A
manifest holds counts, sha256 of each file, code version and recipe digest, no clock and no
place, so that the same input and recipe give the same manifests on any machine.
"""

from __future__ import annotations

import hashlib
import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from cc_math.errors import InputError, JobError, OutputConflict
from cc_math.schema import SCHEMA_VERSION
from cc_math.stages import Stage, stages_of_table
from cc_math.storage import base_name, join, parent, store_for
from cc_math.version import __version__

Json = dict[str, Any]
READERS = 16  # chosen: threads that read manifests; a request to S3 takes some 30 ms


@dataclass(frozen=True, slots=True)
class FileEntry:
    """One file of a chunk: path relative to the stage's output folder."""

    table: str
    path: str
    bytes: int
    sha256: str
    rows: int


@dataclass(slots=True)
class ChunkManifest:
    """What one chunk made. ``counts`` holds non-negative integers, keys may contain dots."""

    stage: str
    chunk: str
    identity: str
    input: Json
    files: list[FileEntry] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)
    notes: list[Json] = field(default_factory=list)  # damage, machine-dependent drops

    def to_bytes(self) -> bytes:
        """Canonical JSON, the same bytes for the same content."""
        body = {
            "stage": self.stage,
            "chunk": self.chunk,
            "identity": self.identity,
            "code_version": __version__,
            "schema_version": SCHEMA_VERSION,
            "input": self.input,
            "files": [_file_json(f) for f in sorted(self.files, key=lambda f: f.path)],
            "counts": dict(sorted(self.counts.items())),
            "notes": self.notes,
        }
        return canonical_json(body)


def _file_json(entry: FileEntry) -> Json:
    return {
        "table": entry.table,
        "path": entry.path,
        "bytes": entry.bytes,
        "sha256": entry.sha256,
        "rows": entry.rows,
    }


def canonical_json(value: Any) -> bytes:
    """JSON with sorted keys, two blanks of indent and a newline at the end, as UTF-8."""
    text = json.dumps(value, sort_keys=True, indent=2, ensure_ascii=False, allow_nan=False)
    return (text + "\n").encode()


def digest(value: Any) -> str:
    """sha256 of the canonical JSON of ``value``, 64 hex digits."""
    return hashlib.sha256(canonical_json(value)).hexdigest()


def stage_identity(stage: str, recipe_values: Json, inputs: Any) -> str:
    """Identity of a result: stage, code, the recipe values that matter to it, its inputs."""
    return digest(
        {
            "stage": stage,
            "code_version": __version__,
            "schema_version": SCHEMA_VERSION,
            "recipe": recipe_values,
            "inputs": inputs,
        }
    )


def chunk_manifest_uri(output: str, stage: str, chunk: str) -> str:
    """Where the manifest of ``chunk`` stands."""
    return join(output, "_manifests", stage, f"{chunk}.json")


def stage_manifest_uri(output: str, stage: str) -> str:
    """Where the manifest of the whole stage stands."""
    return join(output, "_manifests", f"{stage}.json")


def read_json(uri: str) -> Json | None:
    """A JSON object, or None where there is no such file. Raises InputError for other content."""
    store = store_for(uri)
    try:
        data = store.read_bytes(uri)
    except InputError:
        if store.size_bytes(uri) is None:
            return None
        raise
    try:
        value = json.loads(data)
    except ValueError as error:
        raise InputError(f"{uri} is not JSON: {error}") from None
    if not isinstance(value, dict):
        raise InputError(f"{uri}: expected a JSON object, found {type(value).__name__}")
    return value


def publish_chunk(output: str, manifest: ChunkManifest) -> None:
    """Commit a chunk. A manifest that stands there already must be the same to the byte."""
    uri = chunk_manifest_uri(output, manifest.stage, manifest.chunk)
    data = manifest.to_bytes()
    store = store_for(uri)
    if not store.put_new(data, uri) and store.read_bytes(uri) != data:
        raise JobError(
            f"{uri}: another attempt at this chunk published a different result; the chunk is "
            "not deterministic on these machines (different pyarrow versions or CPU families?)"
        )


def finished_chunks(output: str, stage: str, identities: dict[str, str]) -> dict[str, Json]:
    """Manifests of the chunks that are done, by chunk name.

    ``identities`` gives the identity that each wanted chunk must have. Raises OutputConflict
    where a chunk stands with another one: its folder was made from other input or recipe.
    """
    folder = join(output, "_manifests", stage)
    uris = [entry.uri for entry in store_for(folder).list_files(folder)]
    with ThreadPoolExecutor(READERS) as pool:  # a request each, thousands of them in S3
        manifests = list(pool.map(read_json, uris))
    done: dict[str, Json] = {}
    for found in manifests:
        manifest = found or {}
        name = str(manifest.get("chunk", ""))
        if name in identities and manifest.get("identity") == identities[name]:
            done[name] = manifest
            continue
        why = "another input" if name not in identities else "another recipe, code or input"
        raise OutputConflict(
            f"{output} holds results of stage {stage} made from {why} (chunk {name}): "
            "give another --output, or --overwrite to replace them"
        )
    return done


def remove_damaged(output: str, stage: str) -> None:
    """Delete manifests of a stage that are not JSON, or whose files are missing or of another
    size, and with them the stage's own: a rerun then makes these chunks again."""
    store = store_for(output)
    whole = stage_manifest_uri(output, stage)
    uris = [entry.uri for entry in store.list_files(join(output, "_manifests", stage))]
    damaged = [uri for uri in (*uris, whole) if not _is_sound(output, uri)]
    for uri in dict.fromkeys([whole, *damaged] if damaged else []):
        store.delete(uri)


def _is_sound(output: str, uri: str) -> bool:
    try:
        files = (read_json(uri) or {}).get("files", [])
        sizes = {f["path"]: f["bytes"] for f in files}
    except (InputError, TypeError, KeyError):
        return False
    store = store_for(output)
    return all(store.size_bytes(join(output, path)) == size for path, size in sizes.items())


def remove_stage(output: str, stage: str) -> None:
    """Delete a stage's manifests, every file they name and its exchange files; manifests first."""
    store = store_for(output)
    uris = [stage_manifest_uri(output, stage)]
    uris += [entry.uri for entry in store.list_files(join(output, "_manifests", stage))]
    manifests = [read_json(uri) or {} for uri in uris]
    for uri in uris:
        store.delete(uri)
    for path in {file["path"] for manifest in manifests for file in manifest.get("files", [])}:
        store.delete(join(output, path))
    for entry in store.list_files(join(output, "_run", stage)):
        store.delete(entry.uri)


@dataclass(frozen=True, slots=True)
class Part:
    """One file of a table as a manifest, or a plain folder, gives it."""

    uri: str
    name: str  # the chunk's name: the path below the table's folder without its ending
    identity: str  # sha256 of the file, or a digest of name, size and Parquet footer
    rows: int
    made_from: str = ""  # of a sidecar: identity of the documents part that it belongs to


def table_parts(uri: str, *tables: str) -> list[Part]:
    """The published parts of a table, sorted by name; the first of ``tables`` that is there.

    A folder of ours is read through its stage's manifest, which may stand in the folder, in
    its parent, or where `cc-math run` puts the stage's output; any other folder is taken as
    plain Parquet files. Raises InputError where the folder is missing, empty, holds other
    results of ours, or its stage is not finished.
    """
    for table in tables:
        for stage in stages_of_table(table):
            roots = [uri]
            if stage.tables[table] and stage.tables[table] == base_name(uri):
                roots.append(parent(uri))
            if stage.run_folder:
                roots.append(join(uri, stage.run_folder))
            for root in roots:
                parts = _manifested_parts(root, stage, table)
                if parts is not None:
                    return parts
    return _plain_parts(uri)


def _manifested_parts(root: str, stage: Stage, table: str) -> list[Part] | None:
    if root.startswith(("https://", "http://")):
        return None
    manifest = read_json(stage_manifest_uri(root, stage.name))
    if manifest is None:
        if store_for(root).list_files(join(root, "_manifests", stage.name)):
            raise InputError(
                f"{root}: stage {stage.name} is not finished there; run it to its end first"
            )
        return None
    folder = stage.tables[table]
    inputs = manifest.get("chunks", {})
    parts = []
    for f in manifest["files"]:
        if f["table"] == table:
            name = _part_name(f["path"], folder)
            made_from = str(inputs.get(name, {}).get("documents", ""))
            uri = join(root, f["path"])
            parts.append(Part(uri, name, f["sha256"], f["rows"], made_from))
    return sorted(parts, key=lambda p: p.name)


def _part_name(path: str, folder: str) -> str:
    return path.removeprefix(folder).strip("/").removesuffix(".parquet").replace("/", "__")


def _plain_parts(uri: str) -> list[Part]:
    store = store_for(uri)
    if uri.endswith(".parquet") and (size := store.size_bytes(uri)) is not None:
        name = uri.rsplit("/", 1)[-1].removesuffix(".parquet")
        return [Part(uri, name, _footer_digest(uri, name, size), -1)]
    parts = []
    for entry in store.list_files(uri):
        relative = entry.uri[len(uri.rstrip("/")) :].lstrip("/")
        if "_manifests" in relative.split("/"):
            raise InputError(
                f"{uri} holds results of cc-math but not the table that is wanted here; name the "
                "folder of that table"
            )
        hidden = any(piece.startswith(("_", ".")) for piece in relative.split("/"))
        if relative.endswith(".parquet") and not hidden:
            identity = _footer_digest(entry.uri, relative, entry.size_bytes)
            parts.append(Part(entry.uri, _part_name(relative, ""), identity, -1))
    if not parts:
        raise InputError(f"{uri}: expected a folder with Parquet files, found none")
    if len({part.name for part in parts}) < len(parts):
        raise InputError(f"{uri}: two files differ only in '/' and '__'; rename one of them")
    return sorted(parts, key=lambda p: p.name)


def _footer_digest(uri: str, name: str, size_bytes: int) -> str:
    """A cheap identity of a foreign file: name, size and its last 64 KiB (Parquet's footer)."""
    with store_for(uri).open_range(uri, max(0, size_bytes - 65536)) as stream:
        tail = stream.read()
    return hashlib.sha256(f"{name}\0{size_bytes}\0".encode() + tail).hexdigest()
