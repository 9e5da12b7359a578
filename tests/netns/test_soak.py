"""A short soak: full load and rekeys every few seconds, and no packet is lost to them.

`make soak` is the long one.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from gatewright.control.models import Status
from gatewright.lab.numbered import NUMBERED_PORT, NumberedStream
from gatewright.lab.policies import TUNNEL, TunnelText
from gatewright.lab.traffic import transfer
from gatewright.lab.world import World
from tests.support.running import gatewright

pytestmark = pytest.mark.netns

RATE = 300
LIFETIMES = "{ike: 8s, esp: 6s, esp_kilobytes: 262144}"


@contextmanager
def full_load(world: World) -> Iterator[None]:
    """TCP from hostA to hostB, as fast as it goes."""
    over = threading.Event()

    def send() -> None:
        while not over.is_set():
            transfer(world.host_a, world.host_b, world.ipv4.b.host, seconds=0.5)

    sender = threading.Thread(target=send)
    sender.start()
    try:
        yield
    finally:
        over.set()
        sender.join()


def rekeyed(before: Status, children: int, ike_sas: int) -> Callable[[Status], bool]:
    def judge(now: Status) -> bool:
        made = {
            name: now.ike_counters[name] - before.ike_counters[name]
            for name in ("child_sas_established", "ike_sas_established")
        }
        return made["child_sas_established"] >= children and made["ike_sas_established"] >= ike_sas

    return judge


@pytest.mark.parametrize(("version", "nat_traversal"), [(2, "force"), (1, "off")])
def test_no_packet_is_lost_to_a_rekey(world: World, version: int, nat_traversal: str) -> None:
    ends = world.ipv4
    settings = {
        "ike_version": str(version),
        "nat_traversal": nat_traversal,
        "lifetimes": LIFETIMES,
    }
    policy = TunnelText(ends.a, ends.b, settings=settings)
    a = gatewright(world, "A", str(policy))
    b = gatewright(world, "B", str(policy.mirrored()))
    for gateway in (a, b):
        gateway.start()
    for gateway in (a, b):
        gateway.wait_ready()
    assert a.up(TUNNEL).result == "up"
    before = a.status()
    there = NumberedStream(world.host_a, world.host_b, ends.b.host, RATE)
    back = NumberedStream(world.host_b, world.host_a, ends.a.host, RATE, NUMBERED_PORT + 1)
    with there, back:
        with full_load(world):
            a.wait_status(rekeyed(before, children=4, ike_sas=1), "rekeyed", timeout=60)
        accounts = there.finish(), back.finish()
    drops = {
        gateway.name: {
            name: count
            for name, count in plane.counters.items()
            if name.startswith("drop_") and count
        }
        for gateway in (a, b)
        if (plane := gateway.status().data_plane) is not None
    }
    assert all(account.whole for account in accounts), (accounts, drops)
    assert all(account.sent > RATE for account in accounts)
