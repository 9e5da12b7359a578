from __future__ import annotations

from pathlib import Path

import pytest

from gatewright.control.paths import DEFAULT_CONTROL
from gatewright.daemon.settings import DEFAULT_STATE, state_directory


@pytest.mark.parametrize(
    ("control", "given", "expected"),
    [
        (DEFAULT_CONTROL, None, DEFAULT_STATE),
        (Path("/run/a.sock"), None, Path("/run/a.state")),
        (Path("/run/b"), None, Path("/run/b.state")),
        (DEFAULT_CONTROL, Path("/s"), Path("/s")),
        (Path("/run/a.sock"), Path("/s"), Path("/s")),
    ],
)
def test_two_gateways_share_no_state_unless_told_to(
    control: Path, given: Path | None, expected: Path
) -> None:
    assert state_directory(control, given) == expected
