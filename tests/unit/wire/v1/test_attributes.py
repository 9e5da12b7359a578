import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatewright.wire.codec import Malformed, Reader
from gatewright.wire.v1.attributes import (
    LARGEST_NUMBER,
    MAX_ATTRIBUTES,
    Attribute,
    parse_attributes,
)


def test_a_small_number_takes_the_basic_form() -> None:
    assert Attribute.of(11, 1).emit() == bytes.fromhex("800b0001")


def test_a_large_number_takes_four_octets() -> None:
    assert Attribute.of(12, 100000).emit() == bytes.fromhex("000c0004000186a0")


def test_both_forms_give_the_same_number() -> None:
    basic, variable = parse_attributes(Reader(bytes.fromhex("800c7080 000c0004 00007080")))
    assert basic.number == variable.number == 28800
    assert basic != variable  # a responder returns the form that it got


@pytest.mark.parametrize(
    ("octets", "number"),
    [
        ("", 0),
        ("0000000000000007", 7),
        ("ffffffff", LARGEST_NUMBER),
        ("0100000000", LARGEST_NUMBER),
        ("00" * 60 + "01" + "00" * 4000, LARGEST_NUMBER),
        ("ff" * 4000, LARGEST_NUMBER),
    ],
)
def test_a_number_is_never_larger_than_four_octets(octets: str, number: int) -> None:
    """Anybody can send such an attribute, and Python refuses to print an integer of 4300 digits."""
    value = bytes.fromhex(octets)
    attribute = Attribute(12, value, basic=False)
    assert attribute.number == number
    assert attribute.octets == value


@given(st.lists(st.tuples(st.integers(0, 0x7FFF), st.binary(max_size=12)), max_size=20))
def test_what_is_emitted_is_parsed_again(values: list[tuple[int, bytes]]) -> None:
    attributes = tuple(Attribute(type_, octets, len(octets) == 2) for type_, octets in values)
    assert parse_attributes(Reader(b"".join(a.emit() for a in attributes))) == attributes


@pytest.mark.parametrize("octets", ["80", "800b", "800b00", "000c0004000186"])
def test_a_short_attribute_is_malformed(octets: str) -> None:
    with pytest.raises(Malformed, match="truncated"):
        parse_attributes(Reader(bytes.fromhex(octets)))


def test_their_number_is_bounded() -> None:
    one = Attribute.of(1, 1).emit()
    assert len(parse_attributes(Reader(one * MAX_ATTRIBUTES))) == MAX_ATTRIBUTES
    with pytest.raises(Malformed, match="too_many_attributes"):
        parse_attributes(Reader(one * (MAX_ATTRIBUTES + 1)))
