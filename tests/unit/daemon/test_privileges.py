from __future__ import annotations

import resource
import subprocess
import sys
from pathlib import Path

import pytest

from gatewright.daemon.privileges import missing

ALL = 1 << 12 | 1 << 13 | 1 << 10


@pytest.mark.parametrize(
    ("held", "first_free_port", "expected"),
    [
        (ALL, 1024, []),
        (0, 1024, ["CAP_NET_ADMIN", "CAP_NET_RAW", "CAP_NET_BIND_SERVICE"]),
        (ALL & ~(1 << 13), 1024, ["CAP_NET_RAW"]),
        (ALL & ~(1 << 10), 500, []),
        (ALL & ~(1 << 10), 501, ["CAP_NET_BIND_SERVICE"]),
    ],
)
def test_what_is_missing(
    tmp_path: Path, held: int, first_free_port: int, expected: list[str]
) -> None:
    status, port = tmp_path / "status", tmp_path / "port"
    status.write_text(f"Name:\tx\nCapEff:\t{held:016x}\n")
    port.write_text(f"{first_free_port}\n")
    assert [name for name, _ in missing(status, port)] == expected


def test_no_crash_leaves_a_core_behind() -> None:
    """In a process of its own, since there is no way back."""
    script = (
        "from gatewright.daemon.privileges import forbid_core_dumps as forbid\n"
        "import resource\n"
        "forbid(); forbid()\n"
        "print(resource.getrlimit(resource.RLIMIT_CORE))"
    )
    before = resource.getrlimit(resource.RLIMIT_CORE)
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True)
    assert done.stdout.strip() == b"(0, 0)"
    assert resource.getrlimit(resource.RLIMIT_CORE) == before
