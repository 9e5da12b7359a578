"""RFC 7296 sections 1.2 and 2.6: what comes before a responder keeps any state."""

from __future__ import annotations

from dataclasses import replace
from itertools import count

from gatewright.iana.ikev2 import ExchangeType, Flag, NotifyType
from gatewright.ike.limits import Limits
from gatewright.ike.machine import Address
from gatewright.ike.outputs import Fault
from gatewright.wire.v2.message import Head, Message, emit_message
from gatewright.wire.v2.payloads.notify import NotifyPayload
from gatewright.wire.v2.payloads.vendor import VendorPayload
from tests.support.figures import Figure
from tests.support.gateways import connection, ike, mirrored, pair
from tests.support.sim import Interceptor, Network, Packet, Weather

UNDER_PRESSURE = Limits(cookie_threshold=0)


def test_under_pressure_the_responder_wants_a_cookie_first() -> None:
    gateways = pair(limits=UNDER_PRESSURE, export_keys=True)
    figure = Figure(gateways.network)
    gateways.endpoint_a.up("branch", gateways.network.now)
    gateways.network.run(1)

    assert figure.text() == [
        "A -> B  IKE_SA_INIT {SA KE Nonce}",
        "B -> A  IKE_SA_INIT {N(COOKIE)}",
        "A -> B  IKE_SA_INIT {N(COOKIE) SA KE Nonce}",
        "B -> A  IKE_SA_INIT {SA KE Nonce}",
        "A -> B  IKE_AUTH {IDi N(INITIAL_CONTACT) IDr AUTH SA TSi TSr}",
        "B -> A  IKE_AUTH {IDr AUTH SA TSi TSr}",
    ]
    assert gateways.connected()


def test_without_a_cookie_nothing_is_remembered() -> None:
    gateways = pair(limits=UNDER_PRESSURE)
    gateways.endpoint_a.up("branch", gateways.network.now)
    gateways.network.drain(gateways.a)
    first = gateways.network.carried[0][1]
    for port in range(1000):
        source = Address(first.source.ip, 10_000 + port)
        gateways.network.inject(replace(first, source=source))
    while gateways.endpoint_b.counters().get("cookie_demanded", 0) < 1000:
        gateways.network.step()
    assert gateways.endpoint_b.counters()["sessions"] == 0


def test_a_cookie_is_good_from_one_address_only() -> None:
    gateways = pair(limits=UNDER_PRESSURE)
    gateways.endpoint_a.up("branch", gateways.network.now)
    with_cookie: list[Packet] = []

    def catch(packet: Packet) -> list[Packet] | None:
        message = Message.parse(packet.payload)
        first = message.payloads[0]
        if not message.is_response and isinstance(first, NotifyPayload):
            with_cookie.append(packet)
            return []
        return None

    gateways.network.interceptors.append(catch)
    gateways.network.run_until(lambda: bool(with_cookie))
    stolen = replace(with_cookie[0], source=Address(gateways.b.addresses[0], 500))
    gateways.network.inject(stolen)
    gateways.network.run(0.5)
    assert gateways.endpoint_b.counters()["sessions"] == 0


def test_the_cookie_secret_may_change_in_between() -> None:
    gateways = pair(limits=Limits(cookie_threshold=0, cookie_secret_lifetime=0.015))
    gateways.endpoint_a.up("branch", gateways.network.now)
    gateways.network.run(1)
    assert gateways.connected()


def test_another_group_is_wanted() -> None:
    both = [ike("aes-128-gcm/prf-hmac-sha256/x25519"), ike("aes-128-gcm/prf-hmac-sha256/ecp-384")]
    side_b = mirrored(connection(proposals=[both[1]]))
    gateways = pair(connection(proposals=both), side_b, export_keys=True)
    figure = Figure(gateways.network)
    gateways.endpoint_a.up("branch", gateways.network.now)
    gateways.network.run(1)

    assert figure.text()[:4] == [
        "A -> B  IKE_SA_INIT {SA KE Nonce}",
        "B -> A  IKE_SA_INIT {N(INVALID_KE_PAYLOAD)}",
        "A -> B  IKE_SA_INIT {SA KE Nonce}",
        "B -> A  IKE_SA_INIT {SA KE Nonce}",
    ]
    assert gateways.connected()
    assert not gateways.b.failures()
    assert gateways.endpoint_b.counters()["sessions"] == 1


