"""We rekey, a stock strongSwan answers, and no packet is lost on the way."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from gatewright.control.models import Status
from gatewright.lab.policies import SECRET, TUNNEL
from gatewright.lab.traffic import SteadyPings
from gatewright.lab.world import World
from tests.interop.algorithms import Suite
from tests.support.running import (
    KEY,
    assert_joined,
    gatewright,
    peer_tunnel,
    strongswan_b,
)

pytestmark = [pytest.mark.netns, pytest.mark.strongswan]


def short_lived(esp: str, peer_esp: str) -> Suite:
    algorithms = f"{{ike: [aes-128-gcm / prf-hmac-sha256 / x25519], esp: [{esp}]}}"
    settings = {
        "ike_version": "2",
        "lifetimes": "{ike: 5s, esp: 2s}",
        "algorithms": algorithms,
    }
    return Suite(esp, 2, settings, "aes128gcm16-prfsha256-x25519", peer_esp, "AES_GCM_16")


class Seen:
    """The SAs that came by."""

    def __init__(self) -> None:
        self.ike: set[str] = set()
        self.child: set[str] = set()

    def enough(self, status: Status) -> bool:
        for tunnel in status.tunnels:
            self.ike.update(sa.spi_i for sa in tunnel.ike_sas)
            self.child.update(str(sa.spi_in) for each in tunnel.children for sa in each.sas)
        return len(self.ike) >= 3 and len(self.child) >= 5


@pytest.mark.usefixtures("strongswan")
@pytest.mark.parametrize(
    "suite",
    [
        short_lived("aes-128-gcm", "aes128gcm16"),
        short_lived("aes-128-gcm / x25519", "aes128gcm16-x25519"),
    ],
    ids=["without PFS", "with PFS"],
)
def test_lifetimes_end_and_nothing_is_lost(new_world: Callable[..., World], suite: Suite) -> None:
    world = new_world()
    ours, theirs = gatewright(world, policy=suite.policy(world.ipv4)), strongswan_b(world)
    ours.start()
    theirs.start()
    ours.wait_ready()
    theirs.wait_ready()
    ours.write(suite.policy(world.ipv4), {SECRET: KEY})
    ours.assign()
    theirs.load(peer_tunnel(world.ipv4, suite.version, suite.ike, suite.esp))
    assert ours.up(TUNNEL).result == "up"

    seen = Seen()
    with SteadyPings(world.host_a, world.ipv4.b.host) as pings:
        ours.wait_status(seen.enough, "enough rekeys", timeout=30)
        pings.finish()
    assert pings.answered == pings.sent
    assert_joined(world, ours, world.ipv4)
