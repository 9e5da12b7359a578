"""Two engines in the gateways of a world, with keys put in by hand."""

from __future__ import annotations

import select
from collections.abc import Callable, Sequence
from ipaddress import ip_address, ip_network
from typing import TypeVar

from gatewright.dataplane.engine import EngineDataPlane
from gatewright.dataplane.interface import Event
from gatewright.iana.algorithms import CIPHER_BY_NAME, Cipher, Integrity
from gatewright.ipsec.association import ChildSa, Encapsulation
from gatewright.ipsec.selectors import TrafficSelector
from gatewright.lab.namespace import Namespace
from gatewright.lab.world import Addresses, World
from gatewright.policy.compiled import Action, SpdEntry
from tests.support.scapy_esp import child_sa, reversed_sa

INTERFACE = "gwengine"
AES_GCM = (CIPHER_BY_NAME["aes-128-gcm"], None)
Result = TypeVar("Result")


class Gateway:
    """An engine in a gateway's namespace, and the routes that lead to it."""

    def __init__(self, namespace: Namespace, without: Sequence[str] = (), mtu: int = 1500) -> None:
        self.namespace = namespace
        self.engine = EngineDataPlane(INTERFACE, without=without, mtu=mtu)

    def open(self, own: Sequence[Addresses], others: Sequence[Addresses]) -> None:
        self.inside(lambda: self.engine.open([ip_address(each.external) for each in own]))
        self.namespace.ip(*(f"route replace {each.network} dev {INTERFACE}" for each in others))
        entry = SpdEntry(1, "all", Action.PROTECT, _selectors(own), _selectors(others))
        self.engine.replace_policies([entry])

    def inside(self, function: Callable[[], Result]) -> Result:
        return self.namespace.call(function)

    def add(self, sa: ChildSa) -> None:
        self.inside(lambda: self.engine.add_sa(sa))

    def wait_for_events(self) -> Sequence[Event]:
        assert select.select([self.engine.event_fd()], [], [], 5)[0], "no event"
        return self.engine.poll_events()

    def drops(self) -> dict[str, int]:
        counters = self.engine.counters().items()
        return {name: n for name, n in counters if n and name.startswith("drop_")}


class Pair:
    """Both gateways of a world."""

    def __init__(self, world: World, *, without: Sequence[str] = (), mtu: int = 1500) -> None:
        self.world = world
        self.a = Gateway(world.gateway_a, without, mtu)
        self.b = Gateway(world.gateway_b, without, mtu)
        self.open()

    def open(self) -> None:
        four, six = self.world.ipv4, self.world.ipv6
        self.a.open([four.a, six.a], [four.b, six.b])
        self.b.open([four.b, six.b], [four.a, six.a])

    def sa(
        self,
        algorithm: tuple[Cipher, Integrity | None] = AES_GCM,
        encapsulation: Encapsulation = Encapsulation.UDP,
        *,
        outer: int = 4,
        number: int = 0,
        esn: bool = False,
    ) -> ChildSa:
        """Gateway A's view of a pair of SAs."""
        sides = self.world.ipv4 if outer == 4 else self.world.ipv6
        return child_sa(
            algorithm,
            local=sides.a.external,
            remote=sides.b.external,
            encapsulation=encapsulation,
            number=number,
            esn=esn,
        )

    def connect(self, sa: ChildSa) -> None:
        self.b.add(reversed_sa(sa))
        self.a.add(sa)

    def disconnect(self, sa: ChildSa) -> None:
        self.a.engine.remove_sa(sa.spi_in)
        self.b.engine.remove_sa(sa.spi_out)

    def close(self) -> None:
        for gateway in (self.a, self.b):
            gateway.engine.close(remove=True)


def _selectors(side: Sequence[Addresses]) -> tuple[TrafficSelector, ...]:
    return tuple(TrafficSelector.from_network(ip_network(each.network)) for each in side)
