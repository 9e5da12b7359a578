import pytest

from gatewright.iana.ikev1 import ExchangeType
from gatewright.ike.v1 import phase_one
from gatewright.ike.v1.front import judge_first_message
from gatewright.ike.verdicts import Accept, Refuse, Reply
from gatewright.wire.isakmp import NO_SPI
from gatewright.wire.v1.message import Message, emit_chain, emit_message
from gatewright.wire.v1.payload import Payload
from gatewright.wire.v1.payloads.nonce import NoncePayload
from gatewright.wire.v1.payloads.notify import NotifyPayload
from tests.support.gateways import ike
from tests.support.gateways_v1 import tunnel
from tests.unit.ike.v1.builders import COOKIE_I, datagram

OFFER = phase_one.offer(tunnel())
OTHER = tunnel(proposals=[ike("3des-cbc/prf-hmac-sha1/modp-1024")], name="other")


def first(
    *payloads: Payload,
    exchange: int = ExchangeType.IDENTITY_PROTECTION,
    message_id: int = 0,
    encrypted: bool = False,
) -> bytes:
    body = emit_chain(payloads)
    return emit_message(
        COOKIE_I, NO_SPI, exchange, message_id, payloads[0].number, body, encrypted=encrypted
    )


def test_an_acceptable_offer_is_accepted_best_connection_first() -> None:
    own = tunnel()
    verdict = judge_first_message(datagram(first(OFFER)), [OTHER, own])
    assert verdict == Accept((own, OTHER))


def test_nothing_in_common_is_answered_and_explained() -> None:
    request = first(OFFER)
    verdict = judge_first_message(datagram(request), [OTHER])
    assert isinstance(verdict, Reply)
    assert verdict.reason == "no_proposal_chosen"
    assert verdict.failure is not None
    assert [each.item for each in verdict.failure.differences] == [
        "encryption",
        "hash",
        "Diffie-Hellman group",
    ]
    answer = Message.parse(verdict.payload)
    assert (answer.header.spi_i, answer.header.spi_r) == (COOKIE_I, NO_SPI)
    assert answer.chain().payloads == (NotifyPayload(14, 1),)
    assert len(verdict.payload) < len(request)


def test_aggressive_mode_is_answered_and_explained() -> None:
    verdict = judge_first_message(
        datagram(first(OFFER, exchange=ExchangeType.AGGRESSIVE)), [tunnel()]
    )
    assert isinstance(verdict, Reply)
    assert verdict.failure is not None
    assert "aggressive mode" in verdict.failure.explanation


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        (first(OFFER)[:40], "length_mismatch"),
        (b"", "header_truncated"),
        (first(OFFER, exchange=ExchangeType.QUICK_MODE), "unexpected_first_exchange"),
        (first(OFFER, exchange=77), "unexpected_first_exchange"),
        (first(OFFER, message_id=1), "unexpected_first_message"),
        (first(OFFER, encrypted=True), "unexpected_first_message"),
        (first(NoncePayload(bytes(16))), "main_mode_message_refused"),
        (first(OFFER, OFFER), "main_mode_message_refused"),
    ],
)
def test_everything_else_is_dropped_with_a_name(message: bytes, reason: str) -> None:
    verdict = judge_first_message(datagram(message), [tunnel()])
    assert isinstance(verdict, Refuse)
    assert verdict.reason == reason


def test_a_stranger_learns_nothing() -> None:
    verdict = judge_first_message(datagram(first(OFFER)), [])
    assert isinstance(verdict, Refuse)
    assert verdict.reason == "no_connection_for_peer"
