"""Real sockets on loopback, at ports of the system's choice: port 500 and the mark need rights."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
from collections.abc import Callable, Coroutine
from ipaddress import ip_address
from pathlib import Path

import pytest

from gatewright.daemon import sockets
from gatewright.daemon.sockets import IkeSockets, SocketError
from gatewright.host.names import MARK
from gatewright.ike.machine import IKE_PORT, Address, Datagram
from gatewright.ipsec.selectors import IPAddress

ONE, TWO, SIX = (ip_address(text) for text in ("127.0.0.1", "127.0.0.2", "::1"))

Body = Callable[[IkeSockets, list[Datagram]], Coroutine[object, object, None]]
Run = Callable[[Body], None]


class Unprivileged(socket.socket):
    """Takes any port; ``made`` are those that asked for 500, ``refuse`` gives errors by address."""

    made: list[Unprivileged] = []  # noqa: RUF012
    refuse: dict[str, int] = {}  # noqa: RUF012

    def __init__(self, *arguments: int) -> None:
        super().__init__(*arguments)
        self.marks: list[int] = []

    def setsockopt(self, *arguments: int) -> None:  # type: ignore[override]
        if arguments[:2] == (socket.SOL_SOCKET, socket.SO_MARK):
            self.marks.append(arguments[2])
        else:
            super().setsockopt(*arguments)

    def bind(self, address: tuple[str, int]) -> None:  # type: ignore[override]
        if address[1] == IKE_PORT:
            self.made.append(self)
        number = self.refuse.get(address[0])
        if number is not None:
            raise OSError(number, os.strerror(number))
        super().bind((address[0], 0))

    @property
    def port(self) -> int:
        port: int = self.getsockname()[1]
        return port


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setattr(Unprivileged, "made", [])
    monkeypatch.setattr(Unprivileged, "refuse", {})
    monkeypatch.setattr(socket, "socket", Unprivileged)

    def on_a_loop(body: Body) -> None:
        async def main() -> None:
            arrived: list[Datagram] = []
            tested = IkeSockets(asyncio.get_running_loop())
            tested.deliver_to(arrived.append)
            try:
                await body(tested, arrived)
            finally:
                tested.close()

        asyncio.run(asyncio.wait_for(main(), 20))

    return on_a_loop


def peer(address: str) -> Unprivileged:
    made = Unprivileged(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM)
    made.bind((address, 0))
    made.settimeout(10)
    return made


@pytest.mark.parametrize("own", [ONE, SIX])
def test_a_datagram_comes_and_goes_with_its_addresses(run: Run, own: IPAddress) -> None:
    async def body(tested: IkeSockets, arrived: list[Datagram]) -> None:
        tested.listen([own])
        (ours,) = Unprivileged.made
        assert ours.marks == [MARK]
        with peer(str(own)) as theirs:
            theirs.sendto(b"hello", (str(own), ours.port))
            theirs.sendto(b"", (str(own), ours.port))
            while len(arrived) < 2:
                await asyncio.sleep(0.001)
            here, there = Address(own, 500), Address(own, theirs.port)
            assert arrived == [Datagram(here, there, b"hello"), Datagram(here, there, b"")]
            tested.send(Datagram(here, there, b"and back"))
            assert theirs.recvfrom(100)[0] == b"and back"

    run(body)


def test_what_finds_the_buffer_full_is_counted(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sockets, "_BUFFER", 4096)

    async def body(tested: IkeSockets, arrived: list[Datagram]) -> None:
        tested.listen([ONE])
        (ours,) = Unprivileged.made
        with peer("127.0.0.1") as theirs:
            for _ in range(200):  # the loop has no turn to read meanwhile
                theirs.sendto(bytes(1000), ("127.0.0.1", ours.port))
            lost = tested.overflows()
            assert 0 < lost < 200
            while len(arrived) < 200 - lost:
                await asyncio.sleep(0.001)
            tested.close()
            assert tested.overflows() == lost

    run(body)


def test_a_burst_has_room(run: Run) -> None:
    async def body(tested: IkeSockets, arrived: list[Datagram]) -> None:
        del arrived
        tested.listen([ONE])
        (ours,) = Unprivileged.made
        default = Path("/proc/sys/net/core/rmem_default").read_text()
        assert ours.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) > int(default)

    run(body)


def test_each_address_answers_from_itself(run: Run) -> None:
    async def body(tested: IkeSockets, arrived: list[Datagram]) -> None:
        del arrived
        tested.listen([ONE, TWO])
        with peer("127.0.0.1") as theirs:
            for own in (ONE, TWO):
                to = Address(ONE, theirs.port)
                tested.send(Datagram(Address(own, 500), to, b"x"))
                assert theirs.recvfrom(100)[1][0] == str(own)

    run(body)


def test_what_is_open_already_is_left_alone_and_what_is_not_wanted_is_closed(run: Run) -> None:
    async def body(tested: IkeSockets, arrived: list[Datagram]) -> None:
        del arrived
        tested.listen([ONE])
        (first,) = Unprivileged.made
        tested.listen([ONE, TWO])
        assert len(Unprivileged.made) == 2
        assert first.fileno() >= 0
        tested.listen([TWO])
        assert first.fileno() == -1
        with pytest.raises(OSError, match=r"no socket for 127\.0\.0\.1"):
            tested.send(Datagram(Address(ONE, 500), Address(TWO, 500), b"x"))
        tested.close()
        assert [each.fileno() for each in Unprivileged.made] == [-1, -1]

    run(body)


def test_a_refusal_changes_nothing_and_leaves_nothing_open(run: Run) -> None:
    async def body(tested: IkeSockets, arrived: list[Datagram]) -> None:
        del arrived
        tested.listen([ONE])
        Unprivileged.refuse["::1"] = errno.EADDRINUSE
        with pytest.raises(SocketError):
            tested.listen([TWO, SIX])
        assert [each.fileno() >= 0 for each in Unprivileged.made] == [True] + [False] * (
            len(Unprivileged.made) - 1
        )
        tested.send(Datagram(Address(ONE, 500), Address(ONE, 9), b"x"))

    run(body)


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.EADDRINUSE, "Another IKE daemon has it"),
        (errno.EACCES, "CAP_NET_BIND_SERVICE"),
        (errno.EPERM, "run as root"),
        (errno.EADDRNOTAVAIL, "Cannot assign requested address."),
    ],
)
def test_why_a_socket_cannot_be_opened(run: Run, number: int, words: str) -> None:
    async def body(tested: IkeSockets, arrived: list[Datagram]) -> None:
        del arrived
        Unprivileged.refuse["127.0.0.1"] = number
        with pytest.raises(SocketError, match=r"UDP port 500 of 127\.0\.0\.1") as caught:
            tested.listen([ONE])
        assert words in str(caught.value)

    run(body)


def test_an_error_about_a_former_datagram_does_not_lose_the_next(run: Run) -> None:
    async def body(tested: IkeSockets, arrived: list[Datagram]) -> None:
        tested.listen([ONE])
        (ours,) = Unprivileged.made
        with peer("127.0.0.1") as gone:
            nobody = gone.port
        with peer("127.0.0.1") as theirs:
            ours.connect(("127.0.0.1", nobody))
            ours.send(b"refused")  # the port is closed: the error waits at the socket
            ours.connect(("127.0.0.1", theirs.port))
            theirs.sendto(b"hello", ("127.0.0.1", ours.port))
            while not arrived:
                await asyncio.sleep(0.001)
            assert arrived[0].payload == b"hello"

    run(body)
