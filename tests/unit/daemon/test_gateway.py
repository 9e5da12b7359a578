from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import replace
from ipaddress import ip_address
from pathlib import Path

import pytest

from gatewright.control.service import CommandRefusedError
from gatewright.daemon import memory
from gatewright.daemon.persistence import AssignedStore
from gatewright.host.steering import LocalAddress
from gatewright.policy.compiled import Engine
from tests.support.policies import entry, policy
from tests.unit.daemon.doubles import OURS, Bench, ike_snapshot

A, B = "192.168.10.0/24", "10.20.0.0/24"
ONE = policy(entry(1, A, B), name="one")
TWO = policy(entry(1, A, B), entry(2, A, "10.21.0.0/24", tunnel="depot"), name="two")

Run = Callable[[Callable[[Bench], Coroutine[object, object, None]]], None]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    def on_a_bench(body: Callable[[Bench], Coroutine[object, object, None]]) -> None:
        async def main() -> None:
            bench = Bench(tmp_path)
            bench.policies = {"one": ONE, "two": TWO}
            await body(bench)

        asyncio.run(main())

    return on_a_bench


def test_guards_stand_before_anything_else(run: Run) -> None:
    async def body(bench: Bench) -> None:
        bench.plane.refuse["open"] = "no TUN"
        with pytest.raises(CommandRefusedError, match="could not be put in force"):
            await bench.gateway.assign("one", "/p.yaml")
        assert bench.host.calls[0] == "guards"
        assert "steer" not in bench.host.calls

    run(body)


def test_an_assigned_policy_is_everywhere(run: Run, tmp_path: Path) -> None:
    async def body(bench: Bench) -> None:
        result = await bench.gateway.assign("one", "/p.yaml")
        assert result.policy.name == "one"
        assert result.changes == ['Tunnel "branch" was added.']
        assert bench.host.calls == ["guards", "steer"]
        assert bench.sockets.open == {OURS}
        assert bench.plane.addresses == (OURS,)
        assert bench.plane.policies == ONE.spd
        assert bench.endpoint.calls == [("connections", ("branch",))]
        stored = AssignedStore(tmp_path).load()
        assert stored is not None
        assert (stored.text, stored.filename) == ("one", "/p.yaml")

    run(body)


def test_a_bad_policy_leaves_the_one_in_force(run: Run, tmp_path: Path) -> None:
    async def body(bench: Bench) -> None:
        await bench.gateway.assign("one", "/p.yaml")
        before = list(bench.host.calls)
        with pytest.raises(CommandRefusedError):
            await bench.gateway.assign("nonsense", "/p.yaml")
        assert bench.host.calls == before
        assert bench.gateway.in_force is not None
        assert bench.gateway.in_force.compiled is ONE
        assert bench.plane.policies == ONE.spd
        stored = AssignedStore(tmp_path).load()
        assert stored is not None
        assert stored.text == "one"
        assert "was refused: The policy has an error." in bench.texts()[-1]

    run(body)


@pytest.mark.parametrize("step", ["steer", "sockets", "open", "forwarding"])
def test_a_step_that_fails_is_undone(run: Run, step: str) -> None:
    async def body(bench: Bench) -> None:
        await bench.gateway.assign("one", "/p.yaml")
        one = bench.host.ruleset
        host = bench.host.refuse
        refusals = {"steer": host, "forwarding": host, "open": bench.plane.refuse}
        if step == "sockets":
            bench.sockets.refuse = "in use"
        else:
            refusals[step][step] = "not now"
        with pytest.raises(CommandRefusedError):
            await bench.gateway.assign("two", "/p.yaml")
        assert bench.gateway.in_force is not None
        assert bench.gateway.in_force.compiled is ONE
        assert bench.host.ruleset.count("add counter") == one.count("add counter")
        assert set(bench.endpoint.calls) == {("connections", ("branch",))}
        assert bench.plane.policies == ONE.spd

    run(body)


def test_a_first_policy_that_fails_leaves_nothing(run: Run) -> None:
    async def body(bench: Bench) -> None:
        bench.host.refuse["steer"] = "not now"
        first = bench.plane
        with pytest.raises(CommandRefusedError):
            await bench.gateway.assign("one", "/p.yaml")
        assert not bench.host.guarded()
        assert not first.device
        assert bench.sockets.open == set()

    run(body)


def test_guards_of_an_earlier_run_stay_when_its_policy_fails(run: Run) -> None:
    async def body(bench: Bench) -> None:
        bench.host.install_guards(ONE)
        bench.host.refuse["steer"] = "not now"
        first = bench.plane
        with pytest.raises(CommandRefusedError):
            await bench.gateway.assign("one", "/p.yaml")
        assert bench.host.guarded()
        assert first.device

    run(body)


def test_assigning_anew_tells_what_changed(run: Run) -> None:
    async def body(bench: Bench) -> None:
        await bench.gateway.assign("one", "/p.yaml")
        result = await bench.gateway.assign("two", "/p.yaml")
        assert result.changes == ['Tunnel "depot" was added.']
        result = await bench.gateway.assign("one", "/p.yaml")
        assert result.changes == ['Tunnel "depot" was removed; its SAs are deleted.']
        assert (await bench.gateway.assign("one", "/p.yaml")).changes == []

    run(body)


