"""Where a model's files are on this machine: where they stand, or copied from a store.

fastText opens paths only. A model in S3 (a loop whose folder is there) is copied once per
process to a temporary folder, which goes with the process; nothing is kept between runs, so
that a file which was replaced is never mistaken for the new one.
"""

from __future__ import annotations

import atexit
import functools
import shutil
import tempfile
from pathlib import Path

from cc_math.classify.fasttext_model import PARTS, part_path
from cc_math.storage import is_local, local_path, parent, read_in_blocks, store_for


def local_model(uri: str) -> Path:
    """The path of a model's file, with its description and parts beside it."""
    return local_path(uri) if is_local(uri) else _copied(uri)


@functools.cache
def _copied(uri: str) -> Path:
    folder = Path(tempfile.mkdtemp(prefix="cc-math-model-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    path = folder / uri.rsplit("/", 1)[-1]
    stem = path.with_suffix(".bin") if path.suffix == ".json" else path
    files = {path, stem, stem.with_suffix(".json"), *(part_path(stem, name) for name in PARTS)}
    store = store_for(uri)
    for target in sorted(files):
        source = f"{parent(uri)}/{target.name}"
        if store.size_bytes(source) is None:
            continue  # what must be there is named when the model is loaded
        with store.open_range(source) as stream, target.open("wb") as copy:
            for block in read_in_blocks(stream):
                copy.write(block)
    return path
