r"""The one text normaliser that training, scoring, shingling and matching share.

It owns two views of a document's text (Markdown, formulas as LaTeX in ``$…$`` or ``$$…$$``):

``match_words``
    the words by which two texts are compared (dedup, decontamination). Digit-exact, blind to
    mark-up, to case and to the spelling of a formula: ``\frac12``, ``\dfrac{1}{2}`` and ``1/2``
    give the same words. ``match_spans`` gives the same words with their place in the text.

``classifier_text``
    the single line that fastText reads, in training and in scoring. Numbers become one token,
    formulas become structure tokens or vanish, so that a model learns the language of
    mathematics and not its mark-up.

It reads and writes nothing. The trade: one linear scan with ``regex``
and a character table, no parser. A formula that the scan misreads costs a few odd words on both
sides of a comparison; a parser would cost ten times the time on every page.
"""

import re
import unicodedata
from collections.abc import Iterator
from typing import Literal

import regex

from cc_math.tex_names import (
    COMMAND_NAMES,
    DIGRAPHS,
    DROPPED_COMMANDS,
    FRACTIONS,
    GREEK,
    LOWERED,
    OPERATORS,
    RAISED,
)

#: Raised by one whenever ``classifier_text`` changes its output: a model stores the version it
#: was trained with and refuses to read text of another.
NORMALISER_VERSION = 1

FormulaMask = Literal["remove", "structure"]


# Scripts written without spaces between words (Unicode 16, Scripts.txt): Thai, Lao, Myanmar,
# Khmer, Hiragana, Katakana, Bopomofo, Han. Hangul is left out: Korean puts spaces.
_UNSPACED = (
    "\u0e01-\u0e3a\u0e40-\u0e4e\u0e80-\u0edf\u1000-\u103f\u1780-\u17d3"
    "\u3005-\u3007\u3040-\u30ff\u3105-\u312f\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff"
    "\uf900-\ufaff\uff66-\uff9f\U00020000-\U000323af"
)
_LETTERS = r"\p{L}\p{M}"

# ---- formulas ------------------------------------------------------------------------------

# Delimiters of TeX in text. An inline `$` opens before a non-space and closes after a non-space
# and not before a digit (Pandoc's rule, manual section "Math"), so that `$5 and $6` is money. A
# formula holds no blank line; the longest is bounded so that a stray delimiter costs one scan.
_FORMULA = re.compile(
    r"(?<!\\)\$\$((?:[^$\\]|\\.){1,20000}?)\$\$"
    r"|(?<![\\$])\$(?![\s$])((?:[^$\\\n]|\\.|\n(?![ \t]*\n)){1,4000}?)(?<!\s)\$(?![\d$])"
    r"|\\\[((?:[^\\]|\\[^\]\[]){1,20000}?)\\\]"
    r"|\\\(((?:[^\\\n]|\\[^()]|\n(?![ \t]*\n)){1,4000}?)\\\)",
    re.DOTALL,
)
_OPENING = re.compile(r"[$\\](?:(?<=\$)|(?=[(\[]))")
# Three words in a row without a backslash before them: prose between two dollar signs.
_PROSE = re.compile(r"(?:(?<![\\A-Za-z{])[A-Za-z]{3,}[ ,.;:]+){3}")

# ---- the scanners --------------------------------------------------------------------------

