"""A stock strongSwan as the other gateway: charon with its user-space ESP, steered by VICI."""

from __future__ import annotations

import socket
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from gatewright.lab.errors import LabError
from gatewright.lab.namespace import Namespace
from gatewright.lab.process import Process
from gatewright.lab.vici import Message, PeerRefusedError, Vici, section

CHARON = Path("/usr/lib/ipsec/charon")
LIBIPSEC = CHARON.parent / "plugins" / "libstrongswan-kernel-libipsec.so"
VICI_PLUGIN = CHARON.parent / "plugins" / "libstrongswan-vici.so"
START_SECONDS = 15.0
POLL_SECONDS = 0.02
CONNECTION = "tunnel"
CHILD = "net"

# kernel-libipsec has to come before kernel-netlink: the first one provides IPsec.
USER_SPACE_ESP = "kernel-libipsec kernel-netlink"
KERNEL_ESP = "kernel-netlink"
PLUGINS = (
    "random nonce drbg aesni openssl gcrypt aes rc2 sha1 sha2 md5 gmp curve25519 hmac kdf pem pkcs1"
    " pkcs8 x509 pubkey constraints gcm ccm ctr xcbc cmac chapoly {kernel} socket-default vici"
    " updown"
)
CONFIGURATION = """
charon {{
  load = {plugins}
  install_routes = yes
  dos_protection = {dos_protection}
  plugins {{ {plugin_settings} }}
  filelog {{
    log {{
      path = {log}
      default = 1
      ike = 2
      cfg = 2
      flush_line = yes
      time_format = %H:%M:%S
    }}
  }}
}}
"""

# charon's files lie where its AppArmor profile has them, in a mount namespace of its own.
START = """
mount --bind "$1/run" /run &&
mount --bind "$1/strongswan.conf" /etc/strongswan.conf &&
exec "$2"
"""


@dataclass(frozen=True, slots=True)
class PeerTunnel:
    """The other gateway's half of a tunnel, in its own words (``swanctl.conf(5)``).

    ``ike`` and ``esp`` are proposals such as ``aes128-sha256-x25519``; times such as ``1h``, 0 for
    never.
    """

    version: int
    local: str
    remote: str
    local_networks: Sequence[str]
    remote_networks: Sequence[str]
    key: str
    ike: Sequence[str] = ("aes256gcm16-prfsha256-x25519",)
    esp: Sequence[str] = ("aes256gcm16",)
    local_identity: str = ""
    remote_identity: str = ""
    encapsulate: bool = True
    start: str = "none"
    dpd: str = "0"
    rekey_ike: str = "4h"
    rekey_child: str = "1h"
    life_child: str = ""

    @property
    def local_id(self) -> str:
        return self.local_identity or self.local

    @property
    def remote_id(self) -> str:
        return self.remote_identity or self.remote


class Steering(ABC):
    """Steers a charon through its VICI socket."""

    def __init__(self, name: str) -> None:
        self.name = name

    @abstractmethod
    def connect(self) -> Vici:
        """A new connection to its control socket."""

    def load(self, tunnel: PeerTunnel) -> None:
        """Load the key and the tunnel; what is there of that name is replaced."""
        with self.connect() as vici:
            secret = {
                "type": "IKE",
                "data": tunnel.key,
                "owners": [tunnel.local_id, tunnel.remote_id],
            }
            vici.command("load-shared", secret)
            vici.command("load-conn", {CONNECTION: connection(tunnel)})

    def initiate(self, timeout: float = 10.0) -> None:
        """Bring the tunnel up from this side; ``PeerRefusedError`` when it does not come."""
        with self.connect() as vici:
            vici.command(
                "initiate",
                {"child": CHILD, "ike": CONNECTION, "timeout": str(int(timeout * 1000))},
            )

    def forget(self) -> None:
        """Delete every SA without waiting for the other side, and the tunnel's configuration."""
        with self.connect() as vici:
            with suppress(PeerRefusedError):
                vici.command("unload-conn", {"name": CONNECTION})
            with suppress(PeerRefusedError):
                vici.command("terminate", {"ike": CONNECTION, "force": "yes"})
            vici.command("clear-creds")

    def terminate(self) -> None:
        """Delete the IKE SA, and wait until the other side has confirmed."""
        with self.connect() as vici:
            vici.command("terminate", {"ike": CONNECTION, "timeout": "5000"})

    def terminate_child(self) -> None:
        with self.connect() as vici:
            vici.command("terminate", {"child": CHILD, "timeout": "5000"})

    def rekey(self, what: str) -> None:
        """Rekey ``"ike"`` or ``"child"`` from this side."""
        with self.connect() as vici:
            vici.command("rekey", {what: CONNECTION if what == "ike" else CHILD})

    def associations(self) -> list[Message]:
        """Its IKE SAs of this tunnel, as ``list-sas`` tells."""
        with self.connect() as vici:
            answer = vici.stream("list-sas", "list-sa")
        return [section(tree, CONNECTION) for tree in answer if CONNECTION in tree]

    def identifiers(self, what: str) -> set[str]:
        """charon's numbers of its ``"ike"`` or ``"child"`` SAs: a rekeyed one has a new number."""
        found = self.associations() if what == "ike" else self.children()
        return {str(each["uniqueid"]) for each in found}

    def wait(self, condition: Callable[[], bool], what: str, timeout: float = 10.0) -> None:
        """Wait until a condition holds.  Raises ``LabError`` when it does not in time."""
        end = time.monotonic() + timeout
        while not condition():
            if time.monotonic() > end:
                raise LabError(f"{self.name}: not {what} after {timeout:g} s")
            time.sleep(POLL_SECONDS)

    def wait_gone(self) -> None:
        """Wait until it has no SA of the tunnel."""
        self.wait(lambda: not self.associations(), "rid of its SAs")

    def children(self) -> list[Message]:
        """Its child SAs of this tunnel that are installed."""
        return [
            child
            for ike in self.associations()
            for child in (section(section(ike, "child-sas"), name) for name in _names(ike))
            if child.get("state") == "INSTALLED"
        ]


