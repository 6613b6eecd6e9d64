"""Path prefixes of one domain: a trie of its addresses, split where the recalled share changes.

Owns two steps, both plain functions on the counts of one domain. :func:`grow` makes the trie out
of addresses that come sorted by key, which is depth first: a node is finished when its last
address has gone by, so that only the open branch and what was kept is in memory.
:func:`split` divides the trie into territories: prefixes that stand alone, each with the pages
below it that lie in no territory further down. What is in one is alike, and differs from what is
around it.

The rule is penalised maximum likelihood: each territory has one share, the pages are
binomial, and a territory must gain ``min_evidence`` in twice the logarithm of the likelihood
(chi-square with one degree of freedom). The best of all divisions, not a greedy one, comes from
one dynamic programme up and down the tree (Sankoff 1975, SIAM J. Appl. Math. 28), with shares on
a grid. Because with a million pages every difference is significant, a territory must also differ
by ``min_effect`` (Cohen's h, the difference of the arcsines, by which 1 % and 10 %
are as far apart as 50 % and 71 %).

The trade: a prefix of fewer than ``min_pages`` addresses is never looked at, and of a domain
with more than ``max_nodes`` larger ones only the largest are; what is folded counts in
the prefix above it. The bound is of memory, not of the number of addresses.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from cc_math.classify.domains import SEPARATOR, SiteCounts

IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]


@dataclass(slots=True)
class Node:
    """A prefix. ``own`` counts its addresses that lie below none of ``children``; ``pages`` all."""

    token: str
    pages: int = 0
    own: SiteCounts = field(default_factory=SiteCounts)
    children: list[Node] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class SplitRule:
    """When a prefix stands alone; the meaning of each value is told in the recipe's [domains]."""

    min_pages: int
    min_evidence: float
    min_effect: float
    max_prefixes: int


@dataclass(slots=True)
class Territory:
    """A prefix (``tokens``; none for the domain) with the pages below it.

    ``whole`` counts all of them, ``rest`` those that lie in no territory further down.
    ``around`` is the index of the territory in which it lies, -1 for the domain.
    """

    tokens: tuple[str, ...]
    around: int
    whole: SiteCounts
    rest: SiteCounts


def grow(addresses: Iterable[tuple[str, SiteCounts]], *, min_pages: int, max_nodes: int) -> Node:
    """The trie of (key, counts of one address), sorted by key; its root is the whole domain.

    Nodes of fewer than ``min_pages`` addresses are folded into the node above. Where more than
    ``max_nodes`` stand, that floor is doubled until they fit, and holds for all: what is left are
    exactly the nodes of at least the final floor. Raises ValueError for keys out of order.
    """
    root = Node("")
    branch: list[Node] = [root]  # the nodes above the address in hand
    path: list[str] = []  # their tokens
    floor, kept, last = min_pages, 0, ""
    for key, counts in addresses:
        if key < last:
            raise ValueError(f"addresses are not sorted by key: {key!r} after {last!r}")
        last = key
        tokens = key.split(SEPARATOR) if key else []
        same = 0
        for mine, theirs in zip(path, tokens, strict=False):
            if mine != theirs:
                break
            same += 1
        while len(path) > same:
            kept += _close(branch, path, floor)
        for token in tokens[same:]:
            node = Node(token)
            branch.append(node)
            path.append(token)
        branch[-1].own.add(counts)
        branch[-1].pages += counts.pages
        if kept > max_nodes:
            floor, kept = _raised(branch, floor, max_nodes)
    while path:
        kept += _close(branch, path, floor)
    if kept > max_nodes:
        _raised(branch, floor, max_nodes)
    return root


def _close(branch: list[Node], path: list[str], floor: int) -> int:
    """Take the last node off the open branch; 1 where it was kept, 0 where it was folded."""
    node = branch.pop()
    path.pop()
    above = branch[-1]
    above.pages += node.pages
    if node.pages >= floor:
        above.children.append(node)
        return 1
    above.own.add(node.own)  # its children would have fewer pages yet, and were folded into it
    return 0


def _raised(branch: list[Node], floor: int, max_nodes: int) -> tuple[int, int]:
    """Double the floor until the nodes below the open branch are at most half of ``max_nodes``."""
    kept = max_nodes + 1
    while kept > max_nodes // 2:
        floor *= 2
        kept = sum(_fold(node, floor) for node in branch)
    return floor, kept


def _fold(node: Node, floor: int) -> int:
    """Fold what is below ``floor`` in the finished part of a subtree; the nodes left below it."""
    left, waiting = 0, [node]
    order: list[Node] = []
    while waiting:  # children before parents, without recursion
        at = waiting.pop()
        order.append(at)
        waiting += at.children
    for at in reversed(order):
        stay = []
        for child in at.children:
            if child.pages >= floor:
                stay.append(child)
            else:
                at.own.add(child.own)
        at.children = stay
        left += len(stay)
    return left


def split(root: Node, rule: SplitRule) -> list[Territory]:
    """The territories of a domain: first the whole, then each prefix that stands alone.

    Sorted by tokens. The ``rest`` counts of all of them together are the domain's.
    """
    if not root.children:
        return [Territory((), -1, root.own, root.own)]
    nodes, above = _flat(root)
    pages = np.array([node.own.pages for node in nodes], dtype=np.int64)
    recalled = np.array([node.own.recalled for node in nodes], dtype=np.int64)
    if not 0 < recalled.sum() < pages.sum():
        recalled[:] = pages[:] = 0  # nothing to tell apart
    place = divide(pages, recalled, above, rule)
    heads = [int(head) for head in np.unique(place)]
    index_of = {head: index for index, head in enumerate(heads)}
    territories = [
        Territory(
            _tokens(nodes, above, head),
            index_of[int(place[above[head]])] if head else -1,
            SiteCounts(),
            SiteCounts(),
        )
        for head in heads
    ]
    for node, head in zip(nodes, place.tolist(), strict=True):
        territories[index_of[head]].rest.add(node.own)
    for territory in reversed(territories):  # inner ones come later in preorder
        territory.whole.add(territory.rest)
        if territory.around >= 0:
            territories[territory.around].whole.add(territory.whole)
    return territories


