"""What front-ends can do with a policy file without a running gateway: check, show, expand.

Everything works on the text that it is given; ``own_addresses`` alone asks the machine.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from pydantic import Field

from gatewright.control.models import Finding, Model, Problem
from gatewright.host.names import HostError, HostNames
from gatewright.host.netlink import local_addresses
from gatewright.ipsec.selectors import IPAddress, TrafficSelector
from gatewright.policy import findings as policy_findings
from gatewright.policy.addresses import Resolver
from gatewright.policy.checks.run import check_policy
from gatewright.policy.checks.view import SecretKnowledge
from gatewright.policy.compile import compile_policy
from gatewright.policy.compiled import Child, CompiledPolicy, Connection, EspProposal, IkeProposal
from gatewright.policy.expand import expand
from gatewright.policy.findings import PolicyError, Severity
from gatewright.policy.load import load_policy
from gatewright.policy.model import Policy
from gatewright.policy.write import write_long_form


class CheckResult(Model):
    """``findings`` in the order of the file; ``ok`` unless one of them is an error."""

    file: str
    ok: bool
    errors: int
    warnings: int
    notes: int
    findings: list[Finding] = Field(default_factory=list)


class ShownChild(Model):
    """One child SA to be: its SPD entry's number, its selectors, its security methods in order."""

    name: str
    policy_id: int
    local: list[str]
    remote: list[str]
    esp: list[str]
    lifetime_seconds: int
    lifetime_kilobytes: int
    start: str


class ShownConnection(Model):
    """One peer: what this gateway proposes and accepts.  ``preshared_key`` is the key's name."""

    name: str
    ike_version: int
    local: str
    remote: str
    local_identity: str
    remote_identity: str
    preshared_key: str
    ike: list[str]
    lifetime_seconds: int
    nat_traversal: str
    dpd_delay_seconds: int
    source: str
    children: list[ShownChild]


class ShownSpdEntry(Model):
    """One line of the security policy database, in order of evaluation."""

    id: int
    action: str
    name: str
    local: list[str]
    remote: list[str]


class ShownPolicy(Model):
    """A compiled policy for people and programs."""

    name: str
    file: str
    internal_interface: str | None
    external_interface: str | None
    connections: list[ShownConnection]
    spd: list[ShownSpdEntry]
    preshared_keys: list[str]


class PolicyRefusedError(Exception):
    """The text is no usable policy; the problem's findings say why."""

    def __init__(self, findings: Iterable[Finding]) -> None:
        self.problem = Problem(
            code="policy-error",
            what="The policy has errors.",
            findings=list(findings),
        )
        super().__init__("; ".join(one.what for one in self.problem.findings))


def check(
    text: str,
    filename: str,
    *,
    addresses: Sequence[IPAddress] = (),
    resolve: Resolver | None = None,
    secrets: SecretKnowledge | None = None,
) -> CheckResult:
    """Everything worth saying about a policy's text.

    ``addresses`` are the gateway's own, empty when they are not known here; ``resolve`` looks DNS
    names up, None when they are not to be.
    """
    try:
        found = check_policy(load_policy(text, filename), addresses, resolve, secrets)
    except PolicyError as error:
        found = error.findings
    counts = {one: sum(f.severity is one for f in found) for one in Severity}
    return CheckResult(
        file=filename,
        ok=counts[Severity.ERROR] == 0,
        errors=counts[Severity.ERROR],
        warnings=counts[Severity.WARNING],
        notes=counts[Severity.NOTE],
        findings=[finding_model(one) for one in found],
    )


def expanded(text: str, filename: str) -> str:
    """The long form of a policy, as the text of a policy file.  Raises ``PolicyRefusedError``."""
    return write_long_form(expand(_load(text, filename)))


def shown(
    text: str,
    filename: str,
    *,
    addresses: Sequence[IPAddress] = (),
    resolve: Resolver | None = None,
) -> ShownPolicy:
    """What a policy compiles to.  Raises ``PolicyRefusedError``."""
    policy = _load(text, filename)
    try:
        return _shown(compile_policy(policy, addresses, resolve))
    except PolicyError as error:
        raise _refused(error) from None


