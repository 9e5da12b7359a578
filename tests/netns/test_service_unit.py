"""The gateway does without what the systemd unit denies it."""

from __future__ import annotations

from pathlib import Path

import pytest

from gatewright.lab import privilege
from gatewright.lab.privilege import Privilege
from gatewright.lab.traffic import ping
from gatewright.lab.world import World
from tests.support import refusing
from tests.support.refusing import Refusal
from tests.support.running import gatewright

pytestmark = pytest.mark.netns

UNIT = Path(__file__).resolve().parents[2] / "packaging" / "systemd" / "gatewright.service"


def setting(name: str) -> list[str]:
    """The words of a setting of the unit."""
    (line,) = (each for each in UNIT.read_text().splitlines() if each.startswith(f"{name}="))
    return line.removeprefix(f"{name}=").split()


def as_the_unit_does() -> list[str]:
    """What to start the gateway with.

    Of the system calls that are not in @system-service (systemd.exec(5)) it makes bpf(2) alone.
    """
    kept = [f"+{each.removeprefix('CAP_').lower()}" for each in setting("CapabilityBoundingSet")]
    refusals = []
    if "AF_PACKET" not in setting("RestrictAddressFamilies"):
        refusals.append(refusing.PACKET_SOCKET)
    if "bpf" not in setting("SystemCallFilter"):
        refusals.append(Refusal("bpf", [], 0))
    return ["setpriv", f"--bounding-set=-all,{','.join(kept)}", *refusing.command(*refusals)]


def test_as_the_unit_confines_it_the_gateway_has_all_its_fast_paths(world: World) -> None:
    if privilege.acquire() is not Privilege.ROOT:
        pytest.skip("outside of root's namespaces nobody has the capabilities of a service")
    gateway, other = gatewright(world, "A"), gatewright(world, "B")
    gateway.under = as_the_unit_does()
    gateway.start("--forwarding", "--workers", "2")
    other.start()
    for each in (gateway, other):
        each.wait_ready()
    sides = world.ipv4
    assert ping(world.host_a, sides.b.host, 3, timeout=10).all_answered, gateway.tail()
    plane = gateway.status().data_plane
    assert plane is not None
    assert plane.features["steering"] == "by destination and peer"
    assert plane.features[f"esp {sides.a.external}"] == "direct through wan"
