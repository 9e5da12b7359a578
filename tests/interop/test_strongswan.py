"""Gatewright against a stock strongSwan (user-space ESP), both versions, both roles."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import pytest

from gatewright.lab.gateway import Gateway
from gatewright.lab.packets import Kind
from gatewright.lab.policies import SECRET, TUNNEL
from gatewright.lab.strongswan import StrongSwan
from gatewright.lab.traffic import Pinger, SteadyPings, ping, transfer
from gatewright.lab.world import World
from tests.interop.algorithms import IKEV1, IKEV2, Suite
from tests.support.running import (
    KEY,
    assert_joined,
    assert_protected,
    gatewright,
    peer_tunnel,
    strongswan_b,
    tunnel_down,
    tunnel_up,
)

pytestmark = [pytest.mark.netns, pytest.mark.strongswan]


@dataclass(frozen=True, slots=True)
class Site:
    """Gatewright at A, strongSwan at B, both running; each test assigns and loads anew."""

    world: World
    ours: Gateway
    theirs: StrongSwan

    def configure(self, suite: Suite) -> None:
        """The suite at both ends, with nothing left of the one before."""
        self.ours.unassign()
        self.theirs.forget()
        self.ours.write(suite.policy(self.world.ipv4), {SECRET: KEY})
        self.ours.assign()
        self.theirs.load(peer_tunnel(self.world.ipv4, suite.version, suite.ike, suite.esp))


@pytest.fixture(scope="module")
def site(new_world: Callable[..., World], strongswan: None) -> Site:  # noqa: ARG001
    world = new_world()
    ours, theirs = gatewright(world), strongswan_b(world)
    ours.start()
    theirs.start()
    ours.wait_ready()
    theirs.wait_ready()
    return Site(world, ours, theirs)


def assert_agreed(site: Site, suite: Suite) -> None:
    joined = assert_joined(site.world, site.ours, site.world.ipv4)
    assert joined.ike.version == suite.version
    (child,) = site.theirs.children()
    assert child["encr-alg"] == suite.cipher
    assert joined.child.spi_in == child["spi-out"]
    assert joined.child.spi_out == child["spi-in"]
    assert joined.child.packets_out == int(str(child["packets-in"]))
    assert joined.child.packets_in == int(str(child["packets-out"]))


@pytest.mark.parametrize("suite", [*IKEV2, *IKEV1], ids=lambda s: f"ikev{s.version}-{s}")
def test_gatewright_initiates_and_the_first_ping_is_answered(site: Site, suite: Suite) -> None:
    site.configure(suite)
    with site.world.capture() as capture:
        first = ping(site.world.host_a, site.world.ipv4.b.host, 1, timeout=10)
        assert first.all_answered, site.ours.tail()
        assert_agreed(site, suite)
    assert_protected(capture.tally, Kind.UDP_ESP, encrypted=suite.encrypts)


@pytest.mark.parametrize("suite", [*IKEV2, *IKEV1], ids=lambda s: f"ikev{s.version}-{s}")
def test_gatewright_responds(site: Site, suite: Suite) -> None:
    site.configure(suite)
    with site.world.capture() as capture:
        site.theirs.initiate()
        site.ours.wait_status(tunnel_up, "up")
        assert_agreed(site, suite)
    assert_protected(capture.tally, Kind.UDP_ESP, encrypted=suite.encrypts)


@pytest.mark.parametrize("suite", [IKEV2[0], IKEV1[0]], ids=lambda s: f"ikev{s.version}")
def test_the_peer_deletes_and_traffic_brings_the_tunnel_back(site: Site, suite: Suite) -> None:
    site.configure(suite)
    assert site.ours.up(TUNNEL).result == "up"
    site.theirs.terminate()
    site.ours.wait_status(tunnel_down, "down")
    assert ping(site.world.host_a, site.world.ipv4.b.host, 1, timeout=10).all_answered
    assert_agreed(site, suite)


@pytest.mark.parametrize("suite", [IKEV2[0], IKEV1[0]], ids=lambda s: f"ikev{s.version}")
def test_down_deletes_the_associations_at_the_peer(site: Site, suite: Suite) -> None:
    site.configure(suite)
    assert site.ours.up(TUNNEL).result == "up"
    assert site.ours.down(TUNNEL).result == "down"
    site.theirs.wait_gone()
    assert tunnel_down(site.ours.status())


@pytest.mark.parametrize("what", ["child", "ike"])
def test_the_peer_rekeys_under_traffic_and_nothing_is_lost(site: Site, what: str) -> None:
    site.configure(IKEV2[0])
    assert site.ours.up(TUNNEL).result == "up"
    with SteadyPings(site.world.host_a, site.world.ipv4.b.host) as pings:
        assert pings.wait_answered(10, timeout=10)
        before = site.theirs.identifiers(what)
        site.theirs.rekey(what)
        site.theirs.wait(lambda: site.theirs.identifiers(what).isdisjoint(before), "rekeyed")
        assert pings.wait_answered(20, timeout=10)
        pings.finish()
    assert pings.answered == pings.sent
    assert_joined(site.world, site.ours, site.world.ipv4)


def test_a_tcp_transfer_passes_whole_and_protected(site: Site) -> None:
    site.configure(IKEV2[0])
    assert site.ours.up(TUNNEL).result == "up"
    with site.world.capture(unprotected_only=True) as capture:
        result = transfer(site.world.host_a, site.world.host_b, site.world.ipv4.b.host, seconds=0.5)
        back = transfer(site.world.host_b, site.world.host_a, site.world.ipv4.a.host, seconds=0.5)
    assert result.octets > 1_000_000
    assert back.octets > 1_000_000
    assert capture.tally.sealed, capture.tally.complaint


@pytest.mark.parametrize("payload", [1400, 1472, 3000, 20000])
def test_large_and_fragmented_packets_pass(site: Site, payload: int) -> None:
    site.configure(IKEV2[0])
    result = ping(site.world.host_a, site.world.ipv4.b.host, 2, timeout=10, payload=payload)
    assert result.all_answered, site.ours.tail()


@pytest.mark.parametrize("suite", [IKEV2[0], IKEV1[3]], ids=lambda s: f"ikev{s.version}")
def test_a_wrong_key_is_told_and_nothing_passes(site: Site, suite: Suite) -> None:
    site.configure(suite)
    site.ours.write(suite.policy(site.world.ipv4), {SECRET: "another key than the peer's"})
    with site.world.capture() as capture:
        result = site.ours.up(TUNNEL)
        assert result.result == "failed"
        assert ping(site.world.host_a, site.world.ipv4.b.host, 1, timeout=0.5).answered == 0
    assert result.failure is not None
    assert "key" in result.failure.explanation
    assert capture.tally.sealed, capture.tally.complaint
    site.ours.write(suite.policy(site.world.ipv4), {SECRET: KEY})
    assert ping(site.world.host_a, site.world.ipv4.b.host, 1, timeout=10).all_answered


@pytest.mark.parametrize("suite", [IKEV2[0], IKEV1[3]], ids=lambda s: f"ikev{s.version}")
def test_nothing_in_common_is_told_with_both_sides_wishes(site: Site, suite: Suite) -> None:
    site.configure(suite)
    tunnel = peer_tunnel(site.world.ipv4, suite.version, "aes192-sha384-modp4096", suite.esp)
    site.theirs.load(tunnel)
    result = site.ours.up(TUNNEL)
    assert result.result == "failed"
    assert result.failure is not None
    assert "NO_PROPOSAL_CHOSEN" in result.failure.notify
    assert ping(site.world.host_a, site.world.ipv4.b.host, 1, timeout=0.5).answered == 0


@pytest.mark.parametrize("suite", [IKEV2[0], IKEV1[0]], ids=lambda s: f"ikev{s.version}")
def test_gatewright_rekeys_by_volume_and_nothing_is_lost(site: Site, suite: Suite) -> None:
    lifetimes = {**suite.settings, "lifetimes": "{esp_kilobytes: 1024}"}
    site.configure(replace(suite, settings=lifetimes))
    assert site.ours.up(TUNNEL).result == "up"
    with SteadyPings(site.world.host_a, site.world.ipv4.b.host) as pings:
        before = site.theirs.identifiers("child")
        with Pinger(site.world.host_a, site.world.ipv4.b.host) as large:
            for _ in range(1100):
                large.send(payload=1000)
                assert large.receive(timeout=10) is not None
        site.theirs.wait(lambda: site.theirs.identifiers("child").isdisjoint(before), "rekeyed")
        pings.finish()
    assert pings.answered == pings.sent
    assert_joined(site.world, site.ours, site.world.ipv4)
