from __future__ import annotations

import os
import socket
from pathlib import Path

from gatewright.daemon.notify import Notifier


def test_messages_arrive_at_the_service_manager(tmp_path: Path) -> None:
    address = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(address)
        notifier = Notifier({"NOTIFY_SOCKET": address})
        notifier.ready()
        notifier.status("one tunnel")
        notifier.alive()
        notifier.stopping()
        said = [manager.recv(100) for _ in range(4)]
    assert said == [b"READY=1", b"STATUS=one tunnel", b"WATCHDOG=1", b"STOPPING=1"]
    notifier.alive()  # nobody listens any more


def test_an_abstract_address() -> None:
    name = f"gatewright-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(f"\0{name}")
        Notifier({"NOTIFY_SOCKET": f"@{name}"}).ready()
        assert manager.recv(100) == b"READY=1"


def test_the_watchdog_is_told_twice_as_often_as_it_asks() -> None:
    assert Notifier({"WATCHDOG_USEC": "30000000"}).watchdog_interval == 15.0
    mine = {"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": str(os.getpid())}
    assert Notifier(mine).watchdog_interval == 15.0
    assert Notifier({**mine, "WATCHDOG_PID": "1"}).watchdog_interval is None
    assert Notifier({}).watchdog_interval is None


def test_without_a_service_manager_nothing_happens() -> None:
    Notifier({}).ready()
