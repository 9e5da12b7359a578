"""The SPD as few look-ups: entries of the same shape become one table of addresses.

The kernel evaluates nftables rules one after the other, for each packet; a table of addresses it
asks once, however much is in it.  So entries that differ in nothing but the bits of their prefixes
are put together.  Such entries are disjoint, or the same: their order makes no difference.

An entry may join a table that stands after every earlier entry that it overlaps, and no other;
where there is none, it begins a new one at the end.  So for each packet the first look-up that
matches is that of the first SPD entry that does.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass, field

from gatewright.host.overlap import PairIndex, Prefix, covering, prefix
from gatewright.ipsec.selectors import TrafficSelector
from gatewright.policy.compiled import Action, CompiledPolicy, SpdEntry
from gatewright.policy.flows import Flow, flow, home_networks

Key = tuple[int, int]
"""The bits of a local and a remote prefix."""


@dataclass(frozen=True, slots=True)
class Shape:
    """What the members of one look-up have in common.

    ``outbound`` and ``inbound`` are a member's flows, whose protocol and ports are those of all.
    ``home``: traffic within a home network, which passes.  ``internet``: the local side has
    endpoints of tunnels in it, so that what came out of the tunnel may go on to the Internet.
    """

    width: int
    local_bits: int
    remote_bits: int
    transport: tuple[object, ...]
    action: Action
    home: bool
    internet: bool


@dataclass(frozen=True, slots=True)
class Member:
    """One pair of selectors of an SPD entry, in both directions."""

    entry: SpdEntry
    outbound: Flow
    inbound: Flow


@dataclass(slots=True)
class Lookup:
    """Members in the order of the SPD.

    ``tabular``: each is a pair of prefixes, and the keys are theirs; else they are to be looked
    at in order.
    """

    shape: Shape
    tabular: bool
    members: dict[Key, Member] = field(default_factory=dict)

    @property
    def first(self) -> Member:
        return next(iter(self.members.values()))


def lookups(policy: CompiledPolicy) -> tuple[Lookup, ...]:
    """All of the SPD: of the look-ups that match a packet, the first one decides."""
    return tuple(_Planner(_Endpoints(policy)).plan(policy))


class _Endpoints:
    """Whether a tunnel ends within a selector's addresses."""

    def __init__(self, policy: CompiledPolicy) -> None:
        ends = {each for one in policy.connections for each in (one.local, one.remote)}
        self._sorted = {v: sorted(int(e) for e in ends if e.version == v) for v in (4, 6)}

    def within(self, selector: TrafficSelector) -> bool:
        ends = self._sorted[selector.version]
        at = bisect_left(ends, int(selector.first))
        return at < len(ends) and ends[at] <= int(selector.last)


class _Planner:
    def __init__(self, endpoints: _Endpoints) -> None:
        self._endpoints = endpoints
        self._made: list[Lookup] = []
        self._places: dict[Shape, list[int]] = {}
        self._placed: set[tuple[Shape, Key]] = set()
        self._index = PairIndex()

    def plan(self, policy: CompiledPolicy) -> list[Lookup]:
        for entry in policy.spd:
            if entry.action is Action.PROTECT:
                for home in home_networks(entry):
                    self._place(entry, home, home, home=True)
            for local in entry.local:
                for remote in entry.remote:
                    self._place(entry, local, remote)
        return self._made

    def _place(
        self,
        entry: SpdEntry,
        local: TrafficSelector,
        remote: TrafficSelector,
        *,
        home: bool = False,
    ) -> None:
        outbound, inbound = flow(local, remote), flow(remote, local)
        if outbound is None or inbound is None:
            return
        here, there = prefix(local), prefix(remote)
        around = covering(local), covering(remote)
        tabular = here is not None and there is not None
        shape = Shape(
            around[0].width,
            around[0].length if tabular else -1,
            around[1].length if tabular else -1,
            _transport(outbound) + _transport(inbound),
            entry.action,
            home,
            self._endpoints.within(local),
        )
        key = (around[0].bits, around[1].bits) if tabular else (len(self._placed), 0)
        if (shape, key) in self._placed:
            return  # the earlier one matches whatever this would
        self._placed.add((shape, key))
        place = self._place_for(shape, around, tabular=tabular)
        self._made[place].members[key] = Member(entry, outbound, inbound)
        self._index.add(*around, place)

    def _place_for(self, shape: Shape, around: tuple[Prefix, Prefix], *, tabular: bool) -> int:
        after = self._index.last_overlapping(*around)
        places = self._places.setdefault(shape, [])
        found = bisect_left(places, after)
        if found < len(places):
            return places[found]
        self._made.append(Lookup(shape, tabular))
        places.append(len(self._made) - 1)
        return places[-1]


def _transport(one: Flow) -> tuple[object, ...]:
    return (one.protocol, one.source_ports, one.destination_ports, one.icmp)
