# ruff: noqa: ANN401 -- pyroute2 has no types
"""Carries out a steering plan over rtnetlink, and reads addresses.  The one user of pyroute2.

pyroute2 runs an event loop of its own: these functions must not be called inside a running one.
"""

from __future__ import annotations

import errno
from collections.abc import Container, Iterable, Iterator, Mapping
from contextlib import contextmanager
from ipaddress import ip_address, ip_network
from socket import AF_INET, AF_INET6
from typing import Any, TypeVar

from pyroute2 import IPRoute
from pyroute2.netlink.exceptions import NetlinkError

from gatewright.host.names import ROUTE_PROTOCOL, HostError, HostNames
from gatewright.host.steering import LocalAddress, Plan, Route, RouteKind, Rule, default
from gatewright.ipsec.selectors import IPNetwork

_FAMILIES = {4: AF_INET, 6: AF_INET6}
_RTN_UNREACHABLE = 7
_LOOPBACK = "lo"
ARPHRD_PPP = 512  # linux/if_arp.h
# Devices that a kernel with these tunnels makes in every namespace: tunl0, ip6tnl0, sit0, gre0, ...
_FALLBACK_TYPES = frozenset({768, 769, 776, 778, 823})
_Item = TypeVar("_Item")


def local_addresses(names: HostNames) -> list[LocalAddress]:
    """Unicast addresses of global scope on all interfaces but loopback and the TUN device."""
    with _netlink("Reading the addresses") as ipr:
        links = {link["index"]: link for link in ipr.get_links()}
        found = []
        for each in ipr.get_addr():
            link = links.get(each["index"])
            name = link.get("ifname") if link is not None else ""
            text = each.get("local") or each.get("address")
            if name in (_LOOPBACK, names.tun) or text is None:
                continue
            address = ip_address(text)
            if not address.is_link_local:
                dial_up = link is not None and link["ifi_type"] == ARPHRD_PPP
                found.append(LocalAddress(address, name, dial_up))
        return found


def interfaces(names: HostNames) -> frozenset[str]:
    """The interfaces, up or not, that traffic of others can take: not loopback, not ours."""
    with _netlink("Reading the interfaces") as ipr:
        return frozenset(
            link.get("ifname")
            for link in ipr.get_links()
            if link["ifi_type"] not in _FALLBACK_TYPES
            and link.get("ifname") not in (_LOOPBACK, names.tun)
        )


def apply(plan: Plan, names: HostNames) -> None:
    """Make rules and routes be those of the plan: add what is missing, then remove what is left.

    Routes come before the rules that point to them, so that no packet is led into an empty table.
    """
    with _netlink("Steering packets into the tunnel") as ipr:
        index = _index(ipr, names.tun)
        if index is None:
            raise HostError(
                f"The TUN device {names.tun} does not exist: the data plane did not make it, or "
                "it was removed. Assign the policy again."
            )
        ipr.link("set", index=index, state="up")
        routes = dict.fromkeys(_routes(ipr, names))
        rules = dict.fromkeys(_rules(ipr, names))
        for route in _without(plan.routes, routes):
            ipr.route("replace", **_route_arguments(route, index))
        for rule in _without(plan.rules, rules):
            ipr.rule("add", **_rule_arguments(rule))
        for rule in _without(rules, dict.fromkeys(plan.rules)):
            _ignore_missing(ipr.rule, "del", **_rule_arguments(rule))
        for route in _without(routes, dict.fromkeys(plan.routes)):
            _ignore_missing(ipr.route, "del", **_route_arguments(route, index))


def _without(wanted: Iterable[_Item], existing: Container[_Item]) -> list[_Item]:
    return [each for each in wanted if each not in existing]


def remove(names: HostNames) -> None:
    """Remove our rules, our routes and the TUN device, in this order.  Idempotent."""
    with _netlink("Removing routes and rules") as ipr:
        for rule in _rules(ipr, names):
            _ignore_missing(ipr.rule, "del", **_rule_arguments(rule))
        index = _index(ipr, names.tun)
        for route in _routes(ipr, names):
            _ignore_missing(ipr.route, "del", **_route_arguments(route, index))
        if index is not None:
            _ignore_missing(ipr.link, "del", index=index)


@contextmanager
def _netlink(doing: str) -> Iterator[Any]:
    try:
        with IPRoute() as ipr:
            yield ipr
    except NetlinkError as error:
        raise HostError(f"{doing} failed: {_reason(error)}") from error
    except OSError as error:
        raise HostError(f"{doing} failed: {error.strerror or error}.") from error


