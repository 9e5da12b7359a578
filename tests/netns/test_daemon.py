"""``gatewright run`` as a process: signals, restarts, what others do to the machine meanwhile."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from gatewright.cli.exits import Exit
from gatewright.lab.gateway import PROGRAM, Gateway
from gatewright.lab.policies import TUNNEL
from gatewright.lab.world import World
from tests.support.running import gatewright

pytestmark = pytest.mark.netns

GUARDS = ["nft", "list", "table", "inet", "gatewright"]


def command(gateway: Gateway, world: World, *arguments: str) -> subprocess.CompletedProcess[str]:
    """A ``gatewright`` command on gateway A's machine."""
    argv = [str(PROGRAM), *arguments, "--control", str(gateway.control)]
    return subprocess.run(
        world.gateway_a.command(argv), capture_output=True, text=True, check=False
    )


def wait(condition: Callable[[], bool], what: str, timeout: float = 10.0) -> None:
    end = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < end, f"not {what}"
        time.sleep(0.02)


def guards(world: World) -> str:
    return world.gateway_a.run(["nft", "list", "ruleset"])


@pytest.fixture
def running(world: World) -> Gateway:
    gateway = gatewright(world, "A")
    gateway.start()
    gateway.wait_ready()
    return gateway


def texts(gateway: Gateway) -> list[str]:
    return [event.text for event in gateway.client.events(100)]


def test_stopped_or_killed_it_leaves_the_guards_and_takes_the_policy_up_again(
    world: World, running: Gateway
) -> None:
    before = guards(world)
    assert "drop" in before
    running.kill()
    assert guards(world) == before
    running.start(policy=False)
    running.wait_ready()
    status = running.status()
    assert status.policy is not None
    assert status.policy.restored
    assert [tunnel.name for tunnel in status.tunnels] == [TUNNEL]
    assert running.stop() == 0
    assert guards(world) == before
    assert "inet gatewright" in world.gateway_a.run(GUARDS)


def test_offline_removal_is_refused_while_it_runs_and_complete_when_not(
    world: World, running: Gateway
) -> None:
    state = ("--state-dir", str(running.directory / "state"))
    refused = command(running, world, "unassign", "--offline", *state)
    assert refused.returncode == Exit.FAILED
    assert "A gateway runs" in refused.stderr
    assert "drop" in guards(world)
    running.kill()
    done = command(running, world, "unassign", "--offline", "--json", *state)
    assert done.returncode == Exit.DONE, done.stderr
    assert json.loads(done.stdout)["notices"] == ["The guards are removed."]
    assert guards(world) == ""
    assert "157" not in world.gateway_a.run(["ip", "rule"])
    assert "gatewright0" not in world.gateway_a.run(["ip", "-br", "link"])
    running.start(policy=False)
    running.wait_ready()
    assert running.status().policy is None


def test_one_gateway_for_each_socket(world: World, running: Gateway) -> None:
    second = command(running, world, "run", str(running.policy), "--json")
    assert second.returncode == Exit.FAILED
    error = json.loads(second.stdout)["error"]
    assert error["code"] == "already-running"
    assert str(running.pid) in error["why"]
    assert running.status().policy is not None


def test_one_gateway_in_each_namespace(world: World, running: Gateway, tmp_path: Path) -> None:
    before = guards(world)
    places = ["--control", str(tmp_path / "other.sock"), "--secrets", str(running.secrets)]
    argv = [str(PROGRAM), "run", str(running.policy), *places]
    second = subprocess.run(
        world.gateway_a.command(argv), capture_output=True, text=True, check=False
    )
    assert second.returncode == Exit.FAILED
    assert "Another gateway runs in this network namespace" in second.stderr
    assert guards(world) == before


