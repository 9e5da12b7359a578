"""Every negotiation that fails names the item that differs, on both sides."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gatewright.ike.outputs import Difference, Fault, NegotiationFailed
from gatewright.policy.compiled import Connection, Identity, IdentityType, NatTraversal
from tests.support.gateways import (
    POLICY,
    Keys,
    Pair,
    child,
    connection,
    esp,
    ike,
    mirrored,
    pair,
    selector,
)
from tests.support.sim import Packet


def negotiate(side_a: Connection, side_b: Connection, **more: Keys) -> Pair:
    """Both policies are written as A's; B's is mirrored here."""
    gateways = pair(side_a, mirrored(side_b), **more)  # type: ignore[arg-type]
    gateways.endpoint_a.up("branch", gateways.network.now)
    gateways.network.run(60)
    return gateways


def only_failure(host_failures: list[NegotiationFailed]) -> NegotiationFailed:
    (failure,) = host_failures
    return failure


IKE_DIFFERENCES = [
    (
        "aes-256-gcm/prf-hmac-sha256/x25519",
        "aes-128-gcm/prf-hmac-sha256/x25519",
        [Difference("encryption", "aes-128-gcm", "aes-256-gcm")],
    ),
    (
        "aes-128-gcm/prf-hmac-sha256/x25519",
        "aes-128-gcm/prf-hmac-sha256/modp-2048",
        [Difference("key exchange group", "modp-2048", "x25519")],
    ),
    (
        "aes-128-gcm/prf-hmac-sha256/x25519",
        "aes-128-gcm/prf-hmac-sha512/x25519",
        [Difference("pseudo-random function", "prf-hmac-sha512", "prf-hmac-sha256")],
    ),
    (
        "aes-128-cbc/hmac-sha1-96/prf-hmac-sha1/modp-1024",
        "aes-128-cbc/hmac-sha256-128/prf-hmac-sha256/modp-1024",
        [
            Difference("pseudo-random function", "prf-hmac-sha256", "prf-hmac-sha1"),
            Difference("integrity", "hmac-sha256-128", "hmac-sha1-96"),
        ],
    ),
    (
        "3des-cbc/hmac-sha1-96/prf-hmac-sha1/modp-1024",
        "aes-128-gcm/prf-hmac-sha1/modp-1024",
        [
            Difference("encryption", "aes-128-gcm", "3des-cbc"),
            Difference("integrity", "none", "hmac-sha1-96"),
        ],
    ),
]


@pytest.mark.parametrize(("ours", "theirs", "expected"), IKE_DIFFERENCES)
def test_ike_algorithms(ours: str, theirs: str, expected: list[Difference]) -> None:
    gateways = negotiate(connection(proposals=[ike(ours)]), connection(proposals=[ike(theirs)]))

    at_responder = only_failure(gateways.b.failures())
    assert at_responder.fault is Fault.NOTHING_IN_COMMON
    assert at_responder.notify == "NO_PROPOSAL_CHOSEN"
    assert list(at_responder.differences) == expected
    assert at_responder.policy_ids == ()  # a stranger's failure gives up none of our packets

    at_initiator = only_failure(gateways.a.failures())
    assert at_initiator.fault is Fault.REFUSED
    assert at_initiator.notify == "NO_PROPOSAL_CHOSEN"
    assert at_initiator.policy_ids == (POLICY,)
    assert expected[0].theirs in {each.ours for each in at_initiator.differences}
    for endpoint in (gateways.endpoint_a, gateways.endpoint_b):
        assert endpoint.counters()["sessions"] == 0


def test_a_combination_that_does_not_fit_names_the_nearest() -> None:
    side_a = connection(
        proposals=[
            ike("aes-256-gcm/prf-hmac-sha256/x25519"),
            ike("aes-128-gcm/prf-hmac-sha256/modp-2048"),
        ]
    )
    side_b = connection(
        proposals=[
            ike("aes-256-gcm/prf-hmac-sha256/modp-2048"),
            ike("aes-128-gcm/prf-hmac-sha512/x25519"),
        ]
    )
    gateways = negotiate(side_a, side_b)
    (difference,) = only_failure(gateways.b.failures()).differences
    assert difference in (
        Difference("key exchange group", "modp-2048", "x25519"),
        Difference("encryption", "aes-256-gcm", "aes-128-gcm"),
    )


ESP_DIFFERENCES = [
    (
        "aes-256-gcm",
        "aes-128-cbc/hmac-sha256-128",
        [
            Difference("encryption", "aes-128-cbc", "aes-256-gcm"),
            Difference("integrity", "hmac-sha256-128", "none"),
        ],
    ),
    (
        "aes-128-cbc/hmac-sha1-96",
        "aes-128-cbc/hmac-sha256-128",
        [Difference("integrity", "hmac-sha256-128", "hmac-sha1-96")],
    ),
]


@pytest.mark.parametrize(("ours", "theirs", "expected"), ESP_DIFFERENCES)
def test_esp_algorithms_fail_the_child_and_not_the_ike_sa(
    ours: str, theirs: str, expected: list[Difference]
) -> None:
    gateways = negotiate(connection(child(esp(ours))), connection(child(esp(theirs))))

    at_responder = only_failure(gateways.b.failures())
    assert at_responder.mode == "child SA"
    assert list(at_responder.differences) == expected
    at_initiator = only_failure(gateways.a.failures())
    assert (at_initiator.mode, at_initiator.child) == ("child SA", "net")
    assert at_initiator.fault is Fault.REFUSED
    assert at_initiator.policy_ids == (POLICY,)
    for endpoint in (gateways.endpoint_a, gateways.endpoint_b):
        (snapshot,) = endpoint.snapshot(gateways.network.now)
        assert snapshot.state == "established"
        assert snapshot.children == ()


def test_extended_sequence_numbers_alone_are_no_reason_to_fail() -> None:
    gateways = negotiate(
        connection(child(esp("aes-128-gcm", esn=True))), connection(child(esp("aes-128-gcm")))
    )
    assert gateways.connected()


@pytest.mark.parametrize(
    ("ours", "theirs", "expected"),
    [
        ("aes-128-gcm+x25519", "aes-128-gcm", Difference("key exchange group", "none", "x25519")),
        ("aes-128-gcm", "aes-128-gcm+x25519", Difference("key exchange group", "x25519", "none")),
    ],
)
def test_perfect_forward_secrecy_on_one_side_shows_in_create_child_sa(
    ours: str, theirs: str, expected: Difference
) -> None:
    def side(method: str) -> Connection:
        net = [selector("192.168.20.0/24")]
        return connection(child(), child(esp(method), name="voice", policy_id=2, local=net))

    gateways = negotiate(side(ours), side(theirs))
    assert gateways.connected(POLICY)
    failure = only_failure(gateways.b.failures())
    assert (failure.mode, list(failure.differences)) == ("child SA", [expected])


def test_traffic_selectors_that_do_not_meet() -> None:
    side_b = connection(child(remote=[selector("10.99.0.0/16")]))
    gateways = negotiate(connection(), side_b)

    at_responder = only_failure(gateways.b.failures())
    assert at_responder.notify == "TS_UNACCEPTABLE"
    assert list(at_responder.differences) == [
        Difference("local traffic selector", "10.99.0.0/16", "10.20.0.0/24")
    ]
    at_initiator = only_failure(gateways.a.failures())
    assert at_initiator.notify == "TS_UNACCEPTABLE"
    assert at_initiator.fault is Fault.REFUSED
    assert {each.ours for each in at_initiator.differences} == {"192.168.10.0/24", "10.20.0.0/24"}


def test_preshared_keys_that_differ() -> None:
    gateways = negotiate(
        connection(), connection(), keys_a=Keys(psk=b"5ecret A"), keys_b=Keys(psk=b"5ecret B")
    )
    at_responder = only_failure(gateways.b.failures())
    assert at_responder.fault is Fault.AUTHENTICATION
    assert "preshared key" in at_responder.explanation
    assert [each.item for each in at_responder.differences] == ["preshared key"]
    at_initiator = only_failure(gateways.a.failures())
    assert at_initiator.fault is Fault.REFUSED
    assert at_initiator.notify == "AUTHENTICATION_FAILED"
    assert "preshared key differs" in at_initiator.explanation
    assert at_initiator.policy_ids == (POLICY,)
    for failure in (at_initiator, at_responder):
        assert "5ecret" not in repr(failure)
    for endpoint in (gateways.endpoint_a, gateways.endpoint_b):
        assert endpoint.counters()["sessions"] == 0


def test_a_refusal_that_is_lost_is_said_again() -> None:
    """The responder answers retransmissions of an IKE_AUTH that it refused."""
    gateways = pair(keys_b=Keys(psk=b"another key"))
    lost: list[Packet] = []

    def lose_the_first(packet: Packet) -> list[Packet] | None:
        if packet.payload[18:20] == b"\x23\x20" and not lost:  # an IKE_AUTH response
            lost.append(packet)
            return []
        return None

    gateways.network.interceptors.append(lose_the_first)
    gateways.endpoint_a.up("branch", gateways.network.now)
    gateways.network.run(5)
    assert only_failure(gateways.a.failures()).fault is Fault.REFUSED
    assert len(gateways.b.failures()) == 1
    assert gateways.endpoint_b.counters()["sessions"] == 1
    gateways.network.run(30)
    assert gateways.endpoint_b.counters()["sessions"] == 0
    assert len(gateways.b.failures()) == 1


def test_a_preshared_key_that_is_missing_here_is_our_own_fault() -> None:
    gateways = negotiate(connection(secret="lost"), connection())
    failure = only_failure(gateways.a.failures())
    assert failure.fault is Fault.LOCAL
    assert "'lost'" in failure.explanation
    assert not gateways.network.carried


def test_a_preshared_key_that_is_missing_at_the_responder() -> None:
    gateways = negotiate(connection(), connection(secret="lost"))
    assert only_failure(gateways.b.failures()).fault is Fault.LOCAL
    assert only_failure(gateways.a.failures()).notify == "AUTHENTICATION_FAILED"


FQDN_A = Identity(IdentityType.FQDN, "a.example.org")


def test_an_initiator_that_calls_itself_otherwise() -> None:
    gateways = negotiate(replace(connection(), local_identity=FQDN_A), connection())
    assert list(only_failure(gateways.b.failures()).differences) == [
        Difference("peer identity", "203.0.113.1", "fqdn:a.example.org")
    ]
    assert only_failure(gateways.a.failures()).notify == "AUTHENTICATION_FAILED"


def test_an_initiator_that_asks_for_somebody_else() -> None:
    gateways = negotiate(replace(connection(), remote_identity=FQDN_A), connection())
    assert list(only_failure(gateways.b.failures()).differences) == [
        Difference("our identity", "203.0.113.2", "fqdn:a.example.org")
    ]


def test_udp_encapsulation_that_the_peer_does_not_do() -> None:
    gateways = negotiate(
        replace(connection(), nat_traversal=NatTraversal.FORCE),
        replace(connection(), nat_traversal=NatTraversal.OFF),
    )
    failure = only_failure(gateways.a.failures())
    assert failure.fault is Fault.LOCAL
    assert "UDP encapsulation" in failure.explanation


def test_a_peer_that_does_not_answer() -> None:
    gateways = pair()
    gateways.network.interceptors.append(lambda _: [])
    gateways.endpoint_a.up("branch", gateways.network.now)
    gateways.network.run(60)
    failure = only_failure(gateways.a.failures())
    assert failure.fault is Fault.TIMEOUT
    assert "UDP port 500" in failure.explanation
    assert len(gateways.network.carried) == 0
    assert gateways.endpoint_a.counters()["sessions"] == 0


def test_a_peer_that_falls_silent_after_the_first_answer() -> None:
    gateways = pair()
    gateways.network.interceptors.append(
        lambda packet: [] if packet.payload[18] == 35 else None  # IKE_AUTH
    )
    gateways.endpoint_a.up("branch", gateways.network.now)
    gateways.network.run(100)
    assert "UDP port 4500" in only_failure(gateways.a.failures()).explanation
    at_responder = only_failure(gateways.b.failures())
    assert at_responder.fault is Fault.TIMEOUT
    assert gateways.endpoint_b.counters()["sessions"] == 0


def test_a_stranger_without_a_tunnel_here() -> None:
    other = replace(connection(), local=connection().remote, remote=connection().remote)
    gateways = pair(connection(), other)
    gateways.endpoint_a.up("branch", gateways.network.now)
    gateways.network.run(5)
    at_responder = only_failure(gateways.b.failures())
    assert at_responder.fault is Fault.LOCAL
    assert "203.0.113.1" in at_responder.explanation
    assert only_failure(gateways.a.failures()).notify == "NO_PROPOSAL_CHOSEN"
