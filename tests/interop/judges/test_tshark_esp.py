"""tshark decrypts ESP with the exported keys: packets that scapy sealed, where a failure is one of
the key export or of the judge, and packets that the engine sealed."""

from __future__ import annotations

from pathlib import Path

import pytest
from scapy.layers.inet import ICMP, IP
from scapy.layers.inet6 import ICMPv6EchoRequest, IPv6
from scapy.packet import Packet

from gatewright._engine import Esp
from gatewright.audit.keylog import KeyLog
from gatewright.iana.algorithms import CIPHER_BY_NAME, INTEGRITY_BY_NAME
from gatewright.ipsec.association import ChildSa, Encapsulation
from tests.support import tshark
from tests.support.pcap import write_capture
from tests.support.scapy_esp import EVERY_ALGORITHM, Peer, child_sa, outer_packet, reversed_sa

pytestmark = pytest.mark.skipif(tshark.TSHARK is None, reason="tshark is not installed")

V4 = IP(src="10.20.0.2", dst="192.168.10.2") / ICMP() / b"hello"
V6 = IPv6(src="2001:db8:20::2", dst="2001:db8:10::2") / ICMPv6EchoRequest(data=b"hello")


def judge(pairs: list[tuple[ChildSa, Packet]], folder: Path) -> list[tshark.Frame]:
    log = KeyLog(folder / "keys")
    packets = []
    for sa, inner in pairs:
        log.record_child_sa(sa)
        packets.append(Peer(sa).seal(inner, 1))
        packets.append(Peer(reversed_sa(sa)).seal(inner, 1))
    write_capture(folder / "esp.pcap", packets)
    frames = tshark.examine(folder / "esp.pcap", folder / "keys")
    assert len(frames) == len(packets)
    return frames


def test_every_algorithm(tmp_path: Path) -> None:
    """All in one capture: tshark starts slowly."""
    known = [pair for pair in EVERY_ALGORITHM if pair[0].name != "chacha20-poly1305"]
    cases = [
        (child_sa(algorithm, encapsulation=encapsulation, number=10 * number + offset), inner)
        for number, algorithm in enumerate(known)
        for offset, encapsulation in enumerate(Encapsulation)
        for inner in ((V4, V6)[offset],)
    ]
    frames = judge(cases, tmp_path)
    for (sa, inner), frame in zip((case for case in cases for _ in range(2)), frames, strict=True):
        assert frame.complaints == (), sa
        assert frame.esp is not None
        assert frame.esp.integrity is True, sa
        assert frame.esp.inner == (("ip", "icmp") if inner is V4 else ("ipv6", "icmpv6"))
    assert {frame.esp.spi for frame in frames if frame.esp} == {
        spi for sa, _ in cases for spi in (sa.spi_in, sa.spi_out)
    }


def test_what_the_engine_sealed(tmp_path: Path) -> None:
    known = [pair for pair in EVERY_ALGORITHM if pair[0].name != "chacha20-poly1305"]
    log = KeyLog(tmp_path / "keys")
    packets = []
    for number, algorithm in enumerate(known):
        encapsulation = tuple(Encapsulation)[number % 2]
        sa = child_sa(algorithm, encapsulation=encapsulation, number=number)
        log.record_child_sa(sa)
        esp = Esp(
            cipher=sa.cipher.name,
            integrity=sa.integrity.name if sa.integrity else None,
            encryption_key=sa.keys_out.encryption.reveal(),
            integrity_key=sa.keys_out.integrity.reveal(),
            spi=sa.spi_out,
        )
        packets += [
            outer_packet(sa, esp.seal(bytes(inner), at)) for at, inner in ((1, V4), (2, V6))
        ]
    write_capture(tmp_path / "esp.pcap", packets)
    frames = tshark.examine(tmp_path / "esp.pcap", tmp_path / "keys")
    assert len(frames) == 2 * len(known)
    for number, frame in enumerate(frames):
        assert frame.complaints == (), known[number // 2]
        assert frame.esp is not None
        assert frame.esp.integrity is True, known[number // 2]
        assert frame.esp.inner == (("ip", "icmp"), ("ipv6", "icmpv6"))[number % 2]


def test_outer_ipv6(tmp_path: Path) -> None:
    algorithm = (CIPHER_BY_NAME["aes-128-gcm"], None)
    sa = child_sa(algorithm, local="2001:db8::1", remote="2001:db8::2")
    for frame in judge([(sa, V4)], tmp_path):
        assert frame.esp is not None
        assert frame.esp.integrity is True
        assert frame.esp.inner == ("ip", "icmp")


def test_extended_sequence_numbers_decrypt_unchecked(tmp_path: Path) -> None:
    algorithm = (CIPHER_BY_NAME["aes-128-cbc"], INTEGRITY_BY_NAME["hmac-sha256-128"])
    for frame in judge([(child_sa(algorithm, esn=True), V4)], tmp_path):
        assert frame.esp is not None
        assert frame.esp.inner == ("ip", "icmp")
        assert frame.esp.integrity is None


def test_a_wrong_key_is_seen(tmp_path: Path) -> None:
    """The judge can also say no."""
    algorithm = (CIPHER_BY_NAME["aes-128-cbc"], INTEGRITY_BY_NAME["hmac-sha256-128"])
    sa, other = child_sa(algorithm, number=0), child_sa(algorithm, number=1)
    log = KeyLog(tmp_path / "keys")
    log.record_child_sa(sa)
    table = tmp_path / "keys" / "esp_sa"
    keys = (sa.keys_in.integrity.reveal().hex(), other.keys_in.integrity.reveal().hex())
    table.write_text(table.read_text().replace(*keys))
    write_capture(tmp_path / "esp.pcap", [Peer(sa).seal(V4, 1)])
    (frame,) = tshark.examine(tmp_path / "esp.pcap", tmp_path / "keys")
    assert frame.esp is not None
    assert frame.esp.integrity is False
