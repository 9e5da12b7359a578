"""RFC 7296 sections 2.8.1, 2.8.2 and 2.25: both sides want something at once.

The nonces, and with them who wins, come from the seed of the network: each test runs with several
seeds and sees both outcomes.
"""

from __future__ import annotations

import pytest

from gatewright.iana.ikev2 import ExchangeType
from gatewright.ike.outputs import ChildSaClosed, IkeSaClosed, InstallChildSa
from gatewright.ike.v2.tasks.rekey_ike import RekeyIke
from gatewright.wire.isakmp import Header
from gatewright.wire.v2.message import select
from gatewright.wire.v2.payloads.nonce import NoncePayload
from tests.support.figures import Figure
from tests.support.gateways import IP_B, POLICY, Pair, child, connection, esp, pair, selector
from tests.support.sim import Packet

SEEDS = range(8)


def established(seed: int = 0) -> Pair:
    second = child(name="voice", policy_id=2, local=[selector("192.168.20.0/24")])
    gateways = pair(connection(child(), second), seed=seed, export_keys=True)
    gateways.endpoint_a.acquire(POLICY, None, gateways.network.now)
    gateways.network.run(1)
    assert gateways.connected()
    return gateways


def rekey_child(gateways: Pair, who: str) -> None:
    host = gateways.a if who == "a" else gateways.b
    endpoint = gateways.endpoint_a if who == "a" else gateways.endpoint_b
    spi_in = host.told(InstallChildSa)[0].sa.spi_in
    endpoint.child_expiring(spi_in, False, gateways.network.now)


def rekey_ike(gateways: Pair, who: str) -> None:
    host = gateways.a if who == "a" else gateways.b
    endpoint = gateways.endpoint_a if who == "a" else gateways.endpoint_b
    session = next(each for each in endpoint._sessions if each.established)
    session._sa.agenda.add(RekeyIke())  # type: ignore[attr-defined]
    session._exchanges.proceed(gateways.network.now)  # type: ignore[attr-defined]
    endpoint._collect(session, gateways.network.now)
    gateways.network.drain(host)


class Hold:
    """Keeps packets back until they are let go."""

    def __init__(self, gateways: Pair, sender: str, exchange: ExchangeType, response: bool) -> None:
        host = gateways.a if sender == "a" else gateways.b
        self._network = gateways.network
        self._source = host.addresses[0]
        self._want = (exchange, response)
        self.held: list[Packet] = []
        self.active = True
        self._network.interceptors.append(self._intercept)

    def _intercept(self, packet: Packet) -> list[Packet] | None:
        header = Header.parse(packet.payload)
        seen = (header.exchange, bool(header.flags & 0x20))
        if not self.active or packet.source.ip != self._source or seen != self._want:
            return None
        self.held.append(packet)
        return []

    def release(self) -> None:
        self.active = False
        for packet in self.held:
            self._network.inject(packet)


def assert_at_rest(gateways: Pair, children: int = 1) -> None:
    """One IKE SA and as many child SAs as policies, the same ones on both sides."""
    for host, endpoint in zip(
        gateways.hosts(), (gateways.endpoint_a, gateways.endpoint_b), strict=True
    ):
        (snapshot,) = endpoint.snapshot(gateways.network.now)
        assert snapshot.state == "established"
        assert {each.state for each in snapshot.children} == {"installed"}
        assert len(snapshot.children) == len(host.sad.pairs) == children
        assert not host.failures()
    assert {sa.spi_in for sa in gateways.a.sad.pairs.values()} == {
        sa.spi_out for sa in gateways.b.sad.pairs.values()
    }
    assert gateways.connected()


def with_lowest_nonce(figure: Figure) -> str:
    """Who began the exchange that has the lowest of the four nonces."""
    nonces = [
        (select(line.payloads, NoncePayload)[0].nonce, line)
        for line in figure.lines()
        if line.exchange == "CREATE_CHILD_SA"
    ]
    assert len(nonces) == 4
    lowest = min(nonces, key=lambda each: each[0])[1]
    return lowest.receiver if lowest.response else lowest.sender


# --- child SAs --------------------------------------------------------------------------------


def test_both_rekey_the_same_child() -> None:
    winners: set[str] = set()
    for seed in SEEDS:
        gateways = established(seed)
        figure = Figure(gateways.network)
        rekey_child(gateways, "a")
        rekey_child(gateways, "b")
        gateways.network.run(0.5)
        assert gateways.connected()

        text = figure.text()
        assert sorted(text[:4]) == [
            "A -> B  CREATE_CHILD_SA {N(REKEY_SA) SA Nonce TSi TSr}",
            "A -> B  CREATE_CHILD_SA {SA Nonce TSi TSr}",
            "B -> A  CREATE_CHILD_SA {N(REKEY_SA) SA Nonce TSi TSr}",
            "B -> A  CREATE_CHILD_SA {SA Nonce TSi TSr}",
        ]
        assert sorted(text[4:]) == [
            "A -> B  INFORMATIONAL {D(1)}",
            "A -> B  INFORMATIONAL {D(1)}",
            "B -> A  INFORMATIONAL {D(1)}",
            "B -> A  INFORMATIONAL {D(1)}",
        ]
        loser = with_lowest_nonce(figure)
        redundant = [
            line.sender for line in figure.lines()[4:] if not line.response and line.sender == loser
        ]
        assert redundant == [loser]  # it deletes its own new SA, the other one the old SA
        keeper = gateways.b if loser == "A" else gateways.a
        survivor = keeper.sad.outbound(POLICY)
        assert survivor is not None
        assert not survivor.outbound_standby  # the one whose rekey it began
        reasons = {each.reason for each in gateways.a.told(ChildSaClosed)}
        assert reasons == {"rekeyed", "redundant after simultaneous rekeys"}
        winners.add(loser)

        gateways.network.run(10)
        assert_at_rest(gateways)
    assert winners == {"A", "B"}


