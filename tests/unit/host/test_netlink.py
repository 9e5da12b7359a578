"""What is asked of the kernel, and in which order; a table of messages stands for the kernel."""

from __future__ import annotations

import errno
import struct
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from ipaddress import ip_address
from typing import Any

import pytest
from pyroute2.netlink.exceptions import NetlinkError

from gatewright.host import netlink
from gatewright.host.names import ROUTE_PROTOCOL, HostError, HostNames
from gatewright.host.rtmessages import route_octets, rule_octets
from gatewright.host.rtsocket import DELETE_ROUTE, DELETE_RULE, GET_ROUTE, GET_RULE, NEW_RULE
from gatewright.host.steering import LocalAddress, RouteKind, plan
from tests.support.policies import entry, policy, selector

NAMES = HostNames()
_OF_RULES = (NEW_RULE, DELETE_RULE)
_REMOVALS = (DELETE_RULE, DELETE_ROUTE)
TUN = 7
LINKS = [
    {"index": 1, "ifname": "lo", "ifi_type": 772},
    {"index": 2, "ifname": "wan", "ifi_type": 1},
    {"index": 3, "ifname": "ppp0", "ifi_type": 512},
    {"index": 4, "ifname": "sit0", "ifi_type": 776},
    {"index": TUN, "ifname": NAMES.tun, "ifi_type": 65534},
]
INSIDE = LocalAddress(ip_address("192.168.10.1"), "lan")
POLICY = policy(
    entry(1, selector("192.168.10.0/24"), selector("10.20.0.0/24", 6, 80, 90)),
    entry(2, "2001:db8:a::/64", "2001:db8:b::/64"),
)
WANTED = plan(POLICY, NAMES, [INSIDE, LocalAddress(ip_address("2001:db8:a::1"), "lan")])


class Kernel:
    """Stands for ``IPRoute`` and for ``RouteSocket``: keeps rules and routes as messages, and the
    order of changes."""

    def __init__(self) -> None:
        self.rules: list[bytes] = []
        self.routes: list[bytes] = []
        self.links = list(LINKS)
        self.addresses: list[Mapping[str, object]] = []
        self.calls: list[str] = []
        self.refuse: dict[str, Exception] = {}

    def __enter__(self) -> Kernel:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def get_links(self) -> list[dict[str, Any]]:
        return self.links

    def get_addr(self) -> list[Mapping[str, object]]:
        return self.addresses

    def link_lookup(self, ifname: str) -> list[object]:
        return [each["index"] for each in self.links if each["ifname"] == ifname]

    def link(self, command: str, **arguments: object) -> None:
        self._change(f"link {command}")
        if command == "del":
            self.links = [each for each in self.links if each["index"] != arguments["index"]]

    def dump(self, kind: int, request: bytes) -> Iterator[bytes]:
        kept = {GET_RULE: self.rules, GET_ROUTE: self.routes}[kind]
        yield from [each for each in kept if each[0] == request[0]]

    def change(
        self, kind: int, flags: int, messages: Sequence[bytes], ignored: Collection[int] = ()
    ) -> None:
        what, kept = ("rule", self.rules) if kind in _OF_RULES else ("route", self.routes)
        command = "del" if kind in _REMOVALS else "add"
        assert bool(flags) is (command == "add")
        for message in messages:
            try:
                self._change(f"{what} {command}")
                if command == "add":
                    kept.append(message)
                elif message in kept:
                    kept.remove(message)
                else:
                    raise OSError(errno.ENOENT, "")
            except OSError as error:
                if error.errno not in ignored:
                    raise

    def _change(self, call: str) -> None:
        if call in self.refuse:
            raise self.refuse[call]
        self.calls.append(call)


@pytest.fixture
def kernel(monkeypatch: pytest.MonkeyPatch) -> Kernel:
    double = Kernel()
    for name in ("IPRoute", "RouteSocket"):
        monkeypatch.setattr(netlink, name, lambda: double)
    return double


def order(calls: list[str]) -> list[str]:
    return list(dict.fromkeys(calls))


def test_routes_come_before_the_rules_that_lead_to_them(kernel: Kernel) -> None:
    netlink.apply(WANTED, NAMES)
    assert order(kernel.calls) == ["link set", "route add", "rule add"]
    assert len(kernel.rules) == len(WANTED.rules)
    assert len(kernel.routes) == len(WANTED.routes)


def test_every_part_of_a_plan_is_read_back_as_it_was_written(kernel: Kernel) -> None:
    netlink.apply(WANTED, NAMES)
    kernel.calls.clear()
    netlink.apply(WANTED, NAMES)
    assert kernel.calls == ["link set"]


def test_what_is_wanted_is_added_before_what_is_not_is_removed(kernel: Kernel) -> None:
    netlink.apply(WANTED, NAMES)
    kernel.calls.clear()
    other = plan(policy(entry(3, "192.168.10.0/24", "10.30.0.0/24")), NAMES, [INSIDE])
    netlink.apply(other, NAMES)
    assert order(kernel.calls) == ["link set", "route add", "rule add", "rule del", "route del"]
    kernel.calls.clear()
    netlink.apply(other, NAMES)
    assert kernel.calls == ["link set"]


