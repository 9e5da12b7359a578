"""Which earlier entries a pair of address prefixes overlaps, without asking each of them.

Two prefixes overlap if and only if one lies inside the other, so that pairs whose prefixes have
the same two lengths overlap only when they are equal.  The pairs are therefore kept by their
lengths, of which a policy has few however many entries it has, and one look into a table answers
for all pairs of the same lengths.
"""

from __future__ import annotations

from dataclasses import dataclass

from gatewright.ipsec.selectors import TrafficSelector

NONE = -1


@dataclass(frozen=True, slots=True)
class Prefix:
    """The first ``length`` bits of addresses of ``width`` bits (32 or 128); ``bits`` is a number
    of ``width`` bits whose others are 0."""

    bits: int
    length: int
    width: int

    def cut(self, length: int) -> int:
        """The first bits, at most as many as there are."""
        return self.bits >> (self.width - length)


def prefix(selector: TrafficSelector) -> Prefix | None:
    """The addresses of a selector as one prefix; None when they are not one."""
    around = covering(selector)
    size = int(selector.last) - int(selector.first) + 1
    return around if size == 1 << (around.width - around.length) else None


def covering(selector: TrafficSelector) -> Prefix:
    """The smallest prefix that has all addresses of a selector."""
    width = selector.first.max_prefixlen
    first, last = int(selector.first), int(selector.last)
    open_bits = (first ^ last).bit_length()
    return Prefix(first >> open_bits << open_bits, width - open_bits, width)


_Lengths = tuple[int, int, int]  # width, length of the local prefix, length of the remote one
_View = dict[tuple[int, int], int]


class PairIndex:
    """Pairs of a local and a remote prefix, each with a position, and the last one that overlaps.

    A look-up costs one step for each combination of lengths that occurs.
    """

    def __init__(self) -> None:
        self._views: dict[_Lengths, dict[_Lengths, _View]] = {}

    def add(self, local: Prefix, remote: Prefix, position: int) -> None:
        lengths = (local.width, local.length, remote.length)
        views = self._views.setdefault(lengths, {lengths: {}})
        for (_, to_local, to_remote), view in views.items():
            _raise(view, (local.cut(to_local), remote.cut(to_remote)), position)

    def last_overlapping(self, local: Prefix, remote: Prefix) -> int:
        """The highest position of a pair that has packets in common with this one, or NONE."""
        last = NONE
        for lengths, views in self._views.items():
            width, of_local, of_remote = lengths
            if width != local.width:
                continue
            common = (width, min(of_local, local.length), min(of_remote, remote.length))
            view = views.get(common)
            if view is None:
                view = views[common] = _shortened(views[lengths], lengths, common)
            key = (local.cut(common[1]), remote.cut(common[2]))
            last = max(last, view.get(key, NONE))
        return last


def _shortened(whole: _View, lengths: _Lengths, common: _Lengths) -> _View:
    """The same pairs by fewer of their bits."""
    off_local, off_remote = lengths[1] - common[1], lengths[2] - common[2]
    view: _View = {}
    for (local, remote), position in whole.items():
        _raise(view, (local >> off_local, remote >> off_remote), position)
    return view


def _raise(view: _View, key: tuple[int, int], position: int) -> None:
    if view.get(key, NONE) < position:
        view[key] = position
