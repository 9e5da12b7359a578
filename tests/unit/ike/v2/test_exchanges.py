"""How messages travel; what they say is tested with the tasks and in ``tests/exchange/v2``."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gatewright.iana.ikev2 import ExchangeType, NotifyType
from gatewright.ike.machine import Datagram
from gatewright.ike.outputs import MessageDropped, Transmit
from gatewright.ike.v2.exchanges import Exchanges
from gatewright.ike.v2.sa import IkeSa
from gatewright.ike.v2.states import State
from gatewright.ike.v2.tasks.liveness import CheckLiveness
from gatewright.wire.v2.message import Head, emit_message
from gatewright.wire.v2.payloads.notify import NotifyPayload
from gatewright.wire.v2.payloads.unknown import UnknownPayload
from tests.unit.ike.v2.linked import NOW, established


def sent(sa: IkeSa) -> list[bytes]:
    return [each.datagram.payload for each in sa.outputs if isinstance(each, Transmit)]


def dropped(sa: IkeSa) -> list[str]:
    return [each.reason for each in sa.outputs if isinstance(each, MessageDropped)]


def towards(sa: IkeSa, octets: bytes) -> Datagram:
    return Datagram(sa.path.local, sa.path.remote, octets)


def head(sa: IkeSa, message_id: int = 0, exchange: int = ExchangeType.INFORMATIONAL) -> Head:
    return Head(sa.spi_i, sa.spi_r, exchange, message_id, sa.is_initiator, response=False)


def test_one_request_at_a_time() -> None:
    a, b = established()
    ours, theirs = Exchanges(a), Exchanges(b)
    a.agenda.add(CheckLiveness())
    a.agenda.add(CheckLiveness())
    ours.proceed(NOW)
    assert (len(sent(a)), a.current is not None) == (1, True)
    ours.proceed(NOW)
    assert len(sent(a)) == 1

    theirs.receive(towards(b, sent(a)[0]), NOW)
    ours.receive(towards(a, sent(b)[0]), NOW)
    assert a.current is None
    ours.proceed(NOW)
    assert len(sent(a)) == 2
    assert sent(a)[0][20:24] == bytes(4)
    assert sent(a)[1][20:24] == b"\0\0\0\1"


def test_a_request_is_retransmitted_bitwise_and_given_up() -> None:
    a, _ = established()
    exchanges = Exchanges(a)
    a.agenda.add(CheckLiveness())
    exchanges.proceed(NOW)
    given_up = None
    for _ in range(a.context.timing.tries):
        due = exchanges.next_timeout()
        assert due is not None
        given_up = exchanges.handle_timeout(due)
    assert isinstance(given_up, CheckLiveness)
    assert len(sent(a)) == 5
    assert len(set(sent(a))) == 1


def test_a_repeated_request_is_answered_from_memory_where_it_came_from() -> None:
    a, b = established()
    exchanges = Exchanges(b)
    request = a.keys().seal(head(a), [], a.context.random)
    exchanges.receive(towards(b, request), NOW)
    elsewhere = replace(towards(b, request), remote=replace(b.path.remote, port=999))
    exchanges.receive(elsewhere, NOW)
    first, again = [each.datagram for each in b.outputs if isinstance(each, Transmit)]
    assert first.payload == again.payload
    assert again.remote.port == 999
    other = a.keys().seal(head(a), [NotifyPayload(16384)], a.context.random)
    exchanges.receive(towards(b, other), NOW)
    assert dropped(b) == ["message_id_used_before"]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda a: a.keys().seal(head(a, 1), [], a.context.random), "message_id_outside_window"),
        (
            lambda a: a.keys().seal(replace(head(a), from_initiator=False), [], a.context.random),
            "reflected_message",
        ),
        (
            lambda a: a.keys().seal(replace(head(a), spi_r=b"somebody"), [], a.context.random),
            "wrong_ike_spi",
        ),
        (
            lambda a: a.keys().seal(replace(head(a), response=True), [], a.context.random),
            "unexpected_response",
        ),
        (lambda a: emit_message(head(a), [NotifyPayload(16384)]), "unprotected_message"),
        (lambda a: emit_message(head(a), []), "unprotected_message"),
        (
            lambda a: a.keys().seal(head(a), [], a.context.random)[:-1] + b"\0",
            "ike_integrity_check_failed",
        ),
        (
            lambda a: a.keys().seal(head(a, exchange=ExchangeType.IKE_AUTH), [], a.context.random),
            "request_out_of_order",
        ),
        (lambda _: b"not a message", "header_truncated"),
    ],
)
def test_what_changes_nothing_is_dropped_by_name(change: object, reason: str) -> None:
    a, b = established()
    octets = change(a)  # type: ignore[operator]
    Exchanges(b).receive(towards(b, octets), NOW)
    assert dropped(b) == [reason]
    assert not sent(b)
    assert b.state is State.ESTABLISHED


def test_nothing_reaches_a_closed_ike_sa() -> None:
    a, b = established()
    b.end("over")
    b.outputs.clear()
    Exchanges(b).receive(towards(b, a.keys().seal(head(a), [], a.context.random)), NOW)
    assert dropped(b) == ["ike_sa_closed"]


def test_a_response_to_another_exchange_is_not_taken() -> None:
    a, b = established()
    exchanges = Exchanges(a)
    a.agenda.add(CheckLiveness())
    exchanges.proceed(NOW)
    other = replace(head(b, exchange=ExchangeType.CREATE_CHILD_SA), response=True)
    exchanges.receive(towards(a, b.keys().seal(other, [], b.context.random)), NOW)
    assert dropped(a) == ["unexpected_response"]
    assert a.current is not None


def test_a_response_with_an_unknown_critical_payload_ends_the_exchange_alone() -> None:
    a, b = established()
    exchanges = Exchanges(a)
    a.agenda.add(CheckLiveness())
    exchanges.proceed(NOW)
    answer = replace(head(b), response=True)
    payload = UnknownPayload(200, b"", critical=True)
    exchanges.receive(towards(a, b.keys().seal(answer, [payload], b.context.random)), NOW)
    assert (a.current, a.state) == (None, State.ESTABLISHED)


def test_invalid_syntax_as_an_answer_ends_the_ike_sa() -> None:
    a, b = established()
    exchanges = Exchanges(a)
    a.agenda.add(CheckLiveness())
    exchanges.proceed(NOW)
    refusal = NotifyPayload(NotifyType.INVALID_SYNTAX)
    answer = b.keys().seal(replace(head(b), response=True), [refusal], b.context.random)
    exchanges.receive(towards(a, answer), NOW)
    assert a.state is State.CLOSED
