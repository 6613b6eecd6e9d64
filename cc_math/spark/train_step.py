"""The model of a round: trained on the driver from the seed's parts, put into the round's folder.

A training is one process (fastText, one thread, so that the same seed gives the same bytes); a
seed has at most some hundred thousand short examples, which fit on one machine. The model is
made in a scratch folder and copied; model.json, written last, makes it exist.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pyarrow.parquet as pq

from cc_math.errors import DriftError, JobError
from cc_math.manifests import Json, Part, read_json
from cc_math.rounds.folders import parts_of, round_folder, write_once
from cc_math.rounds.train_round import figures_at, hold_out_parts, train_round
from cc_math.schema import arrow_schema
from cc_math.spark.chunks import Job
from cc_math.storage import is_local, join, store_for
from cc_math.tables import read_columns, scratch_folder, sha256_of

_READERS = 64  # chosen: a request to S3 takes some 30 ms


def train_step(job: Job, root: str, number: int, *, max_drop: float) -> Json:
    """Train the round's model from its seed, unless it stands; what model.json says of it.

    Raises DriftError where its average precision falls by more than `max_drop` against the round
    before; that value may change at any time, so the recipe of the round does not hold it.
    """
    uri = join(round_folder(root, number), "model.json")
    stands = read_json(uri)
    if stands is not None:
        return stands
    former = read_json(join(round_folder(root, number - 1), "model.json")) if number > 1 else None
    with scratch_folder() as folder, scratch_folder() as near, _with_the_mend(number):
        made = train_round(
            brought_near(parts_of(round_folder(root, number), "seed"), near / "seed.parquet"),
            hold_out=brought_near(
                hold_out_parts(round_folder(root, number)), near / "hold_out.parquet"
            ),
            settings=dataclasses.replace(job.recipe.iterate, max_drop=max_drop),
            classifier=job.recipe.classifier,
            before=former["figures"] if former else None,
            output=folder,
            say=job.say,
            evidence_uri=join(round_folder(root, number), "drift.json"),
        )
        files = {path.name: sha256_of(path) for path in sorted(folder.iterdir())}
        for name in files:
            target = join(round_folder(root, number), "model", name)
            store_for(target).put_file(folder / name, target)
    body = {
        "digest": made.digest,
        "file": made.model_path.name,
        "files": files,
        "figures": made.figures,
        "seed": made.composition,  # examples learned from, by side and source
    }
    write_once(uri, body)
    return body


def brought_near(parts: list[Part], path: Path) -> list[Part]:
    """The parts of `seed` that hold rows; those of a store in one local file, in their order.

    A seed has a part for each of a crawl's documents parts, most of a few rows: one by one, half
    a million requests would take hours, and each training of a drift reads them again.
    """
    filled = [part for part in parts if part.rows]
    if all(is_local(part.uri) for part in filled):
        return filled
    schema, rows = arrow_schema("seed"), 0
    with ThreadPoolExecutor(_READERS) as pool, pq.ParquetWriter(path, schema) as writer:
        for start in range(0, len(filled), _READERS):
            block = filled[start : start + _READERS]
            for table in pool.map(lambda part: read_columns(part, schema.names), block):
                writer.write_table(table.cast(schema))
                rows += table.num_rows
    return [Part(str(path), path.stem, "", rows)]


@contextmanager
def _with_the_mend(number: int) -> Iterator[None]:
    try:
        yield
    except DriftError as error:
        raise DriftError(f"{error}. --redo begins round {number} again") from None


def model_file(root: str, number: int) -> str:
    """The model file of a round, on this machine. Raises JobError where it has none."""
    body = read_json(join(round_folder(root, number), "model.json"))
    if body is None:
        raise JobError(f"{round_folder(root, number)}: its model.json is gone; restore it")
    return join(round_folder(root, number), "model", body["file"])


def hold_out_figures(job: Job, root: str, number: int, min_score: float) -> Json:
    """The round's figures on the hold-out at its threshold; without labels those of its seed."""
    model = read_json(join(round_folder(root, number), "model.json")) or {}
    figures: Json = model["figures"]
    kept = {key: figures[key] for key in ("guard", "average_precision")}
    if not job.recipe.iterate.labels:
        return {**kept, "labels": None, "held_out": figures["held_out"]}
    uri = join(round_folder(root, number), "model", "hold_out.json")
    rows = json.loads(store_for(uri).read_bytes(uri))
    scores = {url: (pair[0], pair[1]) for url, pair in rows.items()}
    found = figures_at(scores, job.recipe.iterate, job.recipe.classifier, min_score)
    return {**kept, "labels": found}
