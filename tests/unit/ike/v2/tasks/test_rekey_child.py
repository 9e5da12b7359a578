"""CREATE_CHILD_SA that rekeys a child SA; collisions are in ``tests/exchange/v2``."""

from __future__ import annotations

import pytest

from gatewright.iana.ikev2 import NotifyType, ProtocolId
from gatewright.ike.v2.children import ChildEntry, ChildState, PeerRekey
from gatewright.ike.v2.errors import ChildSaNotFound, InvalidSyntax, PeerRefused, TemporaryFailure
from gatewright.ike.v2.sa import IkeSa
from gatewright.ike.v2.states import Event
from gatewright.ike.v2.tasks import child_create
from gatewright.ike.v2.tasks.child_create import CreateChild
from gatewright.ike.v2.tasks.delete import DeleteChild
from gatewright.ike.v2.tasks.rekey_child import RekeyChild, respond
from gatewright.wire.v2.payloads.notify import NotifyPayload
from tests.support.gateways import child
from tests.unit.ike.v2.linked import NOW, carry, established, failures, finish, inbound


def joined() -> tuple[IkeSa, IkeSa, ChildEntry, ChildEntry]:
    """Two IKE SAs with a child SA between them."""
    a, b = established()
    carry(CreateChild(child(), None), a, child_create.respond, b)
    (at_a,), (at_b,) = list(a.children), list(b.children)
    return a, b, at_a, at_b


def test_the_new_one_replaces_the_old_one_on_both_sides() -> None:
    a, b, old_a, old_b = joined()
    carry(RekeyChild(old_a), a, respond, b)
    assert old_a.state is old_b.state is ChildState.REPLACED
    new_a, new_b = a.children.get(old_a.replaced_by or 0), b.children.get(old_b.replaced_by or 0)
    assert new_a is not None
    assert new_b is not None
    assert new_a.sa.keys_out == new_b.sa.keys_in
    assert (new_a.sa.outbound_standby, new_b.sa.outbound_standby) == (False, True)
    assert isinstance(a.agenda.next(), DeleteChild)
    assert b.agenda.next() is None


def test_the_request_names_our_inbound_spi() -> None:
    a, _, old, _ = joined()
    request = RekeyChild(old).build(a, NOW)
    assert request is not None
    spi = old.spi_in.to_bytes(4, "big")
    assert request[0] == NotifyPayload(NotifyType.REKEY_SA, b"", ProtocolId.ESP, spi)


@pytest.mark.parametrize("state", [ChildState.REPLACED, ChildState.DELETING, ChildState.REDUNDANT])
def test_nothing_is_asked_for_one_that_is_going(state: ChildState) -> None:
    a, _, old, _ = joined()
    old.state = state
    assert RekeyChild(old).build(a, NOW) is None


def test_the_peer_was_faster_while_we_waited_for_the_window() -> None:
    a, _, old, _ = joined()
    old.state, old.peer_rekey = ChildState.REKEYING, PeerRekey(0x77, b"n")
    assert RekeyChild(old).build(a, NOW) is None
    assert (old.state, old.replaced_by) == (ChildState.REPLACED, 0x77)


@pytest.mark.parametrize("state", [ChildState.REPLACED, ChildState.DELETING, ChildState.REDUNDANT])
def test_one_that_is_being_closed_is_a_temporary_failure(state: ChildState) -> None:
    a, b, old_a, old_b = joined()
    old_b.state = state
    with pytest.raises(TemporaryFailure):
        carry(RekeyChild(old_a), a, respond, b)


def test_one_that_is_not_known_is_named_in_the_answer() -> None:
    a, b, old_a, old_b = joined()
    b.children.deleted(old_b, NOW, "gone", 5.0)
    with pytest.raises(ChildSaNotFound) as caught:
        carry(RekeyChild(old_a), a, respond, b)
    assert caught.value.spi == old_a.spi_in.to_bytes(4, "big")


def test_while_the_ike_sa_is_rekeyed_the_peer_has_to_wait() -> None:
    a, b, old, _ = joined()
    b.advance(Event.REKEY_REQUESTED)
    with pytest.raises(TemporaryFailure):
        carry(RekeyChild(old), a, respond, b)


def test_a_notify_without_an_esp_spi_is_invalid() -> None:
    a, b, old, _ = joined()
    request = list(RekeyChild(old).build(a, NOW) or ())
    for bad in (
        NotifyPayload(NotifyType.REKEY_SA),
        NotifyPayload(NotifyType.REKEY_SA, b"", ProtocolId.AH, b"1234"),
        NotifyPayload(NotifyType.REKEY_SA, b"", ProtocolId.ESP, b"12345678"),
    ):
        with pytest.raises(InvalidSyntax):
            respond(b, inbound(b, 36, [bad, *request[1:]], response=False), NOW)


def test_our_own_rekey_goes_on_while_the_peer_rekeys_the_same() -> None:
    a, b, old_a, old_b = joined()
    ours = RekeyChild(old_a)
    ours.build(a, NOW)
    carry(RekeyChild(old_b), b, respond, a)
    assert old_a.state is ChildState.REKEYING
    assert old_a.peer_rekey is not None
    assert len(old_a.peer_rekey.lowest_nonce) == 32


def refused(kind: int) -> tuple[IkeSa, ChildEntry]:
    a, _, old, _ = joined()
    task = RekeyChild(old)
    task.build(a, NOW)
    old.rekey_at = None
    with pytest.raises(PeerRefused) as caught:
        finish(task, a, [NotifyPayload(kind)])
    task.failed(a, caught.value, NOW)
    return a, old


def test_not_found_means_beginning_from_scratch() -> None:
    a, old = refused(NotifyType.CHILD_SA_NOT_FOUND)
    assert a.children.get(old.spi_in) is None
    assert isinstance(a.agenda.next(), CreateChild)
    assert failures(a) == []


def test_a_temporary_failure_is_tried_again_soon() -> None:
    a, old = refused(NotifyType.TEMPORARY_FAILURE)
    assert old.state is ChildState.INSTALLED
    assert old.rekey_at is not None
    assert NOW + 1 <= old.rekey_at <= NOW + 2
    assert failures(a) == []


def test_any_other_refusal_is_reported_and_tried_again_later() -> None:
    a, old = refused(NotifyType.NO_PROPOSAL_CHOSEN)
    assert old.state is ChildState.INSTALLED
    assert old.rekey_at == NOW + (old.expire_at - NOW) / 2
    (failure,) = failures(a)
    assert (failure.mode, failure.policy_ids) == ("child SA rekey", ())


def test_a_refusal_of_one_that_the_peer_replaced_is_no_failure() -> None:
    a, _, old, _ = joined()
    task = RekeyChild(old)
    task.build(a, NOW)
    old.peer_rekey = PeerRekey(0x77, b"n")
    with pytest.raises(PeerRefused) as caught:
        finish(task, a, [NotifyPayload(NotifyType.TEMPORARY_FAILURE)])
    task.failed(a, caught.value, NOW)
    assert (old.state, old.replaced_by) == (ChildState.REPLACED, 0x77)
    assert failures(a) == []
