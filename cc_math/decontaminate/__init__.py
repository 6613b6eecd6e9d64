"""Decontamination: texts of test sets, found in documents and cut out.

Owns the reading of benchmarks (:mod:`.benchmarks`), the n-gram index (:mod:`.index`), the
rules (:mod:`.match`) and the passages to leave out (:mod:`.passages`). Works on single
texts; the stage in :mod:`cc_math.spark` reads and writes the tables. Whether a hit costs
its passage or its document is decided in ``compose``.
"""

from cc_math.decontaminate.benchmarks import BenchmarkItem, load_benchmarks
from cc_math.decontaminate.index import Index, build_index, index_from_bytes, index_to_bytes
from cc_math.decontaminate.match import NGRAM_RULE, Hit, Rule, find_hits, undetectable
from cc_math.decontaminate.passages import contamination_cuts

__all__ = [
    "NGRAM_RULE",
    "BenchmarkItem",
    "Hit",
    "Index",
    "Rule",
    "build_index",
    "contamination_cuts",
    "find_hits",
    "index_from_bytes",
    "index_to_bytes",
    "load_benchmarks",
    "undetectable",
]
