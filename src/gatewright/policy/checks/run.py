"""All checks of a policy, in the order of its lines."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

from gatewright.ipsec.selectors import IPAddress
from gatewright.policy.addresses import Resolver, Surroundings
from gatewright.policy.checks import (
    clear_text,
    endpoints,
    identities,
    lifetimes,
    networks,
    overlap,
    pfs,
    ports,
    secret_names,
    strength,
    unused,
)
from gatewright.policy.checks.view import SecretKnowledge, View
from gatewright.policy.compile import compile_parts
from gatewright.policy.expand import expand
from gatewright.policy.findings import Finding, Severity, in_order
from gatewright.policy.model import Policy

CHECKS: tuple[Callable[[View], Iterable[Finding]], ...] = (
    ports.check,
    clear_text.check,
    overlap.check,
    networks.check,
    endpoints.check,
    strength.check,
    pfs.check,
    lifetimes.check,
    secret_names.check,
    identities.check,
    unused.check,
)


def check_policy(
    policy: Policy,
    local_addresses: Iterable[IPAddress] = (),
    resolve: Resolver | None = None,
    secrets: SecretKnowledge | None = None,
) -> tuple[Finding, ...]:
    """Everything worth saying about a policy.  One with an ERROR must not be assigned.

    Without ``local_addresses`` or ``resolve``, what depends on them is a note.
    """
    surroundings = Surroundings.of(local_addresses, resolve)
    parts = compile_parts(policy, surroundings)
    view = View(policy, expand(policy), parts, surroundings.local_addresses, secrets)
    findings = [_as_far_as_known(one, surroundings) for one in parts.findings]
    for check in CHECKS:
        findings.extend(check(view))
    return in_order(findings)


def _as_far_as_known(finding: Finding, surroundings: Surroundings) -> Finding:
    """What only the gateway can know is no mistake where the policy is merely looked at."""
    known = {
        "me-unknown": bool(surroundings.local_addresses),
        "unresolved-name": surroundings.resolve is not None,
    }
    if known.get(finding.code, True):
        return finding
    return replace(finding, severity=Severity.NOTE)
