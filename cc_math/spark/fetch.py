"""The fetch stage: wanted pages, by range, by reading on or from kept HTML, a chunk a task.

Wanted rows arrive in any parts and meet by WARC (:mod:`cc_math.spark.fetch_pieces`). A chunk is
what is wanted of one WARC, at most ``fetch.chunk_pages`` records of it, and its identity is these
rows, so that neither the parts they came in nor the number of partitions matters.
"""

from __future__ import annotations

import shutil
from bisect import bisect_left
from collections import Counter

from cc_math.chunks import Chunk
from cc_math.classify import load_quick
from cc_math.errors import InputError
from cc_math.fetch.chunk import fetch_chunk
from cc_math.inputs import COMMON_CRAWL_HTTPS, WarcFile
from cc_math.manifests import FileEntry, Json, Part
from cc_math.recipe import section_values
from cc_math.shards import tokenizer
from cc_math.spark.chunks import (
    Job,
    already_done,
    finish_stage,
    map_chunks,
    plan_stage,
)
from cc_math.spark.fetch_not_found import NotFound
from cc_math.spark.fetch_pieces import Piece, group_wanted
from cc_math.stages import stage_named
from cc_math.storage import join
from cc_math.tables import local_copy, put_local_file, scratch_folder


def fetch(
    job: Job,
    wanted: list[Part],
    *,
    base: str | None,
    warcs: dict[str, WarcFile] | None,
    html: list[Part] | None,
    select: bool,
    suffix: str = "fetched",
    beside: dict[str, NotFound] | None = None,
    counted: dict[str, int] | None = None,
) -> Json:
    """Fetch the ``wanted`` pages into ``job.output``; the stage's manifest.

    ``warcs`` says where a listed path lies and, for others, ``base`` is what paths are relative
    to (Common Crawl's own paths need neither). ``html`` are parts of an `html` table whose pages
    are taken from there. Without ``select`` the first selection's floor is off: what was asked
    for is a document unless extraction itself drops it. ``suffix`` ends the parts' names.

    Raises InputError where a WARC's place is unknown. A WARC that is missing fails its chunk: the
    others are done first, then ChunksFailed names it.
    """
    pieces = group_wanted(job, wanted)
    settings = {table: section_values(job.recipe, table) for table in ("extract", "crawl", "fetch")}
    if not select:
        settings["extract"]["quick_floor"] = 0.0
    chunks = _chunks(pieces, base, warcs or {}, html or [], suffix)
    extra = {
        "quick_model": load_quick(job.recipe.extract.quick_model or None).digest,
        "tokenizer": tokenizer.load().digest,
        "select": select,
        "beside": {name: text.sha256 for name, text in (beside or {}).items()},
    }
    plan = plan_stage(stage_named("fetch"), job.recipe, chunks, settings, extra)
    done = already_done(job, plan)
    if done is not None:
        job.say(f"fetch: nothing to do, {len(chunks)} chunks are done")
        return done
    manifests = map_chunks(job, plan, fetch_chunk)
    counts = {"wanted.repeated": sum(piece.repeated for piece in pieces), **(counted or {})}
    return finish_stage(job, plan, manifests, _put_beside(job, beside or {}), counts)


def _put_beside(job: Job, texts: dict[str, NotFound]) -> list[FileEntry]:
    entries = []
    for name, text in texts.items():
        with scratch_folder() as folder, local_copy(text.uri) as source:
            shutil.copyfile(source, folder / name)  # what is put is moved
            entries.append(put_local_file(folder / name, name, job.output, name, text.lines))
    return entries


def _chunks(
    pieces: list[Piece],
    base: str | None,
    warcs: dict[str, WarcFile],
    html: list[Part],
    suffix: str,
) -> list[Chunk]:
    files = {name: _warc_file(name, base, warcs) for name in {p.warc_filename for p in pieces}}
    _require_different_names(list(files.values()))
    html = sorted(html, key=lambda part: part.name)
    names = [part.name for part in html]
    chunks = []
    for piece in pieces:
        warc = files[piece.warc_filename]
        # parts of its chunks are called by its name, a hyphen and more; '.' is the next character
        kept = html[bisect_left(names, f"{warc.name}-") : bisect_left(names, f"{warc.name}.")]
        chunks.append(
            Chunk(
                name=f"{warc.name}-{piece.number:05d}-{suffix}",
                input={
                    "warc": warc.listed_path,
                    "crawl": piece.crawl,
                    "wanted": piece.records,
                    "rows": piece.rows_digest,
                    "html": [part.identity for part in kept],
                },
                task={
                    "uri": warc.uri,
                    "listed_path": warc.listed_path,
                    "crawl": piece.crawl,
                    "warc_records": piece.warc_records,
                    "rows": {"uri": piece.uri, "row_group": piece.row_group},
                    "html": [part.uri for part in kept],
                },
                weight=piece.records,
            )
        )
    return chunks


def _warc_file(listed_path: str, base: str | None, warcs: dict[str, WarcFile]) -> WarcFile:
    """Where the WARC of a listed path lies. Raises InputError where nothing says so."""
    known = warcs.get(listed_path)
    if known is not None:
        return known
    if "://" in listed_path or listed_path.startswith("/"):
        return WarcFile(listed_path, listed_path, None)
    if base is None and listed_path.startswith("crawl-data/"):
        base = COMMON_CRAWL_HTTPS
    if base is None:
        raise InputError(
            f"where does the WARC {listed_path or '(a row without warc_filename)'} lie? Give --base"
        )
    return WarcFile(join(base, listed_path), listed_path, None)


def _require_different_names(warcs: list[WarcFile]) -> None:
    names = Counter(warc.name for warc in warcs)
    for warc in warcs:
        if names[warc.name] > 1:
            raise InputError(
                f"two WARCs would both be called {warc.name} in the output ({warc.listed_path} is "
                "one); fetch them into different folders"
            )
