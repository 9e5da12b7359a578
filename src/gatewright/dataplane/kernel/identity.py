"""How Gatewright knows its own SAs and policies in the kernel, also after a restart.

Others may have theirs there: nothing is touched that does not bear these numbers.  An SA and a
template have a request ID, of which we take those with the highest bit set (what others choose
counts up from 1); a policy has an index, and we ask for one from a range that the kernel's own
counter would need millions of policies to reach.
"""

from __future__ import annotations

_REQID_BIT = 1 << 31
_FIRST_INDEX = 0x47570000
_LAST_INDEX = 0x57570000
_WAYS = 8  # the lowest three bits of an index are the direction


def reqid_of(policy_id: int) -> int:
    """``policy_id`` is an SPD entry's: 1 to 2**31 - 1."""
    return _REQID_BIT | policy_id


def policy_id_of(reqid: int) -> int | None:
    """None when it is not ours."""
    return reqid & ~_REQID_BIT if reqid & _REQID_BIT else None


def index_of(number: int, way: int) -> int:
    """The index to ask for; ``number`` counts from 0."""
    room = (_LAST_INDEX - _FIRST_INDEX) // _WAYS
    return _FIRST_INDEX + number % room * _WAYS + way


def is_our_index(index: int) -> bool:
    return _FIRST_INDEX <= index < _LAST_INDEX
