"""CREATE_CHILD_SA that rekeys the IKE SA; collisions are in ``tests/exchange/v2``."""

from __future__ import annotations

import pytest

from gatewright.iana.ikev2 import NotifyType
from gatewright.ike.v2.errors import (
    InvalidKePayload,
    NoProposalChosen,
    PeerRefused,
    TemporaryFailure,
)
from gatewright.ike.v2.sa import IkeSa, Timer
from gatewright.ike.v2.states import State
from gatewright.ike.v2.tasks.child_create import CreateChild
from gatewright.ike.v2.tasks.delete import DeleteIke
from gatewright.ike.v2.tasks.rekey_ike import RekeyIke, respond
from gatewright.wire.v2.payloads.notify import NotifyPayload
from tests.support.gateways import child, connection, ike, mirrored
from tests.unit.ike.v2.linked import NOW, Spawned, carry, established, failures, finish, told
from tests.unit.ike.v2.test_children import entry


def successor(sa: IkeSa) -> IkeSa:
    assert isinstance(sa.spawn, Spawned)
    (new,) = sa.spawn.sas
    return new


def test_the_new_ike_sas_have_the_same_fresh_keys_and_the_children() -> None:
    a, b = established()
    a.children.install(entry(0x1001, 0x2001), initiator=True, replaces=None)
    b.children.install(entry(0x2001, 0x1001), initiator=False, replaces=None)
    carry(RekeyIke(), a, respond, b)

    new_a, new_b = successor(a), successor(b)
    assert new_a.keys().keys == new_b.keys().keys
    assert new_a.keys().sk_d != a.keys().sk_d
    assert (new_a.spi_i, new_a.spi_r) == (new_b.spi_i, new_b.spi_r)
    assert (new_a.is_initiator, new_b.is_initiator) == (True, False)
    assert new_a.peer_identity == a.peer_identity
    for old, new in ((a, new_a), (b, new_b)):
        assert (old.state, new.state) == (State.REPLACED, State.ESTABLISHED)
        assert (len(old.children), len(new.children)) == (0, 1)
        assert "AdoptSession" in told(old)
    assert isinstance(a.agenda.next(), DeleteIke)
    assert b.agenda.next() is None
    assert list(b.timers) == [Timer.REPLACED]


def test_whoever_rekeys_is_the_initiator_of_the_new_ike_sa() -> None:
    a, b = established()
    carry(RekeyIke(), b, respond, a)
    assert successor(b).is_initiator
    assert not successor(a).is_initiator


def test_another_group() -> None:
    both = [ike("aes-128-gcm/prf-hmac-sha256/x25519"), ike("aes-128-gcm/prf-hmac-sha256/ecp-256")]
    a, b = established(connection(proposals=both), mirrored(connection(proposals=both)))
    b.connection = mirrored(connection(proposals=both[1:]))
    task = RekeyIke()
    with pytest.raises(InvalidKePayload) as caught:
        carry(task, a, respond, b)
    refusal = NotifyPayload(NotifyType.INVALID_KE_PAYLOAD, caught.value.notify_data)
    again = finish(task, a, [refusal])
    assert isinstance(again, RekeyIke)
    carry(again, a, respond, b)
    assert successor(a).keys().proposal.group.name == "ecp-256"


def test_nothing_in_common_any_more() -> None:
    a, b = established()
    b.connection = mirrored(connection(proposals=[ike("aes-256-gcm/prf-hmac-sha256/x25519")]))
    with pytest.raises(NoProposalChosen):
        carry(RekeyIke(), a, respond, b)
    assert b.state is State.ESTABLISHED


@pytest.mark.parametrize("kind", ["replaced", "deleting"])
def test_one_that_is_going_is_not_rekeyed(kind: str) -> None:
    a, b = established()
    if kind == "replaced":
        carry(RekeyIke(), b, respond, a)
        a, b = b, a
        b.state = State.REPLACED
        a.state = State.ESTABLISHED
    else:
        DeleteIke("down").build(b, NOW)
    with pytest.raises(TemporaryFailure):
        carry(RekeyIke(), a, respond, b)


def test_while_we_negotiate_a_child_the_peer_has_to_wait() -> None:
    a, b = established()
    b.current = CreateChild(child(), None)
    with pytest.raises(TemporaryFailure):
        carry(RekeyIke(), a, respond, b)


def refused(kind: int) -> IkeSa:
    a, _ = established()
    task = RekeyIke()
    task.build(a, NOW)
    with pytest.raises(PeerRefused) as caught:
        finish(task, a, [NotifyPayload(kind)])
    task.failed(a, caught.value, NOW)
    return a


def test_a_temporary_failure_is_tried_again_soon() -> None:
    a = refused(NotifyType.TEMPORARY_FAILURE)
    assert a.state is State.ESTABLISHED
    assert NOW + 1 <= a.timers[Timer.REKEY] <= NOW + 2
    assert failures(a) == []


def test_any_other_refusal_is_reported_and_tried_again_later() -> None:
    a = refused(NotifyType.NO_PROPOSAL_CHOSEN)
    assert a.timers[Timer.REKEY] == NOW + a.connection.lifetime / 2
    (failure,) = failures(a)
    assert (failure.mode, failure.policy_ids) == ("IKE SA rekey", ())
