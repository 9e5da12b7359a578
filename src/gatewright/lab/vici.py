"""A client for VICI, the control protocol of strongSwan's charon.

Documented in ``src/libcharon/plugins/vici/README.md`` of strongSwan.  A packet is a 32-bit length
and a type; a message is a tree of sections, lists and values.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator, Mapping, Sequence
from enum import IntEnum
from types import TracebackType
from typing import Self, Union

from gatewright.lab.errors import LabError

Value = Union[str, Sequence[str], "Message"]
Message = Mapping[str, Value]
Tree = dict[str, Value]


class Packet(IntEnum):
    """Packet types."""

    CMD_REQUEST = 0
    CMD_RESPONSE = 1
    CMD_UNKNOWN = 2
    EVENT_REGISTER = 3
    EVENT_UNREGISTER = 4
    EVENT_CONFIRM = 5
    EVENT_UNKNOWN = 6
    EVENT = 7


class Element(IntEnum):
    """Message elements."""

    SECTION_START = 1
    SECTION_END = 2
    KEY_VALUE = 3
    LIST_START = 4
    LIST_ITEM = 5
    LIST_END = 6


class PeerRefusedError(LabError):
    """charon could not do what it was asked; the message has its words."""


def encode(message: Message) -> bytes:
    """A tree of texts, lists of texts and trees, as VICI writes it."""
    out = bytearray()
    for name, value in message.items():
        if isinstance(value, str):
            out += bytes([Element.KEY_VALUE]) + _name(name) + _text(value)
        elif isinstance(value, Mapping):
            out += bytes([Element.SECTION_START]) + _name(name) + encode(value)
            out.append(Element.SECTION_END)
        else:
            out += bytes([Element.LIST_START]) + _name(name)
            for item in value:
                out += bytes([Element.LIST_ITEM]) + _text(item)
            out.append(Element.LIST_END)
    return bytes(out)


def decode(data: bytes) -> Tree:
    """The inverse of ``encode``; for messages of a charon that we started."""
    root: Tree = {}
    stack = [root]
    items: list[str] = []
    list_name = ""
    position = 0

    def name() -> str:
        nonlocal position
        length = data[position]
        position += 1 + length
        return data[position - length : position].decode()

    def text() -> str:
        nonlocal position
        length = int.from_bytes(data[position : position + 2], "big")
        position += 2 + length
        return data[position - length : position].decode(errors="replace")

    while position < len(data):
        kind = data[position]
        position += 1
        match kind:
            case Element.SECTION_START:
                section: Tree = {}
                stack[-1][name()] = section
                stack.append(section)
            case Element.SECTION_END:
                stack.pop()
            case Element.KEY_VALUE:
                key = name()
                stack[-1][key] = text()
            case Element.LIST_START:
                list_name, items = name(), []
            case Element.LIST_ITEM:
                items.append(text())
            case Element.LIST_END:
                stack[-1][list_name] = items
            case _:
                raise LabError(f"VICI: element type {kind}")
    return root


def _name(name: str) -> bytes:
    return bytes([len(name)]) + name.encode()


def _text(text: str) -> bytes:
    data = text.encode()
    return struct.pack("!H", len(data)) + data


class Vici:
    """One connection.  ``timeout`` seconds bound each wait for charon."""

    def __init__(self, connection: socket.socket, timeout: float = 20.0) -> None:
        self._socket = connection
        self._socket.settimeout(timeout)

    def command(self, name: str, message: Message | None = None) -> Tree:
        """Execute a command; its answer.  Raises ``PeerRefusedError`` when charon says no."""
        self._send(Packet.CMD_REQUEST, name, message or {})
        kind, data = self._receive()
        if kind is not Packet.CMD_RESPONSE:
            raise LabError(f"VICI: {name} was answered by {kind.name}")
        answer = decode(data)
        if answer.get("success", "yes") != "yes":
            raise PeerRefusedError(f"charon, {name}: {answer.get('errmsg', 'failed')}")
        return answer

    def stream(self, name: str, event: str, message: Message | None = None) -> list[Tree]:
        """Execute a command that answers by a series of events."""
        self.listen(event)
        self._send(Packet.CMD_REQUEST, name, message or {})
        collected: list[Tree] = []
        while True:
            kind, data = self._receive()
            if kind is Packet.CMD_RESPONSE:
                break
            if kind is Packet.EVENT:
                collected.append(decode(data[1 + data[0] :]))
        self._send(Packet.EVENT_UNREGISTER, event)
        self._receive()
        return collected

    def listen(self, event: str) -> None:
        """Have charon send this event from now on; see ``events``."""
        self._send(Packet.EVENT_REGISTER, event)
        kind, _ = self._receive()
        if kind is not Packet.EVENT_CONFIRM:
            raise LabError(f"VICI: there is no event {event}")

    def events(self) -> Iterator[tuple[str, Tree]]:
        """Name and content of each event as it comes.  Raises ``LabError`` on a time-out."""
        while True:
            kind, data = self._receive()
            if kind is Packet.EVENT:
                length = data[0]
                yield data[1 : 1 + length].decode(), decode(data[1 + length :])

    def close(self) -> None:
        self._socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _send(self, kind: Packet, name: str, message: Message | None = None) -> None:
        body = bytes([kind]) + _name(name) + (b"" if message is None else encode(message))
        self._socket.sendall(struct.pack("!I", len(body)) + body)

    def _receive(self) -> tuple[Packet, bytes]:
        length = int.from_bytes(self._read(4), "big")
        body = self._read(length)
        return Packet(body[0]), body[1:]

    def _read(self, count: int) -> bytes:
        data = bytearray()
        while len(data) < count:
            try:
                piece = self._socket.recv(count - len(data))
            except TimeoutError:
                raise LabError("charon does not answer on its control socket") from None
            if not piece:
                raise LabError("charon closed its control socket")
            data += piece
        return bytes(data)


def section(tree: Message, name: str) -> Message:
    """A sub-section; empty when it is not there."""
    value = tree.get(name, {})
    return value if isinstance(value, Mapping) else {}
