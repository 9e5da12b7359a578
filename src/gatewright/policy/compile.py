"""A policy to an ordered SPD and a PAD."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from gatewright.ipsec.selectors import IPAddress
from gatewright.policy.addresses import Resolver, SelectorPair, Surroundings, filter_selectors
from gatewright.policy.compiled import (
    Action,
    Child,
    CompiledPolicy,
    Connection,
    Identity,
    IdentityType,
    IkeVersion,
    PresharedKey,
    SpdEntry,
    StartMode,
)
from gatewright.policy.expand import expand
from gatewright.policy.findings import Finding, PolicyError, error
from gatewright.policy.identifiers import numbered
from gatewright.policy.model import ActionKind, Filter, Policy
from gatewright.policy.offers import esp_proposals, ike_proposals, incompatible
from gatewright.policy.order import most_specific_first
from gatewright.policy.pairing import ActiveRule, TunnelPair, pair_rules
from gatewright.policy.reading import shown
from gatewright.policy.selection import SelectorSets, combined, describe, one_by_one

UNNUMBERED = 0


def compile_policy(
    policy: Policy,
    local_addresses: Iterable[IPAddress],
    resolve: Resolver | None = None,
) -> CompiledPolicy:
    """``local_addresses`` are this gateway's own (for `me`, and to tell the inbound rule);
    ``resolve`` looks DNS names up.

    Raises ``PolicyError`` with every reason why the policy cannot be executed.
    """
    parts = compile_parts(policy, Surroundings.of(local_addresses, resolve))
    if parts.findings:
        raise PolicyError(parts.findings)
    return _assemble(policy, parts)


@dataclass(frozen=True, slots=True)
class CompiledTunnel:
    """One tunnel by itself: a connection with numberless children, and their SPD entries."""

    pair: TunnelPair
    connection: Connection
    entries: tuple[SpdEntry, ...]


@dataclass(frozen=True, slots=True)
class CompiledRule:
    """A permit or block rule."""

    active: ActiveRule
    entries: tuple[SpdEntry, ...]


@dataclass(frozen=True, slots=True)
class Parts:
    """What could be compiled; ``findings`` say why the rest could not."""

    tunnels: tuple[CompiledTunnel, ...]
    rules: tuple[CompiledRule, ...]
    findings: tuple[Finding, ...]


def compile_parts(policy: Policy, surroundings: Surroundings) -> Parts:
    """Each tunnel and rule by itself, so that one mistake does not hide what else there is."""
    pairing = pair_rules(expand(policy), surroundings.local_addresses)
    findings = list(pairing.findings)
    tunnels: list[CompiledTunnel] = []
    rules: list[CompiledRule] = []
    for pair in pairing.tunnels:
        try:
            tunnels.append(_compile_tunnel(pair, surroundings))
        except PolicyError as problem:
            findings.extend(problem.findings)
    for active in pairing.plain:
        try:
            entries = tuple(_plain_entries(active, surroundings))
            rules.append(CompiledRule(active, entries))
        except PolicyError as problem:
            findings.extend(problem.findings)
    findings.extend(_repeated_children(tunnels))
    return Parts(tuple(tunnels), tuple(rules), tuple(findings))


def _compile_tunnel(pair: TunnelPair, surroundings: Surroundings) -> CompiledTunnel:
    rule, exchange, action = pair.outbound.rule, pair.outbound.key_exchange, pair.outbound.action
    findings = [*disagreements(pair), *incompatible(action, exchange)]
    local, remote = surroundings.endpoints(pair.local, pair.remote, pair.place)
    if local.version != remote.version:
        findings.append(_mixed_versions(pair, local, remote))
    pairs = [
        selectors
        for one in pair.outbound.filters
        for selectors in filter_selectors(one, surroundings)
    ]
    if not pairs:
        findings.append(_nothing_selected(pair.outbound))
    if findings:
        raise PolicyError(findings)
    split = one_by_one if exchange.version is IkeVersion.V1 else combined
    entries = tuple(_protect_entries(pair.name, split(pairs), (local, remote)))
    proposals = esp_proposals(action, exchange)
    starts = {rule.start, pair.inbound.rule.start}
    start = StartMode.ALWAYS if StartMode.ALWAYS in starts else StartMode.ON_DEMAND
    return CompiledTunnel(
        pair,
        Connection(
            name=pair.name,
            version=exchange.version,
            local=local,
            remote=remote,
            local_identity=pair.inbound.rule.endpoint_identity or _by_address(local),
            remote_identity=rule.endpoint_identity or _by_address(remote),
            authentication=PresharedKey(rule.secret),
            proposals=ike_proposals(exchange),
            children=tuple(
                Child(e.child, UNNUMBERED, e.local, e.remote, proposals, start) for e in entries
            ),
            lifetime=exchange.lifetime,
            child_limit=exchange.child_limit,
            dpd_delay=exchange.dpd_delay,
            dpd_timeout=exchange.dpd_timeout,
            nat_traversal=exchange.nat_traversal,
            connection_type=rule.connection_type,
            source=str(pair.place),
        ),
        entries,
    )


def disagreements(pair: TunnelPair) -> Iterable[Finding]:
    """The two rules of a tunnel have to say the same, since they become one negotiation."""
    one, other = pair.outbound.rule, pair.inbound.rule
    both = f"the rules {shown(one.name)} and {shown(other.name)}"
    if one.secret != other.secret:
        yield error(
            "different-authentication",
            other.place,
            f"{both} have different authentication methods",
            "the same method must be used in both rules: the two directions are negotiated at once",
            f"write the `authentication` of {shown(one.name)} in both",
        )
    if one.connection_type is not other.connection_type:
        yield error(
            "different-connection-types",
            other.place,
            f"{both} are for different connection types",
            "both directions of a tunnel cross the same interface",
            f"write `connection_type: {one.connection_type.value}` in both",
        )
    if one.key_exchange != other.key_exchange:
        yield error(
            "different-key-exchange",
            other.place,
            f"{both} name different key exchanges",
            "one IKE SA serves both directions",
            "name the same `key_exchange` in both",
        )
    if pair.outbound.action != replace(pair.inbound.action, name=pair.outbound.action.name):
        yield error(
            "different-filter-actions",
            other.place,
            f"{both} have filter actions that differ",
            "the SAs of both directions are negotiated together, with one set of methods",
            "name the same `filter_action` in both",
        )


def _protect_entries(
    tunnel: str, sets: list[SelectorSets], gateways: tuple[IPAddress, IPAddress]
) -> Iterable[SpdEntry]:
    for selectors in sets:
        child = tunnel if len(sets) == 1 else f"{tunnel}: {describe(selectors)}"
        yield SpdEntry(
            UNNUMBERED,
            child,
            Action.PROTECT,
            *selectors,
            tunnel=tunnel,
            child=child,
            gateways=gateways,
        )


def _plain_entries(active: ActiveRule, surroundings: Surroundings) -> Iterable[SpdEntry]:
    """Permit and block: each mirrored filter, whichever of its sides is ours."""
    blocks = active.action.kind is ActionKind.BLOCK
    action = Action.DISCARD if blocks else Action.BYPASS
    pairs: dict[SelectorPair, None] = {}
    for one in active.filters:
        for source, destination in _both_ways(one, surroundings):
            pairs[source, destination] = None
    if not pairs:
        raise PolicyError([_nothing_selected(active)])
    for local, remote in pairs:
        yield SpdEntry(UNNUMBERED, active.rule.name, action, (local,), (remote,))


def _both_ways(one: Filter, surroundings: Surroundings) -> Iterable[SelectorPair]:
    for source, destination in filter_selectors(one, surroundings):
        yield source, destination
        yield destination, source


def _share_connections(
    tunnels: Iterable[CompiledTunnel],
) -> tuple[list[Connection], list[SpdEntry]]:
    """Tunnels between the same gateways with the same key exchange share one IKE SA.

    It has the name of the first of them; the children keep those of their tunnels.
    """
    shared: dict[Connection, list[CompiledTunnel]] = {}
    for tunnel in tunnels:
        shared.setdefault(settings_of(tunnel.connection), []).append(tunnel)
    connections = []
    entries: list[SpdEntry] = []
    for members in shared.values():
        first = members[0].connection
        children = tuple(child for member in members for child in member.connection.children)
        connections.append(replace(first, children=children))
        entries.extend(
            replace(entry, tunnel=first.name) for member in members for entry in member.entries
        )
    return connections, entries


def _repeated_children(tunnels: Iterable[CompiledTunnel]) -> Iterable[Finding]:
    """A tunnel may have the very name that a child of another one gets."""
    seen: dict[str, CompiledTunnel] = {}
    for tunnel in tunnels:
        for child in tunnel.connection.children:
            first = seen.setdefault(child.name, tunnel)
            if first.pair.name != tunnel.pair.name:
                yield error(
                    "duplicate-tunnel",
                    tunnel.pair.place,
                    f"{shown(child.name)} is the name of two child SAs",
                    f"commands speak of them by name; the other is at {first.pair.place}",
                    "rename the tunnel",
                )


def settings_of(connection: Connection) -> Connection:
    """What two tunnels must have in common to share an IKE SA."""
    return replace(connection, name="", children=(), source="")


def _assemble(policy: Policy, parts: Parts) -> CompiledPolicy:
    connections, protect = _share_connections(parts.tunnels)
    plain = [entry for rule in parts.rules for entry in rule.entries]
    spd = numbered(most_specific_first(dict.fromkeys([*protect, *plain])))
    number = {(entry.tunnel, entry.child): entry.id for entry in spd}
    return CompiledPolicy(
        name=policy.name,
        connections=tuple(_with_numbers(one, number) for one in connections),
        spd=tuple(spd),
        internal_interface=policy.interfaces.internal,
        external_interface=policy.interfaces.external,
        engine=policy.engine,
        source=policy.filename,
        secrets=frozenset(one.authentication.secret for one in connections),
    )


def _with_numbers(connection: Connection, number: dict[tuple[str, str], int]) -> Connection:
    return replace(
        connection,
        children=tuple(
            replace(child, policy_id=number[connection.name, child.name])
            for child in connection.children
        ),
    )


def _by_address(address: IPAddress) -> Identity:
    return Identity(IdentityType.ADDRESS, str(address))


def _mixed_versions(pair: TunnelPair, local: IPAddress, remote: IPAddress) -> Finding:
    return error(
        "endpoint-versions",
        pair.place,
        f"tunnel {shown(pair.name)} goes from {local} to {remote}",
        "one packet has two addresses of the same IP version",
        "write both endpoints as IPv4 or both as IPv6; the networks inside may be of either",
    )


def _nothing_selected(active: ActiveRule) -> Finding:
    return error(
        "nothing-selected",
        active.place,
        f"the filters of {shown(active.rule.name)} select no packet",
        "source and destination have no IP version in common",
        "write source and destination as IPv4 or both as IPv6",
    )
