"""Names that one section of a policy uses for another: each has to exist."""

from __future__ import annotations

from collections.abc import Iterable

from gatewright.policy.findings import NOWHERE, Finding, error
from gatewright.policy.model import (
    ActionKind,
    FilterAction,
    KeyExchange,
    Policy,
    Rule,
)
from gatewright.policy.profiles import DEFAULT_VERSION, ProfileName, find_profile
from gatewright.policy.reading import nearest, shown

DEFAULT_KEY_EXCHANGE = "default"

BUILT_IN_ACTIONS = {
    kind.value: FilterAction(kind.value, kind) for kind in (ActionKind.PERMIT, ActionKind.BLOCK)
}


def built_in_key_exchange() -> KeyExchange:
    """The settings of rules that name none, where the policy has no `default`."""
    version = DEFAULT_VERSION[ProfileName.MODERN]
    profile = find_profile(ProfileName.MODERN, version)
    assert profile is not None, "each profile exists in its default version"
    return KeyExchange(
        name=DEFAULT_KEY_EXCHANGE,
        version=version,
        methods=profile.ike_methods(NOWHERE),
        lifetime=profile.ike_lifetime,
        profile=ProfileName.MODERN.value,
    )


def unresolved(policy: Policy) -> Iterable[Finding]:
    """References to names that the policy does not have."""
    lists = [one.name for one in policy.filter_lists]
    actions = [one.name for one in policy.filter_actions] + list(BUILT_IN_ACTIONS)
    exchanges = [one.name for one in policy.key_exchanges] + [DEFAULT_KEY_EXCHANGE]
    for rule in policy.rules:
        yield from _unknown(rule, "filter_list", rule.filter_list, lists)
        yield from _unknown(rule, "filter_action", rule.filter_action, actions)
        if rule.key_exchange:
            yield from _unknown(rule, "key_exchange", rule.key_exchange, exchanges)


def _unknown(rule: Rule, key: str, name: str, known: list[str]) -> Iterable[Finding]:
    if not name or name in known:
        return
    near = nearest(name, known)
    choice = f"the policy has {', '.join(known)}" if known else "the policy has none yet"
    yield error(
        "unknown-reference",
        rule.place,
        f"rule {shown(rule.name)} uses {shown(name)}: there is no such {key.replace('_', ' ')}",
        "a rule without it would protect nothing",
        f"write `{near}`" if near else f"define it; {choice}",
    )
