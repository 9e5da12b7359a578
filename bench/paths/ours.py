"""Gatewright at both ends."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack

from bench.paths.path import Builder, Path, ready
from gatewright.lab.gateway import Gateway
from gatewright.lab.traffic import ping
from gatewright.lab.world import World

SECRET, KEY = "bench", "bench-key-of-no-value"
HEAD = """\
name: bench
interfaces: {internal: lan, external: wan}
tunnels:
"""
TUNNEL = """\
  {name}:
    local:  {{endpoint: {local}, networks: [{local_network}]}}
    remote: {{endpoint: {remote}, networks: [{remote_network}]}}
    authentication: {{preshared_key: {secret}}}
    nat_traversal: {nat_traversal}
    algorithms: {{ike: [{ike}], esp: [{esp}]}}
"""
MODERN_IKE = "aes-128-gcm / prf-hmac-sha256 / x25519"


def gatewright(
    esp: str, *, udp: bool, prepare: Callable[[World], None] = lambda _: None
) -> Builder:
    """One tunnel with one ESP algorithm, in UDP 4500 or as protocol 50.

    ``prepare`` changes the world before the gateways start.
    """

    def build(stack: ExitStack, name: str) -> Path:
        world = stack.enter_context(World())
        prepare(world)
        ends = world.ipv4
        gateways = []
        for namespace, here, there in (
            (world.gateway_a, ends.a, ends.b),
            (world.gateway_b, ends.b, ends.a),
        ):
            gateway = Gateway(namespace, world.directory / namespace.name)
            tunnel = TUNNEL.format(
                name="branch",
                local=here.external,
                local_network=here.network,
                remote=there.external,
                remote_network=there.network,
                secret=SECRET,
                nat_traversal="force" if udp else "off",
                ike=MODERN_IKE,
                esp=esp,
            )
            gateway.write(HEAD + tunnel, {SECRET: KEY})
            gateway.start()
            stack.callback(gateway.stop)
            gateways.append(gateway)
        for gateway in gateways:
            gateway.wait_ready()
        first = ping(world.host_a, ends.b.host)
        return ready(stack, name, world, [each.pid for each in gateways], first.times[0])

    return build
