from __future__ import annotations

import stat
from pathlib import Path

from gatewright.host.state import HostState, load, save


def test_what_was_saved_is_read_back(tmp_path: Path) -> None:
    path = tmp_path / "host.json"
    save(path, HostState("gw1", {"net/ipv4/ip_forward": "0"}))
    assert load(path) == HostState("gw1", {"net/ipv4/ip_forward": "0"})
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_file_that_is_missing_or_not_ours_is_none(tmp_path: Path) -> None:
    path = tmp_path / "host.json"
    assert load(path) is None
    for content in ("", "[]", "{", '{"version": 99}', "\0"):
        path.write_text(content)
        assert load(path) is None
