from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path

import pytest

from gatewright.control import models
from gatewright.control.service import CommandRefusedError
from gatewright.daemon.service import GatewayService
from gatewright.host import guards
from gatewright.ike.outputs import Difference, Fault, NegotiationFailed
from gatewright.policy.compiled import CompiledPolicy
from tests.support.policies import entry, policy
from tests.unit.daemon.doubles import Bench, child_sa, established, failure, ike_snapshot

A, B = "192.168.10.0/24", "10.20.0.0/24"
ONE = policy(entry(1, A, B), name="one")

Body = Callable[[Bench, GatewayService], Coroutine[object, object, None]]
Run = Callable[[Body], None]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    def on_a_bench(body: Body) -> None:
        async def main() -> None:
            bench = Bench(tmp_path)
            bench.policies = {"one": ONE}
            service = GatewayService(bench.gateway)
            await service.assign(models.AssignRequest(text="one", filename="/p.yaml"))
            await body(bench, service)

        asyncio.run(main())

    return on_a_bench


def test_a_tunnel_that_is_down_is_shown_with_its_last_failure(run: Run) -> None:
    async def body(bench: Bench, service: GatewayService) -> None:
        bench.endpoint.outputs = [
            NegotiationFailed(
                "branch",
                "IKE SA",
                Fault.NOTHING_IN_COMMON,
                "The peer accepts no offer.",
                (Difference("encryption", "aes-256-gcm", "3des-cbc"),),
                "NO_PROPOSAL_CHOSEN",
            )
        ]
        bench.loop.command(lambda _now: None)
        bench.host.counters = {"protect_out_1": 3, "protect_in_1": 0}
        status = await service.status()
        (tunnel,) = status.tunnels
        assert tunnel.state == "down"
        assert tunnel.children[0].blocked_out == 3
        assert tunnel.last_failure is not None
        assert tunnel.last_failure.differences[0].theirs == "3des-cbc"
        assert [each.packets for each in status.guards] == [3, 0]

    run(body)


def test_a_failure_is_forgotten_when_the_tunnel_comes_up(run: Run) -> None:
    async def body(bench: Bench, service: GatewayService) -> None:
        bench.endpoint.outputs = [failure(), *established(child_sa())]
        bench.loop.command(lambda _now: None)
        bench.endpoint.sas = (ike_snapshot(),)
        (tunnel,) = (await service.status()).tunnels
        assert tunnel.last_failure is None
        assert tunnel.state == "up"
        assert tunnel.children[0].sas[0].spi_in == "00001001"

    run(body)


def test_an_sa_under_way_is_negotiating(run: Run) -> None:
    async def body(bench: Bench, service: GatewayService) -> None:
        bench.endpoint.sas = (ike_snapshot(state="IKE_SA_INIT sent", policy_id=None),)
        assert (await service.status()).tunnels[0].state == "negotiating"

    run(body)


def test_status_without_a_policy(run: Run) -> None:
    async def body(bench: Bench, service: GatewayService) -> None:
        del bench
        await service.unassign()
        status = await service.status()
        assert status.policy is None
        assert status.tunnels == []

    run(body)


def test_what_the_guards_count_is_found_out_once_for_a_policy(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[CompiledPolicy] = []
    counters = guards.counters

    def counting(policy: CompiledPolicy) -> tuple[guards.GuardCounter, ...]:
        asked.append(policy)
        return counters(policy)

    async def body(bench: Bench, service: GatewayService) -> None:
        bench.policies["two"] = policy(entry(1, A, B), name="two")
        monkeypatch.setattr(guards, "counters", counting)
        first, second = await service.status(), await service.status()
        assert first.guards == second.guards != []
        await service.assign(models.AssignRequest(text="two", filename="/p.yaml"))
        asked.clear()
        await service.status()
        await service.status()
        assert [each.name for each in asked] == ["two"]

    run(body)


def test_up_tells_events_and_ends_when_every_child_has_an_sa(run: Run) -> None:
    async def body(bench: Bench, service: GatewayService) -> None:
        bench.endpoint.on_up = established(child_sa())
        bench.endpoint.sas = (ike_snapshot(),)
        lines = [each async for each in service.up("branch", 5)]
        assert [each.event.number for each in lines if each.event] == [541]
        result = lines[-1].result
        assert result is not None
        assert result.result == "up"
        assert ("up", "branch") in bench.endpoint.calls

    run(body)


def test_down_ends_when_no_sa_is_left(run: Run) -> None:
    async def body(bench: Bench, service: GatewayService) -> None:
        bench.endpoint.sas = (ike_snapshot(),)
        lines = [each async for each in service.down("branch", 5)]
        assert lines[-1].result is not None
        assert lines[-1].result.result == "down"

    run(body)


def test_an_unknown_tunnel_names_the_nearest(run: Run) -> None:
    async def body(bench: Bench, service: GatewayService) -> None:
        del bench
        with pytest.raises(CommandRefusedError) as caught:
            service.up("brunch", 5)
        assert caught.value.status == 404
        assert caught.value.problem.advice == 'Did you mean "branch"?'
        await service.unassign()
        with pytest.raises(CommandRefusedError) as caught:
            service.up("branch", 5)
        assert "No policy is assigned" in caught.value.problem.why

    run(body)


def test_following_has_no_gap_and_ends_when_the_service_closes(run: Run) -> None:
    async def body(bench: Bench, service: GatewayService) -> None:
        stream = service.follow(1, None)
        first = await anext(stream)
        assert first.kind == "policy-assigned"
        bench.endpoint.outputs = [failure()]
        bench.loop.command(lambda _now: None)
        assert (await anext(stream)).kind == "negotiation-failed"
        service.close()
        assert [each async for each in stream] == []

    run(body)
