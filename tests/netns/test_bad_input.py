"""Hostile datagrams against a gateway with an established tunnel: each is counted by name, leaves
nothing, and does not disturb the tunnel."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterable

import pytest

from gatewright.ike.limits import Limits
from gatewright.lab.packets import ICMP
from gatewright.lab.policies import TUNNEL
from gatewright.lab.traffic import ping
from gatewright.lab.world import World
from tests.support import hostile_messages as hostile
from tests.support.attacker import IKE_PORT, NAT_T_PORT, ip_header
from tests.support.siege import Siege

pytestmark = pytest.mark.netns


@pytest.fixture(scope="module", params=[1, 2], ids=["ikev1", "ikev2"])
def siege(new_world: Callable[..., World], request: pytest.FixtureRequest) -> Siege:
    return Siege(new_world(), request.param)


def throw(siege: Siege, messages: Iterable[bytes], *reasons: str) -> Counter[str]:
    """Every message is received, at both ports, and dropped for one of the reasons."""
    thrown = list(messages)
    with siege.undisturbed() as counted:
        for port in (IKE_PORT, NAT_T_PORT):
            since = siege.a.status()
            for message in thrown:
                siege.attacker.ike(message, port=port)
            siege.wait_counted(since, {"ike_received": len(thrown)})
    assert counted["ike_received"] == 2 * len(thrown)
    assert sum(counted[reason] for reason in reasons) == 2 * len(thrown), counted
    return counted


# --- octets that are no message ---------------------------------------------------------------


def test_truncated(siege: Siege) -> None:
    messages = hostile.truncated(siege.from_peer(siege.ike))
    throw(siege, messages, "header_truncated", "length_mismatch")


def test_lengths_that_lie(siege: Siege) -> None:
    throw(siege, hostile.lying_lengths(siege.from_peer(siege.ike)), "length_mismatch")


def test_random_octets(siege: Siege) -> None:
    throw(siege, hostile.random_octets(100), "header_truncated", "length_mismatch")


def test_oversized_in_fragments(siege: Siege) -> None:
    """Up to the largest datagram, under the cookies of the SA: no payload is what it says."""
    message = siege.from_peer(siege.ike)[-1]
    throw(siege, hostile.oversized(message), *OVERSIZED[siege.version])


OVERSIZED = {
    1: {
        "quick_mode_message_unreadable",
        "quick_mode_message_unexpected",
        "quick_mode_message_replayed",
    },
    2: {"trailing_octets"},
}


def test_other_versions(siege: Siege) -> None:
    messages = [
        hostile.with_version(message, major)
        for message in siege.from_peer(siege.ike)
        for major in (0, 3, 15)
    ]
    throw(siege, messages, *WRONG_VERSION)


def test_the_other_version_of_ike(siege: Siege) -> None:
    messages = [
        hostile.with_version(message, 3 - siege.version) for message in siege.from_peer(siege.ike)
    ]
    throw(siege, messages, *WRONG_VERSION)


WRONG_VERSION = ("major_version", "not_ikev1", "not_a_first_message", "unexpected_first_exchange")


# --- messages of somebody without the keys ----------------------------------------------------


def test_unknown_cookies(siege: Siege) -> None:
    i, r = siege.cookies
    strange = [(i, b"stranger"), (b"stranger", r), (r, i), (b"stranger", b"stranger")]
    messages = [
        hostile.with_cookies(message, cookies)
        for message in siege.from_peer(siege.ike)
        for cookies in strange
    ]
    throw(siege, messages, "unknown_ike_spi")


def test_wrong_keys(siege: Siege) -> None:
    source = random.Random(1)
    protected = [each for each in siege.from_peer(siege.ike) if is_protected(each)]
    fresh = [each[:20] + source.randbytes(4) + each[24:] for each in protected]
    messages = [hostile.garbled(each, source) for each in [*protected, *fresh] * 4]
    throw(siege, messages, *WRONG_KEY[siege.version])


WRONG_KEY = {
    1: {
        "informational_unreadable",
        "informational_without_hash",
        "main_mode_message_unexpected",
        "quick_mode_message_unreadable",
        "quick_mode_message_unexpected",
        "quick_mode_message_wrong_hash",
    },
    2: {
        "ike_integrity_check_failed",
        "message_id_outside_window",
        "message_id_used_before",
        "request_out_of_order",
        "unexpected_response",
        "reflected_message",
    },
}


def is_protected(message: bytes) -> bool:
    if message[17] >> 4 == 1:
        return bool(message[19] & 1)
    return message[16] == 46


def test_forged_notifies_and_deletes(siege: Siege) -> None:
    if siege.version == 1:
        messages = hostile.forged_v1(siege.cookies)
        throw(siege, messages, "unauthenticated_notify", "unauthenticated_informational")
        return
    messages = hostile.forged_v2(siege.cookies, from_initiator=True)
    throw(siege, messages, "unprotected_message", "unexpected_response", "request_out_of_order")


def test_replayed_messages(siege: Siege) -> None:
    """All of the negotiation again: from the peer, and A's own sent back to it."""
    since = siege.a.status()
    with siege.undisturbed() as counted:
        for _ in range(3):
            for flight in siege.ike:
                siege.attacker.ike(flight.payload, source=siege.attacker.peer)
        siege.wait_counted(since, {"ike_received": 3 * len(siege.ike)})
    assert counted["ike_sas_established"] == counted["child_sas_established"] == 0


