"""The short form to the long form: what a tunnel of ten lines stands for.

A tunnel becomes two unmirrored filter lists, a filter action, key-exchange settings and two rules,
as an administrator of IP security policies would have built them by hand.
"""

from __future__ import annotations

from dataclasses import replace

from gatewright.policy.addresses import versions_of
from gatewright.policy.model import (
    Direction,
    Filter,
    FilterList,
    Policy,
    Rule,
    Side,
    Tunnel,
)
from gatewright.policy.references import BUILT_IN_ACTIONS, DEFAULT_KEY_EXCHANGE


def expand(policy: Policy) -> Policy:
    """The same policy without short forms; it compiles to the same SPD and PAD."""
    taken = _Names(policy)
    lists: list[FilterList] = []
    actions = []
    exchanges = []
    rules: list[Rule] = []
    for tunnel in policy.tunnels:
        action = taken.fresh("filter_action", tunnel.name)
        exchange = taken.fresh("key_exchange", tunnel.name)
        actions.append(replace(tunnel.filter_action, name=action))
        exchanges.append(replace(tunnel.key_exchange, name=exchange))
        for direction in Direction:
            name = f"{tunnel.name}, {direction.value}"
            listed = _filter_list(taken.fresh("filter_list", name), tunnel, direction)
            lists.append(listed)
            rule = _rule(taken.fresh("rule", name), tunnel, direction)
            rules.append(
                replace(rule, filter_list=listed.name, filter_action=action, key_exchange=exchange)
            )
    return replace(
        policy,
        tunnels=(),
        filter_lists=(*lists, *policy.filter_lists),
        filter_actions=(*actions, *policy.filter_actions),
        key_exchanges=(*exchanges, *policy.key_exchanges),
        rules=(*rules, *policy.rules),
    )


class _Names:
    """Names that are in use, so that an expansion does not take one of the administrator's."""

    def __init__(self, policy: Policy) -> None:
        self._taken = {
            "filter_list": {one.name for one in policy.filter_lists},
            "filter_action": {one.name for one in policy.filter_actions} | set(BUILT_IN_ACTIONS),
            "key_exchange": {one.name for one in policy.key_exchanges} | {DEFAULT_KEY_EXCHANGE},
            "rule": {one.name for one in policy.rules},
        }

    def fresh(self, kind: str, name: str) -> str:
        taken = self._taken[kind]
        candidate, count = name, 1
        while candidate in taken:
            count += 1
            candidate = f"{name} ({count})"
        taken.add(candidate)
        return candidate


def _ends(tunnel: Tunnel, direction: Direction) -> tuple[Side, Side]:
    """Where packets of this direction come from, and where they go."""
    if direction is Direction.OUTBOUND:
        return tunnel.local, tunnel.remote
    return tunnel.remote, tunnel.local


def _filter_list(name: str, tunnel: Tunnel, direction: Direction) -> FilterList:
    source, destination = _ends(tunnel, direction)
    filters = tuple(
        Filter(a, b, mirrored=False, place=source.place)
        for a in source.networks
        for b in destination.networks
        if versions_of(a) & versions_of(b)
    )
    return FilterList(name, filters, tunnel.description, tunnel.place)


def _rule(name: str, tunnel: Tunnel, direction: Direction) -> Rule:
    _, destination = _ends(tunnel, direction)
    return Rule(
        name=name,
        filter_list="",
        filter_action="",
        secret=tunnel.secret,
        endpoint=destination.endpoint,
        endpoint_identity=destination.identity,
        connection_type=tunnel.connection_type,
        enabled=tunnel.enabled,
        tunnel=tunnel.name,
        direction=direction,
        start=tunnel.start,
        description=tunnel.description,
        place=tunnel.place,
    )