class StrongSwan(Steering):
    """A charon with user-space ESP (kernel-libipsec) in a namespace of the world.

    It sends ESP in UDP only.  ``start`` returns at once; ``wait_ready`` waits for its socket.
    """

    def __init__(self, namespace: Namespace, directory: Path, *, lasting: bool = False) -> None:
        super().__init__(f"strongSwan in {namespace.name}")
        self._namespace = namespace
        self._directory = directory
        self._lasting = lasting
        self._process: Process | None = None

    @staticmethod
    def missing() -> str | None:
        """What keeps it from running here, in words; None when nothing does."""
        for path, package in (
            (CHARON, "strongswan-charon"),
            (LIBIPSEC, "libcharon-extra-plugins"),
            (VICI_PLUGIN, "strongswan-swanctl"),
        ):
            if not path.exists():
                return f"Debian package {package} is not installed (there is no {path})"
        return None

    @property
    def log(self) -> Path:
        return self._directory / "run" / "charon.log"

    @property
    def pid(self) -> int:
        return self._running().pid

    def start(self, *, dos_protection: bool = True) -> None:
        if (why := self.missing()) is not None:
            raise LabError(why)
        (self._directory / "run").mkdir(parents=True, exist_ok=True)
        (self._directory / "strongswan.conf").write_text(
            configuration(USER_SPACE_ESP, "/run/charon.log", dos_protection=dos_protection)
        )
        script = ["sh", "-c", START, "charon", str(self._directory), str(CHARON)]
        self._process = Process(
            self.name,
            ["unshare", "--mount", "--", *script],
            namespace=self._namespace,
            log=self._directory / "output.log",
            lasting=self._lasting,
        )

    def wait_ready(self, timeout: float = START_SECONDS) -> None:
        process = self._running()
        process.wait_path(self._socket, "its control socket was there", timeout)
        with self.connect() as vici:
            vici.command("version")

    def connect(self) -> Vici:
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connection.connect(str(self._socket))
        return Vici(connection)

    def stop(self) -> None:
        """End it as a service manager would; it deletes its SAs."""
        if self._process is not None:
            self._process.stop()

    def kill(self) -> None:
        """As in a power cut: nothing is said to the other side."""
        self._running().kill()
        self._socket.unlink(missing_ok=True)

    @property
    def _socket(self) -> Path:
        return self._directory / "run" / "charon.vici"

    def _running(self) -> Process:
        if self._process is None:
            raise LabError(f"{self.name} has not been started")
        return self._process


def configuration(kernel: str, log: str, plugins: str = "", *, dos_protection: bool = True) -> str:
    """A ``strongswan.conf`` for one charon."""
    return CONFIGURATION.format(
        plugins=PLUGINS.format(kernel=kernel),
        plugin_settings=plugins,
        log=log,
        dos_protection="yes" if dos_protection else "no",
    )


def connection(tunnel: PeerTunnel) -> Message:
    """The tunnel as VICI's ``load-conn`` takes it."""
    child: dict[str, str | Sequence[str]] = {
        "mode": "tunnel",
        "local_ts": list(tunnel.local_networks),
        "remote_ts": list(tunnel.remote_networks),
        "esp_proposals": list(tunnel.esp),
        "start_action": tunnel.start,
        "rekey_time": tunnel.rekey_child,
    }
    if tunnel.life_child:
        child["life_time"] = tunnel.life_child
    return {
        "version": str(tunnel.version),
        "local_addrs": [tunnel.local],
        "remote_addrs": [tunnel.remote],
        "proposals": list(tunnel.ike),
        "encap": "yes" if tunnel.encapsulate else "no",
        "dpd_delay": tunnel.dpd,
        "rekey_time" if tunnel.version == 2 else "reauth_time": tunnel.rekey_ike,
        "local": {"auth": "psk", "id": tunnel.local_id},
        "remote": {"auth": "psk", "id": tunnel.remote_id},
        "children": {CHILD: child},
    }


def _names(ike: Mapping[str, object]) -> Sequence[str]:
    children = ike.get("child-sas", {})
    return list(children) if isinstance(children, Mapping) else []
