from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address, ip_network

from hypothesis import given
from hypothesis import strategies as st

from gatewright.dataplane.kernel import spd
from gatewright.dataplane.kernel.identity import is_our_index, reqid_of
from gatewright.dataplane.kernel.layout import (
    KernelSelector,
    Kind,
    Template,
    Verdict,
    Way,
    unpack_policy,
)
from gatewright.netlink.messages import EXCLUSIVE
from gatewright.policy.compiled import Action, SpdEntry
from tests.support.policies import entry, selector

A, B = "10.1.0.0/24", "10.2.0.0/24"
OURS, THEIRS = ip_address("203.0.113.1"), ip_address("203.0.113.2")


def protect(number: int, local: str, remote: str) -> SpdEntry:
    return replace(entry(number, local, remote), gateways=(OURS, THEIRS))


def key(way: Way, source: str, destination: str) -> spd.Key:
    return way, KernelSelector(ip_network(source), ip_network(destination))


def test_a_tunnel_is_three_policies_with_templates_each_its_way() -> None:
    found = spd.wanted([protect(7, A, B)], {})
    reqid = reqid_of(7)
    assert {k: each.template for k, each in found.items()} == {
        key(Way.OUT, A, B): Template(OURS, THEIRS, reqid),
        key(Way.IN, B, A): Template(THEIRS, OURS, reqid),
        key(Way.FORWARD, B, A): Template(THEIRS, OURS, reqid),
    }
    assert {each.verdict for each in found.values()} == {Verdict.ALLOW}


def test_permit_and_block_have_no_template() -> None:
    entries = [
        entry(1, A, "10.2.0.7/32", Action.BYPASS),
        entry(2, selector(A, 6), selector(B, 6, 25, 25), Action.DISCARD),
    ]
    found = spd.wanted(entries, {})
    assert {each.verdict for each in list(found.values())[:3]} == {Verdict.ALLOW}
    assert {each.verdict for each in list(found.values())[3:]} == {Verdict.BLOCK}
    assert {each.template for each in found.values()} == {None}


def test_a_tunnel_without_a_peer_blocks() -> None:
    (verdict,) = {each.verdict for each in spd.wanted([entry(7, A, B)], {}).values()}
    assert verdict is Verdict.BLOCK


def test_priorities_follow_the_order_of_the_spd() -> None:
    entries = [
        entry(1, A, "10.2.0.7/32", Action.BYPASS),
        protect(2, A, B),
        entry(3, A, "0.0.0.0/0", Action.DISCARD),
    ]
    found = spd.wanted(entries, {})
    ordered = [found[key(Way.OUT, A, each)].priority for each in ("10.2.0.7/32", B, "0.0.0.0/0")]
    assert ordered == sorted(ordered)
    assert len(set(ordered)) == 3


def test_the_home_network_goes_in_clear_before_everything_through_the_tunnel() -> None:
    found = spd.wanted([protect(1, A, "0.0.0.0/0")], {})
    for way in Way:
        home = found[key(way, A, A)]
        assert (home.verdict, home.template) == (Verdict.ALLOW, None)
        assert home.priority < found[key(Way.OUT, A, "0.0.0.0/0")].priority


def test_neighbour_discovery_comes_first_where_the_policy_has_ipv6() -> None:
    found = spd.wanted([protect(1, "::/0", "::/0")], {})
    first = [each for each in found.values() if each.selector.protocol == 58]
    assert {each.way for each in first} == {Way.IN, Way.OUT}
    assert max(e.priority for e in first) < min(e.priority for e in found.values() if e.template)
    assert not any(e.selector.protocol for e in spd.wanted([protect(1, A, B)], {}).values())


def test_of_two_entries_with_one_selector_the_first_decides() -> None:
    found = spd.wanted([entry(1, A, B, Action.DISCARD), protect(2, A, B)], {})
    assert found[key(Way.OUT, A, B)].verdict is Verdict.BLOCK
    assert len(found) == 3


def test_a_peer_that_moved_is_where_it_is_now() -> None:
    elsewhere = ip_address("203.0.113.9")
    found = spd.wanted([protect(7, A, B)], {7: (OURS, elsewhere)})
    assert found[key(Way.OUT, A, B)].template == Template(OURS, elsewhere, reqid_of(7))


@given(
    st.lists(st.integers(1, 200), unique=True, max_size=30),
    st.lists(st.integers(1, 200), unique=True, max_size=30),
)
def test_entries_that_stay_are_in_order_and_few_are_renumbered(
    before: list[int], after: list[int]
) -> None:
    def entries(numbers: list[int]) -> list[SpdEntry]:
        return [protect(n, A, f"10.2.{n}.0/24") for n in numbers]

    former = spd.wanted(entries(before), {})
    found = spd.wanted(entries(after), {}, former.values())
    priorities = [found[key(Way.OUT, A, f"10.2.{n}.0/24")].priority for n in after]
    assert priorities == sorted(priorities)
    assert len(set(priorities)) == len(priorities)


def test_one_that_goes_changes_no_other() -> None:
    entries = [protect(n, A, f"10.2.{n}.0/24") for n in range(1, 6)]
    former = spd.wanted(entries, {})
    now = spd.wanted([*entries[:2], *entries[3:]], {}, former.values())
    upserts, deletes = spd.changes(now, former)
    assert upserts == []
    assert [each.kind for each in deletes] == [Kind.DELETE_POLICY] * 3


def test_changes_add_replace_and_delete() -> None:
    have = spd.wanted([protect(1, A, B), protect(2, A, "10.3.0.0/24")], {})
    elsewhere = {1: (OURS, ip_address("203.0.113.9"))}
    want = spd.wanted([protect(1, A, B), protect(3, A, "10.4.0.0/24")], elsewhere, have.values())
    upserts, deletes = spd.changes(want, have)
    assert [each.kind for each in upserts] == [Kind.UPDATE_POLICY] * 3 + [Kind.NEW_POLICY] * 3
    assert len(deletes) == 3
    new = unpack_policy(upserts[-1].payload)
    assert new is not None
    assert is_our_index(new.index)
    assert upserts[-1].flags & EXCLUSIVE, "another program's policy must not be replaced"


def test_an_entry_in_front_takes_no_index_that_another_has() -> None:
    before = spd.wanted([protect(7, A, B)], {})
    after = spd.wanted([protect(8, A, "10.3.0.0/24"), protect(7, A, B)], {}, before.values())
    assert {k: after[k].index for k in before} == {k: each.index for k, each in before.items()}
    indices = [each.index for each in after.values()]
    assert len(set(indices)) == len(indices) == 6
    assert all(is_our_index(each) for each in indices)
    assert all(each.index % 8 == each.way for each in after.values())
