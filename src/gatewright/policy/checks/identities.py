"""Who the gateways say they are."""

from __future__ import annotations

from collections.abc import Iterable

from gatewright.policy.checks.view import View
from gatewright.policy.compile import CompiledTunnel
from gatewright.policy.compiled import Identity, IdentityType, IkeVersion
from gatewright.policy.findings import Finding, error, note
from gatewright.policy.reading import shown


def check(view: View) -> Iterable[Finding]:
    seen: dict[Identity, CompiledTunnel] = {}
    for tunnel in view.parts.tunnels:
        connection = tunnel.connection
        name = f"tunnel {shown(tunnel.pair.name)}"
        if connection.local_identity == connection.remote_identity:
            yield error(
                "same-identity",
                tunnel.pair.place,
                f"{name}: both gateways have the identity {connection.local_identity}",
                "an identity says which of the two is speaking",
                "remove one `identity`; the address is used then",
            )
        first = seen.setdefault(connection.remote_identity, tunnel)
        if first.connection.remote != connection.remote:
            yield error(
                "identity-twice",
                tunnel.pair.place,
                f"{name} and tunnel {shown(first.pair.name)} expect the same identity "
                f"{connection.remote_identity} at different addresses",
                "an identity belongs to one gateway; either could take the other's place",
                f"give each gateway an identity of its own; the other is at {first.pair.place}",
            )
        if connection.version is IkeVersion.V1:
            yield from _main_mode(tunnel, name)


def _main_mode(tunnel: CompiledTunnel, name: str) -> Iterable[Finding]:
    identities = (tunnel.connection.local_identity, tunnel.connection.remote_identity)
    if any(one.type is not IdentityType.ADDRESS for one in identities):
        yield note(
            "ikev1-identity",
            tunnel.pair.place,
            f"{name} has an identity that is not an address, with IKEv1",
            "main mode chooses the preshared key by the peer's address, before it learns the "
            "identity (RFC 2409 section 5.4); some gateways insist on the address",
            "remove `identity`, unless the other gateway wants it",
        )
