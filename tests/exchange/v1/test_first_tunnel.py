"""RFC 2409 sections 5.4 and 5.5: main mode and quick mode, and what stands afterwards."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address

import pytest

from gatewright.iana.ikev1 import EncapsulationMode
from gatewright.ike.machine import Timing
from gatewright.ike.outputs import (
    ActivateChildSa,
    ChildSaEstablished,
    IkeSaEstablished,
    InstallChildSa,
    KeysDerived,
    MessageDropped,
)
from gatewright.ipsec.association import Encapsulation
from gatewright.ipsec.selectors import TrafficSelector
from gatewright.policy.compiled import Identity, IdentityType, StartMode
from gatewright.wire.v1.payloads.sa import SaPayload
from tests.support.figures_v1 import figure, text
from tests.support.gateways import (
    NET_A,
    NET_B,
    POLICY,
    child,
    esp,
    ike,
    mirrored,
    pair,
    selector,
)
from tests.support.gateways_v1 import ESP_V1, WINDOWS_2003, bring_up, tunnel


def test_six_messages_and_three_more() -> None:
    gateways = pair(tunnel(), export_keys=True)
    bring_up(gateways)
    assert text(gateways.network) == [
        "A -> B  main {SA}",
        "B -> A  main {SA}",
        "A -> B  main {KE Nonce}",
        "B -> A  main {KE Nonce}",
        "A -> B  main {ID HASH N(INITIAL_CONTACT)}",
        "B -> A  main {ID HASH}",
        "A -> B  quick {HASH SA Nonce ID ID}",
        "B -> A  quick {HASH SA Nonce ID ID}",
        "A -> B  quick {HASH}",
    ]
    assert gateways.connected()


def test_perfect_forward_secrecy_adds_a_key_exchange() -> None:
    gateways = pair(tunnel(child(esp("aes-128-cbc/hmac-sha256-128+modp-1536"))), export_keys=True)
    bring_up(gateways)
    assert text(gateways.network)[6:8] == [
        "A -> B  quick {HASH SA Nonce KE ID ID}",
        "B -> A  quick {HASH SA Nonce KE ID ID}",
    ]
    assert gateways.connected()


def test_both_sides_tell_the_same_story() -> None:
    gateways = pair(tunnel())
    bring_up(gateways)

    (a,), (b,) = (host.told(IkeSaEstablished) for host in gateways.hosts())
    assert (a.initiator, b.initiator) == (True, False)
    assert (a.version, b.version) == (1, 1)
    assert (a.spi_i, a.spi_r) == (b.spi_i, b.spi_r)
    assert a.algorithms == b.algorithms == "aes-128-cbc / prf-hmac-sha256 / ecp-256"
    assert (a.peer_identity, b.peer_identity) == ("203.0.113.2", "203.0.113.1")

    (sa_a,), (sa_b,) = (host.told(InstallChildSa) for host in gateways.hosts())
    assert (sa_a.sa.keys_in, sa_a.sa.keys_out) == (sa_b.sa.keys_out, sa_b.sa.keys_in)
    assert (sa_a.sa.spi_in, sa_a.sa.spi_out) == (sa_b.sa.spi_out, sa_b.sa.spi_in)
    assert (sa_a.sa.local, sa_a.sa.remote) == ((NET_A,), (NET_B,))
    assert (sa_b.sa.local, sa_b.sa.remote) == ((NET_B,), (NET_A,))
    assert sa_a.sa.transport.encapsulation is Encapsulation.PROTOCOL_50
    for host in gateways.hosts():
        assert len(host.told(ChildSaEstablished)) == 1
        assert not host.told(MessageDropped)
        assert not host.failures()


def test_the_initiator_sends_only_when_the_responder_can_have_installed() -> None:
    """Nobody answers message 3: a packet right behind it would find no SA."""
    gateways = pair(tunnel(), timing=Timing(settle=0.25))
    gateways.endpoint_a.up("branch", gateways.network.now)
    gateways.network.run_until(lambda: bool(gateways.a.told(InstallChildSa)))
    installed = gateways.network.now
    assert gateways.a.told(InstallChildSa)[0].sa.outbound_standby
    gateways.network.run_until(lambda: bool(gateways.a.told(ActivateChildSa)))
    assert gateways.network.now - installed == pytest.approx(0.25)


def test_keys_leave_the_machine_only_when_exported() -> None:
    for export in (False, True):
        gateways = pair(tunnel(), export_keys=export)
        bring_up(gateways)
        assert bool(gateways.a.told(KeysDerived)) is export


@pytest.mark.parametrize(
    "proposal",
    [
        "aes-256-cbc/hmac-sha512-256/prf-hmac-sha512/ecp-521",
        "aes-192-cbc/hmac-sha384-192/prf-hmac-sha384/ecp-384",
        "aes-128-cbc/hmac-sha256-128/prf-hmac-sha256/ecp-256",
        "aes-256-cbc/hmac-md5-96/prf-hmac-md5/modp-4096",  # the key is longer than the hash
        "aes-256-cbc/hmac-sha256-128/prf-hmac-sha256/modp-3072",
        "aes-256-cbc/hmac-sha1-96/prf-hmac-sha1/modp-2048",
        "3des-cbc/hmac-sha1-96/prf-hmac-sha1/modp-1536",
        "3des-cbc/hmac-sha1-96/prf-hmac-sha1/modp-1024",
        "3des-cbc/hmac-md5-96/prf-hmac-md5/modp-1024",
        "des-cbc/hmac-sha1-96/prf-hmac-sha1/modp-768",
        "des-cbc/hmac-md5-96/prf-hmac-md5/modp-768",
    ],
)
def test_every_kind_of_main_mode_algorithm(proposal: str) -> None:
    gateways = pair(tunnel(proposals=[ike(proposal)]))
    bring_up(gateways)
    assert gateways.connected()


@pytest.mark.parametrize(
    "method",
    [
        "aes-256-gcm",
        "aes-128-gcm+ecp-256",
        "aes-256-cbc/hmac-sha512-256",
        "aes-192-cbc/hmac-sha384-192+ecp-384",
        "aes-128-cbc/hmac-sha256-128+ecp-521",
        "3des-cbc/hmac-sha1-96+modp-1024",
        "3des-cbc/hmac-md5-96",
        "des-cbc/hmac-sha1-96+modp-768",
        "des-cbc/hmac-md5-96",
        "null/hmac-sha256-128",
    ],
)
def test_every_kind_of_security_method(method: str) -> None:
    gateways = pair(tunnel(child(esp(method))))
    bring_up(gateways)
    assert gateways.connected()
    assert (
        gateways.a.told(InstallChildSa)[0].sa.cipher.name
        == method.partition("/")[0].partition("+")[0]
    )


def test_a_2003_gateway_s_offers_end_in_its_best_one() -> None:
    """All four main mode offers, all ESP offers of the default response, as it lists them."""
    main = [
        ike(f"{cipher}/{integrity}/{prf}/{group}")
        for cipher, group in (("3des-cbc", "modp-1024"), ("des-cbc", "modp-768"))
        for integrity, prf in (
            ("hmac-sha1-96", "prf-hmac-sha1"),
            ("hmac-md5-96", "prf-hmac-md5"),
        )
    ]
    methods = [
        esp(f"{cipher}/{integrity}", kilobytes=100_000)
        for cipher in ("3des-cbc", "des-cbc")
        for integrity in ("hmac-sha1-96", "hmac-md5-96")
    ]
    gateways = pair(
        tunnel(child(*methods), proposals=main),
        mirrored(tunnel(child(methods[3], methods[0]), proposals=[main[3], main[0]])),
    )
    bring_up(gateways)
    assert gateways.connected()
    established = gateways.a.told(IkeSaEstablished)[0]
    assert established.algorithms == "des-cbc / prf-hmac-md5 / modp-768"  # B prefers it
    sa = gateways.a.told(InstallChildSa)[0].sa
    assert (sa.cipher.name, sa.byte_limit) == ("des-cbc", 100_000 * 1024)
    assert 0.75 * sa.byte_limit <= sa.byte_soft_limit <= 0.88 * sa.byte_limit


def test_over_ipv6() -> None:
    gateways = pair(
        tunnel(
            child(
                ESP_V1, local=[selector("2001:db8:a::/48")], remote=[selector("2001:db8:b::/48")]
            ),
            local=ip_address("2001:db8::1"),
            remote=ip_address("2001:db8::2"),
        )
    )
    bring_up(gateways)
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
def test_identities_of_every_kind(identity: Identity) -> None:
    gateways = pair(replace(tunnel(), local_identity=identity))
    bring_up(gateways)
    assert gateways.connected()
    assert gateways.b.told(IkeSaEstablished)[0].peer_identity == str(identity)


@pytest.mark.parametrize(
    ("local", "remote"),
    [
        (selector("192.168.10.7/32"), selector("0.0.0.0/0")),
        (selector("192.168.10.0/24", protocol=6), selector("10.20.0.0/24", 6, 443, 443)),
        (
            TrafficSelector(ip_address("192.168.10.3"), ip_address("192.168.10.9")),
            selector("10.20.0.0/24"),
        ),
    ],
)
def test_addresses_subnets_ranges_protocols_and_ports(
    local: TrafficSelector, remote: TrafficSelector
) -> None:
    gateways = pair(tunnel(child(ESP_V1, local=[local], remote=[remote])))
    bring_up(gateways)
    assert gateways.connected()
    sa = gateways.b.told(InstallChildSa)[0].sa
    assert (sa.local, sa.remote) == ((remote,), (local,))


def test_several_children_take_several_quick_modes_at_the_same_time() -> None:
    children = [
        child(
            ESP_V1,
            name=f"net{number}",
            policy_id=number,
            local=[selector(f"192.168.{number}.0/24")],
        )
        for number in range(1, 6)
    ]
    gateways = pair(tunnel(*children))
    bring_up(gateways)
    assert all(gateways.connected(number) for number in range(1, 6))
    assert len(gateways.a.told(IkeSaEstablished)) == 1


def test_both_sides_may_begin_at_the_same_time() -> None:
    always = child(ESP_V1, start=StartMode.ALWAYS)
    gateways = pair(tunnel(always))
    gateways.network.run(10)
    assert gateways.connected()
    for host in gateways.hosts():
        assert not host.failures()


def test_two_tunnels_between_the_same_gateways() -> None:
    first = tunnel(child(ESP_V1, policy_id=1), name="first")
    second = tunnel(child(ESP_V1, policy_id=2, local=[selector("192.168.99.0/24")]), name="second")
    gateways = pair([first, second])
    bring_up(gateways, "first")
    bring_up(gateways, "second")
    assert gateways.connected(1)
    assert gateways.connected(2)
    assert gateways.b.told(InstallChildSa)[1].sa.tunnel == "second"


def test_a_peer_may_negotiate_two_tunnels_under_one_main_mode() -> None:
    """As a 2003 gateway does, whose main mode SA is with a peer and not with a tunnel."""
    one = child(ESP_V1, policy_id=1)
    two = child(ESP_V1, name="other", policy_id=2, local=[selector("192.168.99.0/24")])
    gateways = pair(
        tunnel(one, two),
        [mirrored(tunnel(one, name="first")), mirrored(tunnel(two, name="second"))],
    )
    bring_up(gateways)
    assert gateways.connected(1)
    assert gateways.connected(2)
    assert len(gateways.b.told(IkeSaEstablished)) == 1

    carried = len(gateways.network.carried)
    gateways.endpoint_b.up("second", gateways.network.now)
    gateways.network.run(1)
    assert len(gateways.network.carried) == carried  # it is up

    only_first = [mirrored(tunnel(one, name="first"))]
    gateways.endpoint_b.set_connections(only_first, gateways.network.now)
    gateways.network.run(1)
    assert gateways.connected(1)
    assert not gateways.b.sad.outbound(2)
    gateways.endpoint_a.acquire(2, None, gateways.network.now)
    gateways.network.run(5)
    assert not gateways.b.sad.outbound(2)
    assert gateways.b.failures()[0].notify == "INVALID_ID_INFORMATION"


def test_the_responder_shortens_lifetimes_and_tells() -> None:
    gateways = pair(
        tunnel(child(esp("aes-128-gcm", seconds=3600, kilobytes=200_000))),
        mirrored(tunnel(child(esp("aes-128-gcm", seconds=900, kilobytes=100_000)), lifetime=7200)),
        export_keys=True,
    )
    bring_up(gateways)
    assert text(gateways.network)[7] == (
        "B -> A  quick {HASH SA Nonce ID ID N(RESPONDER_LIFETIME)}"
    )
    for host, endpoint in zip(
        gateways.hosts(), (gateways.endpoint_a, gateways.endpoint_b), strict=True
    ):
        assert host.told(InstallChildSa)[0].sa.byte_limit == 100_000 * 1024
        (snapshot,) = endpoint.snapshot(gateways.network.now)
        (pair_snapshot,) = snapshot.children
        assert pair_snapshot.expires_in == pytest.approx(900, abs=1)


def test_the_answer_repeats_the_chosen_transform_octet_for_octet() -> None:
    """RFC 2408 section 4.2."""
    gateways = pair(
        tunnel(child(esp("aes-256-gcm"), esp("3des-cbc/hmac-sha1-96"))),
        mirrored(tunnel(child(esp("3des-cbc/hmac-sha1-96")))),
        export_keys=True,
    )
    bring_up(gateways)
    lines = figure(gateways.network)
    offers = []
    for number in (6, 7):
        chain = lines[number].chain
        assert chain is not None
        (sa,) = chain.all(SaPayload)
        offers.append(sa.proposals[0].transforms)
    assert offers[1] == (offers[0][1],)
    modes = [each.number for each in offers[1][0].attributes if each.type == 4]
    assert modes == [EncapsulationMode.TUNNEL]


def test_traffic_that_wants_the_tunnel_brings_it_up() -> None:
    gateways = pair(tunnel(proposals=[WINDOWS_2003]))
    gateways.endpoint_a.acquire(POLICY, None, gateways.network.now)
    gateways.network.run(1)
    assert gateways.connected()


def test_more_quick_modes_than_a_peer_takes_at_once_all_succeed() -> None:
    """They are begun a few at a time, and none fails for want of room at the responder."""
    children = [
        child(
            ESP_V1, name=f"net {number}", policy_id=number, remote=[selector(f"10.9.{number}.0/24")]
        )
        for number in range(1, 201)
    ]
    gateways = pair(tunnel(*children))
    bring_up(gateways, seconds=5.0)
    assert len(gateways.a.told(ChildSaEstablished)) == len(children)
    assert len(gateways.a.told(IkeSaEstablished)) == 1
    assert not gateways.a.failures()
    assert "quick_modes_under_way_limit" not in gateways.endpoint_b.counters()
