"""Preshared keys: there, and not shared by several peers."""

from __future__ import annotations

from collections.abc import Iterable

from gatewright.policy.checks.view import View
from gatewright.policy.compile import CompiledTunnel
from gatewright.policy.findings import Finding, error, note
from gatewright.policy.reading import nearest, shown


def check(view: View) -> Iterable[Finding]:
    by_name: dict[str, list[CompiledTunnel]] = {}
    for tunnel in view.parts.tunnels:
        by_name.setdefault(tunnel.connection.authentication.secret, []).append(tunnel)
    for name, tunnels in by_name.items():
        yield from _missing(view, name, tunnels[0])
        peers = {one.connection.remote for one in tunnels}
        if len(peers) > 1:
            yield note(
                "shared-secret",
                tunnels[-1].pair.place,
                f"{len(peers)} peers have the same preshared key {shown(name)}",
                "each of them can pretend to be any other of them",
                "give each peer a key of its own",
            )


def _missing(view: View, name: str, tunnel: CompiledTunnel) -> Iterable[Finding]:
    if view.secrets is None:
        return
    problem = view.secrets.problem(name)
    if problem is None:
        return
    near = nearest(name, view.secrets.names - {name})
    yield error(
        "secret-unavailable",
        tunnel.pair.place,
        f"the preshared key {shown(name)} of tunnel {shown(tunnel.pair.name)} cannot be used",
        problem,
        f"write `{near}`, or provide the key" if near else "provide the key, as said",
    )
