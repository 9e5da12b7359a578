"""Whole negotiations with a peer that lies under the right keys, and with a meddler in between.

Whatever they do: nothing raises, the data plane's view stays consistent (`SaDatabase` sees to it),
and when they stop, both gateways can be taken down to nothing and come up anew.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace

from tests.support.gateways import POLICY, Pair
from tests.support.sim import Packet

from fuzz.hostile import HostileEndpoint, Liar, speaking_through
from fuzz.mutate import Mutator
from fuzz.parsers import corpus
from fuzz.recording import gateways
from gatewright.ike.endpoint import Endpoint
from gatewright.policy.compiled import IkeVersion

TUNNEL = "branch"
SETTLED = 300.0  # seconds after which every negotiation has come to an end, or is given up
_ROUNDS = 6
_HOSTILE_SHARE = 0.6  # of the rounds: what lies break early they cannot break late


def lying_peer(version: IkeVersion, seed: int) -> None:
    """A is hostile and has the keys; B is ours."""
    source = random.Random(seed)
    pair = gateways(version, seed, variant=seed % 2)
    liar = Liar(Mutator(source, corpus(version).links), source.choice((0.1, 0.3, 0.6)))
    hostile = HostileEndpoint(pair.endpoint_a, liar)
    pair.a.machine = hostile
    with speaking_through(liar):
        for _ in range(_ROUNDS):
            hostile.hostile = source.random() < _HOSTILE_SHARE
            source.choice(_ACTIONS)(pair, source)
            pair.network.run(source.choice((0.005, 0.05, 1.0, 40.0, 250.0)))
            _check_database(pair)
        hostile.hostile = False
        _check_recovery(pair)


def meddler(version: IkeVersion, seed: int) -> None:
    """Both gateways are honest; somebody without keys changes, repeats, swallows and invents."""
    source = random.Random(seed)
    mutator = Mutator(source, corpus(version).links)
    pair = gateways(version, seed, variant=seed % 2)
    chance = source.choice((0.05, 0.2, 0.5))
    seen: list[Packet] = []

    def interfere(packet: Packet) -> list[Packet]:
        seen.append(packet)
        if source.random() >= chance:
            return [packet]
        changed = replace(packet, payload=mutator.message(packet.payload))
        old = source.choice(seen)
        reflected = Packet(packet.destination, packet.source, packet.payload)
        foreign = replace(packet, payload=source.choice(corpus(version).messages))
        return source.choice(
            ([], [changed], [changed, packet], [packet, changed], [old, packet], [packet, packet],
             [reflected, packet], [foreign, packet])
        )  # fmt: skip

    pair.network.interceptors.append(interfere)
    for _ in range(_ROUNDS):
        source.choice(_ACTIONS)(pair, source)
        pair.network.run(source.choice((0.005, 0.05, 1.0, 40.0, 250.0)))
        _check_database(pair)
    pair.network.interceptors.clear()
    _check_recovery(pair)


# --- what happens meanwhile -------------------------------------------------------------------


def _a_up(pair: Pair, source: random.Random) -> None:
    del source
    _machine_a(pair).up(TUNNEL, pair.network.now)


def _b_up(pair: Pair, source: random.Random) -> None:
    del source
    pair.endpoint_b.up(TUNNEL, pair.network.now)


def _b_acquires(pair: Pair, source: random.Random) -> None:
    del source
    pair.endpoint_b.acquire(POLICY, None, pair.network.now)


def _a_rekeys(pair: Pair, source: random.Random) -> None:
    for spi in list(pair.a.sad.pairs)[:1]:
        _machine_a(pair).child_expiring(spi, source.random() < 0.3, pair.network.now)


def _b_rekeys(pair: Pair, source: random.Random) -> None:
    for spi in list(pair.b.sad.pairs)[:1]:
        pair.endpoint_b.child_expiring(spi, source.random() < 0.3, pair.network.now)


def _a_down(pair: Pair, source: random.Random) -> None:
    del source
    _machine_a(pair).down(TUNNEL, pair.network.now)


def _machine_a(pair: Pair) -> Endpoint | HostileEndpoint:
    machine = pair.a.machine
    return machine if isinstance(machine, HostileEndpoint) else pair.endpoint_a


_Action = Callable[[Pair, random.Random], None]
_ACTIONS: tuple[_Action, ...] = (
    _a_up, _a_up, _a_up, _b_up, _b_up, _b_acquires, _a_rekeys, _b_rekeys, _a_down,
)  # fmt: skip


# --- what has to be true ----------------------------------------------------------------------


def _check_database(pair: Pair) -> None:
    """Every SA that B has installed belongs to one of its sessions."""
    shown = {
        child.spi_in
        for session in pair.endpoint_b.snapshot(pair.network.now)
        for child in session.children
    }
    orphans = set(pair.b.sad.pairs) - shown
    assert not orphans, f"SAs that no session knows: {orphans}"


def _check_recovery(pair: Pair) -> None:
    """Both come down to nothing, and up again."""
    for endpoint in (pair.endpoint_a, pair.endpoint_b):
        endpoint.down(TUNNEL, pair.network.now)
    pair.network.run(SETTLED)
    assert not pair.b.sad.pairs, f"SAs are left: {pair.b.sad.pairs}"
    counters = pair.endpoint_b.counters()
    assert counters["sessions"] == counters["half_open"] == 0, f"sessions are left: {counters}"
    assert not any(_tables(pair.endpoint_b).values()), f"left: {_tables(pair.endpoint_b)}"
    pair.endpoint_b.up(TUNNEL, pair.network.now)
    pair.network.run(5)
    assert pair.connected(), f"not connected: {pair.b.failures()[-1:]}"


def _tables(endpoint: Endpoint) -> dict[str, int]:
    """Sizes of everything in which an endpoint remembers a session or an SPI."""
    sizes = {name: len(table) for name, table in vars(endpoint._sessions).items()}
    return {**sizes, "spis": len(endpoint._spis._installed)}
