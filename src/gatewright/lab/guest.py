"""A box of a world that has a kernel of its own with ESP, in user-mode-linux.

It is used as the namespace that it takes the place of: ``ip``, ``run`` and ``sysctl`` act in the
guest.  Its interfaces are TAP devices in the namespaces of its neighbours.  An agent in the guest
(``guest_agent.py``) does what it is told, over a cable that the guest's networks do not see.

Debian's kernel for user-mode-linux has no nftables for IP: in the guest ``nft`` is a stand-in; its
rules are checked and kept by the host's kernel, and enforced by nobody.
"""

from __future__ import annotations

import fcntl
import os
import struct
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from subprocess import run as run_here

from gatewright.lab import guest_agent, uml
from gatewright.lab.agent import Agent, Link
from gatewright.lab.errors import LabError
from gatewright.lab.namespace import Namespace, Result, run_ip
from gatewright.lab.process import Process

TUN = "/dev/net/tun"
TUNSETIFF = 0x400454CA
IFF_TAP, IFF_NO_PI = 0x0002, 0x1000
HERE, THERE, PORT = "169.254.77.1", "169.254.77.2", 4503
BOOT_SECONDS = 120.0
MEMORY = "384M"
NFT_SOCKET = "/run/lab/nft.sock"


class Guest(Namespace):
    """Made by ``create``, connected by ``plug``, then booted; goes with ``remove``.

    ``directory`` gives that of the world, which the guest sees at the same place, read-write.
    """

    def __init__(self, name: str, directory: Callable[[], Path]) -> None:
        super().__init__(name)
        self.agent = Agent(self.name, self._dial)
        self._directory = directory
        self._cables: list[tuple[str, int]] = []
        self._kernel: uml.UserModeLinux | None = None
        self._nft: Link | None = None

    @property
    def kernel(self) -> Process:
        """Its process on the host."""
        assert self._kernel is not None
        return self._kernel.process

    def create(self) -> None:
        """Make the namespace in which its kernel is a process."""
        run_ip([f"netns add {self.name}"])
        run_ip(["link set lo up"], self.name)
        self._plug_control()

    def plug(self, interface: str, neighbour: Namespace, its_interface: str) -> None:
        """A cable between an interface of the guest and one of a neighbour, which is made."""
        self._cables.append((interface, _tap(neighbour, its_interface)))

    def boot(self, timeout: float = BOOT_SECONDS) -> None:
        """Switch it on and wait until its agent is there."""
        directory = self._directory() / "guest"
        directory.mkdir()
        self._write_files(directory)
        descriptors = [descriptor for _, descriptor in self._cables]
        self._kernel = uml.UserModeLinux(
            f"user-mode-linux in {self.name}",
            directory,
            init="uml-machine.sh",
            devices=[
                f"vec{number}:transport=fd,fd={descriptor},vec=0,depth=128"
                for number, descriptor in enumerate(descriptors)
            ],
            parameters={"world": str(self._directory()), "python": _interpreter()},
            memory=MEMORY,
            processor=1,  # the other gateway may be such a kernel as well
        )
        ready = directory / "ready"
        self._kernel.start(self._outside, descriptors)
        for descriptor in descriptors:
            os.close(descriptor)
        self._cables = []
        self.kernel.wait_path(ready, "its agent was there", timeout)
        self._serve_nft()

    def ip(self, *lines: str) -> None:
        self.run(["ip", "-batch", "-"], stdin="\n".join(lines) + "\n")

    def command(self, argv: Sequence[str]) -> list[str]:
        raise LabError(f"{self.name} has a kernel of its own: `{argv[0]}` cannot be put into it")

    def call(self, function: Callable[[], Result]) -> Result:
        del function
        raise LabError(f"{self.name} has a kernel of its own: no function can be called there")

    def run(self, argv: Sequence[str], *, stdin: str | None = None) -> str:
        done = self.agent.run(argv, stdin)
        if done.status != 0:
            raise LabError(f"{self.name}: `{' '.join(argv)}` failed: {done.stderr.strip()}")
        return done.stdout

    def sysctl(self, settings: dict[str, str]) -> None:
        script = "".join(f"echo {value} > /proc/sys/{name}\n" for name, value in settings.items())
        self.run(["sh", "-e"], stdin=script)

    def remove(self) -> None:
        for _, descriptor in self._cables:
            os.close(descriptor)
        self._cables = []
        if self._nft is not None:
            self._nft.close()
        if self._kernel is not None:
            self._kernel.stop()
        super().remove()

    @property
    def _outside(self) -> Namespace:
        """The namespace of the host in which its kernel is a process."""
        return Namespace(self.name)

    def _plug_control(self) -> None:
        self.plug("control", self._outside, "control")
        run_ip([f"addr add {HERE}/30 dev control", "link set control up"], self.name)

    def _dial(self) -> Link:
        return Link(self._outside.call(lambda: Link.open(THERE, PORT)))

    def _write_files(self, directory: Path) -> None:
        control = [f"addr add {THERE}/30 dev vec0", "link set vec0 up"]
        (directory / "control").write_text("\n".join(control) + "\n")
        links = ["link set lo up"]
        for number, (interface, _) in enumerate(self._cables[1:], start=1):
            links.append(f"link set vec{number} name {interface}")
        (directory / "links").write_text("\n".join(links) + "\n")
        (directory / "bin").mkdir()
        uml.copy_data("guest-nft.pl", directory / "bin" / "nft")
        (directory / "guest_agent.py").write_text(Path(guest_agent.__file__).read_text())

    def _serve_nft(self) -> None:
        """Answer what the guest's stand-in of nft asks, with the host's nft."""
        self._nft = self.agent.serve(NFT_SOCKET)
        threading.Thread(target=self._answer_nft, args=(self._nft,), daemon=True).start()

    def _answer_nft(self, link: Link) -> None:
        with suppress(LabError, OSError):
            while asked := link.receive():
                done = run_here(
                    self._outside.command(["nft", *asked["argv"]]),
                    input=asked["stdin"],
                    capture_output=True,
                    text=True,
                    check=False,
                )
                link.send(status=done.returncode, stdout=done.stdout, stderr=done.stderr)


def _tap(namespace: Namespace, name: str) -> int:
    """A TAP device in a namespace; it lasts as long as somebody has the descriptor."""

    def make() -> int:
        descriptor = os.open(TUN, os.O_RDWR | os.O_CLOEXEC)
        request = struct.pack("16sH22x", name.encode(), IFF_TAP | IFF_NO_PI)
        fcntl.ioctl(descriptor, TUNSETIFF, request)
        return descriptor

    descriptor = namespace.call(make)
    # Its carrier takes a second to be seen: let that be while the guest boots.
    run_ip([f"link set {name} up"], namespace.name)
    return descriptor


def _interpreter() -> str:
    """The interpreter itself: what a virtual environment has is a link to it."""
    return os.path.realpath(sys.executable)
