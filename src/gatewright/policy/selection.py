"""A tunnel's selectors to the children that negotiate them.

Quick mode of IKEv1 carries one pair of subnets, so that each pair is a child (RFC 2409 section
5.5).  An IKEv2 child carries two sets of selectors and protects every combination of them (RFC 7296
section 2.9), so that one child is right for all pairs of which each source has each destination.
"""

from __future__ import annotations

from collections.abc import Sequence

from gatewright.ipsec.selectors import TrafficSelector
from gatewright.policy.addresses import SelectorPair

SelectorSets = tuple[tuple[TrafficSelector, ...], tuple[TrafficSelector, ...]]


def one_by_one(pairs: Sequence[SelectorPair]) -> list[SelectorSets]:
    """A child for each pair, for IKEv1."""
    return [((local,), (remote,)) for local, remote in dict.fromkeys(pairs)]


def combined(pairs: Sequence[SelectorPair]) -> list[SelectorSets]:
    """As few children as protect these pairs and no other, for IKEv2."""
    remotes: dict[TrafficSelector, dict[TrafficSelector, None]] = {}
    for local, remote in pairs:
        remotes.setdefault(local, {})[remote] = None
    locals_: dict[tuple[TrafficSelector, ...], list[TrafficSelector]] = {}
    for local, targets in remotes.items():
        locals_.setdefault(tuple(sorted(targets, key=selector_key)), []).append(local)
    sets = [
        (tuple(sorted(sources, key=selector_key)), targets) for targets, sources in locals_.items()
    ]
    return _both_versions(sets)


def selector_key(selector: TrafficSelector) -> tuple[int, int, int, int, int, int]:
    """A total order, so that the order of networks in the file makes no difference."""
    return (
        selector.version,
        int(selector.first),
        int(selector.last),
        selector.protocol,
        selector.first_port,
        selector.last_port,
    )


def _both_versions(sets: list[SelectorSets]) -> list[SelectorSets]:
    """An IPv4 and an IPv6 set are one child: no packet combines the versions."""
    if len(sets) != 2:
        return sets
    (local, remote), (other_local, other_remote) = sorted(sets, key=lambda s: s[0][0].version)
    if local[0].version == other_local[0].version:
        return sets
    return [(local + other_local, remote + other_remote)]


def describe(selectors: SelectorSets) -> str:
    """For the name of a child: ``10.0.0.0/24 to 10.1.0.0/24``."""
    return " to ".join(", ".join(str(one) for one in side) for side in selectors)
