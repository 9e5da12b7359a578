"""The kernel's data plane in a real kernel, as far as one without ESP goes: policies, questions
for SAs, guards, sockets.  iproute2 is the judge of what stands in it.  SAs: tests/interop."""

from __future__ import annotations

import re
import select
import socket
from collections.abc import Callable, Iterator
from dataclasses import replace
from ipaddress import ip_address
from pathlib import Path
from typing import TypeVar

import pytest

from gatewright.control.client import RefusedError
from gatewright.dataplane.interface import Acquire, DataPlaneError, Event
from gatewright.dataplane.kernel.leftovers import remove_leftovers
from gatewright.dataplane.kernel.plane import KernelDataPlane
from gatewright.dataplane.kernel.probe import missing
from gatewright.host.linux import LinuxHost
from gatewright.host.names import HostNames
from gatewright.iana.algorithms import CIPHER_BY_NAME
from gatewright.lab.packets import Kind
from gatewright.lab.traffic import Pinger, ping
from gatewright.lab.world import World
from gatewright.policy.compiled import Action, CompiledPolicy, Engine, SpdEntry
from tests.support.policies import entry, policy, selector
from tests.support.running import gatewright

pytestmark = pytest.mark.netns

NAMES = HostNames()
T = TypeVar("T")
FOREIGN = "src 10.77.0.0/24 dst 10.78.0.0/24 dir out priority 1"


class Site:
    """Gateway A with the kernel's data plane; every call is made inside its namespace."""

    def __init__(self, world: World, state: Path) -> None:
        self.world = world
        self.namespace = world.gateway_a
        self.gateways = tuple(ip_address(side.external) for side in (world.ipv4.a, world.ipv4.b))
        self._state = state
        state.mkdir()
        self.plane = self.call(lambda: KernelDataPlane(NAMES.tun, mark=NAMES.mark))
        self.closed = False

    def call(self, do: Callable[[], T]) -> T:
        return self.namespace.call(do)

    def policy(self, *entries: SpdEntry) -> CompiledPolicy:
        local, remote = self.gateways
        ends = (local, remote)
        given = [replace(e, gateways=ends) if e.tunnel else e for e in entries]
        made = policy(*given, local=str(local), remote=str(remote), internal="lan")
        return replace(made, engine=Engine.KERNEL)

    def assign(self, *entries: SpdEntry) -> CompiledPolicy:
        wanted = self.policy(*entries)
        self.call(lambda: LinuxHost(self._state).install_guards(wanted))
        self.call(lambda: self.plane.open(self.gateways[:1]))
        self.call(lambda: LinuxHost(self._state).steer(wanted))
        self.call(lambda: self.plane.replace_policies(wanted.spd))
        return wanted

    def unassign(self) -> None:
        self.close(remove=True)
        self.call(lambda: LinuxHost(self._state).remove())

    def close(self, *, remove: bool) -> None:
        if not self.closed:
            self.closed = True
            self.call(lambda: self.plane.close(remove=remove))

    def xfrm(self) -> list[str]:
        """Policies as ``ip xfrm policy`` shows them, one a line, without those of sockets."""
        text = self.namespace.run(["ip", "xfrm", "policy"])
        listed = [" ".join(each.split()) for each in re.split(r"^(?=src )", text, flags=re.M)]
        return sorted(each for each in listed if each and " socket " not in each)

    def events(self, timeout: float = 5) -> list[Event]:
        """What comes within that time, at least one."""
        assert select.select([self.plane.event_fd()], [], [], timeout)[0], "no event"
        return list(self.plane.poll_events())

    def picture(self) -> str:
        run = self.namespace.run
        commands = (
            ["ip", "-4", "rule"],
            ["ip", "-4", "route", "show", "table", "all"],
            ["ip", "-br", "link"],
            ["nft", "list", "ruleset"],
            ["sysctl", "net.core.xfrm_larval_drop"],
        )
        return "\n".join(map(run, commands))


@pytest.fixture
def site(world: World, tmp_path: Path) -> Iterator[Site]:
    made = Site(world, tmp_path / "state")
    yield made
    made.close(remove=True)


