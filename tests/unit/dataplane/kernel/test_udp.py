from __future__ import annotations

import errno
import socket
from ipaddress import ip_address

import pytest

from gatewright.dataplane.kernel.udp import bound
from gatewright.ipsec.selectors import IPAddress

PORT = 45078


@pytest.fixture(autouse=True)
def without_privileges(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "SO_MARK", socket.SO_REUSEADDR)


@pytest.mark.parametrize("address", [ip_address("127.0.0.78"), ip_address("::1")])
def test_it_is_prepared_then_bound_and_does_not_block(address: IPAddress) -> None:
    seen: list[int] = []
    with bound(address, PORT, 1, lambda each: seen.append(each.getsockname()[1])) as made:
        assert seen == [0]
        assert made.getsockname()[:2] == (str(address), PORT)
        with pytest.raises(BlockingIOError):
            made.recv(1)


def test_an_address_that_is_not_there_yet_can_be_had() -> None:
    with bound(ip_address("192.0.2.78"), PORT, 1, lambda _: None) as made:
        assert made.getsockname()[0] == "192.0.2.78"


def test_what_is_refused_is_closed() -> None:
    opened: list[socket.socket] = []
    with (
        bound(ip_address("127.0.0.78"), 0, 1, lambda _: None) as first,
        pytest.raises(OSError, match="in use") as caught,
    ):
        bound(ip_address("127.0.0.78"), first.getsockname()[1], 0, opened.append)
    assert caught.value.errno == errno.EADDRINUSE
    assert opened[0].fileno() == -1
