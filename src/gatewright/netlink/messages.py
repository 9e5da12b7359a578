"""Netlink messages and their attributes (linux/netlink.h, RFC 3549).  Numbers in machine order."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

REQUEST, ACK = 0x1, 0x4
DUMP = 0x300
REPLACE, EXCLUSIVE, CREATE = 0x100, 0x200, 0x400
ERROR, DONE, OVERRUN = 2, 3, 4
SOL_NETLINK = 270
_CAPPED, _ACK_TLVS = 0x100, 0x200
_ACK_TEXT = 1  # NLMSGERR_ATTR_MSG
_HEADER = struct.Struct("=IHHII")
_ATTRIBUTE = struct.Struct("=HH")
_ERROR_NUMBER = struct.Struct("=i")
_TYPE_BITS = 0x3FFF  # without NLA_F_NESTED, NLA_F_NET_BYTEORDER


@dataclass(frozen=True, slots=True)
class Message:
    """A type, its flags and the octets behind the header, which may hold keys."""

    kind: int
    payload: bytes = field(repr=False)
    flags: int = 0


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an acknowledgement says: an error number, 0 for success, and the kernel's own words."""

    errno: int
    text: str = ""


def frame(message: Message, sequence: int, flags: int = 0) -> bytes:
    """One message with its header, padded to four octets."""
    size = _HEADER.size + len(message.payload)
    every = REQUEST | message.flags | flags
    return _HEADER.pack(size, message.kind, every, sequence, 0) + _padded(message.payload)


def split(data: bytes) -> Iterator[tuple[int, Message]]:
    """Sequence number and message of each in a datagram; ends where one is cut short."""
    place = 0
    while place + _HEADER.size <= len(data):
        size, kind, flags, sequence, _ = _HEADER.unpack_from(data, place)
        if size < _HEADER.size or place + size > len(data):
            return
        yield sequence, Message(kind, data[place + _HEADER.size : place + size], flags)
        place += _aligned(size)


def outcome(message: Message) -> Outcome | None:
    """Read a message of the type ERROR; None where there is no number in it.

    Behind the number stand the header asked for, and text.
    """
    if len(message.payload) < _ERROR_NUMBER.size:
        return None
    (number,) = _ERROR_NUMBER.unpack_from(message.payload)
    text = b""
    if message.flags & _ACK_TLVS and message.flags & _CAPPED:
        told = attributes(message.payload, _ERROR_NUMBER.size + _HEADER.size)
        text = told.get(_ACK_TEXT, b"").rstrip(b"\0")
    return Outcome(-number, text.decode(errors="replace"))


def attribute(kind: int, payload: bytes) -> bytes:
    """One attribute, padded to four octets."""
    return _ATTRIBUTE.pack(_ATTRIBUTE.size + len(payload), kind) + _padded(payload)


def attributes(data: bytes, place: int = 0) -> Mapping[int, bytes]:
    """The attributes from a place on by kind, the last where one is twice.

    Ends where one is cut short.
    """
    found: dict[int, bytes] = {}
    while place + _ATTRIBUTE.size <= len(data):
        size, kind = _ATTRIBUTE.unpack_from(data, place)
        if size < _ATTRIBUTE.size or place + size > len(data):
            break
        found[kind & _TYPE_BITS] = data[place + _ATTRIBUTE.size : place + size]
        place += _aligned(size)
    return found


def _aligned(size: int) -> int:
    return (size + 3) & ~3


def _padded(octets: bytes) -> bytes:
    return octets + bytes(_aligned(len(octets)) - len(octets))
