"""Token counts without encoding: a document's pieces, each counted once.

Byte-level BPE merges within the pieces that the pre-tokenizer cuts and never across them, so
the tokens of a text are the sum over its pieces, and pieces repeat; so do words with the blank
before them, which are looked up first. That is several times as fast as encoding; a test holds
the two equal, over every Unicode character too. Only for the tokenizer whose pieces are known, see
:mod:`cc_math.shards.tokenizer`.
"""

from __future__ import annotations

import re

import regex
import tokenizers

CACHED_PIECES = 1 << 18  # chosen: some 40 MB; a crawl's frequent pieces are far fewer

# The pieces of `tokenizer.PIECE_PATTERN`, the blank before them tried once instead of five times:
# the same matches, a quarter faster.
_PIECE = regex.compile(
    r" ?(?:[\p{L}\p{M}]{1,32}|\\(?:[A-Za-z]{1,32}\*?|[^\sA-Za-z]?)|\${1,2}"
    r"|[^\s\p{L}\p{M}\p{N}\\$]{1,8})|\p{N}|[^\S\r\n]{0,32}[\r\n]{1,8}|\s{1,32}(?!\S)|\s{1,32}"
)


def _byte_level_alphabet() -> dict[int, str]:
    """Character of each byte in byte-level BPE (Radford et al. 2019, `bytes_to_unicode` of
    GPT-2's encoder.py): printable Latin-1 stands for itself, the others from U+0100 on."""
    shown = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in set(shown)]
    return {**{b: chr(b) for b in shown}, **{b: chr(256 + n) for n, b in enumerate(others)}}


_ALPHABET = _byte_level_alphabet()


# A run of white space with the word behind it. No piece crosses from a word to the white space
# after it, so that the pieces of a text are those of its units. The class is \s of `regex` and of
# the tokenizer, written out because \s of `re` has four control characters more.
_SPACE = "\\t-\\r \\x85\\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"
_UNIT = re.compile(f"[{_SPACE}]*[^{_SPACE}]+|[{_SPACE}]+")
_MAX_UNIT_CHARS = 24  # chosen: longer ones (addresses, text without spaces) hardly come again


class PieceCounter:
    """Counts tokens of texts by units and pieces; remembers the counts of those it has met."""

    def __init__(self, model: tokenizers.Tokenizer) -> None:
        self._find = _PIECE.findall
        self._tokenize = model.model.tokenize
        self._counts: dict[str, int] = {}  # of pieces
        self._unit_counts: dict[str, int] = {}

    def count(self, text: str) -> int:
        """Tokens of ``text``, without end-of-document."""
        units: list[str] = _UNIT.findall(text)
        for known in (self._counts, self._unit_counts):
            if len(known) > CACHED_PIECES:
                known.clear()
        counts = self._unit_counts
        fresh = set(units).difference(counts)
        for unit in fresh:
            counts[unit] = self._count_pieces(unit)
        total = sum(map(counts.__getitem__, units))
        for unit in fresh:
            if len(unit) > _MAX_UNIT_CHARS:
                del counts[unit]
        return total

    def _count_pieces(self, text: str) -> int:
        pieces: list[str] = self._find(text)
        counts = self._counts
        try:
            return sum(map(counts.__getitem__, pieces))
        except KeyError:
            for piece in set(pieces).difference(counts):
                in_alphabet = piece.encode().decode("latin-1").translate(_ALPHABET)
                counts[piece] = len(self._tokenize(in_alphabet))
            return sum(map(counts.__getitem__, pieces))
