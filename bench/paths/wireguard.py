"""WireGuard in user space at both ends: wireguard-go (Debian) and boringtun-cli (crates.io).

Both make a TUN device and listen on a control socket below /run, to which ``wg`` speaks; each
process has a /run of its own.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path as File

from bench import tool
from bench.paths.path import Builder, Path, ready
from gatewright.lab.errors import LabError
from gatewright.lab.namespace import Namespace
from gatewright.lab.process import Process
from gatewright.lab.traffic import ping
from gatewright.lab.world import World

DEVICE, PORT, MTU = "wg0", 51820, 1420
START_SECONDS = 5.0
START = 'mount --bind "$1" /run && shift && exec "$@"'
BORINGTUN, BORINGTUN_VERSION = "boringtun-cli", "0.7.1"


def cache() -> File:
    """Where programs lie that were fetched for the benchmark alone."""
    home = os.environ.get("XDG_CACHE_HOME") or File.home() / ".cache"
    return File(home) / "gatewright-bench"


def wireguard_go_command() -> list[str]:
    return ["env", "LOG_LEVEL=error", "wireguard-go", "--foreground", DEVICE]


def boringtun_command() -> list[str]:
    program = str(cache() / "bin" / BORINGTUN)
    return [program, "--foreground", "--disable-drop-privileges", DEVICE]


def wireguard_go_missing() -> str | None:
    for program, package in (("wireguard-go", "wireguard-go"), ("wg", "wireguard-tools")):
        if shutil.which(program) is None:
            return f"Debian package {package} is not installed"
    return None


def boringtun_missing() -> str | None:
    """Builds boringtun-cli from crates.io into the cache, the first time."""
    if shutil.which("wg") is None:
        return "Debian package wireguard-tools is not installed"
    if (cache() / "bin" / BORINGTUN).exists():
        return None
    cargo = tool.find_cargo()
    if cargo is None:
        return f"there is no cargo to build {BORINGTUN} with"
    command = [cargo, "install", "--quiet", "--locked", "--root", str(cache())]
    command += ["--version", BORINGTUN_VERSION, BORINGTUN]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        lines = done.stderr.strip().splitlines() or [f"status {done.returncode}"]
        return f"`{' '.join(command)}` failed: {lines[-1]}"
    return None


def wireguard(command: Sequence[str]) -> Builder:
    """One of the programs at both ends."""

    def build(stack: ExitStack, name: str) -> Path:
        world = stack.enter_context(World())
        ends = world.ipv4
        sides = (
            (world.gateway_a, ends.a, ends.b),
            (world.gateway_b, ends.b, ends.a),
        )
        peers = [_End(namespace, world, command) for namespace, _, _ in sides]
        for peer in peers:
            stack.callback(peer.process.stop)
        for (_, _, there), peer, other in zip(sides, peers, reversed(peers), strict=True):
            peer.join(there.network, there.external, other.public_key)
        if not ping(world.host_a, ends.b.host).all_answered:
            raise LabError(f"{name}: no packet gets through:\n{peers[0].process.tail()}")
        return ready(stack, name, world, [peer.process.pid for peer in peers])

    return build


class _End:
    """One gateway's process with its keys."""

    def __init__(self, namespace: Namespace, world: World, command: Sequence[str]) -> None:
        self.namespace = namespace
        run_directory = world.directory / f"{namespace.name}-run"
        run_directory.mkdir(mode=0o700)
        self._key = world.directory / f"{namespace.name}.key"
        self._key.touch(mode=0o600)
        self._key.write_text(namespace.run(["wg", "genkey"]))
        self.public_key = namespace.run(["wg", "pubkey"], stdin=self._key.read_text()).strip()
        self.process = Process(
            f"{command[0]} in {namespace.name}",
            ["unshare", "--mount", "--", "sh", "-c", START, "sh", str(run_directory), *command],
            namespace=namespace,
            log=world.directory / f"{namespace.name}.log",
            environment={"WG_I_PREFER_BUGGY_USERSPACE_TO_POLISHED_KMOD": "1"},
        )
        control = run_directory / "wireguard" / f"{DEVICE}.sock"
        self.process.wait_path(control, "its control socket was there", START_SECONDS)

    def join(self, networks: str, endpoint: str, public_key: str) -> None:
        """Tell it its key, its peer, and what lies behind that one."""
        # `wg` finds the control socket in the process's own /run.
        enter = ["nsenter", f"--target={self.process.pid}", "--mount", "--net", "--"]
        settings = ["listen-port", str(PORT), "private-key", str(self._key)]
        settings += ["peer", public_key, "allowed-ips", networks]
        settings += ["endpoint", f"{endpoint}:{PORT}"]
        command = [*enter, "wg", "set", DEVICE, *settings]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise LabError(f"{self.process.name}: `wg set` failed: {done.stderr.strip()}")
        self.namespace.ip(f"link set {DEVICE} mtu {MTU} up", f"route add {networks} dev {DEVICE}")
