import pytest

from gatewright.wire.codec import Malformed, Reader, u8, u16, u32


def test_reads_in_network_order() -> None:
    reader = Reader(bytes.fromhex("01 0203 04050607 ff"))
    assert (reader.u8("a"), reader.u16("b"), reader.u32("c")) == (1, 0x0203, 0x04050607)
    assert reader.rest() == b"\xff"
    reader.expect_end("all")


@pytest.mark.parametrize("length", [-1, 4])
def test_a_read_beyond_the_end_is_malformed_and_names_the_field(length: int) -> None:
    with pytest.raises(Malformed, match="the field") as caught:
        Reader(b"abc").take(length, "the field")
    assert caught.value.reason == "truncated"


def test_a_sub_reader_does_not_see_what_follows() -> None:
    reader = Reader(b"abcd")
    inner = reader.sub(2, "part")
    assert inner.rest() == b"ab"
    assert reader.rest() == b"cd"
    with pytest.raises(Malformed):
        reader.sub(1, "more")


def test_trailing_octets_are_malformed() -> None:
    with pytest.raises(Malformed) as caught:
        Reader(b"a").expect_end("nothing")
    assert caught.value.reason == "trailing_octets"


def test_writers_are_the_reverse() -> None:
    assert u8(1) + u16(0x0203) + u32(0x04050607) == bytes(range(1, 8))
