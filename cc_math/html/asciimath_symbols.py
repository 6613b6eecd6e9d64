"""The names of AsciiMath and their LaTeX: facts of asciimath.org, "Syntax", as tables.

``@`` (``@1``, ``@2``) stands for the arguments of a command. Names that only spell a LaTeX
command of the same name are listed once, in :data:`_SAME`.
"""

from __future__ import annotations

_SAME = """
    alpha beta chi delta Delta epsilon varepsilon eta gamma Gamma iota kappa lambda Lambda mu nu
    omega Omega phi varphi Phi pi Pi psi Psi rho sigma Sigma tau theta vartheta Theta upsilon xi
    Xi zeta cdot ast star setminus times ltimes rtimes bowtie div circ oplus otimes odot sum prod
    wedge bigwedge vee bigvee cap bigcap cup bigcup ne lt gt le leq ge geq ll gg prec succ preceq
    succeq in notin subset supset subseteq supseteq equiv cong approx sim propto neg implies iff
    forall exists bot top vdash models int oint partial nabla pm mp emptyset infty aleph ldots
    cdots vdots ddots therefore because angle triangle prime frown quad qquad diamond square
    lfloor rfloor lceil rceil to mapsto uparrow downarrow rightarrow leftarrow leftrightarrow
    rightarrowtail twoheadrightarrow Rightarrow Leftarrow Leftrightarrow
"""
CONSTANTS = {
    **{name: "\\" + name for name in _SAME.split()},
    "epsi": "\\epsilon", "lamda": "\\lambda", "*": "\\cdot", "**": "\\ast", "***": "\\star",
    "//": "/", "\\\\": "\\backslash", "backslash": "\\backslash", "xx": "\\times",
    "|><": "\\ltimes", "><|": "\\rtimes", "|><|": "\\bowtie", "-:": "\\div", "divide": "\\div",
    "@": "\\circ", "o+": "\\oplus", "ox": "\\otimes", "o.": "\\odot", "^^": "\\wedge",
    "^^^": "\\bigwedge", "vv": "\\vee", "vvv": "\\bigvee", "nn": "\\cap", "nnn": "\\bigcap",
    "uu": "\\cup", "uuu": "\\bigcup", "!=": "\\ne", "<=": "\\le", "lt=": "\\leq", ">=": "\\ge",
    "gt=": "\\geq", "mlt": "\\ll", "mgt": "\\gg", "-<": "\\prec", "-lt": "\\prec",
    ">-": "\\succ", "-<=": "\\preceq", ">-=": "\\succeq", "!in": "\\notin", "sub": "\\subset",
    "!sub": "\\not\\subset", "sup": "\\supset", "!sup": "\\not\\supset", "sube": "\\subseteq",
    "!sube": "\\not\\subseteq", "supe": "\\supseteq", "!supe": "\\not\\supseteq",
    "-=": "\\equiv", "!-=": "\\not\\equiv", "~=": "\\cong", "~~": "\\approx", "~": "\\sim",
    "prop": "\\propto", "not": "\\neg", "=>": "\\Rightarrow", "<=>": "\\Leftrightarrow",
    "AA": "\\forall", "EE": "\\exists", "_|_": "\\bot", "TT": "\\top", "|--": "\\vdash",
    "|==": "\\models", "del": "\\partial", "grad": "\\nabla", "+-": "\\pm", "-+": "\\mp",
    "O/": "\\emptyset", "oo": "\\infty", "...": "\\ldots", ":.": "\\therefore",
    ":'": "\\because", "/_": "\\angle", "/_\\": "\\triangle", "'": "'", "\\ ": "\\ ",
    "|__": "\\lfloor", "__|": "\\rfloor", "|~": "\\lceil", "~|": "\\rceil",
    "CC": "\\mathbb{C}", "NN": "\\mathbb{N}", "QQ": "\\mathbb{Q}", "RR": "\\mathbb{R}",
    "ZZ": "\\mathbb{Z}", "uarr": "\\uparrow", "darr": "\\downarrow", "rarr": "\\rightarrow",
    "->": "\\to", ">->": "\\rightarrowtail", "->>": "\\twoheadrightarrow",
    ">->>": "\\twoheadrightarrowtail", "|->": "\\mapsto", "larr": "\\leftarrow",
    "harr": "\\leftrightarrow", "rArr": "\\Rightarrow", "lArr": "\\Leftarrow",
    "hArr": "\\Leftrightarrow", "dx": "dx", "dy": "dy", "dz": "dz", "dt": "dt",
    "mod": "\\bmod", ":=": ":=", "=": "=",
}  # fmt: skip
WORDS = {"and": "and", "or": "or", "if": "if"}

