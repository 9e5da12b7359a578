"""Builds the packet engine (Rust) and puts Gatewright into the virtual environment."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from tools.setup import stamps
from tools.setup.python import PYTHON, VENV
from tools.setup.report import ROOT, SetupError, run, say


def find_cargo() -> Path:
    """The cargo to build with; raises ``SetupError`` when there is none or it is too old."""
    found = shutil.which("cargo") or shutil.which(Path.home() / ".cargo" / "bin" / "cargo")
    if found is None:
        raise SetupError("there is no cargo; install a Rust toolchain (https://rustup.rs)")
    answer = subprocess.run([found, "--version"], capture_output=True, text=True, check=False)
    version = re.search(r"(\d+)\.(\d+)", answer.stdout)
    if answer.returncode != 0 or version is None:
        raise SetupError(f"{found} does not run: {answer.stderr.strip()}")
    least = _least_rust()
    if (int(version[1]), int(version[2])) < least:
        raise SetupError(
            f"{found} is {answer.stdout.strip()}; Rust {least[0]}.{least[1]} or newer is needed"
            " (Debian 12's own is older: https://rustup.rs)"
        )
    return Path(found)


def build(cargo: Path) -> None:
    """Build the engine for release and install the package, editable."""
    inputs = stamps.digest([_toolchain(cargo)], _inputs())
    if stamps.is_current("engine", inputs) and any((ROOT / "src/gatewright").glob("_engine*.so")):
        return
    say("building the packet engine (a few minutes the first time)")
    environment = {
        **os.environ,
        "VIRTUAL_ENV": str(VENV),
        "PYO3_PYTHON": str(PYTHON),
        "PIP_QUIET": "1",
        "PATH": f"{VENV / 'bin'}:{cargo.parent}:{os.environ.get('PATH', os.defpath)}",
    }
    command = [str(VENV / "bin" / "maturin"), "develop", "--release", "--locked", "--quiet"]
    run(command, what="packet engine", environment=environment)
    stamps.record("engine", inputs)


def _least_rust() -> tuple[int, int]:
    declared = re.search(r'rust-version = "(\d+)\.(\d+)', (ROOT / "Cargo.toml").read_text())
    if declared is None:
        raise SetupError("Cargo.toml declares no rust-version")
    return int(declared[1]), int(declared[2])


def _toolchain(cargo: Path) -> str:
    answers = [
        subprocess.run(command, capture_output=True, text=True, check=True).stdout
        for command in ([str(cargo), "--version"], [str(PYTHON), "--version"])
    ]
    return "".join(answers)


def _inputs() -> Iterator[Path]:
    yield from (ROOT / "Cargo.toml", ROOT / "Cargo.lock", ROOT / "pyproject.toml")
    yield from (ROOT / "crates").rglob("*.rs")
    yield from (ROOT / "crates").rglob("Cargo.toml")
