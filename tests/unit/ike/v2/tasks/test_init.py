"""IKE_SA_INIT, one message at a time."""

from __future__ import annotations

import pytest

from gatewright.iana.ikev2 import NotifyType
from gatewright.ike.v2.errors import (
    InvalidKePayload,
    InvalidSyntax,
    NoProposalChosen,
    PeerRefused,
    PeerViolation,
)
from gatewright.ike.v2.rules import Shape, check
from gatewright.ike.v2.sa import IkeSa, Timer
from gatewright.ike.v2.states import Event, State
from gatewright.ike.v2.tasks.auth import Authenticate
from gatewright.ike.v2.tasks.init import MAX_COOKIES, Initiate, respond
from gatewright.wire.v2.message import Payload, select
from gatewright.wire.v2.payloads.ke import KePayload
from gatewright.wire.v2.payloads.notify import NotifyPayload
from tests.support.gateways import connection, ike, mirrored
from tests.unit.ike.v2.linked import NOW, SPI_R, blank, finish, inbound

BOTH = [ike("aes-128-gcm/prf-hmac-sha256/x25519"), ike("aes-128-gcm/prf-hmac-sha256/ecp-256")]


def sides(side_b: object = None) -> tuple[IkeSa, IkeSa]:
    ours = connection(proposals=BOTH)
    theirs = mirrored(ours) if side_b is None else side_b
    a = blank(ours, is_initiator=True)
    b = blank(theirs, is_initiator=False, seed=1)  # type: ignore[arg-type]
    a.advance(Event.INIT_REQUESTED)
    return a, b


def answer(b: IkeSa, request: list[Payload]) -> list[Payload]:
    return respond(b, inbound(b, 34, request, response=False), NOW)


def test_both_sides_have_the_same_keys_afterwards() -> None:
    a, b = sides()
    task = Initiate(a)
    request = list(task.build(a, NOW))
    check(Shape.INIT_REQUEST, request)
    response = answer(b, request)
    check(Shape.INIT_RESPONSE, response)
    a_sees = b.spi_r
    assert a_sees != bytes(8)

    header_spi, a.spi_r = a.spi_r, a_sees  # the header of the response carries it
    following = finish(task, a, response)
    del header_spi
    assert isinstance(following, Authenticate)
    assert a.keys().keys == b.keys().keys
    assert b.state is State.HALF_OPEN
    assert b.timers[Timer.HALF_OPEN] == NOW + 30.0


def test_a_cookie_is_returned_first_with_everything_else_unchanged() -> None:
    a, _ = sides()
    task = Initiate(a)
    first = list(task.build(a, NOW))
    assert finish(task, a, [NotifyPayload(NotifyType.COOKIE, b"baked")]) is task
    again = list(task.build(a, NOW))
    assert again[0] == NotifyPayload(NotifyType.COOKIE, b"baked")
    assert again[1:] == first


@pytest.mark.parametrize("cookie", [b"", b"x" * 65])
def test_a_cookie_of_a_wrong_size_is_a_violation(cookie: bytes) -> None:
    a, _ = sides()
    with pytest.raises(PeerViolation):
        finish(Initiate(a), a, [NotifyPayload(NotifyType.COOKIE, cookie)])


def test_cookies_come_to_an_end() -> None:
    a, _ = sides()
    task = Initiate(a)
    for _ in range(MAX_COOKIES):
        finish(task, a, [NotifyPayload(NotifyType.COOKIE, b"baked")])
    with pytest.raises(PeerViolation):
        finish(task, a, [NotifyPayload(NotifyType.COOKIE, b"baked")])


def test_another_group_is_tried_once() -> None:
    a, _ = sides()
    task = Initiate(a)
    first = list(task.build(a, NOW))
    refusal = NotifyPayload(NotifyType.INVALID_KE_PAYLOAD, (19).to_bytes(2, "big"))
    assert finish(task, a, [refusal]) is task
    again = list(task.build(a, NOW))
    assert [select(each, KePayload)[0].group for each in (first, again)] == [31, 19]
    assert again[0] == first[0]  # the full offer again (section 1.2)
    assert again[2] == first[2]
    with pytest.raises(PeerRefused):
        finish(task, a, [refusal])


def test_a_refusal_is_explained() -> None:
    a, _ = sides()
    with pytest.raises(PeerRefused) as caught:
        finish(Initiate(a), a, [NotifyPayload(NotifyType.NO_PROPOSAL_CHOSEN)])
    assert caught.value.differences


def test_the_responder_wants_its_own_group() -> None:
    a, b = sides(mirrored(connection(proposals=BOTH[1:])))
    with pytest.raises(InvalidKePayload) as caught:
        answer(b, list(Initiate(a).build(a, NOW)))
    assert caught.value.group == 19
    assert b.keyring is None


def test_the_responder_has_nothing_in_common() -> None:
    other = [ike("aes-256-gcm/prf-hmac-sha256/x25519")]
    a, b = sides(mirrored(connection(proposals=other)))
    with pytest.raises(NoProposalChosen):
        answer(b, list(Initiate(a).build(a, NOW)))


def test_the_first_candidate_with_something_in_common_is_taken() -> None:
    other = mirrored(connection(proposals=[ike("aes-256-gcm/prf-hmac-sha256/x25519")], name="x"))
    a, b = sides()
    assert b.handshake is not None
    b.handshake.candidates = [other, b.connection]
    answer(b, list(Initiate(a).build(a, NOW)))
    assert b.connection.name == "branch"


def test_a_useless_public_value_is_invalid_syntax() -> None:
    a, b = sides()
    request = [
        KePayload(31, bytes(32)) if isinstance(each, KePayload) else each
        for each in Initiate(a).build(a, NOW)
    ]
    with pytest.raises(InvalidSyntax):
        answer(b, request)


def test_a_forged_answer_leaves_no_trace() -> None:
    a, b = sides()
    task = Initiate(a)
    response = answer(b, list(task.build(a, NOW)))
    forged = [
        KePayload(31, bytes(32)) if isinstance(each, KePayload) else each for each in response
    ]
    a.spi_r = SPI_R
    before = a.path
    with pytest.raises(InvalidSyntax):
        finish(task, a, forged)
    assert (a.keyring, a.path) == (None, before)
    assert a.handshake is not None
    assert a.handshake.nonce_r == b""


def test_an_answer_without_an_spi_is_a_violation() -> None:
    a, b = sides()
    task = Initiate(a)
    response = answer(b, list(task.build(a, NOW)))
    with pytest.raises(PeerViolation):
        finish(task, a, response)
