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
    """Run a command from the checkout's top.  Its output is shown only when it fails.

    Raises ``SetupError`` then, or when the command is not there; ``what`` names the step.
    """
    try:
        done = subprocess.run(
            command,
            cwd=ROOT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
    except FileNotFoundError:
        raise SetupError(f"{what}: there is no {command[0]}") from None
    if done.returncode != 0:
        say(done.stdout)
        raise SetupError(
            f"{what}: `{' '.join(command)}` ended with status {done.returncode} (see above)"
        )
