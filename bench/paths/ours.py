"""Gatewright at both ends."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from ipaddress import IPv4Address, IPv4Network
from itertools import cycle

from bench.paths.path import Builder, Path, ready
from gatewright.lab.gateway import Gateway
from gatewright.lab.namespace import Namespace
from gatewright.lab.traffic import ping
from gatewright.lab.world import IPV4, Addresses, World

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
    start: {start}
    algorithms: {{ike: [{ike}], esp: [{esp}]}}
"""
READY_SECONDS = 300.0  # with thousands of tunnels
MODERN_IKE = "aes-128-gcm / prf-hmac-sha256 / x25519"
# Behind gateway B, for worlds of many tunnels: all of 10.0.0.0/8 is at hostB.
FAR_NETWORKS = IPv4Network("10.0.0.0/8")
Pair = tuple[str, str]  # the networks that a tunnel joins, NetA's first


def gatewright(*esp: str, udp: bool, prepare: Callable[[World], None] = lambda _: None) -> Builder:
    """A tunnel for each ESP algorithm, in UDP 4500 or as protocol 50, to the ``far_host`` of its
    number; the path is through the first.

    ``prepare`` changes the world before the gateways start.
    """

    def build(stack: ExitStack, name: str) -> Path:
        world = stack.enter_context(World())
        prepare(world)
        if len(esp) > 1:
            spread_far_networks(world)
        pairs = [(world.ipv4.a.network, far_network(number)) for number in range(len(esp))]
        gateways = start(stack, world, pairs, esp=esp, udp=udp)
        for number in range(len(esp)):
            ping(world.host_a, far_host(number))
        return ready(stack, name, world, [each.pid for each in gateways])

    return build


def four_tunnels(stack: ExitStack, name: str) -> Path:
    """Four tunnels between the gateways, each with a pair of host addresses of its own."""
    world = stack.enter_context(World())
    pairs = [(f"192.168.{10 + number}.0/24", far_network(number)) for number in range(4)]
    spread_far_networks(world)
    for number, (near, far) in list(enumerate(pairs))[1:]:
        address = f"192.168.{10 + number}.2"
        world.host_a.ip(
            f"addr add {address}/32 dev eth0",
            f"route add {far} via {world.ipv4.a.internal} src {address}",
        )
        world.gateway_a.ip(f"route add {near} via {world.ipv4.a.host}")
    gateways = start(stack, world, pairs, esp=["aes-128-gcm"], udp=True)
    return ready(stack, name, world, [gateway.pid for gateway in gateways])


def far_network(number: int) -> str:
    """The network behind gateway B of one tunnel of many; the first one is the world's own."""
    first = int(IPv4Address("10.20.0.0"))
    return f"{IPv4Address(first + (number << 8))}/24"


def far_host(number: int) -> str:
    """hostB's address in that network; the sender counts up to it the same way."""
    return str(IPv4Address(IPV4.b.host) + (number << 8))


def spread_far_networks(world: World) -> None:
    """Have hostB answer for every address of the far networks."""
    own = IPv4Network(world.ipv4.b.network)
    world.host_b.ip(
        *(f"route add local {each} dev lo" for each in FAR_NETWORKS.address_exclude(own))
    )
    world.gateway_b.ip(f"route add {FAR_NETWORKS} via {world.ipv4.b.host}")


def start(
    stack: ExitStack,
    world: World,
    pairs: Sequence[Pair],
    *,
    esp: Sequence[str],
    udp: bool,
    always: bool = False,
) -> tuple[Gateway, Gateway]:
    """Start both gateways with a tunnel for each pair, and wait until they are ready.

    ``esp``: the algorithms of each tunnel; where there are more tunnels they begin again.
    ``always``: the first one brings all of them up by itself, whether there is traffic or not.
    """
    ends = world.ipv4
    mirrored = [(far, near) for near, far in pairs]
    ours = policy(ends.a, ends.b, pairs, esp, udp=udp, always=always)
    one = _gateway(stack, world, world.gateway_a, ours)
    other = _gateway(stack, world, world.gateway_b, policy(ends.b, ends.a, mirrored, esp, udp=udp))
    for gateway in (one, other):
        gateway.wait_ready(READY_SECONDS)
    return one, other


def policy(
    here: Addresses,
    there: Addresses,
    pairs: Sequence[Pair],
    esp: Sequence[str],
    *,
    udp: bool,
    always: bool = False,
) -> str:
    """The policy of one gateway, a tunnel for each pair: its own network, the other's."""
    return HEAD + "".join(
        TUNNEL.format(
            name=tunnel_name(number),
            local=here.external,
            local_network=own,
            remote=there.external,
            remote_network=others,
            secret=SECRET,
            nat_traversal="force" if udp else "off",
            start="always" if always else "on-demand",
            ike=MODERN_IKE,
            esp=algorithms,
        )
        for number, ((own, others), algorithms) in enumerate(zip(pairs, cycle(esp), strict=False))
    )


def tunnel_name(number: int) -> str:
    return f"branch {number}"


def _gateway(stack: ExitStack, world: World, namespace: Namespace, text: str) -> Gateway:
    gateway = Gateway(namespace, world.directory / namespace.name)
    gateway.write(text, {SECRET: KEY})
    gateway.start()
    stack.callback(gateway.stop)
    return gateway
