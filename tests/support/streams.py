"""Many flows at once between the hosts of a world, and whether their packets came in order."""

from __future__ import annotations

import socket
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from gatewright.lab.namespace import Namespace

_PORT = 5300
_BLOCK = bytes(1 << 18)
_TIMEOUT = 20.0
LAST = 0xFFFFFFFF


def tcp_streams(
    sender: Namespace, receiver: Namespace, destinations: Sequence[str], octets: int
) -> None:
    """One TCP stream to each destination (which may be the same), all at once, to their ends.

    Raises ``OSError`` when one stalls, ``AssertionError`` when octets are missing.
    """
    with ThreadPoolExecutor(2 * len(destinations)) as pool:
        jobs = []
        for number, destination in enumerate(destinations):
            address = (destination, _PORT + number)
            listener = receiver.call(lambda address=address: socket.create_server(address))  # type: ignore[misc]
            jobs.append(pool.submit(_take, listener))
            jobs.append(pool.submit(_give, sender, address, octets))
        arrived = [job.result() for job in jobs][::2]
    assert arrived == [octets] * len(destinations)


def _take(listener: socket.socket) -> int:
    buffer = bytearray(len(_BLOCK))
    octets = 0
    with listener:
        listener.settimeout(_TIMEOUT)
        connection, _ = listener.accept()
        with connection:
            connection.settimeout(_TIMEOUT)
            while received := connection.recv_into(buffer):
                octets += received
    return octets


def _give(sender: Namespace, address: tuple[str, int], octets: int) -> int:
    with sender.call(lambda: socket.socket(socket.AF_INET, socket.SOCK_STREAM)) as stream:
        stream.settimeout(_TIMEOUT)
        stream.connect(address)
        for begin in range(0, octets, len(_BLOCK)):
            stream.sendall(_BLOCK[: octets - begin])
    return octets


def numbered_datagrams(
    sender: Namespace, receiver: Namespace, destinations: Sequence[str], count: int
) -> list[list[int]]:
    """``count`` small datagrams to each destination in turn, as fast as they go.

    Which numbers arrived, in order of arrival, by destination.  The receiving socket may lose some.
    """
    flows = []
    for number, destination in enumerate(destinations):
        address = (destination, _PORT + number)
        flow = receiver.call(lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        flow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
        flow.settimeout(_TIMEOUT)
        flow.bind(address)
        flows.append(flow)
    arrived: list[list[int]] = [[] for _ in flows]
    threads = [
        threading.Thread(target=_collect, args=(flow, numbers))
        for flow, numbers in zip(flows, arrived, strict=True)
    ]
    for thread in threads:
        thread.start()
    with sender.call(lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as out:
        for number in range(count):
            for flow in flows:
                out.sendto(number.to_bytes(4, "big"), flow.getsockname())
        for thread, flow in zip(threads, flows, strict=True):
            while thread.is_alive():
                out.sendto(LAST.to_bytes(4, "big"), flow.getsockname())
                thread.join(0.05)
            flow.close()
    return arrived


def _collect(flow: socket.socket, numbers: list[int]) -> None:
    while (number := int.from_bytes(flow.recv(16), "big")) != LAST:
        numbers.append(number)


def overtaken(host: Namespace) -> int:
    """TCP segments that came to a host before one that was sent earlier."""
    lines = host.run(["cat", "/proc/net/netstat"]).splitlines()
    names, values = (line.split() for line in lines if line.startswith("TcpExt:"))
    return int(dict(zip(names, values, strict=True))["TCPOFOQueue"])
