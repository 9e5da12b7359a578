"""tshark judges a capture of two running gateways with the keys that one of them exported."""

from __future__ import annotations

import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from gatewright.lab.policies import SECRET, TunnelText
from gatewright.lab.traffic import ping
from gatewright.lab.world import World
from tests.support.running import KEY, gatewright
from tests.support.tshark import Frame, examine

pytestmark = pytest.mark.netns

ESP = {"v1": "aes-128-cbc / hmac-sha256-128", "v2": "aes-256-gcm"}
IKE = {
    "v1": "aes-256-cbc / hmac-sha256-128 / modp-2048",
    "v2": "aes-128-cbc / hmac-sha256-128 / prf-hmac-sha256 / x25519",
}


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize("udp", [False, True], ids=["protocol-50", "udp"])
def test_another_implementation_reads_what_the_gateways_said(
    new_world: Callable[..., World], version: int, udp: bool
) -> None:
    frames = _negotiate_and_ping(new_world(), version, udp=udp)
    assert [frame for frame in frames if frame.complaints] == []
    exchanges = [frame.ike for frame in frames if frame.ike is not None]
    assert {each.version for each in exchanges} == {version}
    assert all(each.decrypted for each in exchanges if each.encrypted)
    inside = [frame.esp for frame in frames if frame.esp is not None]
    assert len(inside) == 8
    assert {each.inner for each in inside} == {("ip", "icmp")}
    assert {each.integrity for each in inside} == {True}


def _negotiate_and_ping(world: World, version: int, *, udp: bool) -> list[Frame]:
    sides, keys = world.ipv4, world.directory / "exported"
    name = f"v{version}"
    settings = {
        "ike_version": str(version),
        "nat_traversal": "force" if udp else "off",
        "algorithms": f"{{ike: [{IKE[name]}], esp: [{ESP[name]}]}}",
        "esn": "no",  # tshark 4.0 does not know extended sequence numbers
    }
    tunnel = TunnelText(sides.a, sides.b, settings=settings)
    gateways = []
    for side, text in (("A", tunnel), ("B", tunnel.mirrored())):
        gateway = gatewright(world, side)
        gateway.write(str(text), {SECRET: KEY})
        gateway.start(*(("--export-keys", str(keys)) if side == "A" else ()))
        gateways.append(gateway)
    for gateway in gateways:
        gateway.wait_ready()
    with world.capture() as capture:
        assert ping(world.host_a, sides.b.host, 4, timeout=10).all_answered, gateways[0].tail()
    _assert_private(keys)
    return examine(capture.path, keys)


def _assert_private(keys: Path) -> None:
    for path in (keys, *keys.iterdir()):
        assert not stat.S_IMODE(path.stat().st_mode) & 0o077, path
