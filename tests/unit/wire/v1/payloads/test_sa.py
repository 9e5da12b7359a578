"""The offer of a Windows Server 2003 gateway, and what an SA payload may not be.

The main mode offer is written out from the defaults of MS-GPIPSEC section 2.2.1.2 (3DES, SHA-1,
group 2, 28800 s): attributes as RFC 2409 appendix A numbers them.
"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatewright.iana.ikev1 import ProtocolId
from gatewright.wire.codec import Malformed, Reader
from gatewright.wire.v1.attributes import Attribute
from gatewright.wire.v1.payloads.sa import MAX_TRANSFORMS, Proposal, SaPayload, Transform

WINDOWS_2003 = bytes.fromhex(
    "00000001 00000001"  # IPsec DOI, identity only
    "00000034 01010001"  # proposal 1: ISAKMP, no SPI, one transform
    "0000002c 01010000"  # transform 1: IKE
    "80010005 80020002 80040002 80030001"  # 3DES, SHA-1, group 2, preshared key
    "800b0001 000c000400007080"  # 28800 seconds
    "800b0002 800c0000"  # no limit in kilobytes
)


def test_the_offer_of_a_2003_gateway() -> None:
    payload = SaPayload.parse(1, Reader(WINDOWS_2003))
    (proposal,) = payload.proposals
    (transform,) = proposal.transforms
    assert (proposal.protocol, proposal.spi, transform.id) == (ProtocolId.ISAKMP, b"", 1)
    values = [(attribute.type, attribute.number) for attribute in transform.attributes]
    assert values[:6] == [(1, 5), (2, 2), (4, 2), (3, 1), (11, 1), (12, 28800)]
    assert payload.emit() == WINDOWS_2003


def test_another_domain_of_interpretation_is_not_looked_into() -> None:
    payload = SaPayload.parse(1, Reader(bytes.fromhex("00000002 00000001 ffff")))
    assert (payload.doi, payload.proposals) == (2, ())


attributes = st.builds(Attribute.of, st.integers(1, 0x7FFF), st.integers(0, 2**32 - 1))
transforms = st.builds(
    Transform, st.integers(0, 255), st.integers(0, 255), st.lists(attributes, max_size=6).map(tuple)
)
proposals = st.builds(
    Proposal,
    st.integers(0, 255),
    st.integers(0, 255),
    st.binary(max_size=16),
    st.lists(transforms, max_size=5).map(tuple),
)


@given(st.lists(proposals, min_size=1, max_size=5).map(tuple))
def test_what_is_emitted_is_parsed_again(values: tuple[Proposal, ...]) -> None:
    payload = SaPayload(values)
    assert SaPayload.parse(1, Reader(payload.emit())) == payload


@pytest.mark.parametrize(
    ("position", "octet", "reason"),
    [
        (15, 2, "transform_chain"),  # two transforms announced
        (15, 0, "trailing_octets"),  # none announced
        (16, 3, "transform_chain"),  # more to follow, none announced
        (8, 13, "proposal_chain"),
        (8, 2, "truncated"),  # another proposal to follow
        (11, 0x31, "truncated"),
    ],
)
def test_counts_and_chains_that_lie_are_malformed(position: int, octet: int, reason: str) -> None:
    octets = bytearray(WINDOWS_2003)
    octets[position] = octet
    with pytest.raises(Malformed) as caught:
        SaPayload.parse(1, Reader(bytes(octets)))
    assert caught.value.reason == reason


def test_the_number_of_transforms_is_bounded() -> None:
    full = Proposal(1, 1, b"", (Transform(1, 1, ()),) * 255)
    assert 2 * 255 <= MAX_TRANSFORMS < 3 * 255
    SaPayload.parse(1, Reader(SaPayload((full, full)).emit()))
    with pytest.raises(Malformed, match="too_many_transforms"):
        SaPayload.parse(1, Reader(SaPayload((full, full, full)).emit()))


@given(st.binary(max_size=200))
def test_whatever_comes_is_parsed_or_malformed(octets: bytes) -> None:
    try:
        SaPayload.parse(1, Reader(bytes.fromhex("0000000100000001") + octets))
    except Malformed:
        return
