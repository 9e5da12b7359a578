"""From assign to unassign nothing passes in clear, whatever happens to the gateways.

The Internet segment is captured from before the policy is assigned until after it is taken back,
with traffic both ways all the while.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address

import pytest
from scapy.layers.inet import ICMP, IP

from gatewright.lab.capture import Capture
from gatewright.lab.gateway import Gateway
from gatewright.lab.packets import Kind
from gatewright.lab.policies import TUNNEL
from gatewright.lab.traffic import SteadyPings, ping
from gatewright.lab.world import World
from tests.support.injection import Injector
from tests.support.running import gatewright, kept_out, tunnel_up

pytestmark = pytest.mark.netns

# It is there (ARP), and says nothing.
SILENCE = """
table inet silence {
  chain out {
    type filter hook postrouting priority 0;
    oifname "wan" drop
  }
}
"""


@dataclass(frozen=True, slots=True)
class Watched:
    """A world whose networks ping each other in clear, before any policy is assigned."""

    world: World
    a: Gateway
    b: Gateway
    there: SteadyPings
    back: SteadyPings

    def clear_until_assigned(self) -> None:
        """The traffic runs, and a capture does see it: else it would prove nothing later."""
        with self.world.capture("before") as before:
            assert self.there.wait_answered(3, timeout=10)
            assert before.wait_for(lambda tally: tally.counts[Kind.CLEAR] >= 6, timeout=10)

    def more_traffic(self, count: int = 20) -> None:
        """So many more pings have been sent, each way."""
        assert self.there.wait_sent(count, timeout=10)
        assert self.back.wait_sent(count, timeout=10)


@pytest.fixture
def watched(world: World) -> Iterator[Watched]:
    a, b = gatewright(world, "A"), gatewright(world, "B")
    sides = world.ipv4
    with (
        SteadyPings(world.host_a, sides.b.host) as there,
        SteadyPings(world.host_b, sides.a.host) as back,
    ):
        yield Watched(world, a, b, there, back)


def start(*gateways: Gateway, policy: bool = True) -> None:
    for gateway in gateways:
        gateway.start(policy=policy)
    for gateway in gateways:
        gateway.wait_ready()


def captured(world: World) -> Capture:
    capture = world.capture("assigned")
    capture.start()
    return capture


def test_while_the_peer_is_down_crashed_restarted_and_back(watched: Watched) -> None:
    watched.clear_until_assigned()
    world, a, b = watched.world, watched.a, watched.b
    start(a, b)
    capture = captured(world)

    assert watched.there.wait_answered(10, timeout=10)  # the tunnel is up
    b.stop()
    watched.more_traffic()  # the peer is down
    a.stop()
    watched.more_traffic()  # nobody is there
    start(a, policy=False)
    watched.more_traffic()  # negotiating with nobody
    a.kill()
    watched.more_traffic()  # as after a crash
    start(a, b, policy=False)
    assert watched.there.wait_answered(10, timeout=60), a.tail()
    assert watched.back.wait_answered(10, timeout=10)
    tally = capture.stop()
    assert tally.sealed, tally.complaint
    assert tally.protected > 0

    # Taken back, the networks reach each other in clear again: the world had not stopped leaking.
    a.unassign()
    b.unassign()
    with world.capture("after") as after:
        assert ping(world.host_a, world.ipv4.b.host, 3).all_answered
    assert after.tally.counts[Kind.CLEAR] >= 6


def test_before_the_first_association_while_nobody_answers(watched: Watched) -> None:
    watched.clear_until_assigned()
    watched.world.gateway_b.run(["nft", "-f", "-"], stdin=SILENCE)
    watched.world.at_end(lambda: watched.world.gateway_b.run(["nft", "flush", "ruleset"]))
    start(watched.a)
    capture = captured(watched.world)
    watched.more_traffic(50)
    tally = capture.stop()
    assert tally.sealed, tally.complaint
    assert tally.counts[Kind.ISAKMP] > 0
    blocked = {each.direction: each.packets for each in watched.a.status().guards}
    assert set(blocked) == {"in", "out"}


def test_reassigning_opens_no_gap(watched: Watched) -> None:
    watched.clear_until_assigned()
    start(watched.a, watched.b)
    capture = captured(watched.world)
    watched.a.wait_status(tunnel_up, "up")
    for lifetime in ("20m", "30m", "40m"):
        text = watched.a.policy.read_text().splitlines()
        kept = [line for line in text if "lifetimes" not in line]
        watched.a.policy.write_text("\n".join([*kept, f"    lifetimes: {{esp: {lifetime}}}", ""]))
        watched.a.assign()
        watched.more_traffic(10)
    assert watched.there.wait_answered(5, timeout=10)
    tally = capture.stop()
    assert tally.sealed, tally.complaint


@pytest.mark.parametrize("up", [True, False], ids=["tunnel up", "tunnel down"])
def test_what_arrives_in_clear_is_not_let_in(new_world: Callable[..., World], up: bool) -> None:
    world = new_world()
    a, b = gatewright(world, "A"), gatewright(world, "B")
    start(a, *((b,) if up else ()))
    if up:
        assert a.up(TUNNEL).result == "up"
    path = world.directory / "hostA.pcap"
    with Capture(world.host_a, "eth0", path, world.ipv4.protected) as seen:
        injector = Injector(world)
        for _ in range(10):
            injector.send(IP(src=world.ipv4.b.host, dst=world.ipv4.a.host) / ICMP())
            injector.send(IP(src=world.ipv4.internet, dst=world.ipv4.a.host) / ICMP())
        # The stranger's own packets are not protected traffic: they pass, and come last.
        assert seen.wait_for(lambda tally: tally.counts[Kind.CLEAR] >= 10, timeout=10)
    text = path.read_bytes()
    assert IPv4Address(world.ipv4.internet).packed in text
    assert IPv4Address(world.ipv4.b.host).packed not in text
    assert kept_out(a.status()) == 10
