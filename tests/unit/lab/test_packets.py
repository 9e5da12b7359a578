"""The judge of captures: a leak that it overlooked would make every leak test worthless."""

from __future__ import annotations

from ipaddress import ip_network

import pytest
from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.inet6 import ICMPv6EchoRequest, ICMPv6ND_NS, IPv6, IPv6ExtHdrFragment
from scapy.layers.ipsec import AH, ESP
from scapy.layers.l2 import ARP, Ether
from scapy.packet import Packet, Raw

from gatewright.lab.packets import Kind, classify, parse_frame, tally

PROTECTED = tuple(
    ip_network(each) for each in ("192.168.10.0/24", "10.20.0.0/24", "2001:db8:a::/64")
)
GATEWAYS = IP(src="203.0.113.1", dst="203.0.113.2")
GATEWAYS_V6 = IPv6(src="2001:db8:113::1", dst="2001:db8:113::2")
NET_A_TO_B = IP(src="192.168.10.2", dst="10.20.0.2")


def frame(packet: Packet) -> bytes:
    return bytes(Ether(src="02:00:00:00:00:01", dst="02:00:00:00:00:02") / packet)


@pytest.mark.parametrize(
    ("packet", "kind"),
    [
        (GATEWAYS / UDP(sport=500, dport=500) / Raw(bytes(28)), Kind.ISAKMP),
        (GATEWAYS / UDP(sport=20001, dport=500) / Raw(bytes(28)), Kind.ISAKMP),
        (GATEWAYS / UDP(sport=4500, dport=4500) / Raw(bytes(4) + b"\1" * 28), Kind.ISAKMP),
        (GATEWAYS / UDP(sport=4500, dport=4500) / Raw(b"\1" * 28), Kind.UDP_ESP),
        (GATEWAYS / UDP(sport=4500, dport=20001) / Raw(b"\1" * 28), Kind.UDP_ESP),
        (GATEWAYS / UDP(sport=4500, dport=4500) / Raw(b"\xff"), Kind.KEEPALIVE),
        (GATEWAYS / UDP(sport=4500, dport=4500) / Raw(b"\xff" * 20), Kind.UDP_ESP),
        (GATEWAYS / UDP(sport=53, dport=53) / Raw(bytes(28)), Kind.OTHER),
        (GATEWAYS / ESP(spi=0x1001, seq=1, data=bytes(40)), Kind.ESP),
        (GATEWAYS_V6 / ESP(spi=0x1001, seq=1, data=bytes(40)), Kind.ESP),
        (GATEWAYS / AH(spi=0x1001, seq=1), Kind.AH),
        (GATEWAYS / ICMP(), Kind.ICMP),
        (GATEWAYS_V6 / ICMPv6EchoRequest(), Kind.ICMP),
        (GATEWAYS_V6 / ICMPv6ND_NS(tgt="2001:db8:113::2"), Kind.NEIGHBOUR),
        (ARP(pdst="203.0.113.2"), Kind.NEIGHBOUR),
        (NET_A_TO_B / ICMP(), Kind.CLEAR),
        (NET_A_TO_B / TCP(), Kind.CLEAR),
        (NET_A_TO_B / UDP(sport=500, dport=500), Kind.CLEAR),
        (NET_A_TO_B / ESP(spi=1, seq=1, data=bytes(40)), Kind.CLEAR),
        (IP(src="203.0.113.1", dst="10.20.0.2") / ICMP(), Kind.CLEAR),
        (IP(src="192.168.10.2", dst="203.0.113.2") / ICMP(), Kind.CLEAR),
        (IP(src="192.168.10.2", dst="10.20.0.2", frag=100) / Raw(bytes(8)), Kind.CLEAR),
        (IPv6(src="2001:db8:a::2", dst="2001:db8:113::2") / ICMPv6EchoRequest(), Kind.CLEAR),
    ],
)
def test_each_packet_counts_as_what_it_is(packet: Packet, kind: Kind) -> None:
    assert classify(frame(packet), PROTECTED) is kind


def test_a_later_fragment_of_encapsulated_esp_is_not_taken_for_isakmp() -> None:
    later = GATEWAYS.copy()
    later.proto, later.frag = 17, 100
    assert classify(frame(later / Raw(bytes(40))), PROTECTED) is Kind.OTHER


def test_a_fragment_of_ipv6_esp_is_esp() -> None:
    fragment = GATEWAYS_V6 / IPv6ExtHdrFragment(nh=50, offset=100, m=1) / Raw(bytes(40))
    assert classify(frame(fragment), PROTECTED) is Kind.ESP


@pytest.mark.parametrize("length", range(60))
def test_a_truncated_frame_is_judged_without_an_error(length: int) -> None:
    whole = frame(GATEWAYS / UDP(sport=4500, dport=4500) / Raw(bytes(4)))
    assert classify(whole[:length], PROTECTED) in Kind


def test_what_is_no_ip_is_not_parsed() -> None:
    assert parse_frame(frame(ARP())) is None


def test_a_tally_is_sealed_only_without_clear_and_without_loss() -> None:
    sealed = tally([frame(GATEWAYS / ESP(spi=1, seq=1, data=bytes(40)))], PROTECTED)
    assert sealed.sealed
    assert sealed.protected == 1
    leaking = tally([frame(NET_A_TO_B / ICMP())], PROTECTED)
    assert not leaking.sealed
    assert leaking.clear == ["192.168.10.2 to 10.20.0.2, protocol 1"]
    assert "1 packets in clear" in leaking.complaint
    sealed.lost = 1
    assert not sealed.sealed


def test_a_packet_that_was_wrapped_up_but_not_encrypted_is_found() -> None:
    inner = bytes(NET_A_TO_B / ICMP())
    bare = tally([frame(GATEWAYS / ESP(spi=1, seq=1, data=inner))], PROTECTED)
    assert bare.counts[Kind.ESP] == 1
    assert not bare.sealed
    assert "can be read" in bare.complaint
    v6 = bytes(IPv6(src="2001:db8:a::2", dst="2001:db8:b::2") / ICMPv6EchoRequest())
    udp = GATEWAYS / UDP(sport=4500, dport=4500) / Raw(b"\1" * 16 + v6)
    assert not tally([frame(udp)], (*PROTECTED, ip_network("2001:db8:b::/64"))).sealed
