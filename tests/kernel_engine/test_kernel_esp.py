"""The kernel's engine against a kernel's ESP under strongSwan: IP protocol 50, IPv6, ESN."""

from __future__ import annotations

import pytest

from tests.interop.test_kernel_esp import (
    site,
    test_extended_sequence_numbers,
    test_gatewright_initiates_plain_esp,
    test_gatewright_responds_with_plain_esp,
    test_ipv6_in_ipv6,
)

pytestmark = [pytest.mark.netns, pytest.mark.strongswan, pytest.mark.uml]

THOROUGH = (
    "test_gatewright_initiates_plain_esp[[]ikev2-[!m]*",
    "test_gatewright_initiates_plain_esp[[]ikev1-[!w]*",
    "test_gatewright_responds_*[[]ikev1[]]",
)

__all__ = [
    "site",
    "test_extended_sequence_numbers",
    "test_gatewright_initiates_plain_esp",
    "test_gatewright_responds_with_plain_esp",
    "test_ipv6_in_ipv6",
]
