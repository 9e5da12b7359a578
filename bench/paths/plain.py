"""Routers without IPsec, and what the links between two gateways can be like."""

from __future__ import annotations

from contextlib import ExitStack

from bench.paths.path import Path, ready
from gatewright.lab.namespace import run_ip
from gatewright.lab.world import World

NO_OFFLOAD = ("tso", "off", "gso", "off", "gro", "off", "tx", "off")
# What a network card without segmentation in hardware does: the kernel splits just above it, and
# merges what it hands up.
LIKE_A_CARD = ("tso", "off", "tx-udp-segmentation", "off", "gro", "on")
# The ends of one cable have unequal indices: otherwise the kernel takes a second to see a carrier.
CABLE = "link add wan index 30 netns {a} type veth peer name wan index 31 netns {b}"


def forwarding(stack: ExitStack, name: str) -> Path:
    """Segmentation offload as the devices have it."""
    return ready(stack, name, stack.enter_context(World()))


def forwarding_packet_by_packet(stack: ExitStack, name: str) -> Path:
    """Without any offload: each packet costs its full way."""
    world = stack.enter_context(World())
    for namespace, interfaces in (
        (world.host_a, ("eth0",)),
        (world.gateway_a, ("lan", "wan")),
        (world.internet, ("toA", "toB")),
        (world.gateway_b, ("wan", "lan")),
        (world.host_b, ("eth0",)),
    ):
        for interface in interfaces:
            namespace.run(["ethtool", "-K", interface, *NO_OFFLOAD])
    return ready(stack, name, world)


def link_like_a_card(world: World) -> None:
    """Join the gateways by a cable whose ends are like network cards, in place of the bridge.

    No TSO and no UDP segmentation in the device, GRO on.  A bridge would receive and send each
    packet once more, which no wire does.
    """
    world.internet.ip("link del toA", "link del toB")
    run_ip([CABLE.format(a=world.gateway_a.name, b=world.gateway_b.name)])
    for gateway, here, there in (
        (world.gateway_a, world.ipv4.a, world.ipv4.b),
        (world.gateway_b, world.ipv4.b, world.ipv4.a),
    ):
        gateway.ip(
            f"addr add {here.external}/24 dev wan",
            "link set wan up",
            f"route add default via {there.external}",
        )
        gateway.run(["ethtool", "-K", "wan", *LIKE_A_CARD])
