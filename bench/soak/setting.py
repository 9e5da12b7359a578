"""What a soak runs on: a world, two gateways, and how often they rekey."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass

from gatewright.lab.gateway import Gateway
from gatewright.lab.policies import SECRET, TUNNEL, TunnelText
from gatewright.lab.strongswan import PeerTunnel, StrongSwan
from gatewright.lab.world import Addresses, World

KEY = "soak-key-of-no-value"
_ESP = {2: "aes-128-gcm", 1: "aes-128-cbc / hmac-sha256-128"}
_IKE = {
    2: "aes-128-gcm / prf-hmac-sha256 / x25519",
    1: "aes-128-cbc / hmac-sha256-128 / modp-1024",
}
_PEER_ESP = {2: "aes128gcm16", 1: "aes128-sha256"}
_PEER_IKE = {2: "aes128gcm16-prfsha256-x25519", 1: "aes128-sha256-modp1024"}


@dataclass(frozen=True, slots=True)
class Wanted:
    """``child_kilobytes`` 0: children are rekeyed by time alone.  ``offset``: seconds by which B's
    lifetimes are longer than A's; 0 has both rekey at about the same time, and collide."""

    version: int
    udp: bool
    peer: str
    child_seconds: int
    child_kilobytes: int
    ike_seconds: int
    offset: int

    @property
    def title(self) -> str:
        way = "UDP 4500" if self.udp else "protocol 50"
        volume = f" or {self.child_kilobytes} KiB" if self.child_kilobytes else ""
        return (
            f"IKEv{self.version}, {way}, Gatewright with {self.peer}; children live "
            f"{self.child_seconds} s{volume}, IKE SAs {self.ike_seconds} s"
        )


@dataclass(frozen=True, slots=True)
class Site:
    """What runs.  ``ours``: the Gatewrights.  ``pids``: both gateways, by name."""

    world: World
    ours: Sequence[Gateway]
    pids: dict[str, Callable[[], int]]


def build(stack: ExitStack, wanted: Wanted) -> Site:
    world = stack.enter_context(World())
    ends = world.ipv4
    first = _gatewright(stack, world, wanted, "A", ends.a, ends.b, 0)
    first.wait_ready()
    if wanted.peer == "strongswan":
        charon = _strongswan(stack, world, wanted)
        site = Site(
            world, (first,), {"Gatewright A": lambda: first.pid, "charon B": lambda: charon.pid}
        )
    else:
        second = _gatewright(stack, world, wanted, "B", ends.b, ends.a, wanted.offset)
        second.wait_ready()
        site = Site(
            world,
            (first, second),
            {"Gatewright A": lambda: first.pid, "Gatewright B": lambda: second.pid},
        )
    result = first.up(TUNNEL)
    assert result.result == "up", result.text
    return site


def _gatewright(
    stack: ExitStack,
    world: World,
    wanted: Wanted,
    side: str,
    local: Addresses,
    remote: Addresses,
    longer: int,
) -> Gateway:
    namespace = world.gateway_a if side == "A" else world.gateway_b
    gateway = Gateway(namespace, world.directory / f"gateway{side}")
    lifetimes = [f"ike: {wanted.ike_seconds + longer}s", f"esp: {wanted.child_seconds + longer}s"]
    if wanted.child_kilobytes:
        lifetimes.append(f"esp_kilobytes: {wanted.child_kilobytes}")
    settings = {
        "ike_version": str(wanted.version),
        "nat_traversal": "force" if wanted.udp else "off",
        "algorithms": f"{{ike: [{_IKE[wanted.version]}], esp: [{_ESP[wanted.version]}]}}",
        "lifetimes": f"{{{', '.join(lifetimes)}}}",
    }
    gateway.write(str(TunnelText(local, remote, settings=settings)), {SECRET: KEY})
    gateway.start()
    stack.callback(gateway.stop)
    return gateway


def _strongswan(stack: ExitStack, world: World, wanted: Wanted) -> StrongSwan:
    charon = StrongSwan(world.gateway_b, world.directory / "strongswan")
    charon.start()
    charon.wait_ready()
    stack.callback(charon.stop)
    ends = world.ipv4
    charon.load(
        PeerTunnel(
            version=wanted.version,
            local=ends.b.external,
            remote=ends.a.external,
            local_networks=[ends.b.network],
            remote_networks=[ends.a.network],
            key=KEY,
            ike=[_PEER_IKE[wanted.version]],
            esp=[_PEER_ESP[wanted.version]],
            rekey_ike=f"{wanted.ike_seconds * 2 + wanted.offset}s",
            rekey_child=f"{wanted.child_seconds * 2 + wanted.offset}s",
        )
    )
    return charon
