"""VICI's encoding, by the example of its documentation, and the exchange over a socket pair."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatewright.lab.errors import LabError
from gatewright.lab.vici import Message, Packet, PeerRefusedError, Vici, decode, encode, section

# The encoding example in strongSwan's src/libcharon/plugins/vici/README.md.
EXAMPLE: Message = {
    "key1": "value1",
    "section1": {"sub-section": {"key2": "value2"}, "list1": ["item1", "item2"]},
}
EXAMPLE_OCTETS = (
    b"\x03\x04key1\x00\x06value1"
    b"\x01\x08section1"
    b"\x01\x0bsub-section\x03\x04key2\x00\x06value2\x02"
    b"\x04\x05list1\x05\x00\x05item1\x05\x00\x05item2\x06"
    b"\x02"
)

names = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=20)
texts = st.text(st.characters(max_codepoint=0x2FF, exclude_categories=["Cs"]), max_size=20)
values = st.recursive(
    texts | st.lists(texts, max_size=4),
    lambda inner: st.dictionaries(names, inner, max_size=4),
    max_leaves=10,
)


def test_the_documented_example() -> None:
    assert encode(EXAMPLE) == EXAMPLE_OCTETS
    assert decode(EXAMPLE_OCTETS) == EXAMPLE


@given(st.dictionaries(names, values, max_size=5))
def test_what_is_encoded_is_decoded(message: dict[str, str]) -> None:
    assert decode(encode(message)) == message


def test_an_unknown_element_is_an_error() -> None:
    with pytest.raises(LabError, match="element type 9"):
        decode(b"\x09")


def test_a_missing_section_is_empty() -> None:
    assert section(EXAMPLE, "section2") == {}
    assert section(EXAMPLE, "key1") == {}


class Charon:
    """Answers a client as charon would, from a script of packets."""

    def __init__(self, connection: socket.socket, script: list[bytes]) -> None:
        self.received: list[bytes] = []
        self._connection = connection
        self._script = script

    def run(self) -> None:
        for answer in self._script:
            length = int.from_bytes(self._connection.recv(4), "big")
            self.received.append(self._connection.recv(length))
            self._connection.sendall(answer)


def packet(kind: Packet, body: bytes = b"") -> bytes:
    return struct.pack("!IB", len(body) + 1, kind) + body


@pytest.fixture
def ends() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair()
    yield ours, theirs
    ours.close()
    theirs.close()


def serve(theirs: socket.socket, *script: bytes) -> Charon:
    charon = Charon(theirs, list(script))
    threading.Thread(target=charon.run, daemon=True).start()
    return charon


def test_a_command_and_its_answer(ends: tuple[socket.socket, socket.socket]) -> None:
    charon = serve(ends[1], packet(Packet.CMD_RESPONSE, encode({"version": "5.9.8"})))
    assert Vici(ends[0]).command("version") == {"version": "5.9.8"}
    assert charon.received == [b"\x00\x07version"]


def test_a_refusal_carries_charons_words(ends: tuple[socket.socket, socket.socket]) -> None:
    answer = encode({"success": "no", "errmsg": "CHILD_SA config 'net' not found"})
    serve(ends[1], packet(Packet.CMD_RESPONSE, answer))
    with pytest.raises(PeerRefusedError, match="initiate: CHILD_SA config 'net' not found"):
        Vici(ends[0]).command("initiate", {"child": "net"})


def test_an_unknown_command_is_an_error(ends: tuple[socket.socket, socket.socket]) -> None:
    serve(ends[1], packet(Packet.CMD_UNKNOWN))
    with pytest.raises(LabError, match="CMD_UNKNOWN"):
        Vici(ends[0]).command("brew")


def test_a_stream_collects_the_events(ends: tuple[socket.socket, socket.socket]) -> None:
    def event(number: str) -> bytes:
        return packet(Packet.EVENT, b"\x07list-sa" + encode({"uniqueid": number}))

    serve(
        ends[1],
        packet(Packet.EVENT_CONFIRM),
        event("1") + event("2") + packet(Packet.CMD_RESPONSE),
        packet(Packet.EVENT_CONFIRM),
    )
    assert Vici(ends[0]).stream("list-sas", "list-sa") == [{"uniqueid": "1"}, {"uniqueid": "2"}]


def test_silence_and_a_closed_socket_are_told_apart(
    ends: tuple[socket.socket, socket.socket],
) -> None:
    with pytest.raises(LabError, match="does not answer"):
        Vici(ends[0], timeout=0.01).command("version")
    ends[1].close()
    with pytest.raises((LabError, BrokenPipeError)):
        Vici(ends[0]).command("version")
