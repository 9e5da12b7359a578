"""Narrowing (RFC 7296 section 2.9)."""

from __future__ import annotations

from ipaddress import IPv4Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatewright.iana.ikev2 import PayloadType
from gatewright.ike.child_index import ChildIndex
from gatewright.ike.outputs import Difference
from gatewright.ike.v2.errors import PeerViolation, TsUnacceptable
from gatewright.ike.v2.selectors import (
    Fit,
    check_narrowed,
    choose_child,
    from_payload,
    narrow,
    to_payload,
    with_trigger,
)
from gatewright.ipsec.selectors import TrafficSelector
from gatewright.wire.v2.payloads.ts import RangeSelector, TsPayload, UnknownSelector
from tests.support.gateways import NET_A, NET_B, child, selector


@st.composite
def small_selectors(draw: st.DrawFn) -> TrafficSelector:
    first, last = sorted(draw(st.tuples(*[st.integers(0, 30)] * 2)))
    first_port, last_port = sorted(draw(st.tuples(*[st.integers(0, 9)] * 2)))
    protocol = draw(st.sampled_from([0, 6, 17]))
    return TrafficSelector(IPv4Address(first), IPv4Address(last), protocol, first_port, last_port)


lists = st.lists(small_selectors(), min_size=1, max_size=4)


@given(lists, lists, st.integers(0, 30), st.sampled_from([6, 17]), st.integers(0, 9))
def test_narrowing_keeps_exactly_what_both_want(
    ours: list[TrafficSelector],
    theirs: list[TrafficSelector],
    address: int,
    protocol: int,
    port: int,
) -> None:
    def in_any(selectors: list[TrafficSelector] | tuple[TrafficSelector, ...]) -> bool:
        return any(each.contains(IPv4Address(address), protocol, port) for each in selectors)

    assert in_any(narrow(ours, theirs)) is (in_any(ours) and in_any(theirs))


@given(lists, lists)
def test_nothing_is_said_twice(ours: list[TrafficSelector], theirs: list[TrafficSelector]) -> None:
    result = narrow(ours, theirs)
    for each in result:
        assert not any(other.covers(each) for other in result if other is not each)


@pytest.mark.parametrize(
    "chosen", [NET_A, selector("2001:db8::/32"), selector("10.0.0.0/8", 6, 80, 443)]
)
def test_on_the_wire_and_back(chosen: TrafficSelector) -> None:
    assert from_payload(to_payload(PayloadType.TSI, [chosen])) == (chosen,)


def test_what_nothing_can_match_is_left_out() -> None:
    low, high = bytes([10, 0, 0, 1]), bytes([10, 0, 0, 9])
    payload = TsPayload(
        PayloadType.TSI,
        (
            RangeSelector(7, 6, 65535, 0, low, high),  # OPAQUE
            RangeSelector(7, 0, 0, 65535, high, low),
            UnknownSelector(10, 0, b"label"),
            RangeSelector(7, 0, 0, 65535, low, high),
        ),
    )
    (usable,) = from_payload(payload)
    assert str(usable) == "10.0.0.1-10.0.0.9"


def test_a_packet_in_hand_comes_first_if_the_policy_has_it() -> None:
    packet = selector("192.168.10.7/32", 6, 1234, 1234)
    assert with_trigger([NET_A], packet) == (packet, NET_A)
    assert with_trigger([NET_A], NET_A) == (NET_A,)
    assert with_trigger([NET_A], selector("172.16.0.1/32")) == (NET_A,)
    assert with_trigger([NET_A], None) == (NET_A,)


ONE = child(name="one", policy_id=1, remote=[selector("10.1.0.0/16")])
TWO = child(name="two", policy_id=2, remote=[selector("10.2.0.0/16")])


@pytest.mark.parametrize(
    ("remote", "name"),
    [
        (["10.1.0.0/16"], "one"),
        (["10.2.0.0/16"], "two"),
        (["10.2.0.9/32", "10.0.0.0/8"], "two"),
        (["10.2.0.0/15", "10.1.4.0/24"], "two"),
        (["172.16.0.0/12", "10.1.4.0/24", "10.2.0.0/16"], "two"),
    ],
)
def test_the_child_that_fits_best(remote: list[str], name: str) -> None:
    fit = choose_child(ChildIndex([ONE, TWO]), [NET_A], [selector(each) for each in remote])
    assert fit.child.name == name


def test_a_child_that_takes_all_goes_before_one_that_takes_a_part() -> None:
    part, whole = child(local=[selector("192.168.10.0/25")]), child()
    assert choose_child(ChildIndex([part, whole]), [NET_A], [NET_B]) == Fit(
        whole, (NET_A,), (NET_B,)
    )


def test_no_child_fits_and_the_side_that_differs_is_named() -> None:
    with pytest.raises(TsUnacceptable) as caught:
        choose_child(ChildIndex([ONE, TWO]), [NET_A], [selector("172.16.0.0/12")])
    assert caught.value.differences == (
        Difference("remote traffic selector", "10.1.0.0/16, 10.2.0.0/16", "172.16.0.0/12"),
    )


def test_when_only_the_pairing_differs_both_sides_are_named() -> None:
    crossed = child(local=[NET_B], remote=[NET_A])
    with pytest.raises(TsUnacceptable) as caught:
        choose_child(ChildIndex([child(), crossed]), [NET_A], [NET_A])
    assert [each.item for each in caught.value.differences] == [
        "local traffic selector",
        "remote traffic selector",
    ]


def test_an_answer_may_only_narrow() -> None:
    inside = selector("192.168.10.0/25")
    assert check_narrowed([NET_A], [inside], "local traffic selector") == (inside,)
    for answer in ([selector("192.168.0.0/16")], []):
        with pytest.raises(PeerViolation) as caught:
            check_narrowed([NET_A], answer, "local traffic selector")
        assert caught.value.differences[0].ours == "192.168.10.0/24"


def overlapping(count: int) -> list[TrafficSelector]:
    """Ranges of which none covers another, and every two meet."""
    return [
        TrafficSelector(IPv4Address(2**24 + number), IPv4Address(2**25 + number))
        for number in range(count)
    ]


def test_an_answer_of_overlapping_ranges_is_compared_pair_by_pair_and_no_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    compared = 0
    covers = TrafficSelector.covers

    def counting(self: TrafficSelector, other: TrafficSelector) -> bool:
        nonlocal compared
        compared += 1
        return covers(self, other)

    monkeypatch.setattr(TrafficSelector, "covers", counting)
    answer = overlapping(255)
    assert check_narrowed([selector("0.0.0.0/0")], answer, "item") == tuple(answer)
    assert compared <= 2 * 255**2


def test_selectors_without_end_are_not_all_looked_at() -> None:
    wanted = [*overlapping(200), NET_A]
    with pytest.raises(TsUnacceptable) as caught:
        choose_child(ChildIndex([child()]), wanted, [NET_B])
    assert caught.value.differences[0].theirs.endswith("and 48 more")


def test_as_many_as_the_policy_has_are() -> None:
    many = tuple(selector(f"192.168.{number}.0/24") for number in range(200))
    fit = choose_child(
        ChildIndex([child(local=many)]), [selector("192.168.7.7/32"), *many], [NET_B]
    )
    assert set(fit.local) == set(many)
