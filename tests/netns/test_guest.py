"""A machine with a kernel of its own in a world: reached, steered, and gone without a trace."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from gatewright.lab.errors import LabError
from gatewright.lab.policies import TUNNEL
from gatewright.lab.traffic import ping
from gatewright.lab.world import World
from tests.support.running import assert_joined, gatewright

pytestmark = [pytest.mark.netns, pytest.mark.uml]


@pytest.fixture(scope="module")
def world(new_world: Callable[..., World], guests: None) -> World:  # noqa: ARG001
    return new_world(guest=True)


def test_it_is_another_kernel_between_the_same_networks(world: World) -> None:
    release = Path("/proc/sys/kernel/osrelease")
    assert world.gateway_a.run(["cat", str(release)]) != release.read_text()
    for sides in (world.ipv4, world.ipv6):
        assert ping(world.host_a, sides.b.host, 2).all_answered
        assert ping(world.host_b, sides.a.host, 2).all_answered


def test_what_fails_there_is_told_in_its_words(world: World) -> None:
    with pytest.raises(LabError, match=r"Cannot find device"):
        world.gateway_a.ip("link set nothing up")
    with pytest.raises(LabError, match=r"kernel of its own"):
        world.gateway_a.call(lambda: None)


def test_its_nft_keeps_rules_that_the_hosts_kernel_has_checked(world: World) -> None:
    rules = "table inet kept {\n  counter some { }\n}\n"
    world.gateway_a.run(["nft", "-f", "-"], stdin=rules)
    assert "counter some" in world.gateway_a.run(["nft", "list", "table", "inet", "kept"])
    with pytest.raises(LabError, match=r"syntax error"):
        world.gateway_a.run(["nft", "-f", "-"], stdin="add nonsense\n")
    world.gateway_a.run(["nft", "delete", "table", "inet", "kept"])


def test_a_gateway_runs_in_it(world: World) -> None:
    """The user-space engine: a kernel with a TUN device is all that it needs."""
    a, b = gatewright(world, "A", engine=""), gatewright(world, "B")
    a.start()
    b.start()
    a.wait_ready()
    b.wait_ready()
    assert a.up(TUNNEL).result == "up"
    assert_joined(world, a, world.ipv4)
    a.kill()
    a.start(policy=False)
    a.wait_ready()
    status = a.status()
    assert status.policy is not None
    assert status.policy.restored
    assert a.stop() == 0
