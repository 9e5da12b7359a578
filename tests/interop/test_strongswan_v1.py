"""What only time brings in IKEv1, against a stock strongSwan: renewals by either side, and death.

strongSwan renews a main mode SA by a new one, and takes the children over (reauthentication).
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from gatewright.lab.policies import TUNNEL
from gatewright.lab.traffic import SteadyPings, ping
from tests.interop.algorithms import IKEV1, Suite
from tests.interop.test_strongswan import Site, site
from tests.support.running import assert_joined, tunnel_down

pytestmark = [pytest.mark.netns, pytest.mark.strongswan]

__all__ = ["site"]

MODERN = IKEV1[3]


def with_settings(**settings: str) -> Suite:
    return replace(MODERN, settings={**MODERN.settings, **settings})


@pytest.mark.parametrize("what", ["child", "ike"])
def test_the_peer_renews_under_traffic_and_nothing_is_lost(site: Site, what: str) -> None:
    site.configure(MODERN)
    assert site.ours.up(TUNNEL).result == "up"
    with SteadyPings(site.world.host_a, site.world.ipv4.b.host) as pings:
        assert pings.wait_answered(10, timeout=10)
        before = site.theirs.identifiers(what)
        site.theirs.rekey(what)
        site.theirs.wait(lambda: bool(site.theirs.identifiers(what) - before), "renewed")
        assert pings.wait_answered(60, timeout=20)
        pings.finish()
    assert pings.answered == pings.sent


@pytest.mark.parametrize(
    ("what", "lifetimes"), [("child", "{ike: 1h, esp: 8s}"), ("ike", "{ike: 8s, esp: 1h}")]
)
def test_we_renew_under_traffic_and_nothing_is_lost(site: Site, what: str, lifetimes: str) -> None:
    site.configure(with_settings(lifetimes=lifetimes))
    assert site.ours.up(TUNNEL).result == "up"
    with SteadyPings(site.world.host_a, site.world.ipv4.b.host) as pings:
        assert pings.wait_answered(10, timeout=10)
        before = site.theirs.identifiers(what)
        site.theirs.wait(lambda: bool(site.theirs.identifiers(what) - before), "renewed", 12)
        site.theirs.wait(lambda: not site.theirs.identifiers(what) & before, "rid of the old", 12)
        assert pings.wait_answered(60, timeout=20)
        pings.finish()
    assert pings.answered == pings.sent
    assert_joined(site.world, site.ours, site.world.ipv4)


def test_a_dead_peer_is_noticed_and_the_tunnel_comes_back_with_it(site: Site) -> None:
    site.configure(with_settings(dpd="{delay: 1s, timeout: 4s}"))
    assert site.ours.up(TUNNEL).result == "up"
    site.theirs.kill()
    site.ours.wait_status(tunnel_down, "down", 15)
    site.theirs.start()
    site.theirs.wait_ready()
    site.configure(MODERN)
    assert ping(site.world.host_a, site.world.ipv4.b.host, 1, timeout=10).all_answered


def test_liveness_questions_are_answered_both_ways(site: Site) -> None:
    suite = with_settings(dpd="{delay: 1s, timeout: 6s}")
    site.configure(suite)
    assert site.ours.up(TUNNEL).result == "up"
    log = site.theirs.log.stat().st_size

    def asked_and_answered() -> bool:
        said = site.theirs.log.read_text()[log:]
        return said.count("N(DPD)") >= 2 and said.count("N(DPD_ACK)") >= 2

    site.theirs.wait(asked_and_answered, "asked", 10)
    assert_joined(site.world, site.ours, site.world.ipv4)
