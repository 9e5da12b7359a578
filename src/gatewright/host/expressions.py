"""nftables expressions for the packets of a flow, by their own header."""

from __future__ import annotations

from collections.abc import Sequence

from gatewright.ipsec.selectors import IPAddress, TrafficSelector
from gatewright.policy.flows import Flow, whole

NEIGHBOUR_DISCOVERY = (
    "icmpv6 type { nd-router-solicit, nd-router-advert, nd-neighbor-solicit, nd-neighbor-advert } "
    "ip6 hoplimit 255"
)


def family(address: IPAddress) -> str:
    return "ip" if address.version == 4 else "ip6"


def interfaces(names: Sequence[str]) -> str:
    return one_of([f'"{each}"' for each in names])


def one_of(values: Sequence[str]) -> str:
    """A set, unless there is one alone: comparing is cheaper than looking up."""
    return values[0] if len(values) == 1 else f"{{ {', '.join(values)} }}"


def match(one: Flow) -> str:
    """The packets of a flow."""
    return " ".join([ends(one.source, one.destination), *transport(one)])


def transport(one: Flow) -> list[str]:
    """What they have in common besides the addresses."""
    parts = []
    if one.protocol:
        parts.append(f"meta l4proto {one.protocol}")
    if one.icmp:
        # Type and code are the first two octets of the header, as in a traffic selector.
        parts.append(f"@th,0,16 {_range(one.icmp)}")
    if one.source_ports:
        parts.append(f"th sport {_range(one.source_ports)}")
    if one.destination_ports:
        parts.append(f"th dport {_range(one.destination_ports)}")
    return parts


def ends(source: TrafficSelector, destination: TrafficSelector) -> str:
    name = family(source.first)
    parts = []
    for side, selector in (("saddr", source), ("daddr", destination)):
        networks = selector.networks()
        if len(networks) > 1:
            parts.append(f"{name} {side} {selector.first}-{selector.last}")
        elif not whole(networks[0]):
            host = networks[0].prefixlen == networks[0].max_prefixlen
            parts.append(f"{name} {side} {selector.first if host else networks[0]}")
    return " ".join(parts) or f"meta nfproto {'ipv4' if source.version == 4 else 'ipv6'}"


def later_fragment(version: int) -> str:
    return "ip frag-off & 0x1fff != 0" if version == 4 else "frag frag-off != 0"


def _range(numbers: tuple[int, int]) -> str:
    first, last = numbers
    return str(first) if first == last else f"{first}-{last}"
