from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gatewright.dataplane.kernel.identity import (
    index_of,
    is_our_index,
    policy_id_of,
    reqid_of,
)


@given(st.integers(1, 2**31 - 1))
def test_an_entry_s_request_id_leads_back_to_it(policy_id: int) -> None:
    assert policy_id_of(reqid_of(policy_id)) == policy_id
    assert policy_id_of(policy_id) is None


@given(st.integers(0, 10**7), st.sampled_from((0, 1, 2)))
def test_an_index_is_ours_and_says_its_direction(number: int, way: int) -> None:
    index = index_of(number, way)
    assert is_our_index(index)
    assert index & 7 == way
    assert index < 2**32


def test_the_kernel_s_own_indices_are_not_ours() -> None:
    assert not any(is_our_index(number * 8 + 1) for number in range(1_000_000))
