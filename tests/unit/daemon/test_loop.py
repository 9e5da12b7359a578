from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from ipaddress import ip_address
from pathlib import Path

import pytest

from gatewright.daemon.loop import trigger
from gatewright.dataplane.interface import (
    Acquire,
    FastPath,
    FastPathLost,
    IkeDatagram,
    PeerMoved,
    SaExpiring,
)
from gatewright.ike.machine import Address, Datagram
from gatewright.ike.outputs import InstallChildSa
from tests.support.policies import selector
from tests.unit.daemon.doubles import OURS, THEIRS, Bench, child_sa

Run = Callable[[Callable[[Bench], Coroutine[object, object, None]]], None]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    def on_a_bench(body: Callable[[Bench], Coroutine[object, object, None]]) -> None:
        async def main() -> None:
            await body(Bench(tmp_path))

        asyncio.run(main())

    return on_a_bench


def test_events_of_the_data_plane_reach_the_endpoint(run: Run) -> None:
    async def body(bench: Bench) -> None:
        bench.loop.watch_data_plane()
        wanted = Acquire(1, ip_address("10.0.0.1"), ip_address("10.1.0.1"), 6, 1025, 80)
        bench.plane.event(wanted)
        bench.plane.event(SaExpiring(7, True, "bytes"))
        bench.plane.event(PeerMoved(7, THEIRS, 4077))
        bench.plane.event(IkeDatagram(OURS, 4500, THEIRS, 4501, b"m"))
        while len(bench.endpoint.calls) < 4:
            await asyncio.sleep(0)
        assert bench.endpoint.calls == [
            ("acquire", 1, trigger(wanted)),
            ("expiring", 7, True),
            ("moved", 7, Address(THEIRS, 4077)),
            ("receive", Datagram(Address(OURS, 4500), Address(THEIRS, 4501), b"m")),
        ]

    run(body)


def test_a_packet_becomes_the_most_specific_selectors() -> None:
    ends = ip_address("10.0.0.1"), ip_address("10.1.0.1")
    assert trigger(Acquire(1, *ends, 6, 1025, 80)) == (
        selector("10.0.0.1/32", 6, 1025, 1025),
        selector("10.1.0.1/32", 6, 80, 80),
    )
    assert trigger(Acquire(1, *ends, 1, 0, 0)) == (
        selector("10.0.0.1/32", 1),
        selector("10.1.0.1/32", 1),
    )


def test_the_timer_follows_what_the_endpoint_wants(run: Run) -> None:
    async def body(bench: Bench) -> None:
        loop = asyncio.get_running_loop()
        bench.endpoint.timeout = loop.time() + 3600
        bench.loop.command(lambda _now: None)
        bench.endpoint.timeout = loop.time() + 0.01
        bench.loop.command(lambda _now: None)
        due = bench.endpoint.timeout
        while not bench.endpoint.calls:
            await asyncio.sleep(0.001)
        name, at = bench.endpoint.calls[0]
        assert name == "timeout"
        assert isinstance(at, float)
        assert at >= due - 1e-6
        bench.loop.stop()

    run(body)


def test_a_defect_drops_the_input_and_names_its_place(run: Run) -> None:
    async def body(bench: Bench) -> None:
        bench.endpoint.raises = IndexError("secret detail")
        datagram = Datagram(Address(OURS, 500), Address(THEIRS, 500), b"")
        bench.loop.receive(datagram)
        bench.endpoint.raises = None
        bench.loop.receive(datagram)
        assert len(bench.endpoint.calls) == 2
        assert bench.loop.executor.counters["internal_errors"] == 1
        (text,) = bench.texts()
        assert "IndexError" in text
        assert "doubles.py" in text
        assert "secret detail" not in text

    run(body)


def test_an_sa_that_was_not_installed_is_deleted_again(run: Run) -> None:
    async def body(bench: Bench) -> None:
        bench.plane.refuse["add_sa"] = "no memory"
        bench.endpoint.outputs = [InstallChildSa(child_sa())]
        bench.loop.command(lambda _now: None)
        assert bench.endpoint.calls == [("not_installed", 0x1001)]

    run(body)


def test_a_lost_fast_path_is_a_warning_in_the_trail(run: Run) -> None:
    async def body(bench: Bench) -> None:
        bench.loop.watch_data_plane()
        why = "the network device behind it refused it"
        path = FastPath("udp-segmentation", "many a call", "UDP 192.0.2.1:4500", "lost", why)
        bench.plane.event(FastPathLost(path))
        while not bench.texts():
            await asyncio.sleep(0)
        (text,) = bench.texts()
        assert text.startswith("udp-segmentation (many a call) on UDP 192.0.2.1:4500 is no longer")
        assert why in text

    run(body)


def test_the_end_of_the_data_plane_is_told(run: Run) -> None:
    async def body(bench: Bench) -> None:
        bench.loop.watch_data_plane()
        bench.plane.refuse["poll_events"] = "the packet thread ended"
        bench.plane.event(SaExpiring(1, False, ""))
        while not bench.ended:
            await asyncio.sleep(0)
        assert bench.texts() == ["the packet thread ended"]

    run(body)