def divide(
    own_pages: IntArray, own_recalled: IntArray, above: IntArray, rule: SplitRule
) -> IntArray:
    """The territory of each node: [N] index of the node at its head, 0 for the domain.

    The nodes stand in preorder, the root first; ``own_pages`` and ``own_recalled`` [N] count what
    lies below no other node, ``above`` [N] is the parent. Of a chain of nodes that hold the
    same pages the last is the head; of two halves the one with the smaller share is the
    surroundings.
    """
    levels = max(2, int(np.ceil(np.pi / (rule.min_effect / 2))))  # as fine as half an effect
    shares = np.sin((np.arange(levels) + 0.5) * np.pi / levels / 2) ** 2
    missed = own_pages - own_recalled
    own = -(np.outer(own_recalled, np.log(shares)) + np.outer(missed, np.log1p(-shares)))
    penalty = rule.min_evidence / 2
    while True:
        place = _cheapest(own.copy(), above.tolist(), penalty)
        _dissolve(place, own_pages, own_recalled, above, rule)
        if len(np.unique(place)) <= rule.max_prefixes + 1:
            return place
        penalty *= 1.5  # chosen: few tries, and not many fewer than asked for


def _cheapest(costs: FloatArray, above: list[int], penalty: float) -> IntArray:
    """Heads of the division that costs least: [N], from the ``costs`` [N, levels] of each node's
    own pages at each level. Sankoff 1975: up the tree the costs, down again the choice."""
    for node in range(len(costs) - 1, 0, -1):
        here = costs[node]
        costs[above[node]] += np.minimum(here, here.min() + penalty)
    costs = np.round(costs, 6)  # so that ties are ties
    best = costs.argmin(axis=1).tolist()
    least = costs.min(axis=1).tolist()
    level = [best[0]] * len(best)
    place = [0] * len(best)
    for node in range(1, len(best)):
        outer = level[above[node]]
        if float(costs[node, outer]) <= least[node] + penalty + 1e-5:
            level[node], place[node] = outer, place[above[node]]
        else:
            level[node], place[node] = best[node], node
    return np.array(place, dtype=np.int64)


def _dissolve(
    place: IntArray, own_pages: IntArray, own_recalled: IntArray, above: IntArray, rule: SplitRule
) -> None:
    """Join territories to the one around them, in place, that differ too little from it."""
    pages = np.bincount(place, own_pages, len(place)).astype(np.int64)
    hits = np.bincount(place, own_recalled, len(place)).astype(np.int64)
    changed = True
    while changed:
        changed = False
        for head in np.unique(place)[:0:-1].tolist():
            outer = int(place[above[head]])
            shares = [array[[index]] for index in (head, outer) for array in (pages, hits)]
            few = min(pages[head], pages[outer]) < rule.min_pages
            alike = few or effect(*shares)[0] < rule.min_effect
            if alike or likelihood_ratio(*shares)[0] < rule.min_evidence:
                place[place == head] = outer
                pages[outer] += pages[head]
                hits[outer] += hits[head]
                changed = True


def likelihood_ratio(n: IntArray, r: IntArray, m: IntArray, s: IntArray) -> FloatArray:
    """Twice the logarithm of the binomial likelihood ratio of two shares, r/n and s/m, against
    one common share; [N], rounded to 1e-6."""

    def fit(hits: IntArray, trials: IntArray) -> FloatArray:
        return _times_log(hits) + _times_log(trials - hits) - _times_log(trials)

    ratio: FloatArray = np.round(2 * (fit(r, n) + fit(s, m) - fit(r + s, n + m)), 6)
    return ratio


def _times_log(counts: IntArray) -> FloatArray:
    """x log x, 0 at 0."""
    numbers = counts.astype(np.float64)
    out: FloatArray = numbers * np.log(np.maximum(numbers, 1.0))
    return out


def effect(n: IntArray, r: IntArray, m: IntArray, s: IntArray) -> FloatArray:
    """Cohen's h of two shares, r/n and s/m (Cohen 1988, section 6.2); 0 where one has no trials."""

    def angle(hits: IntArray, trials: IntArray) -> FloatArray:
        out: FloatArray = 2 * np.arcsin(np.sqrt(hits / np.maximum(trials, 1)))
        return out

    size: FloatArray = np.where((n > 0) & (m > 0), np.abs(angle(r, n) - angle(s, m)), 0.0)
    return size


def _flat(root: Node) -> tuple[list[Node], IntArray]:
    """Nodes in preorder with the index of the node above, [N]."""
    nodes: list[Node] = []
    above: list[int] = []
    waiting = [(root, 0)]
    while waiting:
        node, parent = waiting.pop()
        here = len(nodes)
        nodes.append(node)
        above.append(parent)
        waiting.extend((child, here) for child in reversed(node.children))
    return nodes, np.array(above, dtype=np.int64)


def _tokens(nodes: list[Node], above: IntArray, index: int) -> tuple[str, ...]:
    tokens: list[str] = []
    while index:
        tokens.append(nodes[index].token)
        index = int(above[index])
    return tuple(reversed(tokens))
