"""A round at work: where it stands, with what job, and where its pages come from."""

from __future__ import annotations

from dataclasses import dataclass

from cc_math.inputs import WarcFile
from cc_math.manifests import Part
from cc_math.rounds.folders import extract_folder, parts_of, round_folder, taken_in
from cc_math.spark.chunks import Job
from cc_math.storage import join


@dataclass(frozen=True, slots=True)
class Source:
    """Where the pages come from: WARCs to extract and to fetch from, or an extraction that
    stands elsewhere (``extracted``), whose WARCs are needed for fetching all the same."""

    warcs: list[WarcFile]
    extracted: str | None = None
    base: str | None = None


@dataclass(frozen=True, slots=True)
class Round:
    """A round at work: its loop's folder, its number, the job with the round's recipe."""

    root: str
    number: int
    job: Job
    source: Source

    @property
    def folder(self) -> str:
        """The round's own folder."""
        return round_folder(self.root, self.number)

    @property
    def before(self) -> str:
        """The folder of the round before; of the first round one where nothing stands."""
        return round_folder(self.root, self.number - 1)

    def at(self, *names: str) -> Job:
        """The job with a folder of the round as its output."""
        return self.job.at(join(self.folder, *names))

    def inputs(self, table: str) -> list[Part]:
        """Parts of the extraction and of all that was taken in up to this round."""
        places = [extract_folder(self.root), *taken_in(self.root, self.number)]
        return [part for place in places for part in parts_of(place, table)]
