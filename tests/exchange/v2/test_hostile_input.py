"""Malformed, truncated, forged and unwanted messages: a named counter each, nothing disturbed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gatewright.iana.ikev2 import ExchangeType, NotifyType, PayloadType, ProtocolId
from gatewright.ike.child_index import ChildIndex
from gatewright.ike.machine import Address
from gatewright.ike.outputs import Fault, IkeSaClosed, MessageDropped
from gatewright.ike.v2 import exchanges, selectors
from gatewright.ike.v2.rules import Shape
from gatewright.ike.v2.sa import IkeSa
from gatewright.ike.v2.selectors import Fit, Selectors
from gatewright.ike.v2.tasks import init
from gatewright.ike.v2.tasks.auth import Authenticate
from gatewright.ike.v2.tasks.task import Inbound
from gatewright.wire.isakmp import Header
from gatewright.wire.v2.message import Head, Message, Payload, emit_message
from gatewright.wire.v2.payloads.auth import AuthPayload
from gatewright.wire.v2.payloads.cert import CertRequestPayload
from gatewright.wire.v2.payloads.config import ConfigPayload
from gatewright.wire.v2.payloads.delete import DeletePayload
from gatewright.wire.v2.payloads.notify import NotifyPayload
from gatewright.wire.v2.payloads.unknown import UnknownPayload
from gatewright.wire.v2.payloads.vendor import VendorPayload
from tests.exchange.v2.announce import Announce
from tests.support.figures import Figure
from tests.support.gateways import Pair, connection, mirrored, pair, selector
from tests.support.sim import Packet


def established(seed: int = 0) -> Pair:
    gateways = pair(seed=seed, export_keys=True)
    gateways.endpoint_a.up("branch", gateways.network.now)
    gateways.network.run(1)
    assert gateways.connected()
    return gateways


def session_of_a(gateways: Pair) -> IkeSa:
    (session,) = gateways.endpoint_a._sessions
    sa = session._sa  # type: ignore[attr-defined]
    assert isinstance(sa, IkeSa)
    return sa


def say(gateways: Pair, *payloads: Payload) -> None:
    """A sends an INFORMATIONAL request with these payloads."""
    (session,) = gateways.endpoint_a._sessions
    session_of_a(gateways).agenda.add(Announce(*payloads))
    session.handle_timeout(gateways.network.now)
    gateways.endpoint_a._collect(session, gateways.network.now)
    gateways.network.run(1)


def inject(gateways: Pair, payload: bytes) -> None:
    packet = gateways.network.carried[0][1]
    gateways.network.inject(replace(packet, payload=payload))
    gateways.network.run(0.5)


# --- octets that are no message ---------------------------------------------------------------


@given(st.binary(max_size=600))
@settings(max_examples=200, deadline=None)
def test_random_octets_leave_nothing(octets: bytes) -> None:
    gateways = pair()
    gateways.network.inject(Packet(_source(gateways), _source(gateways, of_b=True), octets))
    gateways.network.run(1)
    assert gateways.endpoint_b.counters()["sessions"] == 0
    assert len(gateways.b.told(MessageDropped)) == 1


def _source(gateways: Pair, *, of_b: bool = False) -> Address:
    return Address((gateways.b if of_b else gateways.a).addresses[0], 500)


@given(st.data())
@settings(max_examples=200, deadline=None)
def test_a_damaged_message_disturbs_no_tunnel_and_leaves_nothing(data: st.DataObject) -> None:
    gateways = established()
    before = dict(gateways.a.sad.pairs), dict(gateways.b.sad.pairs)
    packets = [packet for _, packet in gateways.network.carried]
    packet = data.draw(st.sampled_from(packets))
    octets = bytearray(packet.payload)
    for _ in range(data.draw(st.integers(1, 4))):
        octets[data.draw(st.integers(0, len(octets) - 1))] = data.draw(st.integers(0, 255))
    length = data.draw(st.integers(0, len(octets)))
    cut = data.draw(st.booleans())
    damaged = bytes(octets[:length] if cut else octets)
    gateways.network.inject(replace(packet, payload=damaged))
    gateways.network.run(60)
    assert (gateways.a.sad.pairs, gateways.b.sad.pairs) == before
    assert len(gateways.endpoint_a.snapshot(gateways.network.now)) == 1
    assert len(gateways.endpoint_b.snapshot(gateways.network.now)) == 1


@given(st.integers(0, 255), st.binary(max_size=200))
@settings(max_examples=200, deadline=None)
def test_authentic_garbage_ends_the_ike_sa_on_both_sides_or_is_ignored(
    kind: int, octets: bytes
) -> None:
    """RFC 7296 section 2.21.3: only a peer with the keys can do that."""
    if kind in (PayloadType.NONE, PayloadType.SK):
        return
    gateways = established()
    sa = session_of_a(gateways)
    exchange = ExchangeType.CREATE_CHILD_SA if octets[:1] > b"\x80" else ExchangeType.INFORMATIONAL
    head = Head(sa.spi_i, sa.spi_r, exchange, 2, True, response=False)
    sealed = sa.keys().seal(head, [UnknownPayload(kind, octets)], sa.context.random)
    inject(gateways, sealed)
    gateways.network.run(100)
    assert len(gateways.endpoint_b.snapshot(gateways.network.now)) <= 1


def test_a_message_that_is_malformed_inside_is_answered_and_fatal() -> None:
    gateways = established()
    figure = Figure(gateways.network)
    say(gateways, UnknownPayload(PayloadType.DELETE, b"\x03"))
    assert figure.text()[1] == "B -> A  INFORMATIONAL {N(INVALID_SYNTAX)}"
    for host in gateways.hosts():
        assert not host.sad.pairs
        assert host.told(IkeSaClosed)
    (failure,) = gateways.b.failures()
    assert failure.fault is Fault.MALFORMED


def test_an_unknown_exchange_is_invalid_syntax() -> None:
    gateways = established()
    sa = session_of_a(gateways)
    head = Head(sa.spi_i, sa.spi_r, 99, 2, True, response=False)
    inject(gateways, sa.keys().seal(head, [], sa.context.random))
    assert gateways.b.told(IkeSaClosed)
    assert "exchange of type unknown (99)" in gateways.b.failures()[0].explanation


# --- critical and unknown payloads ------------------------------------------------------------


def test_an_unknown_critical_payload_is_refused_by_number_and_the_sa_stands() -> None:
    """RFC 7296 section 2.5."""
    gateways = established()
    figure = Figure(gateways.network)
    say(gateways, UnknownPayload(200, b"new", critical=True))
    (answer,) = figure.lines()[1].payloads
    assert answer == NotifyPayload(NotifyType.UNSUPPORTED_CRITICAL_PAYLOAD, bytes([200]))
    assert gateways.connected()


@pytest.mark.parametrize(
    "payload",
    [
        UnknownPayload(200, b"new"),
        VendorPayload(b"somebody"),
        NotifyPayload(NotifyType.SET_WINDOW_SIZE, (8).to_bytes(4, "big")),
        NotifyPayload(NotifyType.ESP_TFC_PADDING_NOT_SUPPORTED),
        NotifyPayload(40999, b"private"),
        NotifyPayload(12345, b"an error that nobody knows"),
        ConfigPayload(1, ((1, b""),)),
        DeletePayload(ProtocolId.ESP, (b"\0\0\0\1",)),
        DeletePayload(ProtocolId.AH, (b"\0\0\0\1",)),
    ],
)
def test_what_is_not_needed_is_ignored(payload: Payload) -> None:
    gateways = established()
    figure = Figure(gateways.network)
    say(gateways, payload)
    assert figure.text()[1] == "B -> A  INFORMATIONAL {}"
    assert gateways.connected()


def test_certificate_requests_and_vendors_are_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    respond = init.respond

    def chatty(sa: IkeSa, inbound: Inbound, now: float) -> list[Payload]:
        extra: list[Payload] = [CertRequestPayload(4, b"authority"), VendorPayload(b"strange")]
        return [*respond(sa, inbound, now), *extra]

    monkeypatch.setattr(init, "respond", chatty)
    gateways = pair()
    gateways.endpoint_a.up("branch", gateways.network.now)
    gateways.network.run(1)
    assert gateways.connected()


# --- without keys, or with the wrong ones -----------------------------------------------------


def dropped(gateways: Pair) -> list[str]:
    return [each.reason for each in gateways.b.told(MessageDropped)]


def test_an_unprotected_delete_deletes_nothing() -> None:
    gateways = established()
    sa = session_of_a(gateways)
    head = Head(sa.spi_i, sa.spi_r, ExchangeType.INFORMATIONAL, 2, True, response=False)
    inject(gateways, emit_message(head, [DeletePayload(ProtocolId.IKE)]))
    assert dropped(gateways) == ["unprotected_message"]
    assert gateways.connected()


def test_the_wrong_keys_are_noticed() -> None:
    gateways, other = established(), established(seed=1)
    sa, stranger = session_of_a(gateways), session_of_a(other)
    head = Head(sa.spi_i, sa.spi_r, ExchangeType.INFORMATIONAL, 2, True, response=False)
    inject(gateways, stranger.keys().seal(head, [], sa.context.random))
    assert dropped(gateways) == ["ike_integrity_check_failed"]
    assert gateways.connected()


def test_a_message_sent_back_is_not_taken_for_one_of_the_peer() -> None:
    gateways = established()
    auth = gateways.network.carried[3][1]  # B's response
    gateways.network.inject(Packet(auth.destination, auth.source, auth.payload))
    gateways.network.run(0.5)
    assert dropped(gateways) == ["reflected_message"]


def test_requests_out_of_order_are_dropped() -> None:
    """An IKE_AUTH after authentication, and anything else before it."""
    gateways = established()
    sa = session_of_a(gateways)
    head = Head(sa.spi_i, sa.spi_r, ExchangeType.IKE_AUTH, 2, True, response=False)
    inject(gateways, sa.keys().seal(head, [], sa.context.random))
    assert dropped(gateways) == ["request_out_of_order"]
    assert gateways.connected()


def test_a_message_id_of_the_future_is_outside_the_window() -> None:
    gateways = established()
    sa = session_of_a(gateways)
    head = Head(sa.spi_i, sa.spi_r, ExchangeType.INFORMATIONAL, 9, True, response=False)
    inject(gateways, sa.keys().seal(head, [], sa.context.random))
    assert dropped(gateways) == ["message_id_outside_window"]


def test_a_first_message_changed_on_its_way_fails_the_authentication() -> None:
    """RFC 7296 section 2.15: what was said before the keys is signed afterwards."""
    gateways = pair()

    def weaken(packet: Packet) -> list[Packet] | None:
        message = Message.parse(packet.payload)
        if message.is_response or message.header.exchange != ExchangeType.IKE_SA_INIT:
            return None
        head = Head(message.header.spi_i, message.header.spi_r, 34, 0, True, response=False)
        changed = emit_message(head, [*message.payloads, VendorPayload(b"inserted")])
        return [replace(packet, payload=changed)]

    gateways.network.interceptors.append(weaken)
    gateways.endpoint_a.up("branch", gateways.network.now)
    gateways.network.run(60)
    assert not gateways.b.sad.pairs
    assert gateways.b.failures()[0].fault is Fault.AUTHENTICATION


# --- peers that want something else -----------------------------------------------------------


def altered_auth(
    monkeypatch: pytest.MonkeyPatch, alter: Callable[[Payload], Payload | None]
) -> Pair:
    build = Authenticate.build

    def altered(task: Authenticate, sa: IkeSa, now: float) -> Sequence[Payload]:
        return [each for each in map(alter, build(task, sa, now)) if each is not None]

    monkeypatch.setattr(Authenticate, "build", altered)
    gateways = pair()
    gateways.endpoint_a.up("branch", gateways.network.now)
    gateways.network.run(60)
    return gateways


def test_eap_is_refused_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    gateways = altered_auth(
        monkeypatch, lambda each: None if isinstance(each, AuthPayload) else each
    )
    (failure,) = gateways.b.failures()
    assert [(d.item, d.theirs) for d in failure.differences] == [("authentication method", "EAP")]


def test_another_authentication_method_is_refused_by_name(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    gateways = altered_auth(
        monkeypatch,
        lambda each: replace(each, method=14) if isinstance(each, AuthPayload) else each,
    )
    (failure,) = gateways.b.failures()
    (difference,) = failure.differences
    assert (difference.item, difference.theirs) == ("authentication method", "digital signature")


def test_selectors_beyond_those_offered_are_a_violation(monkeypatch: pytest.MonkeyPatch) -> None:
    wide = [selector("0.0.0.0/0")]
    narrow = selectors.choose_child

    def widened(children: ChildIndex, local: Selectors, remote: Selectors) -> Fit:
        return replace(narrow(children, local, remote), local=tuple(wide))

    monkeypatch.setattr(selectors, "choose_child", widened)
    gateways = pair()
    gateways.endpoint_a.up("branch", gateways.network.now)
    gateways.network.run(10)
    (failure,) = gateways.a.failures()
    assert failure.fault is Fault.PEER_VIOLATION
    assert failure.differences[0].item == "remote traffic selector"
    for host in gateways.hosts():
        assert not host.sad.pairs
    assert len(gateways.endpoint_a.snapshot(gateways.network.now)) == 1


def test_a_responder_that_does_not_prove_itself_is_told_and_left(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """RFC 7296 section 2.21.2: the initiator says so in an INFORMATIONAL exchange."""
    respond, mode = exchanges._RESPONDERS[Shape.AUTH_REQUEST]

    def impostor(sa: IkeSa, inbound: Inbound, now: float) -> list[Payload]:
        return [
            replace(each, data=bytes(32)) if isinstance(each, AuthPayload) else each
            for each in respond(sa, inbound, now)
        ]

    monkeypatch.setitem(exchanges._RESPONDERS, Shape.AUTH_REQUEST, (impostor, mode))
    gateways = pair(connection(), mirrored(connection()), export_keys=True)
    figure = Figure(gateways.network)
    gateways.endpoint_a.up("branch", gateways.network.now)
    gateways.network.run(10)
    assert figure.text()[4:] == [
        "A -> B  INFORMATIONAL {N(AUTHENTICATION_FAILED)}",
        "B -> A  INFORMATIONAL {}",
    ]
    (failure,) = gateways.a.failures()
    assert failure.fault is Fault.AUTHENTICATION
    for host, endpoint in zip(
        gateways.hosts(), (gateways.endpoint_a, gateways.endpoint_b), strict=True
    ):
        assert not host.sad.pairs
        assert endpoint.counters()["sessions"] == 0


def test_a_higher_version_is_answered_with_ours() -> None:
    gateways = pair()
    gateways.endpoint_a.up("branch", gateways.network.now)
    gateways.network.drain(gateways.a)
    octets = bytearray(gateways.network.carried[0][1].payload)
    octets[17] = 0x30
    inject(gateways, bytes(octets))
    answer = Message.parse(gateways.network.carried[1][1].payload)
    assert answer.payloads == (NotifyPayload(NotifyType.INVALID_MAJOR_VERSION),)
    assert Header.parse(gateways.network.carried[1][1].payload).major == 2
