"""IKE_AUTH, one message at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from gatewright.iana.ikev2 import NotifyType, PayloadType
from gatewright.ike.outputs import Fault, InstallChildSa
from gatewright.ike.v2.errors import AuthenticationFailed, InvalidSyntax, PeerRefused
from gatewright.ike.v2.sa import IkeSa
from gatewright.ike.v2.states import State
from gatewright.ike.v2.tasks.auth import Authenticate, respond
from gatewright.ike.v2.tasks.child_create import CreateChild
from gatewright.ike.v2.tasks.delete import DeleteIke
from gatewright.ike.v2.tasks.task import Purpose, Subject
from gatewright.policy.compiled import Connection, Identity, IdentityType, PresharedKey
from gatewright.wire.v2.message import Payload, select
from gatewright.wire.v2.payloads.auth import AuthPayload
from gatewright.wire.v2.payloads.identification import IdPayload
from gatewright.wire.v2.payloads.notify import NotifyPayload
from gatewright.wire.v2.payloads.sa import SaPayload
from gatewright.wire.v2.payloads.ts import TsPayload
from tests.support.gateways import Keys, child, connection, esp, ike, mirrored
from tests.unit.ike.v2.linked import (
    NOW,
    authenticating,
    carry,
    context,
    failures,
    finish,
    inbound,
    told,
)


def answer(b: IkeSa, request: Sequence[Payload]) -> list[Payload]:
    return respond(b, inbound(b, 35, request, response=False), NOW)


def request_of(a: IkeSa) -> list[Payload]:
    payloads = Authenticate().build(a, NOW)
    return list(payloads)


def test_both_prove_themselves_and_have_a_child() -> None:
    a, b = authenticating()
    carry(Authenticate(), a, respond, b)
    assert a.state is b.state is State.ESTABLISHED
    assert (a.peer_identity, b.peer_identity) == ("203.0.113.2", "203.0.113.1")
    (at_a,), (at_b,) = (
        [each.sa for each in sa.outputs if isinstance(each, InstallChildSa)] for sa in (a, b)
    )
    assert at_a.keys_in == at_b.keys_out


def test_the_child_that_waits_goes_along_with_its_packet() -> None:
    second = child(name="voice", policy_id=2)
    a, _ = authenticating(connection(child(), second))
    a.agenda.add(CreateChild(second, None))
    task = Authenticate()
    task.build(a, NOW)
    assert task.subject == Subject(Purpose.NEW_CHILD, second.policy_id)
    assert list(a.agenda) == []


def test_a_changed_proof_is_no_proof() -> None:
    a, b = authenticating()
    request = [
        replace(each, data=each.data[:-1] + b"\0") if isinstance(each, AuthPayload) else each
        for each in request_of(a)
    ]
    with pytest.raises(AuthenticationFailed) as caught:
        answer(b, request)
    assert [each.item for each in caught.value.differences] == ["preshared key"]
    assert b.state is State.HALF_OPEN


@pytest.mark.parametrize("part", ["request", "nonce_r"])
def test_the_proof_covers_the_first_messages_and_the_nonces(part: str) -> None:
    a, b = authenticating()
    assert b.handshake is not None
    setattr(b.handshake, part, b"changed on its way")
    with pytest.raises(AuthenticationFailed):
        answer(b, request_of(a))


def test_the_proof_covers_the_identity() -> None:
    other = Identity(IdentityType.FQDN, "b.example")
    both = [mirrored(connection()), replace(mirrored(connection()), remote_identity=other)]
    a, b = authenticating()
    assert b.handshake is not None
    b.handshake.candidates = both
    request = [
        IdPayload(PayloadType.IDI, 2, b"b.example")
        if isinstance(each, IdPayload) and each.payload_type == PayloadType.IDI
        else each
        for each in request_of(a)
    ]
    with pytest.raises(AuthenticationFailed):
        answer(b, request)


def test_the_responder_s_proof_is_checked_too() -> None:
    a, b = authenticating()
    task = Authenticate()
    response = [
        replace(each, data=bytes(32)) if isinstance(each, AuthPayload) else each
        for each in answer(b, list(task.build(a, NOW)))
    ]
    with pytest.raises(AuthenticationFailed) as caught:
        finish(task, a, response)
    task.failed(a, caught.value, NOW)
    assert "InstallChildSa" not in told(a)
    assert failures(a)[0].fault is Fault.AUTHENTICATION
    farewell = a.agenda.next()
    assert isinstance(farewell, DeleteIke)
    assert farewell.build(a, NOW) == [NotifyPayload(NotifyType.AUTHENTICATION_FAILED)]


def test_a_responder_of_another_name_is_refused() -> None:
    a, b = authenticating()
    task = Authenticate()
    response = [
        IdPayload(PayloadType.IDR, 2, b"evil.example") if isinstance(each, IdPayload) else each
        for each in answer(b, list(task.build(a, NOW)))
    ]
    with pytest.raises(AuthenticationFailed) as caught:
        finish(task, a, response)
    (difference,) = caught.value.differences
    assert (difference.ours, difference.theirs) == ("203.0.113.2", "fqdn:evil.example")


def test_the_candidate_is_chosen_by_identity_and_then_by_proof() -> None:
    def tunnel(name: str, secret: str) -> Connection:
        return replace(mirrored(connection(name=name)), authentication=PresharedKey(secret))

    a, b = authenticating()
    stranger = replace(
        tunnel("stranger", "psk"), remote_identity=Identity(IdentityType.FQDN, "x.example")
    )
    assert b.handshake is not None
    b.handshake.candidates = [stranger, tunnel("other key", "other"), tunnel("right", "psk")]
    b.context = context(1, Keys(other=b"another key"))
    answer(b, request_of(a))
    assert b.connection.name == "right"


def test_algorithms_that_the_right_tunnel_does_not_allow() -> None:
    a, b = authenticating()
    strict = mirrored(connection(proposals=[ike("aes-256-gcm/prf-hmac-sha512/ecp-521")]))
    assert b.handshake is not None
    b.handshake.candidates = [strict]
    with pytest.raises(AuthenticationFailed, match="does not allow aes-128-gcm"):
        answer(b, request_of(a))


def test_no_auth_payload_means_eap() -> None:
    a, b = authenticating()
    request = [each for each in request_of(a) if not isinstance(each, AuthPayload)]
    with pytest.raises(AuthenticationFailed, match="EAP"):
        answer(b, request)


def test_half_a_child_is_invalid_syntax() -> None:
    a, b = authenticating()
    request = [each for each in request_of(a) if not isinstance(each, SaPayload)]
    with pytest.raises(InvalidSyntax):
        answer(b, request)


def test_no_child_at_all_is_an_ike_sa_without_children() -> None:
    a, b = authenticating()
    request = [each for each in request_of(a) if not isinstance(each, SaPayload | TsPayload)]
    response = answer(b, request)
    assert [type(each) for each in response] == [IdPayload, AuthPayload]
    assert b.state is State.ESTABLISHED


def test_the_child_fails_and_the_ike_sa_stands() -> None:
    a, b = authenticating(connection(), mirrored(connection(child(esp("aes-256-gcm")))))
    task = Authenticate()
    response = answer(b, list(task.build(a, NOW)))
    (notify,) = select(response, NotifyPayload)
    assert notify.type == NotifyType.NO_PROPOSAL_CHOSEN
    finish(task, a, response)
    assert a.state is b.state is State.ESTABLISHED
    assert [each.mode for each in failures(a) + failures(b)] == ["child SA", "child SA"]


def test_a_refusal_of_the_peer_ends_it() -> None:
    a, _ = authenticating()
    task = Authenticate()
    task.build(a, NOW)
    with pytest.raises(PeerRefused) as caught:
        finish(task, a, [NotifyPayload(NotifyType.AUTHENTICATION_FAILED)])
    task.failed(a, caught.value, NOW)
    assert a.state is State.CLOSED
    assert failures(a)[0].policy_ids == (1,)


def test_initial_contact_is_said_when_nothing_else_stands() -> None:
    a, b = authenticating()
    request = request_of(a)
    assert NotifyPayload(NotifyType.INITIAL_CONTACT) in request
    answer(b, request)
    assert "CloseOtherSessions" in told(b)
