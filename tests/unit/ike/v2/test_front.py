"""The judgement on a first message, before there is any state (RFC 7296 sections 2.5, 2.6)."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address

import pytest

from gatewright.iana.ikev2 import ExchangeType, NotifyType
from gatewright.ike.machine import Address, Datagram
from gatewright.ike.outputs import Fault
from gatewright.ike.v2.front import judge_first_message
from gatewright.ike.v2.proposals import ike_offer
from gatewright.ike.verdicts import Accept, Refuse, Reply, Verdict
from gatewright.wire.isakmp import NO_SPI
from gatewright.wire.v2.message import Head, Message, Payload, emit_message
from gatewright.wire.v2.payloads.ke import KePayload
from gatewright.wire.v2.payloads.nonce import NoncePayload
from gatewright.wire.v2.payloads.notify import NotifyPayload
from gatewright.wire.v2.payloads.unknown import UnknownPayload
from tests.support.gateways import IKE_DEFAULT, IP_A, IP_B, connection, mirrored

HERE, THERE = Address(IP_B, 500), Address(IP_A, 500)
HEAD = Head(b"initiato", NO_SPI, ExchangeType.IKE_SA_INIT, 0, from_initiator=True, response=False)
PAYLOADS: list[Payload] = [
    ike_offer([IKE_DEFAULT]),
    KePayload(31, bytes(32)),
    NoncePayload(b"n" * 32),
]
SECRETS = [b"new secret", b"old secret"]
CONNECTIONS = [mirrored(connection())]


def judge(
    payloads: list[Payload] | None = None,
    *,
    head: Head = HEAD,
    connections: object = CONNECTIONS,
    secrets: list[bytes] = SECRETS,
    pressure: bool = False,
    remote: Address = THERE,
    octets: bytes | None = None,
) -> Verdict:
    message = octets or emit_message(head, PAYLOADS if payloads is None else payloads)
    datagram = Datagram(HERE, remote, message)
    return judge_first_message(
        datagram,
        connections,  # type: ignore[arg-type]
        secrets,
        under_pressure=pressure,
    )


def notify_of(verdict: Verdict) -> NotifyPayload:
    assert isinstance(verdict, Reply)
    message = Message.parse(verdict.payload)
    assert message.is_response
    assert not message.from_initiator
    assert (message.header.spi_i, message.header.spi_r) == (HEAD.spi_i, NO_SPI)
    (notify,) = message.payloads
    assert isinstance(notify, NotifyPayload)
    return notify


def test_a_good_first_message_is_accepted_with_its_candidates() -> None:
    assert judge() == Accept(CONNECTIONS)


@pytest.mark.parametrize(
    "head",
    [
        replace(HEAD, response=True),
        replace(HEAD, from_initiator=False),
        replace(HEAD, message_id=1),
        replace(HEAD, exchange=ExchangeType.IKE_AUTH),
        replace(HEAD, exchange=ExchangeType.INFORMATIONAL),
        replace(HEAD, spi_r=b"responde"),
    ],
)
def test_what_can_begin_nothing_is_dropped_without_a_word(head: Head) -> None:
    verdict = judge(head=head)
    assert isinstance(verdict, Refuse)
    assert verdict.reason == "not_a_first_message"


def test_a_higher_version_is_told_ours() -> None:
    octets = bytearray(emit_message(HEAD, PAYLOADS))
    octets[17] = 0x35
    verdict = judge(octets=bytes(octets))
    assert notify_of(verdict).type == NotifyType.INVALID_MAJOR_VERSION


def test_a_higher_minor_version_is_no_matter() -> None:
    octets = bytearray(emit_message(HEAD, PAYLOADS))
    octets[17] = 0x29
    assert isinstance(judge(octets=bytes(octets)), Accept)


def test_malformed_octets_are_dropped_by_name() -> None:
    octets = emit_message(HEAD, PAYLOADS)
    cut = octets[:24] + (len(octets) - 1).to_bytes(4, "big") + octets[28:-1]
    verdict = judge(octets=cut)
    assert isinstance(verdict, Refuse)
    assert verdict.reason == "truncated"


def test_a_message_that_lacks_something_is_invalid_syntax() -> None:
    assert notify_of(judge(PAYLOADS[:2])).type == NotifyType.INVALID_SYNTAX
    critical = [*PAYLOADS, UnknownPayload(200, b"", critical=True)]
    answer = notify_of(judge(critical))
    assert (answer.type, answer.data) == (NotifyType.UNSUPPORTED_CRITICAL_PAYLOAD, b"\xc8")


def test_a_stranger_is_told_no_and_the_administrator_why() -> None:
    verdict = judge(connections=[])
    assert notify_of(verdict).type == NotifyType.NO_PROPOSAL_CHOSEN
    assert isinstance(verdict, Reply)
    assert verdict.failure is not None
    assert verdict.failure.fault is Fault.LOCAL
    assert str(IP_A) in verdict.failure.explanation


def cookie() -> bytes:
    notify = notify_of(judge(pressure=True))
    assert notify.type == NotifyType.COOKIE
    assert 1 <= len(notify.data) <= 64
    return notify.data


def with_cookie(value: bytes, payloads: list[Payload] | None = None) -> list[Payload]:
    return [NotifyPayload(NotifyType.COOKIE, value), *(payloads or PAYLOADS)]


def test_under_pressure_a_cookie_must_come_back() -> None:
    assert isinstance(judge(with_cookie(cookie()), pressure=True), Accept)
    assert isinstance(judge(with_cookie(cookie()), pressure=False), Accept)


def test_a_cookie_of_the_previous_secret_is_still_good_and_one_before_is_not() -> None:
    good = with_cookie(cookie())
    assert isinstance(judge(good, pressure=True, secrets=[b"newer", SECRETS[0]]), Accept)
    assert isinstance(judge(good, pressure=True, secrets=[b"newest", b"newer"]), Reply)


@pytest.mark.parametrize(
    "verdict",
    [
        lambda: judge(with_cookie(b"guess"), pressure=True),
        lambda: judge(
            with_cookie(cookie()), pressure=True, remote=Address(ip_address("198.51.100.1"), 500)
        ),
        lambda: judge(with_cookie(cookie()), pressure=True, head=replace(HEAD, spi_i=b"somebody")),
        lambda: judge(
            with_cookie(cookie(), [*PAYLOADS[:2], NoncePayload(b"m" * 32)]), pressure=True
        ),
        lambda: judge([*PAYLOADS, NotifyPayload(NotifyType.COOKIE, cookie())], pressure=True),
    ],
    ids=["guessed", "other address", "other SPI", "other nonce", "not first"],
)
def test_a_cookie_that_does_not_fit_is_answered_with_another(verdict: object) -> None:
    reply = verdict()  # type: ignore[operator]
    assert isinstance(reply, Reply)
    assert reply.reason == "cookie_demanded"


def test_a_cookie_does_not_depend_on_the_port() -> None:
    """A NAT may change it between two messages; section 2.6 names the address alone."""
    moved = Address(THERE.ip, 4711)
    assert isinstance(judge(with_cookie(cookie()), pressure=True, remote=moved), Accept)
