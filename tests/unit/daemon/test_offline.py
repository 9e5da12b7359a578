"""``unassign --offline``: the machine is a double, the lock and the files are real."""

from __future__ import annotations

from pathlib import Path

import pytest

from gatewright.control.listener import InstanceLock, SocketInUseError
from gatewright.daemon import offline
from gatewright.daemon.persistence import Assigned, AssignedStore
from gatewright.host import state
from gatewright.host.memory import MemoryHost
from gatewright.host.names import HostError, HostNames
from gatewright.host.state import HostState
from tests.support.policies import entry, policy

POLICY = policy(entry(1, "192.168.10.0/24", "10.20.0.0/24"))


class Claim:
    """Stands for the claim on the network namespace; ``held`` counts those that are acquired."""

    held = 0
    refuse = False

    def __init__(self, names: HostNames) -> None:
        del names

    def acquire(self) -> None:
        if Claim.refuse:
            raise HostError("Another gateway runs in this network namespace.")
        Claim.held += 1

    def release(self) -> None:
        Claim.held = 0


class Machine:
    """Makes the host that the command asks for, and keeps it."""

    def __init__(self) -> None:
        self.host = MemoryHost()
        self.tun = ""

    def __call__(self, directory: Path, names: HostNames) -> MemoryHost:
        assert directory.is_dir()
        self.tun = names.tun
        return self.host


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    made = Machine()
    monkeypatch.setattr(Claim, "refuse", False)
    monkeypatch.setattr(offline, "LinuxHost", made)
    monkeypatch.setattr(offline, "NamespaceClaim", Claim)
    return made


def test_what_an_earlier_daemon_left_is_removed_and_forgotten(
    machine: Machine, tmp_path: Path
) -> None:
    control, directory = tmp_path / "c.sock", tmp_path / "state"
    directory.mkdir()
    AssignedStore(directory).save(Assigned("tunnels: {}\n", "/p.yaml", 1.0))
    state.save(directory / "host.json", HostState(tun="tun7"))
    machine.host.install_guards(POLICY)
    assert offline.unassign(control, directory)
    assert machine.tun == "tun7"
    assert machine.host.calls == ["guards", "remove"]
    assert AssignedStore(directory).load() is None


def test_where_nothing_was_left_nothing_stood(machine: Machine, tmp_path: Path) -> None:
    assert not offline.unassign(tmp_path / "c.sock", tmp_path / "new" / "state")
    assert machine.tun == HostNames().tun
    assert machine.host.calls == ["remove"]


def test_a_daemon_that_runs_is_left_alone(machine: Machine, tmp_path: Path) -> None:
    control = tmp_path / "c.sock"
    lock = InstanceLock(control)
    lock.acquire()
    with pytest.raises(SocketInUseError):
        offline.unassign(control, tmp_path / "state")
    lock.release()
    assert machine.host.calls == []


def test_a_daemon_with_another_socket_in_the_namespace_is_left_alone(
    machine: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Claim, "refuse", True)
    with pytest.raises(HostError):
        offline.unassign(tmp_path / "c.sock", tmp_path / "state")
    assert machine.host.calls == []


def test_a_refusal_of_the_system_keeps_the_record_and_frees_the_lock(
    machine: Machine, tmp_path: Path
) -> None:
    directory = tmp_path / "state"
    directory.mkdir()
    AssignedStore(directory).save(Assigned("tunnels: {}\n", "/p.yaml", 1.0))
    machine.host.refuse["remove"] = "nft refused."
    with pytest.raises(HostError) as caught:
        offline.unassign(tmp_path / "c.sock", directory)
    assert str(caught.value) == "nft refused."
    assert AssignedStore(directory).load() is not None
    assert Claim.held == 0
    lock = InstanceLock(tmp_path / "c.sock")
    lock.acquire()
    lock.release()
