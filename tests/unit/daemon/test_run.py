"""The daemon's own course: start, signals, end.  The gateway in it is made of doubles."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from gatewright.audit.event import Record
from gatewright.audit.trail import Trail
from gatewright.control import policy_text
from gatewright.control.listener import InstanceLock, SocketInUseError
from gatewright.control.service import CommandRefusedError
from gatewright.daemon import privileges, run
from gatewright.daemon.gateway import Gateway
from gatewright.daemon.persistence import Assigned
from gatewright.daemon.run import DaemonError, PolicyFile
from gatewright.daemon.settings import Settings
from gatewright.host.names import HostNames
from gatewright.host.watch import Watch
from tests.support.policies import entry, policy
from tests.unit.daemon.doubles import Bench

ONE = policy(entry(1, "192.168.10.0/24", "10.20.0.0/24"), name="one")
TWO = policy(entry(2, "192.168.10.0/24", "10.21.0.0/24"), name="two")


class Daemon:
    """A daemon that can be run; ``signals`` are sent one after the other when it is ready."""

    def __init__(self, directory: Path) -> None:
        names = HostNames(nft_table=f"test{os.getpid()}")
        self.settings = Settings(directory / "c.sock", directory / "state", names)
        self.policies = {"one": ONE, "two": TWO}
        self.signals: list[signal.Signals] = [signal.SIGTERM]
        self.prepare: Callable[[Bench], None] = lambda _bench: None
        self.while_ready: Callable[[Bench], None] = lambda _bench: None
        self.bench: Bench | None = None
        self.said: list[str] = []
        self.end_data_plane: Callable[[], None] = lambda: None

    def compose(
        self, settings: Settings, trail: Trail, on_data_plane_end: Callable[[], None]
    ) -> Gateway:
        """Stands for the composition root."""
        del trail
        self.bench = Bench(settings.state)
        self.bench.policies = dict(self.policies)
        self.prepare(self.bench)
        self.end_data_plane = on_data_plane_end
        self._task = asyncio.get_running_loop().create_task(self._signal(self.bench))
        return self.bench.gateway

    async def _signal(self, bench: Bench) -> None:
        while not self.settings.control.exists():
            await asyncio.sleep(0.001)
        self.while_ready(bench)
        for number in self.signals:
            before = len(bench.texts())
            os.kill(os.getpid(), number)
            while number is signal.SIGHUP and len(bench.texts()) == before and not self._refused():
                await asyncio.sleep(0.001)

    def _refused(self) -> bool:
        return any("cannot be read again" in text for text in self.said)

    def __call__(self, start: PolicyFile | None = None) -> Bench:
        def say(record: Record) -> None:
            self.said.append(record.event.text)

        run.run(self.settings, start, say)
        assert self.bench is not None
        return self.bench


@pytest.fixture
def daemon(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Daemon:
    made = Daemon(tmp_path)
    monkeypatch.setattr(run, "_compose", made.compose)
    monkeypatch.setattr(privileges, "missing", list)
    monkeypatch.setattr(Watch, "open", lambda _watch: None)
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    return made


def problem_of(daemon: Daemon, start: PolicyFile | None = None) -> str:
    with pytest.raises(DaemonError) as caught:
        daemon(start)
    return caught.value.problem.code


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_and_protected_traffic_stays_blocked(
    daemon: Daemon, number: signal.Signals
) -> None:
    daemon.signals = [number]
    bench = daemon(PolicyFile("one", "/p.yaml"))
    assert bench.host.calls == ["guards", "steer"]
    assert bench.host.guarded()
    assert bench.endpoint.calls[-1] == ("shutdown",)
    assert "started (pid" in daemon.said[0]
    assert daemon.said[-1] == "Gatewright stopped. Protected traffic stays blocked."
    assert not daemon.settings.control.exists()


def test_the_policy_of_the_last_run_is_taken_up_again(daemon: Daemon) -> None:
    def assigned_before(bench: Bench) -> None:
        bench.store.save(Assigned("two", "/q.yaml", 5.0))

    daemon.prepare = assigned_before
    bench = daemon()
    assert bench.gateway.in_force is not None
    assert bench.gateway.in_force.shown.name == "two"
    assert bench.gateway.in_force.shown.restored


def test_a_policy_that_is_given_goes_before_the_one_of_the_last_run(daemon: Daemon) -> None:
    def assigned_before(bench: Bench) -> None:
        bench.store.save(Assigned("two", "/q.yaml", 5.0))

    daemon.prepare = assigned_before
    in_force = daemon(PolicyFile("one", "/p.yaml")).gateway.in_force
    assert in_force is not None
    assert (in_force.shown.name, in_force.shown.restored) == ("one", False)


def test_without_any_policy_it_waits_for_one(daemon: Daemon) -> None:
    bench = daemon()
    assert bench.host.calls == []
    assert any("No policy was assigned before" in text for text in daemon.said)
    assert daemon.said[-1] == "Gatewright stopped."


def test_guards_without_a_policy_are_said(daemon: Daemon) -> None:
    daemon.prepare = lambda bench: bench.host.install_guards(ONE)
    assert daemon().host.guarded()
    assert any("there is no record of their policy" in text for text in daemon.said)


def test_a_damaged_record_stops_it_before_traffic_passes(daemon: Daemon) -> None:
    def damaged(bench: Bench) -> None:
        bench.host.install_guards(ONE)
        (daemon.settings.state / "assigned.json").write_text("{")

    daemon.prepare = damaged
    assert problem_of(daemon) == "no-record"
    assert daemon.bench is not None
    assert daemon.bench.host.guarded()


def test_a_first_policy_with_an_error_is_the_reason_not_to_start(daemon: Daemon) -> None:
    with pytest.raises(CommandRefusedError, match="The policy has an error"):
        daemon(PolicyFile("nonsense", "/p.yaml"))
    assert not daemon.settings.control.exists()


def test_sighup_reads_the_file_again(daemon: Daemon, tmp_path: Path) -> None:
    file = tmp_path / "p.yaml"
    file.write_text("two")
    daemon.signals = [signal.SIGHUP, signal.SIGTERM]
    in_force = daemon(PolicyFile("one", str(file))).gateway.in_force
    assert in_force is not None
    assert in_force.shown.name == "two"


@pytest.mark.parametrize("content", [None, b"\xff", b"nonsense", b"x" * 101])
def test_a_file_that_is_no_policy_any_more_leaves_the_one_in_force(
    daemon: Daemon, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes | None
) -> None:
    monkeypatch.setattr(policy_text, "MAX_OCTETS", 100)
    file = tmp_path / "p.yaml"
    if content is not None:
        file.write_bytes(content)
    daemon.signals = [signal.SIGHUP, signal.SIGTERM]
    in_force = daemon(PolicyFile("one", str(file))).gateway.in_force
    assert in_force is not None
    assert in_force.shown.name == "one"


def test_the_end_of_the_data_plane_is_the_end_and_the_reason(daemon: Daemon) -> None:
    daemon.signals = []
    daemon.while_ready = lambda _bench: daemon.end_data_plane()
    assert problem_of(daemon, PolicyFile("one", "/p.yaml")) == "data-plane-ended"
    assert daemon.bench is not None
    assert daemon.bench.host.guarded()


def test_a_console_that_is_gone_does_not_stop_it(daemon: Daemon) -> None:
    def gone(record: Record) -> None:
        del record
        raise BrokenPipeError

    run.run(daemon.settings, PolicyFile("one", "/p.yaml"), gone)
    assert daemon.bench is not None
    assert daemon.bench.host.calls == ["guards", "steer"]


def test_one_daemon_for_a_socket(daemon: Daemon) -> None:
    lock = InstanceLock(daemon.settings.control)
    lock.acquire()
    with pytest.raises(SocketInUseError):
        daemon()
    lock.release()
    daemon()


def test_missing_privileges_are_named(daemon: Daemon, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(privileges, "missing", lambda: [("CAP_NET_RAW", "ESP")])
    with pytest.raises(DaemonError, match="does not have: CAP_NET_RAW") as caught:
        daemon()
    assert caught.value.problem.code == "missing-privilege"
    assert caught.value.problem.why == "CAP_NET_RAW for ESP."
    assert daemon.bench is None


def test_a_place_that_cannot_be_made_is_named(daemon: Daemon, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    daemon.settings = Settings(
        tmp_path / "c.sock", tmp_path / "file" / "state", daemon.settings.names
    )
    with pytest.raises(DaemonError, match=r"file/state cannot be made or written") as caught:
        daemon()
    assert caught.value.problem.code == "no-directory"
    lock = InstanceLock(daemon.settings.control)
    lock.acquire()  # it was let go
    lock.release()
