"""The two rules of a tunnel find each other.

A tunnel is two rules: one whose filters select what goes to the peer, with the peer as tunnel
endpoint, and one with the reverse filters and this gateway as endpoint.  Two rules belong together
when they share a `tunnel` name, else when the filters of one are the reverse of the other's.

Which one is outbound: the rule that says so; else the one whose endpoint is not an address of this
gateway; else the one that stands first.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from gatewright.ipsec.selectors import IPAddress
from gatewright.policy.findings import Finding, Place, error
from gatewright.policy.model import (
    ActionKind,
    AddressSpec,
    Direction,
    Endpoint,
    Filter,
    FilterAction,
    FilterList,
    KeyExchange,
    Policy,
    Ports,
    Rule,
)
from gatewright.policy.reading import shown
from gatewright.policy.references import (
    BUILT_IN_ACTIONS,
    DEFAULT_KEY_EXCHANGE,
    built_in_key_exchange,
)

_Selection = tuple[AddressSpec, AddressSpec, int, Ports, Ports]


@dataclass(frozen=True, slots=True)
class ActiveRule:
    """An enabled rule with what its names stand for."""

    rule: Rule
    filters: tuple[Filter, ...]
    action: FilterAction
    key_exchange: KeyExchange

    @property
    def place(self) -> Place:
        return self.rule.place


@dataclass(frozen=True, slots=True)
class TunnelPair:
    """A tunnel in the long form: its two rules, and which side is which."""

    name: str
    outbound: ActiveRule
    inbound: ActiveRule
    local: Endpoint
    remote: Endpoint

    @property
    def place(self) -> Place:
        return self.outbound.place


@dataclass(frozen=True, slots=True)
class Pairing:
    """``plain`` are permit and block rules.  ``findings`` are what makes a rule unusable."""

    tunnels: tuple[TunnelPair, ...]
    plain: tuple[ActiveRule, ...]
    findings: tuple[Finding, ...]


def pair_rules(policy: Policy, local_addresses: Iterable[IPAddress]) -> Pairing:
    """Sort the rules of an expanded policy."""
    findings: list[Finding] = []
    plain: list[ActiveRule] = []
    tunnel_rules: list[ActiveRule] = []
    for active in active_rules(policy):
        problem = _misplaced(active)
        if problem is not None:
            findings.append(problem)
        elif active.action.kind is ActionKind.NEGOTIATE:
            tunnel_rules.append(active)
        else:
            plain.append(active)
    local = frozenset(local_addresses)
    tunnels: list[TunnelPair] = []
    for one, other in _matches(tunnel_rules, findings):
        made = _pair(one, other, local)
        if isinstance(made, Finding):
            findings.append(made)
        else:
            tunnels.append(made)
    findings.extend(_repeated_names(tunnels))
    return Pairing(tuple(tunnels), tuple(plain), tuple(findings))


def active_rules(policy: Policy) -> list[ActiveRule]:
    """The enabled rules, with their names resolved."""
    lists: dict[str, FilterList] = {one.name: one for one in policy.filter_lists}
    actions = BUILT_IN_ACTIONS | {one.name: one for one in policy.filter_actions}
    exchanges = {one.name: one for one in policy.key_exchanges}
    exchanges.setdefault(DEFAULT_KEY_EXCHANGE, built_in_key_exchange())
    return [
        ActiveRule(
            rule,
            lists[rule.filter_list].filters,
            actions[rule.filter_action],
            exchanges[rule.key_exchange or DEFAULT_KEY_EXCHANGE],
        )
        for rule in policy.rules
        if rule.enabled
    ]


def _misplaced(active: ActiveRule) -> Finding | None:
    """A rule whose action and tunnel endpoint do not go together."""
    rule, kind = active.rule, active.action.kind
    name = f"rule {shown(rule.name)}"
    if kind is ActionKind.NEGOTIATE and rule.endpoint is None:
        return error(
            "no-tunnel-endpoint",
            rule.place,
            f"{name} negotiates security and has no `tunnel_endpoint`",
            "without an endpoint that would be transport mode, which a gateway between networks "
            "does not use",
            "add `tunnel_endpoint: ADDRESS` of the gateway that the packets go to",
        )
    if kind is not ActionKind.NEGOTIATE and rule.endpoint is not None:
        return error(
            "tunnel-without-negotiation",
            rule.place,
            f"{name} has a tunnel endpoint, and its action is to {kind.value}",
            "only negotiated security can carry packets through a tunnel",
            "remove `tunnel_endpoint`, or name a filter action with `action: negotiate`",
        )
    if kind is ActionKind.NEGOTIATE and not rule.secret:
        return error(
            "no-authentication",
            rule.place,
            f"{name} has no `authentication`",
            "a tunnel to a gateway that has not proved who it is protects nothing",
            "add `authentication: {preshared_key: NAME}`",
        )
    mirrored = next((one for one in active.filters if one.mirrored), None)
    if kind is ActionKind.NEGOTIATE and mirrored is not None:
        return error(
            "mirrored-tunnel-filter",
            mirrored.place,
            f"the filter list of the tunnel {name} has a mirrored filter",
            "a tunnel needs one rule for each direction with its own endpoint: a mirrored filter "
            "would send the packets of both directions to the same gateway",
            "write `mirrored: no`, and a second rule with source and destination exchanged",
        )
    unmirrored = next((one for one in active.filters if not one.mirrored), None)
    if kind is not ActionKind.NEGOTIATE and unmirrored is not None:
        return error(
            "unmirrored-filter",
            unmirrored.place,
            f"{name} is to {kind.value} and has a filter that is not mirrored",
            "permit and block hold for both directions of a conversation",
            "write `mirrored: yes`, or leave it away",
        )
    return None


def _matches(
    rules: list[ActiveRule], findings: list[Finding]
) -> list[tuple[ActiveRule, ActiveRule]]:
    """Rules that belong together, in the order of the first of each two."""
    named: dict[str, list[ActiveRule]] = {}
    unnamed: list[ActiveRule] = []
    for active in rules:
        if active.rule.tunnel:
            named.setdefault(active.rule.tunnel, []).append(active)
        else:
            unnamed.append(active)
    pairs = []
    for tunnel, members in named.items():
        if len(members) == 2 and _selections(members[0]) == _reversed(members[1]):
            pairs.append((members[0], members[1]))
        else:
            findings.append(_no_pair(tunnel, members))
    pairs.extend(_match_by_filters(unnamed, findings))
    position = {id(active): index for index, active in enumerate(rules)}
    return sorted(pairs, key=lambda pair: position[id(pair[0])])


def _match_by_filters(
    rules: list[ActiveRule], findings: list[Finding]
) -> list[tuple[ActiveRule, ActiveRule]]:
    waiting: dict[frozenset[_Selection], list[ActiveRule]] = {}
    pairs = []
    for active in rules:
        partners = waiting.get(_reversed(active))
        if partners:
            pairs.append((partners.pop(0), active))
        else:
            waiting.setdefault(_selections(active), []).append(active)
    findings.extend(_no_reverse(active) for left in waiting.values() for active in left)
    return pairs


def _pair(one: ActiveRule, other: ActiveRule, local: frozenset[IPAddress]) -> TunnelPair | Finding:
    outbound, inbound = one, other
    directions = (one.rule.direction, other.rule.direction)
    if directions[0] is not None and directions[0] is directions[1]:
        return error(
            "two-of-one-direction",
            other.place,
            f"the rules {shown(one.rule.name)} and {shown(other.rule.name)} are both "
            f"{directions[0].value}",
            "one rule of a tunnel is outbound and the other inbound",
            "remove `direction` in both: the endpoints tell",
        )
    if directions != (None, None):
        if Direction.INBOUND is directions[0] or Direction.OUTBOUND is directions[1]:
            outbound, inbound = other, one
    elif _is_local(one.rule, local) and not _is_local(other.rule, local):
        outbound, inbound = other, one
    assert outbound.rule.endpoint is not None, "tunnel rules have an endpoint"
    assert inbound.rule.endpoint is not None, "tunnel rules have an endpoint"
    if outbound.rule.endpoint == inbound.rule.endpoint:
        return error(
            "same-endpoint-twice",
            inbound.place,
            f"the rules {shown(one.rule.name)} and {shown(other.rule.name)} have the same tunnel "
            f"endpoint {inbound.rule.endpoint}",
            "the outbound rule names the peer's external address, the inbound rule this gateway's",
            "give the rule for packets from the peer this gateway's own external address",
        )
    name = outbound.rule.tunnel or outbound.rule.name
    return TunnelPair(name, outbound, inbound, inbound.rule.endpoint, outbound.rule.endpoint)


def _is_local(rule: Rule, local: frozenset[IPAddress]) -> bool:
    return rule.endpoint is not None and rule.endpoint.address in local


def _selections(active: ActiveRule) -> frozenset[_Selection]:
    return frozenset(
        (f.source, f.destination, f.protocol, f.source_ports, f.destination_ports)
        for f in active.filters
    )


def _reversed(active: ActiveRule) -> frozenset[_Selection]:
    return frozenset(
        (f.destination, f.source, f.protocol, f.destination_ports, f.source_ports)
        for f in active.filters
    )


def _no_reverse(active: ActiveRule) -> Finding:
    return error(
        "missing-reverse-rule",
        active.place,
        f"rule {shown(active.rule.name)} has no rule for the other direction",
        "a tunnel is two rules: the filters of the second are those of the first with source and "
        "destination exchanged, and its endpoint is the other gateway",
        "add that rule, or write the tunnel in the short form under `tunnels`",
    )


def _no_pair(tunnel: str, members: list[ActiveRule]) -> Finding:
    if len(members) == 1:
        return _no_reverse(members[0])
    if len(members) > 2:
        return error(
            "too-many-rules",
            members[2].place,
            f"{len(members)} rules say `tunnel: {tunnel}`",
            "a tunnel is two rules, one for each direction",
            "give each pair of rules a name of its own",
        )
    return error(
        "not-reverse",
        members[1].place,
        f"the filters of {shown(members[1].rule.name)} are not the reverse of those of "
        f"{shown(members[0].rule.name)}",
        "packets of one direction would be protected and their answers not",
        "write each filter of the first rule with source and destination exchanged, and no other",
    )


def _repeated_names(tunnels: list[TunnelPair]) -> Iterable[Finding]:
    seen: dict[str, TunnelPair] = {}
    for pair in tunnels:
        first = seen.setdefault(pair.name, pair)
        if first is not pair:
            yield error(
                "duplicate-tunnel",
                pair.place,
                f"two tunnels have the name {shown(pair.name)}",
                f"commands and the log speak of tunnels by name; the first is at {first.place}",
                "rename one of them, or give its rules another `tunnel`",
            )
