"""A policy file's text to a ``Policy``."""

from __future__ import annotations

from pathlib import PurePath

from gatewright.policy import values
from gatewright.policy.compiled import Engine
from gatewright.policy.findings import Finding, PolicyError, error
from gatewright.policy.load_long import (
    load_filter_action,
    load_filter_list,
    load_key_exchange,
    load_rule,
)
from gatewright.policy.load_short import load_tunnel
from gatewright.policy.model import Interfaces, Policy
from gatewright.policy.reading import Report, Section, named_sections
from gatewright.policy.references import unresolved
from gatewright.policy.yaml_tree import Node, Scalar, parse_tree

MAX_FILTERS = 100_000


def load_policy(text: str, filename: str) -> Policy:
    """Read a policy; ``filename`` is for messages, nothing is opened.

    Raises ``PolicyError``, with every mistake found, when the text is no policy.  A policy that
    loads can still be unwise: see ``checks``.
    """
    report = Report()
    section = Section(report, parse_tree(text, filename), "policy", "the policy")

    def sections(kind: str, key: str) -> list[tuple[Scalar, Section]]:
        return named_sections(report, section.node(key), kind, key)

    policy = Policy(
        name=section.optional("name", values.text, PurePath(filename).stem or "policy"),
        description=section.optional("description", values.text, ""),
        interfaces=_interfaces(report, section.node("interfaces")),
        engine=section.optional("engine", values.choice(Engine), Engine.USER_SPACE),
        tunnels=tuple(load_tunnel(report, *one) for one in sections("tunnel", "tunnels")),
        filter_lists=tuple(
            load_filter_list(report, *one) for one in sections("filter list", "filter_lists")
        ),
        filter_actions=tuple(
            load_filter_action(report, *one) for one in sections("filter action", "filter_actions")
        ),
        key_exchanges=tuple(
            load_key_exchange(report, *one) for one in sections("key exchange", "key_exchange")
        ),
        rules=tuple(load_rule(report, *one) for one in sections("rule", "rules")),
        place=section.place,
    )
    for finding in unresolved(policy):
        report.add(finding)
    report.raise_if_any()
    if _filters(policy) > MAX_FILTERS:
        raise PolicyError([_too_many_filters(policy)])
    return policy


def _filters(policy: Policy) -> int:
    """How many filters the rules have, with tunnels expanded."""
    lengths = {one.name: len(one.filters) for one in policy.filter_lists}
    return sum(2 * len(one.local.networks) * len(one.remote.networks) for one in policy.tunnels) + (
        sum(lengths[rule.filter_list] for rule in policy.rules)
    )


def _too_many_filters(policy: Policy) -> Finding:
    return error(
        "too-many-filters",
        policy.place,
        f"the policy has {_filters(policy)} filters",
        f"more than {MAX_FILTERS} would take minutes and gigabytes; each local network of a tunnel "
        "counts with each remote one",
        "name larger networks, or split the policy",
    )


def _interfaces(report: Report, node: Node | None) -> Interfaces:
    if node is None:
        return Interfaces()
    section = Section(report, node, "interfaces", "`interfaces`")
    return Interfaces(
        internal=section.optional("internal", values.interface, None),
        external=section.optional("external", values.interface, None),
    )
