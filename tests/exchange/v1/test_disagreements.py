"""What is said when two gateways do not agree: whose fault, on which item, what each side wants."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gatewright.ike.outputs import Difference, Fault, InstallChildSa, NegotiationFailed
from gatewright.policy.compiled import Child, Identity, IdentityType, NatTraversal
from tests.support.gateways import (
    NET_A,
    NET_B,
    POLICY,
    Keys,
    Pair,
    child,
    esp,
    ike,
    mirrored,
    pair,
    selector,
)
from tests.support.gateways_v1 import ESP_V1, WINDOWS_2003, bring_up, tunnel


def only_failure(gateways: Pair, host: str) -> NegotiationFailed:
    (failure,) = (gateways.a if host == "A" else gateways.b).failures()
    return failure


def nothing_stands(gateways: Pair) -> bool:
    """No SA, and no session is left."""
    return not any(host.told(InstallChildSa) for host in gateways.hosts()) and not any(
        endpoint.snapshot(gateways.network.now)
        for endpoint in (gateways.endpoint_a, gateways.endpoint_b)
    )


@pytest.mark.parametrize(
    ("theirs", "item", "here", "there"),
    [
        ("aes-256-cbc/prf-hmac-sha256/ecp-256", "encryption", "aes-256-cbc", "aes-128-cbc"),
        ("aes-128-cbc/prf-hmac-sha1/ecp-256", "hash", "sha1", "sha256"),
        (
            "aes-128-cbc/prf-hmac-sha256/modp-2048",
            "Diffie-Hellman group",
            "modp-2048",
            "ecp-256",
        ),
    ],
)
def test_main_mode_algorithms(theirs: str, item: str, here: str, there: str) -> None:
    gateways = pair(tunnel(), mirrored(tunnel(proposals=[ike(theirs)])))
    bring_up(gateways, seconds=60)

    at_responder = gateways.b.failures()[0]
    assert at_responder.fault is Fault.NOTHING_IN_COMMON
    assert at_responder.differences == (Difference(item, here, there),)
    assert at_responder.notify == "NO_PROPOSAL_CHOSEN"
    assert there in at_responder.explanation

    at_initiator = only_failure(gateways, "A")
    assert at_initiator.fault is Fault.REFUSED
    assert at_initiator.notify == "NO_PROPOSAL_CHOSEN"
    assert at_initiator.policy_ids == (POLICY,)
    assert "aes-128-cbc/sha256/ecp-256" in at_initiator.explanation
    assert nothing_stands(gateways)


def test_a_refusal_in_clear_is_believed_only_when_nothing_better_comes() -> None:
    """Anybody can send it: the offer goes out a second time first."""
    gateways = pair(tunnel(), mirrored(tunnel(proposals=[ike("des-cbc/prf-hmac-md5/modp-768")])))
    begun = gateways.network.now
    bring_up(gateways, seconds=0.5)
    assert not gateways.a.failures()
    gateways.network.run_until(lambda: bool(gateways.a.failures()))
    assert gateways.network.now - begun < 5


def test_two_items_are_both_named() -> None:
    gateways = pair(tunnel(), mirrored(tunnel(proposals=[ike("3des-cbc/prf-hmac-sha1/ecp-256")])))
    bring_up(gateways, seconds=60)
    items = [each.item for each in gateways.b.failures()[0].differences]
    assert items == ["encryption", "hash"]


def test_different_preshared_keys_are_called_by_their_name() -> None:
    gateways = pair(tunnel(), keys_b=Keys(psk=b"something else"))
    bring_up(gateways, seconds=60)

    for name in ("A", "B"):
        failure = only_failure(gateways, name)
        assert failure.fault is Fault.AUTHENTICATION
        assert [each.item for each in failure.differences] == ["preshared key"]
        assert "preshared keys of the two gateways differ" in failure.explanation
        assert "something else" not in repr(failure)
    assert nothing_stands(gateways)


def test_different_preshared_keys_with_a_peer_that_says_nothing() -> None:
    gateways = pair(tunnel(), keys_b=Keys(psk=b"something else"))
    gateways.network.interceptors.append(
        lambda packet: [] if packet.payload[18] == 5 else None  # no informational message passes
    )
    bring_up(gateways, seconds=60)
    failure = only_failure(gateways, "A")
    assert failure.fault is Fault.TIMEOUT
    assert [each.item for each in failure.differences] == ["preshared key"]


def test_a_preshared_key_that_is_not_there() -> None:
    missing = replace(tunnel(), authentication=replace(tunnel().authentication, secret="absent"))
    gateways = pair(missing, mirrored(tunnel()))
    bring_up(gateways)
    failure = only_failure(gateways, "A")
    assert failure.fault is Fault.LOCAL
    assert "'absent'" in failure.explanation
    assert nothing_stands(gateways)


def test_another_identity_than_expected() -> None:
    stranger = replace(tunnel(), local_identity=Identity(IdentityType.FQDN, "gw-a"))
    gateways = pair(stranger, mirrored(tunnel()))
    bring_up(gateways, seconds=60)
    at_responder = only_failure(gateways, "B")
    assert at_responder.fault is Fault.AUTHENTICATION
    assert at_responder.differences == (Difference("remote identity", "203.0.113.1", "fqdn:gw-a"),)
    at_initiator = only_failure(gateways, "A")
    assert at_initiator.notify == "INVALID_ID_INFORMATION"
    assert at_initiator.differences[0].item == "local identity"
    assert nothing_stands(gateways)


def test_the_responder_is_another_than_expected() -> None:
    expecting = replace(tunnel(), remote_identity=Identity(IdentityType.FQDN, "gw-b"))
    gateways = pair(expecting, mirrored(tunnel()))
    bring_up(gateways, seconds=60)
    failure = only_failure(gateways, "A")
    assert failure.fault is Fault.AUTHENTICATION
    assert failure.differences == (Difference("remote identity", "fqdn:gw-b", "203.0.113.2"),)
    assert nothing_stands(gateways)


def named(name: str) -> Identity:
    return Identity(IdentityType.FQDN, name)


def test_a_peer_gets_no_weaker_algorithms_by_turning_out_to_be_another() -> None:
    """Who the peer is comes with message 5, and what main mode is encrypted with, with message 1:
    B's policy has a weak tunnel and a strong one between the same addresses."""
    weak = tunnel(name="weak", proposals=[WINDOWS_2003])
    strong = tunnel(child(ESP_V1, policy_id=2), name="strong")
    sides = [replace(each, local_identity=named(f"{each.name}.example")) for each in (weak, strong)]
    liar = replace(sides[1], proposals=(WINDOWS_2003,))
    gateways = pair([liar], [mirrored(each) for each in sides])
    bring_up(gateways, "strong", seconds=40)
    assert nothing_stands(gateways)
    failure = only_failure(gateways, "B")
    agreed = "3des-cbc/sha1/modp-1024"
    assert failure.differences == (Difference("main mode algorithms", "those of strong", agreed),)
    assert only_failure(gateways, "A").notify == "NO_PROPOSAL_CHOSEN"