def test_first_messages_with_hostile_payloads(siege: Siege) -> None:
    messages = hostile.hostile_chains(siege.from_peer(siege.ike)[0])
    counted = throw(siege, messages, *HOSTILE_FIRST)
    assert counted["too_many_payloads"] == 2


HOSTILE_FIRST = (
    "main_mode_message_refused",
    "malformed_ike_sa_init",
    "payload_too_short",
    "reserved_not_zero",
    "too_many_payloads",
    "trailing_octets",
    "transform_chain",
    "transform_count",
    "truncated",
)


def test_first_messages_of_strangers(siege: Siege) -> None:
    first = siege.from_peer(siege.ike)[0]
    since = siege.a.status()
    with siege.undisturbed() as counted:
        for number in range(50):
            cookie = b"strange" + bytes((number,))
            source = f"203.0.113.{100 + number}"
            siege.attacker.ike(cookie + first[8:], source=source)
        siege.wait_counted(since, {"ike_received": 50})
    assert counted["no_connection_for_peer"] + counted["no_connection_for_address"] == 50


# --- ESP --------------------------------------------------------------------------------------


def test_esp_that_is_not_authentic(siege: Siege) -> None:
    source = random.Random(2)
    genuine = siege.from_peer(siege.esp)[0]
    ahead = (10_000).to_bytes(4, "big")
    packets = {
        "drop_bad_icv": [
            *(siege.spi_in + ahead + source.randbytes(len(genuine) - 8) for _ in range(20)),
            siege.spi_in + ahead + genuine[8:],
        ],
        "drop_unknown_spi": [source.randbytes(4) + genuine[4:] for _ in range(20)],
        "drop_malformed_esp": [genuine[:n] for n in (0, 1, 4, 7)],
        "drop_replay": siege.from_peer(siege.esp) * 3,
    }
    since = siege.a.status()
    with siege.undisturbed() as counted:
        for each in packets.values():
            for packet in each:
                siege.attacker.esp(packet)
                siege.attacker.esp(packet, source=siege.attacker.stranger)
        wanted = {name: 2 * len(each) for name, each in packets.items()}
        siege.wait_counted(since, wanted)
    assert {name: counted[name] for name in wanted} == wanted


def test_esp_of_wrong_lengths(siege: Siege) -> None:
    genuine = siege.from_peer(siege.esp)[0]
    ahead = siege.spi_in + (10_000).to_bytes(4, "big")
    packets = [ahead + bytes(n) for n in (*range(40), 1400, 9000, 60_000)]
    packets += [genuine[:n] for n in range(8, len(genuine))]
    since = siege.a.status()
    with siege.undisturbed() as counted:
        for packet in packets:
            siege.attacker.esp(packet)
        siege.wait_counted(since, {})
    reasons = ("drop_malformed_esp", "drop_bad_icv", "drop_replay")
    assert sum(counted[reason] for reason in reasons) == len(packets), counted


