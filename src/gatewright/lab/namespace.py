"""One network namespace: made, configured, entered, removed."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import threading
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from gatewright.lab.errors import LabError

Result = TypeVar("Result")

CLONE_NEWNET = 0x40000000
NAMED = Path("/run/netns")


def run_ip(lines: Iterable[str], namespace: str | None = None) -> None:
    """Execute the lines with one ``ip -batch``, in a namespace or in ours.

    Raises ``LabError`` with the command's own words.
    """
    # Not `ip -n`: that makes mounts as well, which not every container allows.
    enter = ("nsenter", f"--net={NAMED / namespace}", "--") if namespace else ()
    command = [*enter, "ip", "-batch", "-"]
    text = "\n".join(lines)
    try:
        done = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise LabError("there is no `ip` command; install iproute2 (make setup)") from None
    if done.returncode != 0:
        raise LabError(f"`ip` refused: {done.stderr.strip()} in:\n{text}")


class Namespace:
    """A named network namespace (``ip netns``)."""

    def __init__(self, name: str) -> None:
        self.name = name

    @property
    def path(self) -> Path:
        return NAMED / self.name

    def create(self) -> None:
        """Make it, with its loopback up."""
        run_ip([f"netns add {self.name}"])
        self.ip("link set lo up")

    def ip(self, *lines: str) -> None:
        """``ip`` commands inside, e.g. ``ns.ip("link set lan up")``."""
        run_ip(lines, self.name)

    def command(self, argv: Sequence[str]) -> list[str]:
        """The command line that runs ``argv`` inside; it becomes that process, no other is kept."""
        return ["nsenter", f"--net={self.path}", "--", *argv]

    def run(self, argv: Sequence[str], *, stdin: str | None = None) -> str:
        """Run a command inside to its end; its standard output.  Raises ``LabError``."""
        done = subprocess.run(
            self.command(argv), input=stdin, capture_output=True, text=True, check=False
        )
        if done.returncode != 0:
            raise LabError(f"{self.name}: `{' '.join(argv)}` failed: {done.stderr.strip()}")
        return done.stdout

    def call(self, function: Callable[[], Result]) -> Result:
        """Call a function inside, e.g. one that makes a socket: the socket stays inside for good.

        On a thread of its own, since entering a namespace changes the calling thread.
        """
        outcome: list[Result] = []
        failure: list[BaseException] = []

        def enter_and_call() -> None:
            try:
                self._enter()
                outcome.append(function())
            except BaseException as error:  # handed to the caller below
                failure.append(error)

        thread = threading.Thread(target=enter_and_call, name=f"in {self.name}")
        thread.start()
        thread.join()
        if failure:
            raise failure[0]
        return outcome[0]

    def sysctl(self, settings: dict[str, str]) -> None:
        """Set kernel parameters inside, by their path below ``/proc/sys``."""

        def write() -> None:
            for name, value in settings.items():
                path = Path("/proc/sys") / name
                try:
                    path.write_text(value)
                except OSError as error:
                    raise LabError(
                        f"{path} cannot be set ({error.strerror}); a container has to have"
                        " /proc/sys writable"
                    ) from None

        self.call(write)

    def remove(self) -> None:
        """End what still runs inside, then take the name away.  Silent when it is gone."""
        if not self.path.exists():
            return
        for process in self._processes():
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        with suppress(LabError):
            run_ip([f"netns del {self.name}"])

    def _enter(self) -> None:
        descriptor = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            libc = ctypes.CDLL(None, use_errno=True)
            if libc.setns(descriptor, CLONE_NEWNET) != 0:
                number = ctypes.get_errno()
                raise LabError(f"entering namespace {self.name}: {os.strerror(number)}")
        finally:
            os.close(descriptor)

    def _processes(self) -> list[int]:
        listing = subprocess.run(
            ["ip", "netns", "pids", self.name], capture_output=True, text=True, check=False
        )
        return [int(pid) for pid in listing.stdout.split() if int(pid) != os.getpid()]
