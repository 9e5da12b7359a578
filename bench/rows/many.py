"""Thousands of tunnels between two gateways, with traffic over up to a thousand of them, against
the same traffic through one that is alone and has all networks, and as much over one of many."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from functools import partial
from statistics import median

from bench.claims import Claim, Form
from bench.machine import spread_packet_threads
from bench.paths.ours import FAR_NETWORKS, far_network, spread_far_networks, start
from bench.paths.path import Path, ready
from bench.result import Result, Table
from bench.rows.packets import WORK, search_in_turn, trial
from bench.series import stream
from bench.setting import Setting
from bench.statistics import between
from gatewright.lab.errors import LabError
from gatewright.lab.gateway import Gateway
from gatewright.lab.world import World

IN_USE = 1000
ESTABLISHED = "child_sas_established"
WARM_UP = 1.5  # seconds: so long the rate of a thousand streams rises
# Two samples of a thousand streams differ by a tenth, whatever is measured: there have to be more.
TIMES = 3
# Of what the lone tunnel carries: more packets are offered than any delivers, and what comes out is
# counted.  Searches for the highest rate without loss differ by a tenth, these by a thirtieth.
OFFERED = 1.3
LONGEST = 600.0  # seconds until all tunnels are up
BETWEEN_LOOKS = 5.0  # seconds: a status of ten thousand tunnels is work for the gateway
IDLE = 5.0  # seconds without traffic
KIBI = 1024.0


@dataclass(slots=True)
class Crowd:
    """A world of many tunnels.

    ``loading``, ``negotiating``, ``checking``: seconds; ``loaded``: when, by the monotonic clock;
    ``octets_up``: of one gateway; ``idle``: share of a core that one takes without traffic.
    """

    path: Path
    gateway: Gateway
    tunnels: int
    loading: float
    loaded: float
    negotiating: float = 0.0
    checking: float = 0.0
    octets_up: float = 0.0
    idle: float = 0.0

    @property
    def in_use(self) -> int:
        return min(IN_USE, self.tunnels)


@dataclass(slots=True)
class Compared:
    """What went over many tunnels, and to the same destinations over one alone, by turns."""

    many: list[float] = field(default_factory=list)
    alone: list[float] = field(default_factory=list)
    ratios: list[float] = field(default_factory=list)  # over many, of one alone

    def take(self, many: Callable[[], float], alone: Callable[[], float]) -> None:
        """One more of each; the lone tunnel's before it is that of the last time."""
        if not self.alone:
            self.alone.append(alone())
        self.many.append(many())
        self.alone.append(alone())
        self.ratios.append(self.many[-1] / between(*self.alone[-2:]))


@dataclass(slots=True)
class Streams(Compared):
    """Mbit/s of as many TCP streams; ``one``: over one of many."""

    one: list[float] = field(default_factory=list)
    ratios_one: list[float] = field(default_factory=list)  # over many, of one of many


@dataclass(slots=True)
class Packets(Compared):
    """Small packets delivered a second, of more than either delivers.

    ``carried``: what the lone tunnel carries with hardly any loss.
    """

    carried: float = field(kw_only=True)


def run(setting: Setting) -> Result:
    """Build the tunnels, wait until one gateway has brought all of them up, measure in turn."""
    tunnels = setting.amount.tunnels
    with ExitStack() as stack:
        setting.say(f"starting gateways with {tunnels:,} tunnels")
        alone = _build(stack, [str(FAR_NETWORKS)])
        _bring_up(setting, alone)
        crowd = _build(stack, [far_network(number) for number in range(tunnels)])
        _bring_up(setting, crowd)
        # With both gateways on one core or on two a world is another by a fifth, and keeps to it.
        for path in (alone.path, crowd.path):
            spread_packet_threads(path.pids)
        streams = Streams()
        packets = Packets(carried=_carried(setting, alone, crowd.in_use))
        for repetition in setting.repetitions(TIMES * setting.amount.repetitions):
            setting.say(f"TCP over {crowd.in_use:,} tunnels, repetition {repetition + 1}")
            _compare_streams(setting, alone, crowd, streams)
            _compare_packets(setting, alone, crowd, packets)
    return _result(alone, crowd, streams, packets)


def _build(stack: ExitStack, far_networks: Sequence[str]) -> Crowd:
    """A world with a tunnel to each of these networks."""
    world = stack.enter_context(World())
    spread_far_networks(world)
    tunnels = len(far_networks)
    pairs = [(world.ipv4.a.network, each) for each in far_networks]
    begin = time.monotonic()
    gateways = start(stack, world, pairs, esp=["aes-128-gcm"], udp=True, always=True)
    loaded = time.monotonic()
    name = f"UDP, {tunnels:,} tunnels"
    path = ready(stack, name, world, [gateway.pid for gateway in gateways])
    return Crowd(path, gateways[0], tunnels, loaded - begin, loaded)


