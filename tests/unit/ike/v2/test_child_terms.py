"""What two sides agree on for a child SA, and the SA that comes of it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gatewright.iana.ikev2 import PayloadType
from gatewright.ike.outputs import InstallChildSa
from gatewright.ike.v2.child_terms import ChildOffer, KeyMaterial, Terms, answer, establish
from gatewright.ike.v2.errors import InvalidSyntax, NoProposalChosen, TsUnacceptable
from gatewright.ike.v2.sa import IkeSa
from gatewright.ipsec.secret import Secret
from gatewright.wire.v2.payloads.sa import SaPayload
from tests.support.gateways import NET_A, NET_B, child, connection, esp, mirrored, selector
from tests.unit.ike.v2.linked import NOW, established


def agree(a: IkeSa, b: IkeSa, *, with_group: bool = False) -> tuple[Terms, Terms]:
    offer = ChildOffer(a, a.connection.children[0], None, with_group=with_group)
    theirs, payloads = answer(b, b.selectable, offer.payloads(), with_group=with_group)
    return offer.accepted(payloads), theirs


def test_both_sides_hold_the_same_terms() -> None:
    a, b = established(connection(child(esp("aes-256-gcm+x25519", esn=True))))
    ours, theirs = agree(a, b, with_group=True)
    assert (ours.spi_in, ours.spi_out) == (theirs.spi_out, theirs.spi_in)
    assert (ours.local, ours.remote) == (theirs.remote, theirs.local) == ((NET_A,), (NET_B,))
    assert ours.group == theirs.group
    assert ours.group is not None
    assert ours.esn
    assert theirs.esn


@pytest.mark.parametrize("we_initiated", [True, False])
def test_the_keys_follow_who_began_the_exchange_and_not_the_ike_sa(we_initiated: bool) -> None:
    a, b = established()
    ours, theirs = agree(a, b)
    shared = Secret(b"g^ir of the child")
    for sa, terms, began in ((a, ours, we_initiated), (b, theirs, not we_initiated)):
        material = KeyMaterial(b"i" * 32, b"r" * 32, shared, we_initiated=began)
        establish(sa, terms, material, NOW)
    (at_a,), (at_b,) = (
        [each.sa for each in sa.outputs if isinstance(each, InstallChildSa)] for sa in (a, b)
    )
    assert at_a.keys_in == at_b.keys_out
    assert at_a.keys_out == at_b.keys_in
    assert at_a.keys_in != at_a.keys_out


def test_limits_come_from_the_security_method() -> None:
    a, b = established(connection(child(esp("aes-128-gcm", seconds=1000, kilobytes=10))))
    terms, _ = agree(a, b)
    material = KeyMaterial(b"i" * 32, b"r" * 32, None, we_initiated=True)
    entry = establish(a, terms, material, NOW, replaces=7, standby=True)
    assert entry.expire_at == NOW + 1000
    assert entry.rekey_at is not None
    assert NOW + 850 <= entry.rekey_at <= NOW + 900
    assert entry.sa.byte_limit == 10_240
    assert 0.62 * 10_240 <= entry.sa.byte_soft_limit <= 0.75 * 10_240
    assert entry.sa.outbound_standby
    (install,) = [each for each in a.outputs if isinstance(each, InstallChildSa)]
    assert install.replaces == 7


def test_the_order_of_tsi_and_tsr_in_a_message_is_no_matter() -> None:
    a, b = established()
    offer = ChildOffer(a, a.connection.children[0], None, with_group=False)
    security, tsi, tsr = offer.payloads()
    terms, answers = answer(b, b.selectable, [tsr, tsi, security], with_group=False)
    assert terms.local == (NET_B,)
    assert offer.accepted(list(reversed(answers))).local == (NET_A,)
    assert tsi.payload_type == PayloadType.TSI


def test_no_child_and_no_proposal_in_common() -> None:
    a, b = established(connection(), mirrored(connection(child(remote=[selector("10.99.0.0/24")]))))
    with pytest.raises(TsUnacceptable):
        agree(a, b)
    a, b = established(connection(), mirrored(connection(child(esp("aes-256-gcm")))))
    with pytest.raises(NoProposalChosen):
        agree(a, b)


def test_a_reserved_spi_is_refused() -> None:
    a, b = established()
    offer = ChildOffer(a, a.connection.children[0], None, with_group=False)
    security, *rest = offer.payloads()
    assert isinstance(security, SaPayload)
    bad = SaPayload(tuple(replace(each, spi=b"\0\0\0\xff") for each in security.proposals))
    with pytest.raises(InvalidSyntax, match="255"):
        answer(b, b.selectable, [bad, *rest], with_group=False)
