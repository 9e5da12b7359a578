from __future__ import annotations

import errno
from dataclasses import replace
from ipaddress import ip_address, ip_network

import pytest

from gatewright.dataplane.interface import DataPlaneError
from gatewright.dataplane.kernel.layout import (
    POLICY_SIZE,
    Attribute,
    KernelSelector,
    Kind,
    PolicyHead,
    Verdict,
    Way,
    pack_policy_id,
    unpack_policy,
    unpack_template,
)
from gatewright.dataplane.kernel.policies import Policies
from gatewright.netlink.messages import attributes
from gatewright.policy.compiled import SpdEntry
from tests.support.policies import entry
from tests.unit.dataplane.kernel.doubles import FakeKernel

OURS, THEIRS = ip_address("203.0.113.1"), ip_address("203.0.113.2")
ELSEWHERE = ip_address("203.0.113.9")
FOREIGN = PolicyHead(
    KernelSelector(ip_network("10.9.0.0/24"), ip_network("10.2.0.0/24")),
    Way.OUT,
    Verdict.ALLOW,
    5,
    index=9,
)


def protect(number: int, remote: str = "10.2.0.0/24") -> SpdEntry:
    return replace(entry(number, "10.1.0.0/24", remote), gateways=(OURS, THEIRS))


@pytest.fixture
def kernel() -> FakeKernel:
    found = FakeKernel()
    found.policies[pack_policy_id(FOREIGN.selector, FOREIGN.way)] = FOREIGN.pack()
    return found


@pytest.fixture
def policies(kernel: FakeKernel) -> Policies:
    return Policies(kernel)


def peers(kernel: FakeKernel) -> set[str]:
    """The outer addresses of the outbound templates."""
    found = set()
    for payload in kernel.policies.values():
        head = unpack_policy(payload)
        template = unpack_template(attributes(payload[POLICY_SIZE:]).get(Attribute.TEMPLATE, b""))
        if head is not None and head.way is Way.OUT and template is not None:
            found.add(str(template.destination))
    return found


def test_an_spd_comes_changes_and_goes_and_others_stay(
    kernel: FakeKernel, policies: Policies
) -> None:
    policies.replace([protect(1)])
    assert (len(policies), len(kernel.policies)) == (3, 4)
    policies.replace([protect(1), protect(2, "10.3.0.0/24")])
    assert len(kernel.policies) == 7
    policies.clear()
    assert list(kernel.policies.values()) == [FOREIGN.pack()]


def test_what_stands_and_is_wanted_is_not_touched(kernel: FakeKernel, policies: Policies) -> None:
    policies.replace([protect(1)])
    kernel.log.clear()
    policies.replace([protect(1)])
    assert kernel.log == []


def test_those_of_an_earlier_process_are_taken_over(kernel: FakeKernel) -> None:
    Policies(kernel).replace([protect(1), protect(2, "10.3.0.0/24")])
    kernel.log.clear()
    after = Policies(kernel)
    after.replace([protect(1)])
    assert kernel.kinds() == [Kind.DELETE_POLICY] * 3
    assert len(after) == 3


def test_another_program_s_policy_is_a_refusal_and_undoes_nothing_of_before(
    kernel: FakeKernel, policies: Policies
) -> None:
    policies.replace([protect(1)])
    before = dict(kernel.policies)
    clash = replace(entry(3, "10.9.0.0/24", "10.2.0.0/24"), gateways=(OURS, THEIRS))
    with pytest.raises(DataPlaneError, match="from another program"):
        policies.replace([protect(2, "10.3.0.0/24"), clash])
    assert kernel.policies == before
    policies.replace([protect(1)])
    assert kernel.policies == before


def test_missing_privileges_are_explained(kernel: FakeKernel, policies: Policies) -> None:
    kernel.refuse[Kind.NEW_POLICY] = errno.EPERM
    with pytest.raises(DataPlaneError, match="CAP_NET_ADMIN"):
        policies.replace([protect(1)])


def test_a_tunnel_follows_its_peer_also_over_a_reassignment(
    kernel: FakeKernel, policies: Policies
) -> None:
    policies.replace([protect(1)])
    policies.follow(1, (OURS, ELSEWHERE))
    assert peers(kernel) == {str(ELSEWHERE)}
    kernel.log.clear()
    policies.follow(1, (OURS, ELSEWHERE))
    policies.replace([protect(1)])
    assert kernel.log == []
    policies.replace([])
    policies.replace([protect(1)])
    assert peers(kernel) == {str(THEIRS)}


def test_releasing_updates_the_outbound_policy_as_it_is(
    kernel: FakeKernel, policies: Policies
) -> None:
    policies.replace([protect(1)])
    kernel.log.clear()
    policies.release(1)
    (message,) = kernel.log
    assert message.kind == Kind.UPDATE_POLICY
    policies.release(99)


def test_what_somebody_took_away_is_put_back(kernel: FakeKernel, policies: Policies) -> None:
    assert not policies.restore(), "nothing is wanted"
    policies.replace([protect(1), protect(2, "10.3.0.0/24")])
    policies.follow(2, (OURS, ELSEWHERE))
    before = dict(kernel.policies)
    for key in list(before)[2:]:
        del kernel.policies[key]
    assert policies.restore()
    assert set(kernel.policies) == set(before)
    assert peers(kernel) == {str(THEIRS), str(ELSEWHERE)}
    assert not policies.restore(), "all of it stands"
