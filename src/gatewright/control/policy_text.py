"""Reads a policy file, by whoever does: no more of it than a policy can have."""

from __future__ import annotations

from pathlib import Path

MAX_OCTETS = 16 * 1024 * 1024
"""More than any policy has; a device or a pipe may have no end."""


class UnreadableError(Exception):
    """A file cannot be read as a policy; the message is a sentence that says why."""


def read(path: Path) -> str:
    """The text of a policy file.  Raises UnreadableError."""
    try:
        with path.open("rb") as file:
            octets = file.read(MAX_OCTETS + 1)
        if len(octets) > MAX_OCTETS:
            raise UnreadableError(f"It has more than {MAX_OCTETS} octets, which is no policy.")
        return octets.decode().replace("\r\n", "\n")
    except OSError as error:
        raise UnreadableError(f"{error.strerror}.") from None
    except UnicodeDecodeError as error:
        raise UnreadableError(f"It is not UTF-8 text (octet {error.start}).") from None