def gateway_addresses(
    text: str, filename: str, given: Iterable[IPAddress]
) -> tuple[IPAddress, ...]:
    """The gateway's addresses: those given, else this machine's if it is a gateway of the policy.

    So that a check on the gateway knows its addresses, and one on a desk does not complain that
    the desk has others.
    """
    chosen = tuple(given)
    if chosen:
        return chosen
    try:
        endpoints = _endpoints(load_policy(text, filename))
        mine = tuple(one.ip for one in local_addresses(HostNames()))
    except (PolicyError, HostError, OSError):
        return ()
    return mine if endpoints.intersection(mine) else ()


def finding_model(finding: policy_findings.Finding) -> Finding:
    """A finding as it goes over the control interface."""
    return Finding(
        code=finding.code,
        severity=finding.severity.value,
        file=finding.place.file,
        line=finding.place.line,
        what=finding.what,
        why=finding.why,
        instead=finding.instead,
    )


def _load(text: str, filename: str) -> Policy:
    try:
        return load_policy(text, filename)
    except PolicyError as error:
        raise _refused(error) from None


def _refused(error: PolicyError) -> PolicyRefusedError:
    return PolicyRefusedError(finding_model(one) for one in error.findings)


def _endpoints(policy: Policy) -> set[IPAddress]:
    sides = [side.endpoint for one in policy.tunnels for side in (one.local, one.remote)]
    rules = [rule.endpoint for rule in policy.rules if rule.endpoint is not None]
    return {one.address for one in (*sides, *rules) if one.address is not None}


def _shown(compiled: CompiledPolicy) -> ShownPolicy:
    return ShownPolicy(
        name=compiled.name,
        file=compiled.source,
        internal_interface=compiled.internal_interface,
        external_interface=compiled.external_interface,
        connections=[_connection(one) for one in compiled.connections],
        spd=[
            ShownSpdEntry(
                id=one.id,
                action=one.action.value,
                name=one.name,
                local=_texts(one.local),
                remote=_texts(one.remote),
            )
            for one in compiled.spd
        ],
        preshared_keys=sorted(compiled.secrets),
    )


def _connection(one: Connection) -> ShownConnection:
    return ShownConnection(
        name=one.name,
        ike_version=one.version.value,
        local=str(one.local),
        remote=str(one.remote),
        local_identity=str(one.local_identity),
        remote_identity=str(one.remote_identity),
        preshared_key=one.authentication.secret,
        ike=[_algorithms(proposal) for proposal in one.proposals],
        lifetime_seconds=one.lifetime,
        nat_traversal=one.nat_traversal.value,
        dpd_delay_seconds=one.dpd_delay,
        source=one.source,
        children=[_child(child) for child in one.children],
    )


def _child(one: Child) -> ShownChild:
    return ShownChild(
        name=one.name,
        policy_id=one.policy_id,
        local=_texts(one.local),
        remote=_texts(one.remote),
        esp=[_algorithms(proposal) for proposal in one.proposals],
        lifetime_seconds=one.proposals[0].lifetime_seconds,
        lifetime_kilobytes=one.proposals[0].lifetime_kilobytes,
        start=one.start.value,
    )


def _texts(selectors: Iterable[TrafficSelector]) -> list[str]:
    return [str(one) for one in selectors]


def _algorithms(proposal: IkeProposal | EspProposal) -> str:
    """In a policy's own text, where the prf is that of the integrity unless it is written."""
    prf = proposal.prf if isinstance(proposal, IkeProposal) else None
    if prf is not None and proposal.integrity is not None and proposal.integrity.hash == prf.hash:
        prf = None
    rows = (proposal.cipher, proposal.integrity, prf, proposal.group)
    return " / ".join(row.name for row in rows if row is not None)