def test_unassigning_removes_everything(run: Run, tmp_path: Path) -> None:
    async def body(bench: Bench) -> None:
        await bench.gateway.assign("one", "/p.yaml")
        first = bench.plane
        result = await bench.gateway.unassign()
        assert result.policy == "one"
        assert bench.endpoint.calls[-1] == ("connections", ())
        assert bench.host.calls[-1] == "remove"
        assert not first.device
        assert bench.sockets.open == set()
        assert AssignedStore(tmp_path).load() is None
        assert (await bench.gateway.unassign()).policy is None
        await bench.gateway.assign("two", "/p.yaml")
        assert bench.plane.policies == TWO.spd

    run(body)


def test_stopping_tells_the_peers_and_keeps_the_guards(run: Run, tmp_path: Path) -> None:
    async def body(bench: Bench) -> None:
        await bench.gateway.assign("one", "/p.yaml")
        bench.endpoint.sas = (ike_snapshot(),)
        await bench.gateway.shut_down()
        assert bench.endpoint.calls[-1] == ("shutdown",)
        assert bench.host.guarded()
        assert bench.host.plan is not None
        assert bench.plane.device
        assert not bench.plane.is_open
        assert AssignedStore(tmp_path).load() is not None

    run(body)


def test_missing_forwarding_is_said(run: Run) -> None:
    async def body(bench: Bench) -> None:
        bench.host.forwards = False
        result = await bench.gateway.assign("one", "/p.yaml")
        assert result.notices == ["IPv4 forwarding is off."]
        assert bench.texts()[-1] == "IPv4 forwarding is off."

    run(body)


def test_a_policy_that_cannot_be_recorded_is_in_force_all_the_same(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def body(bench: Bench) -> None:
        def refuse(_assigned: object) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(bench.gateway.parts.store, "save", refuse)
        result = await bench.gateway.assign("one", "/p.yaml")
        assert "could not be recorded (No space left on device)" in result.notices[0]
        assert bench.gateway.in_force is not None

    run(body)


def test_guards_that_somebody_removed_stand_again(run: Run) -> None:
    async def body(bench: Bench) -> None:
        await bench.gateway.look_after()
        assert bench.host.calls == []
        await bench.gateway.assign("one", "/p.yaml")
        bench.host.ruleset = ""
        await bench.gateway.look_after()
        assert bench.host.guarded()
        assert "stand again" in bench.texts()[-1]
        assert bench.endpoint.calls == [("connections", ("branch",))]

    run(body)


def test_a_policy_follows_the_addresses_of_the_machine(run: Run) -> None:
    async def body(bench: Bench) -> None:
        await bench.gateway.assign("one", "/p.yaml")
        bench.policies["one"] = TWO  # what it compiles to with the new address
        await bench.gateway.look_after()
        assert bench.plane.policies == ONE.spd
        bench.host.addresses.append(LocalAddress(ip_address("192.0.2.1"), "lan"))
        await bench.gateway.look_after()
        assert bench.plane.policies == TWO.spd
        assert 'addresses changed. Tunnel "depot" was added.' in bench.texts()[-1]
        del bench.policies["one"]
        bench.host.addresses.pop()
        await bench.gateway.look_after()
        assert bench.plane.policies == TWO.spd
        assert "does not fit this machine any more" in bench.texts()[-1]

    run(body)


WITH_KERNEL = replace(TWO, engine=Engine.KERNEL)


def test_another_engine_starts_anew_behind_its_guards(run: Run) -> None:
    async def body(bench: Bench) -> None:
        bench.policies["kernel"] = WITH_KERNEL
        await bench.gateway.assign("one", "/p.yaml")
        former = bench.plane
        bench.endpoint.calls.clear()
        await bench.gateway.assign("kernel", "/p.yaml")
        assert bench.endpoint.calls[0] == ("connections", ())
        assert (former.is_open, former.device) == (False, False)
        assert bench.engines == [Engine.USER_SPACE, Engine.KERNEL]
        assert bench.plane.policies == WITH_KERNEL.spd
        assert "meta ipsec exists accept" in bench.host.ruleset
        await bench.gateway.unassign()
        assert bench.engines[-1] is Engine.USER_SPACE

    run(body)


def test_an_engine_that_fails_is_undone(run: Run) -> None:
    async def body(bench: Bench) -> None:
        bench.policies["kernel"] = WITH_KERNEL
        await bench.gateway.assign("one", "/p.yaml")
        bench.refuse_kernel = {"open": "not now"}
        with pytest.raises(CommandRefusedError):
            await bench.gateway.assign("kernel", "/p.yaml")
        assert bench.gateway.in_force is not None
        assert bench.gateway.in_force.compiled is ONE
        assert bench.engines == [Engine.USER_SPACE, Engine.KERNEL, Engine.USER_SPACE]

    run(body)


def test_policies_that_the_data_plane_refuses_are_undone(run: Run) -> None:
    async def body(bench: Bench) -> None:
        bench.plane.refuse["replace_policies"] = "not now"
        with pytest.raises(CommandRefusedError):
            await bench.gateway.assign("one", "/p.yaml")
        assert bench.gateway.in_force is None
        assert bench.endpoint.calls[-1] == ("connections", ())
        assert not bench.host.ruleset

    run(body)


def test_what_a_policy_needed_for_a_moment_goes_back_to_the_system(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    given_back: list[None] = []
    monkeypatch.setattr(memory, "give_back", lambda: given_back.append(None))

    async def body(bench: Bench) -> None:
        await bench.gateway.assign("one", "/p.yaml")
        assert len(given_back) == 1
        bench.plane.refuse["open"] = "no TUN"
        with pytest.raises(CommandRefusedError):
            await bench.gateway.assign("two", "/p.yaml")
        assert len(given_back) == 2
        await bench.gateway.unassign()
        assert len(given_back) == 3

    run(body)