@pytest.mark.parametrize(
    ("ours", "theirs", "difference"),
    [
        (
            "aes-128-gcm",
            "aes-256-gcm",
            Difference("encryption", "aes-256-gcm", "aes-128-gcm"),
        ),
        (
            "3des-cbc/hmac-sha1-96",
            "3des-cbc/hmac-md5-96",
            Difference("integrity", "hmac-md5-96", "hmac-sha1-96"),
        ),
        (
            "aes-128-gcm",
            "aes-128-gcm+modp-2048",
            Difference("perfect forward secrecy group", "modp-2048", "none"),
        ),
        (
            "aes-128-gcm+modp-1024",
            "aes-128-gcm",
            Difference("perfect forward secrecy group", "none", "modp-1024"),
        ),
    ],
)
def test_security_methods(ours: str, theirs: str, difference: Difference) -> None:
    gateways = pair(tunnel(child(esp(ours))), mirrored(tunnel(child(esp(theirs)))))
    bring_up(gateways)
    at_responder = only_failure(gateways, "B")
    assert at_responder.mode == "quick mode"
    assert at_responder.fault is Fault.NOTHING_IN_COMMON
    assert at_responder.differences == (difference,)
    assert at_responder.policy_ids == ()  # nobody waits for it on this side
    at_initiator = only_failure(gateways, "A")
    assert at_initiator.fault is Fault.REFUSED
    assert at_initiator.notify == "NO_PROPOSAL_CHOSEN"
    assert at_initiator.policy_ids == (POLICY,)
    assert at_initiator.differences[0].item == "security methods"
    assert not gateways.a.told(InstallChildSa)


