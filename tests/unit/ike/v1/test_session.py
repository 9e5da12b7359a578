"""A session at the endpoint's interface; exchanges stand in tests/exchange/v1."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gatewright.ike.machine import Address, Datagram, Session
from gatewright.ike.outputs import (
    IkeSaClosed,
    NegotiationFailed,
    PeerSilent,
    Transmit,
    UpdateTransport,
)
from gatewright.ike.v1.path import Nat
from gatewright.ike.v1.peer import Peer
from gatewright.ike.v1.session import IkeV1Session
from gatewright.ike.v1.states import State
from gatewright.wire.isakmp import NO_SPI
from tests.support.gateways import child, mirrored, selector
from tests.support.gateways_v1 import ESP_V1, tunnel
from tests.unit.ike.v1.builders import LOCAL, NOW, REMOTE, context, octets, reasons, told
from tests.unit.ike.v1.test_children import pair
from tests.unit.ike.v1.test_relatives import Family


def initiator() -> IkeV1Session:
    return IkeV1Session.initiator(tunnel(), context(), LOCAL, REMOTE, NOW)


def established() -> IkeV1Session:
    return Family().member(NOW)


def test_it_is_a_session() -> None:
    session: Session = initiator()
    assert session.spi_i != NO_SPI
    assert session.spi_r == NO_SPI
    assert (session.is_initiator, session.established, session.closed) == (True, False, False)


def test_a_responder_takes_its_first_message_afterwards() -> None:
    first = initiator()
    first.start(NOW)
    (message,) = octets(first.take_outputs())
    arrived = Datagram(REMOTE, LOCAL, message)
    session = IkeV1Session.responder([mirrored(tunnel())], context(7), arrived, NOW)
    assert session.spi_i == first.spi_i
    assert session.spi_r != NO_SPI
    assert not session.take_outputs()
    session.receive(arrived, NOW)
    assert len(octets(session.take_outputs())) == 1


def test_children_wait_for_main_mode_and_fail_with_it() -> None:
    session = initiator()
    session.create_child(child(ESP_V1), NOW)
    session.create_child(child(ESP_V1), NOW)
    session.create_child(child(ESP_V1, policy_id=2, local=[selector("172.16.0.0/24")]), NOW)
    session.start(NOW)
    session.close(NOW, "why not")
    (failure,) = told(session.take_outputs(), NegotiationFailed)
    assert failure.policy_ids == (1, 2)
    assert session.closed
    assert session.next_timeout() is None


def test_a_closed_session_cannot_make_a_child() -> None:
    session = initiator()
    session.close(NOW, "why")
    session.take_outputs()
    session.create_child(child(ESP_V1), NOW)
    (failure,) = told(session.take_outputs(), NegotiationFailed)
    assert failure.policy_ids == (1,)
    session.close(NOW, "again")
    assert not session.take_outputs()


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (b"", "header_truncated"),
        (bytes(28), "length_mismatch"),
    ],
)
def test_octets_that_are_no_message(payload: bytes, reason: str) -> None:
    session = established()
    session.receive(Datagram(LOCAL, REMOTE, payload), NOW)
    assert reasons(session.take_outputs()) == [reason]


@pytest.mark.parametrize("exchange", [1, 4, 6, 33, 200])
def test_other_exchanges_are_not_supported(exchange: int) -> None:
    session = established()
    message = bytearray(28)
    message[:8], message[8:16] = session.spi_i, b"R" * 8
    message[17], message[18], message[27] = 0x10, exchange, 28
    session.receive(Datagram(LOCAL, REMOTE, bytes(message)), NOW)
    assert reasons(session.take_outputs()) == ["exchange_unsupported"]


def test_quick_mode_needs_main_mode() -> None:
    session = initiator()
    message = bytearray(28)
    message[:8], message[17], message[18], message[27] = session.spi_i, 0x10, 32, 28
    session.receive(Datagram(LOCAL, REMOTE, bytes(message)), NOW)
    assert reasons(session.take_outputs()) == ["quick_mode_without_main_mode"]


def test_an_expired_session_takes_no_messages() -> None:
    session = established()
    session.core.children.add(pair())
    session.expire("test", NOW, tell=False)
    session.take_outputs()
    message = bytearray(28)
    message[:8], message[17], message[18], message[27] = session.spi_i, 0x10, 5, 28
    session.receive(Datagram(LOCAL, REMOTE, bytes(message)), NOW)
    assert reasons(session.take_outputs()) == ["main_mode_sa_expired"]


def test_quick_mode_without_answer_ends_a_main_mode_that_cannot_be_asked() -> None:
    """A peer without RFC 3706 may have restarted: the next try begins with main mode."""
    session = established()
    session.core.peer = Peer(dpd=False)
    session.create_child(child(ESP_V1), NOW)
    while session.core.state is State.ESTABLISHED:
        due = session.next_timeout()
        assert due is not None
        session.handle_timeout(due)
    outputs = session.take_outputs()
    assert session.closed
    assert told(outputs, IkeSaClosed)[0].reason == "the peer did not answer quick mode"


def test_a_peer_that_moved_behind_its_nat_is_followed() -> None:
    session = established()
    session.core.path = replace(session.core.path, nat=Nat.REMOTE, udp=True)
    session.core.children.add(pair())
    elsewhere = Address(REMOTE.ip, 31337)
    session._received = Datagram(LOCAL, elsewhere, b"")
    session.peer_lives(NOW + 1)
    assert told(session.take_outputs(), UpdateTransport) == [
        UpdateTransport(4096, str(REMOTE.ip), 31337)
    ]
    assert session.core.path.remote == elsewhere


def test_without_a_nat_nobody_moves() -> None:
    session = established()
    session._received = Datagram(LOCAL, Address(REMOTE.ip, 31337), b"")
    session.peer_lives(NOW + 1)
    assert session.core.path.remote == REMOTE
    assert session.core.last_heard == NOW + 1


def test_edited_settings_reach_the_pairs() -> None:
    session = established()
    session.core.children.add(pair())
    edited = tunnel(child(ESP_V1, name="renamed"), dpd_delay=7)
    session.update_connection(edited, NOW)
    assert session.connection is edited
    (kept,) = session.core.children
    assert kept.child.name == "renamed"


def test_an_unreachable_peer_of_an_expired_session_is_silent() -> None:
    """The pairs are kept, until a new main mode shows that nobody is there."""
    session = Family().member(NOW, connection=tunnel(dpd_delay=30))
    session.core.children.add(pair(expires=NOW + 9999, rekey_at=NOW + 9000))
    session.expire("test", NOW, tell=False)
    assert session.next_timeout() == NOW + 30
    session.handle_timeout(NOW + 30)
    successor = session.relatives.successor
    assert successor is not None
    while not successor.closed:
        due = successor.next_timeout()
        assert due is not None
        successor.handle_timeout(due)
    assert session.closed
    assert told(session.take_outputs(), PeerSilent)


def test_initial_contact_speaks_of_what_was_before() -> None:
    family = Family()
    old, own, young = (family.member(NOW + age) for age in range(3))
    half_open = family.member(NOW, State.SENT_3)
    old.core.children.add(pair())
    own.peer_restarted(NOW + 5)
    assert (old.closed, young.closed, half_open.closed) == (True, False, False)
    assert not old.core.children


def test_delete_child_tells_the_peer() -> None:
    session = established()
    session.core.children.add(pair())
    session.delete_child(4096, NOW)
    assert len(told(session.take_outputs(), Transmit)) == 1
    session.delete_child(4096, NOW)
    assert not session.take_outputs()
