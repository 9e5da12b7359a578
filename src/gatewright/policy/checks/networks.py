"""The two sides of one tunnel: networks that contain each other, or have no counterpart."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import product

from gatewright.ipsec.selectors import TrafficSelector
from gatewright.policy.addresses import format_address, versions_of
from gatewright.policy.checks.view import View, locals_of, remotes_of
from gatewright.policy.compile import CompiledTunnel
from gatewright.policy.compiled import Action
from gatewright.policy.findings import Finding, error, warning
from gatewright.policy.model import Side, Tunnel
from gatewright.policy.reading import shown


def check(view: View) -> Iterable[Finding]:
    for tunnel in view.parts.tunnels:
        for local, remote in product(locals_of(tunnel), remotes_of(tunnel)):
            yield from _sides(view, tunnel, local, remote)
    for written in view.policy.tunnels:
        yield from _without_counterpart(written, written.local, written.remote)
        yield from _without_counterpart(written, written.remote, written.local)


def _sides(
    view: View, tunnel: CompiledTunnel, local: TrafficSelector, remote: TrafficSelector
) -> Iterable[Finding]:
    name = f"tunnel {shown(tunnel.pair.name)}"
    if (local.first, local.last) == (remote.first, remote.last):
        if local.networks()[0].prefixlen > 0:
            yield error(
                "same-network-on-both-sides",
                tunnel.pair.place,
                f"{name} has {local} on both sides",
                "a host looks for an address of its own network on the cable, and never sends to "
                "the gateway",
                "renumber one side, or translate addresses before the tunnel",
            )
    elif remote.covers(local) and not _kept_out(view, local):
        yield warning(
            "local-in-remote",
            tunnel.pair.place,
            f"{name}: the local network {local} lies within the remote {remote}",
            "packets between local hosts, and the gateway's own answers to them, match the filter "
            "and would be sent into the tunnel",
            f"name the remote networks without {local}, or add a rule that permits {local} to "
            f"{local}",
        )
    elif local.covers(remote) and local.networks()[0].prefixlen > 0:
        yield warning(
            "remote-in-local",
            tunnel.pair.place,
            f"{name}: the remote network {remote} lies within the local {local}",
            "local hosts look for its addresses on their own cable, unless a route says otherwise",
            f"name the local networks without {remote}",
        )


def _kept_out(view: View, local: TrafficSelector) -> bool:
    """Whether a permit rule keeps what stays within the local network out of the tunnel."""
    return any(
        entry.action is Action.BYPASS
        and any(one.covers(local) for one in entry.local)
        and any(one.covers(local) for one in entry.remote)
        for rule in view.parts.rules
        for entry in rule.entries
    )


def _without_counterpart(tunnel: Tunnel, side: Side, other: Side) -> Iterable[Finding]:
    for network in side.networks:
        if not any(versions_of(network) & versions_of(one) for one in other.networks):
            yield error(
                "no-counterpart",
                side.place,
                f"tunnel {shown(tunnel.name)}: {format_address(network)} has no network of its IP "
                "version on the other side",
                "no packet goes from IPv4 to IPv6, so that the network takes no part",
                "add a network of that version on the other side, or remove this one",
            )
