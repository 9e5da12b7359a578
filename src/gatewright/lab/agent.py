"""The outer end of a guest's agent (``guest_agent.py`` has the protocol)."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Self

from gatewright.lab.errors import LabError

CONNECT_SECONDS = 10.0
COMMAND_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Done:
    """How a program ended."""

    status: int
    stdout: str
    stderr: str


class Link:
    """One connection to an agent.  Raises ``LabError`` when it is lost."""

    def __init__(self, connection: socket.socket) -> None:
        self.socket = connection
        self._lines = connection.makefile("rb")

    @staticmethod
    def open(address: str, port: int) -> socket.socket:
        return socket.create_connection((address, port), timeout=CONNECT_SECONDS)

    def send(self, **what: object) -> None:
        try:
            self.socket.sendall(json.dumps(what).encode() + b"\n")
        except OSError as error:
            raise _lost(error) from None

    def receive(self, timeout: float | None = None) -> dict[str, Any]:
        """The next line; empty when the connection is over.  Raises ``LabError`` on a time-out."""
        self.socket.settimeout(timeout)
        try:
            answer: dict[str, Any] = json.loads(self._lines.readline() or b"{}")
        except TimeoutError:
            raise LabError(f"the agent did not answer in {timeout:g} s") from None
        except OSError as error:
            raise _lost(error) from None
        if "error" in answer:
            raise LabError(f"the agent: {answer['error']}")
        return answer

    def close(self) -> None:
        """Also from another thread than that which waits in ``receive``."""
        with suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)
        self._lines.close()
        self.socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _lost(error: OSError) -> LabError:
    return LabError(f"the connection to the agent is lost: {error.strerror or error}")


class Agent:
    """Starts programs in the guest.  ``dial`` makes a new connection."""

    def __init__(self, name: str, dial: Callable[[], Link]) -> None:
        self.name = name
        self._dial = dial

    def run(
        self, argv: Sequence[str], stdin: str | None = None, timeout: float = COMMAND_SECONDS
    ) -> Done:
        """Run a program to its end."""
        with self._dial() as link:
            link.send(run=list(argv), stdin=stdin)
            answer = link.receive(timeout)
        if not answer:
            raise LabError(f"{self.name}: the agent ended while `{argv[0]}` ran")
        return Done(answer["status"], answer["stdout"], answer["stderr"])

    def start(
        self, argv: Sequence[str], log: str, environment: Mapping[str, str], notify: str
    ) -> tuple[int, Link]:
        """Start a program: its process number, and what tells its notifications and its end."""
        link = self._dial()
        link.send(start=list(argv), log=log, environment=dict(environment), notify=notify)
        return link.receive(COMMAND_SECONDS)["pid"], link

    def signal(self, pid: int, number: int) -> None:
        """Send a signal to a process that was started, and its children."""
        with self._dial() as link:
            link.send(signal=number, pid=pid)
            link.receive(COMMAND_SECONDS)

    def connect(self, path: str) -> Link:
        """A connection to a Unix socket of the guest: its octets follow."""
        return self._asked(connect=path)

    def serve(self, path: str) -> Link:
        """Have the agent listen on a Unix socket, and hand its requests out."""
        return self._asked(serve=path)

    def _asked(self, **request: str) -> Link:
        link = self._dial()
        try:
            link.send(**request)
            link.receive(COMMAND_SECONDS)
        except BaseException:
            link.close()
            raise
        return link
