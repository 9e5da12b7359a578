"""The order of the SPD: the most specific entry first, as in Windows; no order to maintain by hand.

An entry that selects fewer packets stands before one that selects more.  "Fewer" is the number of
combinations of local address, remote address, protocol and ports, so that an entry which lies
wholly inside another always comes first.  Entries of the same size are ordered by what is safer if
they overlap: block, then protect, then permit; and then as in the file.
"""

from __future__ import annotations

from collections.abc import Iterable

from gatewright.ipsec.selectors import ANY_PROTOCOL, TrafficSelector
from gatewright.policy.compiled import Action, SpdEntry

_SAFETY = {Action.DISCARD: 0, Action.PROTECT: 1, Action.BYPASS: 2}


def most_specific_first(entries: Iterable[SpdEntry]) -> list[SpdEntry]:
    return sorted(entries, key=lambda entry: (breadth(entry), _SAFETY[entry.action]))


def breadth(entry: SpdEntry) -> int:
    """How many packets an entry selects: a count that only compares."""
    return sum(
        _pair_breadth(local, remote)
        for local in entry.local
        for remote in entry.remote
        if local.version == remote.version
    )


def _pair_breadth(local: TrafficSelector, remote: TrafficSelector) -> int:
    any_protocol = local.protocol == ANY_PROTOCOL and remote.protocol == ANY_PROTOCOL
    return _addresses(local) * _addresses(remote) * (256 if any_protocol else 1)


def _addresses(selector: TrafficSelector) -> int:
    """Addresses times ports."""
    count = int(selector.last) - int(selector.first) + 1
    return count * (selector.last_port - selector.first_port + 1)
