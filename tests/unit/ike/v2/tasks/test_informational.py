"""What the peer tells outside of any negotiation."""

from __future__ import annotations

from gatewright.iana.ikev2 import NotifyType, ProtocolId
from gatewright.ike.outputs import Fault
from gatewright.ike.v2.sa import IkeSa
from gatewright.ike.v2.states import State
from gatewright.ike.v2.tasks.child_create import CreateChild
from gatewright.ike.v2.tasks.delete import DeleteChild
from gatewright.ike.v2.tasks.informational import respond
from gatewright.wire.v2.message import Payload
from gatewright.wire.v2.payloads.delete import DeletePayload
from gatewright.wire.v2.payloads.notify import NotifyPayload
from tests.unit.ike.v2.linked import NOW, established, failures, inbound
from tests.unit.ike.v2.test_children import entry


def tell(*payloads: Payload) -> tuple[IkeSa, list[Payload]]:
    a, _ = established()
    a.children.install(entry(), initiator=True, replaces=None)
    return a, respond(a, inbound(a, 37, payloads, response=False), NOW)


def test_a_delete_is_answered() -> None:
    a, answer = tell(DeletePayload(ProtocolId.ESP, ((0x2001).to_bytes(4, "big"),)))
    assert answer == [DeletePayload(ProtocolId.ESP, ((0x1001).to_bytes(4, "big"),))]
    assert len(a.children) == 0


def test_a_peer_that_rejects_our_proof_after_the_fact() -> None:
    a, answer = tell(NotifyPayload(NotifyType.AUTHENTICATION_FAILED))
    assert answer == []
    assert a.state is State.CLOSED
    assert failures(a)[0].fault is Fault.REFUSED


def test_invalid_syntax_is_fatal() -> None:
    a, _ = tell(NotifyPayload(NotifyType.INVALID_SYNTAX))
    assert a.state is State.CLOSED


def test_a_peer_without_our_sa_gets_a_new_one() -> None:
    a, _ = tell(NotifyPayload(NotifyType.INVALID_SPI, (0x2001).to_bytes(4, "big")))
    assert [type(task) for task in a.agenda] == [DeleteChild, CreateChild]


def test_an_spi_that_we_do_not_know_either_is_no_matter() -> None:
    for data in (b"", (0x3001).to_bytes(4, "big"), b"x" * 200):
        a, _ = tell(NotifyPayload(NotifyType.INVALID_SPI, data))
        assert list(a.agenda) == []
