"""What the kernel's engine leaves on its machine, and what it leaves alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from gatewright.control.models import Status
from gatewright.lab.gateway import Gateway
from gatewright.lab.guest_gateway import GuestGateway
from gatewright.lab.policies import SECRET, TUNNEL, TunnelText
from gatewright.lab.traffic import ping
from gatewright.lab.world import World
from tests.support.running import KEY, assert_joined, associations, gatewright

pytestmark = [pytest.mark.netns, pytest.mark.uml]

# Of somebody else: a policy that blocks, one that protects, and its SA.
OTHERS = (
    "xfrm policy add src 198.51.100.0/24 dst 198.51.101.0/24 dir out action block priority 7",
    "xfrm policy add src 198.51.102.0/24 dst 198.51.103.0/24 dir in"
    " tmpl src 198.51.100.1 dst 198.51.100.2 proto esp reqid 12 mode tunnel",
    "xfrm state add src 198.51.100.1 dst 198.51.100.2 proto esp spi 0x1234 reqid 12 mode tunnel"
    " aead rfc4106(gcm(aes)) 0x000102030405060708090a0b0c0d0e0f10111213 128",
)
LIST_POLICIES = ["ip", "xfrm", "policy", "list", "nosock"]
OTHERS_GO = (
    "xfrm policy delete src 198.51.100.0/24 dst 198.51.101.0/24 dir out",
    "xfrm policy delete src 198.51.102.0/24 dst 198.51.103.0/24 dir in",
    "xfrm state delete src 198.51.100.1 dst 198.51.100.2 proto esp spi 0x1234",
)


@dataclass(frozen=True, slots=True)
class Site:
    """Both gateways, with a tunnel assigned, and what was on gateway A's machine before."""

    world: World
    a: Gateway
    before: tuple[list[str], list[str]]

    def now(self) -> tuple[list[str], list[str]]:
        return xfrm(self.world), machine(self.world)


@pytest.fixture(scope="module")
def site(new_world: Callable[..., World]) -> Site:
    world = new_world()
    world.gateway_a.ip(*OTHERS)
    world.at_end(lambda: world.gateway_a.ip(*OTHERS_GO))
    before = xfrm(world), machine(world)
    a, b = gatewright(world, "A"), gatewright(world, "B")
    for each in (a, b):
        each.start()
    for each in (a, b):
        each.wait_ready()
    return Site(world, a, before)


def inbound(status: Status) -> set[str]:
    """The SPIs of the child SAs."""
    return {sa.spi_in for each in status.tunnels for child in each.children for sa in child.sas}


def xfrm(world: World) -> list[str]:
    """Every policy and SA; no policies of sockets, which come and go with any IKE daemon."""
    run = world.gateway_a.run
    policies = run(LIST_POLICIES)
    return [*policies.splitlines(), *run(["ip", "xfrm", "state"]).splitlines()]


def machine(world: World) -> list[str]:
    """All that a gateway changes on its machine, without what counts.

    Not the kernel's own routes, nor the state of links: after a boot they come when it suits them.
    """
    run = world.gateway_a.run
    links = [line.split()[0] for line in run(["ip", "-br", "link"]).splitlines()]
    shown = [run(["ip", "rule"]), run(["ip", "-6", "rule"]), run(["nft", "-s", "list", "ruleset"])]
    routes = [run(["ip", version, "route", "show", "table", "all"]) for version in ("-4", "-6")]
    lines = "\n".join([*shown, *routes]).splitlines()
    kept = (line.split(" expires ")[0].strip() for line in lines if " proto kernel " not in line)
    return sorted([*links, *kept])


def test_taken_back_nothing_is_left_and_others_have_what_they_had(site: Site) -> None:
    assert site.a.up(TUNNEL).result == "up"
    assert_joined(site.world, site.a, site.world.ipv4)
    assert set(site.before[0]) < set(xfrm(site.world))
    site.a.unassign()
    assert site.now() == site.before


def test_the_engine_is_changed_by_the_policy(site: Site) -> None:
    policy = str(TunnelText(site.world.ipv4.a, site.world.ipv4.b))
    for engine, kind in (("user-space", "engine"), ("kernel", "kernel")):
        site.a.engine = engine
        site.a.write(policy, {SECRET: KEY})
        site.a.assign()
        first = ping(site.world.host_a, site.world.ipv4.b.host, timeout=10)
        assert first.all_answered, site.a.tail()
        assert_joined(site.world, site.a, site.world.ipv4)
        status = site.a.status()
        assert status.data_plane is not None
        assert status.data_plane.kind == kind
        assert (xfrm(site.world) == site.before[0]) == (engine == "user-space")
    site.a.unassign()
    assert site.now() == site.before


def test_what_somebody_flushed_comes_back(site: Site) -> None:
    world = site.world
    site.a.assign()
    assert site.a.up(TUNNEL).result == "up"
    policies = world.gateway_a.run(LIST_POLICIES)
    world.gateway_a.ip("xfrm policy flush", OTHERS[0], OTHERS[1])
    site.a.wait_status(lambda _: len(world.gateway_a.run(LIST_POLICIES)) == len(policies), "whole")
    assert ping(world.host_a, world.ipv4.b.host, timeout=10).all_answered, site.a.tail()
    spi_in = associations(site.a.status()).child.spi_in
    world.gateway_a.ip("xfrm state flush", OTHERS[2])
    site.a.wait_status(lambda status: spi_in not in inbound(status), "rid of what is gone")
    assert ping(world.host_a, world.ipv4.b.host, timeout=10).all_answered, site.a.tail()
    assert_joined(world, site.a, world.ipv4)
    site.a.unassign()


def test_killed_it_leaves_the_policies_and_offline_they_are_taken_back(site: Site) -> None:
    site.a.assign()
    policies = site.world.gateway_a.run(LIST_POLICIES)
    site.a.kill()
    assert site.world.gateway_a.run(LIST_POLICIES) == policies
    assert ping(site.world.host_a, site.world.ipv4.b.host, timeout=0.3).answered == 0
    assert isinstance(site.a, GuestGateway)
    site.a.command_inside("unassign", "--offline", "--state-dir", str(site.a.directory / "state"))
    assert site.now() == site.before
