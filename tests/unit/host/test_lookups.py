from __future__ import annotations

from gatewright.host.lookups import lookups
from gatewright.policy.compiled import Action, SpdEntry
from tests.support.policies import entry, policy, selector

HERE = "192.168.10.0/24"


def planned(*entries: SpdEntry) -> list[list[int]]:
    """The numbers of the entries in each look-up."""
    return [
        [member.entry.id for member in lookup.members.values()]
        for lookup in lookups(policy(*entries))
    ]


def test_entries_of_one_shape_are_together() -> None:
    assert planned(entry(1, HERE, "10.1.0.0/24"), entry(2, HERE, "10.2.0.0/24")) == [[1, 2]]


def test_what_differs_in_length_action_or_ports_is_apart() -> None:
    assert planned(
        entry(1, HERE, "10.1.0.0/24"),
        entry(2, HERE, "10.2.0.0/25"),
        entry(3, selector(HERE), selector("10.3.0.0/24", 6, 80, 80)),
        entry(4, HERE, "10.4.0.0/24", Action.DISCARD),
        entry(5, HERE, "10.5.0.0/24"),
    ) == [[1, 5], [2], [3], [4]]


def test_an_entry_does_not_pass_one_that_it_overlaps() -> None:
    between = entry(2, HERE, "10.2.0.0/16", Action.BYPASS)
    assert planned(
        entry(1, HERE, "10.1.0.0/24"),
        between,
        entry(3, HERE, "10.2.3.0/24"),
        entry(4, HERE, "10.4.0.0/24"),
    ) == [[1, 4], [2], [3]]


def test_a_repeated_entry_is_left_out() -> None:
    assert planned(entry(1, HERE, "10.1.0.0/24"), entry(2, HERE, "10.1.0.0/24")) == [[1]]


def test_a_home_network_comes_before_the_entry_that_has_it_and_once() -> None:
    wide = [entry(2, HERE, "0.0.0.0/0"), entry(3, selector(HERE), selector("0.0.0.0/0", 6))]
    found = lookups(policy(entry(1, HERE, "10.0.0.0/8"), *wide))
    assert [(each.shape.home, len(each.members)) for each in found] == [
        (False, 1),
        (True, 1),
        (False, 1),
        (False, 1),
    ]


def test_the_local_side_of_an_endpoint_may_lead_to_the_internet() -> None:
    first, second = lookups(
        policy(entry(1, "203.0.113.0/24", "10.0.0.0/24"), entry(2, HERE, "10.0.0.0/24"))
    )
    assert (first.shape.internet, second.shape.internet) == (True, False)
