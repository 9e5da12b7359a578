from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Any

import pytest

from gatewright.control.listener import InstanceLock, Listener, SocketInUseError
from gatewright.control.server import application
from tests.unit.control.doubles import FakeService


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


def test_a_request_cut_off_at_the_end_is_no_error(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Somebody sends half a request and waits; the gateway stops all the same, and in silence."""

    async def main() -> None:
        listener = Listener(application(FakeService()), tmp_path / "control.sock")
        await listener.open()
        _, writer = await asyncio.open_unix_connection(tmp_path / "control.sock")
        writer.write(b"POST /v1/assign HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{")
        await writer.drain()
        await asyncio.sleep(0)
        await asyncio.wait_for(listener.close(), 10)
        writer.close()

    asyncio.run(main())
    assert not [record for record in caplog.records if record.exc_info]


def test_while_nobody_asks_it_sleeps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Uvicorn by itself wakes ten times a second, on each gateway, for ever."""

    async def main() -> list[float]:
        loop = asyncio.get_running_loop()
        planned: list[asyncio.TimerHandle] = []
        call_at = loop.call_at

        def recorded(*given: Any, **named: Any) -> asyncio.TimerHandle:
            planned.append(call_at(*given, **named))
            return planned[-1]

        monkeypatch.setattr(loop, "call_at", recorded)
        listener = Listener(application(FakeService()), tmp_path / "control.sock")
        await listener.open()
        _, writer = await asyncio.open_unix_connection(tmp_path / "control.sock")
        writer.close()
        await writer.wait_closed()
        now = loop.time()
        pending = [each.when() - now for each in planned if not each.cancelled()]
        await listener.close()
        return [wait for wait in pending if wait > 0]

    assert asyncio.run(main()) == []