@pytest.mark.parametrize(
    ("theirs", "items"),
    [
        (child(ESP_V1, remote=[selector("10.99.0.0/24")]), ["remote traffic selector"]),
        (child(ESP_V1, local=[selector("192.168.10.0/25")]), ["local traffic selector"]),
        (
            child(ESP_V1, local=[selector("172.16.0.0/24")], remote=[selector("10.99.0.0/24")]),
            ["local traffic selector", "remote traffic selector"],
        ),
        (
            child(ESP_V1, local=[selector("192.168.10.0/24", protocol=6)]),
            ["local traffic selector"],
        ),
    ],
)
def test_networks(theirs: Child, items: list[str]) -> None:
    """``theirs`` is written from A's side; B compares from its own."""
    gateways = pair(tunnel(), mirrored(tunnel(theirs)))
    bring_up(gateways)
    at_responder = only_failure(gateways, "B")
    assert at_responder.notify == "INVALID_ID_INFORMATION"
    swapped = {"local": "remote", "remote": "local"}
    expected = [f"{swapped[item.split()[0]]} traffic selector" for item in items]
    assert sorted(each.item for each in at_responder.differences) == sorted(expected)
    at_initiator = only_failure(gateways, "A")
    assert at_initiator.notify == "INVALID_ID_INFORMATION"
    assert str(NET_A) in at_initiator.explanation
    assert str(NET_B) in at_initiator.explanation


def test_a_part_of_a_network_is_accepted() -> None:
    """Safe, since the SA protects no more than what was asked for."""
    gateways = pair(
        tunnel(child(ESP_V1, local=[selector("192.168.10.128/25")])), mirrored(tunnel())
    )
    bring_up(gateways)
    assert gateways.connected()
    assert gateways.b.told(InstallChildSa)[0].sa.remote == (selector("192.168.10.128/25"),)


def test_a_failed_quick_mode_leaves_main_mode_and_other_children_alone() -> None:
    good = child(ESP_V1, policy_id=1)
    bad = child(ESP_V1, name="bad", policy_id=2, local=[selector("172.16.0.0/24")])
    gateways = pair(tunnel(good, bad), mirrored(tunnel(good)))
    bring_up(gateways, seconds=20)
    assert gateways.connected(1)
    assert only_failure(gateways, "A").policy_ids == (2,)
    assert len(gateways.endpoint_a.snapshot(gateways.network.now)) == 1


def test_nobody_answers() -> None:
    gateways = pair(tunnel())
    gateways.network.interceptors.append(lambda _: [])
    bring_up(gateways, seconds=60)
    failure = only_failure(gateways, "A")
    assert failure.fault is Fault.TIMEOUT
    assert "UDP port 500" in failure.explanation
    assert nothing_stands(gateways)


def test_quick_mode_alone_gets_no_answer() -> None:
    """As a gateway does that has no matching filter and says nothing."""
    gateways = pair(tunnel())
    gateways.network.interceptors.append(lambda packet: [] if packet.payload[18] == 32 else None)
    bring_up(gateways, seconds=60)
    failure = only_failure(gateways, "A")
    assert failure.mode == "quick mode"
    assert failure.fault is Fault.TIMEOUT
    assert "compare the networks" in failure.explanation


def test_algorithms_that_ikev1_has_no_number_for() -> None:
    gateways = pair(tunnel(proposals=[ike("aes-128-gcm/prf-hmac-sha256/x25519")]))
    bring_up(gateways)
    failure = only_failure(gateways, "A")
    assert failure.fault is Fault.LOCAL
    assert "exists in IKEv1" in failure.explanation


def test_a_security_method_that_ikev1_has_no_number_for() -> None:
    gateways = pair(tunnel(child(esp("chacha20-poly1305"))))
    bring_up(gateways)
    failure = only_failure(gateways, "A")
    assert (failure.mode, failure.fault) == ("quick mode", Fault.LOCAL)


def test_forced_nat_traversal_with_a_peer_that_has_none() -> None:
    gateways = pair(
        tunnel(nat_traversal=NatTraversal.FORCE), mirrored(tunnel(nat_traversal=NatTraversal.OFF))
    )
    bring_up(gateways, seconds=60)
    failure = only_failure(gateways, "A")
    assert failure.differences == (Difference("NAT traversal", "always", "not supported"),)
