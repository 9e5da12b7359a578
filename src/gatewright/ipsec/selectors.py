"""Traffic selectors: which packets a rule or an SA speaks of (RFC 4301 section 4.4.1.1)."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    summarize_address_range,
)

IPAddress = IPv4Address | IPv6Address
IPNetwork = IPv4Network | IPv6Network

ANY_PROTOCOL = 0
LAST_PORT = 65535


@dataclass(frozen=True, slots=True)
class TrafficSelector:
    """One range of addresses, with protocol (0: any) and a range of ports (0 to 65535: any).

    Both ends are inclusive and of one IP version.  For ICMP the "port" is type * 256 + code
    (RFC 7296 section 3.13.1).
    """

    first: IPAddress
    last: IPAddress
    protocol: int = ANY_PROTOCOL
    first_port: int = 0
    last_port: int = LAST_PORT

    def __post_init__(self) -> None:
        if self.first.version != self.last.version:
            raise ValueError("a traffic selector has one IP version")
        if int(self.first) > int(self.last) or self.first_port > self.last_port:
            raise ValueError("a traffic selector's range runs upwards")

    @classmethod
    def from_network(
        cls,
        network: IPNetwork,
        protocol: int = ANY_PROTOCOL,
        first_port: int = 0,
        last_port: int = LAST_PORT,
    ) -> TrafficSelector:
        return cls(
            network.network_address, network.broadcast_address, protocol, first_port, last_port
        )

    @property
    def version(self) -> int:
        """4 or 6."""
        return self.first.version

    @property
    def any_port(self) -> bool:
        return self.first_port == 0 and self.last_port == LAST_PORT

    def networks(self) -> tuple[IPNetwork, ...]:
        """The range as the fewest prefixes."""
        if isinstance(self.first, IPv4Address) and isinstance(self.last, IPv4Address):
            return tuple(summarize_address_range(self.first, self.last))
        if isinstance(self.first, IPv6Address) and isinstance(self.last, IPv6Address):
            return tuple(summarize_address_range(self.first, self.last))
        raise AssertionError("checked at construction")

    def covers(self, other: TrafficSelector) -> bool:
        """Whether each packet of ``other`` is one of this selector."""
        return (
            self.version == other.version
            and self.protocol in (ANY_PROTOCOL, other.protocol)
            and int(self.first) <= int(other.first)
            and int(other.last) <= int(self.last)
            and self.first_port <= other.first_port
            and other.last_port <= self.last_port
        )

    def contains(self, address: IPAddress, protocol: int = 0, port: int = 0) -> bool:
        """Whether one end of a packet lies inside."""
        return (
            address.version == self.version
            and int(self.first) <= int(address) <= int(self.last)
            and self.protocol in (ANY_PROTOCOL, protocol)
            and self.first_port <= port <= self.last_port
        )

    def intersection(self, other: TrafficSelector) -> TrafficSelector | None:
        """What both speak of, or None.  The narrowing of RFC 7296 section 2.9."""
        if self.version != other.version:
            return None
        if self.protocol == ANY_PROTOCOL:
            protocol = other.protocol
        elif other.protocol in (ANY_PROTOCOL, self.protocol):
            protocol = self.protocol
        else:
            return None
        first = self.first if int(self.first) >= int(other.first) else other.first
        last = self.last if int(self.last) <= int(other.last) else other.last
        first_port = max(self.first_port, other.first_port)
        last_port = min(self.last_port, other.last_port)
        if int(first) > int(last) or first_port > last_port:
            return None
        return TrafficSelector(first, last, protocol, first_port, last_port)

    def __str__(self) -> str:
        networks = self.networks()
        where = str(networks[0]) if len(networks) == 1 else f"{self.first}-{self.last}"
        what = "" if self.protocol == ANY_PROTOCOL else f" protocol {self.protocol}"
        if self.any_port:
            return where + what
        ports = (
            f"{self.first_port}"
            if self.first_port == self.last_port
            else f"{self.first_port}-{self.last_port}"
        )
        return f"{where}{what} port {ports}"
