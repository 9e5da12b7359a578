"""The other gateway of a demonstration: a stock strongSwan, or a second Gatewright."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from gatewright.lab.demo_options import PeerKind
from gatewright.lab.errors import LabError
from gatewright.lab.gateway import Gateway
from gatewright.lab.policies import SECRET, TunnelText, article_policy
from gatewright.lab.strongswan import PeerTunnel, StrongSwan
from gatewright.lab.world import World

PROPOSALS = {
    "modern": (2, "aes128gcm16-prfsha256-x25519", "aes128gcm16-x25519"),
    "windows-2003": (1, "3des-sha1-modp1024", "des-md5"),
}


class DemoPeer(Protocol):
    """What the demonstration wants of the other gateway."""

    title: str

    def start(self) -> None:
        """Start it, and wait until it is ready to answer."""
        ...

    def describe(self) -> Sequence[str]:
        """What it says of the security associations."""
        ...


def choose(wanted: PeerKind | None) -> tuple[PeerKind, str]:
    """Who can stand there, and why it is not a strongSwan when nobody said so.

    Raises ``LabError`` when a strongSwan is demanded and not there.
    """
    if wanted is PeerKind.GATEWRIGHT:
        return wanted, ""
    missing = StrongSwan.missing()
    if missing is None:
        return PeerKind.STRONGSWAN, ""
    if wanted is PeerKind.STRONGSWAN:
        raise LabError(f"{missing}; `make setup` as root installs it, or use --peer gatewright")
    return PeerKind.GATEWRIGHT, missing


def make(kind: PeerKind, world: World, key: str, profile: str) -> DemoPeer:
    if kind is PeerKind.STRONGSWAN:
        return StrongSwanPeer(world, key, profile)
    return GatewrightPeer(world, key, profile)


class StrongSwanPeer:
    """Debian's strongSwan with user-space ESP."""

    title = "strongSwan"

    def __init__(self, world: World, key: str, profile: str) -> None:
        self._charon = StrongSwan(
            world.gateway_b, world.directory / "strongswan", lasting=world.lasting
        )
        world.at_end(self._charon.stop)
        version, ike, esp = PROPOSALS[profile]
        local, remote = world.ipv4.b, world.ipv4.a
        self._tunnel = PeerTunnel(
            version,
            local.external,
            remote.external,
            [local.network],
            [remote.network],
            key,
            ike=[ike],
            esp=[esp],
        )

    def start(self) -> None:
        self._charon.start()
        self._charon.wait_ready()
        self._charon.load(self._tunnel)

    def describe(self) -> Sequence[str]:
        return [
            f"{sa['state']}, {sa['encr-alg']}, in {sa['spi-in']} out {sa['spi-out']};"
            f" {sa['packets-in']} packets in, {sa['packets-out']} out"
            for sa in self._charon.children()
        ]


class GatewrightPeer:
    """A second Gatewright, its policy the first one's mirror image."""

    title = "the second Gatewright"

    def __init__(self, world: World, key: str, profile: str) -> None:
        self._gateway = Gateway(
            world.gateway_b, world.directory / "gatewayB", lasting=world.lasting
        )
        world.at_end(self._gateway.stop)
        local, remote = world.ipv4.b, world.ipv4.a
        if profile == "windows-2003":
            text = article_policy(local, remote)
        else:
            text = str(TunnelText(local, remote, settings={"profile": profile}))
        self._gateway.write(text, {SECRET: key})

    def start(self) -> None:
        self._gateway.start()
        self._gateway.wait_ready()

    def describe(self) -> Sequence[str]:
        return [
            f"{sa.state}, {sa.algorithms}, in {sa.spi_in} out {sa.spi_out};"
            f" {sa.packets_in} packets in, {sa.packets_out} out"
            for tunnel in self._gateway.status().tunnels
            for child in tunnel.children
            for sa in child.sas
        ]
