"""Small questions about pairs of traffic selectors that guards, steering and data planes ask."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from gatewright.ipsec.selectors import (
    ANY_PROTOCOL,
    LAST_PORT,
    IPNetwork,
    TrafficSelector,
)
from gatewright.policy.compiled import SpdEntry

ICMP = 1
ICMPV6 = 58
PORT_PROTOCOLS = frozenset({6, 17, 33, 132, 136})  # TCP, UDP, DCCP, SCTP, UDP-Lite

AnyRange = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Flow:
    """One source selector and one destination selector of the same IP version and protocol.

    ``protocol`` is 0 for any.  Port ranges are None for any; ``icmp`` is a range of
    type * 256 + code (RFC 7296 section 3.13.1).
    """

    source: TrafficSelector
    destination: TrafficSelector
    protocol: int
    source_ports: AnyRange | None = None
    destination_ports: AnyRange | None = None
    icmp: AnyRange | None = None

    @property
    def version(self) -> int:
        return self.source.version

    @property
    def needs_transport_header(self) -> bool:
        """Whether a fragment that is not the first cannot be decided."""
        return bool(self.source_ports or self.destination_ports or self.icmp)


def flow(source: TrafficSelector, destination: TrafficSelector) -> Flow | None:
    """The packets from one selector to the other; None when there can be none."""
    if source.version != destination.version:
        return None
    if ANY_PROTOCOL not in (source.protocol, destination.protocol) and (
        source.protocol != destination.protocol
    ):
        return None
    protocol = source.protocol or destination.protocol
    if protocol in (ICMP, ICMPV6):
        # Type and code describe the packet, not one of its ends: either selector may carry them.
        ranges = [port_range(each) for each in (source, destination)]
        icmp = next((each for each in ranges if each is not None), None)
        return Flow(source, destination, protocol, icmp=icmp)
    if protocol not in PORT_PROTOCOLS:
        return Flow(source, destination, protocol)
    return Flow(source, destination, protocol, port_range(source), port_range(destination))


def flows(entry: SpdEntry, *, inbound: bool = False) -> Iterator[Flow]:
    """Each pair of selectors of an SPD entry: ``local`` to ``remote``, or the reverse."""
    for local in entry.local:
        for remote in entry.remote:
            one = flow(remote, local) if inbound else flow(local, remote)
            if one is not None:
                yield one


def port_range(selector: TrafficSelector) -> AnyRange | None:
    if selector.first_port == 0 and selector.last_port == LAST_PORT:
        return None
    return selector.first_port, selector.last_port


def addresses(selector: TrafficSelector) -> TrafficSelector:
    """The selector without protocol and ports."""
    return TrafficSelector(selector.first, selector.last)


def home_networks(entry: SpdEntry) -> tuple[TrafficSelector, ...]:
    """Local selectors that lie inside a larger remote one, as in "everything through the tunnel".

    Traffic within such a network matches the entry by its letter and is not meant: a host there
    speaks with its own gateway, both at home.
    """
    home = []
    for local in map(addresses, entry.local):
        larger = [r for r in map(addresses, entry.remote) if r.covers(local) and r != local]
        if larger and local not in home:
            home.append(local)
    return tuple(home)


def whole(network: IPNetwork) -> bool:
    return network.prefixlen == 0
