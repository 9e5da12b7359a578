"""The inbound ESP SPIs of this gateway: unique, unpredictable, never below 256 (RFC 4303 2.1)."""

from __future__ import annotations

from gatewright.ike.machine import RandomSource

FIRST_USABLE_SPI = 256
MAX_PENDING = 65536


class SpiAllocator:
    """Gives SPIs, and knows which came into use.

    A number is *pending* from `allocate` until the SA is installed.  Negotiations fail, so of the
    pending ones only the newest ``MAX_PENDING`` are remembered: memory stays bounded, and no
    installed SPI is ever given twice.
    """

    def __init__(self, random: RandomSource) -> None:
        self._random = random
        self._installed: set[int] = set()
        self._pending: dict[int, None] = {}

    def allocate(self) -> int:
        while True:
            spi = int.from_bytes(self._random(4), "big")
            taken = spi in self._installed or spi in self._pending
            if spi >= FIRST_USABLE_SPI and not taken:
                break
        self._pending[spi] = None
        if len(self._pending) > MAX_PENDING:
            del self._pending[next(iter(self._pending))]
        return spi

    def installed(self, spi: int) -> None:
        self._pending.pop(spi, None)
        self._installed.add(spi)

    def release(self, spi: int) -> None:
        self._pending.pop(spi, None)
        self._installed.discard(spi)
