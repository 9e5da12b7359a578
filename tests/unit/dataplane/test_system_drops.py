"""Tables as Linux 6.1 prints them, some columns of the middle left out."""

from __future__ import annotations

from pathlib import Path

from gatewright.dataplane import system_drops

DEV = """\
Inter-|   Receive              |  Transmit
 face |bytes packets errs drop fifo frame compressed multicast|bytes packets errs drop fifo
    lo:       0       0    0    9    0     0          0         0        0       0    0    8    0
gatewright0: 184     2    0    7    0     0          0         0    84       1    0   42    0
"""
UDP = """\
   sl  local_address rem_address   st tx_queue:rx_queue inode ref pointer drops
  338: 017100CB:1194 00000000:0000 07 00000000:00000000 00:00000000 72 2 0000000000000000 5
  338: 027100CB:1194 00000000:0000 07 00000000:00000000 00:00000000 73 2 0000000000000000 6
  338: 017100CB:01F4 00000000:0000 07 00000000:00000000 00:00000000 74 2 0000000000000000 9
"""
RAW = """\
  sl  local_address rem_address   st tx_queue:rx_queue inode ref pointer drops
   50: 017100CB:0032 00000000:0000 07 00000000:00000000 00:00000000 75 2 0000000000000000 3
    1: 017100CB:0001 00000000:0000 07 00000000:00000000 00:00000000 76 2 0000000000000000 4
"""


def test_what_the_kernel_dropped_is_found(tmp_path: Path) -> None:
    for name, text in (("dev", DEV), ("udp", UDP), ("raw", RAW)):
        (tmp_path / name).write_text(text)
    assert system_drops.read("gatewright0", 4500, tmp_path) == {
        "drop_tun_queue": 42,
        "drop_udp_buffer": 11,
        "drop_esp_buffer": 3,
    }


def test_nothing_is_told_where_nothing_can_be_read(tmp_path: Path) -> None:
    assert set(system_drops.read("gatewright0", 4500, tmp_path).values()) == {0}


def test_the_tables_of_this_system_can_be_read() -> None:
    found = system_drops.read("lo", 1)
    assert found.keys() == system_drops.MEANINGS.keys()
    assert all(count >= 0 for count in found.values())
