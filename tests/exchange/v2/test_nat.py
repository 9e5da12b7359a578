"""RFC 7296 section 2.23: finding NATs, port 4500, peers that move."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address

import pytest

from gatewright.iana.ikev2 import ExchangeType
from gatewright.ike.outputs import InstallChildSa, SendNatKeepalive, UpdateTransport
from gatewright.ipsec.association import Encapsulation
from gatewright.policy.compiled import NatTraversal
from gatewright.wire.isakmp import Header
from tests.support.gateways import IP_A, IP_B, POLICY, Pair, connection, mirrored, pair
from tests.support.sim import Nat, Packet

INSIDE_A, INSIDE_B = ip_address("10.1.1.1"), ip_address("10.2.2.2")


def behind_nats(*, nat_a: bool, nat_b: bool) -> tuple[Pair, list[Nat]]:
    """A or B or both stand behind a NAT that has their public address."""
    base = connection()
    identities = (base.local_identity, base.remote_identity)
    side_a = replace(base, local=INSIDE_A) if nat_a else base
    side_b = replace(mirrored(base), local=INSIDE_B) if nat_b else mirrored(base)
    assert (side_a.local_identity, side_a.remote_identity) == identities
    gateways = pair(side_a, side_b)
    nats = []
    if nat_a:
        nats.append(gateways.network.add_nat(Nat(INSIDE_A, IP_A)))
    if nat_b:
        nat = gateways.network.add_nat(Nat(INSIDE_B, IP_B))
        nat.forward(500)
        nat.forward(4500)
        nats.append(nat)
    return gateways, nats


@pytest.mark.parametrize(
    ("nat_a", "nat_b", "seen_by_a", "seen_by_b"),
    [
        (True, False, "local", "remote"),
        (False, True, "remote", "local"),
        (True, True, "both", "both"),
    ],
)
def test_a_nat_is_found_and_esp_goes_in_udp(
    nat_a: bool, nat_b: bool, seen_by_a: str, seen_by_b: str
) -> None:
    gateways, _ = behind_nats(nat_a=nat_a, nat_b=nat_b)
    gateways.endpoint_a.up("branch", gateways.network.now)
    gateways.network.run(1)

    assert gateways.connected()
    (snapshot_a,) = gateways.endpoint_a.snapshot(gateways.network.now)
    (snapshot_b,) = gateways.endpoint_b.snapshot(gateways.network.now)
    assert (snapshot_a.nat, snapshot_b.nat) == (seen_by_a, seen_by_b)
    transport_a = gateways.a.told(InstallChildSa)[0].sa.transport
    transport_b = gateways.b.told(InstallChildSa)[0].sa.transport
    for transport in (transport_a, transport_b):
        assert transport.encapsulation is Encapsulation.UDP
        assert transport.local_port == 4500
    assert transport_a.remote_port == 4500
    assert transport_b.remote_port == (30_001 if nat_a else 4500)
    assert [packet.destination.port for _, packet in gateways.network.carried] == [
        500,
        30_000 if nat_a else 500,
        4500,
        30_001 if nat_a else 4500,
    ]


def test_without_a_nat_everything_stays_on_port_500() -> None:
    gateways = pair()
    gateways.endpoint_a.up("branch", gateways.network.now)
    gateways.network.run(1)
    assert {packet.destination.port for _, packet in gateways.network.carried} == {500}


@pytest.mark.parametrize("forced_at", ["a", "b", "both"])
def test_encapsulation_can_be_forced(forced_at: str) -> None:
    forced = replace(connection(), nat_traversal=NatTraversal.FORCE)
    side_a = connection() if forced_at == "b" else forced
    side_b = mirrored(connection() if forced_at == "a" else forced)
    gateways = pair(side_a, side_b)
    gateways.endpoint_a.up("branch", gateways.network.now)
    gateways.network.run(1)
    assert gateways.connected()
    for host in gateways.hosts():
        transport = host.told(InstallChildSa)[0].sa.transport
        assert (transport.encapsulation, transport.remote_port) == (Encapsulation.UDP, 4500)


def test_nat_traversal_can_be_switched_off() -> None:
    off = replace(connection(), nat_traversal=NatTraversal.OFF)
    gateways = pair(off, mirrored(connection()))
    gateways.endpoint_a.up("branch", gateways.network.now)
    gateways.network.run(1)
    assert gateways.connected()
    for host in gateways.hosts():
        transport = host.told(InstallChildSa)[0].sa.transport
        assert transport.encapsulation is Encapsulation.PROTOCOL_50


def test_a_rebinding_is_followed_after_an_authentic_message() -> None:
    gateways, (nat,) = behind_nats(nat_a=True, nat_b=False)
    gateways.endpoint_a.up("branch", gateways.network.now)
    gateways.network.run(1)
    assert not gateways.b.told(UpdateTransport)

    nat.rebind()
    spi_in = gateways.a.told(InstallChildSa)[0].sa.spi_in
    gateways.endpoint_a.child_expiring(spi_in, False, gateways.network.now)  # any exchange of A
    gateways.network.run(1)

    first = gateways.b.told(UpdateTransport)[0]
    assert (first.remote, first.remote_port) == (str(IP_A), 30_002)
    assert gateways.connected()
    (snapshot,) = gateways.endpoint_b.snapshot(gateways.network.now)
    assert snapshot.remote == f"{IP_A}:30002"
    newest = gateways.b.sad.outbound(POLICY)
    assert newest is not None
    assert newest.transport.remote_port == 30_002


def test_an_old_message_from_elsewhere_moves_nothing() -> None:
    gateways, _ = behind_nats(nat_a=True, nat_b=False)
    gateways.endpoint_a.up("branch", gateways.network.now)
    gateways.network.run(1)
    auth_request = next(
        packet for _, packet in gateways.network.carried if packet.destination.port == 4500
    )
    elsewhere = replace(auth_request.source, port=666)
    gateways.network.inject(replace(auth_request, source=elsewhere))
    gateways.network.run(1)
    assert not gateways.b.told(UpdateTransport)


@pytest.mark.parametrize(("nat_a", "nat_b"), [(False, False), (False, True), (True, True)])
def test_only_a_peer_behind_a_nat_moves_and_only_for_one_that_is_not(
    nat_a: bool, nat_b: bool
) -> None:
    """B gets an authentic message of A from elsewhere, and does not follow (section 2.23)."""
    gateways, _ = behind_nats(nat_a=nat_a, nat_b=nat_b)
    gateways.endpoint_a.up("branch", gateways.network.now)
    gateways.network.run(1)
    (before,) = gateways.endpoint_b.snapshot(gateways.network.now)

    def elsewhere(packet: Packet) -> list[Packet] | None:
        if packet.source.ip != IP_A:
            return None
        return [replace(packet, source=replace(packet.source, port=666))]

    gateways.network.interceptors.append(elsewhere)
    spi_in = gateways.a.told(InstallChildSa)[0].sa.spi_in
    gateways.endpoint_a.child_expiring(spi_in, False, gateways.network.now)
    gateways.network.run(0.015)
    (after,) = gateways.endpoint_b.snapshot(gateways.network.now)
    assert len(after.children) == 2  # it was taken, and answered where it came from
    assert after.remote == before.remote
    assert not gateways.b.told(UpdateTransport)


def test_who_passes_the_authentication_on_does_not_get_the_tunnel() -> None:
    """Nothing but an address that no NAT explains differs in A's IKE_AUTH."""
    gateways = pair()
    elsewhere = ip_address("198.51.100.66")

    def pass_on(packet: Packet) -> list[Packet] | None:
        if (
            packet.source.ip != IP_A
            or Header.parse(packet.payload).exchange != ExchangeType.IKE_AUTH
        ):
            return None
        return [replace(packet, source=replace(packet.source, ip=elsewhere))]

    gateways.network.interceptors.append(pass_on)
    gateways.endpoint_a.up("branch", gateways.network.now)
    gateways.network.run(1)
    assert gateways.b.told(InstallChildSa)[0].sa.transport.remote == IP_A
    assert gateways.endpoint_b.snapshot(gateways.network.now)[0].remote == f"{IP_A}:500"


def test_whoever_stands_behind_a_nat_refreshes_its_mapping() -> None:
    gateways, _ = behind_nats(nat_a=True, nat_b=False)
    gateways.endpoint_a.up("branch", gateways.network.now)
    gateways.network.run(65)
    assert len(gateways.a.told(SendNatKeepalive)) == 3
    keepalive = gateways.a.told(SendNatKeepalive)[0].datagram
    assert (keepalive.local.port, keepalive.remote.port) == (4500, 4500)
    assert not gateways.b.told(SendNatKeepalive)
