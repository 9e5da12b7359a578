"""INFORMATIONAL with Delete payloads."""

from __future__ import annotations

from gatewright.iana.ikev2 import ProtocolId
from gatewright.ike.outputs import ChildSaClosed, IkeSaClosed
from gatewright.ike.v2.children import ChildState, PeerRekey
from gatewright.ike.v2.errors import InvalidSyntax
from gatewright.ike.v2.sa import IkeSa
from gatewright.ike.v2.states import State
from gatewright.ike.v2.tasks.delete import DeleteChild, DeleteIke, DeleteSpi, respond
from gatewright.wire.v2.payloads.delete import DeletePayload
from gatewright.wire.v2.payloads.notify import NotifyPayload
from tests.unit.ike.v2.linked import NOW, established, finish, told
from tests.unit.ike.v2.test_children import entry

OURS, THEIRS = (0x1001).to_bytes(4, "big"), (0x2001).to_bytes(4, "big")


def with_child() -> IkeSa:
    a, _ = established()
    a.children.install(entry(), initiator=True, replaces=None)
    a.outputs.clear()
    return a


def test_we_name_our_inbound_spi_and_the_pair_goes_with_the_answer() -> None:
    a = with_child()
    (one,) = a.children
    task = DeleteChild(one, "deleted by the administrator")
    assert task.build(a, NOW) == [DeletePayload(ProtocolId.ESP, (OURS,))]
    assert one.state is ChildState.DELETING
    assert len(a.children) == 1
    finish(task, a, [DeletePayload(ProtocolId.ESP, (THEIRS,))])
    assert told(a) == ["ChildSaClosed", "DeleteChildSa"]
    assert DeleteChild(one, "again").build(a, NOW) is None


def test_whatever_the_answer_is_the_pair_goes() -> None:
    a = with_child()
    (one,) = a.children
    task = DeleteChild(one, "down")
    task.build(a, NOW)
    task.failed(a, InvalidSyntax("a strange answer"), NOW)
    assert len(a.children) == 0


def test_the_peer_names_its_inbound_spi_and_hears_ours() -> None:
    a = with_child()
    answer = respond(a, [DeletePayload(ProtocolId.ESP, (THEIRS,))], NOW)
    assert answer == [DeletePayload(ProtocolId.ESP, (OURS,))]
    assert isinstance(a.outputs[0], ChildSaClosed)
    assert a.outputs[0].reason == "deleted by the peer"


def test_spis_that_are_not_known_are_passed_over() -> None:
    a = with_child()
    strange = [
        DeletePayload(ProtocolId.ESP, (OURS,)),
        DeletePayload(ProtocolId.ESP, (THEIRS + b"\0",)),
        DeletePayload(ProtocolId.AH, (THEIRS,)),
    ]
    assert respond(a, strange, NOW) == []
    assert len(a.children) == 1


def test_both_delete_the_same_and_the_answer_is_empty() -> None:
    a = with_child()
    (one,) = a.children
    task = DeleteChild(one, "down")
    task.build(a, NOW)
    assert respond(a, [DeletePayload(ProtocolId.ESP, (THEIRS,))], NOW) == []
    assert len(a.children) == 0
    a.outputs.clear()
    finish(task, a, [])
    assert a.outputs == []


def test_one_that_the_peer_rekeyed_while_we_were_about_to_has_its_successor() -> None:
    a = with_child()
    (one,) = a.children
    new = entry(0x1002, 0x2002, standby=True)
    a.children.install(new, initiator=False, replaces=one.spi_in)
    one.state, one.peer_rekey = ChildState.REKEYING, PeerRekey(new.spi_in, b"n")
    a.outputs.clear()
    respond(a, [DeletePayload(ProtocolId.ESP, (THEIRS,))], NOW)
    assert told(a) == ["ChildSaClosed", "ActivateChildSa"]
    assert one.state is ChildState.LINGERING


def test_a_redundant_one_goes_without_ceremony() -> None:
    a = with_child()
    (one,) = a.children
    one.state = ChildState.REDUNDANT
    respond(a, [DeletePayload(ProtocolId.ESP, (THEIRS,))], NOW)
    assert isinstance(a.outputs[0], ChildSaClosed)
    assert a.outputs[0].reason == "redundant after simultaneous rekeys"


def test_the_ike_sa_itself() -> None:
    a = with_child()
    task = DeleteIke("down")
    assert task.build(a, NOW) == [DeletePayload(ProtocolId.IKE)]
    assert a.state is State.DELETING
    finish(task, a, [])
    assert a.state.value == "closed"

    b = with_child()
    assert respond(b, [DeletePayload(ProtocolId.IKE)], NOW) == []
    assert b.state is State.CLOSED
    assert isinstance(b.outputs[-1], IkeSaClosed)
    assert b.outputs[-1].reason == "deleted by the peer"


def test_a_reason_can_stand_in_the_place_of_the_delete() -> None:
    a = with_child()
    assert DeleteIke("why", NotifyPayload(24)).build(a, NOW) == [NotifyPayload(24)]


def test_an_spi_that_never_was_installed() -> None:
    a = with_child()
    task = DeleteSpi(0x1001)
    assert task.build(a, NOW) == [DeletePayload(ProtocolId.ESP, (OURS,))]
    finish(task, a, [])
    task.failed(a, InvalidSyntax("x"), NOW)
    assert len(a.children) == 1
