"""Compiled policies for tests, made by hand: the world's two networks, and variations."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import ip_address, ip_network

from gatewright.iana.algorithms import CIPHERS, GROUPS, PRFS
from gatewright.ipsec.selectors import TrafficSelector
from gatewright.policy.compiled import (
    Action,
    Child,
    CompiledPolicy,
    Connection,
    EspProposal,
    Identity,
    IdentityType,
    IkeProposal,
    IkeVersion,
    PresharedKey,
    SpdEntry,
    StartMode,
)

ESP = EspProposal(CIPHERS[0], None, None, True, 3600, 0)
IKE = IkeProposal(CIPHERS[0], None, PRFS[0], GROUPS[0])


def selector(
    network: str, protocol: int = 0, first_port: int = 0, last_port: int = 65535
) -> TrafficSelector:
    return TrafficSelector.from_network(ip_network(network), protocol, first_port, last_port)


def entry(
    number: int,
    local: TrafficSelector | str,
    remote: TrafficSelector | str,
    action: Action = Action.PROTECT,
    tunnel: str = "branch",
) -> SpdEntry:
    sides = [selector(each) if isinstance(each, str) else each for each in (local, remote)]
    owner = tunnel if action is Action.PROTECT else ""
    name = f"{tunnel} {number}"
    return SpdEntry(number, name, action, (sides[0],), (sides[1],), owner, name if owner else "")


def connection(
    children: Sequence[SpdEntry],
    name: str = "branch",
    local: str = "203.0.113.1",
    remote: str = "203.0.113.2",
) -> Connection:
    """An IKEv2 connection that protects these SPD entries."""
    return Connection(
        name=name,
        version=IkeVersion.V2,
        local=ip_address(local),
        remote=ip_address(remote),
        local_identity=Identity(IdentityType.ADDRESS, local),
        remote_identity=Identity(IdentityType.ADDRESS, remote),
        authentication=PresharedKey("branch"),
        proposals=(IKE,),
        children=tuple(
            Child(one.child, one.id, one.local, one.remote, (ESP,), StartMode.ON_DEMAND)
            for one in children
        ),
    )


def policy(
    *entries: SpdEntry,
    local: str = "203.0.113.1",
    remote: str = "203.0.113.2",
    internal: str | None = None,
    external: str | None = None,
    name: str = "test",
) -> CompiledPolicy:
    """The SPD as given, and one connection for each tunnel in it."""
    tunnels = dict.fromkeys(each.tunnel for each in entries if each.tunnel)
    connections = tuple(
        connection([each for each in entries if each.tunnel == tunnel], tunnel, local, remote)
        for tunnel in tunnels
    )
    return CompiledPolicy(name, connections, tuple(entries), internal, external)
