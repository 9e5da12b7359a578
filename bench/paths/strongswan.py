"""strongSwan's user-space ESP (kernel-libipsec) at both ends: ESP in UDP, the only way it knows."""

from __future__ import annotations

from contextlib import ExitStack

from bench.paths.path import Path, ready
from gatewright.lab.strongswan import PeerTunnel, StrongSwan
from gatewright.lab.world import World

KEY = "bench-key-of-no-value"


def strongswan(stack: ExitStack, name: str) -> Path:
    """AES-128-GCM in UDP 4500."""
    world = stack.enter_context(World())
    ends = world.ipv4
    gateways = []
    for namespace, here, there in (
        (world.gateway_a, ends.a, ends.b),
        (world.gateway_b, ends.b, ends.a),
    ):
        gateway = StrongSwan(namespace, world.directory / namespace.name)
        gateway.start()
        gateway.wait_ready()
        stack.callback(gateway.stop)
        gateway.load(
            PeerTunnel(
                version=2,
                local=here.external,
                remote=there.external,
                local_networks=[here.network],
                remote_networks=[there.network],
                key=KEY,
                ike=["aes128gcm16-prfsha256-x25519"],
                esp=["aes128gcm16"],
                start="trap",
            )
        )
        gateways.append(gateway)
    gateways[0].initiate()
    return ready(stack, name, world, [gateway.pid for gateway in gateways])
