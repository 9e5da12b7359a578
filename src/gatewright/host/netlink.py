# ruff: noqa: ANN401 -- pyroute2 has no types
"""Carries out a steering plan over rtnetlink, and reads addresses and interfaces.

pyroute2 runs an event loop of its own: these functions must not be called inside a running one.
"""

from __future__ import annotations

import errno
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from ipaddress import ip_address
from typing import Any, TypeVar

from pyroute2 import IPRoute
from pyroute2.netlink.exceptions import NetlinkError

from gatewright.host.names import HostError, HostNames
from gatewright.host.rtmessages import (
    parse_route,
    parse_rule,
    route_octets,
    rule_octets,
    wanted_routes,
    wanted_rules,
)
from gatewright.host.rtsocket import (
    DELETE_ROUTE,
    DELETE_RULE,
    GET_ROUTE,
    GET_RULE,
    NEW_ROUTE,
    NEW_RULE,
    RouteSocket,
)
from gatewright.host.steering import LocalAddress, Plan, Route, Rule
from gatewright.netlink.messages import CREATE, EXCLUSIVE, REPLACE

_MISSING = (errno.ENOENT, errno.ESRCH, errno.ENODEV)
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
    with _netlink("Steering packets into the tunnel") as ipr, RouteSocket() as changes:
        index = _index(ipr, names.tun)
        if index is None:
            raise HostError(
                f"The TUN device {names.tun} does not exist: the data plane did not make it, or "
                "it was removed. Assign the policy again."
            )
        ipr.link("set", index=index, state="up")
        routes = dict.fromkeys(_routes(changes, names))
        rules = dict.fromkeys(_rules(changes, names))
        missing = [route_octets(each, index) for each in plan.routes if each not in routes]
        changes.change(NEW_ROUTE, CREATE | REPLACE, missing)
        new = [rule_octets(each) for each in plan.rules if each not in rules]
        changes.change(NEW_RULE, CREATE | EXCLUSIVE, new)
        _remove(changes, index, _without(rules, plan.rules), _without(routes, plan.routes))


def _without(existing: Iterable[_Item], wanted: Iterable[_Item]) -> list[_Item]:
    kept = set(wanted)
    return [each for each in existing if each not in kept]


def _remove(
    changes: RouteSocket, index: int | None, rules: Sequence[Rule], routes: Sequence[Route]
) -> None:
    """What somebody else removed meanwhile is removed as well."""
    changes.change(DELETE_RULE, 0, [rule_octets(each) for each in rules], _MISSING)
    changes.change(DELETE_ROUTE, 0, [route_octets(each, index) for each in routes], _MISSING)


def remove(names: HostNames) -> None:
    """Remove our rules, our routes and the TUN device, in this order.  Idempotent."""
    with _netlink("Removing routes and rules") as ipr, RouteSocket() as changes:
        index = _index(ipr, names.tun)
        _remove(changes, index, _rules(changes, names), _routes(changes, names))
        if index is not None:
            _ignore_missing(ipr.link, "del", index=index)


@contextmanager
def _netlink(doing: str) -> Iterator[Any]:
    try:
        with IPRoute() as ipr:
            yield ipr
    except NetlinkError as error:
        raise HostError(f"{doing} failed: {_reason(error.code, error)}") from error
    except OSError as error:
        raise HostError(
            f"{doing} failed: {_reason(error.errno, error.strerror or error)}"
        ) from error


def _reason(code: int | None, words: object) -> str:
    if code == errno.EPERM:
        return "the kernel does not permit it. This needs CAP_NET_ADMIN: run as root."
    if code in (errno.EOPNOTSUPP, errno.EAFNOSUPPORT):
        return "the kernel lacks policy routing (CONFIG_IP_MULTIPLE_TABLES) or this IP version."
    return f"the kernel says: {words}."


def _ignore_missing(call: Any, command: str, **arguments: Any) -> None:
    try:
        call(command, **arguments)
    except NetlinkError as error:
        if error.code not in _MISSING:
            raise


def _index(ipr: Any, name: str) -> int | None:
    found = ipr.link_lookup(ifname=name)
    return int(found[0]) if found else None


def _rules(changes: RouteSocket, names: HostNames) -> list[Rule]:
    """Rules that carry our protocol number, within our priorities."""
    dumped = [each for v in (4, 6) for each in changes.dump(GET_RULE, wanted_rules(v))]
    return [
        each
        for each in map(parse_rule, dumped)
        if each is not None and names.first_priority <= each.priority <= names.last_priority
    ]


def _routes(changes: RouteSocket, names: HostNames) -> list[Route]:
    """Routes in our tables that carry our protocol number."""
    dumped = [each for v in (4, 6) for each in changes.dump(GET_ROUTE, wanted_routes(v))]
    return [
        each
        for each in map(parse_route, dumped)
        if each is not None and names.has_table(each.table)
    ]
