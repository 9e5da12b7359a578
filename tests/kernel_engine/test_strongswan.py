"""The kernel's engine against a stock strongSwan with user-space ESP: in UDP, both roles."""

from __future__ import annotations

import pytest

from tests.interop.test_strongswan import (
    site,
    test_a_tcp_transfer_passes_whole_and_protected,
    test_a_wrong_key_is_told_and_nothing_passes,
    test_down_deletes_the_associations_at_the_peer,
    test_gatewright_initiates_and_the_first_ping_is_answered,
    test_gatewright_rekeys_by_volume_and_nothing_is_lost,
    test_gatewright_responds,
    test_large_and_fragmented_packets_pass,
    test_nothing_in_common_is_told_with_both_sides_wishes,
    test_the_peer_deletes_and_traffic_brings_the_tunnel_back,
    test_the_peer_rekeys_under_traffic_and_nothing_is_lost,
)
from tests.interop.test_strongswan_rekeys import test_lifetimes_end_and_nothing_is_lost
from tests.interop.test_strongswan_v1 import (
    test_a_dead_peer_is_noticed_and_the_tunnel_comes_back_with_it,
    test_liveness_questions_are_answered_both_ways,
    test_the_peer_renews_under_traffic_and_nothing_is_lost,
    test_we_renew_under_traffic_and_nothing_is_lost,
)

pytestmark = [pytest.mark.netns, pytest.mark.strongswan, pytest.mark.uml]

THOROUGH = (
    "test_gatewright_initiates_and_the_first_ping_is_answered[[]ikev2-aes256gcm-ecp384[]]",
    "test_gatewright_initiates_and_the_first_ping_is_answered[[]ikev2-aes192cbc-sha512-ecp521[]]",
    "test_gatewright_initiates_and_the_first_ping_is_answered[[]ikev2-null-sha256[]]",
    "test_gatewright_initiates_and_the_first_ping_is_answered[[]ikev1-[!w]*",
    "test_gatewright_responds[[]ikev?-[!m]*",
    "test_the_peer_deletes_*[[]ikev1[]]",
    "test_down_deletes_*[[]ikev1[]]",
    "test_large_and_fragmented_*[[][!3]*",
    "test_a_wrong_key_*[[]ikev1[]]",
    "test_nothing_in_common_*",
    "test_lifetimes_end_*[[]with PFS[]]",
    "test_gatewright_rekeys_*[[]ikev1[]]",
    "test_liveness_*",
    "test_*_renew*",
)

__all__ = [
    "site",
    "test_a_dead_peer_is_noticed_and_the_tunnel_comes_back_with_it",
    "test_a_tcp_transfer_passes_whole_and_protected",
    "test_a_wrong_key_is_told_and_nothing_passes",
    "test_down_deletes_the_associations_at_the_peer",
    "test_gatewright_initiates_and_the_first_ping_is_answered",
    "test_gatewright_rekeys_by_volume_and_nothing_is_lost",
    "test_gatewright_responds",
    "test_large_and_fragmented_packets_pass",
    "test_lifetimes_end_and_nothing_is_lost",
    "test_liveness_questions_are_answered_both_ways",
    "test_nothing_in_common_is_told_with_both_sides_wishes",
    "test_the_peer_deletes_and_traffic_brings_the_tunnel_back",
    "test_the_peer_rekeys_under_traffic_and_nothing_is_lost",
    "test_the_peer_renews_under_traffic_and_nothing_is_lost",
    "test_we_renew_under_traffic_and_nothing_is_lost",
]
