"""Serves the control application on a Unix socket, for one daemon at a time."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import logging
import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import uvicorn
from starlette.types import ASGIApp


class SocketInUseError(Exception):
    """Another daemon has this control socket; ``pid`` when it said so."""

    def __init__(self, path: Path, pid: str) -> None:
        super().__init__(f"{path} belongs to a running gateway" + (f" (pid {pid})" if pid else ""))
        self.path = path
        self.pid = pid


class InstanceLock:
    """A lock file beside the socket: held by the daemon's life, released by the kernel."""

    def __init__(self, control: Path) -> None:
        self._path = control.with_name(control.name + ".lock")
        self._control = control
        self._file: IO[str] | None = None

    def acquire(self) -> None:
        """Raises SocketInUseError; OSError when the directory does not let us."""
        self._path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        file = os.fdopen(descriptor, "r+")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            pid = file.read().strip()
            file.close()
            raise SocketInUseError(self._control, pid) from None
        file.seek(0)
        file.truncate()
        file.write(f"{os.getpid()}\n")
        file.flush()
        self._file = file

    def release(self) -> None:
        """The file stays: removing it would let two daemons hold two locks of one name."""
        if self._file is not None:
            self._file.close()
            self._file = None


def bind(path: Path) -> socket.socket:
    """A Unix socket of mode 0600; a stale file of a dead daemon is replaced (hold the lock)."""
    path.unlink(missing_ok=True)
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
    former = os.umask(0o177)
    try:
        listening.bind(str(path))
    except OSError:
        listening.close()
        raise
    finally:
        os.umask(former)
    return listening


class _NotCancelled(logging.Filter):
    """A request that is cut off when the gateway stops is no error of anybody."""

    def filter(self, record: logging.LogRecord) -> bool:
        return not (record.exc_info and isinstance(record.exc_info[1], asyncio.CancelledError))


_NO_CANCELLED = _NotCancelled()


class _Server(uvicorn.Server):
    """Leaves the signals to the daemon, and sleeps while nobody asks.

    Uvicorn's own loop wakes ten times a second: for a date in its answers, to count requests, and
    to see whether it should stop, of which only the last is wanted here.
    """

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._stopped = asyncio.Event()

    async def main_loop(self) -> None:
        await self.on_tick(0)
        await self._stopped.wait()

    def stop(self) -> None:
        self.should_exit = True
        self._stopped.set()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class Listener:
    """The control interface while it is open."""

    def __init__(self, application: ASGIApp, path: Path) -> None:
        self._path = path
        config = uvicorn.Config(
            application,
            log_config=None,
            access_log=False,
            lifespan="off",
            date_header=False,
            timeout_graceful_shutdown=1,
            ws="none",
        )
        logging.getLogger("uvicorn.error").addFilter(_NO_CANCELLED)
        self._server = _Server(config)
        self._task: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Begin to answer; returns when the socket accepts connections."""
        listening = bind(self._path)
        self._task = asyncio.create_task(self._server.serve(sockets=[listening]))
        while not self._server.started and not self._task.done():
            await asyncio.sleep(0.005)
        if self._task.done():
            await self._task

    async def close(self) -> None:
        self._server.stop()
        if self._task is not None:
            await self._task
            self._task = None
        self._path.unlink(missing_ok=True)
