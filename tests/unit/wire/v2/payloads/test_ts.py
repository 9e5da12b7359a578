"""Number of selectors, then ranges of ports and addresses (RFC 7296 section 3.13)."""

from __future__ import annotations

import pytest

from gatewright.iana.ikev2 import PayloadType
from gatewright.wire.codec import Malformed
from gatewright.wire.v2.payloads.ts import RangeSelector, TsPayload, UnknownSelector

OCTETS = bytes.fromhex(
    "02 000000"
    "07 06 0010 0050 01bb c0a80a00 c0a80aff"  # IPv4, TCP, length 16, ports 80 to 443
    "08 00 0028 0000 ffff"  # IPv6, any, length 40, any port
    "20010db8000000000000000000000000 20010db800000000ffffffffffffffff"
)
VALUE = TsPayload(
    PayloadType.TSI,
    (
        RangeSelector(7, 6, 80, 443, bytes([192, 168, 10, 0]), bytes([192, 168, 10, 255])),
        RangeSelector(
            8,
            0,
            0,
            65535,
            bytes.fromhex("20010db8000000000000000000000000"),
            bytes.fromhex("20010db800000000ffffffffffffffff"),
        ),
    ),
)


def test_octets_and_value() -> None:
    assert VALUE.body() == OCTETS
    assert TsPayload.parse_initiator(OCTETS) == VALUE
    assert TsPayload.parse_responder(OCTETS).payload_type == PayloadType.TSR


def test_an_unknown_type_is_kept() -> None:
    octets = bytes.fromhex("01 000000 0a 00 0006 abcd")
    payload = TsPayload.parse_initiator(octets)
    assert payload.selectors == (UnknownSelector(10, 0, b"\xab\xcd"),)
    assert payload.body() == octets


def test_ports_may_run_downwards_for_opaque() -> None:
    octets = bytes.fromhex("01 000000 07 06 0010 ffff 0000 c0a80a00 c0a80aff")
    (selector,) = TsPayload.parse_initiator(octets).selectors
    assert isinstance(selector, RangeSelector)
    assert (selector.first_port, selector.last_port) == (65535, 0)


@pytest.mark.parametrize(
    "octets",
    [
        b"",
        bytes.fromhex("00 000000"),
        bytes.fromhex("02 000000") + OCTETS[4:20],
        OCTETS + b"\0",
        bytes.fromhex("01 000000 07 06 0003 0050"),
        bytes.fromhex("01 000000 07 06 000f 0050 01bb c0a80a00 c0a80a"),
        bytes.fromhex("01 000000 07 06 0011 0050 01bb c0a80a00 c0a80aff 00"),
    ],
)
def test_inconsistent_octets_are_malformed(octets: bytes) -> None:
    with pytest.raises(Malformed):
        TsPayload.parse_initiator(octets)
