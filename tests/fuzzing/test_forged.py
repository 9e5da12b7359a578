"""Somebody who reads everything, and has no key, cannot end a negotiation with forged messages."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gatewright.policy.compiled import IkeVersion
from gatewright.wire.isakmp import NO_SPI, Header
from tests.support.gateways import Pair, connection, pair
from tests.support.gateways_v1 import tunnel
from tests.support.hostile_messages import forged_v1, forged_v2, hostile_chains
from tests.support.sim import Packet

BOTH = pytest.mark.parametrize("version", list(IkeVersion))


def gateways(version: IkeVersion) -> Pair:
    return pair(tunnel() if version is IkeVersion.V1 else connection())


def forged(packet: Packet) -> list[bytes]:
    """What can be made up under the SPIs that a message shows."""
    header = Header.parse(packet.payload)
    if header.major == 1:
        return forged_v1((header.spi_i, header.spi_r))
    from_initiator = bool(header.flags & 0x08)
    return forged_v2((header.spi_i, header.spi_r), from_initiator=from_initiator)


@BOTH
def test_before_each_message_of_a_negotiation(version: IkeVersion) -> None:
    attacked = gateways(version)

    def forge(packet: Packet) -> list[Packet]:
        return [*(replace(packet, payload=each) for each in forged(packet)), packet]

    attacked.network.interceptors.append(forge)
    attacked.endpoint_a.up("branch", attacked.network.now)
    attacked.network.run(10)
    assert attacked.connected()
    attacked.network.interceptors.clear()
    attacked.network.run(60)
    assert attacked.connected()
    for host, endpoint in zip(
        attacked.hosts(), (attacked.endpoint_a, attacked.endpoint_b), strict=True
    ):
        assert len(host.sad.pairs) == 1
        assert endpoint.counters()["sessions"] == 1
        assert endpoint.counters()["half_open"] == 0


@BOTH
def test_error_notifies_in_place_of_the_first_answer(version: IkeVersion) -> None:
    """An answer without a responder's SPI, as a gateway gives that refuses without state."""
    attacked = gateways(version)

    def forge(packet: Packet) -> list[Packet] | None:
        header = Header.parse(packet.payload)
        if header.spi_r != NO_SPI or packet.source.ip not in attacked.a.addresses:
            return None
        back = Packet(packet.destination, packet.source, b"")
        answers = (
            forged_v1((header.spi_i, NO_SPI))
            if header.major == 1
            else forged_v2((header.spi_i, NO_SPI), from_initiator=False)
        )
        for answer in answers:
            attacked.network.inject(replace(back, payload=answer))
        return None

    attacked.network.interceptors.append(forge)
    attacked.endpoint_a.up("branch", attacked.network.now)
    attacked.network.run(10)
    assert attacked.connected()


@BOTH
def test_first_messages_with_hostile_payloads_leave_nothing(version: IkeVersion) -> None:
    attacked = gateways(version)
    attacked.endpoint_a.up("branch", attacked.network.now)
    attacked.network.run(1)
    (_, first), *_ = attacked.network.carried
    for message in hostile_chains(first.payload):
        attacked.network.inject(replace(first, payload=message))
        attacked.network.run(0.1)
    assert attacked.connected()
    assert attacked.endpoint_b.counters()["sessions"] == 1
    assert attacked.endpoint_b.counters()["half_open"] == 0
