"""A Gatewright in a guest: ``lab.gateway.Gateway`` for a kernel of its own."""

from __future__ import annotations

import os
import signal
import socket
import threading
import time
from contextlib import suppress
from pathlib import Path

from gatewright.lab.agent import Link
from gatewright.lab.errors import LabError
from gatewright.lab.gateway import PROGRAM, Gateway
from gatewright.lab.guest import Guest
from gatewright.lab.process import TAIL_LINES

START_SECONDS = 120.0
STOP_SECONDS = 60.0
CONTROL = "/run/lab/gateway.sock"
NOTIFY = "/run/lab/notify.sock"
CHUNK = 1 << 16


class GuestGateway(Gateway):
    """The same, as a process of the guest.

    Its files lie where they always do; its control socket is to be reached at the same place as
    well, by a relay.  Everything takes longer.
    """

    def __init__(self, guest: Guest, directory: Path, *, engine: str = "") -> None:
        super().__init__(guest, directory, engine=engine)
        self._guest = guest
        self._pid = 0
        self._told: Link | None = None
        self._relay = Relay(guest, self.control)

    @property
    def pid(self) -> int:
        """In the guest."""
        return self._pid

    @property
    def running(self) -> bool:
        """Whether it was started and neither stopped nor killed."""
        return self._told is not None

    def start(self, *arguments: str, policy: bool = True) -> None:
        command = [str(PROGRAM), "run", *((str(self.policy),) if policy else ())]
        places = ["--control", CONTROL, "--secrets", str(self.secrets)]
        state = ["--state-dir", str(self.directory / "state")]
        self._pid, self._told = self._guest.agent.start(
            [*command, *places, *state, *arguments], str(self.log), _environment(), NOTIFY
        )
        self._relay.open()

    def wait_ready(self, timeout: float = START_SECONDS) -> None:
        end = time.monotonic() + timeout
        while True:
            told = self._link().receive(max(0.1, end - time.monotonic()))
            if "notification" not in told:
                raise LabError(f"{self.name} ended ({told}) before it was ready:\n{self.tail()}")
            if "READY=1" in told["notification"].split("\n"):
                return

    def command_inside(self, *arguments: str) -> str:
        """A ``gatewright`` command on the gateway's machine; its output.  Raises ``LabError``."""
        variables = [f"{name}={value}" for name, value in _environment().items()]
        argv = ["env", *variables, str(PROGRAM), *arguments, "--control", CONTROL]
        return self._guest.run(argv)

    def signal(self, number: int) -> None:
        self._guest.agent.signal(self.pid, number)

    def stop(self) -> int:
        return self._end(signal.SIGTERM)

    def kill(self) -> None:
        self._end(signal.SIGKILL)

    def tail(self) -> str:
        with suppress(FileNotFoundError):
            return "\n".join(self.log.read_text(errors="replace").splitlines()[-TAIL_LINES:])
        return ""

    def close(self) -> None:
        """Stop relaying; the process ends with its guest."""
        self._relay.close()
        if self._told is not None:
            self._told.close()
            self._told = None

    def _end(self, number: int) -> int:
        """Send a signal, and wait for its end: the exit status."""
        if self._told is None:
            return 0
        with suppress(LabError):  # it has ended before
            self.signal(number)
        while "status" not in (told := self._told.receive(STOP_SECONDS)):
            if not told:
                raise LabError(f"{self.name}: its guest has ended")
        self._told.close()
        self._told = None
        return int(told["status"])

    def _link(self) -> Link:
        if self._told is None:
            raise LabError(f"{self.name} has not been started")
        return self._told


def _environment() -> dict[str, str]:
    """Which of our own variables a gateway in a guest has."""
    return {name: os.environ[name] for name in ("PYTHONPATH",) if name in os.environ}


class Relay:
    """A Unix socket here whose connections go to the gateway's in the guest."""

    def __init__(self, guest: Guest, path: Path) -> None:
        self._guest = guest
        self._path = path
        self._listener: socket.socket | None = None

    def open(self) -> None:
        if self._listener is None:
            self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            self._listener.bind(str(self._path))
            self._listener.listen()
            threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    def close(self) -> None:
        if self._listener is not None:
            with suppress(OSError):
                self._listener.shutdown(socket.SHUT_RDWR)
            self._listener.close()
            self._listener = None
            self._path.unlink(missing_ok=True)

    def _accept(self, listener: socket.socket) -> None:
        with suppress(OSError):  # closed
            while True:
                client, _ = listener.accept()
                threading.Thread(target=self._carry, args=(client,), daemon=True).start()

    def _carry(self, client: socket.socket) -> None:
        # Where nobody listens in the guest, the client finds its connection closed.
        with client, suppress(LabError, OSError), self._guest.agent.connect(CONTROL) as link:
            link.socket.settimeout(None)
            back = threading.Thread(target=_pump, args=(link.socket, client), daemon=True)
            back.start()
            _pump(client, link.socket)
            back.join()


def _pump(source: socket.socket, destination: socket.socket) -> None:
    with suppress(OSError):  # the other end has gone: so does this one
        while octets := source.recv(CHUNK):
            destination.sendall(octets)
        destination.shutdown(socket.SHUT_WR)
