from collections.abc import Iterator

from gatewright.ike.spis import FIRST_USABLE_SPI, SpiAllocator
from tests.support.entropy import seeded


def _script(*values: int) -> Iterator[bytes]:
    return iter([value.to_bytes(4, "big") for value in values])


def test_reserved_and_used_numbers_are_not_given() -> None:
    numbers = _script(0, 255, 300, 300, 301, 300)
    allocator = SpiAllocator(lambda _: next(numbers))
    assert allocator.allocate().number == 300
    allocator.installed(300)
    assert allocator.allocate().number == 301
    allocator.release(300)
    assert allocator.allocate().number == 300


def test_a_number_is_reserved_as_long_as_somebody_holds_it() -> None:
    numbers = _script(300, 300, 301, 300)
    allocator = SpiAllocator(lambda _: next(numbers))
    held = allocator.allocate()
    other = allocator.allocate()
    assert (held.number, other.number) == (300, 301)
    del held
    assert allocator.allocate().number == 300


def test_what_never_came_into_use_does_not_pile_up() -> None:
    allocator = SpiAllocator(seeded(2))
    installed = allocator.allocate().number
    allocator.installed(installed)
    given = {allocator.allocate().number for _ in range(1000)}
    assert installed not in given
    assert min(given) >= FIRST_USABLE_SPI
    assert not allocator._reserved
