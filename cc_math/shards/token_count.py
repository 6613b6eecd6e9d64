"""Token counts without encoding: a document's pieces, each counted once.

Byte-level BPE merges within the pieces that the pre-tokenizer cuts and never across them, so
the tokens of a text are the sum over its pieces, and pieces repeat. Cutting with the `regex`
module and looking counts up is 2 to 3 times as fast as encoding (measured: 8 against 2.8
MB/s); a test holds the two equal, over every Unicode character too. Only for the tokenizer
whose pieces are known, see :mod:`cc_math.shards.tokenizer`.
"""

from __future__ import annotations

from collections.abc import Sequence

import regex
import tokenizers

CACHED_PIECES = 1 << 18  # chosen: some 40 MB; a crawl's frequent pieces are far fewer


class PieceCounter:
    """Counts tokens of texts by their pieces; remembers the counts of pieces it has met."""

    def __init__(self, pattern: str, model: tokenizers.Tokenizer) -> None:
        self._find = regex.compile(pattern).findall
        self._model = model
        self._counts: dict[str, int] = {}

    def count(self, text: str) -> int:
        """Tokens of ``text``, without end-of-document."""
        pieces: list[str] = self._find(text)
        try:
            return sum(map(self._counts.__getitem__, pieces))
        except KeyError:
            distinct = dict.fromkeys(pieces)
            if len(self._counts) + len(distinct) > CACHED_PIECES:
                self._counts = {}
            self._learn([piece for piece in distinct if piece not in self._counts])
            return sum(map(self._counts.__getitem__, pieces))

    def _learn(self, pieces: Sequence[str]) -> None:
        encodings = self._model.encode_batch_fast(list(pieces), add_special_tokens=False)
        for piece, encoding in zip(pieces, encodings, strict=True):
            self._counts[piece] = len(encoding)