def test_esp_in_udp_for_an_sa_that_is_not(siege: Siege) -> None:
    genuine = siege.from_peer(siege.esp)
    since = siege.a.status()
    with siege.undisturbed() as counted:
        for packet in genuine:
            siege.attacker.udp(packet, NAT_T_PORT)
        for octets in (b"\xff", b"", b"\xfe", b"abc", bytes(3)):
            siege.attacker.udp(octets, NAT_T_PORT)
        siege.wait_counted(since, {"drop_encapsulation": len(genuine), "keepalives_in": 1})
        siege.wait_counted(since, {"drop_malformed_esp": 4})
    assert counted["drop_malformed_esp"] == 4


# --- below ------------------------------------------------------------------------------------


def test_clear_packets_with_inner_addresses(siege: Siege) -> None:
    sides = siege.world.ipv4
    since = siege.a.status()
    with siege.undisturbed() as counted:
        for _ in range(20):
            ends = {"source": sides.b.host, "destination": sides.a.host}
            siege.attacker.ip(ICMP, b"\x08\0\xf7\xff\0\0\0\0", **ends)
        siege.wait_counted(since, {"blocked_in": 20})
    assert counted["blocked_in"] == 20


def test_fragments_that_never_become_a_packet(siege: Siege) -> None:
    """First fragments alone, later ones alone, overlapping ones."""
    attacker = siege.attacker
    with siege.undisturbed():
        for protocol in (17, 50):
            for _ in range(100):
                attacker.fragment(protocol, bytes(1400), 0, more=True)
                attacker.ip(protocol, b"")
                attacker.fragment(protocol, bytes(1400), 1400, more=False)
                attacker.ip(protocol, b"")
                attacker.fragment(protocol, bytes(800), 0, more=True)
                attacker.fragment(protocol, bytes(800), 400, more=False)
                attacker.ip(protocol, b"")


def test_icmp_errors_of_nobody(siege: Siege) -> None:
    """Unreachable, and an absurd path MTU: what is believed of it still lets packets through."""
    esp = next(each.payload for each in siege.esp if each.source == siege.attacker.victim)
    quoted = ip_header(50, siege.attacker.victim, siege.attacker.peer, len(esp)) + esp[:64]
    with siege.undisturbed():
        for _ in range(20):
            for code in (0, 1, 2, 3, 13):
                siege.attacker.icmp(3, code, bytes(4), quoted)
            for mtu in (0, 1, 68, 100, 552, 65535):
                siege.attacker.icmp(3, 4, bytes(2) + mtu.to_bytes(2, "big"), quoted)
        answered = ping(siege.world.host_a, siege.world.ipv4.b.host, 3, payload=1400)
        assert answered.all_answered


# --- floods, which leave half-open SAs: last ---------------------------------------------------


def test_a_flood_of_first_messages_is_bounded(siege: Siege) -> None:
    """With the peer's address and many ports, as fast as the gateway takes them."""
    first = siege.from_peer(siege.ike)[0]
    memory, since = siege.a_memory(), siege.a.status()
    bound = Limits().per_address
    with siege.undisturbed(sessions=bound) as counted:
        for number in range(1000):
            cookie = b"flood" + number.to_bytes(3, "big")
            siege.attacker.ike(cookie + first[8:], from_port=10_000 + number)
            if number % 100 == 99:  # what the socket holds
                siege.wait_counted(since, {"ike_received": number + 1})
    met = counted["cookie_demanded" if siege.version == 2 else "half_open_displaced"]
    assert met == 1000 - counted["half_open"]
    assert 0 < counted["half_open"] <= bound
    assert siege.a_memory() - memory < 20 << 20


def test_afterwards_a_new_tunnel_comes_up(siege: Siege) -> None:
    """The peer itself is served in the middle of the flood."""
    assert siege.b.down(TUNNEL).result == "down"
    assert siege.b.up(TUNNEL).result == "up", siege.a.tail()
    assert ping(siege.world.host_a, siege.world.ipv4.b.host, 3).all_answered
