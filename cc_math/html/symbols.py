"""Characters of formulas and their LaTeX commands.

Only what Unicode's own name or the ``unicode-math`` table fixes; letters of the mathematical
alphabets are derived from their Unicode names instead of being listed.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

FUNCTIONS = frozenset((
    "sin", "cos", "tan", "cot", "sec", "csc", "arcsin", "arccos", "arctan", "sinh", "cosh",
    "tanh", "coth", "log", "ln", "lg", "exp", "lim", "limsup", "liminf", "max", "min", "sup",
    "inf", "det", "dim", "ker", "deg", "gcd", "hom", "arg", "Pr",
))  # fmt: skip

_COMMANDS = {
    "α": "alpha", "β": "beta", "γ": "gamma", "δ": "delta", "ϵ": "epsilon", "ε": "varepsilon",
    "ζ": "zeta", "η": "eta", "θ": "theta", "ϑ": "vartheta", "ι": "iota", "κ": "kappa",
    "λ": "lambda", "μ": "mu", "ν": "nu", "ξ": "xi", "π": "pi", "ϖ": "varpi", "ρ": "rho",
    "ϱ": "varrho", "σ": "sigma", "ς": "varsigma", "τ": "tau", "υ": "upsilon", "ϕ": "phi",
    "φ": "varphi", "χ": "chi", "ψ": "psi", "ω": "omega", "Γ": "Gamma", "Δ": "Delta",
    "Θ": "Theta", "Λ": "Lambda", "Ξ": "Xi", "Π": "Pi", "Σ": "Sigma", "Υ": "Upsilon",
    "Φ": "Phi", "Ψ": "Psi", "Ω": "Omega", "∆": "Delta", "µ": "mu",
    "∞": "infty", "∂": "partial", "∇": "nabla", "×": "times", "⋅": "cdot", "·": "cdot",
    "÷": "div", "±": "pm", "∓": "mp", "≤": "le", "≥": "ge", "≠": "ne", "⩽": "leqslant",
    "⩾": "geqslant", "≪": "ll", "≫": "gg", "≈": "approx", "≡": "equiv", "∼": "sim",
    "≃": "simeq", "≅": "cong", "∝": "propto", "⊂": "subset", "⊃": "supset", "⊆": "subseteq",
    "⊇": "supseteq", "⊊": "subsetneq", "⊋": "supsetneq", "∈": "in", "∉": "notin", "∋": "ni",
    "∪": "cup", "∩": "cap", "∖": "setminus", "∅": "emptyset", "∀": "forall", "∃": "exists",
    "∄": "nexists", "¬": "neg", "∧": "land", "∨": "lor", "→": "to", "⟶": "longrightarrow",
    "←": "leftarrow", "⟵": "longleftarrow", "↔": "leftrightarrow", "⇒": "Rightarrow",
    "⟹": "implies", "⇐": "Leftarrow", "⟸": "Longleftarrow", "⇔": "Leftrightarrow",
    "⟺": "iff", "↦": "mapsto", "⟼": "longmapsto", "↪": "hookrightarrow",
    "↠": "twoheadrightarrow", "↑": "uparrow", "↓": "downarrow", "⇌": "rightleftharpoons",
    "⇀": "rightharpoonup", "↗": "nearrow", "↘": "searrow", "⇝": "rightsquigarrow",
    "∘": "circ", "∙": "bullet", "•": "bullet", "⋆": "star", "★": "bigstar", "⊕": "oplus",
    "⊖": "ominus", "⊗": "otimes", "⊙": "odot", "⊥": "perp", "⊤": "top", "∥": "parallel",
    "∠": "angle", "△": "triangle", "⟨": "langle", "⟩": "rangle", "〈": "langle",
    "〉": "rangle", "⌊": "lfloor", "⌋": "rfloor", "⌈": "lceil", "⌉": "rceil", "‖": "|",
    "∣": "mid", "∤": "nmid", "ℓ": "ell", "ℏ": "hbar", "ℵ": "aleph", "…": "ldots",
    "⋯": "cdots", "⋮": "vdots", "⋱": "ddots", "†": "dagger", "‡": "ddagger", "∑": "sum",
    "∏": "prod", "∐": "coprod", "∫": "int", "∬": "iint", "∭": "iiint", "∮": "oint",
    "⋃": "bigcup", "⋂": "bigcap", "⨁": "bigoplus", "⨂": "bigotimes", "⋁": "bigvee",
    "⋀": "bigwedge", "⊢": "vdash", "⊨": "models", "⊩": "Vdash", "≺": "prec", "≻": "succ",
    "⪯": "preceq", "⪰": "succeq", "≜": "triangleq", "≐": "doteq", "∴": "therefore",
    "∵": "because", "□": "square", "◻": "square", "■": "blacksquare", "⋄": "diamond",
    "ı": "imath", "ȷ": "jmath", "°": "degree", "√": "surd", "⊲": "triangleleft",
    "⊳": "triangleright", "⊴": "trianglelefteq", "⊵": "trianglerighteq", "≲": "lesssim",
    "≳": "gtrsim", "⊎": "uplus", "⊔": "sqcup", "⊓": "sqcap", "⊑": "sqsubseteq", "≀": "wr",
    "⋉": "ltimes", "⋊": "rtimes", "♯": "sharp", "♭": "flat", "♮": "natural", "℘": "wp",
    "ϝ": "digamma", "ϰ": "varkappa", "ℶ": "beth", "∁": "complement", "≍": "asymp",
    "≰": "nleq", "≱": "ngeq", "≮": "nless", "≯": "ngtr", "⊈": "nsubseteq", "≁": "nsim",
    "≇": "ncong", "↛": "nrightarrow", "⇏": "nRightarrow", "◯": "bigcirc", "⌢": "frown",
    "⌣": "smile", "♡": "heartsuit", "♢": "diamondsuit", "♣": "clubsuit", "♠": "spadesuit",
    "ℜ": "Re", "ℑ": "Im", "↺": "circlearrowleft", "⇑": "Uparrow", "⇓": "Downarrow",
    "⊞": "boxplus", "⊠": "boxtimes", "⊡": "boxdot", "⋈": "bowtie", "≼": "preccurlyeq",
    "≽": "succcurlyeq", "∗": "ast",
}  # fmt: skip
_PLAIN = {
    "−": "-", "–": "-", "‐": "-", "‑": "-", "′": "'", "″": "''", "‴": "'''", "’": "'", "‘": "`",
    "∶": ":", "≔": ":=", "{": "\\{", "}": "\\}", "%": "\\%", "#": "\\#", "&": "\\&",
    "$": "\\$", "_": "\\_", "\\": "\\backslash ", "~": "\\sim ", "\xa0": "\\ ",
    "\u2003": "\\quad ", "\u2002": "\\ ", "\u2009": "\\,", "\u2005": "\\:", "\u2004": "\\;",
    "\u200a": "\\,", "\u2061": "", "\u2062": "", "\u2063": "", "\u2064": "", "\u200b": "",
    "\u2060": "", "\ufeff": "", "\u202f": "\\,", "\u205f": "\\:", "＝": "=", "（": "(",
    "）": ")", "，": ",", "＋": "+",
}  # fmt: skip
_ALPHABETS = (
    ("DOUBLE-STRUCK", "\\mathbb"),
    ("BOLD FRAKTUR", "\\mathfrak"),
    ("FRAKTUR", "\\mathfrak"),
    ("BLACK-LETTER", "\\mathfrak"),
    ("SCRIPT", "\\mathcal"),
    ("SANS-SERIF", "\\mathsf"),
    ("MONOSPACE", "\\mathtt"),
    ("BOLD", "\\mathbf"),
)
VARIANTS = {
    "bold": "\\mathbf",
    "italic": "",
    "bold-italic": "\\boldsymbol",
    "double-struck": "\\mathbb",
    "script": "\\mathcal",
    "bold-script": "\\mathcal",
    "fraktur": "\\mathfrak",
    "bold-fraktur": "\\mathfrak",
    "sans-serif": "\\mathsf",
    "bold-sans-serif": "\\mathsf",
    "monospace": "\\mathtt",
    "-tex-calligraphic": "\\mathcal",
    "-tex-bold-calligraphic": "\\mathcal",
}
FENCES = frozenset("()[]{}|‖∥⟨⟩⌊⌋⌈⌉〈〉∣")
# over, under
ACCENTS = {
    "^": ("\\hat", ""), "ˆ": ("\\hat", ""), "\u0302": ("\\hat", ""), "~": ("\\tilde", ""),
    "˜": ("\\tilde", ""), "∼": ("\\tilde", ""), "\u0303": ("\\tilde", ""),
    "¯": ("\\bar", "\\underline"), "ˉ": ("\\bar", "\\underline"),
    "‾": ("\\overline", "\\underline"), "_": ("\\overline", "\\underline"),
    "―": ("\\overline", "\\underline"), "─": ("\\overline", "\\underline"),
    "̲": ("", "\\underline"), "\u0304": ("\\bar", ""), "\u0305": ("\\overline", ""),
    "→": ("\\vec", ""), "⃗": ("\\vec", ""), "⟶": ("\\overrightarrow", ""),
    "←": ("\\overleftarrow", ""), "↔": ("\\overleftrightarrow", ""), "˙": ("\\dot", ""),
    ".": ("\\dot", ""), "¨": ("\\ddot", ""), "\u0307": ("\\dot", ""), "\u0308": ("\\ddot", ""),
    "⏞": ("\\overbrace", ""), "⏟": ("", "\\underbrace"), "︷": ("\\overbrace", ""),
    "︸": ("", "\\underbrace"), "´": ("\\acute", ""), "`": ("\\grave", ""),
    "˘": ("\\breve", ""), "ˇ": ("\\check", ""), "˚": ("\\mathring", ""),
}  # fmt: skip


_TEXT_SIGNS = re.compile(r"([#$%&_{}])|\\")


def text_tex(text: str) -> str:
    """Words as ``\\text{…}``, with what TeX reads as signs escaped."""
    return "\\text{" + _TEXT_SIGNS.sub(_escape, text) + "}"


def trim(tex: str) -> str:
    """Without white space at the ends; a control space keeps its space."""
    trimmed = tex.strip()
    if trimmed.endswith("\\") and (len(trimmed) - len(trimmed.rstrip("\\"))) % 2:
        trimmed += " "
    return trimmed


def _escape(match: re.Match[str]) -> str:
    return "\\" + match[1] if match[1] else "\\textbackslash "


@lru_cache(maxsize=8192)
def character_tex(character: str) -> str:
    """LaTeX (math mode) of one character; a command keeps a space after it."""
    plain = _PLAIN.get(character)
    if plain is not None:
        return plain
    command = _COMMANDS.get(character)
    if command is not None:
        return f"\\{command} " if command.isalpha() else f"\\{command}"
    if len(character) != 1:
        return "".join(map(character_tex, character))
    code = ord(character)
    if 0x1D400 <= code <= 0x1D7FF or 0x2100 <= code <= 0x214F:
        base = unicodedata.normalize("NFKC", character)
        if len(base) == 1 and base != character:
            name = unicodedata.name(character, "")
            inner = character_tex(base).strip()
            for word, command in _ALPHABETS:
                if word in name:
                    return f"{command}{{{inner}}}"
            return character_tex(base)
    return character
