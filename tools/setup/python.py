"""The virtual environment and the Python packages in it."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from tools.setup import stamps
from tools.setup.report import ROOT, SetupError, run, say

VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
LOCK = ROOT / "requirements.lock"
LEAST_VERSION = (3, 11)
DEBIAN_WHEELS = Path("/usr/share/python-wheels")


def make_environment() -> None:
    """Make ``.venv``, with pip in it.

    Raises ``SetupError`` when this Python is too old or there is no pip to be had.
    """
    if sys.version_info < LEAST_VERSION:
        raise SetupError(
            f"{sys.executable} is Python {sys.version.split()[0]}; 3.11 or newer is needed"
            " (make PYTHON=/path/to/python3.11)"
        )
    if _works():
        return
    if VENV.exists():
        say("the virtual environment does not work any more: making it anew")
        shutil.rmtree(VENV)
    say(f"making the virtual environment .venv with {sys.executable}")
    if _has_ensurepip():
        run([sys.executable, "-m", "venv", str(VENV)], what="virtual environment")
    else:
        run([sys.executable, "-m", "venv", "--without-pip", str(VENV)], what="virtual environment")
        _bring_pip()


def install_dependencies() -> None:
    """Install what the lock file names, each file checked against its hash."""
    inputs = stamps.digest([_version()], [LOCK])
    if stamps.is_current("dependencies", inputs):
        return
    say("installing Python packages (requirements.lock, by hash)")
    pip = [str(PYTHON), "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
    run([*pip, "--require-hashes", "-r", str(LOCK)], what="Python packages")
    stamps.record("dependencies", inputs)


def _works() -> bool:
    if not PYTHON.exists():
        return False
    probe = [str(PYTHON), "-c", "import pip"]
    return subprocess.run(probe, capture_output=True, check=False).returncode == 0


def _version() -> str:
    probe = [str(PYTHON), "-c", "import sys; print(sys.version)"]
    return subprocess.run(probe, capture_output=True, text=True, check=True).stdout


def _has_ensurepip() -> bool:
    probe = [sys.executable, "-c", "import ensurepip"]
    return subprocess.run(probe, capture_output=True, check=False).returncode == 0


def _bring_pip() -> None:
    """Put pip into an environment made without: from Debian's wheel, or by another pip."""
    install = ["install", "--quiet", "--disable-pip-version-check"]
    for wheel in sorted(DEBIAN_WHEELS.glob("pip-*.whl")):
        run(
            [str(PYTHON), f"{wheel}/pip", *install, "--no-index", str(wheel)],
            what="pip in the virtual environment",
        )
        return
    other = [sys.executable, "-m", "pip"]
    if subprocess.run([*other, "--version"], capture_output=True, check=False).returncode == 0:
        run(
            [*other, "--python", str(PYTHON), *install, "pip"],
            what="pip in the virtual environment",
        )
        return
    raise SetupError(
        f"{sys.executable} has neither ensurepip nor pip; install python3-venv, or use another"
        " Python (make PYTHON=/path/to/python3.11)"
    )