_NUMBER = r"\d{1,3}(?:,\d{3})+(?:\.\d+)?(?!\d)|\d+(?:\.\d+)?"
_ONE_LETTER = f"[{_LETTERS}](?![{_LETTERS}])"
# What may stand right of a sign that is an operator only between operands (- / *).
_OPERAND = rf"(?:[\d(\\$√]|{_ONE_LETTER})"
_SIGNS = "".join(map(re.escape, OPERATORS))
_WORD = f"[{_UNSPACED}]|[[{_LETTERS}]--[{_UNSPACED}]]+"
# Skipped: fences, bullets, quotes and headings at the head of a line, link targets. Group 1 is
# the word.
_PLAIN = regex.compile(
    r"^[ \t]*(?:```|~~~).*$"
    r"|^[ \t]*+(?:>[ \t]*+)*+(?:(?:[-+*]|#{1,6})(?=[ \t]))?"
    r'|\]\([^()\s]*(?:\([^()\s]*\)[^()\s]*)*(?:[ \t]+"[^"\n]*")?\)'
    rf"|({_WORD}|{_NUMBER}|<=|>=|!=|->|=>|==|\\[A-Za-z]+"
    rf"|[{RAISED}]+|[{LOWERED}]+|[{FRACTIONS}]"
    rf"|[-–](?=[ ]?{_OPERAND})|(?<=[\d)\w])[ ]?/(?=[ ]?{_OPERAND})"
    rf"|(?<=[\d)\w])\*(?={_OPERAND})|(?<=[\d)\w][ ])\*(?=[ ]{_OPERAND})"
    rf"|[{_SIGNS}])",
    regex.MULTILINE | regex.V1,
)
_FUNCTIONS = "arcsin arccos arctan sin cos tan cot sec csc log ln exp lim max min gcd lcm mod det"
_TEX = regex.compile(
    r"\\begin\s*\{(?:array|tabular)\}(?:\[[^\]]*\])?\{[^}]*\}|\\(?:begin|end)\s*\{[^}]*\}"
    r"|\^\s*\{?\s*(?:\\prime\s*)+\}?"
    r"|(?P<degree>\^\s*(?:\\circ(?![A-Za-z])|\{\s*\\circ\s*\}))"
    r"|\\(?:text(?:rm|bf|it|sf)?|mathrm|operatorname\*?|[mh]box)\s*\{(?P<text>[^{}$]*)\}"
    r"|\\(?P<command>[A-Za-z]+)\*?|\\(?P<percent>%)|\\."
    rf"|(?P<number>\d{{1,3}}(?:(?:,|\{{,\}})\d{{3}})+(?:\.\d+)?(?!\d)|\d+(?:\.\d+)?)"
    rf"|(?P<word>(?:{_FUNCTIONS.replace(' ', '|')})(?![A-Za-z])|[A-Z]{{2,}}|[{_LETTERS}])"
    rf"|(?P<raised>[{RAISED}]+)|(?P<lowered>[{LOWERED}]+)|(?P<fraction>[{FRACTIONS}])"
    r"|(?P<pair><=|>=|!=|->|=>)"
    rf"|(?P<brace>[{{}}])|(?P<sign>[-–*/~{_SIGNS}])",
    regex.DOTALL | regex.V1,
)

Span = tuple[str, int, int]


def _fold(word: str) -> list[str]:
    """The words that one match of the plain scanner stands for (mostly one)."""
    if word.isascii():
        first = word[0]
        if first == "\\":
            name = COMMAND_NAMES.get(word[1:], word[1:])
            return [] if word[1:] in DROPPED_COMMANDS or not name else [name.casefold()]
        if first.isdigit():
            return [word.replace(",", "")]
        if first == " ":
            return [word[1:]]
        if word == "*":
            return ["×"]
        return [DIGRAPHS.get(word, word).casefold()]
    if word == "–":
        return ["-"]
    if len(word) == 1:
        if word in OPERATORS:
            return [OPERATORS[word]]
        if word in GREEK:
            return [GREEK[word]]
        if word in FRACTIONS:
            return unicodedata.normalize("NFKC", word).replace("\u2044", " / ").split()
    folded = unicodedata.normalize("NFKC", word)
    if word[0] in RAISED or word[0] in LOWERED:
        signs = re.findall(r"\d+|[^\W\d_]|[-+=]", folded.replace("−", "-"))
        return ["^", *signs] if word[0] in RAISED else signs
    if folded[:1].isdigit():
        return ["".join(str(unicodedata.digit(c, c)) for c in folded.replace(",", ""))]
    folded = unicodedata.normalize("NFKC", folded.casefold())
    return [GREEK.get(folded, folded)] if len(folded) == 1 else folded.split()


def _plain_spans(text: str, start: int, end: int) -> Iterator[Span]:
    """Words of text[start:end], which holds no formula, with their place."""
    for match in _PLAIN.finditer(text, start, end):
        if match.lastindex:
            for word in _fold(match.group(1)):
                yield word, match.start(1), match.end(1)


