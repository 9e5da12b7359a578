"""Decides which engine carries a policy's traffic, and makes it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from gatewright.control import models
from gatewright.control.service import CommandRefusedError
from gatewright.dataplane.kernel.probe import Algorithms
from gatewright.policy.compiled import CompiledPolicy, Engine

Probe = Callable[[Iterable[int], Sequence[Algorithms]], list[str]]
"""What the kernel lacks for tunnels over these IP versions with these algorithms, in words."""


@dataclass(frozen=True, slots=True)
class Choice:
    """``engine`` is USER_SPACE or KERNEL; ``reason`` says why."""

    engine: Engine
    reason: str


def choose(policy: CompiledPolicy, probe: Probe) -> Choice:
    """May block, since the kernel may have modules to load.

    Raises CommandRefusedError: the policy wants the kernel's engine, and the kernel cannot do all
    that the policy offers to its peers.
    """
    if policy.engine is Engine.USER_SPACE:
        return Choice(Engine.USER_SPACE, "by the policy")
    lacks = probe({each.local.version for each in policy.connections}, _algorithms(policy))
    if not lacks:
        why = "by the policy" if policy.engine is Engine.KERNEL else "auto: it can do all"
        return Choice(Engine.KERNEL, why)
    if policy.engine is Engine.KERNEL:
        raise CommandRefusedError(422, _cannot(policy, lacks))
    return Choice(Engine.USER_SPACE, f"auto: the kernel has {_listed(lacks)}")


def decided(policy: CompiledPolicy, choice: Choice) -> CompiledPolicy:
    """The policy with the engine that was chosen."""
    return policy if policy.engine is choice.engine else replace(policy, engine=choice.engine)


def _algorithms(policy: CompiledPolicy) -> list[Algorithms]:
    return list(
        dict.fromkeys(
            (proposal.cipher, proposal.integrity)
            for connection in policy.connections
            for child in connection.children
            for proposal in child.proposals
        )
    )


def _cannot(policy: CompiledPolicy, lacks: Sequence[str]) -> models.Problem:
    return models.Problem(
        code="kernel-engine",
        what=f'The policy "{policy.name}" wants the kernel\'s engine, which cannot carry it here.',
        why=f"This kernel has {_listed(lacks)}.",
        advice="Write `engine: user-space` or `engine: auto`, load the kernel's modules (esp4, "
        "esp6 and the ciphers'), or leave those algorithms out of the policy.",
    )


def _listed(lacks: Sequence[str]) -> str:
    return ", ".join(each if each.startswith("no ") else f"no {each}" for each in lacks)
