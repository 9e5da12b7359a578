"""Where preshared keys lie: files, systemd credentials, the environment; never in the policy.

A name is looked up, in this order, as

1. ``DIRECTORY/NAME`` (by default ``/etc/gatewright/secrets``), which must be a regular file that
   belongs to root or to the user of this process and that nobody else can read;
2. ``$CREDENTIALS_DIRECTORY/NAME``, where systemd puts what ``LoadCredential=`` names;
3. ``$GATEWRIGHT_SECRET_NAME``, with the name in upper case and ``_`` for ``-`` and ``.``.

The content is the key's text, or ``0x`` and hex digits; one trailing line break does not count.
Nothing is cached: a key that was replaced counts from the next negotiation on.
"""

from __future__ import annotations

import os
import stat
from binascii import Error as HexError
from binascii import unhexlify
from collections.abc import Mapping
from pathlib import Path

from gatewright.ipsec.secret import Secret

DEFAULT_DIRECTORY = Path("/etc/gatewright/secrets")
MAX_OCTETS = 4096

_ENVIRONMENT_PREFIX = "GATEWRIGHT_SECRET_"


class SecretUnavailableError(KeyError):
    """There is no usable key of that name; the message says why and what to do.

    A ``KeyError``, as the machines expect it of a ``SecretSource``.
    """

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message

    def __str__(self) -> str:
        return self.message


class SecretStore:
    """The secrets of one gateway; implements ``gatewright.ike.machine.SecretSource``."""

    def __init__(
        self,
        directory: Path = DEFAULT_DIRECTORY,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self._directory = directory
        self._environment = os.environ if environment is None else environment
        credentials = self._environment.get("CREDENTIALS_DIRECTORY")
        self._credentials = Path(credentials) if credentials else None

    def __repr__(self) -> str:
        return f"SecretStore({str(self._directory)!r})"

    def preshared_key(self, name: str) -> Secret:
        """The key; raises ``SecretUnavailableError``."""
        if not name or "/" in name or name.startswith(".") or "\0" in name:
            raise SecretUnavailableError("a secret's name is one word without slashes")
        content = _read(self._directory / name, others=stat.S_IRWXG | stat.S_IRWXO)
        if content is None and self._credentials is not None:
            # systemd gives the service's group read access and keeps everybody else out.
            content = _read(self._credentials / name, others=stat.S_IRWXO)
        where = str(self._directory / name)
        if content is None:
            variable = environment_name(name)
            text = self._environment.get(variable)
            if text is None:
                raise SecretUnavailableError(
                    f"there is no preshared key {name}: put it into {where} with mode 0600, "
                    f"into a systemd credential {name}, or into ${variable}"
                )
            content, where = os.fsencode(text), f"${variable}"
        return _key(content, where)

    def problem(self, name: str) -> str | None:
        """Why there is no usable key of that name; None when there is one."""
        try:
            self.preshared_key(name)
        except SecretUnavailableError as error:
            return error.message
        return None

    def names(self) -> frozenset[str]:
        """The names that files have, usable or not, for suggestions."""
        found: set[str] = set()
        for directory in (self._directory, self._credentials):
            if directory is None:
                continue
            try:
                found.update(entry.name for entry in directory.iterdir())
            except OSError:
                continue
        return frozenset(name for name in found if not name.startswith("."))


def environment_name(name: str) -> str:
    """The environment variable of a secret."""
    return _ENVIRONMENT_PREFIX + name.upper().replace("-", "_").replace(".", "_")


def _read(path: Path, *, others: int) -> bytes | None:
    """The file's octets, or None when there is none.  ``others`` are the mode bits it may not have.

    Everything is checked on the open file, so that it cannot be exchanged in between; opened
    without blocking, so that a FIFO in its place does not hang the gateway.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise SecretUnavailableError(f"{path} cannot be read: {error.strerror}") from None
    try:
        _check(path, os.fstat(descriptor), others)
        content = os.read(descriptor, MAX_OCTETS + 1)
    except OSError as error:
        raise SecretUnavailableError(f"{path} cannot be read: {error.strerror}") from None
    finally:
        os.close(descriptor)
    return content


def _check(path: Path, status: os.stat_result, others: int) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise SecretUnavailableError(f"{path} is not a regular file: put the key itself there")
    if status.st_mode & others:
        mode = stat.S_IMODE(status.st_mode)
        raise SecretUnavailableError(
            f"{path} has mode {mode:04o}, so that others can read or change the key: "
            f"chmod 600 {path}, and consider the key known"
        )
    if status.st_uid not in (0, os.geteuid()):
        raise SecretUnavailableError(
            f"{path} belongs to user {status.st_uid}, who can change the key: chown root {path}"
        )


def _key(content: bytes, where: str) -> Secret:
    """The key in a file's content.  No message repeats any of it."""
    if len(content) > MAX_OCTETS:
        raise SecretUnavailableError(f"{where} is longer than {MAX_OCTETS} octets: not a key")
    key = content.removesuffix(b"\n").removesuffix(b"\r")
    if key[:2].lower() == b"0x":
        try:
            key = unhexlify(key[2:])
        except HexError:
            raise SecretUnavailableError(
                f"{where} begins with 0x, and an even number of hex digits does not follow"
            ) from None
    if not key:
        raise SecretUnavailableError(f"{where} is empty: write the preshared key into it")
    return Secret(key)
