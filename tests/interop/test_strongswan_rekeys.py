"""We rekey, a stock strongSwan answers, and no packet is lost on the way."""

from __future__ import annotations

import pytest

from gatewright.control.models import Status
from gatewright.lab.policies import TUNNEL
from gatewright.lab.traffic import SteadyPings
from tests.interop.algorithms import Suite
from tests.interop.test_strongswan import Site, site
from tests.support.running import assert_joined

pytestmark = [pytest.mark.netns, pytest.mark.strongswan]

__all__ = ["site"]


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


@pytest.mark.parametrize(
    "suite",
    [
        short_lived("aes-128-gcm", "aes128gcm16"),
        short_lived("aes-128-gcm / x25519", "aes128gcm16-x25519"),
    ],
    ids=["without PFS", "with PFS"],
)
def test_lifetimes_end_and_nothing_is_lost(site: Site, suite: Suite) -> None:
    site.configure(suite)
    assert site.ours.up(TUNNEL).result == "up"
    seen = Seen()
    with SteadyPings(site.world.host_a, site.world.ipv4.b.host) as pings:
        site.ours.wait_status(seen.enough, "enough rekeys", timeout=30)
        pings.finish()
    assert pings.answered == pings.sent
    assert_joined(site.world, site.ours, site.world.ipv4)
