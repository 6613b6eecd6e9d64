"""`cc-math run`: every stage in its order, in one folder, with one manifest."""

from __future__ import annotations

from cc_math.classify import load_classifier, load_quick
from cc_math.errors import UserError
from cc_math.inputs import WarcFile
from cc_math.kind_shares import require_kind_heads
from cc_math.manifests import Json, Part, canonical_json, read_json, table_parts
from cc_math.recipe import Recipe, to_toml
from cc_math.shards import tokenizer
from cc_math.spark.chunks import Job
from cc_math.spark.compose import compose
from cc_math.spark.decontaminate import decontaminate, read_benchmarks
from cc_math.spark.dedup import dedup
from cc_math.spark.extract import extract
from cc_math.spark.mine_domains import mine_domains
from cc_math.spark.score import score
from cc_math.spark.shard import shard
from cc_math.stages import STAGES, stage_named
from cc_math.storage import join, store_for
from cc_math.tables import ColumnNames

NO_BENCHMARKS = "none"


def run(job: Job, warcs: list[WarcFile]) -> Json:
    """WARCs to token shards in ``job.output``; the run's manifest.

    Raises UserError before any work where the recipe names no benchmarks and does not say that
    there are none, and where benchmarks, models or tokenizer cannot be used.
    """
    look_ahead(job.recipe)
    names = ColumnNames()
    output = job.output

    def at(stage: str) -> Job:
        folder = stage_named(stage).run_folder
        return job.at(join(output, folder) if folder else output)

    manifests = {"extract": extract(job, warcs)}
    documents = parts_in(output, "documents")
    manifests["score"] = score(at("score"), documents, names)
    scores = parts_in(join(output, "scores"), "scores")
    manifests["mine_domains"] = mine_domains(job, parts_in(output, "pages"), documents, scores)
    manifests["dedup"] = dedup(at("dedup"), documents, scores, names)
    cuts = [parts_in(join(output, "dedup"), "cuts")]
    contamination: list[Part] | None = None
    statements: Json = {"benchmarks": NO_BENCHMARKS}
    if job.recipe.decontaminate.benchmarks != NO_BENCHMARKS:
        manifests["decontaminate"] = decontaminate(at("decontaminate"), documents, names)
        contamination = parts_in(join(output, "decontaminate"), "contamination")
        cuts.append(parts_in(join(output, "decontaminate"), "cuts"))
        statements = {}
    manifests["compose"] = compose(
        at("compose"),
        documents,
        names,
        scores=scores,
        pairs=parts_in(join(output, "dedup"), "duplicate_pairs"),
        contamination=contamination,
        cuts=cuts,
        statements=statements,
    )
    manifests["shard"] = shard(at("shard"), parts_in(join(output, "corpus"), "corpus"), names)
    return _write_manifest(job, manifests, statements)


def look_ahead(recipe: Recipe) -> None:
    """Open what later stages will need: a wrong name must not show after days of extraction."""
    require_benchmarks(recipe.decontaminate.benchmarks)
    if recipe.decontaminate.benchmarks != NO_BENCHMARKS:
        read_benchmarks(recipe.decontaminate)
    load_quick(recipe.extract.quick_model or None)
    for number, model in enumerate((recipe.score.model, *recipe.score.beside)):
        heads = load_classifier(model or None).heads
        if number == 0:  # the model that compose acts on
            bounds = (recipe.compose.min_kind_shares, recipe.compose.max_kind_shares)
            require_kind_heads(heads, *bounds)
    shard_tokenizer = recipe.shard.tokenizer or None
    tokenizer.load(shard_tokenizer, end_of_document=recipe.shard.end_of_document or None)


def require_benchmarks(benchmarks: str) -> None:
    """Raise UserError where no benchmarks are named and their absence is not stated."""
    if not benchmarks:
        raise UserError(
            "no benchmarks to decontaminate against: name their folder with --benchmarks or "
            "decontaminate.benchmarks in the recipe, or state that there are none with "
            "--set decontaminate.benchmarks=none (the corpus then says so)"
        )


def parts_in(folder: str, table: str) -> list[Part]:
    """Parts of a table that this run has just written; [] where it has none."""
    for stage in STAGES:
        manifest = read_json(join(folder, "_manifests", f"{stage.name}.json"))
        if table in stage.tables and manifest is not None:
            files = [f for f in manifest["files"] if f["table"] == table]
            return table_parts(join(folder, stage.tables[table]), table) if files else []
    return []


def _write_manifest(job: Job, manifests: dict[str, Json], statements: Json) -> Json:
    body = {
        "recipe": job.recipe.identity_dict(),
        "recipe_digest": job.recipe.digest(),
        "statements": statements,
        "stages": {
            name: {key: manifest[key] for key in ("identity", "code_version", "counts", "notes")}
            for name, manifest in manifests.items()
        },
    }
    resolved = join(job.output, "_run", "recipe.toml")  # with the places of this run
    store_for(resolved).put_bytes(to_toml(job.recipe).encode(), resolved)
    uri = join(job.output, "manifest.json")
    data = canonical_json(body)
    store = store_for(uri)
    if store.size_bytes(uri) is None or store.read_bytes(uri) != data:
        store.put_bytes(data, uri)
    else:
        job.say("run: everything is done already; nothing was changed")
    return body
