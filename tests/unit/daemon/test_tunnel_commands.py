from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import pytest

from gatewright.control.models import Progress, TunnelResult
from gatewright.daemon.tunnel_commands import TunnelCommands
from gatewright.ike.outputs import IkeSaSnapshot, Output
from gatewright.policy.compiled import Connection
from tests.support.policies import entry, policy
from tests.unit.daemon.doubles import Bench, child_sa, established, failure, ike_snapshot

A, B = "192.168.10.0/24", "10.20.0.0/24"
ONE = policy(entry(1, A, B)).connections[0]
TWO = policy(entry(1, A, B), entry(2, A, "10.21.0.0/24")).connections[0]

Body = Callable[[Bench, TunnelCommands], Awaitable[None]]
Run = Callable[[Body], None]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    def on_a_bench(body: Body) -> None:
        async def main() -> None:
            bench = Bench(tmp_path)
            await body(bench, TunnelCommands(bench.loop, bench.failures, lambda: 1000.0))

        asyncio.run(asyncio.wait_for(main(), 20))

    return on_a_bench


async def ended(lines: AsyncIterator[Progress]) -> tuple[list[str], TunnelResult]:
    """The texts of the events, and the result, which comes last and once."""
    *events, last = [line async for line in lines]
    assert last.result is not None
    assert [each.result for each in events] == [None] * len(events)
    return [each.event.text for each in events if each.event], last.result


def happens(bench: Bench, *outputs: Output) -> None:
    """The endpoint puts this out by itself, as when a datagram came."""
    bench.endpoint.outputs += outputs
    bench.loop.command(lambda _now: None)


async def up_of(bench: Bench, commands: TunnelCommands, connection: Connection) -> TunnelResult:
    result = (await ended(commands.up(connection, 5)))[1]
    assert bench.endpoint.calls == [("up", "branch")]
    return result


def two_children() -> IkeSaSnapshot:
    first, second = ike_snapshot(policy_id=1), ike_snapshot(policy_id=2)
    return replace(first, children=first.children + second.children)


def test_up_tells_events_and_ends_when_every_child_has_an_sa(run: Run) -> None:
    async def body(bench: Bench, commands: TunnelCommands) -> None:
        bench.endpoint.on_up = established(child_sa())
        bench.endpoint.sas = (ike_snapshot(policy_id=1),)
        lines = commands.up(TWO, 5)
        first = await anext(lines)
        assert first.event is not None
        assert (first.event.number, first.event.sequence) == (541, 0)
        bench.endpoint.sas = (two_children(),)
        happens(bench, *established(child_sa(0x1002, 2, "branch 2")))
        texts, result = await ended(lines)
        assert len(texts) == 1
        assert (result.result, result.text) == ("up", 'Tunnel "branch" is up.')

    run(body)


def test_one_child_of_two_is_not_the_tunnel(run: Run) -> None:
    async def body(bench: Bench, commands: TunnelCommands) -> None:
        bench.endpoint.sas = (ike_snapshot(policy_id=1),)
        assert (await ended(commands.up(TWO, 0)))[1].result == "pending"

    run(body)


def test_up_of_what_is_up_ends_at_once(run: Run) -> None:
    async def body(bench: Bench, commands: TunnelCommands) -> None:
        bench.endpoint.sas = (ike_snapshot(),)
        assert (await up_of(bench, commands, ONE)).result == "up"

    run(body)


def test_an_sa_of_another_tunnel_does_not_count(run: Run) -> None:
    async def body(bench: Bench, commands: TunnelCommands) -> None:
        bench.endpoint.sas = (ike_snapshot("depot"),)
        result = (await ended(commands.up(ONE, 0)))[1]
        assert result.result == "pending"

    run(body)


def test_up_ends_with_the_first_failure_of_its_tunnel(run: Run) -> None:
    async def body(bench: Bench, commands: TunnelCommands) -> None:
        bench.endpoint.on_up = [failure("depot"), failure()]
        texts, result = await ended(commands.up(ONE, 5))
        assert len(texts) == 1
        assert (result.result, result.text) == ("failed", "The peer did not answer.")
        assert result.failure is not None
        assert result.failure.time.timestamp() == 1000

    run(body)


def test_a_failure_of_before_the_command_is_not_its_result(run: Run) -> None:
    async def body(bench: Bench, commands: TunnelCommands) -> None:
        happens(bench, failure())
        assert bench.failures.of("branch") is not None
        assert (await ended(commands.up(ONE, 0)))[1].result == "pending"

    run(body)


def test_what_takes_too_long_goes_on_without_the_command(run: Run) -> None:
    async def body(bench: Bench, commands: TunnelCommands) -> None:
        del bench
        texts, result = await ended(commands.up(ONE, 0.01))
        assert (texts, result.result) == ([], "pending")
        assert "203.0.113.2 has not answered in full" in result.text
        assert result.seconds >= 0.01

    run(body)


def test_down_waits_until_no_sa_of_the_tunnel_is_left(run: Run) -> None:
    async def body(bench: Bench, commands: TunnelCommands) -> None:
        bench.endpoint.sas = (ike_snapshot(),)
        result = (await ended(commands.down(ONE, 5)))[1]
        assert result.result == "down"
        assert bench.endpoint.calls == [("down", "branch")]

    run(body)


def test_down_has_nothing_to_do_with_other_tunnels_and_failures(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def body(bench: Bench, commands: TunnelCommands) -> None:
        def goes(tunnel: str, now: float) -> None:
            del tunnel, now
            bench.endpoint.outputs.append(failure())

        monkeypatch.setattr(bench.endpoint, "down", goes)
        bench.endpoint.sas = (ike_snapshot("depot"),)
        assert (await ended(commands.down(ONE, 5)))[1].result == "down"
        bench.endpoint.sas = (ike_snapshot(),)
        assert (await ended(commands.down(ONE, 0)))[1].result == "pending"

    run(body)


def test_who_goes_away_is_not_told_any_more(run: Run) -> None:
    async def body(bench: Bench, commands: TunnelCommands) -> None:
        observers = len(bench.loop.executor._observers)
        bench.endpoint.on_up = established(child_sa())
        lines = commands.up(ONE, 5)
        await anext(lines)
        assert len(bench.loop.executor._observers) == observers + 1
        await lines.aclose()  # type: ignore[attr-defined]
        assert len(bench.loop.executor._observers) == observers

    run(body)


def test_what_a_stranger_does_is_no_failure_of_the_command(run: Run) -> None:
    async def body(bench: Bench, commands: TunnelCommands) -> None:
        forged = replace(failure(), by_stranger=True)
        bench.endpoint.on_up = [forged, *established(child_sa())]
        bench.endpoint.sas = (ike_snapshot(policy_id=1),)
        texts, result = await ended(commands.up(ONE, 5))
        assert len(texts) >= 2, "it is told all the same"
        assert result.result == "up"

    run(body)