@pytest.mark.parametrize("seed", SEEDS)
def test_only_one_side_notices_that_both_rekey_the_child(seed: int) -> None:
    """B's rekey is through before A's request arrives: TEMPORARY_FAILURE or CHILD_SA_NOT_FOUND."""
    gateways = established(seed)
    hold = Hold(gateways, "a", ExchangeType.CREATE_CHILD_SA, response=False)
    rekey_child(gateways, "a")
    rekey_child(gateways, "b")
    gateways.network.run(0.5)
    assert gateways.connected()
    hold.release()
    gateways.network.run(10)
    assert_at_rest(gateways)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_response_to_one_of_two_simultaneous_rekeys_is_late(seed: int) -> None:
    gateways = established(seed)
    hold = Hold(gateways, "b", ExchangeType.CREATE_CHILD_SA, response=True)
    rekey_child(gateways, "a")
    rekey_child(gateways, "b")
    gateways.network.run(0.5)
    assert gateways.connected()
    hold.release()
    gateways.network.run(10)
    assert_at_rest(gateways)


@pytest.mark.parametrize("seed", SEEDS)
def test_one_deletes_the_child_that_the_other_rekeys(seed: int) -> None:
    gateways = established(seed)
    rekey_child(gateways, "a")
    spi_in = gateways.b.told(InstallChildSa)[0].sa.spi_in
    gateways.endpoint_b.child_not_installed(spi_in, gateways.network.now)
    gateways.network.run(10)
    for host in gateways.hosts():
        assert spi_in not in host.sad.pairs
    assert {sa.spi_in for sa in gateways.a.sad.pairs.values()} == {
        sa.spi_out for sa in gateways.b.sad.pairs.values()
    }


def test_both_delete_the_same_child() -> None:
    gateways = established()
    figure = Figure(gateways.network)
    for host, endpoint in zip(
        gateways.hosts(), (gateways.endpoint_a, gateways.endpoint_b), strict=True
    ):
        spi_in = host.told(InstallChildSa)[0].sa.spi_in
        endpoint.child_not_installed(spi_in, gateways.network.now)
    gateways.network.run(5)
    assert sorted(figure.text()) == [
        "A -> B  INFORMATIONAL {D(1)}",
        "A -> B  INFORMATIONAL {}",
        "B -> A  INFORMATIONAL {D(1)}",
        "B -> A  INFORMATIONAL {}",
    ]
    for host in gateways.hosts():
        assert not host.sad.pairs


# --- IKE SAs ----------------------------------------------------------------------------------


def test_both_rekey_the_ike_sa() -> None:
    outcomes = set()
    for seed in SEEDS:
        gateways = established(seed)
        figure = Figure(gateways.network)
        rekey_ike(gateways, "a")
        rekey_ike(gateways, "b")
        gateways.network.run(1)

        assert sorted(figure.text()) == [
            "A -> B  CREATE_CHILD_SA {SA Nonce KE}",
            "A -> B  CREATE_CHILD_SA {SA Nonce KE}",
            "A -> B  INFORMATIONAL {D(IKE)}",
            "A -> B  INFORMATIONAL {}",
            "B -> A  CREATE_CHILD_SA {SA Nonce KE}",
            "B -> A  CREATE_CHILD_SA {SA Nonce KE}",
            "B -> A  INFORMATIONAL {D(IKE)}",
            "B -> A  INFORMATIONAL {}",
        ]
        assert_at_rest(gateways)
        assert len(gateways.a.told(IkeSaClosed)) == 2
        (snapshot,) = gateways.endpoint_a.snapshot(gateways.network.now)
        assert snapshot.initiator is (with_lowest_nonce(figure) == "B")
        outcomes.add(snapshot.initiator)
    assert outcomes == {True, False}


@pytest.mark.parametrize("seed", SEEDS)
def test_only_one_side_notices_that_both_rekey_the_ike_sa(seed: int) -> None:
    gateways = established(seed)
    hold = Hold(gateways, "a", ExchangeType.CREATE_CHILD_SA, response=False)
    rekey_ike(gateways, "a")
    rekey_ike(gateways, "b")
    gateways.network.run(0.5)
    hold.release()
    gateways.network.run(10)
    assert_at_rest(gateways)
    (snapshot,) = gateways.endpoint_b.snapshot(gateways.network.now)
    assert snapshot.initiator


