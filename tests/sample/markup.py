"""From the light mark-up of the sample's sources to the HTML of a page.

Blocks are divided by blank lines: `## heading`, `- item`, `1. item`, `> quote`, tables
with `|`, fenced code (its language named, or `plain`), blocks that begin with `<` (kept
as HTML), paragraphs. In-line: `code`, *emphasis*, **strong**, [text](address), and $…$ or
$$…$$ where the site publishes formulas; where it does not, a dollar is a dollar.
"""

from __future__ import annotations

import html
import re

from .formulas import Writer

FORMULA = re.compile(r"\$\$(.+?)\$\$|\$(.+?)\$", re.DOTALL)
# What needs no paragraph around it when it is a block of its own.
STANDS_ALONE = ("<pre", "<script", "<table", "<div", "<blockquote", "<math ", "<mml:", "\\begin")
HELD = re.compile("\x02(\\d+)\x03")


def formulas_of(body: str) -> tuple[str, ...]:
    """The LaTeX of each formula in a source body, in order, code left out."""
    without_code = re.sub(r"```.*?```|`[^`]*`", "", body, flags=re.DOTALL)
    return tuple((a or b).strip() for a, b in FORMULA.findall(without_code))


def _inline(text: str) -> str:
    text = re.sub(r"\*\*(.+?)\*\*", r"<strong>\1</strong>", text)
    text = re.sub(r"(?<![\w*])\*([^*\n]+?)\*(?![\w*])", r"<em>\1</em>", text)
    return re.sub(r"\[([^\]]+)\]\(([^)\s]+)\)", r'<a href="\2">\1</a>', text)


def _table(lines: list[str]) -> str:
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    cells = ["".join(f"<td>{_inline(c)}</td>" for c in row) for row in rows]
    return "<table>\n" + "\n".join(f"<tr>{row}</tr>" for row in cells) + "\n</table>"


def _block(block: str) -> str:
    lines = block.split("\n")
    if block.startswith("&lt;"):
        return html.unescape(block)
    if heading := re.match(r"(#+) ", block):
        level = len(heading[1])
        return f"<h{level}>{_inline(block[level + 1 :])}</h{level}>"
    if block.startswith("|"):
        return _table(lines)
    if block.startswith("&gt; "):
        return f"<blockquote><p>{_inline(block[5:])}</p></blockquote>"
    for mark, tag in (("- ", "ul"), (r"\d+\. ", "ol")):
        if re.match(mark, block):
            items = re.split(rf"^{mark}", block, flags=re.MULTILINE)[1:]
            inner = "\n".join(f"<li>{_inline(item.strip())}</li>" for item in items)
            return f"<{tag}>\n{inner}\n</{tag}>"
    return f"<p>{_inline(block)}</p>"


def _code(language: str, text: str) -> str:
    escaped = html.escape(text, quote=False)
    if language == "plain":
        return f"<pre>\n{escaped}</pre>"
    return f'<pre><code class="language-{language}">{escaped}</code></pre>'


def to_html(body: str, writer: Writer | None) -> str:
    """HTML of a source body; `writer` publishes the formulas, None leaves dollars alone."""
    held: list[str] = []

    def hold(text: str) -> str:
        held.append(text)
        return f"\x02{len(held) - 1}\x03"

    text = re.sub(
        r"```(\w+)\n(.*?)```", lambda m: hold(_code(m[1], m[2])), body.strip(), flags=re.DOTALL
    )
    text = re.sub(r"`([^`\n]+)`", lambda m: hold(f"<code>{html.escape(m[1], False)}</code>"), text)
    if writer is not None:
        publish = writer
        text = FORMULA.sub(lambda m: hold(publish((m[1] or m[2]).strip(), m[1] is not None)), text)
    blocks: list[str] = []
    for block in re.split(r"\n\s*\n", text):
        alone = HELD.fullmatch(block.strip())
        if alone and held[int(alone[1])].startswith(STANDS_ALONE):
            blocks.append(block.strip())
        elif block.strip():
            blocks.append(_block(html.escape(block, quote=False)))
    out = "\n".join(blocks)
    while HELD.search(out):
        out = HELD.sub(lambda m: held[int(m[1])], out)
    return out