def protected(world: World) -> SpdEntry:
    return entry(7, world.ipv4.a.network, world.ipv4.b.network)


def test_a_tunnel_as_iproute2_sees_it(site: Site, world: World) -> None:
    site.assign(protected(world))
    a, b = world.ipv4.a, world.ipv4.b
    reqid = f"proto esp reqid {2**31 + 7} mode tunnel"
    outward = f"src {a.network} dst {b.network} dir out priority 18327 ptype main"
    assert site.xfrm() == sorted(
        [
            f"{outward} tmpl src {a.external} dst {b.external} {reqid}",
            *(
                f"src {b.network} dst {a.network} dir {way} priority 18327 ptype main "
                f"tmpl src {b.external} dst {a.external} {reqid}"
                for way in ("in", "fwd")
            ),
        ]
    )


def test_permit_block_ports_and_types_as_iproute2_sees_them(site: Site, world: World) -> None:
    a, b = world.ipv4.a.network, world.ipv4.b.network
    site.assign(
        entry(1, selector(a, 6), selector(b, 6, 80, 80), Action.BYPASS),
        entry(2, selector(a, 1, 0x0800, 0x08FF), selector(b, 1), Action.DISCARD),
        protected(world),
    )
    shown = [each.partition(" tmpl")[0] for each in site.xfrm() if " dir out " in each]
    ends = f"src {a} dst {b}"
    assert shown == sorted(
        [
            f"{ends} proto tcp dport 80 dir out priority 18327 ptype main",
            f"{ends} proto icmp type 8 dir out action block priority 18391 ptype main",
            f"{ends} dir out priority 18455 ptype main",
        ]
    )


def test_the_first_packet_asks_with_its_own_addresses_and_is_not_seen_in_clear(
    site: Site, world: World
) -> None:
    site.assign(protected(world))
    a, b = world.ipv4.a, world.ipv4.b
    with world.capture() as capture, Pinger(world.host_a, b.host) as pinger:
        pinger.send()
        (event,) = site.events()
        assert event == Acquire(7, ip_address(a.host), ip_address(b.host), 1, 0, 0)
        pinger.send()
        site.call(lambda: site.plane.acquire_failed(7))
        pinger.send()
        assert site.events() == [event], "given up, so the next packet asks anew"
    assert not capture.tally.counts[Kind.CLEAR]


def test_the_gateway_s_own_packets_have_its_inner_address(site: Site, world: World) -> None:
    site.assign(protected(world))
    with Pinger(world.gateway_a, world.ipv4.b.host) as pinger:
        pinger.send()
        (event,) = site.events()
    assert isinstance(event, Acquire)
    assert str(event.source) == world.ipv4.a.internal


def test_protected_traffic_that_comes_in_clear_does_not_pass(site: Site, world: World) -> None:
    assert ping(world.host_b, world.ipv4.a.host, 1).all_answered
    site.assign(protected(world))
    assert not ping(world.host_b, world.ipv4.a.host, 2, timeout=0.5).answered
    counted = site.call(lambda: LinuxHost(site._state).guard_counters())
    assert counted["protect_in_7"] == 2


def test_without_the_kernel_s_policies_the_guards_alone_hold(site: Site, world: World) -> None:
    """Somebody flushes them: what the routes lead into the device ends there."""
    site.assign(protected(world))
    site.namespace.run(["ip", "xfrm", "policy", "flush"])
    with Pinger(world.host_a, world.ipv4.b.host) as pinger, world.capture() as capture:
        pinger.send()
        assert pinger.receive(0.5) is None
    assert not capture.tally.counts[Kind.CLEAR]


def test_removal_restores_the_machine_and_leaves_what_others_have(site: Site, world: World) -> None:
    site.namespace.run(["ip", "xfrm", "policy", "add", *FOREIGN.split()])
    before = site.picture()
    site.assign(protected(world))
    assert len(site.xfrm()) == 4
    site.unassign()
    assert [each.startswith("src 10.77.0.0/24") for each in site.xfrm()] == [True]
    assert site.picture() == before


