"""The other gateway as a kernel of its own: user-mode-linux with ESP, and strongSwan for IKE.

It attaches to the Internet segment by a TAP device, so its ESP is a stock Linux kernel's, in IP
protocol 50.  The host behind it is an address of its own.
"""

from __future__ import annotations

import socket
from pathlib import Path

from gatewright.lab import uml
from gatewright.lab.errors import LabError
from gatewright.lab.strongswan import KERNEL_ESP, Steering, StrongSwan, configuration
from gatewright.lab.vici import Vici
from gatewright.lab.world import World

VICI_PORT = 4502
BOOT_SECONDS = 120.0

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
        self._kernel = uml.UserModeLinux(
            self.name,
            world.directory / "uml",
            init="uml-strongswan.sh",
            devices=["vec0:transport=tap,ifname=toB,depth=128"],
        )

    @staticmethod
    def missing() -> str | None:
        """What keeps it from running here, in words; None when nothing does."""
        return uml.missing() or StrongSwan.missing()

    @property
    def log(self) -> Path:
        return self._kernel.directory / "charon.log"

    def start(self) -> None:
        """Boot; ``wait_ready`` waits until charon is there."""
        if (why := self.missing()) is not None:
            raise LabError(why)
        self._kernel.directory.mkdir()
        self._write_files(self._kernel.directory)
        self._kernel.start(self._world.internet)

    def wait_ready(self, timeout: float = BOOT_SECONDS) -> None:
        ready = self._kernel.directory / "ready"
        self._kernel.process.wait_path(ready, "charon was there", timeout)
        with self.connect() as vici:
            vici.command("version")

    def connect(self) -> Vici:
        address = (self._world.ipv4.b.external, VICI_PORT)
        internet = self._world.internet
        return Vici(internet.call(lambda: socket.create_connection(address, timeout=10)))

    def stop(self) -> None:
        """Switch it off."""
        self._kernel.stop()

    def _write_files(self, directory: Path) -> None:
        sides = self._world.ipv4, self._world.ipv6
        lines = ["link set lo up", "link set vec0 up"]
        for side, length in zip(sides, (24, 64), strict=True):
            lines.append(f"addr add {side.b.external}/{length} dev vec0")
            lines.append(f"addr add {side.b.host} dev lo")
            lines.append(f"route add default via {side.a.external}")
        (directory / "addresses").write_text("\n".join(lines) + "\n")
        settings = PLUGIN_SETTINGS.format(address=sides[0].b.external, port=VICI_PORT)
        text = configuration(KERNEL_ESP, "/media/charon.log", settings) + START_SCRIPTS
        (directory / "strongswan.conf").write_text(text)