def of_others(message: bytes) -> bytes:
    """The same with the protocol number of the administrator."""
    for ours in (struct.pack("=HHB", 5, 21, ROUTE_PROTOCOL), bytes([252, ROUTE_PROTOCOL])):
        message = message.replace(ours, ours[:-1] + b"\4")
    return message


def test_rules_and_routes_of_others_stay(kernel: Kernel) -> None:
    netlink.apply(WANTED, NAMES)
    rule, route = of_others(kernel.rules[1]), of_others(kernel.routes[1])
    kernel.rules[1], kernel.routes[1] = rule, route
    netlink.remove(NAMES)
    assert (kernel.rules, kernel.routes) == ([rule], [route])


@pytest.mark.parametrize("priority", [100, 31000])
def test_rules_elsewhere_are_not_ours(kernel: Kernel, priority: int) -> None:
    theirs = rule_octets(replace(WANTED.rules[1], priority=priority))
    kernel.rules.append(theirs)
    netlink.remove(NAMES)
    assert kernel.rules == [theirs]


def test_routes_in_other_tables_are_not_ours(kernel: Kernel) -> None:
    theirs = route_octets(replace(WANTED.routes[0], table=100), TUN)
    kernel.routes.append(theirs)
    netlink.remove(NAMES)
    assert kernel.routes == [theirs]


def test_what_others_made_is_not_taken_for_ours(kernel: Kernel) -> None:
    netlink.apply(WANTED, NAMES)
    kernel.rules[1], kernel.routes[1] = of_others(kernel.rules[1]), of_others(kernel.routes[1])
    kernel.calls.clear()
    netlink.apply(WANTED, NAMES)
    assert kernel.calls == ["link set", "route add", "rule add"]


def test_removal_begins_with_the_rules_and_ends_with_the_device(kernel: Kernel) -> None:
    netlink.apply(WANTED, NAMES)
    kernel.calls.clear()
    netlink.remove(NAMES)
    assert order(kernel.calls) == ["rule del", "route del", "link del"]
    assert (kernel.rules, kernel.routes) == ([], [])
    kernel.calls.clear()
    netlink.remove(NAMES)
    assert kernel.calls == []


@pytest.mark.parametrize("number", [errno.ENOENT, errno.ESRCH, errno.ENODEV])
def test_what_somebody_else_removed_meanwhile_is_removed(kernel: Kernel, number: int) -> None:
    netlink.apply(WANTED, NAMES)
    kernel.refuse["rule del"] = OSError(number, "")
    netlink.remove(NAMES)
    assert kernel.routes == []


def test_without_the_device_nothing_is_steered(kernel: Kernel) -> None:
    kernel.links = [each for each in LINKS if each["index"] != TUN]
    with pytest.raises(HostError, match="gatewright0 does not exist"):
        netlink.apply(WANTED, NAMES)
    assert kernel.calls == []


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (NetlinkError(errno.EPERM), "CAP_NET_ADMIN"),
        (OSError(errno.EPERM, "Operation not permitted"), "CAP_NET_ADMIN"),
        (OSError(errno.EOPNOTSUPP, ""), "CONFIG_IP_MULTIPLE_TABLES"),
        (OSError(errno.EINVAL, "odd"), "the kernel says: odd."),
    ],
)
def test_what_the_kernel_refuses_is_explained(kernel: Kernel, error: Exception, words: str) -> None:
    kernel.refuse["rule add"] = error
    with pytest.raises(HostError, match="Steering packets into the tunnel failed") as caught:
        netlink.apply(WANTED, NAMES)
    assert words in str(caught.value)


def test_addresses_that_can_be_endpoints(kernel: Kernel) -> None:
    kernel.addresses = [
        {"index": 1, "local": "127.0.0.1"},
        {"index": 2, "local": "203.0.113.1", "address": "203.0.113.255"},
        {"index": 2, "address": "2001:db8::1"},
        {"index": 2, "address": "fe80::1"},
        {"index": 3, "local": "198.51.100.7", "address": "198.51.100.1"},
        {"index": TUN, "local": "10.0.0.1"},
        {"index": 2},
    ]
    assert netlink.local_addresses(NAMES) == [
        LocalAddress(ip_address("203.0.113.1"), "wan"),
        LocalAddress(ip_address("2001:db8::1"), "wan"),
        LocalAddress(ip_address("198.51.100.7"), "ppp0", dial_up=True),
    ]


def test_interfaces_that_traffic_of_others_can_take(kernel: Kernel) -> None:
    del kernel
    assert netlink.interfaces(NAMES) == {"wan", "ppp0"}


def test_both_versions_and_every_field_are_in_the_plan_under_test() -> None:
    assert {each.version for each in WANTED.rules} == {4, 6}
    assert {each.kind for each in WANTED.routes} == set(RouteKind)
    for field in ("source", "destination", "protocol", "destination_ports", "mark"):
        assert any(getattr(each, field) for each in WANTED.rules), field
