from __future__ import annotations

import socket
from collections.abc import Iterator
from ipaddress import ip_address

import pytest

from gatewright.dataplane.interface import DataPlaneError, IkeDatagram
from gatewright.dataplane.kernel import sockets
from gatewright.dataplane.kernel.sockets import NatTSockets

HERE = ip_address("127.0.0.77")
PORT = 45077


@pytest.fixture
def nat_t(monkeypatch: pytest.MonkeyPatch) -> Iterator[NatTSockets]:
    """On another port, since a gateway may run here, and without what needs privileges."""
    monkeypatch.setattr(sockets, "NAT_T_PORT", PORT)
    monkeypatch.setattr(socket, "SO_MARK", socket.SO_REUSEADDR)
    made = NatTSockets(1)
    made.listen([HERE])
    yield made
    made.close()


@pytest.fixture
def peer() -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as made:
        made.bind(("127.0.0.78", 0))
        made.settimeout(5)
        yield made


def test_ike_has_the_marker_in_front_and_a_keepalive_is_one_octet(
    nat_t: NatTSockets, peer: socket.socket
) -> None:
    where = ip_address("127.0.0.78"), peer.getsockname()[1]
    nat_t.send_ike(HERE, *where, b"message")
    assert peer.recv(100) == bytes(4) + b"message"
    nat_t.send_keepalive(HERE, *where)
    assert peer.recv(100) == b"\xff"


def test_what_has_the_marker_is_ike(nat_t: NatTSockets, peer: socket.socket) -> None:
    for data in (bytes(4), bytes(4) + b"message"):
        peer.sendto(data, (str(HERE), PORT))
    wanted = IkeDatagram(HERE, PORT, ip_address("127.0.0.78"), peer.getsockname()[1], b"message")
    assert list(nat_t.receive()) == [wanted]
    assert list(nat_t.receive()) == []


def test_addresses_come_and_go(nat_t: NatTSockets) -> None:
    other = ip_address("127.0.0.79")
    before = nat_t.filenos()
    nat_t.listen([HERE, other])
    assert before < nat_t.filenos()
    nat_t.listen([HERE])
    assert nat_t.filenos() == before


def test_another_daemon_s_port_is_a_refusal(nat_t: NatTSockets) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("127.0.0.79", PORT))
        with pytest.raises(DataPlaneError, match="Another IKE daemon"):
            nat_t.listen([HERE, ip_address("127.0.0.79")])
    assert len(nat_t.filenos()) == 1


def test_sending_from_an_address_without_socket_is_a_refusal(nat_t: NatTSockets) -> None:
    with pytest.raises(DataPlaneError, match="no socket"):
        nat_t.send_ike(ip_address("127.0.0.1"), HERE, 1, b"")


def test_a_refusal_of_the_system_is_explained(nat_t: NatTSockets) -> None:
    with pytest.raises(DataPlaneError, match="Sending to port 1 of"):
        nat_t.send_ike(HERE, ip_address("::1"), 1, b"")
