"""Reads a policy file for a command, and looks up the names in it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from gatewright.cli.exits import Exit
from gatewright.cli.output import fail

if TYPE_CHECKING:
    from gatewright.policy.addresses import Resolver


MAX_OCTETS = 16 * 1024 * 1024
"""More than any policy has; a device or a pipe may have no end."""


def read_policy(path: Path, *, as_json: bool) -> tuple[str, str]:
    """Text and absolute name; ends the command with a message when it cannot be read."""
    from gatewright.control.models import Problem

    try:
        with path.open("rb") as file:
            octets = file.read(MAX_OCTETS + 1)
        if len(octets) <= MAX_OCTETS:
            text = octets.decode().replace("\r\n", "\n")
            return text, str(path.resolve())
        why = f"It has more than {MAX_OCTETS} octets, which is no policy."
    except OSError as error:
        why = f"{error.strerror}."
    except UnicodeDecodeError as error:
        why = f"It is not UTF-8 text (octet {error.start})."
    what = f"The policy file {path} cannot be read."
    problem = Problem(code="no-policy-file", what=what, why=why)
    return fail(problem, Exit.POLICY, as_json=as_json)


def resolver(*, wanted: bool) -> Resolver | None:
    """What looks DNS names up as the gateway does, if that is wanted."""
    from gatewright.daemon.preparation import resolve

    return resolve if wanted else None
