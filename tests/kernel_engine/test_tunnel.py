"""The kernel's engine at A against the user-space engine at B."""

from __future__ import annotations

import pytest

from tests.netns.test_tunnel import (
    pair,
    test_a_peer_that_was_killed_takes_the_tunnel_up_again,
    test_a_transfer_both_ways,
    test_both_sides_start_at_once,
    test_down_is_seen_at_both_ends,
    test_ipv4,
    test_ipv6,
    test_ipv6_networks_through_an_ipv4_tunnel,
    test_reassigning_leaves_an_unchanged_tunnel_alone,
    test_the_articles_long_form,
    test_through_a_nat,
)

pytestmark = [pytest.mark.netns, pytest.mark.uml]

THOROUGH = (
    "test_both_sides_start_at_once",
    "test_ipv[46][[]*",
    "test_the_articles_*",
    "test_a_transfer_*",
    "test_down_*",
    "test_reassigning_*",
    "test_through_*",
)

__all__ = [
    "pair",
    "test_a_peer_that_was_killed_takes_the_tunnel_up_again",
    "test_a_transfer_both_ways",
    "test_both_sides_start_at_once",
    "test_down_is_seen_at_both_ends",
    "test_ipv4",
    "test_ipv6",
    "test_ipv6_networks_through_an_ipv4_tunnel",
    "test_reassigning_leaves_an_unchanged_tunnel_alone",
    "test_the_articles_long_form",
    "test_through_a_nat",
]
