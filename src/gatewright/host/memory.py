"""A machine in memory, for tests: records what was asked, in order, and can be told to refuse."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from gatewright.host import guards
from gatewright.host.names import HostError, HostNames
from gatewright.host.outside import external_interfaces
from gatewright.host.steering import LocalAddress, Plan, plan
from gatewright.policy.compiled import CompiledPolicy


class MemoryHost:
    """Implements ``host.interface.Host``.

    ``calls`` is the order of changes ("guards", "steer", "remove", ...); ``refuse`` maps one of
    these words to the sentence with which it is refused.
    """

    def __init__(
        self, addresses: Sequence[LocalAddress] = (), names: HostNames | None = None
    ) -> None:
        self.names = names or HostNames()
        self.addresses = list(addresses)
        self.calls: list[str] = []
        self.refuse: dict[str, str] = {}
        self.ruleset = ""
        self.plan: Plan | None = None
        self.counters: dict[str, int] = {}
        self.forwards = True

    def local_addresses(self) -> Sequence[LocalAddress]:
        return list(self.addresses)

    def install_guards(self, policy: CompiledPolicy) -> None:
        self._call("guards")
        self.ruleset = self._wanted(policy)
        kept = self.counters
        self.counters = {each.name: kept.get(each.name, 0) for each in guards.counters(policy)}

    def guards_stand(self, policy: CompiledPolicy) -> bool:
        return self.ruleset == self._wanted(policy)

    def steer(self, policy: CompiledPolicy) -> None:
        self._call("steer")
        self.plan = plan(policy, self.names, self.addresses)

    def forwarding(self, policy: CompiledPolicy, *, enable: bool) -> Sequence[str]:  # noqa: ARG002
        if "forwarding" in self.refuse:
            raise HostError(self.refuse["forwarding"])
        if self.forwards:
            return []
        self.forwards = enable
        return ["IPv4 forwarding is now on." if enable else "IPv4 forwarding is off."]

    def restore_guards(self) -> bool:
        return False

    def guarded(self) -> bool:
        return bool(self.ruleset)

    def remove(self) -> None:
        self._call("remove")
        self.plan = None
        self.ruleset = ""
        self.counters = {}

    def guard_counters(self) -> Mapping[str, int]:
        return dict(self.counters)

    def _wanted(self, policy: CompiledPolicy) -> str:
        links = {each.interface for each in self.addresses}
        external = external_interfaces(policy, self.addresses, links)
        return guards.ruleset(policy, self.names, external).text

    def _call(self, name: str) -> None:
        if name in self.refuse:
            raise HostError(self.refuse[name])
        self.calls.append(name)
