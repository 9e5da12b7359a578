from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import pytest

from gatewright.control.service import CommandRefusedError
from gatewright.daemon.engines import Choice, choose, decided
from gatewright.dataplane.kernel.probe import Algorithms
from gatewright.policy.compiled import Engine
from tests.support.policies import ESP, entry, policy

POLICY = policy(entry(1, "10.1.0.0/24", "10.2.0.0/24"))


class Probe:
    def __init__(self, *lacks: str) -> None:
        self.lacks = list(lacks)
        self.asked: list[tuple[set[int], list[Algorithms]]] = []

    def __call__(self, versions: Iterable[int], wanted: Sequence[Algorithms]) -> list[str]:
        self.asked.append((set(versions), list(wanted)))
        return self.lacks


def test_user_space_asks_the_kernel_nothing() -> None:
    probe = Probe()
    assert choose(POLICY, probe) == Choice(Engine.USER_SPACE, "by the policy")
    assert probe.asked == []


@pytest.mark.parametrize("wanted", [Engine.KERNEL, Engine.AUTO])
def test_a_kernel_that_can_do_all_is_taken(wanted: Engine) -> None:
    probe = Probe()
    choice = choose(replace(POLICY, engine=wanted), probe)
    assert choice.engine is Engine.KERNEL
    assert probe.asked == [({4}, [(ESP.cipher, ESP.integrity)])]
    assert decided(POLICY, choice).engine is Engine.KERNEL


def test_auto_says_what_the_kernel_lacks() -> None:
    choice = choose(replace(POLICY, engine=Engine.AUTO), Probe("no ESP for IPv4", "ESP with x"))
    assert choice.engine is Engine.USER_SPACE
    assert choice.reason == "auto: the kernel has no ESP for IPv4, no ESP with x"


def test_the_kernel_by_the_policy_is_refused_where_it_cannot() -> None:
    with pytest.raises(CommandRefusedError) as refusal:
        choose(replace(POLICY, engine=Engine.KERNEL), Probe("no ESP for IPv4"))
    problem = refusal.value.problem
    assert "no ESP for IPv4" in problem.why
    assert "engine: auto" in problem.advice
