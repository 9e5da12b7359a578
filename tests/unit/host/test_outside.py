from __future__ import annotations

from ipaddress import ip_address

import pytest

from gatewright.host.outside import external_interfaces
from gatewright.host.steering import LocalAddress
from tests.support.policies import entry, policy

ENTRY = entry(1, "192.168.10.0/24", "10.20.0.0/24")
WAN = LocalAddress(ip_address("203.0.113.1"), "wan")
LAN = LocalAddress(ip_address("192.168.10.1"), "lan")


def test_the_interface_of_the_endpoint_is_external_unless_the_policy_names_one() -> None:
    assert external_interfaces(policy(ENTRY), [WAN, LAN], {"wan", "lan"}) == ("wan",)
    named = policy(ENTRY, internal="lan", external="ppp0")
    assert external_interfaces(named, [WAN, LAN], {"wan", "lan"}) == ("ppp0",)


def test_a_gateway_with_one_arm_has_none() -> None:
    assert external_interfaces(policy(ENTRY), [WAN], {"wan"}) == ()
    assert external_interfaces(policy(ENTRY, internal="wan"), [WAN], {"wan", "lan"}) == ()


@pytest.mark.parametrize("left", [[WAN], [LAN], []])
def test_an_address_that_went_does_not_make_an_interface_less_external(
    left: list[LocalAddress],
) -> None:
    found = external_interfaces(policy(ENTRY), left, {"wan", "lan"}, former=("wan",))
    assert found == ("wan",)
