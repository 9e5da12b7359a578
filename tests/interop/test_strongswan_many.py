"""Many IKE SAs of their own to one strongSwan, which takes few half-open ones from an address."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gatewright.lab.policies import TunnelText
from gatewright.lab.strongswan import PeerTunnel, connection
from gatewright.lab.world import World
from tests.support.running import KEY, gatewright, peer_tunnel, strongswan_b

pytestmark = [pytest.mark.netns, pytest.mark.strongswan]

TUNNELS = 24
BLOCKED = "half-open IKE_SA limit"


def names(number: int) -> tuple[str, str]:
    """The identities of both sides: no two tunnels share an IKE SA."""
    return f"a{number}.example", f"b{number}.example"


def ours(world: World) -> str:
    tunnels = ""
    for number in range(TUNNELS):
        local, remote = names(number)
        text = TunnelText(
            world.ipv4.a,
            world.ipv4.b,
            local_identity=local,
            remote_identity=remote,
            networks=[f"192.168.{number}.0/24"],
            settings={"start": "always"},
            name=f"tunnel {number}",
        )
        tunnels += str(text).removeprefix("tunnels:\n")
    return f"tunnels:\n{tunnels}"


def theirs(world: World) -> dict[str, PeerTunnel]:
    tunnel = peer_tunnel(world.ipv4, 2, "aes128gcm16-prfsha256-x25519", "aes128gcm16-x25519")
    return {
        f"tunnel{number}": replace(
            tunnel,
            remote_networks=[f"192.168.{number}.0/24"],
            local_identity=names(number)[1],
            remote_identity=names(number)[0],
        )
        for number in range(TUNNELS)
    }


def test_strongswan_refuses_none_of_them(world: World, strongswan: None) -> None:  # noqa: ARG001
    gateway, charon = gatewright(world, "A", ours(world)), strongswan_b(world)
    charon.start(dos_protection=True)
    charon.wait_ready()
    with charon.connect() as vici:
        for name, tunnel in theirs(world).items():
            owners = [tunnel.local_id, tunnel.remote_id]
            vici.command("load-shared", {"id": name, "type": "IKE", "data": KEY, "owners": owners})
            vici.command("load-conn", {name: connection(tunnel)})
    gateway.start()
    gateway.wait_ready()
    gateway.wait_status(
        lambda status: all(tunnel.state == "up" for tunnel in status.tunnels), "up with all", 20
    )
    assert BLOCKED not in charon.log.read_text()
