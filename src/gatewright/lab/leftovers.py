"""Worlds that outlived their process: kept on purpose, or orphaned by a kill -9."""

from __future__ import annotations

import json
import os
import re
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from gatewright.lab.namespace import NAMED, Namespace

KEPT = Path("/run/gatewright-demo")
_STALE = re.compile(r"gw(\d+)w\d+-")


@dataclass(frozen=True, slots=True)
class KeptWorld:
    """A world that was left standing, as it is written down for who takes it away."""

    prefix: str
    namespaces: list[str]
    directory: Path

    def write(self) -> None:
        KEPT.mkdir(mode=0o755, exist_ok=True)
        content = {"namespaces": self.namespaces, "directory": str(self.directory)}
        (KEPT / f"{self.prefix}.json").write_text(json.dumps(content))

    def remove(self) -> None:
        """End its processes, take it away."""
        for name in self.namespaces:
            Namespace(name).remove()
        shutil.rmtree(self.directory, ignore_errors=True)
        (KEPT / f"{self.prefix}.json").unlink(missing_ok=True)


def kept_worlds() -> list[KeptWorld]:
    """Every world that was kept and not yet removed."""
    found = []
    for path in sorted(KEPT.glob("*.json")):
        content = json.loads(path.read_text())
        found.append(KeptWorld(path.stem, content["namespaces"], Path(content["directory"])))
    return found


def remove_orphans() -> None:
    """Take away worlds whose process was killed before it could: namespaces, then scratch files."""
    for path in NAMED.iterdir() if NAMED.is_dir() else ():
        if _is_stale(path.name):
            Namespace(path.name).remove()
    for path in Path(tempfile.gettempdir()).glob("gatewright-*"):
        if _is_stale(path.name.removeprefix("gatewright-")) and path.stat().st_uid == os.geteuid():
            shutil.rmtree(path, ignore_errors=True)


def _is_stale(name: str) -> bool:
    match = _STALE.match(name)
    return match is not None and not Path(f"/proc/{match[1]}").exists()
