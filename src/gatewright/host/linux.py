"""The Linux machine around a gateway: guards, steering, kernel settings.

Removal goes the other way round: the guards stand until nothing leads into the tunnel any more.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from pathlib import Path

from gatewright.host import guards, netfilter, netlink, state, sysctl
from gatewright.host.names import HostError, HostNames
from gatewright.host.outside import external_interfaces
from gatewright.host.steering import LocalAddress, plan
from gatewright.ipsec.selectors import IPAddress
from gatewright.policy.compiled import Action, CompiledPolicy, Engine

_FORWARDING = {4: "net/ipv4/ip_forward", 6: "net/ipv6/conf/all/forwarding"}


class LinuxHost:
    """Implements ``host.interface.Host``.

    ``state_directory`` exists and is writable; two files are kept in it: ``host.json`` (what was
    changed) and ``guards.nft`` (the guards as a transaction, for the time between boot and start
    of the daemon).
    """

    def __init__(self, state_directory: Path, names: HostNames | None = None) -> None:
        self.names = names or HostNames()
        self._state_file = state_directory / "host.json"
        self._guards_file = state_directory / "guards.nft"
        self._state = state.load(self._state_file) or state.HostState(tun=self.names.tun)
        self._standing: tuple[str, str] | None = None  # the guards as asked for, and as they stood
        self._outside: dict[tuple[IPAddress, ...], tuple[str, ...]] = {}
        self._made: tuple[CompiledPolicy, tuple[str, ...], guards.Ruleset] | None = None

    def local_addresses(self) -> Sequence[LocalAddress]:
        return netlink.local_addresses(self.names)

    def install_guards(self, policy: CompiledPolicy) -> None:
        wanted = self._wanted_guards(policy)
        existing = netfilter.contents(self.names)
        gone = wanted.superfluous(self.names, existing)
        netfilter.apply(wanted.text + gone)
        listed = netfilter.rules(self.names)
        # Counted after listing: what somebody took away in between must not pass for the truth.
        whole = _is_whole(wanted, netfilter.contents(self.names, elements=True))
        self._standing = (wanted.text, listed) if whole else None
        self._write_guards(wanted.text)

    def guards_stand(self, policy: CompiledPolicy) -> bool:
        if self._standing is None:
            return False
        wanted, rules = self._standing
        return wanted == self._wanted_guards(policy).text and rules == netfilter.rules(self.names)

    def steer(self, policy: CompiledPolicy) -> None:
        wanted = plan(policy, self.names, self.local_addresses())
        if policy.engine is Engine.KERNEL:
            # The first packets wait for the SA that they ask for, and are not lost.
            with contextlib.suppress(HostError):
                self._set("net/core/xfrm_larval_drop", "0")
        self._save_state()
        netlink.apply(wanted, self.names)

    def forwarding(self, policy: CompiledPolicy, *, enable: bool) -> Sequence[str]:
        said = []
        for version in sorted(_forwarded_versions(policy)):
            name = _FORWARDING[version]
            dotted = name.replace("/", ".")
            if sysctl.read(name) == "1":
                continue
            if enable:
                self._set(name, "1")
                said.append(f"IPv{version} forwarding was off and is now on ({dotted} = 1).")
            else:
                said.append(
                    f"IPv{version} forwarding is off, so hosts behind this gateway reach nothing "
                    f"through it. Set {dotted} = 1, or run with --forwarding."
                )
        return said

    def restore_guards(self) -> bool:
        if self.guarded() or not self._guards_file.exists():
            return False
        netfilter.apply(self._guards_file.read_text())
        return True

    def guarded(self) -> bool:
        return netfilter.table_exists(self.names)

    def remove(self) -> None:
        netlink.remove(self.names)
        for name, former in self._state.settings.items():
            if sysctl.read(name) is not None:
                sysctl.write(name, former)
        netfilter.apply(guards.removal(self.names))
        self._standing = None
        self._guards_file.unlink(missing_ok=True)
        self._state_file.unlink(missing_ok=True)
        self._state = state.HostState(tun=self.names.tun)

    def guard_counters(self) -> Mapping[str, int]:
        return netfilter.read_counters(self.names)

    def _wanted_guards(self, policy: CompiledPolicy) -> guards.Ruleset:
        """What was external stays so while the endpoints are the same."""
        own = guards.endpoints(policy)
        former = self._outside.get(own, ())
        links = netlink.interfaces(self.names)
        external = external_interfaces(policy, self.local_addresses(), links, former)
        self._outside = {own: external}
        return self._ruleset(policy, external)

    def _ruleset(self, policy: CompiledPolicy, external: tuple[str, ...]) -> guards.Ruleset:
        """Made once for a policy: with thousands of tunnels it takes seconds, and each change of
        the machine asks for it."""
        made = self._made
        if made is None or made[0] is not policy or made[1] != external:
            made = self._made = policy, external, guards.ruleset(policy, self.names, external)
        return made[2]

    def _set(self, name: str, value: str) -> None:
        """Record the former value before it is changed, the first one when changed twice."""
        former = sysctl.read(name)
        if former is not None:
            self._state.settings.setdefault(name, former)
            self._save_state()
        sysctl.write(name, value)

    def _save_state(self) -> None:
        """Writes nothing that stands there: a full disk must not hinder what needs no room."""
        if state.load(self._state_file) == self._state:
            return
        try:
            state.save(self._state_file, self._state)
        except OSError as error:
            raise _not_written(self._state_file, error) from error

    def _write_guards(self, text: str) -> None:
        temporary = self._guards_file.with_suffix(".new")
        try:
            if self._guards_file.exists() and self._guards_file.read_text() == text:
                return
            temporary.touch(mode=0o600)
            temporary.write_text(text)
            temporary.replace(self._guards_file)
        except OSError as error:
            raise _not_written(self._guards_file, error) from error


def _is_whole(wanted: guards.Ruleset, standing: netfilter.Contents) -> bool:
    rules = sum(map(len, wanted.chains.values()))
    return (rules, wanted.elements) == (standing.rules, standing.elements)


def _not_written(path: Path, error: OSError) -> HostError:
    return HostError(
        f"{path} cannot be written: {error.strerror}. It is needed to block after a boot, and to "
        "undo what is changed. Make room, or name another directory with --state-dir."
    )


def _forwarded_versions(policy: CompiledPolicy) -> set[int]:
    return {
        selector.version
        for entry in policy.spd
        if entry.action is Action.PROTECT
        for selector in entry.local
    }
