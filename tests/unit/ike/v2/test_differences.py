"""Item by item, why nothing is in common."""

from __future__ import annotations

from gatewright.iana.ikev2 import ProtocolId
from gatewright.ike.outputs import Difference
from gatewright.ike.v2.differences import MAX_NAMED, explain_differences, offered_items
from gatewright.ike.v2.proposals import esp_offer, esp_suite, ike_offer, ike_suite
from gatewright.wire.v2.payloads.sa import Proposal, SaPayload, Transform
from tests.support.gateways import esp, ike

GCM = ike("aes-256-gcm/prf-hmac-sha256/x25519")


def differ(ours: list[str], theirs: list[str]) -> list[Difference]:
    suites = [ike_suite(ike(each)) for each in ours]
    offer = ike_offer([ike(each) for each in theirs])
    return list(explain_differences(suites, offer, ProtocolId.IKE))


def test_all_alternatives_of_an_item_are_told() -> None:
    assert differ(
        ["aes-256-gcm/prf-hmac-sha256/x25519", "aes-128-gcm/prf-hmac-sha256/ecp-256"],
        ["aes-256-gcm/prf-hmac-sha256/modp-2048", "aes-256-gcm/prf-hmac-sha256/modp-1024"],
    ) == [Difference("key exchange group", "x25519, ecp-256", "modp-2048, modp-1024")]


def test_the_nearest_pair_when_only_the_combination_differs() -> None:
    assert differ(
        ["aes-256-gcm/prf-hmac-sha256/x25519"],
        [
            "aes-128-gcm/prf-hmac-sha512/x25519",
            "aes-128-gcm/prf-hmac-sha256/x25519",
            "aes-256-gcm/prf-hmac-sha512/ecp-256",
        ],
    ) == [Difference("encryption", "aes-256-gcm", "aes-128-gcm")]


def test_what_gatewright_does_not_have_is_named_too() -> None:
    offer = SaPayload((Proposal(1, ProtocolId.ESP, b"1234", (Transform(1, 999), Transform(5, 0))),))
    suites = [esp_suite(esp("aes-128-gcm"), with_group=False)]
    (difference,) = explain_differences(suites, offer, ProtocolId.ESP)
    assert difference == Difference("encryption", "aes-128-gcm", "unknown (999)")


def test_a_peer_that_offers_everything_is_told_of_in_few_words() -> None:
    everything = tuple(
        Transform(kind, 999 + kind * 20 + n) for kind in range(1, 60) for n in range(17)
    )
    offer = SaPayload(tuple(Proposal(n, ProtocolId.IKE, b"", everything) for n in range(1, 60)))
    found = explain_differences([ike_suite(GCM)], offer, ProtocolId.IKE)
    assert len(found) == MAX_NAMED
    assert found[0].theirs.startswith("unknown (1019), unknown (1020), ")
    assert found[0].theirs.endswith(", and 1 more")


def test_another_protocol() -> None:
    offer = SaPayload((Proposal(1, ProtocolId.AH, b"1234", ()),))
    suites = [esp_suite(esp("aes-128-gcm"), with_group=False)]
    assert explain_differences(suites, offer, ProtocolId.ESP) == (
        Difference("protocol", "ESP", "AH (2)"),
    )


def test_what_was_offered_to_a_peer_that_tells_nothing() -> None:
    items = offered_items([ike_suite(GCM)], "not told")
    assert [(each.item, each.ours) for each in items] == [
        ("encryption", "aes-256-gcm"),
        ("pseudo-random function", "prf-hmac-sha256"),
        ("key exchange group", "x25519"),
    ]
    assert {each.theirs for each in items} == {"not told"}


def test_esp_groups_show_as_none_where_there_is_none() -> None:
    suites = [esp_suite(esp("aes-128-gcm"), with_group=True)]
    offer = esp_offer([esp("aes-128-gcm+x25519")], b"1234", with_group=True)
    assert explain_differences(suites, offer, ProtocolId.ESP) == (
        Difference("key exchange group", "none", "x25519"),
    )
