"""A table as Linux 6.1 prints it, some columns of the heading left out."""

from __future__ import annotations

from pathlib import Path

from gatewright.dataplane import system_drops

DEV = """\
Inter-|   Receive              |  Transmit
 face |bytes packets errs drop fifo frame compressed multicast|bytes packets errs drop fifo
    lo:       0       0    0    9    0     0          0         0        0       0    0    8    0
gatewright0: 184     2    0    7    0     0          0         0    84       1    0   42    0
"""


def test_what_the_device_dropped_is_found(tmp_path: Path) -> None:
    table = tmp_path / "dev"
    table.write_text(DEV)
    assert system_drops.read("gatewright0", table) == {"drop_tun_queue": 42}
    assert system_drops.read("gatewright1", table) == {"drop_tun_queue": 0}


def test_nothing_is_told_where_nothing_can_be_read(tmp_path: Path) -> None:
    assert system_drops.read("gatewright0", tmp_path / "none") == {"drop_tun_queue": 0}


def test_the_table_of_this_system_can_be_read() -> None:
    found = system_drops.read("lo")
    assert found.keys() == system_drops.MEANINGS.keys()
    assert all(count >= 0 for count in found.values())
