"""What is asked of the kernel, and in which order; a table of messages stands for the kernel."""

from __future__ import annotations

import errno
from collections.abc import Mapping
from ipaddress import ip_address, ip_network
from typing import Any

import pytest
from pyroute2.netlink.exceptions import NetlinkError

from gatewright.host import netlink
from gatewright.host.names import ROUTE_PROTOCOL, HostError, HostNames
from gatewright.host.steering import LocalAddress, RouteKind, plan
from tests.support.policies import entry, policy, selector

NAMES = HostNames()
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
    """Stands for ``IPRoute``: keeps rules and routes as messages, and the order of changes."""

    def __init__(self) -> None:
        self.rules: list[dict[str, Any]] = []
        self.routes: list[dict[str, Any]] = []
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

    def get_rules(self, family: int) -> list[dict[str, Any]]:
        return [each for each in self.rules if each["family"] == family]

    def get_routes(self, family: int, table: int) -> list[dict[str, Any]]:
        return [each for each in self.routes if (each["family"], each["table"]) == (family, table)]

    def link(self, command: str, **arguments: object) -> None:
        self._change(f"link {command}")
        if command == "del":
            self.links = [each for each in self.links if each["index"] != arguments["index"]]

    def rule(self, command: str, **wanted: Any) -> None:
        self._change(f"rule {command}")
        named = {
            "FRA_PRIORITY": wanted["priority"],
            "FRA_TABLE": wanted["table"],
            "FRA_PROTOCOL": wanted["protocol"],
            "FRA_SRC": wanted.get("src"),
            "FRA_DST": wanted.get("dst"),
            "FRA_IP_PROTO": wanted.get("ip_proto"),
            "FRA_SPORT_RANGE": wanted.get("sport_range"),
            "FRA_DPORT_RANGE": wanted.get("dport_range"),
            "FRA_FWMARK": wanted.get("fwmark"),
            "FRA_IIFNAME": wanted.get("iifname"),
        }
        message = {
            "family": wanted["family"],
            "table": wanted["table"] if wanted["table"] < 256 else 252,
            "src_len": wanted.get("src_len", 0),
            "dst_len": wanted.get("dst_len", 0),
            "attrs": [(name, value) for name, value in named.items() if value is not None],
        }
        self._store(self.rules, command, message)

    def route(self, command: str, **wanted: Any) -> None:
        self._change(f"route {command}")
        network = ip_network(wanted["dst"])
        named = {
            "RTA_DST": str(network.network_address) if network.prefixlen else None,
            "RTA_PRIORITY": wanted["priority"],
            "RTA_OIF": wanted.get("oif"),
            "RTA_PREFSRC": wanted.get("prefsrc"),
        }
        message = {
            "family": wanted["family"],
            "table": wanted["table"],
            "proto": wanted["proto"],
            "type": 7 if wanted.get("type") == "unreachable" else 1,
            "dst_len": network.prefixlen,
            "attrs": [(name, value) for name, value in named.items() if value is not None],
        }
        self._store(self.routes, command, message)

    def _store(self, kept: list[dict[str, Any]], command: str, message: dict[str, Any]) -> None:
        if command != "del":
            kept.append(message)
        elif message in kept:
            kept.remove(message)
        else:
            raise NetlinkError(errno.ENOENT)

    def _change(self, call: str) -> None:
        if call in self.refuse:
            raise self.refuse[call]
        self.calls.append(call)


@pytest.fixture
def kernel(monkeypatch: pytest.MonkeyPatch) -> Kernel:
    double = Kernel()
    monkeypatch.setattr(netlink, "IPRoute", lambda: double)
    return double


def order(calls: list[str]) -> list[str]:
    return list(dict.fromkeys(calls))


def test_routes_come_before_the_rules_that_lead_to_them(kernel: Kernel) -> None:
    netlink.apply(WANTED, NAMES)
    assert order(kernel.calls) == ["link set", "route replace", "rule add"]
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
    assert order(kernel.calls) == ["link set", "route replace", "rule add", "rule del", "route del"]
    kernel.calls.clear()
    netlink.apply(other, NAMES)
    assert kernel.calls == ["link set"]


@pytest.mark.parametrize(
    "change",
    [{"FRA_PROTOCOL": 4}, {"FRA_PRIORITY": 100}, {"FRA_PRIORITY": 31000}],
)
def test_rules_of_others_stay(kernel: Kernel, change: dict[str, int]) -> None:
    netlink.apply(WANTED, NAMES)
    theirs = kernel.rules[0]
    theirs["attrs"] = list((dict(theirs["attrs"]) | change).items())
    netlink.remove(NAMES)
    assert kernel.rules == [theirs]


def test_routes_of_others_in_our_table_stay(kernel: Kernel) -> None:
    netlink.apply(WANTED, NAMES)
    theirs = kernel.routes[0]
    assert theirs["proto"] == ROUTE_PROTOCOL
    theirs["proto"] = 4
    netlink.remove(NAMES)
    assert kernel.routes == [theirs]


def test_what_others_made_is_not_taken_for_ours(kernel: Kernel) -> None:
    netlink.apply(WANTED, NAMES)
    rule, route = kernel.rules[0], kernel.routes[0]
    rule["attrs"] = list((dict(rule["attrs"]) | {"FRA_PROTOCOL": 4}).items())
    route["proto"] = 4
    kernel.calls.clear()
    netlink.apply(WANTED, NAMES)
    assert kernel.calls == ["link set", "route replace", "rule add"]


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
    kernel.refuse["rule del"] = NetlinkError(number)
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
        (NetlinkError(errno.EOPNOTSUPP), "CONFIG_IP_MULTIPLE_TABLES"),
        (NetlinkError(errno.EINVAL, "odd"), "the kernel says"),
        (OSError(errno.EMFILE, "Too many open files"), "Too many open files."),
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
