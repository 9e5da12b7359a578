"""What a short tunnel stands for."""

from __future__ import annotations

from hypothesis import given

from gatewright.policy.compile import compile_policy
from gatewright.policy.expand import expand
from gatewright.policy.findings import PolicyError
from gatewright.policy.load import load_policy
from gatewright.policy.model import Direction, Policy
from gatewright.policy.write import write_long_form
from tests.unit.policy.samples import LONG, SHORT, tunnel
from tests.unit.policy.strategies import policies


def test_a_tunnel_becomes_two_rules_with_two_unmirrored_filter_lists() -> None:
    policy = expand(load_policy(SHORT, "p.yaml"))
    assert policy.tunnels == ()
    outbound, inbound = policy.rules
    assert (outbound.direction, inbound.direction) == (Direction.OUTBOUND, Direction.INBOUND)
    assert str(outbound.endpoint) == "203.0.113.2"
    assert str(inbound.endpoint) == "203.0.113.1"
    assert outbound.tunnel == inbound.tunnel == "branch office"
    assert outbound.secret == inbound.secret == "branch-office"
    there, back = (one.filters[0] for one in policy.filter_lists)
    assert not there.mirrored
    assert (there.source, there.destination) == (back.destination, back.source)
    assert len(policy.filter_actions) == len(policy.key_exchanges) == 1


def test_the_long_form_is_left_as_it_is() -> None:
    policy = load_policy(LONG, "p.yaml")
    assert expand(policy) == policy


def test_names_of_the_administrator_are_not_taken() -> None:
    text = SHORT + LONG.partition("\n")[2].replace("NetA to NetB:", '"branch office, outbound":')
    text = text.replace("filter_list: NetA to NetB", 'filter_list: "branch office, outbound"')
    policy = expand(load_policy(text, "p.yaml"))
    for named in (policy.filter_lists, policy.rules, policy.filter_actions, policy.key_exchanges):
        names = [one.name for one in named]
        assert len(names) == len(set(names))
    assert "branch office, outbound (2)" in [one.name for one in policy.rules]


def test_the_longest_name_still_fits_when_expanded() -> None:
    text = SHORT.replace("branch office", "x" * 80)
    assert load_policy(write_long_form(expand(load_policy(text, "p.yaml"))), "q.yaml").rules


def test_places_are_those_of_the_tunnel() -> None:
    policy = expand(load_policy(SHORT + tunnel("b", "10.1.0.0/24", "10.2.0.0/24"), "p.yaml"))
    assert [rule.place.line for rule in policy.rules] == [3, 3, 7, 7]


def outcome(policy: Policy) -> object:
    """What a policy compiles to, or the codes of its errors."""
    try:
        return compile_policy(policy, [])
    except PolicyError as error:
        return sorted((one.code, one.place) for one in error.findings)


@given(policies())
def test_an_expanded_policy_compiles_to_the_same(text: str) -> None:
    policy = load_policy(text, "p.yaml")
    assert outcome(expand(policy)) == outcome(policy)
    assert expand(expand(policy)) == expand(policy)
