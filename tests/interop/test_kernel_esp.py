"""Gatewright against a Linux kernel's ESP in IP protocol 50, strongSwan doing its IKE."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from gatewright.lab.gateway import Gateway
from gatewright.lab.packets import Kind
from gatewright.lab.policies import SECRET, TunnelText
from gatewright.lab.traffic import ping
from gatewright.lab.uml_peer import KernelGateway
from gatewright.lab.world import Sides, World
from tests.interop.algorithms import IKEV1, IKEV2, Suite
from tests.support.running import (
    KEY,
    assert_joined,
    assert_protected,
    gatewright,
    peer_tunnel,
    tunnel_up,
)

pytestmark = [pytest.mark.netns, pytest.mark.strongswan, pytest.mark.uml]


@dataclass(frozen=True, slots=True)
class Site:
    """Gatewright at A, the kernel at B, both running."""

    world: World
    ours: Gateway
    theirs: KernelGateway

    def configure(self, suite: Suite, sides: Sides, **settings: str) -> None:
        self.ours.unassign()
        self.theirs.forget()
        text = TunnelText(sides.a, sides.b, settings={**suite.settings, **settings})
        self.ours.write(str(text), {SECRET: KEY})
        self.ours.assign()
        tunnel = peer_tunnel(sides, suite.version, suite.ike, suite.esp, encapsulate=False)
        self.theirs.load(tunnel)


@pytest.fixture(scope="module")
def site(new_world: Callable[..., World], kernel_gateway: None) -> Site:  # noqa: ARG001
    world = new_world(peer_is_external=True)
    theirs = KernelGateway(world)
    world.at_end(theirs.stop)
    theirs.start()
    ours = gatewright(world)
    ours.start()
    ours.wait_ready()
    theirs.wait_ready()
    return Site(world, ours, theirs)


@pytest.mark.parametrize("suite", [*IKEV2, *IKEV1], ids=lambda s: f"ikev{s.version}-{s}")
def test_gatewright_initiates_plain_esp(site: Site, suite: Suite) -> None:
    site.configure(suite, site.world.ipv4)
    with site.world.capture() as capture:
        first = ping(site.world.host_a, site.world.ipv4.b.host, 1, timeout=10)
        assert first.all_answered, site.ours.tail()
        assert_joined(site.world, site.ours, site.world.ipv4)
    assert_protected(capture.tally, Kind.ESP, encrypted=suite.encrypts)
    (child,) = site.theirs.children()
    assert child["encr-alg"] == suite.cipher
    assert child.get("encap", "no") == "no"


@pytest.mark.parametrize("suite", [IKEV2[0], IKEV1[0]], ids=lambda s: f"ikev{s.version}")
def test_gatewright_responds_with_plain_esp(site: Site, suite: Suite) -> None:
    site.configure(suite, site.world.ipv4)
    with site.world.capture() as capture:
        site.theirs.initiate()
        site.ours.wait_status(tunnel_up, "up")
        assert_joined(site.world, site.ours, site.world.ipv4)
    assert_protected(capture.tally, Kind.ESP)


def test_ipv6_in_ipv6(site: Site) -> None:
    site.configure(IKEV2[0], site.world.ipv6)
    with site.world.capture() as capture:
        first = ping(site.world.host_a, site.world.ipv6.b.host, 1, timeout=10)
        assert first.all_answered, site.ours.tail()
        assert_joined(site.world, site.ours, site.world.ipv6)
    assert_protected(capture.tally, Kind.ESP)


def test_extended_sequence_numbers(site: Site) -> None:
    suite = IKEV2[1]
    site.configure(suite, site.world.ipv4, esn="yes")
    tunnel = peer_tunnel(site.world.ipv4, 2, suite.ike, f"{suite.esp}-esn", encapsulate=False)
    site.theirs.load(tunnel)
    assert ping(site.world.host_a, site.world.ipv4.b.host, 1, timeout=10).all_answered
    assert_joined(site.world, site.ours, site.world.ipv4)
    (child,) = site.theirs.children()
    assert child["esn"] == "1"
