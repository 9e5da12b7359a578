"""scapy's ESP opens what the engine sealed, and the reverse, for every algorithm."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scapy.layers.inet import ICMP, IP
from scapy.layers.inet6 import ICMPv6EchoRequest, IPv6
from scapy.layers.ipsec import ESP
from scapy.packet import Packet, Raw

from gatewright._engine import EngineError, Esp
from gatewright.iana.algorithms import Cipher, Integrity
from gatewright.ipsec.association import ChildSa, Encapsulation, SaKeys
from tests.support.scapy_esp import EVERY_ALGORITHM, Peer, algorithm_name, child_sa

Algorithm = tuple[Cipher, Integrity | None]
IPV4, IPV6, NO_NEXT_HEADER = 4, 41, 59

every_algorithm = pytest.mark.parametrize("algorithm", EVERY_ALGORITHM, ids=algorithm_name)
with_and_without_esn = pytest.mark.parametrize("esn", [False, True], ids=["", "esn"])


def inner_v4(length: int) -> Packet:
    return IP(src="10.20.0.2", dst="192.168.10.2") / ICMP() / Raw((bytes(range(256)) * 6)[:length])


def inner_v6(length: int) -> Packet:
    payload = (bytes(range(256)) * 6)[:length]
    return IPv6(src="2001:db8:20::2", dst="2001:db8:10::2") / ICMPv6EchoRequest(data=payload)


def every_padding() -> list[Packet]:
    """Inner packets of every length modulo the largest block."""
    return [inner_v4(length) for length in range(16)] + [inner_v6(length) for length in (0, 1, 9)]


def engine(sa: ChildSa, spi: int, keys: SaKeys) -> Esp:
    return Esp(
        cipher=sa.cipher.name,
        integrity=sa.integrity.name if sa.integrity else None,
        encryption_key=keys.encryption.reveal(),
        integrity_key=keys.integrity.reveal(),
        spi=spi,
        esn=sa.esn,
    )


def sealer(sa: ChildSa) -> Esp:
    return engine(sa, sa.spi_out, sa.keys_out)


def opener(sa: ChildSa) -> Esp:
    return engine(sa, sa.spi_in, sa.keys_in)


def esp_of(packet: Packet) -> bytes:
    """From the SPI to the ICV."""
    return bytes(packet[ESP])


def sequences(sa: ChildSa) -> list[int]:
    ordinary = [1, 2, 0x7FFFFFFF, 0xFFFFFFFF]
    return [*ordinary, 2**32, 2**32 + 1, 2**40 + 7] if sa.esn else ordinary


@every_algorithm
@with_and_without_esn
def test_scapy_opens_what_the_engine_sealed(algorithm: Algorithm, esn: bool) -> None:
    sa = child_sa(algorithm, esn=esn)
    esp, peer = sealer(sa), Peer(sa)
    for inner in every_padding():
        assert bytes(peer.open(esp.seal(bytes(inner), 1), 1)) == bytes(inner)
    for sequence in sequences(sa):
        sealed = esp.seal(bytes(inner_v4(1300)), sequence)
        assert ESP(sealed).seq == sequence & 0xFFFFFFFF
        assert ESP(sealed).spi == sa.spi_out
        assert bytes(peer.open(sealed, sequence)) == bytes(inner_v4(1300))


@every_algorithm
@with_and_without_esn
def test_the_engine_opens_what_scapy_sealed(algorithm: Algorithm, esn: bool) -> None:
    sa = child_sa(algorithm, esn=esn)
    esp, peer = opener(sa), Peer(sa)
    for inner in every_padding():
        next_header = IPV4 if inner.version == 4 else IPV6
        assert esp.open(esp_of(peer.seal(inner, 1))) == (1, next_header, bytes(inner))
    for sequence in sequences(sa):
        sealed = esp_of(peer.seal(inner_v4(1300), sequence))
        assert esp.open(sealed, sequence >> 32) == (sequence, IPV4, bytes(inner_v4(1300)))


@every_algorithm
def test_dummy_packets_are_known(algorithm: Algorithm) -> None:
    """RFC 4303 section 2.6: to be discarded without prejudice."""
    sa = child_sa(algorithm)
    sealed = esp_of(Peer(sa).seal_dummy(b"nothing to say", 1))
    assert opener(sa).open(sealed)[:2] == (1, NO_NEXT_HEADER)


@every_algorithm
@pytest.mark.parametrize("encapsulation", Encapsulation, ids=lambda value: value.name)
def test_a_packet_as_scapy_parses_it_from_the_wire(
    algorithm: Algorithm, encapsulation: Encapsulation
) -> None:
    """Over IPv6 and in UDP the ESP packet itself is the same."""
    sa = child_sa(algorithm, local="2001:db8::1", remote="2001:db8::2", encapsulation=encapsulation)
    inner = inner_v4(100)
    assert bytes(Peer(sa).open(sealer(sa).seal(bytes(inner), 9), 9)) == bytes(inner)
    assert opener(sa).open(esp_of(Peer(sa).seal(inner, 9))) == (9, IPV4, bytes(inner))


@every_algorithm
def test_the_engine_refuses_every_changed_octet(algorithm: Algorithm) -> None:
    sa = child_sa(algorithm)
    esp = opener(sa)
    sealed = esp_of(Peer(sa).seal(inner_v4(10), 1))
    for position in range(len(sealed)):
        changed = bytearray(sealed)
        changed[position] ^= 1 << position % 8
        with pytest.raises(EngineError):
            esp.open(bytes(changed))
    for length in range(len(sealed)):
        with pytest.raises(EngineError):
            esp.open(sealed[:length])


@every_algorithm
def test_the_high_half_of_the_sequence_number_counts(algorithm: Algorithm) -> None:
    """RFC 4303 section 2.2.1: it is not sent, but the ICV is over it."""
    sa = child_sa(algorithm, esn=True)
    sealed = esp_of(Peer(sa).seal(inner_v4(10), 2**32 + 1))
    assert opener(sa).open(sealed, 1)[0] == 2**32 + 1
    for wrong in (0, 2):
        with pytest.raises(EngineError):
            opener(sa).open(sealed, wrong)


@every_algorithm
@settings(max_examples=25, deadline=None)
@given(octets=st.binary(max_size=200), high=st.integers(0, 2**32 - 1))
def test_any_octets_are_refused_by_name(algorithm: Algorithm, octets: bytes, high: int) -> None:
    with pytest.raises(EngineError):
        opener(child_sa(algorithm, esn=True)).open(octets, high)


@every_algorithm
def test_ivs_differ(algorithm: Algorithm) -> None:
    """The same packet twice: the ciphertext must not be the same.

    Every IV is made from the sequence number, which never repeats: as it is for an AEAD (RFC 4106
    section 3.1), encrypted under a key of its own for CBC, so that it is unpredictable.
    """
    cipher, _ = algorithm
    esp = sealer(child_sa(algorithm))
    first, second = (esp.seal(bytes(inner_v4(64)), number) for number in (1, 2))
    if cipher.iv_len:
        assert first[8 : 8 + cipher.iv_len] != second[8 : 8 + cipher.iv_len]
    assert first != second
