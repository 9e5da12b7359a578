"""Bad input: each datagram is counted, leaves no state, and disturbs nothing that stands."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gatewright.iana.ikev1 import ExchangeType, NotifyType, ProtocolId
from gatewright.ike.limits import Limits
from gatewright.ike.machine import Address
from gatewright.ike.outputs import DeleteChildSa, InstallChildSa, MessageDropped, Transmit
from gatewright.wire.isakmp import NO_SPI
from gatewright.wire.v1.message import emit_chain, emit_message
from gatewright.wire.v1.payload import Payload
from gatewright.wire.v1.payloads.delete import DeletePayload
from gatewright.wire.v1.payloads.notify import NotifyPayload
from tests.support.gateways import IP_A, IP_B, Keys, Pair, mirrored, pair
from tests.support.gateways_v1 import bring_up, tunnel
from tests.support.sim import Packet

A, B = Address(IP_A, 500), Address(IP_B, 500)
COOKIE = b"\x11" * 8


def recorded() -> list[bytes]:
    """The nine messages of a tunnel."""
    gateways = pair(tunnel(), seed=99)
    bring_up(gateways)
    return [packet.payload for _, packet in gateways.network.carried]


RECORDED = recorded()


def reasons(gateways: Pair, host: str = "B") -> list[str]:
    chosen = gateways.a if host == "A" else gateways.b
    return [drop.reason for drop in chosen.told(MessageDropped)]


def throw_at_b(gateways: Pair, payload: bytes) -> None:
    gateways.network.inject(Packet(A, B, payload))
    gateways.network.run(0.001)


@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_no_datagram_gets_an_exception_or_a_tunnel(data: st.DataObject) -> None:
    message = data.draw(st.sampled_from(RECORDED))
    how = data.draw(st.sampled_from(["cut", "random", "flip", "lengthened", "swapped"]))
    octets = bytearray(message)
    if how == "cut":
        octets = octets[: data.draw(st.integers(0, len(octets)))]
    elif how == "random":
        octets = bytearray(data.draw(st.binary(max_size=400)))
    elif how == "flip":
        for _ in range(data.draw(st.integers(1, 4))):
            octets[data.draw(st.integers(0, len(octets) - 1))] ^= data.draw(st.integers(1, 255))
    elif how == "lengthened":
        octets += data.draw(st.binary(min_size=1, max_size=50))
        octets[24:28] = len(octets).to_bytes(4, "big")
    else:
        octets[28:] = data.draw(st.sampled_from(RECORDED))[28:]
        octets[24:28] = len(octets).to_bytes(4, "big")
    gateways = pair(tunnel())
    throw_at_b(gateways, bytes(octets))
    gateways.network.run(60)
    assert not gateways.b.told(InstallChildSa)
    assert not gateways.endpoint_b.snapshot(0)
    assert gateways.endpoint_b.counters()["half_open"] == 0


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_an_established_tunnel_is_not_disturbed(data: st.DataObject) -> None:
    gateways = pair(tunnel())
    bring_up(gateways)
    carried = [packet for _, packet in gateways.network.carried]
    for _ in range(10):
        packet = data.draw(st.sampled_from(carried))
        octets = bytearray(packet.payload)
        position = data.draw(st.integers(16, len(octets) - 1))
        octets[position] ^= data.draw(st.integers(1, 255))
        gateways.network.inject(Packet(packet.source, packet.destination, bytes(octets)))
        gateways.network.run(0.01)
    gateways.network.run(120)
    assert gateways.connected()
    for host in gateways.hosts():
        assert not host.told(DeleteChildSa)
        assert len(host.told(InstallChildSa)) == 1


def test_random_octets_in_great_number() -> None:
    gateways = pair(tunnel())
    bring_up(gateways)
    source = random.Random(1)
    for _ in range(500):
        throw_at_b(gateways, source.randbytes(source.randrange(0, 200)))
    assert len(reasons(gateways)) == 500
    assert gateways.connected()
    assert len(gateways.endpoint_b.snapshot(0)) == 1


def test_a_replayed_exchange_makes_no_second_tunnel() -> None:
    gateways = pair(tunnel())
    bring_up(gateways)
    for _, packet in list(gateways.network.carried):
        gateways.network.inject(packet)
    gateways.network.run(200)
    for host in gateways.hosts():
        assert len(host.told(InstallChildSa)) == 1
        assert not host.told(DeleteChildSa)
    assert gateways.connected()


def test_a_quick_mode_that_is_replayed_late_is_known_by_its_message_id() -> None:
    gateways = pair(tunnel())
    bring_up(gateways)
    first = next(
        packet
        for _, packet in gateways.network.carried
        if packet.payload[18] == ExchangeType.QUICK_MODE
    )
    gateways.network.run(600)
    gateways.endpoint_b.up("branch", gateways.network.now)  # anything that tidies up
    gateways.network.inject(first)
    gateways.network.run(5)
    assert len(gateways.b.told(InstallChildSa)) == 1
    assert {"quick_mode_message_replayed", "quick_mode_message_unexpected"} & set(reasons(gateways))


def in_clear(cookies: tuple[bytes, bytes], payload: Payload) -> bytes:
    return emit_message(
        *cookies, ExchangeType.INFORMATIONAL, 7, payload.number, emit_chain((payload,))
    )


@pytest.mark.parametrize(
    "payload",
    [
        NotifyPayload(NotifyType.INVALID_COOKIE, ProtocolId.ISAKMP),
        NotifyPayload(NotifyType.NO_PROPOSAL_CHOSEN, ProtocolId.ESP, bytes(4)),
        NotifyPayload(NotifyType.INITIAL_CONTACT, ProtocolId.ISAKMP, bytes(16)),
        NotifyPayload(NotifyType.R_U_THERE, ProtocolId.ISAKMP, bytes(16), bytes(4)),
    ],
)
def test_notifies_in_clear_never_end_an_sa(payload: NotifyPayload) -> None:
    gateways = pair(tunnel())
    bring_up(gateways)
    (snapshot,) = gateways.endpoint_b.snapshot(0)
    cookies = (bytes.fromhex(snapshot.spi_i), bytes.fromhex(snapshot.spi_r))
    sent = len(gateways.b.told(Transmit))
    throw_at_b(gateways, in_clear(cookies, payload))
    assert gateways.connected()
    assert len(gateways.b.told(Transmit)) == sent
    assert reasons(gateways)[-1] == "unauthenticated_notify"


def test_a_delete_in_clear_deletes_nothing() -> None:
    gateways = pair(tunnel())
    bring_up(gateways)
    (snapshot,) = gateways.endpoint_b.snapshot(0)
    cookies = (bytes.fromhex(snapshot.spi_i), bytes.fromhex(snapshot.spi_r))
    throw_at_b(gateways, in_clear(cookies, DeletePayload(ProtocolId.ISAKMP, (b"".join(cookies),))))
    assert reasons(gateways) == ["unauthenticated_informational"]
    assert gateways.connected()
    assert gateways.endpoint_b.snapshot(0)


@pytest.mark.parametrize("message", [1, 5])
def test_an_injected_answer_does_not_break_main_mode(message: int) -> None:
    """Before each answer of B somebody else's comes; the true one still succeeds."""
    gateways = pair(tunnel())
    rest = list(range(6))

    def forge(packet: Packet) -> list[Packet] | None:
        number = rest.pop(0) if rest else 9
        if number != message:
            return None
        octets = bytearray(packet.payload)
        octets[-10:] = bytes(10)
        gateways.network.inject(Packet(packet.source, packet.destination, bytes(octets)))
        return None

    gateways.network.interceptors.append(forge)
    bring_up(gateways, seconds=30)
    assert gateways.connected()


