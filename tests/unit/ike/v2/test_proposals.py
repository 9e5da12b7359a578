"""Security methods on the wire, and the choice among a peer's (RFC 7296 sections 2.7, 3.3.6)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gatewright.iana.ikev2 import ProtocolId, TransformType
from gatewright.ike.v2.errors import InvalidSyntax, NoProposalChosen, PeerViolation
from gatewright.ike.v2.proposals import (
    accepted_esp,
    accepted_ike,
    choose_esp,
    choose_ike,
    esp_offer,
    ike_offer,
)
from gatewright.wire.v2.payloads.sa import Attribute, Proposal, SaPayload, Transform
from tests.support.gateways import esp, ike

GCM = ike("aes-256-gcm/prf-hmac-sha256/x25519")
GCM_ECP = ike("aes-256-gcm/prf-hmac-sha256/ecp-256")
CBC = ike("aes-128-cbc/hmac-sha256-128/prf-hmac-sha256/modp-2048")
SPI = b"\1\2\3\4"


def transforms(proposal: Proposal) -> list[tuple[int, int, int | None]]:
    return [(each.type, each.id, each.key_length) for each in proposal.transforms]


def test_neighbours_that_differ_in_the_group_share_a_proposal() -> None:
    first, second = ike_offer([GCM, GCM_ECP, CBC]).proposals
    assert (first.number, first.protocol, first.spi) == (1, ProtocolId.IKE, b"")
    assert transforms(first) == [(1, 20, 256), (2, 5, None), (4, 31, None), (4, 19, None)]
    assert second.number == 2
    assert transforms(second) == [(1, 12, 128), (2, 5, None), (3, 12, None), (4, 14, None)]


def test_an_esp_offer() -> None:
    methods = [esp("aes-128-gcm+x25519", esn=True), esp("aes-128-cbc/hmac-sha1-96")]
    first, second = esp_offer(methods, SPI, with_group=True).proposals
    assert (first.protocol, first.spi) == (ProtocolId.ESP, SPI)
    assert transforms(first) == [(1, 20, 128), (4, 31, None), (5, 1, None), (5, 0, None)]
    assert transforms(second) == [(1, 12, 128), (3, 2, None), (5, 0, None)]
    (in_auth, _) = esp_offer(methods, SPI, with_group=False).proposals
    assert TransformType.KE not in {kind for kind, _, _ in transforms(in_auth)}


def test_the_chooser_s_preference_decides_and_one_of_each_type_is_answered() -> None:
    chosen = choose_ike([CBC, GCM_ECP], ike_offer([GCM, GCM_ECP, CBC]), spi_size=0)
    assert chosen.method == CBC
    assert chosen.answer.number == 2
    chosen = choose_ike([GCM_ECP, CBC], ike_offer([GCM, GCM_ECP, CBC]), spi_size=0)
    assert transforms(chosen.answer) == [(1, 20, 256), (2, 5, None), (4, 19, None)]
    (answer,) = chosen.answer_with(SPI * 2).proposals
    assert (answer.number, answer.spi) == (1, SPI * 2)


@pytest.mark.parametrize(("size", "spi"), [(0, b""), (8, b"12345678")])
def test_an_answer_is_recognised(size: int, spi: bytes) -> None:
    offer = ike_offer([GCM, CBC], spi)
    chosen = choose_ike([CBC], offer, spi_size=size)
    accepted = accepted_ike([GCM, CBC], chosen.answer_with(spi), spi_size=size)
    assert (accepted.method, accepted.peer_spi) == (CBC, spi)


@pytest.mark.parametrize(
    ("ours", "theirs", "agreed"), [(True, True, True), (True, False, False), (False, True, False)]
)
def test_extended_sequence_numbers(ours: bool, theirs: bool, agreed: bool) -> None:
    offer = esp_offer([esp("aes-128-gcm", esn=theirs)], SPI, with_group=False)
    chosen = choose_esp([esp("aes-128-gcm", esn=ours)], offer, with_group=False)
    assert chosen.esn is agreed
    mine = [esp("aes-128-gcm", esn=theirs)]
    assert accepted_esp(mine, chosen.answer_with(SPI), with_group=False).esn is agreed


def test_groups_in_ike_auth_are_no_matter() -> None:
    offer = esp_offer([esp("aes-128-gcm+x25519")], SPI, with_group=True)
    chosen = choose_esp([esp("aes-128-gcm")], offer, with_group=False)
    assert chosen.group is None
    assert TransformType.KE not in {kind for kind, _, _ in transforms(chosen.answer)}


def changed(offer: SaPayload, *, add: Transform) -> SaPayload:
    (proposal,) = offer.proposals
    return SaPayload((replace(proposal, transforms=(*proposal.transforms, add)),))


def test_none_may_stand_for_a_type_that_is_not_wanted() -> None:
    offer = changed(ike_offer([GCM]), add=Transform(TransformType.INTEG, 0))
    assert choose_ike([GCM], offer, spi_size=0).method == GCM
    esp_none = esp_offer([esp("aes-128-gcm")], SPI, with_group=True)
    esp_none = changed(esp_none, add=Transform(TransformType.KE, 0))
    assert choose_esp([esp("aes-128-gcm")], esp_none, with_group=True).group is None


@pytest.mark.parametrize(
    "extra",
    [
        Transform(TransformType.INTEG, 12),  # an AEAD needs none
        Transform(TransformType.ADDKE1, 36),  # a type that is not supported
        Transform(99, 1),
    ],
)
def test_a_proposal_with_something_more_is_not_acceptable(extra: Transform) -> None:
    with pytest.raises(NoProposalChosen):
        choose_ike([GCM], changed(ike_offer([GCM]), add=extra), spi_size=0)


def test_a_transform_with_an_unknown_attribute_is_passed_over_and_not_its_neighbours() -> None:
    keyed = Transform.with_key_length(TransformType.ENCR, 20, 256)
    strange = replace(keyed, attributes=(*keyed.attributes, Attribute(99, b"\0\1")))
    offer = changed(ike_offer([GCM]), add=strange)
    assert choose_ike([GCM], offer, spi_size=0).method == GCM
    (proposal,) = ike_offer([GCM]).proposals
    only = SaPayload((replace(proposal, transforms=(strange, *proposal.transforms[1:])),))
    with pytest.raises(NoProposalChosen):
        choose_ike([GCM], only, spi_size=0)


@pytest.mark.parametrize("kind", [TransformType.ENCR, TransformType.PRF, TransformType.KE])
def test_a_proposal_that_lacks_a_type_is_not_acceptable(kind: int) -> None:
    (proposal,) = ike_offer([GCM]).proposals
    left = tuple(each for each in proposal.transforms if each.type != kind)
    with pytest.raises(NoProposalChosen):
        choose_ike([GCM], SaPayload((replace(proposal, transforms=left),)), spi_size=0)


def test_proposals_with_an_spi_of_the_wrong_size_are_passed_over() -> None:
    with pytest.raises(NoProposalChosen):
        choose_ike([GCM], ike_offer([GCM], b"12345678"), spi_size=0)


@pytest.mark.parametrize(
    "answer",
    [
        ike_offer([CBC]),  # not offered
        ike_offer([GCM, CBC]),  # two proposals
        ike_offer([GCM, GCM_ECP]),  # two groups
        ike_offer([GCM], b"12345678"),  # an SPI where there is none
        esp_offer([esp("aes-256-gcm")], b"", with_group=False),
    ],
)
def test_an_answer_that_was_not_offered_is_a_violation(answer: SaPayload) -> None:
    with pytest.raises((PeerViolation, InvalidSyntax)):
        accepted_ike([GCM, GCM_ECP], answer, spi_size=0)
