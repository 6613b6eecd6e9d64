"""Chunks over Spark: a name goes out, Python reads and writes the bytes, a manifest comes back.

The heart of every stage. :func:`map_chunks` runs a plain function over those chunks that have
no manifest yet; :func:`finish_stage` writes the stage's manifest when all are there. A chunk
that fails is reported by name at the end and does not stop the others.
"""

from __future__ import annotations

import dataclasses
import json
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from cc_math.chunks import Chunk, ChunkContext, Work
from cc_math.errors import (
    CcMathError,
    ChunksFailed,
    InputError,
    JobError,
    OutputConflict,
    StorageError,
    UserError,
    was_interrupted,
)
from cc_math.manifests import (
    ChunkManifest,
    FileEntry,
    Json,
    canonical_json,
    chunk_manifest_uri,
    digest,
    finished_chunks,
    publish_chunk,
    read_json,
    remove_damaged,
    remove_stage,
    stage_identity,
    stage_manifest_uri,
)
from cc_math.progress import Heartbeat, ProgressBoard
from cc_math.recipe import Recipe, identity_values
from cc_math.schema import SCHEMA_VERSION
from cc_math.spark.session import cancel_quietly, driver_host, open_session
from cc_math.stages import Stage
from cc_math.storage import join, store_for
from cc_math.version import __version__


@dataclass(slots=True)
class Job:
    """How a stage is run: where to, with what recipe, on which Spark. Shared by the stages."""

    output: str
    recipe: Recipe
    master: str | None = None
    partitions: int | None = None
    overwrite: bool = False
    say: Callable[[str], None] = print
    _sessions: list[Any] = field(default_factory=list)  # at most one, shared by all of `at`

    def session(self) -> Any:
        """The Spark session, opened when first needed."""
        if not self._sessions:
            self._sessions.append(open_session("job", self.master, self.partitions))
        return self._sessions[0]

    def at(self, output: str) -> Job:
        """The same job with another output folder, sharing the session."""
        return dataclasses.replace(self, output=output)


@dataclass(frozen=True, slots=True)
class Plan:
    """A stage with its chunks and their identities."""

    stage: str
    identities: dict[str, str]
    chunks: list[Chunk]
    settings: Json

    @property
    def identity(self) -> str:
        """Identity of the whole stage's result."""
        return digest([self.stage, sorted(self.identities.items())])


def plan_stage(
    stage: Stage, recipe: Recipe, chunks: list[Chunk], settings: Json, extra: Any = None
) -> Plan:
    """The plan of ``stage``: the recipe tables it reads, and ``extra`` inputs of all chunks."""
    values = {table: identity_values(recipe, table) for table in stage.recipe_sections}
    identities = {
        c.name: stage_identity(stage.name, values, {"chunk": c.input, "all": extra}) for c in chunks
    }
    return Plan(stage.name, identities, chunks, settings)


def already_done(job: Job, plan: Plan) -> Json | None:
    """The stage's manifest where the whole result stands already, made from the same things.

    Raises OutputConflict where another result stands there, unless it is to be overwritten.
    """
    if job.overwrite:
        remove_damaged(job.output, plan.stage)
    manifest = read_json(stage_manifest_uri(job.output, plan.stage))
    if manifest is not None and manifest.get("identity") == plan.identity:
        return manifest
    _check_writable(job.output)
    try:
        if manifest is not None:
            raise OutputConflict(
                f"{job.output} holds a result of stage {plan.stage} made from another recipe, code "
                "or input: give another --output, or --overwrite to replace it"
            )
        finished_chunks(job.output, plan.stage, plan.identities)
    except OutputConflict:
        if not job.overwrite:
            raise
        remove_stage(job.output, plan.stage)
    return None


def _check_writable(output: str) -> None:
    """Raise UserError now, not after hours of work, where ``output`` cannot be written to."""
    probe = join(output, "_run", "probe")
    try:
        store_for(probe).put_bytes(b"", probe)
        store_for(probe).delete(probe)
    except (StorageError, InputError, OSError) as error:
        raise UserError(f"cannot write to --output {output}: {error}") from None


def map_chunks(job: Job, plan: Plan, work: Work) -> list[Json]:
    """Manifests of all chunks of ``plan``, sorted by name, after running those without one.

    Raises ChunksFailed at the end where any chunk failed; the others' results stay.
    """
    done = finished_chunks(job.output, plan.stage, plan.identities)
    todo = [chunk for chunk in plan.chunks if chunk.name not in done]
    if done and todo:
        job.say(f"{plan.stage}: {len(done)} of {len(plan.chunks)} chunks are done already")
    failed: dict[str, str] = {}
    if todo:
        for name, error, manifest in _run(job, plan, todo, work):
            if error:
                failed[name] = error
            else:
                done[name] = manifest
    if failed:
        listed = "\n".join(f"  {name}: {why}" for name, why in sorted(failed.items()))
        raise ChunksFailed(
            f"stage {plan.stage}: {len(failed)} of {len(plan.chunks)} chunks failed; the others "
            f"are done and stay, the same command tries these again:\n{listed}"
        )
    return [done[name] for name in sorted(done)]


def map_exchange(job: Job, folder: str, plan: Plan, work: Work) -> list[Json]:
    """As :func:`map_chunks`, for files that only this stage reads, below ``folder``.

    What stands there from another recipe or input is of no use to anybody and is removed.
    """
    exchange = job.at(folder)
    try:
        finished_chunks(folder, plan.stage, plan.identities)
    except OutputConflict:
        remove_stage(folder, plan.stage)
    return map_chunks(exchange, plan, work)


