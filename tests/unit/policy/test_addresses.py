"""Addresses of filters to ranges."""

from __future__ import annotations

from ipaddress import ip_address

from gatewright.policy.addresses import Surroundings, filter_selectors, versions_of
from gatewright.policy.model import AddressKind, AddressSpec, Filter, Ports
from tests.unit.policy.samples import addresses

ANY, ME = AddressSpec(AddressKind.ANY), AddressSpec(AddressKind.ME)
HOST = AddressSpec(AddressKind.RANGE, ip_address("10.0.0.1"), ip_address("10.0.0.1"))


def pairs(one: Filter, *local: str) -> list[str]:
    surroundings = Surroundings.of(addresses(*local), None)
    return [f"{a} > {b}" for a, b in filter_selectors(one, surroundings)]


def test_any_takes_the_version_of_the_other_side() -> None:
    assert pairs(Filter(HOST, ANY)) == ["10.0.0.1/32 > 0.0.0.0/0"]
    assert pairs(Filter(ANY, ANY)) == ["0.0.0.0/0 > 0.0.0.0/0", "::/0 > ::/0"]


def test_me_is_sorted_and_without_loopback_and_link_local() -> None:
    local = ("10.0.0.9", "10.0.0.2", "127.0.0.1", "169.254.1.1", "fe80::1", "10.0.0.2")
    assert pairs(Filter(ME, HOST), *local) == [
        "10.0.0.2/32 > 10.0.0.1/32",
        "10.0.0.9/32 > 10.0.0.1/32",
    ]


def test_protocol_and_ports_stand_on_both_sides() -> None:
    one = Filter(HOST, ANY, protocol=6, destination_ports=Ports(80, 90))
    assert pairs(one) == ["10.0.0.1/32 protocol 6 > 0.0.0.0/0 protocol 6 port 80-90"]


def test_versions() -> None:
    assert versions_of(HOST) == {4}
    assert versions_of(ANY) == {4, 6}
