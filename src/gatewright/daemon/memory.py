"""Memory that the C library keeps for later goes back to the system.

Taking up a policy needs much for a moment, and glibc keeps what was freed, in pieces that the next
policy fits into badly: each one left some KiB more.
"""

from __future__ import annotations

import ctypes


def give_back() -> None:
    """Takes milliseconds.  Does nothing with another C library."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(ctypes.c_size_t(0))