def test_a_wrong_key_at_message_5_can_be_followed_by_the_right_one() -> None:
    """Somebody who sees the cookies cannot end the main mode of another."""
    gateways = pair(tunnel())
    held: list[Packet] = []

    def forge(packet: Packet) -> list[Packet] | None:
        if packet.payload[18] == 2 and packet.payload[19] == 1 and not held:
            held.append(packet)
            octets = packet.payload[:28] + bytes(len(packet.payload) - 28)
            return [Packet(packet.source, packet.destination, octets), packet]
        return None

    gateways.network.interceptors.append(forge)
    bring_up(gateways, seconds=10)
    assert gateways.connected()
    assert gateways.b.failures()[0].differences[0].item == "preshared key"


def test_strangers_leave_no_state_and_get_a_short_answer() -> None:
    gateways = pair(tunnel(), keys_b=Keys())
    octets = bytearray(RECORDED[0])
    octets[:8] = COOKIE
    octets[28 + 4 + 3] = 7  # another domain of interpretation
    throw_at_b(gateways, bytes(octets))
    (answer,) = gateways.b.told(Transmit)
    assert len(answer.datagram.payload) < len(octets)
    assert answer.datagram.payload[8:16] == NO_SPI
    assert not gateways.endpoint_b.snapshot(0)


def test_aggressive_mode_is_refused_with_its_reason() -> None:
    gateways = pair(tunnel())
    octets = bytearray(RECORDED[0])
    octets[18] = ExchangeType.AGGRESSIVE
    throw_at_b(gateways, bytes(octets))
    (failure,) = gateways.b.failures()
    assert failure.differences[0].theirs == "aggressive mode"
    assert failure.notify == "UNSUPPORTED_EXCHANGE_TYPE"
    assert not gateways.endpoint_b.snapshot(0)


def test_an_address_that_no_policy_names_gets_nothing() -> None:
    gateways = pair(tunnel(), mirrored(tunnel()))
    gateways.network.inject(Packet(Address(IP_B, 500), B, RECORDED[0]))
    gateways.network.run(1)
    assert not gateways.b.told(Transmit)
    assert reasons(gateways) == ["no_connection_for_peer"]


def test_a_flood_of_first_messages_does_not_keep_the_peer_out() -> None:
    """They have its address, and come between any two of its messages."""
    gateways = pair(tunnel())
    cookies = iter(range(1, 10_000))

    def flood(packet: Packet) -> None:
        for _ in range(20 if packet.source.ip == IP_A else 0):
            octets = next(cookies).to_bytes(8, "big") + RECORDED[0][8:]
            gateways.network.inject(Packet(A, B, octets))

    gateways.network.interceptors.append(flood)
    bring_up(gateways)
    assert gateways.connected()
    counters = gateways.endpoint_b.counters()
    assert counters["half_open_displaced"] > 50
    assert counters["half_open"] == Limits().per_address
    gateways.network.interceptors.clear()
    gateways.network.run(60)
    assert gateways.endpoint_b.counters()["half_open"] == 0
    assert gateways.endpoint_b.counters()["sessions"] == 1
