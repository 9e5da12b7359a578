from __future__ import annotations

from dataclasses import replace

from gatewright.daemon.changes import sentences
from gatewright.policy.compiled import Action, CompiledPolicy, Engine
from tests.support.policies import entry, policy, selector

A, B, C = "192.168.10.0/24", "10.20.0.0/24", "10.21.0.0/24"
BRANCH = policy(entry(1, A, B))
PERMIT = entry(7, selector(A), selector("10.20.0.7/32"), Action.BYPASS)
BLOCK = entry(8, selector(A), selector("10.20.0.8/32"), Action.DISCARD)


def with_lifetime(made: CompiledPolicy, seconds: int) -> CompiledPolicy:
    changed = tuple(replace(each, lifetime=seconds) for each in made.connections)
    return replace(made, connections=changed)


def test_a_first_policy_adds_its_tunnels_and_filters() -> None:
    both = policy(PERMIT, entry(1, A, B), entry(2, A, C, tunnel="depot"))
    assert sentences(None, both) == [
        'Tunnel "branch" was added.',
        'Tunnel "depot" was added.',
        "Permit and block filters: 1 added, 0 removed.",
    ]


def test_nothing_that_changed_is_no_sentence() -> None:
    assert sentences(BRANCH, policy(entry(1, A, B))) == []


def test_a_tunnel_that_goes_takes_its_sas_along() -> None:
    assert sentences(BRANCH, policy()) == ['Tunnel "branch" was removed; its SAs are deleted.']


def test_other_settings_of_a_tunnel() -> None:
    assert sentences(BRANCH, with_lifetime(BRANCH, 100)) == ['Tunnel "branch" has other settings.']


def test_a_change_of_networks_names_them_and_says_that_the_ike_sa_stays() -> None:
    more = policy(entry(1, A, B), entry(2, A, C))
    (said,) = sentences(BRANCH, more)
    assert said.startswith('Tunnel "branch": its networks or security methods changed')
    assert '("branch 2"); the IKE SA stays.' in said
    assert sentences(more, BRANCH) == [said]


def test_filters_are_counted_both_ways() -> None:
    said = sentences(policy(PERMIT), policy(BLOCK))
    assert said == ["Permit and block filters: 1 added, 1 removed."]


def test_another_order_decides_other_packets() -> None:
    said = sentences(policy(PERMIT, BLOCK), policy(BLOCK, PERMIT))
    assert said == ["The order of the filters changed."]


def test_another_engine_is_said() -> None:
    kernel = replace(BRANCH, engine=Engine.KERNEL)
    assert sentences(BRANCH, kernel) == ["The engine is kernel now; all tunnels come up anew."]
    assert sentences(kernel, kernel) == []
