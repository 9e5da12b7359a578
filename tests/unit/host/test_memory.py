"""The double says no where it is told to, and keeps its counters as nftables does."""

from __future__ import annotations

from ipaddress import ip_address

import pytest

from gatewright.host.memory import MemoryHost
from gatewright.host.names import HostError
from gatewright.host.steering import LocalAddress
from tests.support.policies import entry, policy

A, B = "192.168.10.0/24", "10.20.0.0/24"
ONE = policy(entry(1, A, B))
TWO = policy(entry(1, A, B), entry(2, A, "10.21.0.0/24"))


def host() -> MemoryHost:
    inside = LocalAddress(ip_address("192.168.10.1"), "lan")
    return MemoryHost([LocalAddress(ip_address("203.0.113.1"), "wan"), inside])


def test_guards_stand_from_their_installation_to_their_removal() -> None:
    made = host()
    assert not made.guarded()
    made.install_guards(ONE)
    assert made.guarded()
    assert made.guards_stand(ONE)
    assert not made.guards_stand(TWO)
    made.steer(ONE)
    made.remove()
    assert (made.guarded(), made.plan, made.guard_counters()) == (False, None, {})
    assert made.calls == ["guards", "steer", "remove"]


def test_counters_of_entries_that_stay_go_on() -> None:
    made = host()
    made.install_guards(ONE)
    made.counters["protect_out_1"] = 3
    made.install_guards(TWO)
    counted = made.guard_counters()
    assert (counted["protect_out_1"], counted["protect_out_2"]) == (3, 0)
    made.install_guards(policy(entry(2, A, "10.21.0.0/24")))
    assert "protect_out_1" not in made.guard_counters()


@pytest.mark.parametrize("step", ["guards", "steer", "remove"])
def test_what_is_refused_is_not_done(step: str) -> None:
    made = host()
    made.refuse[step] = "not now"
    calls = {
        "guards": lambda: made.install_guards(ONE),
        "steer": lambda: made.steer(ONE),
        "remove": made.remove,
    }
    with pytest.raises(HostError, match="not now"):
        calls[step]()
    assert made.calls == []


def test_forwarding_is_said_until_it_is_on() -> None:
    made = host()
    made.forwards = False
    assert list(made.forwarding(ONE, enable=False)) == ["IPv4 forwarding is off."]
    assert list(made.forwarding(ONE, enable=True)) == ["IPv4 forwarding is now on."]
    assert list(made.forwarding(ONE, enable=True)) == []
