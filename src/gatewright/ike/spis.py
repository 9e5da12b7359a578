"""The inbound ESP SPIs of this gateway: unique, unpredictable, never below 256 (RFC 4303 2.1)."""

from __future__ import annotations

from weakref import WeakValueDictionary

from gatewright.ike.machine import RandomSource, ReservedSpi

FIRST_USABLE_SPI = 256


class SpiAllocator:
    """Gives SPIs, and knows which came into use.

    A number is reserved as long as its negotiation holds on to it, and then as long as the SA is
    installed.  Negotiations fail in many ways; all of them let go of it.
    """

    def __init__(self, random: RandomSource) -> None:
        self._random = random
        self._installed: set[int] = set()
        self._reserved: WeakValueDictionary[int, ReservedSpi] = WeakValueDictionary()

    def allocate(self) -> ReservedSpi:
        while True:
            number = int.from_bytes(self._random(4), "big")
            taken = number in self._installed or number in self._reserved
            if number >= FIRST_USABLE_SPI and not taken:
                break
        reserved = self._reserved[number] = ReservedSpi(number)
        return reserved

    def installed(self, spi: int) -> None:
        self._installed.add(spi)

    def release(self, spi: int) -> None:
        self._installed.discard(spi)
