"""Serves a control application on a real Unix socket, in a thread of its own."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from gatewright.control.listener import Listener
from gatewright.control.server import application
from gatewright.control.service import Service

Call = Callable[[Callable[[], object]], object]


@contextmanager
def serving(make: Callable[[], Service], path: Path) -> Iterator[Call]:
    """The service is made inside the thread's loop; yields a way to call something there."""
    ready, ended = threading.Event(), threading.Event()
    loops: list[asyncio.AbstractEventLoop] = []
    stops: list[asyncio.Event] = []
    failures: list[BaseException] = []

    async def main() -> None:
        listener = Listener(application(make()), path)
        await listener.open()
        loops.append(asyncio.get_running_loop())
        stops.append(asyncio.Event())
        ready.set()
        await stops[0].wait()
        await listener.close()

    def run() -> None:
        try:
            asyncio.run(main())
        except BaseException as error:
            failures.append(error)
        finally:
            ready.set()
            ended.set()

    thread = threading.Thread(target=run)
    thread.start()
    ready.wait()
    if failures:
        raise failures[0]
    try:
        yield loops[0].call_soon_threadsafe
    finally:
        loops[0].call_soon_threadsafe(stops[0].set)
        thread.join()
