"""What a gateway remembers does not grow: hundreds of rekeys, restarts and policies, then a count.

Counted is, at rest, what hangs on both endpoints and on what their outputs go to.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from gatewright.audit.trail import Trail
from gatewright.daemon.executor import Executor
from gatewright.daemon.failures import Failures
from gatewright.dataplane.memory import MemoryDataPlane
from gatewright.ike.endpoint import Endpoint
from gatewright.ike.outputs import ChildSaEstablished, IkeSaEstablished, Output
from gatewright.policy.compiled import Connection
from tests.support.gateways import Pair, child, connection, esp, mirrored, pair, selector
from tests.support.gateways_v1 import tunnel
from tests.support.reachable import reachable
from tests.support.sim import Host, Network

Make = Callable[..., Connection]
Begin = Callable[..., "Site"]
MAKERS = pytest.mark.parametrize("make", [tunnel, connection], ids=["IKEv1", "IKEv2"])

EARLY, LATE = 100, 200  # repetitions before the first count, and from there to the second
_OUTDATED_TIMERS = 60  # objects
_AT_REST = 70  # seconds, after which nothing is kept for a while that is to go
# An IKEv1 main mode SA remembers message IDs until its end, against replay: those of a quick mode
# and of its deletes or notifies, on both sides together.
_MESSAGE_IDS = 5


class Gateway:
    """What a daemon hangs on an endpoint, fed with what a simulated host tells."""

    def __init__(self, host: Host, network: Network) -> None:
        self.host = host
        self.told: list[type[Output]] = []
        trail = Trail(lambda: network.now, capacity=1)  # has a test of its own
        self._plane = MemoryDataPlane()
        self.executor = Executor(self._plane, lambda _: None, trail)
        self.executor.observe(Failures(lambda: network.now))

    def work_off(self) -> None:
        for output in self.host.outputs:
            self.executor.execute(output)
            self.told.append(type(output))
        self.host.outputs.clear()
        self._plane.given_up.clear()

    def close(self) -> None:
        self._plane.close(remove=True)


@dataclass
class Site:
    """Two gateways."""

    pair: Pair
    gateways: list[Gateway]

    def run(self, seconds: float) -> None:
        self.pair.network.run(seconds)
        for gateway in self.gateways:
            gateway.work_off()
        self.pair.network.carried.clear()

    def rekey(self, times: int) -> None:
        """Let them rekey so often by time alone."""

        def done() -> int:
            kinds = (ChildSaEstablished, IkeSaEstablished)
            return min(sum(each in kinds for each in gateway.told) for gateway in self.gateways)

        end = done() + times
        while done() < end:
            self.run(5)

    def down(self) -> None:
        """Until nothing is left of the tunnel."""
        for endpoint in self._endpoints():
            endpoint.down("branch", self.pair.network.now)
        self.run(_AT_REST)
        assert not any(endpoint.counters()["sessions"] for endpoint in self._endpoints())

    def held(self) -> int:
        """Objects."""
        executors = [gateway.executor for gateway in self.gateways]
        return reachable(*self._endpoints(), *executors)

    def _endpoints(self) -> list[Endpoint]:
        return [self.pair.endpoint_a, self.pair.endpoint_b]


def left_by(site: Site, step: Callable[[], None], least: int = 0) -> int:
    """Objects that ``LATE`` repetitions leave, after ``EARLY`` others."""
    for _ in range(EARLY):
        step()
    early = site.held()
    for _ in range(LATE):
        step()
    return site.held() - early - least


@pytest.fixture
def begin() -> Iterator[Begin]:
    gateways: list[Gateway] = []

    def made(*sides: Connection) -> Site:
        endpoints = pair(*sides)
        site = Site(endpoints, [Gateway(host, endpoints.network) for host in endpoints.hosts()])
        gateways.extend(site.gateways)
        endpoints.endpoint_a.up("branch", endpoints.network.now)
        site.run(3)
        return site

    yield made
    for gateway in gateways:
        gateway.close()


@MAKERS
@pytest.mark.parametrize("both", [False, True], ids=["one side", "both at once"])
def test_rekeys_of_children_leave_nothing(begin: Begin, make: Make, both: bool) -> None:
    """Under one IKE SA."""
    lives = child(esp("aes-128-gcm", seconds=1_000_000))
    site = begin(make(lives, lifetime=1_000_000))
    network = site.pair.network

    def rekey() -> None:
        newest = [list(host.sad.pairs)[-1] for host in site.pair.hosts()]
        site.pair.endpoint_a.child_expiring(newest[0], False, network.now)
        if both:
            site.pair.endpoint_b.child_expiring(newest[1], False, network.now)
        site.run(_AT_REST)
        assert site.pair.connected()

    known = (1 + both) * _MESSAGE_IDS * LATE if make is tunnel else 0
    assert left_by(site, rekey, known) < _OUTDATED_TIMERS


@MAKERS
@pytest.mark.parametrize(
    ("child_seconds", "ike_seconds", "offset"),
    [(20, 90, 0), (20, 90, 5), (1_000_000, 20, 0)],
    ids=["both at once", "one side", "IKE SAs alone"],
)
def test_rekeys_of_ike_sas_leave_nothing(
    begin: Begin, make: Make, child_seconds: int, ike_seconds: int, offset: int
) -> None:
    def side(more: int) -> Connection:
        lives = child(esp("aes-128-gcm", seconds=child_seconds + more))
        return make(lives, lifetime=ike_seconds + more)

    site = begin(side(0), mirrored(side(offset)))
    counts = []
    for times in (EARLY, LATE):
        site.rekey(times)
        assert site.pair.connected()
        site.down()
        counts.append(site.held())
        site.pair.endpoint_a.up("branch", site.pair.network.now)
    assert counts[1] - counts[0] < _OUTDATED_TIMERS


@MAKERS
def test_what_was_rekeyed_is_freed_at_once(begin: Begin, make: Make) -> None:
    """Not when Python looks for cycles, which with many objects is after minutes."""
    site = begin(make(child(esp("aes-128-gcm", seconds=20)), lifetime=60))
    gc.collect()
    gc.disable()
    try:
        site.rekey(100)
        site.down()
        assert gc.collect() == 0
    finally:
        gc.enable()


@MAKERS
def test_tunnels_that_go_down_and_up_leave_nothing(begin: Begin, make: Make) -> None:
    site = begin(make())

    def down_and_up() -> None:
        site.down()
        site.pair.endpoint_a.up("branch", site.pair.network.now)
        site.run(_AT_REST)
        assert site.pair.connected()

    assert left_by(site, down_and_up) < _OUTDATED_TIMERS


@MAKERS
def test_policies_that_come_and_go_leave_nothing(begin: Begin, make: Make) -> None:
    other = child(name="other", policy_id=2, local=[selector("192.168.99.0/24")])
    one, two, wider = make(), make(other, name="two"), make(child(), other, lifetime=1000)
    site = begin(one)
    network = site.pair.network

    def assign() -> None:
        for policy in ([one, two], [wider], [], [one]):
            mirror = [mirrored(each) for each in policy]
            site.pair.endpoint_a.set_connections(policy, network.now)
            site.pair.endpoint_b.set_connections(mirror, network.now)
            for each in policy:
                site.pair.endpoint_a.up(each.name, network.now)
            site.run(_AT_REST)
        assert site.pair.connected()

    assert left_by(site, assign) < _OUTDATED_TIMERS


@MAKERS
def test_negotiations_that_fail_leave_nothing(begin: Begin, make: Make) -> None:
    """The keys are the same and the networks are not."""
    elsewhere = mirrored(make(child(remote=[selector("10.99.0.0/24")])))
    site = begin(make(lifetime=1_000_000), elsewhere)

    def fail() -> None:
        site.pair.endpoint_a.up("branch", site.pair.network.now)
        site.run(_AT_REST)

    known = _MESSAGE_IDS * LATE if make is tunnel else 0
    assert left_by(site, fail, known) < _OUTDATED_TIMERS
    assert not site.pair.connected()
