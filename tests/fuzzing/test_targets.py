"""A few seeds of each fuzz target; ``python -m fuzz`` tries more of them, for as long as it may."""

from __future__ import annotations

import random

import pytest
from fuzz import negotiations, parsers
from fuzz.chains import HEADER, join, split, with_chain
from fuzz.hostile import HostileEndpoint, Liar, speaking_through
from fuzz.mutate import Mutator
from fuzz.recording import gateways, load
from fuzz.targets import TARGETS

from gatewright.policy.compiled import IkeVersion
from gatewright.wire.isakmp import Header
from gatewright.wire.v1 import message as v1
from gatewright.wire.v2 import message as v2

BOTH = pytest.mark.parametrize("version", list(IkeVersion))
SEEDS = {"parsers": 1500, "lying-peer": 30, "meddler": 20}


@pytest.mark.parametrize("target", TARGETS)
def test_nothing_is_uncovered(target: str) -> None:
    for seed in range(SEEDS[target.rpartition("-")[0]]):
        try:
            TARGETS[target](seed)
        except Exception as error:
            error.add_note(f"repeat it with: python -m fuzz --seed {seed} {target}")
            raise


# --- the fuzzer itself ------------------------------------------------------------------------


@BOTH
def test_the_corpus_is_of_real_messages(version: IkeVersion) -> None:
    corpus = load(version)
    exchanges = {message[18] for message in corpus.messages}
    assert exchanges == ({2, 5, 32} if version is IkeVersion.V1 else {34, 35, 36, 37})
    for message in corpus.messages:
        assert Header.parse(message).major == version
    for first, octets in corpus.chains:
        if version is IkeVersion.V1:
            assert v1.parse_chain(first, octets, padded=True).octets == octets
        else:
            assert v2.emit_chain(v2.parse_chain(first, octets)) == (first, octets)


@BOTH
def test_a_chain_comes_apart_and_together_again(version: IkeVersion) -> None:
    for first, octets in load(version).chains:
        assert join(split(first, octets)) == (first, octets)


@BOTH
def test_changed_payloads_keep_right_lengths(version: IkeVersion) -> None:
    corpus = load(version)
    source = random.Random(1)
    mutator = Mutator(source, corpus.links)
    for _ in range(200):
        message = source.choice(corpus.messages)
        links = mutator.chain(split(message[16], message[HEADER:]))
        changed = with_chain(message, links)
        assert Header.parse(changed).length == len(changed)
        assert sum(4 + len(link.body) for link in split(changed[16], changed[HEADER:])) <= len(
            changed
        )


@BOTH
def test_lies_reach_the_handlers_behind_decryption(version: IkeVersion) -> None:
    """Else nothing that is found would mean anything."""
    failures: set[str] = set()
    lies = 0
    for seed in range(30):
        pair = gateways(version, seed)
        liar = Liar(Mutator(random.Random(seed), parsers.corpus(version).links), 0.2)
        pair.a.machine = hostile = HostileEndpoint(pair.endpoint_a, liar)
        with speaking_through(liar):
            hostile.hostile = bool(seed % 3)  # else everything would fail at the beginning
            hostile.up(negotiations.TUNNEL, pair.network.now)
            pair.network.run(10)
            hostile.hostile = True
            pair.network.run(450)
        lies += liar.lies
        failures.update(failure.mode for failure in pair.b.failures())
    wanted = (
        {"main mode", "quick mode"} if version is IkeVersion.V1 else {"IKE SA", "child SA rekey"}
    )
    assert wanted <= failures
    assert lies > 30


def test_an_exception_is_not_swallowed(monkeypatch: pytest.MonkeyPatch) -> None:
    def defective(first: int, data: bytes, *, outer: bool = False) -> tuple[v2.Payload, ...]:
        del first, data, outer
        raise IndexError

    monkeypatch.setattr(v2, "parse_chain", defective)
    with pytest.raises(IndexError):
        parsers.parse_chain(IkeVersion.V2, 33, b"")
