"""Names of IP protocols that a filter may write (IANA, Assigned Internet Protocol Numbers)."""

from __future__ import annotations

IP_PROTOCOLS: dict[str, int] = {
    "icmp": 1,
    "igmp": 2,
    "ipip": 4,
    "tcp": 6,
    "udp": 17,
    "ipv6": 41,
    "rsvp": 46,
    "gre": 47,
    "esp": 50,
    "ah": 51,
    "icmpv6": 58,
    "ospf": 89,
    "pim": 103,
    "vrrp": 112,
    "l2tp": 115,
    "sctp": 132,
}

# Protocols whose packets begin with a source and a destination port.
WITH_PORTS = frozenset({6, 17, 132})

_NAME_BY_NUMBER = {number: name for name, number in IP_PROTOCOLS.items()}


def protocol_name(number: int) -> str:
    """How a policy writes this protocol."""
    if number == 0:
        return "any"
    return _NAME_BY_NUMBER.get(number, str(number))
