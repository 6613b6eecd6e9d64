"""Resiliparse's nodes without the register of them.

Resiliparse hands out one Python object for one node of a tree, and keeps a weak register for
that: two thirds of what it costs to hand out a node. Extraction handles hundreds of nodes a
page and compares them with ``==`` alone, so it goes without.
"""

from __future__ import annotations

import contextlib
import weakref
from collections.abc import Iterator
from typing import Any

from resiliparse.parse.html import node as _resiliparse

_REGISTER = "_node_cache"
_KEPT: Any = getattr(_resiliparse, _REGISTER, None)


class _Forgetful(weakref.WeakValueDictionary[Any, Any]):
    """A register that never holds anything."""

    def get(self, key: Any, default: Any = None) -> Any:
        return default

    def __setitem__(self, key: Any, value: Any) -> None:
        pass


_FORGETFUL = _Forgetful()


@contextlib.contextmanager
def unregistered_nodes() -> Iterator[None]:
    """Nodes that are handed out inside are not registered: ``is`` tells nothing about them.

    Does nothing where a version of Resiliparse has no such register.
    """
    if _KEPT is None:
        yield
        return
    setattr(_resiliparse, _REGISTER, _FORGETFUL)
    try:
        yield
    finally:
        setattr(_resiliparse, _REGISTER, _KEPT)
