"""The ways from hostA to hostB that are compared: each a world of its own, all up at once.

An idle gateway costs nothing, so the worlds stand side by side and are measured in turn: what the
machine does meanwhile hits all of them alike.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field

from gatewright.lab.gateway import Gateway
from gatewright.lab.strongswan import PeerTunnel, StrongSwan
from gatewright.lab.traffic import ping
from gatewright.lab.world import World

NO_OFFLOAD = ("tso", "off", "gso", "off", "gro", "off", "tx", "off")
KEY = "bench-key-of-no-value"
POLICY = """\
name: bench
interfaces: {{internal: lan, external: wan}}
tunnels:
  branch:
    local:  {{endpoint: {local}, networks: [{local_network}]}}
    remote: {{endpoint: {remote}, networks: [{remote_network}]}}
    authentication: {{preshared_key: bench}}
    nat_traversal: {nat_traversal}
    algorithms: {{ike: [aes-128-gcm / prf-hmac-sha256 / x25519], esp: [{esp}]}}
"""


@dataclass
class Path:
    """A world ready to be measured.  ``pids`` are the gateways' processes."""

    name: str
    world: World
    pids: Sequence[int] = ()
    first_reply: float | None = None
    notes: list[str] = field(default_factory=list)


Builder = Callable[[ExitStack, str], Path]


def forwarding(stack: ExitStack, name: str) -> Path:
    """Routers without IPsec, segmentation offload as the devices have it."""
    return Path(name, stack.enter_context(World()))


def forwarding_packet_by_packet(stack: ExitStack, name: str) -> Path:
    """Routers without IPsec and without any offload: each packet costs its full way."""
    path = forwarding(stack, name)
    world = path.world
    for namespace, interfaces in (
        (world.host_a, ("eth0",)),
        (world.gateway_a, ("lan", "wan")),
        (world.internet, ("toA", "toB")),
        (world.gateway_b, ("wan", "lan")),
        (world.host_b, ("eth0",)),
    ):
        for interface in interfaces:
            namespace.run(["ethtool", "-K", interface, *NO_OFFLOAD])
    return path


def strongswan(stack: ExitStack, name: str) -> Path:
    """strongSwan's user-space ESP (kernel-libipsec) at both ends: AES-128-GCM in UDP."""
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
    return Path(name, world, [gateway.pid for gateway in gateways])


def gatewright(esp: str, *, udp: bool) -> Builder:
    """Gatewright at both ends with one ESP algorithm, in UDP 4500 or as protocol 50."""

    def build(stack: ExitStack, name: str) -> Path:
        world = stack.enter_context(World())
        ends = world.ipv4
        gateways = []
        for namespace, here, there in (
            (world.gateway_a, ends.a, ends.b),
            (world.gateway_b, ends.b, ends.a),
        ):
            gateway = Gateway(namespace, world.directory / namespace.name)
            text = POLICY.format(
                local=here.external,
                local_network=here.network,
                remote=there.external,
                remote_network=there.network,
                nat_traversal="force" if udp else "off",
                esp=esp,
            )
            gateway.write(text, {"bench": KEY})
            gateway.start()
            stack.callback(gateway.stop)
            gateways.append(gateway)
        for gateway in gateways:
            gateway.wait_ready()
        first = ping(world.host_a, ends.b.host)
        return Path(name, world, [gateway.pid for gateway in gateways], first.times[0])

    return build
