"""Reads a policy file for a command, and looks up the names in it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from gatewright.cli.exits import Exit
from gatewright.cli.output import fail

if TYPE_CHECKING:
    from gatewright.policy.addresses import Resolver


def read_policy(path: Path, *, as_json: bool) -> tuple[str, str]:
    """Text and absolute name; ends the command with a message when it cannot be read."""
    from gatewright.control.models import Problem
    from gatewright.control.policy_text import UnreadableError, read

    try:
        return read(path), str(path.resolve())
    except UnreadableError as error:
        why = str(error)
    what = f"The policy file {path} cannot be read."
    problem = Problem(code="no-policy-file", what=what, why=why)
    return fail(problem, Exit.POLICY, as_json=as_json)


def resolver(*, wanted: bool) -> Resolver | None:
    """What looks DNS names up as the gateway does, if that is wanted."""
    from gatewright.daemon.preparation import resolve

    return resolve if wanted else None
