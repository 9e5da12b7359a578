"""The article's world: hostA in NetA, gateway A, the Internet, gateway B, hostB in NetB.

    hostA ---- gateway A ----[ NAT ]---- Internet segment ---- gateway B ---- hostB
    NetA      lan     wan                 (a bridge)          wan     lan     NetB

Each box is a network namespace.  Every world has IPv4 and IPv6; a NAT router only where asked for.
Without a policy the two networks reach each other in clear: that is what a policy has to end.
"""

from __future__ import annotations

import itertools
import os
import shutil
import signal
import tempfile
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import ip_network
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any, Self

from gatewright.lab import privilege
from gatewright.lab.capture import Capture
from gatewright.lab.guest import Guest
from gatewright.lab.leftovers import KeptWorld, remove_orphans
from gatewright.lab.namespace import Namespace, run_ip
from gatewright.lab.packets import IPNetwork

_numbers = itertools.count(1)

FORWARDING = {
    "net/ipv4/ip_forward": "1",
    "net/ipv6/conf/all/forwarding": "1",
    "net/ipv4/conf/all/rp_filter": "0",
    "net/ipv4/conf/default/rp_filter": "0",
    # A leak has to look like one: no redirect that sends hosts around a gateway.
    "net/ipv4/conf/all/send_redirects": "0",
    "net/ipv4/conf/default/send_redirects": "0",
}
BRIDGE_FILTERS = Path("/proc/sys/net/bridge")
PAST_FILTERS = tuple(f"net/bridge/bridge-nf-call-{each}tables" for each in ("arp", "ip", "ip6"))
NO_WAIT_FOR_ADDRESSES = {
    "net/ipv6/conf/all/accept_dad": "0",
    "net/ipv6/conf/default/accept_dad": "0",
    "net/ipv6/conf/default/router_solicitations": "0",
}
NAT_RULES = """
table ip lab {
  chain postrouting {
    type nat hook postrouting priority srcnat; policy accept;
    oifname "wan" meta l4proto udp masquerade to :20000-29999
    oifname "wan" masquerade
  }
}
"""


@dataclass(frozen=True, slots=True)
class Addresses:
    """One side of the world in one IP version."""

    external: str  # the gateway's, towards the Internet
    internal: str  # the gateway's, towards its own network
    network: str
    host: str


@dataclass(frozen=True, slots=True)
class Sides:
    """Both sides in one IP version."""

    a: Addresses
    b: Addresses
    internet: str  # an address on the Internet segment that is neither gateway

    @property
    def protected(self) -> tuple[IPNetwork, ...]:
        return ip_network(self.a.network), ip_network(self.b.network)


IPV4 = Sides(
    Addresses("203.0.113.1", "192.168.10.1", "192.168.10.0/24", "192.168.10.2"),
    Addresses("203.0.113.2", "10.20.0.1", "10.20.0.0/24", "10.20.0.2"),
    "203.0.113.254",
)
IPV6 = Sides(
    Addresses("2001:db8:113::1", "2001:db8:a::1", "2001:db8:a::/64", "2001:db8:a::2"),
    Addresses("2001:db8:113::2", "2001:db8:b::1", "2001:db8:b::/64", "2001:db8:b::2"),
    "2001:db8:113::fe",
)
BEHIND_NAT = Addresses("172.16.0.2", "192.168.10.1", "192.168.10.0/24", "192.168.10.2")
NAT_INSIDE, NAT_OUTSIDE = "172.16.0.1", "203.0.113.1"


