"""cc-math: mathematics from Common Crawl, as documents and token shards.

The public surface of the library is :func:`extract`, its results :class:`Document`,
:class:`Formula` and :class:`Drop`, and the exceptions of :mod:`cc_math.errors`. Names are
loaded when first asked for, so that ``cc-math --help`` does not wait for parsers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cc_math.version import __version__

if TYPE_CHECKING:
    from cc_math.html import Document, Formula, extract
    from cc_math.schema import Drop, DropReason

__all__ = ["Document", "Drop", "DropReason", "Formula", "__version__", "extract"]


def __getattr__(name: str) -> Any:
    import importlib

    if name in {"Document", "Formula", "extract"}:
        return getattr(importlib.import_module("cc_math.html"), name)
    if name in {"Drop", "DropReason"}:
        return getattr(importlib.import_module("cc_math.schema"), name)
    raise AttributeError(f"module 'cc_math' has no attribute {name!r}")
