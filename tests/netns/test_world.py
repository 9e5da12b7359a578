"""The world itself: what passes without a policy, what a capture sees, what is left behind."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from gatewright.lab.leftovers import remove_orphans
from gatewright.lab.namespace import NAMED, Namespace
from gatewright.lab.packets import Kind
from gatewright.lab.process import Process
from gatewright.lab.traffic import SteadyPings, ping, transfer
from gatewright.lab.world import World

pytestmark = pytest.mark.netns


def test_without_a_policy_traffic_passes_and_the_capture_sees_it_in_clear(world: World) -> None:
    with world.capture() as capture:
        assert ping(world.host_a, world.ipv4.b.host, 2).all_answered
        assert ping(world.host_b, world.ipv6.a.host, 2).all_answered
    assert capture.tally.counts[Kind.CLEAR] == 8
    assert not capture.tally.sealed
    assert capture.path.stat().st_size > 8 * 98


def test_a_transfer_is_measured_where_it_arrives(world: World) -> None:
    with world.capture(unprotected_only=True) as capture:
        result = transfer(world.host_a, world.host_b, world.ipv4.b.host, seconds=0.1)
    assert result.octets > 0
    assert result.megabits_per_second > 0
    assert capture.tally.counts[Kind.CLEAR] > 0


def test_the_nat_router_hides_gateway_a(new_world: Callable[..., World]) -> None:
    world = new_world(nat=True)
    with world.capture() as capture:
        assert ping(world.gateway_a, world.ipv4.b.external, 1).all_answered
    assert capture.tally.counts[Kind.ICMP] == 2
    assert world.ipv4.a.external == "172.16.0.2"


def test_steady_pings_count_what_is_answered(world: World) -> None:
    with SteadyPings(world.host_a, world.ipv4.b.host) as pings:
        assert pings.wait_answered(5, timeout=10)
        world.gateway_b.ip("link set wan down")
        assert pings.wait_sent(5, timeout=10)
    assert pings.sent > pings.answered


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_nothing_is_left_behind_when_interrupted(number: signal.Signals) -> None:
    script = (
        "import signal, sys\n"
        "from gatewright.lab.world import World\n"
        "with World() as world:\n"
        "    print(world.prefix, world.directory, flush=True)\n"
        "    signal.pause()\n"
    )
    child = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    prefix, directory = child.stdout.readline().split()
    assert list(NAMED.glob(f"{prefix}-*"))
    child.send_signal(number)
    assert child.wait(10) != 0
    assert not list(NAMED.glob(f"{prefix}-*"))
    assert not Path(directory).exists()


def test_the_world_of_a_killed_process_is_swept(world: World) -> None:
    gone = subprocess.Popen(["true"])
    gone.wait()
    orphan = Namespace(f"gw{gone.pid}w1-hostA")
    orphan.create()
    scratch = world.directory.parent / f"gatewright-gw{gone.pid}w1-x"
    scratch.mkdir()
    remove_orphans()
    assert not orphan.path.exists()
    assert not scratch.exists()
    assert world.host_a.path.exists()
    assert world.directory.exists()


def test_a_process_in_the_world_dies_with_it(new_world: Callable[..., World]) -> None:
    world = new_world()
    script = 'readlink /proc/self/ns/net > "$0.new" && mv "$0.new" "$0" && exec sleep 1000'
    started = world.directory / "started"
    process = Process(
        "sleep",
        ["sh", "-c", script, str(started)],
        namespace=world.host_a,
        log=world.directory / "sleep.log",
    )
    process.wait_path(started, "it had started", timeout=10)
    assert started.read_text().strip() != str(Path("/proc/self/ns/net").readlink())
    world.remove()
    assert process.wait(5) == -signal.SIGKILL