@pytest.mark.parametrize("seed", SEEDS)
def test_a_response_to_one_of_two_simultaneous_ike_rekeys_is_late(seed: int) -> None:
    """Whoever is told to close the old IKE SA forgets its own rekey (section 2.25.2).

    The other side then has a redundant IKE SA, of which it gets rid after a while.
    """
    gateways = established(seed)
    hold = Hold(gateways, "b", ExchangeType.CREATE_CHILD_SA, response=True)
    rekey_ike(gateways, "a")
    rekey_ike(gateways, "b")
    gateways.network.run(0.5)
    hold.release()
    gateways.network.run(10)
    assert gateways.connected()
    gateways.network.run(60)
    assert_at_rest(gateways)


def test_a_peer_that_dies_while_both_rekey_the_ike_sa_leaves_nothing() -> None:
    gateways = established()
    passes = iter([True])  # B's request, and nothing after it
    gateways.network.interceptors.append(
        lambda packet: [] if packet.source.ip == IP_B and not next(passes, False) else None
    )
    rekey_ike(gateways, "a")
    rekey_ike(gateways, "b")
    gateways.network.run(1)
    states = [each.state for each in gateways.endpoint_a.snapshot(gateways.network.now)]
    assert states == ["rekeying", "contested"]
    gateways.network.run(60)
    assert gateways.endpoint_a.snapshot(gateways.network.now) == ()
    assert not gateways.a.sad.pairs


@pytest.mark.parametrize("seed", SEEDS)
def test_one_rekeys_the_ike_sa_while_the_other_rekeys_a_child(seed: int) -> None:
    gateways = established(seed)
    rekey_ike(gateways, "a")
    rekey_child(gateways, "b")
    gateways.network.run(15)
    assert_at_rest(gateways)
    assert len(gateways.a.told(InstallChildSa)) == 2


@pytest.mark.parametrize("seed", SEEDS)
def test_one_rekeys_the_ike_sa_while_the_other_wants_a_new_child(seed: int) -> None:
    gateways = established(seed)
    rekey_ike(gateways, "a")
    gateways.endpoint_b.acquire(2, None, gateways.network.now)
    gateways.network.run(15)
    assert_at_rest(gateways, children=2)
    assert gateways.connected(2)


@pytest.mark.parametrize("seed", SEEDS)
def test_one_deletes_the_ike_sa_that_the_other_rekeys(seed: int) -> None:
    gateways = established(seed)
    rekey_ike(gateways, "a")
    gateways.endpoint_b.down("branch", gateways.network.now)
    gateways.network.run(60)
    for host, endpoint in zip(
        gateways.hosts(), (gateways.endpoint_a, gateways.endpoint_b), strict=True
    ):
        assert not host.sad.pairs
        assert endpoint.counters()["sessions"] == 0


def test_both_delete_the_ike_sa() -> None:
    gateways = established()
    gateways.endpoint_a.down("branch", gateways.network.now)
    gateways.endpoint_b.down("branch", gateways.network.now)
    gateways.network.run(5)
    for host, endpoint in zip(
        gateways.hosts(), (gateways.endpoint_a, gateways.endpoint_b), strict=True
    ):
        assert not host.sad.pairs
        assert endpoint.counters()["sessions"] == 0
        assert len(host.told(IkeSaClosed)) == 1


@pytest.mark.parametrize("seed", SEEDS)
def test_both_begin_at_once_and_one_of_two_tunnels_is_not_renewed(seed: int) -> None:
    short = connection(child(esp("aes-128-gcm", seconds=100)), lifetime=1000)
    gateways = pair(short, seed=seed)
    gateways.endpoint_a.acquire(POLICY, None, gateways.network.now)
    gateways.endpoint_b.acquire(POLICY, None, gateways.network.now)
    gateways.network.run(2)
    assert gateways.connected()
    assert len(gateways.a.sad.pairs) == len(gateways.b.sad.pairs) == 2
    for _ in range(110):
        gateways.network.run(1)
        assert gateways.connected()
    assert_at_rest(gateways)


@pytest.mark.parametrize("seed", SEEDS)
def test_both_make_the_same_child_at_once(seed: int) -> None:
    """Under one IKE SA: of the twins, one is not rekeyed."""
    short = [selector("192.168.20.0/24")]
    second = child(esp("aes-128-gcm", seconds=100), name="voice", policy_id=2, local=short)
    gateways = pair(connection(child(), second), seed=seed)
    gateways.endpoint_a.acquire(POLICY, None, gateways.network.now)
    gateways.network.run(1)
    gateways.endpoint_a.acquire(2, None, gateways.network.now)
    gateways.endpoint_b.acquire(2, None, gateways.network.now)
    gateways.network.run(2)
    assert len(gateways.a.sad.pairs) == 3
    for _ in range(100):
        gateways.network.run(1)
        assert gateways.connected(2)
    assert_at_rest(gateways, children=2)
