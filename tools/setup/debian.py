"""Installs the Debian packages that are not there, each announced with its reason."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tools.setup.report import SetupError, run, say

POLICY = Path("/usr/sbin/policy-rc.d")
POLICY_TEXT = (
    "#!/bin/sh\n# While the project is being set up, no service starts by itself.\nexit 101\n"
)


@dataclass(frozen=True)
class Package:
    """One Debian package.  ``required``: without it nothing can be built.

    ``units``: services that the package would have start at the next boot.
    ``not_everywhere``: Debian has it for some processors and releases; elsewhere it is left out.
    """

    name: str
    reason: str
    required: bool = False
    units: tuple[str, ...] = ()
    not_everywhere: bool = False


PACKAGES = (
    Package("gcc", "links the packet engine", required=True),
    Package("libc6-dev", "links the packet engine", required=True),
    Package("libipsec-mb1", "the packet engine's fastest AES-GCM", not_everywhere=True),
    Package("iproute2", "builds the network namespaces of demo and tests"),
    Package("nftables", "the guards that keep protected traffic from passing in clear"),
    Package("iputils-ping", "to look around in a demo that was kept"),
    Package("strongswan-charon", "the other gateway", units=("strongswan-starter.service",)),
    Package("strongswan-swanctl", "steers the other gateway (VICI)"),
    Package("libcharon-extra-plugins", "the other gateway's user-space ESP"),
    Package("libstrongswan-standard-plugins", "the other gateway's ciphers"),
    Package("libstrongswan-extra-plugins", "the other gateway's ChaCha20-Poly1305 and X25519"),
    Package("user-mode-linux", "tests: a Linux kernel that has ESP, as the other gateway"),
    Package("kmod", "tests: loads that kernel's modules"),
    Package("tshark", "tests: judges our packets"),
    Package("tcpdump", "to look at captures"),
    Package("ethtool", "bench: switches segmentation offload"),
    Package("iperf3", "soak: full load"),
    Package("wireguard-go", "bench: a rival"),
    Package("wireguard-tools", "bench: steers that rival"),
)


def install_missing() -> None:
    """Install what is missing.  Needs root for that, and says so otherwise.

    Raises ``SetupError`` when something without which nothing can be built stays missing.
    """
    if shutil.which("dpkg-query") is None or shutil.which("apt-get") is None:
        say("not a Debian system: the packages that demo and tests use are left to you")
        return
    missing = _obtainable(_missing((*PACKAGES, *_venv_packages())))
    if not missing:
        return
    say("Debian packages that are not there yet:")
    for package in missing:
        say(f"  {package.name}: {package.reason}")
    if os.geteuid() != 0:
        _leave_to_user(missing)
        return
    say("installing them")
    with _no_service_starts():
        _apt_install([package.name for package in missing])
    _disable_units(missing)


def _venv_packages() -> tuple[Package, ...]:
    """Debian's own Python comes without ensurepip; others (pyenv) bring it."""
    probe = [sys.executable, "-c", "import ensurepip, venv"]
    if subprocess.run(probe, capture_output=True, check=False).returncode == 0:
        return ()
    return (Package("python3-venv", "makes the virtual environment", required=True),)


def _missing(packages: Sequence[Package]) -> list[Package]:
    query = ["dpkg-query", "-W", "-f", "${Package} ${db:Status-Status}\n"]
    answer = subprocess.run(
        [*query, *(package.name for package in packages)],
        capture_output=True,
        text=True,
        check=False,
    )
    installed = {
        line.split()[0] for line in answer.stdout.splitlines() if line.endswith(" installed")
    }
    return [package for package in packages if package.name not in installed]


def _obtainable(missing: Sequence[Package]) -> list[Package]:
    """Without those that this processor or release of Debian does not have."""
    unsure = [package.name for package in missing if package.not_everywhere]
    if not unsure:
        return list(missing)
    if not _has_lists() and os.geteuid() == 0:
        _update_lists()
    answer = subprocess.run(
        ["apt-cache", "show", "--no-all-versions", *unsure],
        capture_output=True,
        text=True,
        check=False,
    )
    known = {line.split()[1] for line in answer.stdout.splitlines() if line.startswith("Package: ")}
    return [each for each in missing if not each.not_everywhere or each.name in known]


def _leave_to_user(missing: Sequence[Package]) -> None:
    command = "sudo apt-get install --no-install-recommends " + " ".join(p.name for p in missing)
    required = [package.name for package in missing if package.required]
    if required:
        raise SetupError(
            f"installing packages needs root, and without {', '.join(required)} nothing can be"
            f" built; run setup as root, or: {command}"
        )
    say(f"installing them needs root; going on without. To have them:\n  {command}")


@contextmanager
def _no_service_starts() -> Iterator[None]:
    """Debian's own way (invoke-rc.d, policy-rc.d) to keep a package from starting its service."""
    if POLICY.exists():
        yield
        return
    POLICY.write_text(POLICY_TEXT)
    POLICY.chmod(0o755)
    try:
        yield
    finally:
        POLICY.unlink(missing_ok=True)


def _has_lists() -> bool:
    return any(Path("/var/lib/apt/lists").glob("*_Packages*"))


def _update_lists() -> None:
    run(["apt-get", "update", "-q"], what="package lists", environment=_unattended())


def _unattended() -> dict[str, str]:
    """No package may stop to ask a question."""
    return {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "NEEDRESTART_SUSPEND": "1"}


def _apt_install(names: Sequence[str]) -> None:
    environment = _unattended()
    options = ["-y", "-q", "-o", "DPkg::Lock::Timeout=120"]
    install = ["apt-get", "install", *options, "--no-install-recommends", *names]
    simulated = subprocess.run(
        [*install, "--simulate"], capture_output=True, env=environment, check=False
    )
    if simulated.returncode != 0 or not _has_lists():
        _update_lists()
    try:
        run(install, what="Debian packages", environment=environment)
    except SetupError:
        # Lists that have grown old name versions that the archive no longer has.
        say("  reading the package lists anew, and trying once more")
        _update_lists()
        run(install, what="Debian packages", environment=environment)


def _disable_units(installed: Sequence[Package]) -> None:
    """A stock gateway that starts at the next boot would take UDP 500 from Gatewright."""
    if shutil.which("systemctl") is None:
        return
    for unit in (unit for package in installed for unit in package.units):
        say(f"  {unit}: not started at boot (systemctl enable {unit} if you want it)")
        subprocess.run(["systemctl", "disable", "-q", unit], capture_output=True, check=False)
