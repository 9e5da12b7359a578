"""Puts packets on the Internet segment of a world, as somebody on the path can."""

from __future__ import annotations

import json
import socket

from scapy.packet import Packet

from gatewright.lab.namespace import Namespace
from gatewright.lab.world import World

STRANGER = b"\x02\x00\x00\x00\x00\x99"
IPV4, IPV6 = b"\x08\x00", b"\x86\xdd"


class Injector:
    """Addresses everything to gateway A's external interface, whatever the packets say."""

    def __init__(self, world: World) -> None:
        self._header = mac_address(world.gateway_a, "wan") + STRANGER
        self._socket = world.internet.call(self._open)
        world.at_end(self._socket.close)

    def send(self, packet: Packet) -> None:
        """An IP packet, its source as forged as its maker wants."""
        data = bytes(packet)
        self._socket.send(self._header + (IPV4 if data[0] >> 4 == 4 else IPV6) + data)

    @staticmethod
    def _open() -> socket.socket:
        sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
        sock.bind(("segment", 0))
        return sock


def mac_address(namespace: Namespace, interface: str) -> bytes:
    (link,) = json.loads(namespace.run(["ip", "-json", "link", "show", interface]))
    return bytes.fromhex(link["address"].replace(":", ""))
