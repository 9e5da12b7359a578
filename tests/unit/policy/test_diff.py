"""What a reassignment disturbs."""

from __future__ import annotations

from hypothesis import given

from gatewright.policy.compile import compile_policy
from gatewright.policy.compiled import CompiledPolicy
from gatewright.policy.diff import Change, PolicyDiff, diff_policies
from gatewright.policy.findings import PolicyError
from gatewright.policy.load import load_policy
from tests.unit.policy.samples import SHORT, compiled, edited, short, tunnel
from tests.unit.policy.strategies import policies

TWO = SHORT + tunnel("other", "192.168.11.0/24", "10.21.0.0/24", peer="203.0.113.3")


def diff(before: str, after: str) -> PolicyDiff:
    return diff_policies(compiled(before), compiled(after))


def changes(result: PolicyDiff) -> dict[str, Change]:
    named = {}
    for one in result.connections:
        side = one.after or one.before
        assert side is not None
        named[side.name] = one.change
    return named


def test_the_same_policy_disturbs_nothing_wherever_its_lines_stand() -> None:
    assert diff(TWO, TWO).empty
    moved = diff(TWO, "# a comment\n\n" + TWO)
    assert moved.empty
    assert not any(one.disturbed for one in moved.connections)


def test_only_the_edited_tunnel_is_disturbed() -> None:
    result = diff(TWO, edited(TWO, ("preshared_key: other", "preshared_key: new")))
    assert changes(result) == {"branch office": Change.UNCHANGED, "other": Change.CHANGED}
    assert [one.change for one in result.spd] == [Change.UNCHANGED, Change.UNCHANGED]
    assert not result.empty


def test_new_networks_change_the_child_and_leave_the_ike_sa() -> None:
    result = diff(TWO, edited(TWO, ("[10.21.0.0/24]", "[10.22.0.0/24]")))
    other = result.connections[1]
    assert other.change is Change.UNCHANGED
    assert [child.change for child in other.children] == [Change.CHANGED]
    assert other.disturbed
    assert not result.connections[0].disturbed
    assert sorted(one.change.value for one in result.spd) == ["added", "removed", "unchanged"]


def test_new_session_key_lifetimes_change_the_child_alone() -> None:
    result = diff(SHORT, short("lifetimes: {esp: 30m}"))
    assert result.connections[0].change is Change.UNCHANGED
    assert result.connections[0].children[0].change is Change.CHANGED
    assert [one.change for one in result.spd] == [Change.UNCHANGED]


def test_a_tunnel_more_or_less() -> None:
    assert changes(diff(SHORT, TWO)) == {
        "branch office": Change.UNCHANGED,
        "other": Change.ADDED,
    }
    assert changes(diff(TWO, SHORT)) == {
        "branch office": Change.UNCHANGED,
        "other": Change.REMOVED,
    }


def test_a_tunnel_that_joins_an_ike_sa_is_a_new_child_of_it() -> None:
    second = tunnel("second", "192.168.11.0/24", "10.21.0.0/24").replace(
        "preshared_key: second", "preshared_key: branch-office"
    )
    (one,) = diff(SHORT, SHORT + second).connections
    assert one.change is Change.UNCHANGED
    assert [child.change for child in one.children] == [Change.UNCHANGED, Change.ADDED]


def test_assigning_and_unassigning() -> None:
    policy = compiled(TWO)
    assert set(changes(diff_policies(None, policy)).values()) == {Change.ADDED}
    assert set(changes(diff_policies(policy, None)).values()) == {Change.REMOVED}
    assert diff_policies(None, None).empty


def test_another_order_of_the_same_entries_is_told() -> None:
    first, second = (tunnel(name, "192.168.1.0/24", f"10.{n}.0.0/24", peer=f"203.0.113.{n}")
                     for n, name in ((7, "a"), (8, "b")))  # fmt: skip
    result = diff(f"tunnels:\n{first}{second}", f"tunnels:\n{second}{first}")
    assert result.spd_order_changed
    assert not result.empty
    assert not any(one.disturbed for one in result.connections)


def test_other_interfaces_are_told() -> None:
    assert diff(SHORT, SHORT + "interfaces: {external: eth0}\n").interfaces_changed


def compiled_or_none(text: str) -> CompiledPolicy | None:
    try:
        return compile_policy(load_policy(text, "p.yaml"), [])
    except PolicyError:
        return None


@given(policies(), policies())
def test_everything_of_both_policies_is_accounted_for(before: str, after: str) -> None:
    old, new = compiled_or_none(before), compiled_or_none(after)
    result = diff_policies(old, new)
    assert [one.after for one in result.spd if one.after] == list(new.spd if new else ())
    assert {one.before for one in result.spd if one.before} == set(old.spd if old else ())
    assert [one.after for one in result.connections if one.after] == list(
        new.connections if new else ()
    )
    assert {one.before for one in result.connections if one.before} == set(
        old.connections if old else ()
    )
    assert diff_policies(old, old).empty