def _bring_up(setting: Setting, crowd: Crowd) -> None:
    """Wait until all are up.  Raises ``LabError`` when they do not come."""
    while (up := crowd.gateway.status().ike_counters.get(ESTABLISHED, 0)) < crowd.tunnels:
        setting.say(f"negotiating: {up:,} of {crowd.tunnels:,} tunnels are up")
        if time.monotonic() - crowd.loaded > LONGEST:
            raise LabError(f"{up:,} of {crowd.tunnels:,} tunnels came up in {LONGEST:g} s")
        time.sleep(min(BETWEEN_LOOKS, crowd.tunnels / 1000))
    crowd.negotiating = time.monotonic() - crowd.loaded
    crowd.octets_up = crowd.path.memory() / 2
    spent = crowd.path.gateway_seconds()
    time.sleep(IDLE)
    crowd.idle = (crowd.path.gateway_seconds() - spent) / 2 / IDLE
    begin = time.monotonic()
    crowd.gateway.command("check", str(crowd.gateway.policy))
    crowd.checking = time.monotonic() - begin


def _compare_streams(setting: Setting, alone: Crowd, crowd: Crowd, streams: Streams) -> None:
    def megabits(path: Path, tunnels: int) -> float:
        seconds = setting.amount.seconds
        taken = partial(stream, path, seconds, crowd.in_use, tunnels, warm=WARM_UP)
        return setting.judge.take(taken).megabits

    streams.take(
        partial(megabits, crowd.path, crowd.in_use), partial(megabits, alone.path, crowd.in_use)
    )
    streams.one.append(megabits(crowd.path, 1))
    streams.ratios_one.append(streams.many[-1] / streams.one[-1])


def _carried(setting: Setting, alone: Crowd, destinations: int) -> float:
    """The most packets a second that a lone tunnel carries with hardly any loss."""
    offer = partial(trial, alone.path, destinations=destinations)
    return search_in_turn(setting, {alone.path.name: offer})[alone.path.name].best


def _compare_packets(setting: Setting, alone: Crowd, crowd: Crowd, packets: Packets) -> None:
    def delivered(path: Path) -> float:
        rate = OFFERED * packets.carried
        offer = partial(trial, path, rate, destinations=crowd.in_use)
        return setting.judge.take(offer).delivered

    packets.take(partial(delivered, crowd.path), partial(delivered, alone.path))


def _result(alone: Crowd, crowd: Crowd, streams: Streams, packets: Packets) -> Result:
    tunnels, used = crowd.tunnels, crowd.in_use
    work = f"{tunnels:,} tunnels"
    others = max(1, tunnels - 1)
    rows = [
        (f"{used:,} TCP streams, Mbit/s", _median(streams.alone), _median(streams.one),
         _median(streams.many)),
        (f"{WORK} a second of {OFFERED} times what one carries", _median(packets.alone), "",
         _median(packets.many)),
        ("seconds to check the policy", f"{alone.checking:.1f}", "", f"{crowd.checking:.1f}"),
        ("seconds until both are ready", f"{alone.loading:.1f}", "", f"{crowd.loading:.1f}"),
        ("seconds until all are up", f"{alone.negotiating:.1f}", "", f"{crowd.negotiating:.1f}"),
        ("share of a core, idle", f"{alone.idle:.3f}", "", f"{crowd.idle:.3f}"),
        ("MiB of a gateway, all up", f"{alone.octets_up / KIBI**2:.1f}", "",
         f"{crowd.octets_up / KIBI**2:.1f}"),
    ]  # fmt: skip
    per_tunnel = (crowd.octets_up - alone.octets_up) / others / KIBI
    return Result(
        [
            Claim(
                work, f"TCP over {used:,}, of a lone tunnel", median(streams.ratios), floor=0.95
            ),
            # Other packets, to one network: what a tunnel costs beside others, and no bound.
            Claim(work, f"TCP over {used:,}, of TCP over one", median(streams.ratios_one)),
            Claim(work, f"packets over {used:,}, of a lone tunnel", median(packets.ratios),
                  floor=0.95),
            Claim(work, "negotiated", tunnels / crowd.negotiating, Form.PER_SECOND),
            Claim("memory", "of a gateway for a tunnel that is up", per_tunnel, Form.KIBIBYTES),
        ],
        [
            Table(
                f"{tunnels:,} tunnels, traffic over {used:,}",
                ("", "one, alone", "one of them", f"{used:,} of them"),
                rows,
            )
        ],
        {"many": {"streams": asdict(streams), "packets": asdict(packets), "tunnels": tunnels,
                  "loading": crowd.loading, "checking": crowd.checking, "idle": crowd.idle,
                  "negotiating": crowd.negotiating}},
    )  # fmt: skip


def _median(values: list[float]) -> str:
    return f"{median(values):,.0f}"
