from __future__ import annotations

import struct

from hypothesis import given
from hypothesis import strategies as st

from gatewright.netlink.messages import (
    ERROR,
    Message,
    Outcome,
    attribute,
    attributes,
    frame,
    outcome,
    split,
)


def test_a_frame_has_length_kind_flags_and_sequence() -> None:
    data = frame(Message(0x13, b"abc", 0x200), 7, 0x4)
    assert data == bytes.fromhex("13000000 1300 0502 07000000 00000000") + b"abc\0"


@given(st.lists(st.tuples(st.integers(16, 0xFFFF), st.binary(max_size=40)), max_size=5))
def test_frames_are_split_again(messages: list[tuple[int, bytes]]) -> None:
    data = b"".join(frame(Message(*each), number) for number, each in enumerate(messages))
    found = [(number, each.kind, each.payload) for number, each in split(data)]
    assert found == [(number, *each) for number, each in enumerate(messages)]


@given(st.binary(max_size=300))
def test_hostile_octets_are_read_to_where_they_make_sense(data: bytes) -> None:
    list(split(data))
    attributes(data)
    outcome(Message(ERROR, data, 0x300))


@given(st.dictionaries(st.integers(1, 0x3FFF), st.binary(max_size=20), max_size=5))
def test_attributes_are_read_back(wanted: dict[int, bytes]) -> None:
    octets = b"".join(attribute(*each) for each in wanted.items())
    assert attributes(octets) == attributes(bytes(12) + octets, 12) == wanted


def test_the_flags_of_an_attribute_are_no_part_of_its_type() -> None:
    assert attributes(attribute(0xC001, b"x")) == {1: b"x"}


def test_an_acknowledgement_says_what_went_wrong() -> None:
    refused = struct.pack("=i", -22) + bytes(16)
    assert outcome(Message(ERROR, refused)) == Outcome(22)
    told = refused + attribute(1, b"no such thing\0")
    assert outcome(Message(ERROR, told, 0x300)) == Outcome(22, "no such thing")
    assert outcome(Message(ERROR, told, 0x100)) == Outcome(22)  # behind it stands no text then
    assert outcome(Message(ERROR, bytes(20))) == Outcome(0)
    assert outcome(Message(ERROR, b"abc")) is None


def test_a_message_shows_no_octets_since_they_may_be_keys() -> None:
    assert "secret" not in repr(Message(0x10, b"secret"))
