"""The shard stage: corpus parts to pieces, pieces to token shards.

The one place where documents are reordered: the map side tokenizes each part into a piece
file, the reduce side reads its slot of every piece. Both go through files in the stage's
exchange folder; the JVM sees names only.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path

from cc_math import urls
from cc_math.chunks import Chunk, ChunkContext, ChunkResult
from cc_math.errors import AccountingError
from cc_math.manifests import FileEntry, Json, Part, canonical_json, digest
from cc_math.recipe import section_values
from cc_math.shards import tokenizer
from cc_math.shards.layout import Layout, plan_layout
from cc_math.shards.stream import SourceDocument, read_slot, write_pieces
from cc_math.shards.write import write_shard
from cc_math.spark.chunks import (
    Job,
    Plan,
    already_done,
    finish_stage,
    map_chunks,
    map_exchange,
    plan_stage,
)
from cc_math.spark.parts import distinct_rows, document_chunks
from cc_math.stages import stage_named
from cc_math.storage import join, random_access, store_for
from cc_math.tables import (
    ColumnNames,
    put_local_file,
    put_table,
    read_documents,
    rows_table,
    scratch_folder,
)

READERS = 16  # chosen: as those of manifests
HELD_TOKENS = 32 << 20  # chosen: 64 to 128 MB of token ids in a task's memory


def shard(job: Job, corpus: list[Part], names: ColumnNames) -> Json:
    """Write token shards of ``corpus``; the stage's manifest.

    Raises ModelError or InputError for a tokenizer that cannot be used, before any work.
    """
    recipe = job.recipe.shard
    tokens = tokenizer.load(
        recipe.tokenizer or None, end_of_document=recipe.end_of_document or None
    )
    chunks = document_chunks(corpus, names)
    folder = join(job.output, "_run", "shard")
    settings: Json = {
        **section_values(job.recipe, "shard"),
        "tokenizer": join(folder, "tokenizer.json"),  # workers must not ask a hub again
        "end_of_document": tokens.end_of_document_name,
    }
    extra = {"tokenizer": tokens.digest, "corpus": digest([part.identity for part in corpus])}
    mapped = plan_stage(stage_named("shard"), job.recipe, chunks, settings, extra)
    layout = plan_layout(
        total_tokens=_total_tokens(corpus, names),
        tokens_per_shard=recipe.tokens_per_shard,
        seed=recipe.seed,
        validation_share=recipe.validation_share,
    )
    settings |= {"layout": asdict(layout), "pieces": [chunk.name for chunk in chunks]}
    slots = [
        Chunk(
            layout.name(slot),
            {"slot": slot, **extra},
            {"slot": slot},
        )
        for slot in range(layout.slots)
    ]
    plan = plan_stage(stage_named("shard"), job.recipe, slots, settings, extra)
    done = already_done(job, plan)
    if done is not None:
        job.say(f"shard: nothing to do, {len(slots)} shards are done")
        return done
    if not tokens.lossless:
        job.say("shard: this tokenizer does not give every text back; verify compares ids alone")
    pieces = Plan("pieces", mapped.identities, chunks, settings)
    store_for(settings["tokenizer"]).put_bytes(tokens.json_bytes, settings["tokenizer"])
    made = map_exchange(job, folder, pieces, piece_chunk)
    manifests = map_chunks(job, plan, slot_chunk)
    counts = _account(made, manifests)
    rows = [row for manifest in manifests for row in manifest["notes"]]
    files = [put_table(rows_table("shards", rows), "shards", job.output, "shards.parquet")]
    files.append(_put_bytes(job, "tokenizer.json", tokens.json_bytes))
    files.append(_put_bytes(job, "layout.json", canonical_json(_layout_json(layout, tokens))))
    for manifest in manifests:
        manifest["notes"] = []
    return finish_stage(job, plan, manifests, files, counts)


def _total_tokens(corpus: list[Part], names: ColumnNames) -> int:
    """Tokens of the corpus by its own column, else a quarter of its characters."""
    with ThreadPoolExecutor(READERS) as threads:  # a request or two each, thousands of them in S3
        return sum(threads.map(lambda part: _tokens_of(part, names), corpus))


def _tokens_of(part: Part, names: ColumnNames) -> int:
    total = 0
    for batch in read_documents(part, names, ["token_count", "char_count"]):
        for tokens, chars in zip(*(column.to_pylist() for column in batch.columns), strict=True):
            total += tokens if tokens is not None else (chars or 4000) // 4
    return total


def piece_chunk(chunk: Chunk, context: ChunkContext) -> ChunkResult:
    """Tokenize one corpus part into a piece file. Rows in = written + empty + repeated."""
    settings = context.settings
    tokens = _tokenizer(settings["tokenizer"], settings["end_of_document"])
    read = {"documents": 0, "repeated": 0}

    def documents() -> Iterator[SourceDocument]:
        for batch in distinct_rows(chunk, ["doc_id", "url", "text", "registered_domain"], read):
            for row in batch.to_pylist():
                site = row["registered_domain"] or urls.registered_domain(row["url"] or "")
                yield SourceDocument(row["doc_id"], row["text"] or "", row["url"], site or None)
            context.heartbeat.send({"done": read["documents"], "done_weight": read["documents"]})

    with scratch_folder() as folder:
        local = folder / "piece.arrow"
        written = write_pieces(
            documents(),
            str(local),
            tokenizer=tokens,
            layout=Layout(**settings["layout"]),
            held_tokens=HELD_TOKENS,
        )
        path = f"{chunk.name}.arrow"
        put_local_file(local, "pieces", context.output, path, written.documents)
    counts = {"tokens": written.tokens, "empty": written.empty_documents, **read}
    counts["written"] = written.documents
    return ChunkResult(counts=counts)


def slot_chunk(chunk: Chunk, context: ChunkContext) -> ChunkResult:
    """One shard in every format. The rows of `shards` travel in the notes."""
    settings = context.settings
    tokens = _tokenizer(settings["tokenizer"], settings["end_of_document"])
    layout = Layout(**settings["layout"])
    folder_uri = join(context.output, "_run", "shard")
    pieces = (random_access(join(folder_uri, f"{name}.arrow")) for name in settings["pieces"])
    slot = int(chunk.task["slot"])
    documents = read_slot(
        pieces, slot, layout=layout, tokenizer_digest=tokens.digest, dtype=tokens.dtype
    )
    files: list[FileEntry] = []
    with scratch_folder() as folder:
        rows = write_shard(
            documents,
            str(folder),
            layout=layout,
            slot=slot,
            formats=settings["formats"],
            dtype=tokens.dtype,
            with_url=True,
        )
        for row in rows:
            table = "tokens" if row.path.endswith(".parquet") else "megatron"
            local = Path(folder) / row.path
            files.append(put_local_file(local, table, context.output, row.path, row.documents))
    counts = {
        "documents": len(documents),
        "tokens": sum(document.tokens.size for document in documents),
    }
    split = layout.split_of_slot(slot)
    counts |= {f"{split}.{name}": number for name, number in counts.items()}
    return ChunkResult(files, counts, [asdict(row) for row in rows])


def _account(made: list[Json], manifests: list[Json]) -> dict[str, int]:
    """Raise AccountingError unless every tokenized document is in a shard."""
    total = {
        name: sum(m["counts"][name] for m in made) for name in ("documents", "written", "tokens",
                                                                 "empty", "repeated")
    }  # fmt: skip
    for name, there in (("documents", total["written"]), ("tokens", total["tokens"])):
        found = sum(m["counts"][name] for m in manifests)
        if found != there:
            raise AccountingError(f"shards hold {found} {name}, the pieces {there}")
    if total["documents"] != total["written"] + total["empty"] + total["repeated"]:
        raise AccountingError(f"corpus rows do not add up: {total}")
    return {
        "corpus_rows": total["documents"],
        "empty": total["empty"],
        "repeated": total["repeated"],
    }


def _tokenizer(uri: str, end_of_document: str) -> tokenizer.Tokenizer:
    data = store_for(uri).read_bytes(uri)
    return tokenizer.from_json(data, source=uri, end_of_document=end_of_document)


def _layout_json(layout: Layout, tokens: tokenizer.Tokenizer) -> Json:
    """What a reader of the shards must know beside their files."""
    return {
        **asdict(layout),
        "tokenizer_digest": tokens.digest,
        "vocab_size": tokens.vocab_size,
        "end_of_document": tokens.end_of_document_name,
        "end_of_document_id": tokens.end_of_document,
        "dtype": str(tokens.dtype),
    }


def _put_bytes(job: Job, name: str, data: bytes) -> FileEntry:
    """A small file beside the shards, which can then be read without cc-math."""
    with scratch_folder() as folder:
        local = folder / name
        local.write_bytes(data)
        return put_local_file(local, name.partition(".")[0], job.output, name, 0)
