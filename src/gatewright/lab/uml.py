"""The other gateway as a kernel of its own: user-mode-linux with ESP, and strongSwan for IKE.

It attaches to the Internet segment by a TAP device, so its ESP is a stock Linux kernel's, in IP
protocol 50.  The host behind it is an address of its own.
"""

from __future__ import annotations

import os
import shutil
import socket
from importlib import resources
from pathlib import Path

from gatewright.lab.errors import LabError
from gatewright.lab.process import Process
from gatewright.lab.strongswan import KERNEL_ESP, Steering, StrongSwan, configuration
from gatewright.lab.vici import Vici
from gatewright.lab.world import World

KERNEL = Path("/usr/bin/linux.uml")
MODULES = Path("/usr/lib/uml/modules")
VICI_PORT = 4502
MEMORY = "192M"
BOOT_SECONDS = 60.0

# charon's own packets carry a mark, so that its policies do not catch them.
PLUGIN_SETTINGS = """
    vici {{ socket = tcp://{address}:{port} }}
    kernel-netlink {{ fwmark = !0x42 }}
    socket-default {{ fwmark = 0x42 }}
"""
START_SCRIPTS = "charon { start-scripts { ready = touch /media/ready } }\n"


class KernelGateway(Steering):
    """Gateway B and the host behind it, in a world with ``peer_is_external``."""

    def __init__(self, world: World) -> None:
        super().__init__("strongSwan in user-mode-linux")
        self._world = world
        self._directory = world.directory / "uml"
        self._process: Process | None = None

    @staticmethod
    def missing() -> str | None:
        """What keeps it from running here, in words; None when nothing does."""
        for found, package in (
            (KERNEL.exists(), "user-mode-linux"),
            (shutil.which("modprobe", path="/usr/sbin:/sbin:/usr/bin"), "kmod"),
        ):
            if not found:
                return f"Debian package {package} is not installed"
        return StrongSwan.missing()

    @property
    def log(self) -> Path:
        return self._directory / "charon.log"

    def start(self) -> None:
        """Boot; ``wait_ready`` waits until charon is there."""
        if (why := self.missing()) is not None:
            raise LabError(why)
        self._directory.mkdir()
        self._write_files()
        cpu = max(os.sched_getaffinity(0))
        self._process = Process(
            self.name,
            # One virtual processor that talks to ptraced children: on one real one it is faster.
            ["taskset", "--cpu-list", str(cpu), str(KERNEL), *self._arguments()],
            namespace=self._world.internet,
            log=self._directory / "console.log",
            environment={"TMPDIR": "/dev/shm"},  # noqa: S108  its memory, a file it unlinks at once
        )

    def wait_ready(self, timeout: float = BOOT_SECONDS) -> None:
        self._running().wait_path(self._directory / "ready", "charon was there", timeout)
        with self.connect() as vici:
            vici.command("version")

    def connect(self) -> Vici:
        address = (self._world.ipv4.b.external, VICI_PORT)
        internet = self._world.internet
        return Vici(internet.call(lambda: socket.create_connection(address, timeout=10)))

    def stop(self) -> None:
        """Switch it off."""
        if self._process is not None:
            self._process.kill()

    def _arguments(self) -> list[str]:
        """The kernel's command line."""
        return [
            f"mem={MEMORY}",
            *("rootfstype=hostfs", "rootflags=/", "ro", "quiet"),
            *("con=null", "con0=null,fd:1", "ssl=null"),
            f"uml_dir={self._directory}",
            "vec0:transport=tap,ifname=toB,depth=128",
            f"init={self._directory}/init",
            f"lab={self._directory}",
            f"modules={max(MODULES.iterdir())}",
        ]

    def _write_files(self) -> None:
        sides = self._world.ipv4, self._world.ipv6
        lines = ["link set lo up", "link set vec0 up"]
        for side, length in zip(sides, (24, 64), strict=True):
            lines.append(f"addr add {side.b.external}/{length} dev vec0")
            lines.append(f"addr add {side.b.host} dev lo")
            lines.append(f"route add default via {side.a.external}")
        (self._directory / "addresses").write_text("\n".join(lines) + "\n")
        settings = PLUGIN_SETTINGS.format(address=sides[0].b.external, port=VICI_PORT)
        text = configuration(KERNEL_ESP, "/media/charon.log", settings) + START_SCRIPTS
        (self._directory / "strongswan.conf").write_text(text)
        mount = shutil.which("mount")
        if mount is None:
            raise LabError("there is no `mount` command")
        (self._directory / "bin").mkdir()
        shutil.copyfile(mount, self._directory / "bin" / "mount")
        (self._directory / "bin" / "mount").chmod(0o755)
        init = self._directory / "init"
        init.write_text(resources.files(__package__).joinpath("data/uml-init.sh").read_text())
        init.chmod(0o755)

    def _running(self) -> Process:
        if self._process is None:
            raise LabError(f"{self.name} has not been started")
        return self._process
