import pytest

from gatewright.iana.ikev1 import PhaseOneAttribute
from gatewright.ike.outputs import Difference
from gatewright.ike.v1 import phase_one
from gatewright.ike.v1.errors import BadAnswer, NoProposalChosen, Unfit
from gatewright.wire.codec import Reader
from gatewright.wire.v1.attributes import Attribute
from gatewright.wire.v1.payloads.sa import Proposal, SaPayload, Transform
from tests.support.gateways import ike
from tests.support.gateways_v1 import WINDOWS_2003, tunnel
from tests.unit.wire.v1.payloads.test_sa import WINDOWS_2003 as WINDOWS_2003_OCTETS

STRONG = ike("aes-256-cbc/prf-hmac-sha256/modp-2048")
MODERN = ike("aes-256-gcm/prf-hmac-sha256/x25519")


def transform(*values: tuple[int, int], number: int = 1) -> Transform:
    return Transform(number, 1, tuple(Attribute.of(*value) for value in values))


def offered(*transforms: Transform, protocol: int = 1) -> SaPayload:
    return SaPayload((Proposal(1, protocol, b"", transforms),))


AES = ((1, 7), (2, 4), (3, 1), (4, 14), (14, 256), (11, 1), (12, 3600))


def test_our_offer_has_a_transform_for_each_set() -> None:
    (proposal,) = phase_one.offer(tunnel(proposals=[STRONG, MODERN, WINDOWS_2003])).proposals
    assert [each.transform_number for each in proposal.transforms] == [1, 2]
    values = [{a.type: a.number for a in each.attributes} for each in proposal.transforms]
    assert values[0] == {1: 7, 2: 4, 3: 1, 4: 14, 14: 256, 11: 1, 12: 28800}
    assert PhaseOneAttribute.KEY_LENGTH not in values[1]


def test_nothing_that_ikev1_can_say() -> None:
    with pytest.raises(Unfit, match="exists in IKEv1"):
        phase_one.offer(tunnel(proposals=[MODERN]))


def test_a_2003_gateway_s_offer_is_returned_as_it_came() -> None:
    theirs = SaPayload.parse(1, Reader(WINDOWS_2003_OCTETS))
    selection = phase_one.select(theirs, [tunnel(proposals=[WINDOWS_2003])])
    assert selection.choice.proposal is WINDOWS_2003
    assert selection.choice.lifetime == 28800
    assert selection.answer.emit() == WINDOWS_2003_OCTETS


def test_our_order_of_preference_decides() -> None:
    theirs = phase_one.offer(tunnel(proposals=[WINDOWS_2003, STRONG]))
    chosen = phase_one.select(theirs, [tunnel(proposals=[STRONG, WINDOWS_2003])])
    assert chosen.choice.proposal is STRONG


def test_the_first_connection_that_fits_is_chosen() -> None:
    theirs = phase_one.offer(tunnel(proposals=[WINDOWS_2003]))
    weak = tunnel(proposals=[WINDOWS_2003], name="weak")
    assert phase_one.select(theirs, [tunnel(proposals=[STRONG]), weak]).connection is weak


@pytest.mark.parametrize(
    ("change", "difference"),
    [
        ((1, 5), Difference("encryption", "aes-256-cbc", "3des-cbc")),
        ((14, 128), Difference("encryption", "aes-256-cbc", "aes-128-cbc")),
        ((2, 2), Difference("hash", "sha256", "sha1")),
        ((4, 2), Difference("Diffie-Hellman group", "modp-2048", "modp-1024")),
        (
            (3, 3),
            Difference("authentication method", "preshared key", "certificate with RSA signatures"),
        ),
        ((13, 1), Difference("attribute", "none besides", "number 13")),
    ],
)
def test_each_attribute_has_to_fit(change: tuple[int, int], difference: Difference) -> None:
    values = tuple({**dict(AES), **dict([change])}.items())
    with pytest.raises(NoProposalChosen) as caught:
        phase_one.select(offered(transform(*values)), [tunnel(proposals=[STRONG])])
    assert caught.value.differences == (difference,)


def test_another_domain_of_interpretation() -> None:
    with pytest.raises(NoProposalChosen, match="domain of interpretation 2"):
        phase_one.select(SaPayload((), doi=2), [tunnel()])


def test_proposals_of_another_protocol_do_not_count() -> None:
    with pytest.raises(NoProposalChosen, match="nothing for a key exchange"):
        phase_one.select(offered(transform(*AES), protocol=3), [tunnel(proposals=[STRONG])])


@pytest.mark.parametrize(("theirs", "agreed"), [(3600, 3600), (99999, 28800), (0, 28800)])
def test_the_shorter_lifetime_is_taken(theirs: int, agreed: int) -> None:
    values = (*AES[:5], (11, 1), (12, theirs))
    selection = phase_one.select(offered(transform(*values)), [tunnel(proposals=[STRONG])])
    assert selection.choice.lifetime == agreed


def test_an_answer_is_one_of_what_was_offered() -> None:
    own = tunnel(proposals=[STRONG])
    assert phase_one.accept(phase_one.offer(own), own).proposal is STRONG
    with pytest.raises(BadAnswer, match="here aes-256-cbc, there aes-128-cbc"):
        phase_one.accept(offered(transform(*{**dict(AES), 14: 128}.items())), own)
    with pytest.raises(BadAnswer, match="2 algorithm sets"):
        phase_one.accept(offered(transform(*AES), transform(*AES, number=2)), own)
    with pytest.raises(BadAnswer, match="0 algorithm sets"):
        phase_one.accept(SaPayload((), doi=9), own)