def test_the_same_networks_of_another_program_are_a_refusal(site: Site, world: World) -> None:
    a, b = world.ipv4.a.network, world.ipv4.b.network
    foreign = f"src {a} dst {b} dir out priority 1"
    site.namespace.run(["ip", "xfrm", "policy", "add", *foreign.split()])
    with pytest.raises(DataPlaneError, match="another program"):
        site.assign(protected(world))
    assert len(site.xfrm()) == 1


def test_what_a_killed_gateway_left_is_taken_over_or_removed(site: Site, world: World) -> None:
    site.assign(protected(world))
    before = site.xfrm()
    after = site.call(lambda: KernelDataPlane(NAMES.tun, mark=NAMES.mark))
    site.call(lambda: after.replace_policies(site.policy(protected(world)).spd))
    assert site.xfrm() == before
    site.call(lambda: after.close(remove=False))
    site.namespace.run(["ip", "xfrm", "policy", "add", *FOREIGN.split()])
    site.call(remove_leftovers)
    assert len(site.xfrm()) == 1


def test_many_policies_are_put_and_taken_in_few_calls(site: Site, world: World) -> None:
    a = world.ipv4.a.network
    entries = [entry(n + 100, a, f"10.{n >> 8}.{n & 255}.0/24") for n in range(1000)]
    site.assign(protected(world))
    wanted = site.policy(protected(world), *entries)
    site.call(lambda: site.plane.replace_policies(wanted.spd))
    assert len(site.xfrm()) == 3 * 1001
    site.call(lambda: site.plane.replace_policies(wanted.spd[:1]))
    assert len(site.xfrm()) == 3


def test_port_4500_gives_up_ike_and_takes_keepalives_for_itself(site: Site, world: World) -> None:
    site.assign(protected(world))
    local, remote = site.gateways
    with socket_of(world, str(remote)) as other:
        for data in (b"\xff", bytes(4) + b"a message"):
            other.sendto(data, (str(local), 4500))
        (event,) = site.events()
        assert getattr(event, "payload", None) == b"a message"
        site.call(lambda: site.plane.send_ike(local, remote, 4500, b"an answer"))
        assert other.recv(100) == bytes(4) + b"an answer"
        site.call(lambda: site.plane.send_keepalive(local, remote, 4500))
        assert other.recv(100) == b"\xff"


def test_ike_passes_where_the_policy_protects_the_endpoints_too(site: Site, world: World) -> None:
    a, b = world.ipv4.a, world.ipv4.b
    site.assign(entry(7, f"{a.external}/32", f"{b.external}/32"))
    with socket_of(world, b.external) as other:
        local, remote = site.gateways
        site.call(lambda: site.plane.send_ike(local, remote, 4500, b"out"))
        assert other.recv(100) == bytes(4) + b"out"
        other.sendto(bytes(4) + b"in", (a.external, 4500))
        (event,) = site.events()
        assert getattr(event, "payload", None) == b"in"


def socket_of(world: World, address: str) -> socket.socket:
    def make() -> socket.socket:
        made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        made.bind((address, 4500))
        made.settimeout(5)
        return made

    return world.gateway_b.call(make)


def test_a_kernel_without_esp_is_told_of_and_auto_goes_without(world: World) -> None:
    gcm = CIPHER_BY_NAME["aes-128-gcm"]
    if not world.gateway_a.call(lambda: missing([4], [(gcm, None)])):
        pytest.skip("this kernel has ESP")
    a = gatewright(world, "A", engine="auto")
    a.start()
    a.wait_ready()
    plane = a.status().data_plane
    assert plane is not None
    assert plane.kind == "engine"
    assert plane.features["chosen"].startswith("auto: the kernel has no ESP")
    a.policy.write_text(a.policy.read_text().replace("auto", "kernel", 1))
    with pytest.raises(RefusedError, match="wants the kernel's engine") as refusal:
        a.assign()
    assert "This kernel has no ESP" in refusal.value.problem.why
    plane = a.status().data_plane
    assert plane is not None
    assert plane.kind == "engine"
