"""Exit statuses of every command."""

from __future__ import annotations

from enum import IntEnum


class Exit(IntEnum):
    """``USAGE`` is what the command line parser gives for a wrong option."""

    DONE = 0
    FAILED = 1  # the gateway refused, or the tunnel did not come up
    USAGE = 2
    NO_GATEWAY = 3  # no gateway answers on the control socket
    POLICY = 4  # the policy has errors
    PRIVILEGE = 5  # a capability is missing


SUMMARY = (
    "Exit status: 0 done, 1 failed, 2 wrong usage, 3 no gateway runs, 4 the policy has errors, "
    "5 a privilege is missing."
)
