from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from gatewright.control import models
from gatewright.daemon import snapshot
from gatewright.dataplane.interface import SaCounters
from gatewright.dataplane.memory import MemoryDataPlane
from gatewright.host import guards
from gatewright.ike.outputs import IkeSaSnapshot
from gatewright.policy.compiled import Action
from tests.support.policies import entry, policy, selector
from tests.unit.control.doubles import NOW
from tests.unit.daemon.doubles import ike_snapshot

A, B, C = "192.168.10.0/24", "10.20.0.0/24", "10.21.0.0/24"
POLICY = policy(
    entry(1, A, B),
    entry(2, A, C),
    entry(3, A, "10.22.0.0/24", tunnel="depot"),
    entry(4, selector(A), selector("10.23.0.0/24"), Action.DISCARD),
)


def shown(
    *sas: IkeSaSnapshot,
    counters: dict[int, SaCounters] | None = None,
    blocked: dict[str, int] | None = None,
    failures: dict[str, models.Failure] | None = None,
) -> list[models.Tunnel]:
    return snapshot.tunnels(POLICY, sas, counters or {}, blocked or {}, (failures or {}).get)


def test_every_configured_tunnel_is_there_without_any_sa() -> None:
    branch, depot = shown()
    assert (branch.name, branch.state, branch.ike_version) == ("branch", "down", 2)
    assert (branch.local, branch.remote) == ("203.0.113.1", "203.0.113.2")
    assert [child.name for child in branch.children] == ["branch 1", "branch 2"]
    assert branch.children[0].local == [A]
    assert branch.children[0].remote == [B]
    assert branch.children[0].start == "on-demand"
    assert (depot.name, depot.ike_sas) == ("depot", [])


def test_one_child_that_is_up_does_not_lift_the_others() -> None:
    branch, depot = shown(ike_snapshot(policy_id=1))
    assert [child.state for child in branch.children] == ["up", "down"]
    assert (branch.state, depot.state) == ("up", "down")
    (sa,) = branch.ike_sas
    assert (sa.version, sa.state, sa.peer_identity) == (2, "established", "203.0.113.2")


def test_an_ike_sa_on_its_way_is_negotiating() -> None:
    branch, depot = shown(ike_snapshot(state="IKE_AUTH sent", policy_id=None))
    assert branch.state == "negotiating"
    assert {child.state for child in branch.children} == {"negotiating"}
    assert depot.state == "down"


def test_an_sa_without_counters_is_shown_with_its_spis() -> None:
    (sa,) = shown(ike_snapshot())[0].children[0].sas
    assert (sa.spi_in, sa.spi_out, sa.packets_in) == ("00001001", "00002001", 0)
    assert (sa.algorithms, sa.encapsulation) == ("aes-256-gcm", "esp")
    assert (sa.age, sa.rekey_in, sa.expires_in) == (5, 60, 90)


def test_counters_belong_to_their_inbound_spi() -> None:
    counted = SaCounters(0x1001, 1, 20, 3, 40, 5.5, None, True, 4)
    other = replace(counted, spi_in=0x1002, packets_in=99)
    (sa,) = shown(ike_snapshot(), counters={0x1001: counted, 0x1002: other})[0].children[0].sas
    assert (sa.packets_in, sa.bytes_in, sa.packets_out, sa.bytes_out) == (1, 20, 3, 40)
    assert (sa.last_in, sa.last_out) == (5.5, None)


def test_what_the_guards_kept_back_is_told_by_child_and_direction() -> None:
    branch, depot = shown(blocked={"protect_out_2": 7, "protect_in_2": 8, "protect_in_3": 9})
    drops = [(child.blocked_out, child.blocked_in) for child in branch.children]
    assert drops == [(0, 0), (7, 8)]
    assert (depot.children[0].blocked_out, depot.children[0].blocked_in) == (0, 9)


def test_a_failure_is_shown_at_its_tunnel() -> None:
    failed = models.Failure(time=NOW, mode="IKE SA", fault="x", explanation="No key.")
    branch, depot = shown(failures={"depot": failed})
    assert branch.last_failure is None
    assert depot.last_failure == failed


def test_a_child_is_up_only_with_an_sa_of_its_own_tunnel() -> None:
    branch, depot = POLICY.connections
    sas = [ike_snapshot(policy_id=1)]
    assert snapshot.child_is_up(branch, branch.children[0], sas)
    assert not snapshot.child_is_up(branch, branch.children[1], sas)
    assert not snapshot.child_is_up(depot, replace(depot.children[0], policy_id=1), sas)


def test_every_guard_is_listed_also_those_that_blocked_nothing() -> None:
    listed = snapshot.blocked_packets(guards.counters(POLICY), {"discard_out_4": 5})
    by_entry = {(each.entry, each.direction): each for each in listed}
    blocked = by_entry["branch 4", "out"]
    assert (blocked.action, blocked.tunnel, blocked.packets) == ("discard", "", 5)
    assert by_entry["branch 1", "in"].packets == 0
    assert by_entry["branch 1", "in"].tunnel == "branch"


def test_the_data_plane_says_what_it_is() -> None:
    state = snapshot.data_plane(MemoryDataPlane(), "by the policy")
    assert (state.kind, state.interface) == ("memory", "none")
    assert state.features == {"chosen": "by the policy", "carries": "nothing"}
    assert state.counters == {"drop_no_policy": 0}


def test_the_ike_sas_are_gone_through_once_and_not_for_each_tunnel() -> None:
    turns = 0

    class Counting(tuple[IkeSaSnapshot, ...]):
        def __iter__(self) -> Iterator[IkeSaSnapshot]:
            nonlocal turns
            turns += 1
            return super().__iter__()

    many = policy(*(entry(n, A, f"10.20.{n}.0/24", tunnel=f"branch {n}") for n in range(1, 50)))
    sas = Counting(ike_snapshot(policy_id=n, tunnel=f"branch {n}") for n in range(1, 50))
    shown = snapshot.tunnels(many, sas, {}, {}, lambda _: None)
    assert {(tunnel.state, len(tunnel.ike_sas)) for tunnel in shown} == {("up", 1)}
    assert turns == 1
