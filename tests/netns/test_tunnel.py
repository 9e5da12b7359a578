"""Gatewright to Gatewright: IPv4, IPv6, through a NAT; life and death of a tunnel."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from gatewright.lab.gateway import Gateway
from gatewright.lab.packets import Kind
from gatewright.lab.policies import SECRET, TUNNEL, TunnelText, article_policy
from gatewright.lab.traffic import SteadyPings, ping, transfer
from gatewright.lab.world import IPV4, Sides, World
from tests.support.running import (
    KEY,
    assert_joined,
    assert_protected,
    gatewright,
    tunnel_down,
    tunnel_up,
)

pytestmark = pytest.mark.netns


class Pair:
    """Two Gatewrights; ``assign`` gives both the same tunnel, each from its side."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.a, self.b = gatewright(world, "A"), gatewright(world, "B")
        for gateway in (self.a, self.b):
            gateway.start()
        for gateway in (self.a, self.b):
            gateway.wait_ready()

    def assign(self, tunnel: TunnelText) -> None:
        self._put(self.a, str(tunnel))
        self._put(self.b, str(tunnel.mirrored()))

    def assign_article(self, sides: Sides) -> None:
        self._put(self.a, article_policy(sides.a, sides.b))
        self._put(self.b, article_policy(sides.b, sides.a))

    def _put(self, gateway: Gateway, policy: str) -> None:
        gateway.unassign()
        gateway.write(policy, {SECRET: KEY})
        gateway.assign()


@pytest.fixture(scope="module")
def pair(new_world: Callable[..., World]) -> Pair:
    return Pair(new_world())


@pytest.mark.parametrize("version", [1, 2])
def test_ipv4(pair: Pair, version: int) -> None:
    sides = pair.world.ipv4
    pair.assign(TunnelText(sides.a, sides.b, settings={"ike_version": str(version)}))
    with pair.world.capture() as capture:
        assert ping(pair.world.host_a, sides.b.host, 1, timeout=10).all_answered, pair.a.tail()
        assert_joined(pair.world, pair.a, sides)
    assert_protected(capture.tally, Kind.ESP)


@pytest.mark.parametrize("version", [1, 2])
def test_ipv6(pair: Pair, version: int) -> None:
    sides = pair.world.ipv6
    pair.assign(TunnelText(sides.a, sides.b, settings={"ike_version": str(version)}))
    with pair.world.capture() as capture:
        assert ping(pair.world.host_a, sides.b.host, 1, timeout=10).all_answered, pair.a.tail()
        assert_joined(pair.world, pair.a, sides)
    assert_protected(capture.tally, Kind.ESP)


def test_ipv6_networks_through_an_ipv4_tunnel(pair: Pair) -> None:
    outer, inner = pair.world.ipv4, pair.world.ipv6
    tunnel = TunnelText(
        outer.a, outer.b, networks=[inner.a.network], remote_networks=[inner.b.network]
    )
    pair.assign(tunnel)
    with pair.world.capture() as capture:
        assert ping(pair.world.host_a, inner.b.host, 1, timeout=10).all_answered, pair.a.tail()
        assert_joined(pair.world, pair.a, inner)
    assert_protected(capture.tally, Kind.ESP)


def test_the_articles_long_form(pair: Pair) -> None:
    sides = pair.world.ipv4
    pair.assign_article(sides)
    with pair.world.capture() as capture:
        assert ping(pair.world.host_a, sides.b.host, 1, timeout=10).all_answered, pair.a.tail()
        joined = assert_joined(pair.world, pair.a, sides)
    assert_protected(capture.tally, Kind.ESP)
    assert joined.ike.version == 1
    assert "des-cbc" in joined.child.algorithms


