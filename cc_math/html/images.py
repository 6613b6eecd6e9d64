"""Formulas in images: the TeX in ``alt``, or in the address of the service that drew it.

Covers what LaTeX2HTML, Sphinx, Doxygen, WordPress, MediaWiki and the like write, and the
services that take TeX in the query (CodeCogs, mimeTeX, mathTeX, Google charts, Zhihu,
Canvas). An ``alt`` wins over the address: it needs no guess about encoding.
"""

from __future__ import annotations

import re
from urllib.parse import unquote, unquote_plus

from resiliparse.parse.html import ElementNode

from cc_math.html.items import OPEN
from cc_math.html.tex import strip_delimiters, strip_image_options

Reading = tuple[str, bool | None] | None
"""(TeX, display or None where the source does not say); None: not a formula."""


def attribute(element: ElementNode, name: str) -> str:
    """An attribute's value, '' when absent."""
    return element.getattr(name) or ""


def classes_of(element: ElementNode) -> set[str]:
    """The names in an element's ``class``."""
    return set((element.class_name or "").split())


_QUERY_TEX = re.compile(r"[?&](?:latex|tex|math|eq|chl|formula|image|f)=([^&#]*)", re.IGNORECASE)
_PATH_TEX = re.compile(r"/(?:svg|png|gif|tex|latex|formula)/([^?#]*%[0-9A-Fa-f]{2}[^?#]*)$")
_SIGN_OF_ALT = re.compile(r"[\\^_={}]")
_SIGN_OF_TEX = re.compile(r"\\[A-Za-z]|[\^_]")
_SERVICE = re.compile(
    r"codecogs\.com/|latex\.php\?|mimetex\.cgi|mathtex\.cgi|/equation\?tex=|/cgi-bin/math"
    r"|[?&]cht=tx|equation_images/|/latex/(?:render|image)|/svg\.(?:latex|image)|latex\.cgi"
    r"|/math\?math=",
    re.IGNORECASE,
)


def _tex_of_address(address: str) -> str:
    """The TeX in the address of a formula image service ('' when there is none)."""
    match = _QUERY_TEX.search(address)
    if match and "codecogs" not in address:
        value = match.group(1)
        if "latex.php" in address or "cht=tx" in address:
            return unquote_plus(value)
        return unquote(value) if "+" in value and "%2" not in value else unquote_plus(value)
    if "equation_images/" in address:  # Canvas encodes twice
        return unquote(unquote(address.split("equation_images/", 1)[1].split("?", 1)[0]))
    path = _PATH_TEX.search(address)
    if path:
        tex = unquote(path[1])
        return tex.removesuffix(".svg").removesuffix(".png") if _SIGN_OF_TEX.search(tex) else ""
    _, mark, query = address.partition("?")
    if not mark:
        return ""
    query = re.sub(r"^(?:latex|tex|math|eq)=", "", query)
    return unquote(query.replace("&space;", " ").replace("&amp;", "&").replace("&plus;", "+"))


def read_service_image(element: ElementNode) -> Reading:
    """The formula of an image that a service draws from TeX in its address."""
    address = attribute(element, "src") or attribute(element, "data-src")
    if not _SERVICE.search(address) and not (
        _PATH_TEX.search(address) and _tex_of_address(address)
    ):
        return None
    tex = attribute(element, "alt").strip()
    if tex.startswith("LaTeX:"):
        tex = tex[len("LaTeX:") :].strip()
    if not tex or tex.lower() in ("equation", "formula", "latex", "math", "[公式]", "\\(\\)"):
        tex = _tex_of_address(address).strip()
    tex, display = strip_delimiters(tex)
    return strip_image_options(tex), display


_MARKER = re.compile(r"^\s*%\s*latex2html id marker \d+\s*")


def read_image_alt(element: ElementNode) -> Reading:
    """The formula in the ``alt`` of an image marked as one, by its class or by delimiters."""
    alt = _MARKER.sub("", attribute(element, "alt")).strip()
    tex, display = strip_delimiters(alt)
    if not tex:
        return None
    if display is None and tex.startswith("\\begin{"):
        display = True
    classes = classes_of(element)
    marked = tex != alt or bool(
        classes
        & {
            "tex",
            "latex",
            "math",
            "formulaInl",
            "formulaDsp",
            "mwe-math",
            "texrender",
            "ql-img-inline-formula",
            "ql-img-displayed-equation",
        }
    )
    if not marked and not re.search(r"\\[a-zA-Z]{2}", tex):
        return None
    if any("isplay" in name or name == "formulaDsp" for name in classes):
        display = True
    parent = element.parent_element
    if display is None and parent is not None:
        if (
            parent.tag == "p"
            and parent.parent_element is not None
            and (parent.text or "").strip() == ""
        ):
            parent = parent.parent_element
        if parent.tag == "div" and "math" in classes_of(parent):
            display = True
    if not display and "\\displaystyle" in alt and _alone_in_row(element):
        display = True
    return strip_image_options(tex), display


def _alone_in_row(element: ElementNode) -> bool:
    """Whether an image is all of its cell and the only image of its row: an equation that
    LaTeX2HTML displays, with its number in the next cell."""
    cell = element.parent_element
    if cell is not None and cell.tag == "span":
        cell = cell.parent_element
    row = cell.parent_element if cell is not None and cell.tag == "td" else None
    return (
        cell is not None
        and row is not None
        and not (cell.text or "").strip()
        and OPEN not in (row.text or "")
        and len(row.query_selector_all("img")) == 1
    )


_NUMBER_OF_EQUATION = re.compile(r"(?:\(?[A-Z]?\.?\d[\d.a-z]{0,10}\)?)?\s*[¶#]?")
_WORD = re.compile(r"[A-Za-z]{3,}")


def read_image_of_class(element: ElementNode) -> Reading:
    """The formula of an image that has no class itself and stands in a ``div`` or ``span`` of
    class ``math``, alone but for the equation's number (Sphinx's imgmath, which sets a
    displayed one in a paragraph of its own)."""
    holder = element.parent_element
    if holder is not None and holder.tag == "p" and "math" not in classes_of(holder):
        holder = holder.parent_element
    if holder is None or not _NUMBER_OF_EQUATION.fullmatch((holder.text or "").strip()):
        return None
    tex, display = strip_delimiters(attribute(element, "alt").strip())
    if not _SIGN_OF_ALT.search(tex) and _WORD.search(tex):
        return None  # a picture of something
    if display is None:
        display = holder.tag != "span"
    return strip_image_options(tex), display
