from __future__ import annotations

import os
from pathlib import Path

import pytest

from gatewright.control.listener import InstanceLock, SocketInUseError


def test_one_daemon_per_socket(tmp_path: Path) -> None:
    control = tmp_path / "new" / "control.sock"
    first, second = InstanceLock(control), InstanceLock(control)
    first.acquire()
    with pytest.raises(SocketInUseError, match=rf"pid {os.getpid()}"):
        second.acquire()
    first.release()
    second.acquire()
    second.release()


def test_other_sockets_have_other_locks(tmp_path: Path) -> None:
    locks = [InstanceLock(tmp_path / name) for name in ("a.sock", "b.sock")]
    for lock in locks:
        lock.acquire()
    for lock in locks:
        lock.release()