def _run(job: Job, plan: Plan, todo: list[Chunk], work: Work) -> list[tuple[str, str, Json]]:
    context = job.session().sparkContext
    weight = sum(chunk.weight for chunk in todo)
    # Spark may sit on one address and the board on all: a laptop's board stays on loopback
    with ProgressBoard(plan.stage, len(todo), weight, driver_host(job.session())) as board:
        task = _Task(job.output, plan.stage, plan.settings, work, board.address, board.token)
        pairs = [(chunk, plan.identities[chunk.name]) for chunk in todo]
        slices = min(job.partitions or len(todo), len(todo))
        try:
            with spark_errors(plan.stage):
                results: list[str] = context.parallelize(pairs, slices).map(task).collect()
        except KeyboardInterrupt:
            cancel_quietly(context)
            raise
    rows = [json.loads(result) for result in results]
    timings = "".join(json.dumps({"chunk": r["chunk"], **r["timings_s"]}) + "\n" for r in rows)
    uri = join(job.output, "_run", f"{plan.stage}-{time.time_ns()}.timings.jsonl")
    store_for(uri).put_bytes(timings.encode(), uri)
    return [(row["chunk"], row["error"], row["manifest"]) for row in rows]


def _first_lines(error: Exception) -> str:
    """The start of a Spark error, whose whole is pages of stack traces."""
    return " ".join(str(error).split("\n")[:3])[:500]


@contextmanager
def spark_errors(stage: str) -> Iterator[None]:
    """Turn what Spark raises into a JobError of a few lines, or back into the Ctrl-C it was."""
    try:
        yield
    except CcMathError:
        raise
    except Exception as error:
        if was_interrupted(error):
            raise KeyboardInterrupt from error
        raise JobError(
            f"stage {stage}: Spark gave up; finished chunks are kept, the same command "
            f"goes on from there: {_first_lines(error)}"
        ) from error


@dataclass(frozen=True)
class _Task:
    """One chunk on a worker: run the work, commit the manifest, answer with JSON."""

    output: str
    stage: str
    settings: Json
    work: Work
    address: tuple[str, int]
    token: str

    def __call__(self, chunk_and_identity: tuple[Chunk, str]) -> str:
        chunk, identity = chunk_and_identity
        heartbeat = Heartbeat(self.address, self.token, chunk.name)
        started_s, cpu_s = time.monotonic(), time.process_time()
        answer: Json = {"chunk": chunk.name, "error": "", "manifest": None, "timings_s": {}}
        try:
            answer["manifest"], answer["timings_s"] = self._made(chunk, identity, heartbeat)
        except Exception as error:  # a chunk's failure is data: it is named at the end of the job
            kind = type(error).__name__
            where = traceback.extract_tb(error.__traceback__)[-1]
            answer["error"] = f"{kind}: {error} ({where.name}, line {where.lineno})"
        answer["timings_s"] |= {
            "wall_s": time.monotonic() - started_s,
            "cpu_s": time.process_time() - cpu_s,
        }
        heartbeat.send({"done_weight": chunk.weight, "chunk_finished": 1}, force=True)
        return json.dumps(answer)

    def _made(
        self, chunk: Chunk, identity: str, heartbeat: Heartbeat
    ) -> tuple[Json, dict[str, float]]:
        """The chunk's manifest, of this attempt or of one whose answer was lost: files that a
        manifest names are not written again."""
        stands = read_json(chunk_manifest_uri(self.output, self.stage, chunk.name))
        if stands is not None and stands.get("identity") == identity:
            return stands, {}
        result = self.work(chunk, ChunkContext(self.output, self.settings, heartbeat))
        manifest = ChunkManifest(
            self.stage,
            chunk.name,
            identity,
            chunk.input,
            result.files,
            result.counts,
            result.notes,
        )
        publish_chunk(self.output, manifest)
        return json.loads(manifest.to_bytes()), dict(result.timings_s)


def finish_stage(
    job: Job,
    plan: Plan,
    manifests: list[Json],
    extra_files: list[FileEntry] | None = None,
    extra_counts: dict[str, int] | None = None,
) -> Json:
    """Write and return the stage's manifest: files, summed counts and notes of all chunks."""
    counts: dict[str, int] = {}
    for source in [*(m["counts"] for m in manifests), extra_counts or {}]:
        for name, number in source.items():
            counts[name] = counts.get(name, 0) + number
    driver = ChunkManifest(plan.stage, "", "", {}, extra_files or [])
    own_files = json.loads(driver.to_bytes())["files"]
    body = {
        "stage": plan.stage,
        "identity": plan.identity,
        "code_version": __version__,
        "schema_version": SCHEMA_VERSION,
        "recipe_digest": job.recipe.digest(),
        "chunks": {m["chunk"]: m["input"] for m in manifests},
        "files": sorted(
            [f for m in manifests for f in m["files"]] + own_files, key=lambda f: str(f["path"])
        ),
        "counts": dict(sorted(counts.items())),
        "notes": [{"chunk": m["chunk"], **note} for m in manifests for note in m["notes"]],
    }
    uri = stage_manifest_uri(job.output, plan.stage)
    store_for(uri).put_bytes(canonical_json(body), uri)
    return body
