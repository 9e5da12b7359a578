"""What stands in the policy and has no effect."""

from __future__ import annotations

from collections.abc import Iterable

from gatewright.policy.checks.view import View
from gatewright.policy.compiled import ConnectionType
from gatewright.policy.findings import Finding, Place, error, note, warning
from gatewright.policy.model import Rule, Tunnel
from gatewright.policy.reading import shown
from gatewright.policy.references import DEFAULT_KEY_EXCHANGE


def check(view: View) -> Iterable[Finding]:
    yield from _nothing(view)
    yield from _disabled(view)
    yield from _unreferenced(view)
    yield from _connection_types(view)


def _nothing(view: View) -> Iterable[Finding]:
    policy = view.policy
    if not policy.tunnels and not policy.rules:
        yield error(
            "no-rule",
            policy.place,
            "the policy has no tunnel and no rule",
            "it protects nothing",
            "write a tunnel under `tunnels`",
        )
    elif not any(rule.enabled for rule in view.expanded.rules):
        yield warning(
            "no-rule",
            policy.place,
            "no tunnel or rule of the policy is enabled",
            "it protects nothing",
            "remove `enabled: no` where it should take part",
        )


def _disabled(view: View) -> Iterable[Finding]:
    kinds: dict[str, tuple[Tunnel | Rule, ...]] = {
        "tunnel": view.policy.tunnels,
        "rule": view.policy.rules,
    }
    for kind, members in kinds.items():
        for one in members:
            if not one.enabled:
                yield note(
                    "disabled",
                    one.place,
                    f"{kind} {shown(one.name)} is disabled",
                    "its packets are not protected and not blocked by it",
                    "remove `enabled: no` when it should take part",
                )


def _unreferenced(view: View) -> Iterable[Finding]:
    policy = view.policy
    used_lists = {rule.filter_list for rule in policy.rules}
    used_actions = {rule.filter_action for rule in policy.rules}
    used_exchanges = {rule.key_exchange or DEFAULT_KEY_EXCHANGE for rule in policy.rules}
    for filter_list in policy.filter_lists:
        if filter_list.name not in used_lists:
            yield _unused("filter list", filter_list.name, filter_list.place)
    for action in policy.filter_actions:
        if action.name not in used_actions:
            yield _unused("filter action", action.name, action.place)
    for exchange in policy.key_exchanges:
        if exchange.name not in used_exchanges:
            yield _unused("key exchange", exchange.name, exchange.place)


def _unused(kind: str, name: str, place: Place) -> Finding:
    return warning(
        "unused",
        place,
        f"no rule uses the {kind} {shown(name)}",
        "it has no effect; a rule may be missing",
        "name it in a rule, or remove it",
    )


def _connection_types(view: View) -> Iterable[Finding]:
    for tunnel in view.parts.tunnels:
        if tunnel.connection.connection_type is ConnectionType.REMOTE_ACCESS:
            yield note(
                "connection-type",
                tunnel.pair.place,
                f"tunnel {shown(tunnel.pair.name)} is for remote-access connections only",
                "it takes part when the external interface is a point-to-point link (PPP, ISDN)",
                "write `connection_type: all`, unless that is meant",
            )
