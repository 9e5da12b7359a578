"""Which children of a policy a peer's traffic selectors can mean, without asking each of them.

One IKE SA may have ten thousand children, and a peer asks for one at a time.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate

from gatewright.ipsec.selectors import TrafficSelector
from gatewright.policy.compiled import Child

_Range = tuple[int, int]  # first and last address


class ChildIndex:
    """Children in the order of their policy.

    ``most_selectors``: the longest of their lists.
    """

    def __init__(self, children: Sequence[Child]) -> None:
        self.children = children
        self.most_selectors = max(
            (len(s) for c in children for s in (c.local, c.remote)), default=0
        )
        self.local = AddressIndex(children, lambda child: child.local)
        self.remote = AddressIndex(children, lambda child: child.remote)

    def meeting(
        self, local: Sequence[TrafficSelector], remote: Sequence[TrafficSelector]
    ) -> list[Child]:
        """All that may have packets in common with both sides, and few others.

        The side by which fewer are left decides: ten thousand children may have one local network.
        """
        groups = min(
            (self.local.meeting(local), self.remote.meeting(remote)),
            key=lambda groups: sum(map(len, groups)),
        )
        positions = sorted({position for group in groups for position in group})
        return [self.children[position] for position in positions]


class AddressIndex:
    """Children by the addresses of one side; those with the same range are one group."""

    def __init__(
        self, children: Sequence[Child], side: Callable[[Child], Sequence[TrafficSelector]]
    ) -> None:
        groups: dict[int, dict[_Range, list[int]]] = {4: {}, 6: {}}
        for position, child in enumerate(children):
            for each in side(child):
                group = groups[each.version].setdefault(_range(each), [])
                group.append(position)
        self._ranges = {version: _Ranges(found) for version, found in groups.items() if found}

    def meeting(self, selectors: Sequence[TrafficSelector]) -> list[list[int]]:
        """The groups that have addresses in common with any of these, each once."""
        found: dict[_Range, list[int]] = {}
        for each in selectors:
            ranges = self._ranges.get(each.version)
            if ranges is not None:
                found.update(ranges.meeting(*_range(each)))
        return list(found.values())


class _Ranges:
    """Groups by range.  Of disjoint ranges, a look-up visits those alone that it finds."""

    def __init__(self, groups: dict[_Range, list[int]]) -> None:
        self._groups = groups
        self._sorted = sorted(groups)
        self._firsts = [first for first, _ in self._sorted]
        self._highest_so_far = list(accumulate((last for _, last in self._sorted), max))

    def meeting(self, first: int, last: int) -> Iterator[tuple[_Range, list[int]]]:
        at = bisect_right(self._firsts, last) - 1
        while at >= 0 and self._highest_so_far[at] >= first:
            one = self._sorted[at]
            if one[1] >= first:
                yield one, self._groups[one]
            at -= 1


def _range(selector: TrafficSelector) -> _Range:
    return int(selector.first), int(selector.last)
