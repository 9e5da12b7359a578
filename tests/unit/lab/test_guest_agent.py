"""The agent of a guest, here without a guest: programs, signals, notifications, Unix sockets."""

from __future__ import annotations

import signal
import socket
import threading
from pathlib import Path

import pytest

from gatewright.lab import guest_agent
from gatewright.lab.agent import Agent, Link
from gatewright.lab.errors import LabError

NOTIFIES = """
import os, socket, signal
address = os.environ["NOTIFY_SOCKET"]
socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM).sendto(b"READY=1", address)
signal.pause()
"""


@pytest.fixture
def agent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Agent:
    monkeypatch.setattr(guest_agent, "OUTSIDE", ())
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    ready = tmp_path / "ready"
    arguments = ("127.0.0.1", port, str(ready))
    threading.Thread(target=guest_agent.main, args=arguments, daemon=True).start()
    while not ready.exists():
        pass
    return Agent("here", lambda: Link(Link.open("127.0.0.1", port)))


def test_a_program_runs_to_its_end(agent: Agent) -> None:
    done = agent.run(["sh", "-c", "cat; echo oops >&2; exit 3"], stdin="text\n")
    assert (done.status, done.stdout, done.stderr) == (3, "text\n", "oops\n")


def test_a_program_that_does_not_exist_is_named(agent: Agent) -> None:
    with pytest.raises(LabError, match=r"/no/such/program"):
        agent.run(["/no/such/program"])


def test_a_program_that_takes_too_long_is_given_up(agent: Agent) -> None:
    with pytest.raises(LabError, match=r"did not answer"):
        agent.run(["sleep", "3"], timeout=0.05)


def test_notifications_and_the_end_of_a_program_are_told(agent: Agent, tmp_path: Path) -> None:
    log, notify = str(tmp_path / "log"), str(tmp_path / "notify")
    pid, link = agent.start(["python3", "-I", "-S", "-c", NOTIFIES], log, {"A": "b"}, notify)
    with link:
        assert link.receive(10) == {"notification": "READY=1"}
        agent.signal(pid, signal.SIGKILL)
        assert link.receive(10) == {"status": -signal.SIGKILL}
    with pytest.raises(LabError, match=r"No such process"):
        agent.signal(pid, signal.SIGKILL)


def test_a_unix_socket_is_reached(agent: Agent, tmp_path: Path) -> None:
    path = str(tmp_path / "echo")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(path)
        listener.listen()
        with agent.connect(path) as link:
            other, _ = listener.accept()
            with other:
                link.socket.sendall(b"there")
                assert other.recv(100) == b"there"
                other.sendall(b"back")
            assert link.socket.recv(100) == b"back"
            assert link.socket.recv(100) == b""


def test_a_unix_socket_where_nobody_listens(agent: Agent, tmp_path: Path) -> None:
    with pytest.raises(LabError, match=r"No such file"):
        agent.connect(str(tmp_path / "nothing"))


def test_requests_of_programs_are_handed_out(agent: Agent, tmp_path: Path) -> None:
    path = str(tmp_path / "served")
    with agent.serve(path) as link, socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as program:
        program.connect(path)
        program.sendall(b"\0\0\0\x07" + b"-f\0-abcinput")
        program.shutdown(socket.SHUT_WR)
        assert link.receive(10) == {"argv": ["-f", "-abc"], "stdin": "input"}
        link.send(status=2, stdout="out", stderr="err")
        with program.makefile("rb") as answer:
            assert answer.read() == b"\x02\0\0\0\x03outerr"
