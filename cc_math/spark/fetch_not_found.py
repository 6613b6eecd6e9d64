"""Which lines of a list have no page, and why: ``not_found.txt``, in the order of the list.

Lines and what the index held of them meet by number in a Spark join; tasks write the text of a
range of numbers each, and the driver puts these together as a stream.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

import pyarrow as pa

from cc_math.fetch.index import FOUND
from cc_math.fetch.list_lines import BAD_LINES
from cc_math.manifests import Part, canonical_json, digest, read_json
from cc_math.spark.chunks import Job, spark_errors
from cc_math.spark.fetch_list import PARTITION_LINES, GivenList
from cc_math.spark.parts import frame_of_parts
from cc_math.storage import join, read_in_blocks, store_for
from cc_math.tables import scratch_folder, sha256_of

_LINES_DDL = "line string, number bigint, first bigint"
_FOUND_DDL = "first bigint, captures bigint, left_out bigint, why string"
_BAD_DDL = "number bigint, line string, why string"
_OUT = ["number", "line", "why"]
_HEAD_BYTES = 2000  # chosen: what an error message may show of the first line


@dataclass(frozen=True, slots=True)
class NotFound:
    """A text among the exchange files, with its number of lines and its first line."""

    uri: str
    sha256: str
    lines: int
    first_line: str


def write_not_found(job: Job, folder: str, given: GivenList, found: list[Part]) -> NotFound:
    """One line each: the address as it was given, a tab, why there is no page of it.

    ``found`` are parts of FOUND. Lines that are no addresses are among them.
    """
    identity = digest(
        [given.identity, *(sorted(part.identity for part in parts) for parts in (found, given.bad))]
    )
    listed = join(folder, f"not_found-{identity[:16]}.json")
    stands = read_json(listed)
    if stands is not None and stands.pop("identity") == identity:
        return NotFound(**stands)
    with spark_errors("fetch"):
        frame = _unmet(job, given, found)
        bucket = (frame["number"] / PARTITION_LINES).cast("int")
        partitions = (given.lines + given.bad_lines) // PARTITION_LINES + 1
        by_bucket = frame.withColumn("bucket", bucket).repartition(partitions, "bucket")
        ordered = by_bucket.sortWithinPartitions("bucket", *_OUT)
        write = _TextWriter(join(folder, f"not_found-{identity[:16]}"))
        rows = ordered.mapInArrow(write, "bucket int, uri string, lines bigint").collect()
    result = _joined(sorted((row.bucket, row.uri, row.lines) for row in rows), folder, identity)
    store_for(listed).put_bytes(canonical_json({**asdict(result), "identity": identity}), listed)
    return result


def _unmet(job: Job, given: GivenList, found: list[Part]) -> Any:
    """A DataFrame of the lines without a capture that is taken: number, line, why."""
    from pyspark.sql import functions as F

    session = job.session()
    names = ["line", "number", "first"]
    lines = frame_of_parts(session, given.parts, names, _LINES_DDL)
    met = frame_of_parts(session, found, FOUND.names, _FOUND_DDL).groupBy("first")
    met = met.agg(
        F.sum("captures").alias("captures"), F.min(F.expr("nullif(why, '')")).alias("why")
    )
    told = F.concat(F.lit("in the index with "), F.col("why"))
    unmet = (
        lines.join(met, "first", "left")
        .where("captures is null or captures = 0")
        .withColumn("why", F.coalesce(told, F.lit("not in the index")))
        .select(_OUT)
    )
    bad = frame_of_parts(session, given.bad, BAD_LINES.names, _BAD_DDL).select(_OUT)
    return unmet.union(bad) if given.bad else unmet


@dataclass(frozen=True)
class _TextWriter:
    """Writes rows that come sorted by bucket, a text a bucket; answers with their lines."""

    folder: str

    def __call__(self, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        columns = ["bucket", "line", "why"]
        rows = (
            row
            for batch in batches
            for row in zip(*(batch.column(name).to_pylist() for name in columns), strict=True)
        )
        written = []
        for bucket, group in itertools.groupby(rows, key=lambda row: int(row[0])):
            uri = join(self.folder, f"{bucket:05d}.txt")
            lines = 0
            with scratch_folder() as scratch:
                path = scratch / "part.txt"
                with path.open("w", encoding="utf-8", newline="\n") as target:
                    for _, line, why in group:
                        target.write(f"{line}\t{why}\n")
                        lines += 1
                store_for(uri).put_file(path, uri)
            written.append((bucket, uri, lines))
        arrays = list(zip(*written, strict=True)) or [(), (), ()]
        types = (pa.int32(), pa.string(), pa.int64())
        yield pa.RecordBatch.from_arrays(
            [pa.array(array, kind) for array, kind in zip(arrays, types, strict=True)],
            names=["bucket", "uri", "lines"],
        )


def _joined(texts: list[tuple[int, str, int]], folder: str, identity: str) -> NotFound:
    """The texts as one, in the order of their buckets."""
    uri = join(folder, f"not_found-{identity[:16]}.txt")
    with scratch_folder() as scratch:
        path = scratch / "not_found.txt"
        with path.open("wb") as target:
            for _, part_uri, _ in texts:
                with store_for(part_uri).open_range(part_uri) as source:
                    for block in read_in_blocks(source):
                        target.write(block)
        with path.open("rb") as source:
            head = source.read(_HEAD_BYTES).partition(b"\n")[0].decode("utf-8", "replace")
        sha256 = sha256_of(path)
        store_for(uri).put_file(path, uri)
    for _, part_uri, _ in texts:
        store_for(part_uri).delete(part_uri)
    return NotFound(uri, sha256, sum(lines for _, _, lines in texts), head)