_OPERATORS = (
    "sin cos tan sinh cosh tanh cot sec csc arcsin arccos arctan coth exp log ln det dim gcd"
)
_NAMED = "sech csch lcm lub glb Sin Cos Tan Arcsin Arccos Arctan Sinh Cosh Tanh Cot Sec Csc Log Ln"
FUNCTIONS = {
    **{name: "\\" + name for name in _OPERATORS.split()},
    **{name: "\\operatorname{" + name + "}" for name in _NAMED.split()},
    "f": "f",
    "g": "g",
}
CONSTANTS |= {"lim": "\\lim", "Lim": "\\operatorname{Lim}", "min": "\\min", "max": "\\max"}
UNARY = {
    "sqrt": "\\sqrt{@}", "hat": "\\hat{@}", "bar": "\\overline{@}", "overline": "\\overline{@}",
    "vec": "\\vec{@}", "tilde": "\\tilde{@}", "dot": "\\dot{@}", "ddot": "\\ddot{@}",
    "ul": "\\underline{@}", "underline": "\\underline{@}", "overarc": "\\overparen{@}",
    "ubrace": "\\underbrace{@}", "underbrace": "\\underbrace{@}", "obrace": "\\overbrace{@}",
    "overbrace": "\\overbrace{@}", "cancel": "\\cancel{@}", "abs": "\\left|@\\right|",
    "Abs": "\\left|@\\right|", "norm": "\\left\\|@\\right\\|",
    "floor": "\\left\\lfloor @\\right\\rfloor", "ceil": "\\left\\lceil @\\right\\rceil",
    "bb": "\\mathbf{@}", "mathbf": "\\mathbf{@}", "bbb": "\\mathbb{@}", "mathbb": "\\mathbb{@}",
    "cc": "\\mathcal{@}", "mathcal": "\\mathcal{@}", "tt": "\\mathtt{@}", "mathtt": "\\mathtt{@}",
    "fr": "\\mathfrak{@}", "mathfrak": "\\mathfrak{@}", "sf": "\\mathsf{@}",
    "mathsf": "\\mathsf{@}", "rm": "\\mathrm{@}", "mathrm": "\\mathrm{@}",
    "phantom": "\\phantom{@}",
}  # fmt: skip
BINARY = {
    "frac": "\\frac{@1}{@2}", "root": "\\sqrt[@1]{@2}", "stackrel": "\\stackrel{@1}{@2}",
    "overset": "\\overset{@1}{@2}", "underset": "\\underset{@1}{@2}",
    "color": "\\textcolor{@1}{@2}", "class": "{@2}", "id": "{@2}",
}  # fmt: skip
LEFT = {
    "(": "(", "[": "[", "{": "\\{", "(:": "\\langle", "<<": "\\langle", "langle": "\\langle",
    "{:": "",
}  # fmt: skip
RIGHT = {
    ")": ")", "]": "]", "}": "\\}", ":)": "\\rangle", ">>": "\\rangle", "rangle": "\\rangle",
    ":}": "",
}  # fmt: skip
NAMES = frozenset(
    (*CONSTANTS, *WORDS, *FUNCTIONS, *UNARY, *BINARY, *LEFT, *RIGHT, "||", "text", "mbox")
)
LONGEST_NAME = max(map(len, NAMES))
