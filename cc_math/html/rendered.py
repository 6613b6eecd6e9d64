"""Renderers' HTML without its source, back to TeX: KaTeX's boxes, MathJax's glyph codes."""

from __future__ import annotations


def katex_html_to_tex(markup: str) -> str:
    return ""


def mathjax_html_to_tex(markup: str) -> str:
    return ""
