"""The extract stage: WARCs to `pages` and `documents`, a chunk a task."""

from __future__ import annotations

from cc_math.chunks import Chunk
from cc_math.classify import load_quick
from cc_math.extraction.chunk import extract_chunk
from cc_math.inputs import WarcFile
from cc_math.manifests import Json
from cc_math.recipe import section_values
from cc_math.shards import tokenizer
from cc_math.spark.chunks import Job, already_done, finish_stage, map_chunks, plan_stage
from cc_math.stages import stage_named
from cc_math.warc import plan_chunks


def extract(job: Job, warcs: list[WarcFile]) -> Json:
    """Extract all chunks of ``warcs`` into ``job.output``; the stage's manifest.

    A WARC that is missing fails its chunk: the others are done first, then ChunksFailed names it.
    """
    settings = {table: section_values(job.recipe, table) for table in ("extract", "crawl")}
    chunks = [c for warc in warcs for c in warc_chunks(warc, job.recipe.extract.chunk_bytes)]
    models = {
        "quick_model": load_quick(job.recipe.extract.quick_model or None).digest,
        "tokenizer": tokenizer.load().digest,
    }
    plan = plan_stage(stage_named("extract"), job.recipe, chunks, settings, models)
    done = already_done(job, plan)
    if done is not None:
        job.say(f"extract: nothing to do, {len(chunks)} chunks are done")
        return done
    return finish_stage(job, plan, map_chunks(job, plan, extract_chunk))


def warc_chunks(warc: WarcFile, chunk_bytes: int) -> list[Chunk]:
    """The chunks of one WARC. Only gzipped ones can be cut; a missing one is a chunk that fails."""
    size_bytes = warc.size_bytes or 0
    whole = [(0, size_bytes)]
    ranges = plan_chunks(size_bytes, chunk_bytes) if warc.uri.endswith(".gz") else whole
    return [
        Chunk(
            name=f"{warc.name}-{number:05d}",
            input={"warc": warc.listed_path, "size_bytes": warc.size_bytes, "bytes": [start, end]},
            task={
                "uri": warc.uri,
                "listed_path": warc.listed_path,
                "size_bytes": warc.size_bytes,
                "start_bytes": start,
                "end_bytes": end,
            },
            weight=max(1, end - start),
        )
        for number, (start, end) in enumerate(ranges)
    ]
