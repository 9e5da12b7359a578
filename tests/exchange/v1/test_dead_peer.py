"""RFC 3706: silence, the question, and what follows when nobody answers."""

from __future__ import annotations

from dataclasses import replace

from gatewright.ike.outputs import DeleteChildSa, MessageDropped, PeerSilent
from gatewright.policy.compiled import StartMode
from tests.support.figures_v1 import text
from tests.support.gateways import IP_A, child, mirrored, pair
from tests.support.gateways_v1 import ESP_V1, bring_up, tunnel
from tests.support.sim import Packet


def test_silence_is_asked_about_and_answered() -> None:
    gateways = pair(tunnel(dpd_delay=30), mirrored(tunnel()), export_keys=True)
    bring_up(gateways, seconds=65)
    assert (
        text(gateways.network)[9:]
        == [
            "A -> B  info {HASH N(R_U_THERE)}",
            "B -> A  info {HASH N(R_U_THERE_ACK)}",
        ]
        * 2
    )
    assert gateways.connected()


def test_both_sides_may_ask() -> None:
    gateways = pair(tunnel(dpd_delay=30))
    bring_up(gateways, seconds=600)
    assert gateways.connected()
    assert not any(host.told(PeerSilent) for host in gateways.hosts())


def test_a_dead_peer_is_noticed_and_its_sas_go() -> None:
    gateways = pair(tunnel(dpd_delay=30, dpd_timeout=150), mirrored(tunnel()))
    bring_up(gateways)
    gateways.network.interceptors.append(lambda _: [])
    begun = gateways.network.now
    gateways.network.run_until(lambda: bool(gateways.a.told(PeerSilent)))
    assert 145 <= gateways.network.now - begun <= 155
    assert gateways.a.told(PeerSilent)[0].tunnel == "branch"
    assert len(gateways.a.told(DeleteChildSa)) == 1
    assert not gateways.endpoint_a.snapshot(0)


def test_our_own_questions_sent_back_do_not_pass_for_a_peer_that_lives() -> None:
    gateways = pair(tunnel(dpd_delay=30, dpd_timeout=150), mirrored(tunnel()))
    bring_up(gateways)

    def reflect(packet: Packet) -> list[Packet]:
        if packet.source.ip == IP_A:
            gateways.network.inject(Packet(packet.destination, packet.source, packet.payload))
        return []

    gateways.network.interceptors.append(reflect)
    gateways.network.run(160)
    assert gateways.a.told(PeerSilent)
    assert gateways.endpoint_a.counters()["informational_number_is_ours"] > 1


def test_one_lost_question_does_no_harm() -> None:
    gateways = pair(tunnel(dpd_delay=30), mirrored(tunnel()))
    bring_up(gateways)
    lost = iter((True, True, False))
    gateways.network.interceptors.append(lambda _: [] if next(lost, False) else None)
    gateways.network.run(300)
    assert gateways.connected()
    assert not gateways.a.told(PeerSilent)


def test_a_tunnel_that_is_always_on_comes_back_with_its_peer() -> None:
    always = child(ESP_V1, start=StartMode.ALWAYS)
    gateways = pair(tunnel(always, dpd_delay=30), mirrored(tunnel(dpd_delay=30)))
    gateways.network.run(5)
    assert gateways.connected()
    cut = [True]
    gateways.network.interceptors.append(lambda _: [] if cut[0] else None)
    gateways.network.run(400)
    assert all(host.told(PeerSilent) for host in gateways.hosts())
    cut[0] = False
    gateways.network.run(60)
    assert gateways.connected()


def test_a_peer_without_it_is_never_asked() -> None:
    """A 2003 gateway does not know RFC 3706."""
    gateways = pair(tunnel(dpd_delay=30), mirrored(tunnel()))

    bring_up(gateways)
    for session in gateways.endpoint_a._sessions:
        core = session.core  # type: ignore[attr-defined]
        core.peer = replace(core.peer, dpd=False)
    carried = len(gateways.network.carried)
    gateways.network.run(25)
    gateways.network.run(1000)
    assert len(gateways.network.carried) - carried == 0


def test_a_replayed_question_is_not_answered() -> None:
    gateways = pair(tunnel(dpd_delay=30), mirrored(tunnel()))
    bring_up(gateways, seconds=95)
    questions = [
        packet
        for _, packet in gateways.network.carried
        if packet.payload[18] == 5 and packet.destination.ip in gateways.b.addresses
    ]
    sent = len(gateways.network.carried)
    gateways.network.inject(questions[0])
    gateways.network.run(1)
    assert len(gateways.network.carried) == sent
    assert "informational_repeated" in {drop.reason for drop in gateways.b.told(MessageDropped)}
