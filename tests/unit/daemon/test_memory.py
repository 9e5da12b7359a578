from __future__ import annotations

import ctypes
from pathlib import Path

import pytest

from gatewright.daemon.memory import give_back

LIBC = ctypes.CDLL(None)
BLOCKS, SIZE = 20_000, 1000


def _resident() -> int:
    """Octets."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096


@pytest.mark.skipif(not hasattr(LIBC, "malloc_trim"), reason="the C library is not glibc")
def test_what_was_freed_goes_back_to_the_system() -> None:
    LIBC.malloc.restype = ctypes.c_void_p
    LIBC.free.argtypes = [ctypes.c_void_p]
    blocks = [LIBC.malloc(SIZE) for _ in range(BLOCKS)]
    for block in blocks:
        ctypes.memset(block, 1, SIZE)
    for block in blocks[:-1]:  # the last one holds the others below the end of the heap
        LIBC.free(block)
    before = _resident()
    give_back()
    assert before - _resident() > BLOCKS * SIZE / 2
    LIBC.free(blocks[-1])
