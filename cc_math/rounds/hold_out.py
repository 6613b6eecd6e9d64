"""The labelled pages of a loop: read once, early, so that a mistake costs no extraction.

Owns what a file of labels must hold for the figures of a round to mean something: pages of both
kinds, and pages that the crawl has. Reads JSON lines, writes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping

from cc_math.classify.labels import read_label_scores
from cc_math.classify.settings import ClassifierSettings
from cc_math.errors import InputError
from cc_math.urls import url_key


def labelled_addresses(uri: str, score_field: str) -> dict[str, list[str]]:
    """The labelled pages: canonical address → the URLs under which it is labelled, sorted."""
    found: dict[str, list[str]] = {}
    for url in sorted(read_label_scores(uri, score_field)):
        found.setdefault(url_key(url), []).append(url)
    return found


def labelled_url(labels: Mapping[str, list[str]], url: str) -> str | None:
    """The URL as which a page is labelled, however it is spelt; None where it is not."""
    spelt = labels.get(url_key(url))
    return None if spelt is None else url if url in spelt else spelt[0]


def check_labels(uri: str, settings: ClassifierSettings) -> None:
    """Raise InputError for a file of labels by which no model could be judged; '' is none."""
    if not uri:
        return
    field = settings.score_field
    try:
        rows = read_label_scores(uri, field)
    except (TypeError, ValueError) as error:
        raise InputError(f"{uri}: a {field} is no number ({error})") from None
    except InputError as error:
        raise InputError(
            f'{error}; a line is {{"url": …, "{field}": 0 to 5}}, and --set '
            "classifier.score_field=NAME reads the score from another field"
        ) from None
    positive = sum(row["score"] >= settings.min_score for row in rows.values())
    if not 0 < positive < len(rows):
        raise InputError(
            f"{uri}: {positive} of its {len(rows)} pages are mathematics ({field} of at least "
            f"classifier.min_score = {settings.min_score:g}); figures need some that are and some "
            "that are not"
        )


def require_documents(uri: str, labelled: int, documents: int, folder: str) -> None:
    """Raise InputError where no labelled page became a document: nothing would be measured."""
    if uri and not documents:
        raise InputError(
            f"none of the {labelled} pages of {uri} is a document of this crawl, so that they "
            "measure nothing. Label pages of it and begin another folder, with --extracted "
            f"{folder}, which spares the extraction"
        )
