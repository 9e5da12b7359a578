"""Reading and writing octets.  The one exception of this package is `Malformed`."""

from __future__ import annotations


class Malformed(Exception):
    """The octets are no valid message.

    ``reason`` is a short snake_case name, which becomes a counter; ``detail`` says more to people.
    """

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}" if detail else reason)
        self.reason = reason
        self.detail = detail


class Reader:
    """A cursor over octets.  Each read is bounds-checked and raises `Malformed` when short."""

    __slots__ = ("_data", "_end", "_position")

    def __init__(self, data: bytes, start: int = 0, end: int | None = None) -> None:
        self._data = data
        self._position = start
        self._end = len(data) if end is None else end

    @property
    def remaining(self) -> int:
        return self._end - self._position

    @property
    def position(self) -> int:
        return self._position

    def take(self, length: int, what: str) -> bytes:
        """The next ``length`` octets; ``what`` names the field in the error."""
        if length < 0 or length > self.remaining:
            raise Malformed("truncated", f"{what} needs {length} octets, {self.remaining} are left")
        start = self._position
        self._position = start + length
        return self._data[start : self._position]

    def u8(self, what: str) -> int:
        return self.take(1, what)[0]

    def u16(self, what: str) -> int:
        return int.from_bytes(self.take(2, what), "big")

    def u32(self, what: str) -> int:
        return int.from_bytes(self.take(4, what), "big")

    def sub(self, length: int, what: str) -> Reader:
        """A reader over the next ``length`` octets, which this one skips."""
        if length < 0 or length > self.remaining:
            raise Malformed("truncated", f"{what} needs {length} octets, {self.remaining} are left")
        start = self._position
        self._position = start + length
        return Reader(self._data, start, self._position)

    def rest(self) -> bytes:
        return self.take(self.remaining, "rest")

    def expect_end(self, what: str) -> None:
        if self.remaining:
            raise Malformed("trailing_octets", f"{self.remaining} octets after {what}")


def u8(value: int) -> bytes:
    return value.to_bytes(1, "big")


def u16(value: int) -> bytes:
    return value.to_bytes(2, "big")


def u32(value: int) -> bytes:
    return value.to_bytes(4, "big")
