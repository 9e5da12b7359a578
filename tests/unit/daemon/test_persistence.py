from __future__ import annotations

import stat
from pathlib import Path

import pytest

from gatewright.daemon.persistence import Assigned, AssignedStore


def test_what_was_assigned_is_read_back_until_it_is_removed(tmp_path: Path) -> None:
    store = AssignedStore(tmp_path)
    assert store.load() is None
    assigned = Assigned("tunnels: {ä: 1}\n", "/etc/p.yaml", 12.5)
    store.save(assigned)
    assert store.load() == assigned
    assert stat.S_IMODE((tmp_path / "assigned.json").stat().st_mode) == 0o600
    store.remove()
    store.remove()
    assert store.load() is None


@pytest.mark.parametrize("content", ["", "[]", "{", '{"text": "x"}', '{"text": 1, "time": "x"}'])
def test_a_damaged_record_is_said_and_not_taken_for_none(tmp_path: Path, content: str) -> None:
    (tmp_path / "assigned.json").write_text(content)
    with pytest.raises(ValueError, match=r"assigned\.json"):
        AssignedStore(tmp_path).load()