class World:
    """A world to enter with ``with``; leaving it, however that comes about, removes all of it.

    ``nat``: gateway A stands behind a NAT router (IPv4), which has gateway A's public address.
    ``peer_is_external``: gateway B is not a namespace but attaches to the Internet segment by a
    TAP device ``toB`` (a kernel of its own).
    ``guest``: gateway A is a machine with a kernel of its own, which has ESP (``lab.guest``).
    ``lasting``: its processes outlive this one, if ``keep`` is called; in root's namespaces only.
    ``directory``: scratch files, captures and logs of the world; removed with it.
    """

    def __init__(
        self,
        *,
        nat: bool = False,
        peer_is_external: bool = False,
        guest: bool = False,
        lasting: bool = False,
    ) -> None:
        # A lasting world is not swept away when this process is gone.
        self.prefix = f"gw{os.getpid()}{'kept' if lasting else 'w'}{next(_numbers)}"
        self.lasting = lasting
        self.entered = False
        self.nat = nat
        self._external = peer_is_external
        self.internet = Namespace(f"{self.prefix}-internet")
        name = f"{self.prefix}-gatewayA"
        self.gateway_a = Guest(name, lambda: self.directory) if guest else Namespace(name)
        self.gateway_b = Namespace(f"{self.prefix}-gatewayB")
        self.host_a = Namespace(f"{self.prefix}-hostA")
        self.host_b = Namespace(f"{self.prefix}-hostB")
        self.router = Namespace(f"{self.prefix}-nat")
        self._closers: list[Callable[[], object]] = []
        self._handlers: dict[int, Any] = {}

    @property
    def ipv4(self) -> Sides:
        return Sides(BEHIND_NAT, IPV4.b, IPV4.internet) if self.nat else IPV4

    @property
    def ipv6(self) -> Sides:
        return IPV6

    @property
    def has_host_b(self) -> bool:
        """Whether host B is a namespace of its own, to send from."""
        return not self._external

    @property
    def namespaces(self) -> tuple[Namespace, ...]:
        """Those that this world has."""
        peer = () if self._external else (self.gateway_b, self.host_b)
        return (
            self.internet,
            self.gateway_a,
            self.host_a,
            *peer,
            *((self.router,) if self.nat else ()),
        )

    def at_end(self, close: Callable[[], object]) -> None:
        """Call this before the world goes, last one first."""
        self._closers.append(close)

    def tidy(self) -> None:
        """Do now what ``at_end`` was given, so that the world can serve again."""
        while self._closers:
            with suppress(Exception):
                self._closers.pop()()

    def capture(self, name: str = "internet", *, unprotected_only: bool = False) -> Capture:
        """A capture of the Internet segment at gateway A, where all traffic of both passes."""
        return Capture(
            self.internet,
            "toA",
            self.directory / f"{name}.pcap",
            (*IPV4.protected, *IPV6.protected),
            unprotected_only=unprotected_only,
        )

    def __enter__(self) -> Self:
        self.privilege = privilege.acquire()
        if self.privilege is privilege.Privilege.USER_NAMESPACE:
            self.lasting = False  # it goes with this process whatever happens
        remove_orphans()
        self._catch_signals()
        self.directory = Path(tempfile.mkdtemp(prefix=f"gatewright-{self.prefix}-"))
        self.entered = True
        try:
            self._build()
        except BaseException:
            self.remove()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.remove()

    def keep(self) -> None:
        """Leave everything as it is when the world is left, for ``kept_worlds`` to find."""
        record = KeptWorld(self.prefix, [each.name for each in self.namespaces], self.directory)
        record.write()
        self._closers.clear()
        self._restore_signals()
        self.entered = False

    def remove(self) -> None:
        """End the processes, take the namespaces and the scratch files away."""
        if not self.entered:
            return
        # A second Ctrl-C must not leave half a world behind.
        interrupted = _ignore_signals()
        try:
            self.tidy()
            for namespace in self.namespaces:
                namespace.remove()
            shutil.rmtree(self.directory, ignore_errors=True)
            self.entered = False
        finally:
            _set_signals(interrupted)
            self._restore_signals()

    def remains(self) -> list[str]:
        """What is still there of it: names of namespaces, scratch files."""
        names = [each.name for each in self.namespaces if each.path.exists()]
        return [*names, *([str(self.directory)] if self.directory.exists() else [])]

    def _build(self) -> None:
        for namespace in self.namespaces:
            namespace.create()
            if not isinstance(namespace, Guest):  # an interface takes the defaults as it is made
                namespace.sysctl(NO_WAIT_FOR_ADDRESSES)
        self._connect()
        if isinstance(self.gateway_a, Guest):
            self.gateway_a.sysctl(NO_WAIT_FOR_ADDRESSES)
        self._configure_internet()
        _configure_side(self.gateway_a, self.host_a, self.ipv4.a, IPV6.a, IPV6.b.external)
        gateway = NAT_INSIDE if self.nat else IPV4.b.external
        self.gateway_a.ip(f"route add default via {gateway}")
        if not self._external:
            _configure_side(self.gateway_b, self.host_b, IPV4.b, IPV6.b, IPV6.a.external)
            self.gateway_b.ip(f"route add default via {NAT_OUTSIDE}")
        if self.nat:
            self._configure_router()

    def _connect(self) -> None:
        cable = _Cables()
        cable.lay(self.gateway_a, "lan", self.host_a, "eth0")
        if self.nat:
            cable.lay(self.router, "wan", self.internet, "toA")
            cable.lay(self.gateway_a, "wan", self.router, "lan")
        else:
            cable.lay(self.gateway_a, "wan", self.internet, "toA")
        if not self._external:
            cable.lay(self.gateway_b, "lan", self.host_b, "eth0")
            cable.lay(self.gateway_b, "wan", self.internet, "toB")
        run_ip(cable.lines)
        if isinstance(self.gateway_a, Guest):
            self.gateway_a.boot()

    def _configure_internet(self) -> None:
        if self._external:
            self.internet.ip("tuntap add toB mode tap")
        self.internet.ip(
            # A bridge of two ports needs no spanning tree, and must forward from the first frame.
            "link add segment type bridge stp_state 0 forward_delay 0 mcast_snooping 0",
            "link set toA master segment",
            "link set toB master segment",
            f"addr add {IPV4.internet}/24 dev segment",
            f"addr add {IPV6.internet}/64 dev segment nodad",
            *(f"link set {each} up" for each in ("segment", "toA", "toB")),
        )
        if BRIDGE_FILTERS.is_dir():
            # Where containers run, bridged packets pass the IP layer's netfilter hooks as well.
            # A wire does not do that, and no path should be charged for it.
            self.internet.sysctl(dict.fromkeys(PAST_FILTERS, "0"))

    def _configure_router(self) -> None:
        self.router.sysctl(FORWARDING)
        self.router.ip(
            f"addr add {NAT_INSIDE}/24 dev lan",
            f"addr add {NAT_OUTSIDE}/24 dev wan",
            "link set lan up",
            "link set wan up",
            f"route add default via {IPV4.b.external}",
            f"route add {BEHIND_NAT.network} via {BEHIND_NAT.external}",
        )
        self.router.run(["nft", "-f", "-"], stdin=NAT_RULES)

    def _catch_signals(self) -> None:
        """Have SIGTERM and SIGHUP unwind the stack as SIGINT does."""
        if threading.current_thread() is not threading.main_thread():
            return
        for number in (signal.SIGTERM, signal.SIGHUP):
            if signal.getsignal(number) is signal.SIG_DFL:
                self._handlers[number] = signal.signal(number, _raise_exit)

    def _restore_signals(self) -> None:
        _set_signals(self._handlers)
        self._handlers = {}


