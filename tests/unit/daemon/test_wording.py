from __future__ import annotations

import pytest

from gatewright.audit.event import Severity
from gatewright.daemon.wording import event_for
from gatewright.ike.machine import Address, Datagram
from gatewright.ike.outputs import (
    ChildSaClosed,
    ChildSaEstablished,
    Difference,
    Fault,
    IkeSaClosed,
    IkeSaEstablished,
    InstallChildSa,
    MessageDropped,
    NegotiationFailed,
    Output,
    PeerSilent,
    Transmit,
    UpdateTransport,
)
from tests.unit.daemon.doubles import OURS, THEIRS, child_sa

ESTABLISHED = IkeSaEstablished(
    "branch", 1, True, "203.0.113.1:500", "203.0.113.2:500", "203.0.113.2", "3des-cbc", "01", "02"
)


@pytest.mark.parametrize(
    ("output", "number", "words"),
    [
        (ESTABLISHED, 541, "IKEv1 main mode SA established with 203.0.113.2"),
        (ChildSaEstablished(child_sa(), False), 541, "192.168.10.0/24 to 10.20.0.0/24, ESP, aes"),
        (ChildSaEstablished(child_sa(), True, 7), 541, "Child SA rekeyed"),
        (ChildSaClosed("branch", "c", 1, 2, "deleted by the peer"), 542, "deleted by the peer"),
        (IkeSaClosed("branch", "01", "02", "expired"), 543, "expired"),
        (PeerSilent("branch", "203.0.113.2"), 0, "no longer answers"),
        (UpdateTransport(1, "192.0.2.7", 4077), 0, "192.0.2.7, port 4077"),
        (MessageDropped("bad_length", "192.0.2.1:500", "9"), 0, "dropped: bad length, 9."),
        (MessageDropped("bad", "192.0.2.1:500", "A sentence."), 0, "dropped: bad, A sentence."),
    ],
)
def test_what_happened_in_words(output: Output, number: int, words: str) -> None:
    event = event_for(output)
    assert event is not None
    assert event.kind.number == number
    assert words in event.text


@pytest.mark.parametrize(
    ("fault", "number"),
    [
        (Fault.AUTHENTICATION, 545),
        (Fault.NOTHING_IN_COMMON, 546),
        (Fault.TIMEOUT, 547),
        (Fault.REFUSED, 547),
    ],
)
def test_failures_have_the_number_that_fits(fault: Fault, number: int) -> None:
    event = event_for(NegotiationFailed("branch", "main mode", fault, "Why."))
    assert event is not None
    assert event.kind.number == number
    assert event.severity is Severity.ERROR


def test_a_refusal_of_the_peer_has_the_number_of_its_notify() -> None:
    for notify, number in (("AUTHENTICATION_FAILED", 545), ("TS_UNACCEPTABLE", 546), ("", 547)):
        event = event_for(NegotiationFailed("b", "m", Fault.REFUSED, "Why.", notify=notify))
        assert event is not None
        assert event.kind.number == number


def test_a_failure_names_what_each_side_wants() -> None:
    differences = (Difference("group", "x25519", "modp-1024"),)
    event = event_for(
        NegotiationFailed("branch", "IKE SA", Fault.NOTHING_IN_COMMON, "No.", differences)
    )
    assert event is not None
    assert "group: this side wants x25519, the peer modp-1024" in event.text


def test_strangers_cannot_fill_the_trail() -> None:
    texts = [event_for(MessageDropped("bad", f"192.0.2.{n}:500", f"{n}")) for n in (1, 2)]
    strangers = [
        event_for(NegotiationFailed("", "IKE SA", Fault.LOCAL, "No tunnel.", remote=f"{n}"))
        for n in (1, 2)
    ]
    for one, other in (texts, strangers):
        assert one is not None
        assert other is not None
        assert one.sameness == other.sameness


def test_commands_are_no_events() -> None:
    datagram = Datagram(Address(OURS, 500), Address(THEIRS, 500), b"")
    assert event_for(Transmit(datagram)) is None
    assert event_for(InstallChildSa(child_sa())) is None
