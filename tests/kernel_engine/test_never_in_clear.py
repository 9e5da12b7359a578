"""From assign to unassign nothing passes in clear, by the kernel's policies alone.

The guards in nftables, which stop the same and more, are not enforced in this kernel.
"""

from __future__ import annotations

import pytest

from tests.netns.test_never_in_clear import (
    test_before_the_first_association_while_nobody_answers,
    test_reassigning_opens_no_gap,
    test_what_arrives_in_clear_is_not_let_in,
    test_while_the_peer_is_down_crashed_restarted_and_back,
    watched,
)

pytestmark = [pytest.mark.netns, pytest.mark.uml]

THOROUGH = ("test_what_arrives_*[[]tunnel down[]]",)

__all__ = [
    "test_before_the_first_association_while_nobody_answers",
    "test_reassigning_opens_no_gap",
    "test_what_arrives_in_clear_is_not_let_in",
    "test_while_the_peer_is_down_crashed_restarted_and_back",
    "watched",
]