def _reason(error: NetlinkError) -> str:
    if error.code == errno.EPERM:
        return "the kernel does not permit it. This needs CAP_NET_ADMIN: run as root."
    if error.code in (errno.EOPNOTSUPP, errno.EAFNOSUPPORT):
        return "the kernel lacks policy routing (CONFIG_IP_MULTIPLE_TABLES) or this IP version."
    return f"the kernel says: {error}."


def _ignore_missing(call: Any, command: str, **arguments: Any) -> None:
    try:
        call(command, **arguments)
    except NetlinkError as error:
        if error.code not in (errno.ENOENT, errno.ESRCH, errno.ENODEV):
            raise


def _index(ipr: Any, name: str) -> int | None:
    found = ipr.link_lookup(ifname=name)
    return int(found[0]) if found else None


def _rules(ipr: Any, names: HostNames) -> list[Rule]:
    """Rules that carry our protocol number, within our priorities."""
    found = []
    for version, af in _FAMILIES.items():
        for message in ipr.get_rules(family=af):
            attributes = dict(message["attrs"])
            priority = attributes.get("FRA_PRIORITY", 0)
            ours = attributes.get("FRA_PROTOCOL") == ROUTE_PROTOCOL
            if ours and names.first_priority <= priority <= names.last_priority:
                found.append(_parse_rule(version, message, attributes))
    return found


def _parse_rule(version: int, message: Any, attributes: Mapping[str, Any]) -> Rule:
    return Rule(
        version=version,
        priority=attributes["FRA_PRIORITY"],
        table=attributes.get("FRA_TABLE", message["table"]),
        source=_network(attributes.get("FRA_SRC"), message["src_len"]),
        destination=_network(attributes.get("FRA_DST"), message["dst_len"]),
        protocol=attributes.get("FRA_IP_PROTO", 0),
        source_ports=_ports(attributes.get("FRA_SPORT_RANGE")),
        destination_ports=_ports(attributes.get("FRA_DPORT_RANGE")),
        mark=attributes.get("FRA_FWMARK", 0),
        input_interface=attributes.get("FRA_IIFNAME", ""),
    )


def _network(address: str | None, length: int) -> IPNetwork | None:
    return ip_network(f"{address}/{length}") if address is not None else None


def _ports(text: str | None) -> tuple[int, int] | None:
    if text is None:
        return None
    first, last = text.split(":")
    return int(first), int(last)


def _rule_arguments(rule: Rule) -> dict[str, Any]:
    arguments: dict[str, Any] = {
        "family": _FAMILIES[rule.version],
        "priority": rule.priority,
        "table": rule.table,
        "protocol": ROUTE_PROTOCOL,
    }
    if rule.source is not None:
        arguments |= {"src": str(rule.source.network_address), "src_len": rule.source.prefixlen}
    if rule.destination is not None:
        arguments |= {
            "dst": str(rule.destination.network_address),
            "dst_len": rule.destination.prefixlen,
        }
    if rule.protocol:
        arguments["ip_proto"] = rule.protocol
    if rule.source_ports:
        arguments["sport_range"] = "{}:{}".format(*rule.source_ports)
    if rule.destination_ports:
        arguments["dport_range"] = "{}:{}".format(*rule.destination_ports)
    if rule.mark:
        arguments["fwmark"] = rule.mark
    if rule.input_interface:
        arguments["iifname"] = rule.input_interface
    return arguments


def _routes(ipr: Any, names: HostNames) -> list[Route]:
    """Routes in our tables that carry our protocol number."""
    found = []
    for version, af in _FAMILIES.items():
        for table in (names.tunnel_table, names.source_table):
            for message in ipr.get_routes(family=af, table=table):
                if message["proto"] == ROUTE_PROTOCOL:
                    found.append(_parse_route(version, table, message))
    return found


def _parse_route(version: int, table: int, message: Any) -> Route:
    attributes = dict(message["attrs"])
    everything = default(version).network_address
    source = attributes.get("RTA_PREFSRC")
    unreachable = message["type"] == _RTN_UNREACHABLE
    return Route(
        version=version,
        table=table,
        destination=ip_network(f"{attributes.get('RTA_DST', everything)}/{message['dst_len']}"),
        kind=RouteKind.UNREACHABLE if unreachable else RouteKind.TUN,
        metric=attributes.get("RTA_PRIORITY", 0),
        source=ip_address(source) if source else None,
    )


def _route_arguments(route: Route, index: int | None) -> dict[str, Any]:
    arguments: dict[str, Any] = {
        "family": _FAMILIES[route.version],
        "table": route.table,
        "dst": str(route.destination),
        "proto": ROUTE_PROTOCOL,
        "priority": route.metric,
    }
    if route.kind is RouteKind.UNREACHABLE:
        arguments["type"] = "unreachable"
    elif index is not None:
        arguments["oif"] = index
    if route.source is not None:
        arguments["prefsrc"] = str(route.source)
    return arguments
