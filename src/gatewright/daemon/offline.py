"""Takes a policy back when no daemon runs: what an earlier one left on the machine is removed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from gatewright.control.listener import InstanceLock
from gatewright.daemon.persistence import AssignedStore
from gatewright.dataplane.kernel.leftovers import remove_leftovers
from gatewright.host import state
from gatewright.host.claim import NamespaceClaim
from gatewright.host.linux import LinuxHost
from gatewright.host.names import HostNames


def unassign(control: Path, directory: Path) -> bool:
    """Remove rules, routes, TUN device and guards, and forget the policy.  Whether guards stood.

    Raises:
        control.listener.SocketInUseError: a daemon runs; ask that one.
        HostError, DataPlaneError: another daemon runs in this namespace, or the system refused.
        OSError: the state directory may not be written.
    """
    lock, claim = InstanceLock(control), NamespaceClaim(HostNames())
    lock.acquire()
    try:
        claim.acquire()
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        left = state.load(directory / "host.json")
        names = replace(HostNames(), tun=left.tun) if left is not None else HostNames()
        host = LinuxHost(directory, names)
        guarded = host.guarded()
        remove_leftovers()
        host.remove()
        AssignedStore(directory).remove()
        return guarded
    finally:
        claim.release()
        lock.release()