def _tex_pieces(text: str, start: int, end: int) -> list[Span]:
    """Pieces of the formula text[start:end]: words, braces, and `frac` marks still in place."""
    pieces: list[Span] = []
    for match in _TEX.finditer(text, start, end):
        kind = match.lastgroup
        if kind is None:
            continue
        found, left, right = match.group(kind), match.start(kind), match.end(kind)
        if kind == "text":
            pieces.append(("{", left, left))
            pieces.extend(_plain_spans(text, left, right))
            pieces.append(("}", right, right))
        elif kind == "command":
            if found not in DROPPED_COMMANDS:
                name = COMMAND_NAMES.get(found, found)
                if name == "frac":
                    pieces.append(("\\frac", left, right))
                elif name:
                    pieces.append((name.casefold(), left, right))
        elif kind == "degree":
            pieces.append(("°", left, right))
        elif kind == "number":
            word = found.replace("{,}", "").replace(",", "")
            pieces.extend((folded, left, right) for folded in _fold(word))
        elif kind == "sign":
            word = {"-": "-", "–": "-", "*": "×", "/": "/", "~": ""}.get(found)
            word = OPERATORS[found] if word is None else word
            if word:
                pieces.append((word, left, right))
        elif kind in ("brace", "percent"):
            pieces.append((found, left, right))
        else:
            pieces.extend((folded, left, right) for folded in _fold(found))
    return pieces


def _tex_spans(text: str, start: int, end: int) -> list[Span]:
    r"""Words of the formula text[start:end]; a fraction's bar stands after its numerator.

    One pass with a stack of open braces: where `\frac` is met, the next group or the next
    single sign is its numerator, and `/` follows that.
    """
    words: list[Span] = []
    groups: list[bool] = []  # for each open brace: is it the numerator of a fraction
    numerator_next = False
    for word, left, right in _tex_pieces(text, start, end):
        if word == "\\frac":
            numerator_next = True
        elif word == "{":
            groups.append(numerator_next)
            numerator_next = False
        elif word == "}":
            if groups and groups.pop():
                words.append(("/", left, right))
        elif numerator_next:
            numerator_next = False
            words.append((word[0] if word.isdigit() else word, left, right))
            words.append(("/", left, right))
            if word.isdigit() and len(word) > 1:
                words.append((word[1:], left, right))
        else:
            words.append((word, left, right))
    return words


def formula_spans(text: str) -> Iterator[tuple[int, int, int, int]]:
    """Formulas of `text` as (start, end, inner start, inner end), the outer pair with delimiters.

    What stands between two dollar signs and reads as prose is no formula.
    """
    if "$" not in text and "\\" not in text:
        return
    # Looking for an opening first is four times as fast as one search for whole formulas.
    at = 0
    while opening := _OPENING.search(text, at):
        match = _FORMULA.match(text, opening.start())
        at = match.end() if match else opening.start() + 1
        if match:
            group = match.lastindex or 0
            if group != 2 or not _PROSE.search(match.group(2)):
                yield match.start(), match.end(), match.start(group), match.end(group)


def match_spans(text: str) -> list[Span]:
    """The words of `match_words`, each as (word, start_char, end_char) in `text`."""
    words: list[Span] = []
    done = 0
    for start, end, inner_start, inner_end in formula_spans(text):
        words.extend(_plain_spans(text, done, start))
        words.extend(_tex_spans(text, inner_start, inner_end))
        done = end
    words.extend(_plain_spans(text, done, len(text)))
    return words


def _plain_words(text: str, start: int, end: int) -> list[str]:
    """`_plain_spans` without the spans, several times as fast on ASCII prose."""
    words: list[str] = []
    for word in _PLAIN.findall(text, start, end):
        if word.isascii() and word.isalpha():
            words.append(word.lower())
        elif word:
            words.extend(_fold(word))
    return words


def match_words(text: str) -> list[str]:
    """The words by which texts are compared: shingles, n-grams of benchmarks.

    NFKC and case folded. Letters and digits are separate words; numbers keep their digits
    (thousands commas apart); scripts without spaces give one word per character; operators are
    words, brackets are not. Formulas give commands by name, letters, numbers and operators, the
    same as the plain-text spelling where there is one. Markdown marks and link targets are left
    out. Deterministic; never raises.
    """
    words: list[str] = []
    done = 0
    for start, end, inner_start, inner_end in formula_spans(text):
        words.extend(_plain_words(text, done, start))
        words.extend(span[0] for span in _tex_spans(text, inner_start, inner_end))
        done = end
    words.extend(_plain_words(text, done, len(text)))
    return words


# ---- the classifier's line -----------------------------------------------------------------

