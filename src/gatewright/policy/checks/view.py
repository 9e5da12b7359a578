"""What every check looks at: the policy as written, and what it compiles to."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from gatewright.ipsec.selectors import IPAddress, TrafficSelector
from gatewright.policy.compile import CompiledTunnel, Parts
from gatewright.policy.findings import Place
from gatewright.policy.model import FilterAction, KeyExchange, Policy, Rule
from gatewright.policy.pairing import active_rules

SecretProblem = Callable[[str], str | None]
"""Why there is no usable preshared key of that name, in a sentence; None when there is one."""


@dataclass(frozen=True, slots=True)
class SecretKnowledge:
    """What is known about the preshared keys on this machine."""

    problem: SecretProblem
    names: frozenset[str]


@dataclass(frozen=True, slots=True)
class View:
    """``policy`` as written, ``expanded`` without short forms; ``local_addresses`` empty and
    ``secrets`` None when the check runs elsewhere than on the gateway."""

    policy: Policy
    expanded: Policy
    parts: Parts
    local_addresses: tuple[IPAddress, ...]
    secrets: SecretKnowledge | None

    def is_short(self, tunnel: CompiledTunnel) -> bool:
        """Whether the tunnel is written in the short form, so that advice can speak of its keys."""
        return any(one.name == tunnel.pair.name for one in self.policy.tunnels)

    def protections(self) -> Iterable[Protection]:
        """Each way of protecting that is in use, once."""
        seen: dict[tuple[str, str], Protection] = {}
        for active in active_rules(self.expanded):
            key = (active.key_exchange.name, active.action.name)
            if active.action.methods and key not in seen:
                seen[key] = Protection(active.key_exchange, active.action, active.rule)
        return seen.values()


@dataclass(frozen=True, slots=True)
class Protection:
    """Key-exchange settings and a filter action that a rule uses together.

    ``rule`` is the first that does.
    """

    key_exchange: KeyExchange
    action: FilterAction
    rule: Rule

    @property
    def title(self) -> str:
        """What it is called in messages."""
        return f"tunnel `{self.rule.tunnel or self.rule.name}`"

    @property
    def place(self) -> Place:
        return self.rule.place


def locals_of(tunnel: CompiledTunnel) -> tuple[TrafficSelector, ...]:
    return tuple(dict.fromkeys(one for entry in tunnel.entries for one in entry.local))


def remotes_of(tunnel: CompiledTunnel) -> tuple[TrafficSelector, ...]:
    return tuple(dict.fromkeys(one for entry in tunnel.entries for one in entry.remote))
