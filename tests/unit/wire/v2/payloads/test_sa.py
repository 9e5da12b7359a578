"""Proposals and transforms: the octets of RFC 7296 section 3.3."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatewright.iana.ikev2 import ProtocolId, TransformType
from gatewright.wire.codec import Malformed
from gatewright.wire.v2.payloads.sa import (
    MAX_ATTRIBUTES,
    MAX_TRANSFORMS,
    Attribute,
    Proposal,
    SaPayload,
    Transform,
)

# One ESP proposal: AES-GCM-16 with 256 bits, no extended sequence numbers.
OCTETS = bytes.fromhex(
    "00000020 01030402 deadbeef"  # last, length 32, number 1, ESP, SPI of 4, 2 transforms
    "0300000c 01000014 800e0100"  # more, length 12, ENCR 20, key length 256
    "00000008 05000000"  # last, length 8, SN 0
)
VALUE = SaPayload(
    (
        Proposal(
            1,
            ProtocolId.ESP,
            bytes.fromhex("deadbeef"),
            (
                Transform.with_key_length(TransformType.ENCR, 20, 256),
                Transform(TransformType.SN, 0),
            ),
        ),
    )
)

transforms = st.builds(
    Transform,
    st.integers(0, 255),
    st.integers(0, 65535),
    st.lists(
        st.one_of(
            st.builds(
                Attribute,
                st.integers(0, 0x7FFF),
                st.binary(min_size=2, max_size=2),
                st.just(True),
            ),
            st.builds(Attribute, st.integers(0, 0x7FFF), st.binary(max_size=9), st.just(False)),
        ),
        max_size=MAX_ATTRIBUTES,
    ).map(tuple),
)
proposals = st.builds(
    Proposal,
    st.integers(0, 255),
    st.integers(0, 255),
    st.binary(max_size=16),
    st.lists(transforms, max_size=8).map(tuple),
)


def test_the_octets_of_an_esp_proposal() -> None:
    assert VALUE.body() == OCTETS
    assert SaPayload.parse(OCTETS) == VALUE


@given(st.lists(proposals, min_size=1, max_size=5).map(tuple))
def test_what_is_emitted_is_parsed_again(values: tuple[Proposal, ...]) -> None:
    payload = SaPayload(values)
    assert SaPayload.parse(payload.body()) == payload


def test_the_key_length_and_what_is_not_understood() -> None:
    plain = Transform(1, 3)
    assert (plain.key_length, plain.understood) == (None, True)
    keyed = Transform.with_key_length(1, 12, 128)
    assert (keyed.key_length, keyed.understood) == (128, True)
    strange = Transform(1, 12, (Attribute(99, b"\0\1"),))
    assert (strange.key_length, strange.understood) == (None, False)
    twice = Transform(1, 12, keyed.attributes * 2)
    assert not twice.understood


@pytest.mark.parametrize(
    ("octets", "reason"),
    [
        (b"", "truncated"),
        (OCTETS[:-1], "truncated"),
        (OCTETS + b"\0", "trailing_octets"),
        (b"\x07" + OCTETS[1:], "proposal_chain"),
        (b"\x02" + OCTETS[1:], "truncated"),
        (OCTETS[:7] + b"\x03" + OCTETS[8:], "transform_count"),
        (OCTETS[:7] + b"\x01" + OCTETS[8:], "transform_count"),
        (OCTETS[:6] + b"\x11" + OCTETS[7:], "spi_size"),
        (OCTETS[:2] + b"\0\3" + OCTETS[4:], "truncated"),
        (OCTETS[:12] + b"\3\0\0\2" + OCTETS[16:], "truncated"),
    ],
)
def test_inconsistent_octets_are_malformed(octets: bytes, reason: str) -> None:
    with pytest.raises(Malformed) as caught:
        SaPayload.parse(octets)
    assert caught.value.reason == reason


def test_attributes_are_counted() -> None:
    transform = Transform(1, 12, (Attribute(99, b"\0\1"),) * (MAX_ATTRIBUTES + 1))
    octets = SaPayload((Proposal(1, 1, b"", (transform,)),)).body()
    with pytest.raises(Malformed) as caught:
        SaPayload.parse(octets)
    assert caught.value.reason == "too_many_attributes"


def test_transforms_are_counted_over_all_proposals() -> None:
    full = Proposal(1, 1, b"", (Transform(1, 12),) * 255)
    rest = Proposal(2, 1, b"", (Transform(1, 12),) * (MAX_TRANSFORMS - 4 * 255))
    most = SaPayload((full,) * 4 + (rest,))
    assert SaPayload.parse(most.body()) == most
    with pytest.raises(Malformed) as caught:
        SaPayload.parse(
            SaPayload((*most.proposals, Proposal(3, 1, b"", (Transform(1, 12),)))).body()
        )
    assert caught.value.reason == "too_many_transforms"


@given(st.binary(max_size=300))
def test_random_octets_raise_nothing_but_malformed(octets: bytes) -> None:
    with contextlib.suppress(Malformed):
        SaPayload.parse(octets)
