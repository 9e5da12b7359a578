"""A kernel of its own that has ESP: user-mode-linux, its root file system the host's, read-only."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path

from gatewright.lab.errors import LabError
from gatewright.lab.namespace import Namespace
from gatewright.lab.process import Process

KERNEL = Path("/usr/bin/linux.uml")
MODULES = Path("/usr/lib/uml/modules")
MEMORY = "192M"
BASE = "uml-base.sh"
PROCESSOR = Path("/proc/cpuinfo")


def missing() -> str | None:
    """What keeps such a kernel from running here, in words; None when nothing does."""
    for found, package in (
        (KERNEL.exists(), "user-mode-linux"),
        (shutil.which("modprobe", path="/usr/sbin:/sbin:/usr/bin"), "kmod"),
    ):
        if not found:
            return f"Debian package {package} is not installed"
    # It gives registers back by ptrace, which takes the whole of them or nothing; with AMX they
    # are larger than it has room for, and it stops in put_fp_registers().
    if "amx_tile" in PROCESSOR.read_text().split():
        return "Debian's user-mode-linux stops at its first program on a processor with AMX"
    return None


class UserModeLinux:
    """One such kernel.  ``directory``: its own, visible inside, read-write, as /media.

    ``init``: which of the scripts in ``lab/data`` is its process 1; further variables for it in
    ``parameters``.  ``devices``: its network interfaces, in the words of the vector driver.
    ``processor``: the host's, counted from the last one, that it keeps to.
    """

    def __init__(
        self,
        name: str,
        directory: Path,
        *,
        init: str,
        devices: Sequence[str],
        parameters: Mapping[str, str] | None = None,
        memory: str = MEMORY,
        processor: int = 0,
    ) -> None:
        self.name = name
        self.directory = directory
        self._init = init
        self._devices = devices
        self._parameters = parameters or {}
        self._memory = memory
        self._processor = processor
        self._process: Process | None = None

    def start(self, namespace: Namespace, descriptors: Sequence[int] = ()) -> None:
        """Boot, in a namespace of the host; ``descriptors`` are handed down to it."""
        if (why := missing()) is not None:
            raise LabError(why)
        self._write_files()
        processors = sorted(os.sched_getaffinity(0), reverse=True)
        processor = processors[self._processor % len(processors)]
        self._process = Process(
            self.name,
            # One virtual processor that talks to ptraced children: on one real one it is faster.
            ["taskset", "--cpu-list", str(processor), str(KERNEL), *self._arguments()],
            namespace=namespace,
            log=self.directory / "console.log",
            environment={"TMPDIR": "/dev/shm"},  # noqa: S108  its memory, a file it unlinks at once
            descriptors=descriptors,
        )

    @property
    def process(self) -> Process:
        if self._process is None:
            raise LabError(f"{self.name} has not been started")
        return self._process

    def stop(self) -> None:
        """Switch it off."""
        if self._process is not None:
            self._process.kill()

    def _arguments(self) -> list[str]:
        """The kernel's command line."""
        return [
            f"mem={self._memory}",
            *("rootfstype=hostfs", "rootflags=/", "ro", "quiet"),
            *("con=null", "con0=null,fd:1", "ssl=null"),
            f"uml_dir={self.directory}",
            *self._devices,
            f"init={self.directory}/init",
            f"lab={self.directory}",
            f"modules={max(MODULES.iterdir())}",
            *(f"{name}={value}" for name, value in self._parameters.items()),
        ]

    def _write_files(self) -> None:
        mount = shutil.which("mount")
        if mount is None:
            raise LabError("there is no `mount` command")
        programs = self.directory / "bin"
        programs.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(mount, programs / "mount")
        (programs / "mount").chmod(0o755)
        copy_data(BASE, self.directory / "base.sh")
        copy_data(self._init, self.directory / "init")


def copy_data(name: str, path: Path) -> None:
    """A file of ``lab/data`` as a program."""
    path.write_text(resources.files(__package__).joinpath(f"data/{name}").read_text())
    path.chmod(0o755)
