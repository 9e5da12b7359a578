"""Loss, duplication and reordering: whatever happens, both sides end with the same SAs, or none."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from gatewright.ike.outputs import IkeSaEstablished, InstallChildSa, MessageDropped
from gatewright.policy.compiled import StartMode
from tests.support.figures import Figure
from tests.support.gateways import POLICY, Pair, child, connection, esp, mirrored, pair
from tests.support.sim import Weather

seeds = st.integers(0, 2**32)
weathers = st.builds(
    Weather,
    latency=st.floats(0.001, 0.2),
    jitter=st.floats(0, 0.5),
    loss=st.floats(0, 0.3),
    duplication=st.floats(0, 0.5),
)


def assert_same_sas(gateways: Pair) -> None:
    """What one side may send on, the other can open; nothing is half there."""
    inbound_a, inbound_b = (
        {sa.spi_in: sa for sa in host.sad.pairs.values()} for host in gateways.hosts()
    )
    for ours, theirs in ((inbound_a, inbound_b), (inbound_b, inbound_a)):
        for sa in ours.values():
            assert sa.spi_out in theirs
            assert theirs[sa.spi_out].keys_in == sa.keys_out


def at_rest(gateways: Pair) -> bool:
    """No exchange is under way, and no replaced SA waits for its end."""
    return all(
        each.state in ("installed", "redundant")
        for endpoint in (gateways.endpoint_a, gateways.endpoint_b)
        for snapshot in endpoint.snapshot(gateways.network.now)
        for each in snapshot.children
    ) and all(
        snapshot.state == "established"
        for endpoint in (gateways.endpoint_a, gateways.endpoint_b)
        for snapshot in endpoint.snapshot(gateways.network.now)
    )


@given(seeds, weathers)
@settings(max_examples=60, deadline=None)
def test_a_tunnel_comes_up_in_any_weather(seed: int, weather: Weather) -> None:
    always = connection(child(start=StartMode.ALWAYS))
    gateways = pair(always, mirrored(connection()), seed=seed, weather=weather)
    gateways.network.run_until(gateways.connected, limit=900)


@given(seeds, weathers)
@settings(max_examples=40, deadline=None)
def test_bad_weather_leaves_nothing_behind(seed: int, weather: Weather) -> None:
    """Both want the tunnel, both rekey often; when it clears up, both sides agree."""
    settings_a = connection(child(esp("aes-128-gcm", seconds=60)), lifetime=150, dpd_delay=20)
    gateways = pair(settings_a, seed=seed, weather=weather)
    for _ in range(12):
        gateways.endpoint_a.acquire(POLICY, None, gateways.network.now)
        gateways.endpoint_b.acquire(POLICY, None, gateways.network.now)
        gateways.network.run(25)

    gateways.network.weather = Weather()
    gateways.network.run(200)
    gateways.endpoint_a.acquire(POLICY, None, gateways.network.now)
    gateways.network.run_until(lambda: at_rest(gateways), limit=60)
    gateways.network.run(1)  # a responder's outbound half waits a moment
    assert gateways.connected()
    assert_same_sas(gateways)
    gateways.endpoint_a.down("branch", gateways.network.now)
    gateways.endpoint_b.down("branch", gateways.network.now)
    gateways.network.run(100)
    for host, endpoint in zip(
        gateways.hosts(), (gateways.endpoint_a, gateways.endpoint_b), strict=True
    ):
        assert not host.sad.pairs
        assert endpoint.counters()["sessions"] == 0


@given(seeds)
@settings(max_examples=20, deadline=None)
def test_duplicates_change_nothing(seed: int) -> None:
    gateways = pair(seed=seed, weather=Weather(duplication=1.0, jitter=0.1))
    gateways.endpoint_a.up("branch", gateways.network.now)
    gateways.network.run(5)
    assert gateways.connected()
    for host in gateways.hosts():
        assert len(host.told(IkeSaEstablished)) == 1
        assert len(host.told(InstallChildSa)) == 1
    assert_same_sas(gateways)


def test_each_request_is_answered_once_more_when_its_response_was_lost() -> None:
    gateways = pair(export_keys=True)
    lost: list[bytes] = []

    def lose_first_responses(packet: object) -> list[object] | None:
        payload = packet.payload  # type: ignore[attr-defined]
        if payload[19] & 0x20 and payload not in lost:
            lost.append(payload)
            return []
        return None

    gateways.network.interceptors.append(lose_first_responses)  # type: ignore[arg-type]
    figure = Figure(gateways.network)
    gateways.endpoint_a.up("branch", gateways.network.now)
    gateways.network.run(5)
    assert gateways.connected()
    sent = [packet.payload for _, packet in gateways.network.carried]
    assert len(sent) == 6
    assert len(set(sent)) == 4  # a retransmission is bitwise identical
    assert len(figure.lines()) == 6


def test_replayed_messages_are_dropped_by_name() -> None:
    gateways = pair()
    gateways.endpoint_a.up("branch", gateways.network.now)
    gateways.network.run(1)
    spi_in = gateways.a.told(InstallChildSa)[0].sa.spi_in
    gateways.endpoint_a.child_expiring(spi_in, False, gateways.network.now)
    gateways.network.run(10)
    before = dict(gateways.a.sad.pairs), dict(gateways.b.sad.pairs)

    for _, packet in list(gateways.network.carried):
        gateways.network.inject(packet)
    gateways.network.run(60)

    assert (gateways.a.sad.pairs, gateways.b.sad.pairs) == before
    reasons = {each.reason for each in gateways.a.told(MessageDropped)}
    assert reasons == {"unexpected_response"}
    reasons = {each.reason for each in gateways.b.told(MessageDropped)}
    assert reasons == {"message_id_outside_window"}
    assert gateways.endpoint_b.counters()["sessions"] == 1
    assert gateways.connected()