def test_hangup_reads_the_policy_again_and_keeps_it_when_it_is_bad(running: Gateway) -> None:
    good = running.policy.read_text()
    running.policy.write_text(good.replace(TUNNEL, "other office"))
    os.kill(running.pid, signal.SIGHUP)
    names = ["other office"]
    wait(lambda: [t.name for t in running.status().tunnels] == names, "reloaded")
    running.policy.write_text(good.replace("tunnels:", "tunels:"))
    os.kill(running.pid, signal.SIGHUP)
    wait(lambda: any("was refused" in text for text in texts(running)), "refused")
    assert [tunnel.name for tunnel in running.status().tunnels] == names
    running.policy.unlink()
    os.kill(running.pid, signal.SIGHUP)
    wait(lambda: any("cannot be read again" in text for text in texts(running)), "explained")
    assert [tunnel.name for tunnel in running.status().tunnels] == names


def test_guards_and_rules_that_others_flush_come_back(world: World, running: Gateway) -> None:
    before, rules = guards(world), world.gateway_a.run(["ip", "rule"])
    world.gateway_a.run(["nft", "flush", "ruleset"])
    wait(lambda: guards(world) == before, "guarded again")
    world.gateway_a.run(["ip", "rule", "flush"])
    wait(lambda: "4758:" in world.gateway_a.run(["ip", "rule"]), "steered again")
    wait(lambda: any("stand again" in text for text in texts(running)), "told")
    assert set(world.gateway_a.run(["ip", "rule"]).splitlines()) <= set(rules.splitlines())


def test_an_internal_address_that_comes_back_is_used_again(world: World, running: Gateway) -> None:
    del running

    def route() -> str:
        return world.gateway_a.run(["ip", "route", "get", world.ipv4.b.host])

    assert f"src {world.ipv4.a.internal}" in route()
    address = f"{world.ipv4.a.internal}/24 dev lan"
    world.gateway_a.ip(f"addr del {address}", f"addr add {address}")
    wait(lambda: f"src {world.ipv4.a.internal}" in route(), "the source again")


def test_a_bad_policy_at_the_start_is_explained_with_file_and_line(
    world: World, tmp_path: Path
) -> None:
    gateway = gatewright(world, "A")
    gateway.policy.write_text("tunnels:\n  branch:\n    locl: {}\n")
    state = str(tmp_path / "state")
    failed = command(gateway, world, "run", str(gateway.policy), "--state-dir", state)
    assert failed.returncode == Exit.POLICY
    assert f"{gateway.policy}:3" in failed.stderr
    assert "locl" in failed.stderr
    assert "Traceback" not in failed.stderr
    assert guards(world) == ""


def test_a_bad_policy_at_the_start_keeps_earlier_guards(world: World, running: Gateway) -> None:
    running.stop()
    before = guards(world)
    running.policy.write_text("nonsense: 1\n")
    state = str(running.directory / "state")
    failed = command(running, world, "run", str(running.policy), "--state-dir", state)
    assert failed.returncode == Exit.POLICY
    assert guards(world) == before


def test_a_missing_capability_is_named_before_anything_is_touched(
    world: World, tmp_path: Path
) -> None:
    control = str(tmp_path / "control.sock")
    argv = ["setpriv", "--bounding-set", "-net_raw", str(PROGRAM), "run", "--control", control]
    failed = subprocess.run(
        world.gateway_a.command(argv), capture_output=True, text=True, check=False
    )
    assert failed.returncode == Exit.PRIVILEGE
    assert "CAP_NET_RAW for ESP as IP protocol 50" in failed.stderr
    assert not list(tmp_path.iterdir())


def test_a_taken_port_is_explained_and_nothing_is_left(world: World) -> None:
    gateway = gatewright(world, "A")
    script = (
        "import socket, sys\n"
        "s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\n"
        f"s.bind(('{world.ipv4.a.external}', 500))\n"
        "print('bound', flush=True)\n"
        "sys.stdin.read()\n"
    )
    argv = world.gateway_a.command(["python3", "-c", script])
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stdin is not None
        holder.stdout.readline()
        places = ["--state-dir", str(gateway.directory / "state"), "--secrets"]
        failed = command(gateway, world, "run", str(gateway.policy), *places, str(gateway.secrets))
        holder.stdin.close()
    assert failed.returncode == Exit.FAILED
    assert "Another IKE daemon has it" in failed.stderr
    assert guards(world) == ""
