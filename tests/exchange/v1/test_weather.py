"""Loss, duplication and reordering: the exchange ends well, or nothing of it is left."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gatewright.iana.ikev1 import ExchangeType
from gatewright.ike.outputs import (
    ChildSaEstablished,
    IkeSaEstablished,
    InstallChildSa,
    MessageDropped,
)
from tests.support.figures_v1 import figure
from tests.support.gateways import POLICY, Pair, child, esp, pair
from tests.support.gateways_v1 import bring_up, tunnel
from tests.support.sim import Packet, Weather


def traffic(gateways: Pair) -> None:
    """One packet each way: it arrives, it is lost, or it wants an SA that is not there."""
    ends = (
        (gateways.a, gateways.endpoint_a, gateways.b),
        (gateways.b, gateways.endpoint_b, gateways.a),
    )
    for host, endpoint, other in ends:
        out = host.sad.outbound(POLICY)
        if out is None:
            endpoint.acquire(POLICY, None, gateways.network.now)
            gateways.network.drain(host)
        elif out.spi_out in other.sad.pairs:
            other.sad.arrived(out.spi_out)


FAST = tunnel(child(esp("aes-128-gcm", seconds=600)), dpd_delay=30)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    seed=st.integers(0, 10_000),
    loss=st.sampled_from([0.0, 0.1, 0.3]),
    duplication=st.sampled_from([0.0, 0.5]),
    jitter=st.sampled_from([0.0, 0.5, 3.0]),
)
def test_a_tunnel_comes_up_in_any_weather_and_stays(
    seed: int, loss: float, duplication: float, jitter: float
) -> None:
    weather = Weather(latency=0.02, jitter=jitter, loss=loss, duplication=duplication)
    gateways = pair(FAST, seed=seed, weather=weather)
    for _ in range(200):
        traffic(gateways)
        gateways.network.run(4)
    gateways.network.weather = Weather()
    for _ in range(10):
        traffic(gateways)
        gateways.network.run(2)
    assert gateways.connected()
    gateways.network.run(1300)
    assert gateways.connected()
    for host, endpoint in zip(
        gateways.hosts(), (gateways.endpoint_a, gateways.endpoint_b), strict=True
    ):
        assert len(host.sad.pairs) <= 2
        owned = {
            each.spi_in
            for snapshot in endpoint.snapshot(gateways.network.now)
            for each in snapshot.children
        }
        assert owned == set(host.sad.pairs), "a pair that no session keeps"


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_duplicates_alone_change_nothing(seed: int) -> None:
    gateways = pair(tunnel(), seed=seed, weather=Weather(duplication=1.0, jitter=0.005))
    bring_up(gateways, seconds=5)
    assert gateways.connected()
    for host in gateways.hosts():
        assert len(host.told(IkeSaEstablished)) == 1
        assert len(host.told(InstallChildSa)) == len(host.told(ChildSaEstablished)) == 1
        assert not host.failures()


@pytest.mark.parametrize("lost", range(9))
def test_any_one_message_may_be_lost(lost: int) -> None:
    """RFC 2408 section 5.1; the third of quick mode is sent again when the second comes again."""
    gateways = pair(tunnel())
    count = iter(range(1000))
    gateways.network.interceptors.append(lambda _: [] if next(count) == lost else None)
    bring_up(gateways, seconds=10)
    assert gateways.connected()
    for host in gateways.hosts():
        assert len(host.told(IkeSaEstablished)) == 1
        assert len(host.told(ChildSaEstablished)) == 1
        assert not host.failures()


@pytest.mark.parametrize("lost", range(9))
def test_a_message_that_is_always_lost_leaves_nothing_half_done(lost: int) -> None:
    gateways = pair(tunnel())
    order: list[bytes] = []

    def drop(packet: Packet) -> list[Packet] | None:
        if packet.payload not in order:
            order.append(packet.payload)
        return [] if order.index(packet.payload) == lost else None

    gateways.network.interceptors.append(drop)
    bring_up(gateways, seconds=90)
    assert gateways.a.failures() or gateways.b.failures()
    for host, endpoint in zip(
        gateways.hosts(), (gateways.endpoint_a, gateways.endpoint_b), strict=True
    ):
        assert not endpoint.counters()["half_open"]
        kept = {each.spi_in for sa in endpoint.snapshot(0) for each in sa.children}
        assert kept == set(host.sad.pairs)


def test_the_initiator_of_main_mode_repeats_and_the_responder_answers_again() -> None:
    gateways = pair(tunnel(), export_keys=True)
    gateways.network.interceptors.append(
        lambda packet: [] if packet.source.ip in gateways.b.addresses else None
    )
    bring_up(gateways, seconds=4)
    lines = [str(line) for line in figure(gateways.network)]
    assert lines == ["A -> B  main {SA}", "A -> B  main {again}", "A -> B  main {again}"]
    repeated = [
        drop
        for drop in gateways.b.told(MessageDropped)
        if drop.reason == "main_mode_message_repeated"
    ]
    assert len(repeated) == 2


def test_a_main_mode_that_nobody_ends_is_forgotten() -> None:
    gateways = pair(tunnel())
    gateways.network.interceptors.append(
        lambda packet: (
            []
            if packet.payload[18] == ExchangeType.IDENTITY_PROTECTION and packet.payload[19]
            else None
        )
    )
    bring_up(gateways, seconds=20)
    assert gateways.endpoint_b.counters()["half_open"] == 1
    gateways.network.run(40)
    assert gateways.endpoint_b.counters()["half_open"] == 0
    assert not gateways.endpoint_b.snapshot(0)
