"""Processes of a world: started in a namespace, logged to a file, ended by number."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from gatewright.lab.errors import LabError
from gatewright.lab.namespace import Namespace

STOP_SECONDS = 10.0
TAIL_LINES = 15


class Process:
    """One child process, its output in ``log``; it inherits ``descriptors``.

    It dies with the thread that started it (PR_SET_PDEATHSIG) unless it is ``lasting``: start it
    from a thread that lives as long as the world, the main thread in doubt.
    """

    def __init__(
        self,
        name: str,
        argv: Sequence[str],
        *,
        namespace: Namespace | None,
        log: Path,
        environment: Mapping[str, str] | None = None,
        lasting: bool = False,
        descriptors: Sequence[int] = (),
    ) -> None:
        self.name = name
        self.log = log
        command = list(argv) if lasting else ["setpriv", "--pdeathsig", "KILL", "--", *argv]
        with log.open("ab") as output:
            self._child = subprocess.Popen(
                namespace.command(command) if namespace else command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**os.environ, **(environment or {})},
                start_new_session=True,
                pass_fds=descriptors,
            )

    @property
    def pid(self) -> int:
        return self._child.pid

    def running(self) -> bool:
        return self._child.poll() is None

    def signal(self, number: int) -> None:
        self._child.send_signal(number)

    def wait(self, timeout: float = STOP_SECONDS) -> int:
        """Its exit status.  Raises ``LabError`` when it does not end."""
        try:
            return self._child.wait(timeout)
        except subprocess.TimeoutExpired:
            raise LabError(f"{self.name} did not end in {timeout:g} s; see {self.log}") from None

    def stop(self, timeout: float = STOP_SECONDS) -> int:
        """SIGTERM, then SIGKILL when that does not help; the exit status."""
        if self.running():
            self._child.terminate()
            try:
                self._child.wait(timeout)
            except subprocess.TimeoutExpired:
                self._child.kill()
        return self._child.wait()

    def kill(self) -> None:
        """SIGKILL to it and its children: as in a crash, nothing is tidied up."""
        with suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        self._child.wait()

    def wait_readable(self, descriptor: int, what: str, timeout: float) -> None:
        """Wait until a descriptor has something, or the process has died.

        Raises ``LabError`` with the end of the log when ``what`` does not come.
        """
        pidfd = os.pidfd_open(self.pid)
        try:
            poller = select.poll()
            poller.register(descriptor, select.POLLIN)
            poller.register(pidfd, select.POLLIN)
            ready = {number for number, _ in poller.poll(timeout * 1000)}
        finally:
            os.close(pidfd)
        if descriptor not in ready:
            state = (
                f"ended with status {self._child.wait()}" if ready else f"took over {timeout:g} s"
            )
            raise LabError(f"{self.name} {state} before {what}:\n{self.tail()}")

    def wait_path(self, path: Path, what: str, timeout: float) -> None:
        """Wait until a path exists, or the process has died.

        For programs that announce themselves in no other way; looked at 100 times a second.
        """
        end = time.monotonic() + timeout
        while not path.exists():
            if not self.running():
                raise LabError(f"{self.name} ended before {what}:\n{self.tail()}")
            if time.monotonic() > end:
                raise LabError(f"{self.name} took over {timeout:g} s before {what}:\n{self.tail()}")
            time.sleep(0.01)

    def tail(self) -> str:
        """The end of its log."""
        with suppress(FileNotFoundError):
            return "\n".join(self.log.read_text(errors="replace").splitlines()[-TAIL_LINES:])
        return ""
