"""From a policy file's text to what can be put in force, or to a refusal that says why."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from ipaddress import ip_address

from gatewright.control import models
from gatewright.control.policies import finding_model
from gatewright.control.service import CommandRefusedError
from gatewright.daemon.secrets import SecretStore
from gatewright.ike.machine import SecretSource
from gatewright.ipsec.selectors import IPAddress
from gatewright.policy.checks.run import check_policy
from gatewright.policy.checks.view import SecretKnowledge
from gatewright.policy.compile import compile_policy
from gatewright.policy.compiled import CompiledPolicy
from gatewright.policy.findings import Finding, PolicyError, Severity
from gatewright.policy.load import load_policy


@dataclass(frozen=True, slots=True)
class Prepared:
    """A policy ready to be put in force; ``findings`` are warnings and notes."""

    compiled: CompiledPolicy
    secrets: SecretSource
    findings: tuple[models.Finding, ...] = ()


Preparer = Callable[[str, str, Sequence[IPAddress]], Prepared]
"""Takes the text, the file's name and this machine's addresses.  Raises CommandRefusedError."""


def preparer(secrets: SecretStore) -> Preparer:
    """Policies whose keys lie in this store.  Looks DNS names up: call it where that may block."""
    return partial(_prepare, secrets)


def _prepare(
    secrets: SecretStore, text: str, filename: str, addresses: Sequence[IPAddress]
) -> Prepared:
    knowledge = SecretKnowledge(secrets.problem, secrets.names())
    try:
        policy = load_policy(text, filename)
        findings = check_policy(policy, addresses, resolve, knowledge)
        errors = [each for each in findings if each.severity is Severity.ERROR]
        if errors:
            raise refused(errors)
        compiled = compile_policy(policy, addresses, resolve)
    except PolicyError as error:
        raise refused(error.findings) from None
    _require_own_addresses(compiled, addresses)
    return Prepared(compiled, secrets, tuple(finding_model(each) for each in findings))


def resolve(name: str) -> list[IPAddress]:
    """The addresses of a DNS name; none when there is no such name or no answer."""
    try:
        found = socket.getaddrinfo(name, None, type=socket.SOCK_DGRAM)
    except OSError:
        return []
    return list(dict.fromkeys(ip_address(each[4][0]) for each in found))


def refused(findings: Iterable[Finding]) -> CommandRefusedError:
    """The refusal of a policy with these errors."""
    shown = [finding_model(each) for each in findings]
    count = "an error" if len(shown) == 1 else f"{len(shown)} errors"
    problem = models.Problem(
        code="policy-error",
        what=f"The policy has {count} and was not put in force.",
        advice="Correct the file; 'gatewright check FILE' looks at it without a running gateway.",
        findings=shown,
    )
    return CommandRefusedError(422, problem)


def _require_own_addresses(compiled: CompiledPolicy, addresses: Sequence[IPAddress]) -> None:
    for connection in compiled.connections:
        if connection.local not in addresses:
            own = ", ".join(map(str, addresses)) or "none"
            raise _not_ready(
                "not-our-address",
                f'The local endpoint {connection.local} of tunnel "{connection.name}" '
                f"({connection.source}) is no address of this machine.",
                f"Its addresses are: {own}.",
                "Give the external interface that address, or correct the local endpoint.",
            )


def _not_ready(code: str, what: str, why: str, advice: str) -> CommandRefusedError:
    return CommandRefusedError(422, models.Problem(code=code, what=what, why=why, advice=advice))
