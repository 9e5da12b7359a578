"""What an error notify of the peer means here."""

from __future__ import annotations

import pytest

from gatewright.iana.ikev2 import NotifyType
from gatewright.ike.outputs import Fault
from gatewright.ike.v2.refusals import auth_refused, child_refused, ike_refused
from gatewright.wire.v2.payloads.notify import NotifyPayload
from tests.support.gateways import NET_A, NET_B, child, connection, esp


def notify(kind: int) -> NotifyPayload:
    return NotifyPayload(kind)


def test_no_common_ike_proposal_tells_what_we_offer() -> None:
    refused = ike_refused(notify(NotifyType.NO_PROPOSAL_CHOSEN), connection())
    assert refused.fault is Fault.REFUSED
    assert {each.item: each.ours for each in refused.differences} == {
        "encryption": "aes-128-gcm",
        "pseudo-random function": "prf-hmac-sha256",
        "key exchange group": "x25519",
    }


def test_a_peer_without_ikev2() -> None:
    refused = ike_refused(notify(NotifyType.INVALID_MAJOR_VERSION), connection())
    assert refused.differences[0].item == "IKE version"


def test_authentication_failed_names_key_and_identities_and_never_the_key_itself() -> None:
    refused = auth_refused(notify(NotifyType.AUTHENTICATION_FAILED), connection())
    assert "preshared key differs" in refused.explanation
    assert "203.0.113.1" in refused.explanation
    assert [each.item for each in refused.differences] == [
        "preshared key",
        "our identity",
        "peer identity",
    ]


@pytest.mark.parametrize(
    ("kind", "word", "items"),
    [
        (
            NotifyType.NO_PROPOSAL_CHOSEN,
            "ESP proposals",
            {"encryption", "key exchange group", "extended sequence numbers"},
        ),
        (
            NotifyType.TS_UNACCEPTABLE,
            "mirror",
            {"local traffic selector", "remote traffic selector"},
        ),
        (NotifyType.NO_ADDITIONAL_SAS, "no further", set()),
        (NotifyType.FAILED_CP_REQUIRED, "remote access", set()),
        (NotifyType.TEMPORARY_FAILURE, "TEMPORARY_FAILURE", set()),
        (12345, "unknown (12345)", set()),
    ],
)
def test_a_child_that_is_refused(kind: int, word: str, items: set[str]) -> None:
    offer = child(esp("aes-128-gcm+x25519", esn=True))
    refused = child_refused(notify(kind), offer, [NET_A], [NET_B], with_group=True)
    assert word in refused.explanation
    assert {each.item for each in refused.differences} == items
    assert refused.received.type == kind


def test_anything_else_is_told_with_its_meaning() -> None:
    refused = auth_refused(notify(NotifyType.INTERNAL_ADDRESS_FAILURE), connection())
    assert "no internal address can be given" in refused.explanation
