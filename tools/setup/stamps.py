"""Remembers what a step was last done with, by a hash of its inputs."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

from tools.setup.report import ROOT

STAMPS = ROOT / ".venv" / ".stamps"


def digest(texts: Iterable[str], files: Iterable[Path]) -> str:
    """One hash over all texts and the names and contents of all files."""
    hasher = hashlib.sha256()
    for text in texts:
        hasher.update(b"text\0" + text.encode() + b"\0")
    for path in sorted(files):
        name = path.relative_to(ROOT) if path.is_relative_to(ROOT) else path
        hasher.update(b"file\0" + str(name).encode() + b"\0" + path.read_bytes() + b"\0")
    return hasher.hexdigest()


def is_current(step: str, inputs: str) -> bool:
    try:
        return (STAMPS / step).read_text() == inputs
    except FileNotFoundError:
        return False


def record(step: str, inputs: str) -> None:
    STAMPS.mkdir(parents=True, exist_ok=True)
    (STAMPS / step).write_text(inputs)