def test_both_sides_start_at_once(pair: Pair) -> None:
    sides = pair.world.ipv4
    pair.assign(TunnelText(sides.a, sides.b))
    with (
        SteadyPings(pair.world.host_a, sides.b.host) as there,
        SteadyPings(pair.world.host_b, sides.a.host) as back,
    ):
        assert there.wait_answered(20, timeout=20)
        assert back.wait_answered(20, timeout=20)
        there.finish()
        back.finish()
    assert there.answered == there.sent
    assert back.answered == back.sent


def test_reassigning_leaves_an_unchanged_tunnel_alone(pair: Pair) -> None:
    sides = pair.world.ipv4
    tunnel = TunnelText(sides.a, sides.b)
    pair.assign(tunnel)
    assert pair.a.up(TUNNEL).result == "up"
    before = pair.a.status().tunnels[0].ike_sas
    other = replace(
        tunnel,
        name="another office",
        remote=replace(sides.b, external="203.0.113.77", network="10.77.0.0/24"),
    )
    text = str(tunnel) + str(other).removeprefix("tunnels:\n")
    pair.a.write(text, {SECRET: KEY})
    pair.a.assign()
    status = pair.a.status()
    assert {each.name for each in status.tunnels} == {TUNNEL, "another office"}
    kept = next(each for each in status.tunnels if each.name == TUNNEL)
    assert [sa.spi_i for sa in kept.ike_sas] == [sa.spi_i for sa in before]
    assert ping(pair.world.host_a, sides.b.host, 2).all_answered


def test_a_peer_that_was_killed_takes_the_tunnel_up_again(pair: Pair) -> None:
    sides = pair.world.ipv4
    pair.assign(TunnelText(sides.a, sides.b))
    assert pair.a.up(TUNNEL).result == "up"
    pair.b.kill()
    pair.b.start(policy=False)
    pair.b.wait_ready()
    # It knows nothing of the old SAs and says so (INITIAL_CONTACT): ours are replaced.
    assert ping(pair.world.host_b, sides.a.host, 1, timeout=10).all_answered, pair.b.tail()
    assert_joined(pair.world, pair.a, sides)


def test_a_transfer_both_ways(pair: Pair) -> None:
    sides = pair.world.ipv4
    pair.assign(TunnelText(sides.a, sides.b))
    with pair.world.capture(unprotected_only=True) as capture:
        assert transfer(pair.world.host_a, pair.world.host_b, sides.b.host, 0.5).octets > 1_000_000
        assert transfer(pair.world.host_b, pair.world.host_a, sides.a.host, 0.5).octets > 1_000_000
    assert capture.tally.sealed, capture.tally.complaint


def test_down_is_seen_at_both_ends(pair: Pair) -> None:
    sides = pair.world.ipv4
    pair.assign(TunnelText(sides.a, sides.b))
    assert pair.a.up(TUNNEL).result == "up"
    pair.b.wait_status(tunnel_up, "up")
    assert pair.a.down(TUNNEL).result == "down"
    pair.b.wait_status(tunnel_down, "down")


@pytest.mark.parametrize("version", [1, 2])
def test_through_a_nat(new_world: Callable[..., World], version: int) -> None:
    world = new_world(nat=True)
    pair = Pair(world)
    inside = world.ipv4.a
    settings = {"ike_version": str(version)}
    # What gateway B sees is the router's address; who it talks to says its identity.
    ours = TunnelText(
        inside, world.ipv4.b, local_identity="fqdn:office-a.example", settings=settings
    )
    theirs = replace(ours.mirrored(), remote=replace(inside, external=IPV4.a.external))
    pair.a.write(str(ours), {SECRET: KEY})
    pair.b.write(str(theirs), {SECRET: KEY})
    for gateway in (pair.a, pair.b):
        gateway.assign()
    with world.capture() as capture:
        assert ping(world.host_a, world.ipv4.b.host, 1, timeout=10).all_answered, pair.a.tail()
        joined = assert_joined(world, pair.a, world.ipv4)
    assert_protected(capture.tally, Kind.UDP_ESP)
    assert joined.ike.nat != "none"
