"""RFC 7296 sections 1.4, 2.4 and 2.25: is the peer alive, and what ends an SA."""

from __future__ import annotations

from dataclasses import replace

from gatewright.ike.outputs import (
    ChildSaClosed,
    IkeSaClosed,
    InstallChildSa,
    PeerSilent,
)
from gatewright.policy.compiled import StartMode
from tests.support.figures import Figure
from tests.support.gateways import POLICY, child, connection, mirrored, pair, selector
from tests.support.sim import Weather


def test_silence_is_broken_by_asking() -> None:
    gateways = pair(connection(dpd_delay=30), mirrored(connection()), export_keys=True)
    gateways.endpoint_a.up("branch", gateways.network.now)
    gateways.network.run(1)
    figure = Figure(gateways.network)
    gateways.network.run(95)
    assert figure.text() == ["A -> B  INFORMATIONAL {}", "B -> A  INFORMATIONAL {}"] * 3
    assert gateways.connected()


def test_a_message_of_the_peer_is_proof_enough() -> None:
    gateways = pair(connection(dpd_delay=30), mirrored(connection(dpd_delay=20)))
    figure = Figure(gateways.network)
    gateways.endpoint_a.up("branch", gateways.network.now)
    gateways.network.run(100)
    requests = {
        (packet.source.ip, packet.payload[18])
        for _, packet in gateways.network.carried[4:]
        if not packet.payload[19] & 0x20
    }
    assert requests == {(gateways.b.addresses[0], 37)}
    del figure


def test_a_peer_that_is_gone_is_given_up_and_tried_anew() -> None:
    always = connection(child(start=StartMode.ALWAYS), dpd_delay=30)
    gateways = pair(always, mirrored(connection(dpd_delay=30)))
    gateways.network.run(1)
    assert gateways.connected()

    gateways.network.weather = Weather(loss=1.0)
    gateways.network.run(70)
    for host in gateways.hosts():
        assert host.told(PeerSilent)
        assert host.told(ChildSaClosed)[0].reason == "the peer is silent"
        assert not host.sad.pairs

    gateways.network.weather = Weather()
    gateways.network.run(60)
    assert gateways.connected()


def test_an_administrator_takes_the_tunnel_down() -> None:
    gateways = pair(export_keys=True)
    gateways.endpoint_a.up("branch", gateways.network.now)
    gateways.network.run(1)
    figure = Figure(gateways.network)
    gateways.endpoint_a.down("branch", gateways.network.now)
    gateways.network.run(1)
    assert figure.text() == ["A -> B  INFORMATIONAL {D(IKE)}", "B -> A  INFORMATIONAL {}"]
    for host, endpoint in zip(
        gateways.hosts(), (gateways.endpoint_a, gateways.endpoint_b), strict=True
    ):
        assert not host.sad.pairs
        assert endpoint.counters()["sessions"] == 0
    assert gateways.b.told(IkeSaClosed)[0].reason == "deleted by the peer"


def test_packets_stop_at_once_when_it_goes_down() -> None:
    gateways = pair()
    gateways.endpoint_a.up("branch", gateways.network.now)
    gateways.network.run(1)
    gateways.endpoint_a.down("branch", gateways.network.now)
    gateways.network.drain(gateways.a)
    assert not gateways.a.sad.pairs


def test_down_and_up_again_in_one_breath() -> None:
    gateways = pair()
    gateways.endpoint_a.up("branch", gateways.network.now)
    gateways.network.run(1)
    gateways.endpoint_a.down("branch", gateways.network.now)
    gateways.endpoint_a.up("branch", gateways.network.now)
    gateways.network.run(20)
    assert gateways.connected()


def test_a_delete_that_is_lost_is_sent_again() -> None:
    gateways = pair()
    gateways.endpoint_a.up("branch", gateways.network.now)
    gateways.network.run(1)
    gateways.network.weather = Weather(loss=1.0)
    gateways.endpoint_a.down("branch", gateways.network.now)
    gateways.network.run(0.5)
    gateways.network.weather = Weather()
    gateways.network.run(1)
    assert not gateways.b.sad.pairs
    assert gateways.endpoint_a.counters()["sessions"] == 0


def test_the_hard_lifetime_of_the_ike_sa() -> None:
    gateways = pair(connection(lifetime=100), mirrored(connection(lifetime=100)))
    gateways.endpoint_a.up("branch", gateways.network.now)
    gateways.network.run(1)
    gateways.network.weather = Weather(loss=1.0)
    gateways.network.run(180)
    for host in gateways.hosts():
        assert not host.sad.pairs


def test_initial_contact_drops_what_is_left_of_an_earlier_life() -> None:
    """RFC 7296 section 2.4: A lost its memory and begins anew."""
    gateways = pair()
    gateways.endpoint_a.up("branch", gateways.network.now)
    gateways.network.run(1)
    stale = gateways.b.told(InstallChildSa)[0].sa.spi_in
    (before,) = gateways.endpoint_b.snapshot(gateways.network.now)

    network = gateways.network
    network.hosts.remove(gateways.a)
    reborn = pair(seed=7).endpoint_a
    a = network.add("A", reborn, *gateways.a.addresses)
    reborn.up("branch", network.now)
    network.run(1)

    assert stale not in gateways.b.sad.pairs
    assert [each.spi_in for each in gateways.b.told(ChildSaClosed)] == [stale]
    assert [each.spi_i for each in gateways.b.told(IkeSaClosed)] == [before.spi_i]
    assert a.sends_to(gateways.b, POLICY)
    assert gateways.b.sends_to(a, POLICY)
    assert len(gateways.endpoint_b.snapshot(network.now)) == 1


def test_a_second_tunnel_to_the_same_peer_is_no_initial_contact() -> None:
    other = child(name="voice", policy_id=2, local=[selector("192.168.20.0/24")])
    sides = [connection(), connection(other, name="voice")]
    gateways = pair(sides, export_keys=True)
    figure = Figure(gateways.network)
    gateways.endpoint_a.up("branch", gateways.network.now)
    gateways.network.run(1)
    gateways.endpoint_a.up("voice", gateways.network.now)
    gateways.network.run(1)
    requests = [text for text in figure.text() if text.startswith("A -> B  IKE_AUTH")]
    assert requests == [
        "A -> B  IKE_AUTH {IDi N(INITIAL_CONTACT) IDr AUTH SA TSi TSr}",
        "A -> B  IKE_AUTH {IDi IDr AUTH SA TSi TSr}",
    ]


def test_settings_may_change_under_a_running_ike_sa() -> None:
    gateways = pair()
    gateways.endpoint_a.up("branch", gateways.network.now)
    gateways.network.run(1)
    second = child(
        name="voice", policy_id=2, local=[gateways.a.told(InstallChildSa)[0].sa.local[0]]
    )
    changed = replace(connection(second), dpd_delay=10)
    gateways.endpoint_a.set_connections([changed], gateways.network.now)
    gateways.network.run(1)
    assert POLICY not in {sa.policy_id for sa in gateways.a.sad.pairs.values()}
    assert not gateways.b.sad.pairs
    assert len(gateways.endpoint_a.snapshot(gateways.network.now)) == 1