def test_cookie_and_another_group_in_one_negotiation() -> None:
    """RFC 7296 section 2.6.1: the cookie is returned again with the new group."""
    both = [ike("aes-128-gcm/prf-hmac-sha256/x25519"), ike("aes-128-gcm/prf-hmac-sha256/ecp-384")]
    side_b = mirrored(connection(proposals=[both[1]]))
    gateways = pair(connection(proposals=both), side_b, limits=UNDER_PRESSURE, export_keys=True)
    figure = Figure(gateways.network)
    gateways.endpoint_a.up("branch", gateways.network.now)
    gateways.network.run(1)

    assert figure.text()[:6] == [
        "A -> B  IKE_SA_INIT {SA KE Nonce}",
        "B -> A  IKE_SA_INIT {N(COOKIE)}",
        "A -> B  IKE_SA_INIT {N(COOKIE) SA KE Nonce}",
        "B -> A  IKE_SA_INIT {N(INVALID_KE_PAYLOAD)}",
        "A -> B  IKE_SA_INIT {N(COOKIE) SA KE Nonce}",
        "B -> A  IKE_SA_INIT {SA KE Nonce}",
    ]
    assert gateways.connected()


def _impostor(network: Network, kind: NotifyType, data: bytes) -> Interceptor:
    """Somebody on the way answers each IKE_SA_INIT of A with this notify, at once.

    Each answer is another one: a vendor ID counts them.
    """
    numbers = count()

    def intercept(packet: Packet) -> list[Packet] | None:
        header = Message.parse(packet.payload).header
        if header.flags & Flag.RESPONSE or header.exchange != ExchangeType.IKE_SA_INIT:
            return None
        head = Head(header.spi_i, bytes(8), header.exchange, 0, False, response=True)
        answer = emit_message(
            head, [NotifyPayload(kind, data), VendorPayload(b"%d" % next(numbers))]
        )
        network.inject(Packet(packet.destination, packet.source, answer))
        return []

    return intercept


def test_a_group_that_was_not_offered_is_explained() -> None:
    gateways = pair()
    wanted = (16).to_bytes(2, "big")
    network = gateways.network
    network.interceptors.append(_impostor(network, NotifyType.INVALID_KE_PAYLOAD, wanted))
    gateways.endpoint_a.up("branch", gateways.network.now)
    gateways.network.run(5)

    (failure,) = gateways.a.failures()
    assert failure.fault is Fault.REFUSED
    assert failure.notify == "INVALID_KE_PAYLOAD"
    assert [(d.item, d.ours, d.theirs) for d in failure.differences] == [
        ("key exchange group", "x25519", "modp-4096")
    ]


def test_a_peer_that_wants_cookies_for_ever_is_given_up() -> None:
    gateways = pair()
    network = gateways.network
    network.interceptors.append(_impostor(network, NotifyType.COOKIE, b"again and again"))
    gateways.endpoint_a.up("branch", gateways.network.now)
    gateways.network.run(60)

    (failure,) = gateways.a.failures()
    assert failure.fault is Fault.PEER_VIOLATION
    assert gateways.endpoint_a.counters()["sessions"] == 0


def test_a_forged_refusal_does_not_stop_the_negotiation() -> None:
    """RFC 7296 section 2.21.1: errors in IKE_SA_INIT are not authenticated."""
    gateways = pair()
    forge = _impostor(gateways.network, NotifyType.NO_PROPOSAL_CHOSEN, b"")

    def forge_and_let_pass(packet: Packet) -> list[Packet]:
        forge(packet)
        return [packet]

    gateways.network.interceptors.append(forge_and_let_pass)
    gateways.endpoint_a.up("branch", gateways.network.now)
    gateways.network.run(5)
    assert gateways.connected()
    assert not gateways.a.failures()


def test_a_response_that_comes_twice_is_taken_once() -> None:
    """A duplicate of INVALID_KE_PAYLOAD is no second refusal."""
    both = [ike("aes-128-gcm/prf-hmac-sha256/x25519"), ike("aes-128-gcm/prf-hmac-sha256/ecp-384")]
    gateways = pair(
        connection(proposals=both),
        mirrored(connection(proposals=[both[1]])),
        limits=UNDER_PRESSURE,
        weather=Weather(duplication=1.0, jitter=0.9),
    )
    gateways.endpoint_a.up("branch", gateways.network.now)
    gateways.network.run(10)
    assert gateways.connected()
    assert not gateways.a.failures()
