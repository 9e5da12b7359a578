"""What is asked of the machine on which something is measured."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from bench.machine import PACKET_THREAD, spread_packet_threads


@contextmanager
def thread_called(name: str) -> Iterator[int]:
    """A thread that waits; its number."""
    ready, done = threading.Event(), threading.Event()

    def wait() -> None:
        Path(f"/proc/self/task/{threading.get_native_id()}/comm").write_text(name)
        ready.set()
        done.wait()

    thread = threading.Thread(target=wait)
    thread.start()
    try:
        assert ready.wait(10)
        assert thread.native_id is not None
        yield thread.native_id
    finally:
        done.set()
        thread.join()


def test_packet_threads_have_the_cores_in_turn_and_others_all() -> None:
    every = sorted(os.sched_getaffinity(0))
    count = len(every) + 1
    with ExitStack() as stack:
        other = stack.enter_context(thread_called("gatewright"))
        names = (f"{PACKET_THREAD}{number}" for number in range(count))
        threads = sorted(stack.enter_context(thread_called(name)) for name in names)
        spread_packet_threads([os.getpid()])
        taken = [os.sched_getaffinity(thread) for thread in threads]
        assert taken == [{core} for core in [*every, every[0]]]
        assert os.sched_getaffinity(other) == set(every)
