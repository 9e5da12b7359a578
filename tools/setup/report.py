"""What the steps have in common: telling, failing, running."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TextIO

ROOT = Path(__file__).resolve().parents[2]


class SetupError(Exception):
    """A step that cannot be done; the message says what, why, and what to do."""


def say(text: str, stream: TextIO | None = None) -> None:
    print(text, file=stream or sys.stdout, flush=True)


def run(command: Sequence[str], *, what: str, environment: Mapping[str, str] | None = None) -> None:
    """Run a command from the checkout's top, its output on the terminal.

    Raises ``SetupError`` when it fails or is not there; ``what`` names the step in the message.
    """
    try:
        status = subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode
    except FileNotFoundError:
        raise SetupError(f"{what}: there is no {command[0]}") from None
    if status != 0:
        raise SetupError(f"{what}: `{' '.join(command)}` ended with status {status} (see above)")
