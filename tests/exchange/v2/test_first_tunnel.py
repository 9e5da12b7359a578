"""RFC 7296 section 1.2: the initial exchanges, and what stands afterwards."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address

import pytest

from gatewright.ike.outputs import (
    ActivateChildSa,
    ChildSaEstablished,
    IkeSaEstablished,
    InstallChildSa,
    KeysDerived,
    MessageDropped,
)
from gatewright.ike.v2.selectors import from_payload
from gatewright.ipsec.association import Encapsulation
from gatewright.policy.compiled import Connection, Identity, IdentityType, StartMode
from gatewright.wire.v2.message import select
from gatewright.wire.v2.payloads.ts import TsPayload
from tests.support.figures import Figure
from tests.support.gateways import (
    NET_A,
    NET_B,
    POLICY,
    Keys,
    child,
    connection,
    esp,
    ike,
    mirrored,
    pair,
    selector,
)


def test_two_round_trips_make_an_ike_sa_and_a_child_sa() -> None:
    gateways = pair(export_keys=True)
    figure = Figure(gateways.network)

    gateways.endpoint_a.up("branch", gateways.network.now)
    gateways.network.run(1)

    assert figure.text() == [
        "A -> B  IKE_SA_INIT {SA KE Nonce}",
        "B -> A  IKE_SA_INIT {SA KE Nonce}",
        "A -> B  IKE_AUTH {IDi N(INITIAL_CONTACT) IDr AUTH SA TSi TSr}",
        "B -> A  IKE_AUTH {IDr AUTH SA TSi TSr}",
    ]
    assert gateways.connected()


def test_both_sides_tell_the_same_story() -> None:
    gateways = pair()
    gateways.endpoint_a.up("branch", gateways.network.now)
    gateways.network.run(1)

    (a,), (b,) = (host.told(IkeSaEstablished) for host in gateways.hosts())
    assert (a.initiator, b.initiator) == (True, False)
    assert (a.spi_i, a.spi_r) == (b.spi_i, b.spi_r)
    assert a.algorithms == b.algorithms == "aes-128-gcm / prf-hmac-sha256 / x25519"
    assert a.peer_identity == "203.0.113.2"
    assert b.peer_identity == "203.0.113.1"

    (sa_a,), (sa_b,) = (host.told(InstallChildSa) for host in gateways.hosts())
    assert sa_a.sa.keys_in == sa_b.sa.keys_out
    assert sa_a.sa.keys_out == sa_b.sa.keys_in
    assert (sa_a.sa.spi_in, sa_a.sa.spi_out) == (sa_b.sa.spi_out, sa_b.sa.spi_in)
    assert (sa_a.sa.local, sa_a.sa.remote) == ((NET_A,), (NET_B,))
    assert (sa_b.sa.local, sa_b.sa.remote) == ((NET_B,), (NET_A,))
    assert sa_a.sa.transport.encapsulation is Encapsulation.PROTOCOL_50
    assert not sa_a.sa.outbound_standby
    assert sa_b.sa.outbound_standby


def test_what_waits_at_the_responder_does_not_overtake_its_response() -> None:
    gateways = pair()
    gateways.endpoint_a.up("branch", gateways.network.now)
    gateways.network.run_until(lambda: bool(gateways.b.told(InstallChildSa)))
    assert gateways.b.sad.outbound(POLICY) is None, "the initiator does not know the SPI yet"
    gateways.network.run_until(lambda: bool(gateways.a.told(InstallChildSa)))
    assert gateways.a.sad.outbound(POLICY) is not None
    gateways.network.run_until(lambda: bool(gateways.b.told(ActivateChildSa)), limit=0.2)
    assert gateways.connected()


def test_keys_leave_the_machine_only_when_exported() -> None:
    for export in (False, True):
        gateways = pair(export_keys=export)
        gateways.endpoint_a.up("branch", gateways.network.now)
        gateways.network.run(1)
        assert bool(gateways.a.told(KeysDerived)) is export


@pytest.mark.parametrize(
    "proposal",
    [
        "aes-256-gcm/prf-hmac-sha512/ecp-521",
        "aes-192-gcm/prf-hmac-sha384/ecp-384",
        "chacha20-poly1305/prf-hmac-sha256/x25519",
        "aes-256-cbc/hmac-sha256-128/prf-hmac-sha256/ecp-256",
        "aes-192-cbc/hmac-sha384-192/prf-hmac-sha384/modp-2048",
        "aes-128-cbc/hmac-sha512-256/prf-hmac-sha512/modp-1536",
        "3des-cbc/hmac-sha1-96/prf-hmac-sha1/modp-1024",
        "des-cbc/hmac-md5-96/prf-hmac-md5/modp-768",
    ],
)
def test_every_kind_of_ike_algorithm(proposal: str) -> None:
    gateways = pair(connection(proposals=[ike(proposal)]))
    gateways.endpoint_a.up("branch", gateways.network.now)
    gateways.network.run(1)
    assert gateways.connected()


@pytest.mark.parametrize(
    "proposal",
    [
        "aes-256-gcm",
        "chacha20-poly1305",
        "aes-256-cbc/hmac-sha512-256",
        "3des-cbc/hmac-sha1-96",
        "des-cbc/hmac-md5-96",
        "null/hmac-sha256-128",
    ],
)
def test_every_kind_of_esp_algorithm(proposal: str) -> None:
    gateways = pair(connection(child(esp(proposal))))
    gateways.endpoint_a.up("branch", gateways.network.now)
    gateways.network.run(1)
    assert gateways.connected()
    assert gateways.a.told(InstallChildSa)[0].sa.cipher.name == proposal.partition("/")[0]


@pytest.mark.parametrize(
    ("ours", "theirs", "agreed"),
    [(True, True, True), (True, False, False), (False, True, False), (False, False, False)],
)
def test_extended_sequence_numbers_need_both_sides(ours: bool, theirs: bool, agreed: bool) -> None:
    side_a = connection(child(esp("aes-128-gcm", esn=ours)))
    side_b = mirrored(connection(child(esp("aes-128-gcm", esn=theirs))))
    gateways = pair(side_a, side_b)
    gateways.endpoint_a.up("branch", gateways.network.now)
    gateways.network.run(1)
    for host in gateways.hosts():
        assert host.told(InstallChildSa)[0].sa.esn is agreed


def test_the_responder_s_order_of_preference_decides() -> None:
    fast, strong = (
        ike("aes-128-gcm/prf-hmac-sha256/x25519"),
        ike("aes-256-gcm/prf-hmac-sha256/x25519"),
    )
    side_a = connection(proposals=[fast, strong])
    side_b = mirrored(connection(proposals=[strong, fast]))
    gateways = pair(side_a, side_b)
    gateways.endpoint_a.up("branch", gateways.network.now)
    gateways.network.run(1)
    assert gateways.a.told(IkeSaEstablished)[0].algorithms.startswith("aes-256-gcm")


def test_over_ipv6() -> None:
    side_a = connection(
        child(local=[selector("2001:db8:a::/48")], remote=[selector("2001:db8:b::/48")]),
        local=ip_address("2001:db8::1"),
        remote=ip_address("2001:db8::2"),
    )
    gateways = pair(side_a)
    gateways.endpoint_a.up("branch", gateways.network.now)
    gateways.network.run(1)
    assert gateways.connected()


@pytest.mark.parametrize(
    "identity",
    [
        Identity(IdentityType.FQDN, "gw-a.example.org"),
        Identity(IdentityType.EMAIL, "gw@example.org"),
        Identity(IdentityType.KEY_ID, "00ff10"),
        Identity(IdentityType.ADDRESS, "2001:db8::7"),
    ],
)
def test_every_kind_of_identity(identity: Identity) -> None:
    gateways = pair(replace(connection(), local_identity=identity))
    gateways.endpoint_a.up("branch", gateways.network.now)
    gateways.network.run(1)
    assert gateways.connected()
    assert gateways.b.told(IkeSaEstablished)[0].peer_identity == str(identity)


def test_further_children_follow_in_create_child_sa() -> None:
    second = child(name="voice", policy_id=2, local=[selector("192.168.20.0/24")])
    gateways = pair(connection(child(), second), export_keys=True)
    figure = Figure(gateways.network)
    gateways.endpoint_a.up("branch", gateways.network.now)
    gateways.network.run(1)

    assert figure.text()[4:] == [
        "A -> B  CREATE_CHILD_SA {SA Nonce TSi TSr}",
        "B -> A  CREATE_CHILD_SA {SA Nonce TSi TSr}",
    ]
    assert gateways.connected(POLICY)
    assert gateways.connected(2)


def test_a_child_with_perfect_forward_secrecy_has_its_own_key_exchange() -> None:
    second = child(
        esp("aes-128-gcm+ecp-256"),
        name="voice",
        policy_id=2,
        local=[selector("192.168.20.0/24")],
    )
    gateways = pair(connection(child(), second), export_keys=True)
    figure = Figure(gateways.network)
    gateways.endpoint_a.up("branch", gateways.network.now)
    gateways.network.run(1)

    assert figure.text()[4:] == [
        "A -> B  CREATE_CHILD_SA {SA Nonce KE TSi TSr}",
        "B -> A  CREATE_CHILD_SA {SA Nonce KE TSi TSr}",
    ]
    assert gateways.connected(2)


def test_a_packet_in_hand_goes_first_in_the_traffic_selectors() -> None:
    gateways = pair(export_keys=True)
    figure = Figure(gateways.network)
    trigger = (selector("192.168.10.7/32", 1), selector("10.20.0.9/32", 1))
    gateways.endpoint_a.acquire(POLICY, trigger, gateways.network.now)
    gateways.network.run(1)

    request = figure.lines()[2]
    tsi = select(request.payloads, TsPayload)[0]
    assert [from_payload(tsi)[0], len(tsi.selectors)] == [trigger[0], 2]
    assert gateways.a.told(InstallChildSa)[0].sa.local == (NET_A,)
    assert gateways.connected()


def test_always_on_tunnels_start_at_assignment() -> None:
    gateways = pair(connection(child(start=StartMode.ALWAYS)), mirrored(connection()))
    gateways.network.run(1)
    assert gateways.connected()
    assert not gateways.a.told(MessageDropped)


def test_two_tunnels_between_the_same_addresses_are_told_apart_by_identity() -> None:
    def tunnel(name: str, policy_id: int, net: str) -> Connection:
        base = connection(child(policy_id=policy_id, local=[selector(net)]), name=name, secret=name)
        return replace(base, local_identity=Identity(IdentityType.FQDN, name))

    first, second = tunnel("one", 1, "192.168.1.0/24"), tunnel("two", 2, "192.168.2.0/24")
    sides = [first, second]
    keys = Keys(one=b"key of one", two=b"key of two")
    gateways = pair(sides, keys_a=keys, keys_b=keys)
    gateways.endpoint_a.up("two", gateways.network.now)
    gateways.endpoint_a.up("one", gateways.network.now)
    gateways.network.run(2)
    assert gateways.connected(1)
    assert gateways.connected(2)
    assert {each.tunnel for each in gateways.b.told(IkeSaEstablished)} == {"one", "two"}
    assert {each.sa.tunnel for each in gateways.b.told(ChildSaEstablished)} == {"one", "two"}


def test_two_tunnels_between_the_same_gateways_with_the_same_key() -> None:
    """They differ in their lifetimes alone, and so are two IKE SAs: the child tells which."""
    other = child(name="voice", policy_id=2, local=[selector("192.168.20.0/24")])
    gateways = pair([connection(name="data"), connection(other, name="voice", lifetime=3600)])
    for name in ("voice", "data"):
        gateways.endpoint_a.up(name, gateways.network.now)
        gateways.network.run(1)
    assert gateways.connected(1)
    assert gateways.connected(2)
    for endpoint in (gateways.endpoint_a, gateways.endpoint_b):
        assert {each.tunnel for each in endpoint.snapshot(gateways.network.now)} == {
            "data",
            "voice",
        }
