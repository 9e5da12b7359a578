"""A Gatewright of the world: a policy file, keys, and ``gatewright run`` as anybody starts it."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from gatewright.control.client import Client, RefusedError, UnreachableError
from gatewright.control.models import Progress, Status, TunnelResult
from gatewright.lab.errors import LabError
from gatewright.lab.namespace import Namespace
from gatewright.lab.process import Process

PROGRAM = Path(sys.executable).with_name("gatewright")
START_SECONDS = 20.0
POLL_SECONDS = 0.02


class Gateway:
    """One gateway in a namespace, with a control socket, keys and state of its own.

    ``start`` returns at once, ``wait_ready`` waits until it has told that it is (sd_notify).
    ``engine``: what its policies name as the engine; nothing if empty.  ``under``: a command that
    starts the gateway in its turn.
    """

    def __init__(
        self, namespace: Namespace, directory: Path, *, lasting: bool = False, engine: str = ""
    ) -> None:
        self.directory = directory
        self.engine = engine
        self.under: Sequence[str] = ()
        self.policy = directory / "policy.yaml"
        self.control = directory / "control.sock"
        self.secrets = directory / "secrets"
        self.keys = directory / "keys"
        self.log = directory / "gateway.log"
        self.client = Client(self.control)
        self._namespace = namespace
        self._lasting = lasting
        self._process: Process | None = None
        self._notifications: socket.socket | None = None
        self.secrets.mkdir(parents=True, mode=0o700, exist_ok=True)

    @property
    def name(self) -> str:
        return f"Gatewright in {self._namespace.name}"

    @property
    def pid(self) -> int:
        return self._running().pid

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.running()

    def write(self, policy: str, secrets: Mapping[str, str]) -> None:
        """Write the policy file and the keys that it names."""
        engine = f"engine: {self.engine}\n" if self.engine else ""
        self.policy.write_text(engine + policy)
        for name, key in secrets.items():
            path = self.secrets / name
            path.touch(mode=0o600)
            path.write_text(key)

    def start(self, *arguments: str, policy: bool = True) -> None:
        """``gatewright run``; without ``policy`` it takes up again what was assigned before."""
        self._notifications = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        address = self.directory / "notify.sock"
        address.unlink(missing_ok=True)
        self._notifications.bind(str(address))
        command = [*self.under, str(PROGRAM), "run", *((str(self.policy),) if policy else ())]
        self._process = Process(
            self.name,
            [*command, *self._places(), "--state-dir", str(self.directory / "state"), *arguments],
            namespace=self._namespace,
            log=self.log,
            environment={"NOTIFY_SOCKET": str(address)},
            lasting=self._lasting,
        )

    def wait_ready(self, timeout: float = START_SECONDS) -> None:
        """Wait for ``READY=1``.  Raises ``LabError`` with the end of its log."""
        process, notifications = self._running(), self._notifications
        assert notifications is not None
        end = time.monotonic() + timeout
        while True:
            left = max(0.0, end - time.monotonic())
            process.wait_readable(notifications.fileno(), "it was ready", left)
            if b"READY=1" in notifications.recv(4096).split(b"\n"):
                notifications.close()
                return

    def command(self, *arguments: str) -> str:
        """Run a ``gatewright`` command that needs no gateway; its output.  Raises ``LabError``."""
        try:
            done = subprocess.run(
                [str(PROGRAM), *arguments], capture_output=True, text=True, check=False
            )
        except OSError as error:
            raise LabError(f"{PROGRAM} cannot be run: {error.strerror}") from None
        if done.returncode != 0:
            raise LabError(
                f"`gatewright {' '.join(arguments)}` ended with status {done.returncode}:\n"
                f"{done.stdout}{done.stderr}"
            )
        return done.stdout

    def command_json(self, *arguments: str) -> object:
        return json.loads(self.command(*arguments, "--json"))

    def status(self) -> Status:
        """What the gateway tells of itself.  Raises ``LabError`` when it does not."""
        try:
            return self.client.status()
        except (UnreachableError, RefusedError) as error:
            problem = error.problem
            raise LabError(f"{self.name}: {problem.what} {problem.why}\n{self.tail()}") from None

    def wait_status(
        self, predicate: Callable[[Status], bool], what: str, timeout: float = 10.0
    ) -> Status:
        """The first status that satisfies a predicate.  Raises ``LabError`` when none does."""
        end = time.monotonic() + timeout
        while not predicate(status := self.status()):
            if time.monotonic() > end:
                raise LabError(f"{self.name}: not {what} after {timeout:g} s:\n{self.tail()}")
            time.sleep(POLL_SECONDS)
        return status

    def up(self, tunnel: str, wait: float = 10.0) -> TunnelResult:
        """``gatewright up``: bring a tunnel up and tell how it went."""
        return _result(self.client.up(tunnel, wait))

    def down(self, tunnel: str, wait: float = 10.0) -> TunnelResult:
        return _result(self.client.down(tunnel, wait))

    def assign(self) -> None:
        """Assign the policy file as it stands now."""
        self.client.assign(self.policy.read_text(), str(self.policy))

    def unassign(self) -> None:
        self.client.unassign()

    def stop(self) -> int:
        """As a service manager does; protected traffic stays blocked.  The exit status."""
        return self._process.stop() if self._process is not None else 0

    def kill(self) -> None:
        """SIGKILL."""
        self._running().kill()

    def _places(self) -> Sequence[str]:
        return ("--control", str(self.control), "--secrets", str(self.secrets))

    def _running(self) -> Process:
        if self._process is None:
            raise LabError(f"{self.name} has not been started")
        return self._process

    def tail(self) -> str:
        """The end of its log."""
        return self._process.tail() if self._process is not None else ""


def _result(progress: Iterable[Progress]) -> TunnelResult:
    """The last line of ``up`` or ``down`` is the result."""
    last: TunnelResult | None = None
    for line in progress:
        last = line.result or last
    if last is None:
        raise LabError("the gateway told no result")
    return last
