"""Expressions are tried on ICMP errors made octet by octet, with a reader for what nft reads."""

from __future__ import annotations

import re
import struct
from ipaddress import ip_address

import pytest

from gatewright.host.quoted import errors_about, errors_perhaps_about, quoted_ends
from gatewright.ipsec.selectors import TrafficSelector
from gatewright.policy.flows import Flow, flow
from tests.support.policies import selector

A, B = "192.168.10.0/24", "10.20.0.0/24"
A6, B6 = "2001:db8:a::/64", "2001:db8:b::/64"
TCP, UDP, ICMP, FRAGMENT_HEADER = 6, 17, 1, 44
_FIELD = re.compile(r"@th,(\d+),(\d+) (?:& (\S+) )?(!= )?(\{[^}]*\}|\S+)")


def matches(expression: str, message: bytes) -> bool:
    """Whether nft would match: the type of the message, then fields by offset and length."""
    kinds, _, _ = expression.partition(" @")
    family, _, types = kinds.split(" ", 2)
    assert family in ("icmp", "icmpv6")
    if not _among(message[0], types):
        return False
    for offset, length, mask, negated, values in _FIELD.findall(expression):
        first, size = int(offset) // 8, int(length) // 8
        number = int.from_bytes(message[first : first + size], "big")
        if _among(number & int(mask or "-1", 0), values) == bool(negated):
            return False
    return True


def _among(number: int, values: str) -> bool:
    for each in values.strip("{} ").split(","):
        first, _, last = each.strip().partition("-")
        if int(first, 0) <= number <= int(last or first, 0):
            return True
    return False


def error4(
    source: str,
    destination: str,
    protocol: int = UDP,
    ports: tuple[int, int] = (1025, 53),
    *,
    options: bytes = b"",
    fragment: int = 0,
    kind: int = 3,
) -> bytes:
    """An ICMP error (RFC 792) that quotes an IPv4 packet."""
    words = 5 + len(options) // 4
    ends = ip_address(source).packed + ip_address(destination).packed
    header = struct.pack("!BBHHHBBH", 0x40 | words, 0, 28, 7, fragment, 64, protocol, 0)
    quoted = header + ends + options + struct.pack("!HHHH", *ports, 8, 0)
    return struct.pack("!BBHI", kind, 1, 0, 0) + quoted


def error6(
    source: str,
    destination: str,
    next_header: int = UDP,
    ports: tuple[int, int] = (1025, 53),
    kind: int = 1,
) -> bytes:
    """An ICMPv6 error (RFC 4443 section 3) that quotes an IPv6 packet."""
    ends = ip_address(source).packed + ip_address(destination).packed
    header = struct.pack("!IHBB", 0x60000000, 8, next_header, 64)
    return struct.pack("!BBHI", kind, 0, 0, 0) + header + ends + struct.pack("!HHHH", *ports, 8, 0)


def wanted(source: TrafficSelector, destination: TrafficSelector) -> Flow:
    found = flow(source, destination)
    assert found is not None
    return found


def surely(one: Flow, message: bytes) -> bool:
    return any(matches(each, message) for each in errors_about(one, ends(one)))


def perhaps(one: Flow, message: bytes) -> bool:
    return any(matches(each, message) for each in errors_perhaps_about(one, ends(one)))


def ends(one: Flow) -> str:
    return quoted_ends(one.source, one.destination)


HERE, THERE, ELSEWHERE = "192.168.10.2", "10.20.0.2", "198.51.100.1"
HERE6, THERE6, ELSEWHERE6 = "2001:db8:a::2", "2001:db8:b::2", "2001:db8:c::2"


@pytest.mark.parametrize("kind", [3, 4, 5, 11, 12])
def test_an_error_about_a_packet_of_the_flow(kind: int) -> None:
    one = wanted(selector(A), selector(B))
    assert surely(one, error4(HERE, THERE, kind=kind))
    assert not surely(one, error4(THERE, HERE, kind=kind))
    assert not surely(one, error4(ELSEWHERE, THERE, kind=kind))
    assert not surely(one, error4(HERE, ELSEWHERE, kind=kind))
    assert list(errors_perhaps_about(one, ends(one))) == []


