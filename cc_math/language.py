"""The language of a text: (code, score) by CLD2, from the crawl's record or from the text.

Owns the choice of language identifier and the codes that the tables carry: ISO 639-1 where
the language has one ("zh" for both scripts of Chinese), else ISO 639-2/3, "und" for unknown.
Reads nothing but the text; the model is inside the `pycld2` package.

The trade, measured on 304 pages whose language a reader judged: Common Crawl's own
`languages-cld2` is right for 287, this module for 286 at 0.2 ms a page.
fastText's `lid.176.ftz` is right for 291, but its weights are CC BY-SA and the packages
that carry them also carry another module named `fasttext`; py3langid (BSD) is right less
often and costs five times as much; lingua (Apache-2.0) weighs 100 MB and is slower still.
CLD2 it is, also because text-judged and crawl-judged pages then agree on what they call a
language: on 1,180 further pages, judged by text without formulas and code, the languages
named as Common Crawl's CLD2 names them over the whole page are (that metadata being CLD2's own,
the table favours it)

    pycld2 0.42        (Apache-2.0)            .958   English .961   others .955      56 µs
    lid.176.ftz        (weights CC BY-SA)      .946           .922          .977     126 µs
    py3langid 0.4      (BSD)                   .936           .922          .953   1,654 µs
    lingua 2.1, low    (Apache-2.0, 300 pages) .913           .915          .911   4,758 µs
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import pycld2

from cc_math.text import replace_formulas

UNKNOWN = "und"  # ISO 639-2: undetermined

# Measured: from 1,000 to 4,000 characters the number right grows by one page of 304 and the
# time threefold. Read is three times as much, since formulas and code are taken out of it.
_JUDGED_CHARS = 1000
_READ_CHARS = 3 * _JUDGED_CHARS

# Words with digits or signs in them are code, addresses and file names: English to CLD2 on a
# page of any language. Without them 280 pages of 304 came out right, with them 256.
_CODE_WORD = re.compile(r"\S*[\d_{}()<>=\\/;#@|\[\]~^*+]\S*")
# CLD2 refuses UTF-8 with control characters, surrogates and noncharacters.
_REFUSED = re.compile(
    "[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]|[^\x00-\U0010fffd]"
)

# CLD2 shares count bytes. A page in one of these about programming is half English words, so
# their share counts double: 286 pages right instead of 280, and as many English ones.
_DENSE_SCRIPTS = frozenset(["zh", "ja", "ko"])
_DENSE_WEIGHT = 2

# CLD2's withdrawn or private codes (generated_language.cc) → the codes of today.
_CODES = {"iw": "he", "in": "id", "ji": "yi", "jw": "jv", "mo": "ro", "un": UNKNOWN, "xxx": UNKNOWN}
_CODES |= dict.fromkeys(["xx", "zzb", "zze", "zzh", "zzp"], UNKNOWN)  # scripts and jokes
_CODE = re.compile(r"[a-z]{2,3}")


def identify(text: str) -> tuple[str, float]:
    """Return the language of a document's text and the share of it in that language, 0 to 1.

    Formulas are left out, and only the beginning of the text is read. ("und", 0.0) for text in
    which CLD2 finds no language.
    """
    prose = replace_formulas(text[:_READ_CHARS], "remove")
    prose = _CODE_WORD.sub(" ", _REFUSED.sub(" ", prose))[:_JUDGED_CHARS]
    try:
        _, _, found = pycld2.detect(prose.encode("utf-8"), isPlainText=True, bestEffort=True)
    except pycld2.error:
        return UNKNOWN, 0.0
    languages = [(_normal_code(code), percent / 100) for _, code, percent, _ in found]
    known = [(code, share) for code, share in languages if code != UNKNOWN and share > 0]
    return max(known, key=_weighted_share, default=(UNKNOWN, 0.0))


def from_cld2(languages: Sequence[tuple[str, float]]) -> tuple[str, float]:
    """Return the language that the crawl's `languages-cld2` names first, and its share.

    `languages` is `Capture.cld2_languages`; ("und", 0.0) for an empty one.
    """
    if not languages:
        return UNKNOWN, 0.0
    code, share = _normal_code(languages[0][0]), languages[0][1]
    return (code, min(max(0.0, share), 1.0)) if code != UNKNOWN else (UNKNOWN, 0.0)


def _weighted_share(language: tuple[str, float]) -> float:
    code, share = language
    return share * (_DENSE_WEIGHT if code in _DENSE_SCRIPTS else 1)


def _normal_code(code: str) -> str:
    code = code.lower().partition("-")[0]
    code = _CODES.get(code, code)
    return code if _CODE.fullmatch(code) else UNKNOWN
