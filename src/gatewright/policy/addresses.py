"""Addresses of filters to ranges: generic filters (`any`, `me`, `dns:`) become specific ones."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address

from gatewright.ipsec.selectors import IPAddress, TrafficSelector
from gatewright.policy.findings import Place, PolicyError, error
from gatewright.policy.model import AddressKind, AddressSpec, Endpoint, Filter, Ports

Resolver = Callable[[str], Sequence[IPAddress]]
"""Gives the addresses of a DNS name, in order of preference; empty when there are none."""

_EVERYTHING: dict[int, tuple[IPAddress, IPAddress]] = {
    4: (IPv4Address(0), IPv4Address(0xFFFFFFFF)),
    6: (IPv6Address(0), IPv6Address((1 << 128) - 1)),
}

Range = tuple[IPAddress, IPAddress]
SelectorPair = tuple[TrafficSelector, TrafficSelector]


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What generic addresses stand for on one gateway.

    ``local_addresses`` are `me`; loopback and link-local ones are left out, since no packet
    between networks carries them.
    """

    local_addresses: tuple[IPAddress, ...]
    resolve: Resolver | None

    @classmethod
    def of(cls, local_addresses: Iterable[IPAddress], resolve: Resolver | None) -> Surroundings:
        usable = {a for a in local_addresses if not (a.is_loopback or a.is_link_local)}
        return cls(tuple(sorted(usable, key=lambda a: (a.version, int(a)))), resolve)

    def lookup(self, name: str, place: Place) -> Sequence[IPAddress]:
        """The addresses of a DNS name.  Raises ``PolicyError``."""
        if self.resolve is None:
            raise _unresolved(name, place, "names are looked up when the policy is assigned")
        addresses = self.resolve(name)
        if not addresses:
            raise _unresolved(name, place, "DNS has no address for it")
        return addresses

    def endpoints(
        self, local: Endpoint, remote: Endpoint, place: Place
    ) -> tuple[IPAddress, IPAddress]:
        """The addresses of both ends; of a name's, the first with the other end's IP version.

        Raises ``PolicyError``.
        """
        ours, theirs = (self._candidates(one, place) for one in (local, remote))
        pairs = [(one, other) for one in ours for other in theirs]
        return next((pair for pair in pairs if pair[0].version == pair[1].version), pairs[0])

    def _candidates(self, endpoint: Endpoint, place: Place) -> Sequence[IPAddress]:
        if endpoint.address is not None:
            return (endpoint.address,)
        return self.lookup(endpoint.name, place)


def filter_selectors(one: Filter, surroundings: Surroundings) -> list[SelectorPair]:
    """A filter's (source, destination) selectors, each of one range; mirroring is not applied.

    `any` means the IP versions of the other side.  Raises ``PolicyError`` when `me` or a name
    stands for nothing.
    """
    sources = _ranges(one.source, surroundings, one.place)
    destinations = _ranges(one.destination, surroundings, one.place)
    return [
        (
            _selector(source, one.protocol, one.source_ports),
            _selector(destination, one.protocol, one.destination_ports),
        )
        for source in sources
        for destination in destinations
        if source[0].version == destination[0].version
    ]


def format_address(spec: AddressSpec) -> str:
    """How a policy writes this address."""
    if spec.kind is AddressKind.NAME:
        return f"dns:{spec.name}"
    if spec.first is None or spec.last is None:
        return str(spec.kind.value)
    if spec.first == spec.last:
        return str(spec.first)
    return str(TrafficSelector(spec.first, spec.last))


def versions_of(spec: AddressSpec) -> frozenset[int]:
    """The IP versions that an address can have; both where only the gateway can tell."""
    return frozenset({4, 6}) if spec.first is None else frozenset({spec.first.version})


def _ranges(spec: AddressSpec, surroundings: Surroundings, place: Place) -> list[Range]:
    match spec.kind:
        case AddressKind.ANY:
            return list(_EVERYTHING.values())
        case AddressKind.RANGE:
            assert spec.first is not None
            assert spec.last is not None
            return [(spec.first, spec.last)]
        case AddressKind.NAME:
            return [(a, a) for a in surroundings.lookup(spec.name, place)]
        case AddressKind.ME:
            if not surroundings.local_addresses:
                raise PolicyError(
                    [
                        error(
                            "me-unknown",
                            place,
                            "`me` stands for the gateway's own addresses, and none are known here",
                            "they are read from the interfaces when the policy is assigned",
                            "give the addresses with `--local ADDRESS`, or write the address",
                        )
                    ]
                )
            return [(a, a) for a in surroundings.local_addresses]


def _selector(span: Range, protocol: int, ports: Ports) -> TrafficSelector:
    return TrafficSelector(span[0], span[1], protocol, ports.first, ports.last)


def _unresolved(name: str, place: Place, why: str) -> PolicyError:
    return PolicyError(
        [
            error(
                "unresolved-name",
                place,
                f"the DNS name {name} has no address yet",
                why,
                "write the address; `gatewright check --resolve` looks the name up",
            )
        ]
    )
