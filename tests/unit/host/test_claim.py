from __future__ import annotations

import os

import pytest

from gatewright.host.claim import NamespaceClaim
from gatewright.host.names import HostError, HostNames


def test_one_gateway_in_a_namespace() -> None:
    names = HostNames(nft_table=f"test{os.getpid()}")
    first, second = NamespaceClaim(names), NamespaceClaim(names)
    first.acquire()
    with pytest.raises(HostError, match="Another gateway runs in this network namespace"):
        second.acquire()
    first.release()
    second.acquire()
    second.release()
