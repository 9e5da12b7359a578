"""The assigned policy on disk, so that a restarted daemon takes it up again."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

_VERSION = 1


@dataclass(frozen=True, slots=True)
class Assigned:
    """``text`` is the policy file as it was assigned, ``filename`` its absolute path; ``time`` in
    seconds since 1970."""

    text: str
    filename: str
    time: float


class AssignedStore:
    """One file of mode 0600; it is there exactly while a policy is assigned."""

    def __init__(self, directory: Path) -> None:
        self._path = directory / "assigned.json"

    def load(self) -> Assigned | None:
        """None when no policy is assigned.  Raises ValueError when the file cannot be read."""
        try:
            stored = json.loads(self._path.read_text())
        except FileNotFoundError:
            return None
        except OSError as error:
            raise ValueError(f"{self._path}: {error.strerror}") from error
        except ValueError as error:
            raise ValueError(f"{self._path} is damaged: {error}") from error
        try:
            return Assigned(str(stored["text"]), str(stored["filename"]), float(stored["time"]))
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"{self._path} is not a record of an assigned policy") from error

    def save(self, assigned: Assigned) -> None:
        temporary = self._path.with_suffix(".new")
        temporary.touch(mode=0o600)
        with temporary.open("w") as file:
            json.dump({"version": _VERSION, **asdict(assigned)}, file)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(self._path)

    def remove(self) -> None:
        self._path.unlink(missing_ok=True)