class _Cables:
    """Pairs of veth interfaces, each interface with an index that its other end does not have.

    With equal indices on both ends the kernel takes a second to see the carrier (linkwatch), and
    IPv6 loses what is sent meanwhile.
    """

    def __init__(self) -> None:
        self.lines: list[str] = []
        self._indices = itertools.count(10)

    def lay(self, one: Namespace, one_name: str, other: Namespace, other_name: str) -> None:
        if isinstance(one, Guest):
            one.plug(one_name, other, other_name)
            return
        self.lines.append(
            f"link add {one_name} index {next(self._indices)} netns {one.name} type veth"
            f" peer name {other_name} index {next(self._indices)} netns {other.name}"
        )


def _configure_side(
    gateway: Namespace, host: Namespace, ipv4: Addresses, ipv6: Addresses, other_gateway: str
) -> None:
    gateway.sysctl(FORWARDING)
    gateway.ip(
        f"addr add {ipv4.internal}/24 dev lan",
        f"addr add {ipv6.internal}/64 dev lan nodad",
        f"addr add {ipv4.external}/24 dev wan",
        f"addr add {ipv6.external}/64 dev wan nodad",
        "link set lan up",
        "link set wan up",
        f"route add default via {other_gateway}",
    )
    host.ip(
        f"addr add {ipv4.host}/24 dev eth0",
        f"addr add {ipv6.host}/64 dev eth0 nodad",
        "link set eth0 up",
        f"route add default via {ipv4.internal}",
        f"route add default via {ipv6.internal}",
    )


def _raise_exit(number: int, _frame: FrameType | None) -> None:
    raise SystemExit(128 + number)


def _ignore_signals() -> dict[int, Any]:
    if threading.current_thread() is not threading.main_thread():
        return {}
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    return {number: signal.signal(number, signal.SIG_IGN) for number in numbers}


def _set_signals(handlers: dict[int, Any]) -> None:
    for number, handler in handlers.items():
        signal.signal(number, handler)
