"""CREATE_CHILD_SA for a new child SA."""

from __future__ import annotations

import pytest

from gatewright.iana.ikev2 import NotifyType
from gatewright.ike.outputs import Fault, InstallChildSa
from gatewright.ike.v2.errors import (
    InvalidKePayload,
    NoAdditionalSas,
    PeerRefused,
    PeerViolation,
    TemporaryFailure,
)
from gatewright.ike.v2.sa import IkeSa
from gatewright.ike.v2.states import Event
from gatewright.ike.v2.tasks.child_create import MAX_ATTEMPTS, MAX_CHILDREN, CreateChild, respond
from gatewright.ike.v2.tasks.delete import DeleteIke, DeleteSpi
from gatewright.wire.v2.message import select
from gatewright.wire.v2.payloads.ke import KePayload
from gatewright.wire.v2.payloads.notify import NotifyPayload
from tests.support.gateways import child, connection, esp, mirrored
from tests.unit.ike.v2.linked import NOW, carry, established, failures, finish, inbound
from tests.unit.ike.v2.test_children import entry

PFS = connection(child(esp("aes-128-gcm+x25519")))


@pytest.mark.parametrize("side", [connection(), PFS])
def test_both_sides_install_the_same_keys(side: object) -> None:
    a, b = established(side)  # type: ignore[arg-type]
    carry(CreateChild(a.connection.children[0], None), a, respond, b)
    (at_a,), (at_b,) = (
        [each.sa for each in sa.outputs if isinstance(each, InstallChildSa)] for sa in (a, b)
    )
    assert at_a.keys_in == at_b.keys_out
    assert at_a.keys_out == at_b.keys_in
    assert not at_a.outbound_standby
    assert at_b.outbound_standby


def test_a_child_that_came_meanwhile_is_not_made_again() -> None:
    a, _ = established()
    a.children.install(entry(), initiator=False, replaces=None)
    assert CreateChild(child(), None).build(a, NOW) is None


def test_another_group() -> None:
    both = connection(child(esp("aes-128-gcm+x25519"), esp("aes-128-gcm+ecp-256")))
    a, b = established(both, mirrored(connection(child(esp("aes-128-gcm+ecp-256")))))
    task = CreateChild(a.connection.children[0], None)
    with pytest.raises(InvalidKePayload) as caught:
        carry(task, a, respond, b)
    data = caught.value.notify_data
    again = finish(task, a, [NotifyPayload(NotifyType.INVALID_KE_PAYLOAD, data)])
    assert isinstance(again, CreateChild)
    carry(again, a, respond, b)
    assert len(a.children) == len(b.children) == 1


def test_a_key_exchange_without_a_public_value() -> None:
    a, b = established(PFS)
    request = CreateChild(a.connection.children[0], None).build(a, NOW)
    assert request is not None
    without = [each for each in request if not isinstance(each, KePayload)]
    with pytest.raises(InvalidKePayload):
        respond(b, inbound(b, 36, without, response=False), NOW)

    task = CreateChild(a.connection.children[0], None)
    request = task.build(a, NOW)
    assert request is not None
    response = respond(b, inbound(b, 36, request, response=False), NOW)
    without = [each for each in response if not isinstance(each, KePayload)]
    with pytest.raises(PeerViolation):
        finish(task, a, without)


def test_while_the_ike_sa_is_rekeyed_the_peer_has_to_wait() -> None:
    a, b = established()
    b.advance(Event.REKEY_REQUESTED)
    with pytest.raises(TemporaryFailure):
        carry(CreateChild(child(), None), a, respond, b)


def refuse(task: CreateChild, kind: int) -> IkeSa:
    a, _ = established()
    task.build(a, NOW)
    with pytest.raises(PeerRefused) as caught:
        finish(task, a, [NotifyPayload(kind)])
    task.failed(a, caught.value, NOW)
    return a


def test_a_temporary_failure_is_tried_again_a_few_times() -> None:
    a = refuse(CreateChild(child(), None), NotifyType.TEMPORARY_FAILURE)
    assert failures(a) == []
    when = a.agenda.next_timeout()
    assert when is not None
    assert NOW + 1 <= when <= NOW + 2
    last = CreateChild(child(), None, attempt=MAX_ATTEMPTS)
    a = refuse(last, NotifyType.TEMPORARY_FAILURE)
    assert a.agenda.next_timeout() is None
    assert failures(a)[0].fault is Fault.REFUSED


def test_a_peer_that_makes_no_children_here_gets_another_ike_sa() -> None:
    a = refuse(CreateChild(child(), None), NotifyType.NO_ADDITIONAL_SAS)
    assert failures(a)[0].policy_ids == (1,)
    assert isinstance(a.agenda.next(), DeleteIke)


def test_what_we_cannot_accept_is_deleted_at_the_peer() -> None:
    a, b = established()
    task = CreateChild(child(), None)
    request = task.build(a, NOW)
    assert request is not None
    response = respond(b, inbound(b, 36, request, response=False), NOW)
    security = response[0]
    with pytest.raises(PeerViolation) as caught:
        finish(task, a, [type(security)(security.proposals * 2), *response[1:]])  # type: ignore
    task.failed(a, caught.value, NOW)
    assert isinstance(a.agenda.next(), DeleteSpi)
    assert not select(response, NotifyPayload)


def test_a_peer_cannot_make_child_sas_without_end() -> None:
    a, b = established()
    for number in range(MAX_CHILDREN):
        b.children.install(entry(0x5000 + number, number + 1), initiator=False, replaces=None)
    with pytest.raises(NoAdditionalSas):
        carry(CreateChild(child(), None), a, respond, b)
