"""What the daemon asks of the machine around it.  ``LinuxHost`` does it, ``MemoryHost`` in tests.

Every call may block (netlink, a child process): the daemon calls them outside its event loop.
All raise ``HostError`` with a sentence for the administrator when the system refuses.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from gatewright.host.steering import LocalAddress
from gatewright.policy.compiled import CompiledPolicy


class Host(Protocol):
    def local_addresses(self) -> Sequence[LocalAddress]:
        """The unicast addresses of all interfaces but loopback and the TUN device."""
        ...

    def install_guards(self, policy: CompiledPolicy) -> None:
        """Put the guards of this policy in place of those that stand, in one transaction."""
        ...

    def guards_stand(self, policy: CompiledPolicy) -> bool:
        """Whether the guards are as ``install_guards`` left them, and what it would install now."""
        ...

    def steer(self, policy: CompiledPolicy) -> None:
        """Lead the policy's packets into the TUN device, which exists; idempotent.

        What is wanted is added before what is not is removed.
        """
        ...

    def forwarding(self, policy: CompiledPolicy, *, enable: bool) -> Sequence[str]:
        """Check, or with ``enable`` switch on, the forwarding that the policy needs.

        Gives sentences for the administrator: what was set, or what is missing.
        """
        ...

    def restore_guards(self) -> bool:
        """Put up the guards of the last run when none stand (after a boot); whether it did."""
        ...

    def guarded(self) -> bool:
        """Whether guards stand, from this or an earlier process."""
        ...

    def remove(self) -> None:
        """Remove rules, routes and TUN device, then the guards; restore settings.  Idempotent."""
        ...

    def guard_counters(self) -> Mapping[str, int]:
        """Packets per counter name (``guards.counter_name``); empty when no guards stand."""
        ...
