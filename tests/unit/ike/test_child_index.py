"""Which children of a policy are asked, counted."""

from __future__ import annotations

import pytest

from gatewright.ike.child_index import ChildIndex
from gatewright.ike.v2 import selectors as narrowing
from gatewright.ipsec.selectors import TrafficSelector
from gatewright.policy.compiled import Child
from tests.support.gateways import NET_A, child, selector

CHILDREN = [
    child(name=f"child {number}", policy_id=number, remote=[selector(f"10.0.{number}.0/24")])
    for number in range(250)
]


def names(children: list[Child]) -> list[str]:
    return [each.name for each in children]


def test_of_many_children_those_that_can_fit_are_found() -> None:
    index = ChildIndex(CHILDREN)
    assert names(index.meeting([NET_A], [selector("10.0.7.3/32")])) == ["child 7"]
    assert names(index.meeting([NET_A], [selector("10.0.8.0/23")])) == ["child 8", "child 9"]
    assert names(index.meeting([NET_A], [selector("172.16.0.0/12")])) == []
    assert names(index.meeting([NET_A], [selector("2001:db8::/32")])) == []


def test_a_range_within_a_wider_one_hides_nothing() -> None:
    wide = child(name="wide", policy_id=1000, remote=[selector("10.0.0.0/8")])
    index = ChildIndex([*CHILDREN, wide])
    assert names(index.meeting([NET_A], [selector("10.0.7.3/32")])) == ["child 7", "wide"]
    assert names(index.meeting([NET_A], [selector("10.200.0.0/16")])) == ["wide"]


def test_choosing_compares_with_few_of_many(monkeypatch: pytest.MonkeyPatch) -> None:
    compared = 0
    narrow = narrowing.narrow

    def counting(
        ours: tuple[TrafficSelector, ...], theirs: tuple[TrafficSelector, ...]
    ) -> narrowing.Selectors:
        nonlocal compared
        compared += 1
        return narrow(ours, theirs)

    monkeypatch.setattr(narrowing, "narrow", counting)
    fit = narrowing.choose_child(ChildIndex(CHILDREN), [NET_A], [selector("10.0.7.0/24")])
    assert fit.child is CHILDREN[7]
    assert compared == 2
