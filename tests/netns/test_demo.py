"""``gatewright demo``: the main job, as a user runs it."""

from __future__ import annotations

import json
import signal
import subprocess
from typing import Any

import pytest

from gatewright.lab import privilege
from gatewright.lab.gateway import PROGRAM
from gatewright.lab.leftovers import kept_worlds
from gatewright.lab.namespace import NAMED
from gatewright.lab.privilege import Privilege
from gatewright.lab.strongswan import StrongSwan

pytestmark = [pytest.mark.netns, pytest.mark.usefixtures("namespaces")]

STEPS = [
    "world",
    "clear",
    "peer",
    "policy",
    "expanded",
    "assigned",
    "first-ping",
    "associations",
    "capture",
    "transfer",
]


def demo(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [str(PROGRAM), "demo", "--seconds", "0.3", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=100)


def report_of(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    assert done.returncode == 0, done.stdout + done.stderr
    report: dict[str, Any] = json.loads(done.stdout)
    assert report["ok"]
    return report


@pytest.mark.parametrize("profile", ["modern", "windows-2003"])
@pytest.mark.parametrize("peer", ["strongswan", "gatewright"])
def test_the_demonstration_shows_a_tunnel(peer: str, profile: str) -> None:
    if peer == "strongswan" and (why := StrongSwan.missing()) is not None:
        pytest.skip(why)
    report = report_of(demo("--peer", peer, "--profile", profile, "--json"))
    steps = {step["step"]: step for step in report["steps"]}
    assert list(steps) == [*STEPS, "removed"]
    (ike,) = steps["associations"]["facts"]["ike"]
    esp = steps["associations"]["facts"]["esp"]
    if profile == "windows-2003":
        assert ike["version"] == 1
        assert all(word in ike["algorithms"] for word in ("3des-cbc", "sha1", "modp-1024"))
        assert all("des-cbc" in sa["algorithms"] and "md5" in sa["algorithms"] for sa in esp)
    else:
        assert ike["version"] == 2
        assert all("aes-128-gcm" in sa["algorithms"] for sa in esp)
    seen = steps["capture"]["facts"]
    assert seen["clear"] == seen["icmp"] == 0
    assert seen["esp" if peer == "gatewright" else "udp_esp"] > 0
    assert steps["transfer"]["facts"]["octets"] > 1_000_000


def test_it_tells_people_what_it_does() -> None:
    done = demo("--peer", "gatewright")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "First ping: answered after" in done.stdout
    assert "nothing passed in clear" in done.stdout
    assert "\x1b" not in done.stdout  # a pipe gets no colours


def test_an_interrupted_demonstration_leaves_nothing_behind() -> None:
    child = subprocess.Popen([str(PROGRAM), "demo"], stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    for line in child.stdout:
        if "Assigning the policy" in line:
            break
    child.send_signal(signal.SIGINT)
    output, _ = child.communicate(timeout=60)
    assert child.returncode == 130, output
    assert not list(NAMED.glob(f"gw{child.pid}w*"))


def test_a_kept_world_stands_until_it_is_removed() -> None:
    if privilege.acquire() is not Privilege.ROOT:
        pytest.skip("outside of root's namespaces a world stands as long as its process only")
    report = report_of(demo("--peer", "gatewright", "--keep", "--json"))
    (kept,) = [world for world in kept_worlds() if world.namespaces == report["kept"]]
    control = kept.directory / "gatewayA" / "control.sock"
    try:
        asked = subprocess.run(
            [str(PROGRAM), "status", "--control", str(control), "--json"],
            capture_output=True,
            text=True,
            check=True,
        )
        assert json.loads(asked.stdout)["tunnels"][0]["state"] == "up"
    finally:
        removed = demo("--remove", "--json")
    assert kept.prefix in json.loads(removed.stdout)["removed"]
    assert not kept.directory.exists()
    assert not [name for name in kept.namespaces if (NAMED / name).exists()]
