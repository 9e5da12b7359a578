import pytest

from gatewright.iana.ikev1 import EncapsulationMode
from gatewright.ike.outputs import Difference
from gatewright.ike.v1 import phase_two
from gatewright.ike.v1.errors import BadAnswer, InvalidPayloads, NoProposalChosen, Unfit
from gatewright.ike.v1.lifetimes import Lifetime
from gatewright.wire.v1.attributes import Attribute
from gatewright.wire.v1.payloads.sa import Proposal, SaPayload, Transform
from tests.support.gateways import child, esp

TUNNEL = EncapsulationMode.TUNNEL
UDP, UDP_DRAFT = EncapsulationMode.UDP_TUNNEL, EncapsulationMode.UDP_TUNNEL_DRAFT
SPI = bytes.fromhex("00001000")
OURS = child(esp("3des-cbc/hmac-sha1-96", kilobytes=100_000))


def offered(*values: tuple[int, int], id_: int = 3, spi: bytes = SPI) -> SaPayload:
    attributes = tuple(Attribute.of(*value) for value in values)
    return SaPayload((Proposal(1, 3, spi, (Transform(1, id_, attributes),)),))


TRIPLE_DES = ((1, 1), (2, 3600), (4, 1), (5, 2))


def test_our_offer() -> None:
    several = child(esp("aes-128-gcm"), esp("3des-cbc/hmac-sha1-96"), esp("chacha20-poly1305"))
    (proposal,) = phase_two.offer(several, 0x1000, TUNNEL).proposals
    assert (proposal.protocol, proposal.spi) == (3, SPI)
    values = [
        (each.id, {a.type: a.number for a in each.attributes}) for each in proposal.transforms
    ]
    assert values == [
        (20, {1: 1, 2: 3600, 4: 1, 6: 128}),
        (3, {1: 1, 2: 3600, 4: 1, 5: 2}),
    ]


def test_methods_with_another_group_than_the_first_cannot_go_with_it() -> None:
    mixed = child(esp("aes-128-gcm+ecp-256"), esp("aes-256-gcm"), esp("aes-192-gcm+ecp-256"))
    names = [method.cipher.name for method in phase_two.usable(mixed)]
    assert names == ["aes-128-gcm", "aes-192-gcm"]


def test_nothing_that_ikev1_can_say() -> None:
    with pytest.raises(Unfit, match="exists in IKEv1"):
        phase_two.offer(child(esp("chacha20-poly1305")), 4096, TUNNEL)


def test_the_answer_is_the_chosen_transform_with_our_spi() -> None:
    theirs = offered(*TRIPLE_DES)
    selection = phase_two.select(theirs, OURS, TUNNEL)
    assert selection.choice.spi_out == 0x1000
    (answer,) = selection.answer(0x2000).proposals
    assert answer.spi == bytes.fromhex("00002000")
    assert answer.transforms == theirs.proposals[0].transforms


@pytest.mark.parametrize(
    ("theirs", "agreed", "shortened"),
    [
        (((1, 1), (2, 3600), (1, 2), (2, 100_000)), Lifetime(3600, 100_000), False),
        (((1, 1), (2, 900), (1, 2), (2, 50_000)), Lifetime(900, 50_000), False),
        (((1, 1), (2, 86400)), Lifetime(3600, 100_000), True),
        ((), Lifetime(3600, 100_000), False),  # nothing was named, nothing is shortened
    ],
)
def test_lifetimes(theirs: tuple[tuple[int, int], ...], agreed: Lifetime, shortened: bool) -> None:
    choice = phase_two.select(offered(*theirs, (4, 1), (5, 2)), OURS, TUNNEL).choice
    assert (choice.lifetime, choice.shortened) == (agreed, shortened)


@pytest.mark.parametrize(
    ("change", "id_", "difference"),
    [
        ((5, 1), 3, Difference("integrity", "hmac-sha1-96", "hmac-md5-96")),
        ((5, 2), 2, Difference("encryption", "3des-cbc", "des-cbc")),
        ((4, 2), 3, Difference("encapsulation mode", "tunnel", "transport")),
        ((4, 3), 3, Difference("encapsulation mode", "tunnel", "tunnel in UDP")),
        ((3, 2), 3, Difference("perfect forward secrecy group", "none", "modp-1024")),
        ((11, 1), 3, Difference("attribute", "none besides", "number 11")),
    ],
)
def test_each_attribute_has_to_fit(
    change: tuple[int, int], id_: int, difference: Difference
) -> None:
    values = tuple({**dict(TRIPLE_DES), **dict([change])}.items())
    with pytest.raises(NoProposalChosen) as caught:
        phase_two.select(offered(*values, id_=id_), OURS, TUNNEL)
    assert caught.value.differences == (difference,)


@pytest.mark.parametrize("mode", [UDP, UDP_DRAFT])
@pytest.mark.parametrize("theirs", [3, 61443])
def test_both_numbers_of_tunnel_mode_in_udp_mean_the_same(mode: int, theirs: int) -> None:
    values = tuple({**dict(TRIPLE_DES), 4: theirs}.items())
    assert phase_two.select(offered(*values), OURS, mode)


def test_bundles_with_ah_or_compression_are_refused() -> None:
    esp_ = offered(*TRIPLE_DES).proposals[0]
    compression = Proposal(1, 4, b"\x00\x02", (Transform(1, 3, ()),))
    with pytest.raises(NoProposalChosen, match="together with AH or compression"):
        phase_two.select(SaPayload((esp_, compression)), OURS, TUNNEL)
    second = Proposal(2, 3, SPI, esp_.transforms)
    chosen = phase_two.select(SaPayload((esp_, compression, second)), OURS, TUNNEL)
    assert chosen.proposal.proposal_number == 2


def test_an_offer_of_nothing() -> None:
    with pytest.raises(NoProposalChosen, match="offers no security method"):
        phase_two.select(SaPayload((), doi=7), OURS, TUNNEL)


@pytest.mark.parametrize("reserved", [0, 255])
def test_a_reserved_spi_is_none(reserved: int) -> None:
    """RFC 4303 section 2.1; ESP with SPI 0 in UDP would be taken for IKE (RFC 3948)."""
    theirs = offered(*TRIPLE_DES, spi=reserved.to_bytes(4, "big"))
    for take in (phase_two.select, phase_two.accept):
        with pytest.raises(InvalidPayloads, match=f"reserved SPI {reserved}"):
            take(theirs, OURS, TUNNEL)


def test_an_answer_is_one_of_what_was_offered() -> None:
    assert phase_two.accept(offered(*TRIPLE_DES), OURS, TUNNEL).method is OURS.proposals[0]
    with pytest.raises(BadAnswer, match="hmac-md5-96"):
        phase_two.accept(offered(*{**dict(TRIPLE_DES), 5: 1}.items()), OURS, TUNNEL)
    with pytest.raises(BadAnswer, match="0 security methods"):
        phase_two.accept(offered(*TRIPLE_DES, spi=b"\x01"), OURS, TUNNEL)
