"""Names and signs of mathematics: which spellings stand for one thing.

Owns tables only: the LaTeX commands that mean nothing for matching, the commands and the
Unicode characters that stand for one sign, the Greek letters. `cc_math.text` reads them.
The trade: a short list of what pages use most; a command that is not here stands for itself.
"""

# Commands that set spacing, size or font and mean nothing for matching (LaTeX2e reference,
# amsmath user's guide, KaTeX's support table).
_DROPPED = """
    left right middle big Big bigg Bigg bigl bigr Bigl Bigr biggl biggr Biggl Biggr bigm Bigm
    displaystyle textstyle scriptstyle scriptscriptstyle limits nolimits quad qquad hspace
    vspace hskip kern mkern mskip enspace thinspace medspace thickspace negthinspace hfill
    mathrm mathbf mathit mathsf mathtt mathbb mathcal mathfrak mathscr boldsymbol bm pmb bf it
    rm sf tt cal text textrm textbf textit textsf texttt mbox hbox operatorname emph mathop
    mathbin mathrel mathord mathopen mathclose mathstrut strut phantom hphantom vphantom label
    tag notag nonumber hline cline color textcolor small large Large normalsize begingroup
    endgroup ensuremath lvert rvert lVert rVert vert Vert mid lbrace rbrace langle rangle
    prime allowbreak nobreak null relax space newline cr
"""
DROPPED_COMMANDS = frozenset(_DROPPED.split())
# Spellings of one thing, by the name that stands for it.
COMMAND_NAMES = {
    "dfrac": "frac", "tfrac": "frac", "cfrac": "frac", "dbinom": "binom", "tbinom": "binom",
    "times": "×", "cdot": "×", "ast": "×", "div": "/", "over": "/", "slash": "/",
    "le": "≤", "leq": "≤", "leqslant": "≤", "ge": "≥", "geq": "≥", "geqslant": "≥",
    "ne": "≠", "neq": "≠", "lt": "<", "gt": ">", "pm": "±", "mp": "∓", "approx": "≈",
    "equiv": "≡", "sim": "~", "to": "→", "rightarrow": "→", "longrightarrow": "→",
    "implies": "⇒", "Rightarrow": "⇒", "Longrightarrow": "⇒", "iff": "⇔", "infty": "∞",
    "Leftrightarrow": "⇔", "in": "∈", "notin": "∉", "cup": "∪", "cap": "∩", "subset": "⊂",
    "subseteq": "⊆", "emptyset": "∅", "varnothing": "∅", "forall": "∀", "exists": "∃",
    "land": "∧", "wedge": "∧", "lor": "∨", "vee": "∨", "neg": "¬", "lnot": "¬",
    "partial": "∂", "nabla": "∇", "degree": "°", "angle": "∠", "triangle": "△", "perp": "⊥",
    "parallel": "∥", "sum": "∑", "prod": "∏", "int": "∫", "sqrt": "√", "varepsilon": "epsilon",
    "varphi": "phi", "vartheta": "theta", "dots": "…", "ldots": "…", "cdots": "…", "setminus": "∖",
    "circ": "°", "bmod": "mod", "pmod": "mod", "widehat": "hat", "overline": "bar",
    "wp": "℘", "ell": "l", "colon": "", "backslash": "∖",
}  # fmt: skip
_GREEK_LETTERS = "αβγδεζηθικλμνξπρστυφχψωΓΔΘΛΞΠΣΥΦΨΩϵϕϑµ"
_GREEK_NAMES = """
    alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi pi rho sigma tau
    upsilon phi chi psi omega gamma delta theta lambda xi pi sigma upsilon phi psi omega
    epsilon phi theta mu
"""
GREEK = dict(zip(_GREEK_LETTERS, _GREEK_NAMES.split(), strict=True))
# Single characters that are operators, by the sign that stands for them.
OPERATORS = {
    "+": "+", "=": "=", "<": "<", ">": ">", "^": "^", "%": "%", "−": "-", "±": "±", "∓": "∓",
    "×": "×", "⋅": "×", "·": "×", "∗": "×", "÷": "/", "⁄": "/", "∕": "/", "≤": "≤", "⩽": "≤",
    "≦": "≤", "≥": "≥", "⩾": "≥", "≧": "≥", "≠": "≠", "≈": "≈", "≡": "≡", "∼": "~", "→": "→",
    "⟶": "→", "⇒": "⇒", "⟹": "⇒", "⇔": "⇔", "∞": "∞", "∈": "∈", "∉": "∉", "∪": "∪", "∩": "∩",
    "⊂": "⊂", "⊆": "⊆", "∅": "∅", "∀": "∀", "∃": "∃", "∧": "∧", "∨": "∨", "¬": "¬", "∂": "∂",
    "∇": "∇", "°": "°", "º": "°", "∠": "∠", "△": "△", "⊥": "⊥", "∥": "∥", "∑": "∑", "∏": "∏",
    "∫": "∫", "√": "√", "∖": "∖", "＋": "+", "＝": "=", "＜": "<", "＞": ">", "％": "%",
    "－": "-", "＾": "^", "／": "/",
}  # fmt: skip
DIGRAPHS = {"<=": "≤", ">=": "≥", "!=": "≠", "->": "→", "=>": "⇒", "==": "="}
RAISED = "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁽⁾ⁿⁱ"
LOWERED = "₀₁₂₃₄₅₆₇₈₉₊₋₌ₐₑₒₓₕₖₗₘₙₚₛₜ"
FRACTIONS = "¼½¾⅐⅑⅒⅓⅔⅕⅖⅗⅘⅙⅚⅛⅜⅝⅞"