@pytest.mark.parametrize("kind", [0, 8, 13])
def test_what_is_no_error_quotes_nothing(kind: int) -> None:
    assert not surely(wanted(selector(A), selector(B)), error4(HERE, THERE, kind=kind))


def test_errors_of_ipv6() -> None:
    one = wanted(selector(A6), selector(B6))
    assert surely(one, error6(HERE6, THERE6))
    assert surely(one, error6(HERE6, THERE6, kind=127))
    assert not surely(one, error6(HERE6, THERE6, kind=128))  # an echo request
    assert not surely(one, error6(THERE6, HERE6))
    assert not surely(one, error6(HERE6, ELSEWHERE6))


def test_a_flow_to_everywhere_looks_at_the_source_alone() -> None:
    one = wanted(selector(A), selector("0.0.0.0/0"))
    assert surely(one, error4(HERE, ELSEWHERE))
    assert not surely(one, error4(ELSEWHERE, HERE))
    six = wanted(selector("::/0"), selector(B6))
    assert surely(six, error6(ELSEWHERE6, THERE6))
    assert not surely(six, error6(THERE6, ELSEWHERE6))


def test_the_protocol_of_the_quoted_packet() -> None:
    one = wanted(selector(A, TCP), selector(B))
    assert surely(one, error4(HERE, THERE, TCP))
    assert not surely(one, error4(HERE, THERE, UDP))
    six = wanted(selector(A6, TCP), selector(B6))
    assert surely(six, error6(HERE6, THERE6, TCP))
    assert not surely(six, error6(HERE6, THERE6, UDP))


def test_the_ports_of_the_quoted_packet() -> None:
    one = wanted(selector(A, UDP, 1024, 2000), selector(B, UDP, 53, 53))
    assert surely(one, error4(HERE, THERE, ports=(1024, 53)))
    assert not surely(one, error4(HERE, THERE, ports=(1023, 53)))
    assert not surely(one, error4(HERE, THERE, ports=(1024, 54)))
    six = wanted(selector(A6), selector(B6, UDP, 53, 53))
    assert surely(six, error6(HERE6, THERE6))
    assert not surely(six, error6(HERE6, THERE6, ports=(53, 1025)))


def test_the_type_and_code_of_a_quoted_echo_request() -> None:
    one = wanted(selector(A, ICMP, 0x0800, 0x08FF), selector(B, ICMP))
    assert surely(one, error4(HERE, THERE, ICMP, (0x0800, 0)))
    assert not surely(one, error4(HERE, THERE, ICMP, (0x0000, 0x0800)))


@pytest.mark.parametrize(
    ("options", "fragment"), [(b"\1\1\1\0", 0), (b"", 1), (b"", 0x2001), (b"\1\1\1\0", 1)]
)
def test_where_the_ports_cannot_be_found_it_may_be_of_the_flow(
    options: bytes, fragment: int
) -> None:
    one = wanted(selector(A), selector(B, UDP, 53, 53))
    assert perhaps(one, error4(HERE, THERE, options=options, fragment=fragment))
    assert not perhaps(one, error4(HERE, THERE, TCP, options=options, fragment=fragment))
    assert not perhaps(one, error4(HERE, ELSEWHERE, options=options, fragment=fragment))


def test_a_first_fragment_without_options_can_be_told() -> None:
    one = wanted(selector(A), selector(B, UDP, 53, 53))
    for ports in ((1025, 53), (1025, 54)):
        assert not perhaps(one, error4(HERE, THERE, ports=ports, fragment=0x2000))


def test_options_before_the_ports_are_not_taken_for_ports() -> None:
    one = wanted(selector(A), selector(B, UDP, 53, 53))
    looks_like_port_53 = struct.pack("!HH", 1025, 53)
    assert not surely(one, error4(HERE, THERE, ports=(1, 1), options=looks_like_port_53))


@pytest.mark.parametrize("header", [0, 43, FRAGMENT_HEADER, 60])
def test_an_extension_header_hides_the_protocol(header: int) -> None:
    for destination in (selector(B6, TCP), selector(B6, TCP, 80, 80)):
        one = wanted(selector(A6), destination)
        assert perhaps(one, error6(HERE6, THERE6, header))
        assert not perhaps(one, error6(HERE6, THERE6, UDP))
        assert not perhaps(one, error6(HERE6, ELSEWHERE6, header))
