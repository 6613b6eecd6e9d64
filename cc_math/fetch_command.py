"""`cc-math fetch`: chosen pages alone, from a list of addresses or of wanted records."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from cc_math.command_job import make_job, parts_of, print_counts
from cc_math.errors import UserError
from cc_math.options import stage_options

if TYPE_CHECKING:
    from cc_math.fetch.index_files import IndexFile
    from cc_math.spark.chunks import Job
    from cc_math.spark.fetch_pieces import Piece

NOT_FOUND = "not_found.txt"


@click.command()
@click.option(
    "--urls",
    metavar="FILE",
    help="URLs: text, one a line, gzipped or not, Parquet, or a folder of such; '-' reads standard "
    "input.",
)
@click.option(
    "--url-column",
    default="url",
    show_default=True,
    help="Name of the column of addresses where the list is Parquet.",
)
@click.option(
    "--skip-bad-lines",
    is_flag=True,
    help="Leave lines that are no addresses out, and list them in not_found.txt.",
)
@click.option(
    "--domains", metavar="FILE", help="Domains, hosts or starts of paths (host/path), one a line."
)
@click.option("--wanted", metavar="DIR", help="A table `wanted`: records by WARC and offset.")
@click.option(
    "--index",
    "indexes",
    metavar="URI",
    multiple=True,
    help="Columnar index of Common Crawl: a Parquet file, a folder or a list of paths.",
)
@click.option("--crawl", metavar="CC-MAIN-YYYY-WW", help="The published index of that crawl.")
@click.option(
    "--base",
    metavar="URI",
    help="What WARC paths are relative to; default https://data.commoncrawl.org for its own.",
)
@click.option(
    "--canonical",
    is_flag=True,
    help="Match --urls however they are written: http, www., final slash, tracking parameters.",
)
@click.option(
    "--captures",
    type=click.Choice(["latest", "all"]),
    default="latest",
    show_default=True,
    help="Which captures of a page are fetched.",
)
@click.option("--any-type", is_flag=True, help="Also captures not listed as HTML with status 200.")
@click.option(
    "--select", is_flag=True, help="Keep only pages that pass the first selection, as extract does."
)
@click.option("--html", metavar="DIR", help="Take pages from this `html` table where it has them.")
@click.option("--keep-html", is_flag=True, help="Store the compressed source of kept pages too.")
@click.option("--dry-run", is_flag=True, help="Show what would be moved and stop.")
@stage_options
def fetch(
    urls: str | None,
    url_column: str,
    skip_bad_lines: bool,
    domains: str | None,
    wanted: str | None,
    indexes: tuple[str, ...],
    crawl: str | None,
    base: str | None,
    canonical: bool,
    captures: str,
    any_type: bool,
    select: bool,
    html: str | None,
    keep_html: bool,
    dry_run: bool,
    overrides: tuple[str, ...],
    **common: Any,
) -> None:
    """Chosen pages alone, by byte range or by reading their WARC, to pages and documents.

    Looks the addresses of a list up in Common Crawl's columnar index (--index, or --crawl for the
    published one) and writes DIR/pages and DIR/documents as extract does, with --keep-html also
    DIR/html, and DIR/not_found.txt with the addresses that the index does not have. Few pages of
    a WARC are fetched by byte range, many by reading on; see [fetch] in `cc-math recipe`.
    """
    from cc_math.spark.fetch import fetch as fetch_stage
    from cc_math.spark.fetch_list import read_list
    from cc_math.spark.fetch_pieces import group_wanted
    from cc_math.spark.index_lookup import look_up

    kind = _kind(urls, domains, wanted, canonical)
    overrides = (*overrides, "extract.keep_html=true") if keep_html else overrides
    job = make_job(overrides=overrides, **common)
    kept = parts_of(html, "html")
    looked = None
    if wanted is None:
        files = _index_files(indexes, crawl, base)
        given = read_list(
            job, urls or domains or "", kind, column=url_column, skip_bad=skip_bad_lines
        )
        job.say(f"fetch: looking {given.lines:,} lines up in {len(files):,} index files")
        looked = look_up(job, files, given, captures=captures, any_type=any_type)
        job.say(
            f"fetch: {given.lines + given.bad_lines - looked.not_found.lines:,} of "
            f"{given.lines:,} lines found, {looked.counts['index.wanted']:,} captures wanted"
        )
    parts = looked.wanted if looked is not None else parts_of(wanted, "wanted") or []
    if dry_run:
        return _show_plan(job, group_wanted(job, parts))
    manifest = fetch_stage(
        job, parts, base=base, warcs=None, html=kept, select=select,
        beside={} if looked is None else {NOT_FOUND: looked.not_found},
        counted={} if looked is None else looked.counts,
    )  # fmt: skip
    print_counts("fetch", manifest)


def _kind(urls: str | None, domains: str | None, wanted: str | None, canonical: bool) -> str:
    given = [name for name in (urls, domains, wanted) if name is not None]
    if len(given) != 1:
        raise UserError("fetch needs one of --urls FILE, --domains FILE and --wanted DIR")
    if canonical and urls is None:
        raise UserError("--canonical is for --urls: sites are matched by host and path")
    if domains is not None:
        return "domains"
    return "canonical" if canonical else "urls"


def _index_files(indexes: tuple[str, ...], crawl: str | None, base: str | None) -> list[IndexFile]:
    from cc_math.fetch.index_files import crawl_index, index_files

    if not indexes and crawl is None:
        raise UserError(
            "fetch needs an index to look in: --index URI, or --crawl CC-MAIN-YYYY-WW for the "
            "published one"
        )
    files = crawl_index(crawl, base) if crawl is not None else []
    for uri in indexes:
        files += index_files(uri)
    return files


def _show_plan(job: Job, pieces: list[Piece]) -> None:
    from cc_math.fetch.plan import Cost, estimated_s

    threshold = job.recipe.fetch.whole_from_pages
    warcs = len({piece.warc_filename for piece in pieces})
    click.echo(f"{sum(piece.records for piece in pieces):,} pages of {warcs:,} WARCs")
    seconds = 0.0
    for whole in (False, True):
        chosen = [piece for piece in pieces if (piece.warc_records >= threshold) is whole]
        pages = sum(piece.records for piece in chosen)
        requests = sum(1 if whole else piece.range_requests for piece in chosen)
        size = sum(piece.span_bytes if whole else piece.range_bytes for piece in chosen)
        seconds += estimated_s(Cost(requests, size), pages)
        name = f"by reading on ({threshold:,} or more of a WARC)" if whole else "by range"
        if chosen:
            click.echo(f"  {name}: {pages:,} pages, {requests:,} requests, {size:,} bytes")
    click.echo(f"about {seconds / 60:,.1f} minutes for one task; tasks run side by side")


COMMANDS: tuple[click.Command, ...] = (fetch,)