# Link targets, bare addresses, fence lines with their language: mark-up, not words.
_MARKUP = re.compile(r"\]\([^()\s]*\)|https?://\S+|^[ \t]*(?:```|~~~)[^\n]*$", re.MULTILINE)
# Undelimited TeX: commands with what clings to them.
_STRAY_TEX = regex.compile(r"\\[A-Za-z]+(?:[\{\[][^{}\[\]\n]{0,200}[\}\]])*")
# After the table below every digit is 0: a number, or a row of numbers, is one token.
_NUMBERS = re.compile("0[0 ]*")
#: Every structure token starts with this letter, which no language's words start with.
_STRUCTURE = "ƒ"
_STRUCTURE_PIECE = re.compile(r"\\[A-Za-z]+|[A-Za-z]+|\d+|[-+=<>^_/]")
_SIGN_NAMES = {
    "+": "plus", "-": "minus", "/": "over", "=": "equal", "<": "less", ">": "greater",
    "^": "power", "_": "index",
}  # fmt: skip


class _CharacterTable(dict[int, str]):
    """`str.translate` table, filled as characters are met: NFKC and case folded letters, every
    digit 0, characters of unspaced scripts between spaces, a space for all else."""

    def __missing__(self, code: int) -> str:
        folded = unicodedata.normalize("NFKC", chr(code)).casefold()
        out = []
        for character in unicodedata.normalize("NFKC", folded):
            category = unicodedata.category(character)
            if category[0] in "LM":
                unspaced = _UNSPACED_CHARACTER.match(character)
                out.append(f" {character} " if unspaced else character)
            else:
                out.append("0" if category == "Nd" else " ")
        self[code] = "".join(out)
        return self[code]


_UNSPACED_CHARACTER = re.compile(f"[{_UNSPACED}]")
_CHARACTERS = _CharacterTable()
# Characters are judged one by one, so ASCII, most of a page in most languages, can go through
# a table of bytes (UTF-8 leaves it as it is), and only the rest through the slow table.
_ASCII = bytes(ord(_CHARACTERS[code]) if code < 128 else code for code in range(256))
_FOREIGN = re.compile(r"[^\x00-\x7f]+")


def _fold_run(match: re.Match[str]) -> str:
    return match.group().translate(_CHARACTERS)


def structure_tokens(formula: str) -> str:
    """A formula as structure tokens: letters ƒv, numbers ƒn, commands and operators by name."""
    tokens = [_STRUCTURE]
    for piece in _STRUCTURE_PIECE.findall(formula):
        first = piece[0]
        if first == "\\":
            if piece[1:] not in DROPPED_COMMANDS:
                tokens.append(_STRUCTURE + piece[1:])
        elif first.isdigit():
            tokens.append(_STRUCTURE + "n")
        else:
            tokens.append(_STRUCTURE + _SIGN_NAMES.get(first, "v"))
    return " ".join(tokens)


def replace_formulas(text: str, formulas: FormulaMask) -> str:
    """`text` with each formula replaced by a space (`remove`) or its structure tokens."""
    parts: list[str] = []
    done = 0
    for start, end, inner_start, inner_end in formula_spans(text):
        parts.append(text[done:start])
        if formulas == "structure":
            parts.append(structure_tokens(text[inner_start:inner_end]))
        done = end
    return " ".join([*parts, text[done:]])


def classifier_text(text: str, formulas: FormulaMask = "remove") -> str:
    """`text` as the one line that fastText reads; no line break, no `__label__`, no mark-up.

    NFKC and case folded; numbers become `0`; scripts without spaces are set apart character by
    character (word n-grams then are character n-grams). `formulas` says what stands for a
    formula: nothing (`remove`, so that a bootstrapped model cannot see the mark-up it was
    selected by) or `structure` tokens. Never raises; "" for a text without a word.
    """
    if "\\" in text or "$" in text:
        text = _STRAY_TEX.sub(" ", replace_formulas(text, formulas))
    if "](" in text or "://" in text or "```" in text:
        text = _MARKUP.sub(" ", text)
    text = unicodedata.normalize("NFC", text)
    text = text.encode("utf-8", "surrogatepass").translate(_ASCII).decode("utf-8", "surrogatepass")
    if not text.isascii():
        text = _FOREIGN.sub(_fold_run, text)
    return " ".join(_NUMBERS.sub(" 0 ", text).split())
