"""Routing rules and routes to the octets of rtnetlink and back (linux/rtnetlink.h, fib_rules.h).

Only what ``steering`` plans: a message from somebody else may have more in it.  Numbers are in the
machine's own order, addresses and ports in that of the network unless said otherwise.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from socket import AF_INET, AF_INET6

from gatewright.host.names import ROUTE_PROTOCOL
from gatewright.host.steering import LOOK_NOWHERE, Route, RouteKind, Rule, default
from gatewright.ipsec.selectors import IPAddress, IPNetwork
from gatewright.netlink.messages import attribute, attributes

FAMILIES = {4: int(AF_INET), 6: int(AF_INET6)}
VERSIONS = {number: version for version, number in FAMILIES.items()}
_HEADER = struct.Struct("=BBBBBBBBI")  # struct rtmsg and struct fib_rule_hdr
_NUMBER = struct.Struct("=I")
_RANGE = struct.Struct("=HH")

_UNSPECIFIED_TABLE = 252  # RT_TABLE_COMPAT: the number is in an attribute
_SCOPE_UNIVERSE, _SCOPE_LINK = 0, 253
_UNICAST, _UNREACHABLE = 1, 7
_DST, _SRC, _TABLE = 1, 2, 15
_RTA_OIF, _RTA_PRIORITY, _RTA_PREFSRC = 4, 6, 7
_FRA_IIFNAME, _FRA_GOTO, _FRA_PRIORITY, _FRA_FWMARK = 3, 4, 6, 10
_FRA_PROTOCOL, _FRA_IP_PROTO, _FRA_SPORT_RANGE, _FRA_DPORT_RANGE = 21, 22, 23, 24
_TO_TABLE, _GOTO, _NOP = 1, 2, 3
_INVERT = 2


def rule_octets(rule: Rule) -> bytes:
    source, destination = rule.source, rule.destination
    action = _TO_TABLE
    if rule.table == LOOK_NOWHERE:
        action = _GOTO if rule.goto else _NOP
    parts = [
        _HEADER.pack(
            FAMILIES[rule.version],
            destination.prefixlen if destination else 0,
            source.prefixlen if source else 0,
            0,
            _short(rule.table),
            0,
            0,
            action,
            _INVERT if rule.inverted else 0,
        ),
        _number(_FRA_PRIORITY, rule.priority),
        _number(_TABLE, rule.table),
        attribute(_FRA_PROTOCOL, bytes([ROUTE_PROTOCOL])),
    ]
    if source is not None:
        parts.append(attribute(_SRC, source.network_address.packed))
    if destination is not None:
        parts.append(attribute(_DST, destination.network_address.packed))
    if rule.protocol:
        parts.append(attribute(_FRA_IP_PROTO, bytes([rule.protocol])))
    if rule.source_ports:
        parts.append(attribute(_FRA_SPORT_RANGE, _RANGE.pack(*rule.source_ports)))
    if rule.destination_ports:
        parts.append(attribute(_FRA_DPORT_RANGE, _RANGE.pack(*rule.destination_ports)))
    if rule.mark:
        parts.append(_number(_FRA_FWMARK, rule.mark))
    if rule.goto:
        parts.append(_number(_FRA_GOTO, rule.goto))
    if rule.input_interface:
        parts.append(attribute(_FRA_IIFNAME, rule.input_interface.encode() + b"\0"))
    return b"".join(parts)


def parse_rule(octets: bytes) -> Rule | None:
    """None for a rule that is not ours, or that no plan has."""
    family, to_bits, from_bits, _, table, _, _, action, flags = _HEADER.unpack_from(octets)
    found = attributes(octets, _HEADER.size)
    version = VERSIONS.get(family)
    if version is None or found.get(_FRA_PROTOCOL) != bytes([ROUTE_PROTOCOL]):
        return None
    table = _read(found, _TABLE, table) if action == _TO_TABLE else LOOK_NOWHERE
    return Rule(
        version=version,
        priority=_read(found, _FRA_PRIORITY, 0),
        table=table,
        source=_network(found.get(_SRC), from_bits),
        destination=_network(found.get(_DST), to_bits),
        protocol=found.get(_FRA_IP_PROTO, b"\0")[0],
        source_ports=_ports(found.get(_FRA_SPORT_RANGE)),
        destination_ports=_ports(found.get(_FRA_DPORT_RANGE)),
        mark=_read(found, _FRA_FWMARK, 0),
        input_interface=found.get(_FRA_IIFNAME, b"").rstrip(b"\0").decode(errors="replace"),
        goto=_read(found, _FRA_GOTO, 0),
        inverted=bool(flags & _INVERT),
    )


def route_octets(route: Route, device: int | None) -> bytes:
    """``device`` is the index of the TUN device; None when it is gone, for a removal."""
    unreachable = route.kind is RouteKind.UNREACHABLE
    parts = [
        _HEADER.pack(
            FAMILIES[route.version],
            route.destination.prefixlen,
            0,
            0,
            _short(route.table),
            ROUTE_PROTOCOL,
            _SCOPE_UNIVERSE if unreachable or route.version == 6 else _SCOPE_LINK,
            _UNREACHABLE if unreachable else _UNICAST,
            0,
        ),
        _number(_TABLE, route.table),
        _number(_RTA_PRIORITY, route.metric),
    ]
    if route.destination.prefixlen:
        parts.append(attribute(_DST, route.destination.network_address.packed))
    if not unreachable and device is not None:
        parts.append(_number(_RTA_OIF, device))
    if route.source is not None:
        parts.append(attribute(_RTA_PREFSRC, route.source.packed))
    return b"".join(parts)


def parse_route(octets: bytes) -> Route | None:
    """None for a route that is not ours."""
    family, bits, _, _, table, protocol, _, kind, _ = _HEADER.unpack_from(octets)
    version = VERSIONS.get(family)
    if version is None or protocol != ROUTE_PROTOCOL:
        return None
    found = attributes(octets, _HEADER.size)
    source = found.get(_RTA_PREFSRC)
    return Route(
        version=version,
        table=_read(found, _TABLE, table),
        destination=_network(found.get(_DST), bits) or default(version),
        kind=RouteKind.UNREACHABLE if kind == _UNREACHABLE else RouteKind.TUN,
        metric=_read(found, _RTA_PRIORITY, 0),
        source=_address(source) if source else None,
    )


def wanted_rules(version: int) -> bytes:
    """A request for all rules of an IP version."""
    return _HEADER.pack(FAMILIES[version], 0, 0, 0, 0, 0, 0, 0, 0)


def wanted_routes(version: int) -> bytes:
    """A request for our routes; a kernel before 4.20 gives all."""
    return _HEADER.pack(FAMILIES[version], 0, 0, 0, 0, ROUTE_PROTOCOL, 0, 0, 0)


def _short(table: int) -> int:
    return table if table < 256 else _UNSPECIFIED_TABLE


def _number(kind: int, value: int) -> bytes:
    return attribute(kind, _NUMBER.pack(value))


def _read(found: Mapping[int, bytes], kind: int, default_value: int) -> int:
    value = found.get(kind)
    if value is None or len(value) != _NUMBER.size:
        return default_value
    return int(_NUMBER.unpack(value)[0])


def _ports(value: bytes | None) -> tuple[int, int] | None:
    if value is None or len(value) != _RANGE.size:
        return None
    first, last = _RANGE.unpack(value)
    return first, last


def _network(address: bytes | None, bits: int) -> IPNetwork | None:
    if address is None:
        return None
    if len(address) == 4:
        return IPv4Network((address, bits))
    return IPv6Network((address, bits))


def _address(octets: bytes) -> IPAddress:
    return IPv4Address(octets) if len(octets) == 4 else IPv6Address(octets)
