"""What the watch does with news; sockets of the test's stand for netlink."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
from collections.abc import Callable, Coroutine

import pytest

from gatewright.host.names import HostError
from gatewright.host.watch import Watch

Body = Callable[[Watch, list[float]], Coroutine[object, object, None]]
Run = Callable[[Body], None]
SETTLE = 0.02


class Netlink(socket.socket):
    """One end of a pair instead of a netlink socket; ``senders`` are the others, by protocol."""

    senders: dict[int, socket.socket] = {}  # noqa: RUF012
    refuse: dict[int, int] = {}  # noqa: RUF012
    overruns = 0

    def __init__(
        self, family: int = 0, kind: int = 0, proto: int = 0, fileno: int | None = None
    ) -> None:
        self.netlink = proto if family == socket.AF_NETLINK else None
        if self.netlink is None:
            super().__init__(family, kind, proto, fileno)
            return
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        super().__init__(fileno=ours.detach())
        self.setblocking(False)
        Netlink.senders[proto] = theirs

    def bind(self, address: tuple[int, int]) -> None:  # type: ignore[override]
        assert self.netlink is not None
        assert address[1] != 0
        if self.netlink in self.refuse:
            number = self.refuse[self.netlink]
            raise OSError(number, os.strerror(number))

    def recv(self, size: int, flags: int = 0) -> bytes:
        if self.netlink is not None and Netlink.overruns:
            Netlink.overruns -= 1
            super().recv(size, flags)
            raise OSError(errno.ENOBUFS, "No buffer space available")
        return super().recv(size, flags)


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setattr(Netlink, "senders", {})
    monkeypatch.setattr(Netlink, "refuse", {})
    monkeypatch.setattr(Netlink, "overruns", 0)

    def on_a_loop(body: Body) -> None:
        async def main() -> None:
            loop = asyncio.get_running_loop()
            told: list[float] = []
            watch = Watch(loop, lambda: told.append(loop.time()), SETTLE)
            with monkeypatch.context() as patch:
                patch.setattr(socket, "socket", Netlink)
                try:
                    await body(watch, told)
                finally:
                    watch.close()
                    for each in Netlink.senders.values():
                        each.close()

        asyncio.run(asyncio.wait_for(main(), 20))

    return on_a_loop


async def until(told: list[float], count: int) -> None:
    while len(told) < count:
        await asyncio.sleep(0.001)


def test_a_burst_is_told_once_and_the_next_anew(run: Run) -> None:
    async def body(watch: Watch, told: list[float]) -> None:
        watch.open()
        began = asyncio.get_running_loop().time()
        for _ in range(5):
            for sender in Netlink.senders.values():
                sender.send(b"news")
        await until(told, 1)
        assert told[0] >= began + SETTLE
        assert len(told) == 1
        Netlink.senders[socket.NETLINK_ROUTE].send(b"more")
        await until(told, 2)
        assert told[1] >= told[0] + SETTLE
        assert len(told) == 2

    run(body)


def test_routing_and_nftables_are_both_heard(run: Run) -> None:
    async def body(watch: Watch, told: list[float]) -> None:
        watch.open()
        assert sorted(Netlink.senders) == [socket.NETLINK_ROUTE, 12]
        for number, sender in enumerate(Netlink.senders.values(), start=1):
            sender.send(b"news")
            await until(told, number)

    run(body)


def test_news_that_did_not_fit_are_news(run: Run) -> None:
    async def body(watch: Watch, told: list[float]) -> None:
        watch.open()
        Netlink.overruns = 1
        Netlink.senders[socket.NETLINK_ROUTE].send(b"lost")
        await until(told, 1)

    run(body)


def test_nothing_is_told_after_the_end(run: Run) -> None:
    async def body(watch: Watch, told: list[float]) -> None:
        loop = asyncio.get_running_loop()
        watch.open()
        Netlink.senders[socket.NETLINK_ROUTE].send(b"news")
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        watch.close()
        after = asyncio.Event()
        loop.call_later(2 * SETTLE, after.set)
        await after.wait()
        assert told == []
        with pytest.raises(OSError, match=r"refused|not connected|Broken pipe"):
            Netlink.senders[socket.NETLINK_ROUTE].send(b"news")

    run(body)


def test_a_refusal_is_explained_and_closes_what_was_open(run: Run) -> None:
    async def body(watch: Watch, told: list[float]) -> None:
        del told
        Netlink.refuse[12] = errno.EPERM
        with pytest.raises(HostError, match="cannot be heard: Operation not permitted"):
            watch.open()
        with pytest.raises(OSError, match=r"refused|not connected|Broken pipe"):
            Netlink.senders[socket.NETLINK_ROUTE].send(b"news")

    run(body)
