"""The sender and receiver of the measurements, a Rust program of ours (crates/gatewright-bench)."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from pathlib import Path

from gatewright.lab.errors import LabError
from gatewright.lab.namespace import Namespace
from gatewright.lab.process import Process

ROOT = Path(__file__).resolve().parents[1]
PROGRAM = ROOT / "target" / "release" / "gatewright-bench"
PORT = 5301
START_SECONDS = 5.0


def build() -> None:
    """Build it where it is not up to date.  Raises ``LabError`` with the compiler's words."""
    cargo = find_cargo()
    if cargo is None:
        raise LabError("there is no cargo; install a Rust toolchain (https://rustup.rs)")
    command = [cargo, "build", "--release", "--locked", "--quiet", "-p", "gatewright-bench"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise LabError(f"`{' '.join(command)}` failed:\n{done.stderr.strip()}")


def find_cargo() -> str | None:
    return shutil.which("cargo") or shutil.which(Path.home() / ".cargo" / "bin" / "cargo")


def far_end(namespace: Namespace, directory: Path) -> Process:
    """The receiver, running in a namespace of a world; it ends with the namespace."""
    process = Process(
        f"the receiver in {namespace.name}",
        [str(PROGRAM), "serve", f"port={PORT}"],
        namespace=namespace,
        log=directory / "far-end.log",
    )
    end = time.monotonic() + START_SECONDS
    while "ready" not in process.tail():
        if not process.running() or time.monotonic() > end:
            raise LabError(f"{process.name} does not listen:\n{process.tail()}")
        time.sleep(0.01)
    return process


def run(namespace: Namespace | None, command: str, **settings: object) -> dict[str, float]:
    """One command of the program in a namespace, or in ours; what it printed.

    Raises ``LabError`` with its words.
    """
    words = [f"{name}={value}" for name, value in settings.items() if value is not None]
    argv = [str(PROGRAM), command, *words]
    done = subprocess.run(
        namespace.command(argv) if namespace else argv,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "RUST_BACKTRACE": "0"},
    )
    if done.returncode != 0:
        where = f"{namespace.name}: " if namespace else ""
        raise LabError(f"{where}{done.stderr.strip() or 'the sender died'}")
    answer: dict[str, float] = json.loads(done.stdout)
    return answer
