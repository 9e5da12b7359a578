"""Tunnel endpoints: exchanged, not ours, inside the protected networks, used twice."""

from __future__ import annotations

from collections.abc import Iterable

from gatewright.ipsec.selectors import IPAddress, TrafficSelector
from gatewright.policy.checks.view import View, locals_of, remotes_of
from gatewright.policy.compile import CompiledTunnel, settings_of
from gatewright.policy.compiled import Connection, IkeVersion
from gatewright.policy.findings import Finding, error, note, warning
from gatewright.policy.reading import shown


def check(view: View) -> Iterable[Finding]:
    local_endpoints = frozenset(one.connection.local for one in view.parts.tunnels)
    for tunnel in view.parts.tunnels:
        yield from _direction(view, tunnel, local_endpoints)
        yield from _inside(tunnel)
    yield from _used_twice(view)


def _direction(
    view: View, tunnel: CompiledTunnel, local_endpoints: frozenset[IPAddress]
) -> Iterable[Finding]:
    """Whether "local" is this gateway."""
    connection, ours = tunnel.connection, frozenset(view.local_addresses)
    name = f"tunnel {shown(tunnel.pair.name)}"
    if connection.remote in ours:
        yield _exchanged(view, tunnel, f"{connection.remote} is an address of this gateway")
    elif connection.remote in local_endpoints:
        yield _exchanged(
            view, tunnel, f"{connection.remote} is the local endpoint of another tunnel"
        )
    elif _lies_across(tunnel):
        yield _exchanged(view, tunnel, "each endpoint lies in the network behind the other")
    elif ours and connection.local not in ours:
        yield warning(
            "endpoint-not-local",
            tunnel.pair.inbound.place,
            f"{name} begins at {connection.local}, which is not an address of this gateway",
            "packets can only be sent from an address that an interface has",
            "write the address of the external interface, also behind a NAT",
        )
    else:
        yield from _networks_exchanged(view, tunnel)


def _lies_across(tunnel: CompiledTunnel) -> bool:
    locals_, remotes = locals_of(tunnel), remotes_of(tunnel)
    local, remote = tunnel.connection.local, tunnel.connection.remote
    return (
        _any_in(remote, locals_)
        and _any_in(local, remotes)
        and not (_any_in(local, locals_) or _any_in(remote, remotes))
    )


def _networks_exchanged(view: View, tunnel: CompiledTunnel) -> Iterable[Finding]:
    """The endpoints are right and the filters the wrong way round."""
    for address in view.local_addresses:
        wide = [one for one in remotes_of(tunnel) if _is_in(address, one)]
        if wide and address != tunnel.connection.local and not _any_in(address, locals_of(tunnel)):
            if wide[0].networks()[0].prefixlen == 0:
                continue
            yield _exchanged(
                view, tunnel, f"this gateway has the address {address} in the remote {wide[0]}"
            )
            return


def _exchanged(view: View, tunnel: CompiledTunnel, evidence: str) -> Finding:
    name = shown(tunnel.pair.name)
    if view.is_short(tunnel):
        what = f"tunnel {name} has local and remote exchanged: {evidence}"
        instead = "exchange `local` and `remote`; `local` is this gateway"
    else:
        what = f"the rules of tunnel {name} have their tunnel endpoints exchanged: {evidence}"
        instead = (
            "give the rule for packets to the other network the other gateway's external address "
            "as endpoint, and the rule for packets to the own network this gateway's"
        )
    return error(
        "endpoints-exchanged",
        tunnel.pair.place,
        what,
        "packets of a rule are sent to its tunnel endpoint, which has to be the gateway of their "
        "destination",
        instead,
    )


def _inside(tunnel: CompiledTunnel) -> Iterable[Finding]:
    """The tunnel's own packets must not be selected by the tunnel."""
    local, remote = tunnel.connection.local, tunnel.connection.remote
    name = f"tunnel {shown(tunnel.pair.name)}"
    target = next((one for one in remotes_of(tunnel) if _is_in(remote, one)), None)
    if target is None:
        return
    if _any_in(local, locals_of(tunnel)):
        yield error(
            "endpoint-inside-network",
            tunnel.pair.place,
            f"{name} is to protect packets from {local} to {remote}, which are its own",
            "the tunnel would have to be up before it can come up",
            f"leave the external addresses out of the networks ({target} has {remote})",
        )
    elif target.networks()[0].prefixlen == 0:
        return
    else:
        yield warning(
            "endpoint-inside-network",
            tunnel.pair.place,
            f"{name}: the other gateway {remote} lies within the network {target} behind it",
            "hosts of this side reach that gateway through the tunnel only, which fails just when "
            "the tunnel does",
            f"name the remote networks without {remote}",
        )


def _used_twice(view: View) -> Iterable[Finding]:
    """Tunnels between the same gateways that cannot share an IKE SA."""
    first: dict[tuple[IPAddress, IPAddress, IkeVersion], CompiledTunnel] = {}
    for tunnel in view.parts.tunnels:
        connection = tunnel.connection
        key = (connection.local, connection.remote, connection.version)
        known = first.setdefault(key, tunnel)
        if known is tunnel or settings_of(known.connection) == settings_of(connection):
            continue
        yield _twice(known, tunnel)


def _twice(known: CompiledTunnel, tunnel: CompiledTunnel) -> Finding:
    one, other = known.connection, tunnel.connection
    items = _differing(one, other)
    what = (
        f"the tunnels {shown(one.name)} and {shown(other.name)} go between the same gateways and "
        f"differ in {', '.join(items)}"
    )
    instead = f"write the same for both; the other is at {one.source}"
    distinct = one.remote_identity != other.remote_identity
    if other.version is IkeVersion.V2 and distinct:
        return note(
            "same-endpoints",
            tunnel.pair.place,
            what,
            "as responder the gateway tells them apart by the peer's identity, which it learns "
            "only after the algorithms are agreed",
            instead,
        )
    return error(
        "same-endpoints",
        tunnel.pair.place,
        what,
        "when the peer begins, its address alone tells which tunnel it means, and here it does not",
        instead,
    )


def _differing(one: Connection, other: Connection) -> list[str]:
    names = {
        "authentication": "preshared key",
        "local_identity": "local identity",
        "remote_identity": "remote identity",
        "proposals": "key-exchange algorithms",
        "lifetime": "IKE lifetime",
        "child_limit": "child SAs per IKE SA",
        "dpd_delay": "dead peer detection",
        "dpd_timeout": "dead peer detection",
        "nat_traversal": "NAT traversal",
        "connection_type": "connection type",
    }
    differing = [text for key, text in names.items() if getattr(one, key) != getattr(other, key)]
    return list(dict.fromkeys(differing))


def _is_in(address: IPAddress, selector: TrafficSelector) -> bool:
    return address.version == selector.version and (
        int(selector.first) <= int(address) <= int(selector.last)
    )


def _any_in(address: IPAddress, selectors: tuple[TrafficSelector, ...]) -> bool:
    return any(_is_in(address, one) for one in selectors)
