"""A tunnel under attack: what must not change, and what has to be counted."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from gatewright.control.models import Status
from gatewright.lab.policies import TUNNEL, TunnelText
from gatewright.lab.traffic import SteadyPings, ping
from gatewright.lab.world import World
from tests.support.attacker import Attacker, Flight, seen
from tests.support.running import gatewright, tunnel_up

# Whatever else is in the sum of counters goes up by itself.
_SESSIONS = ("sessions", "half_open")
_WAIT = 10.0


class Siege:
    """Gateway A is the victim, with an established tunnel to gateway B.

    ``ike`` and ``esp`` are the messages that made the tunnel and the first packets in it.
    """

    def __init__(self, world: World, version: int) -> None:
        self.world = world
        self.version = version
        self.a, self.b = gatewright(world, "A"), gatewright(world, "B")
        settings = {"ike_version": str(version), "dpd": "off"}
        tunnel = TunnelText(world.ipv4.a, world.ipv4.b, settings=settings)
        self.a.policy.write_text(str(tunnel))
        self.b.policy.write_text(str(tunnel.mirrored()))
        for gateway in (self.a, self.b):
            gateway.start()
        for gateway in (self.a, self.b):
            gateway.wait_ready()
        self.attacker = Attacker(world)
        with world.capture("siege") as capture:
            # B initiates, so that A's part can be replayed as well as B's.
            assert self.b.up(TUNNEL).result == "up", self.b.tail()
            self.a.wait_status(tunnel_up, "up")
            assert ping(world.host_a, world.ipv4.b.host, 5).all_answered
        self.ike, self.esp = seen(capture.path)
        assert self.ike
        assert self.esp

    def from_peer(self, flights: list[Flight]) -> list[bytes]:
        """What B has sent to A."""
        return [each.payload for each in flights if each.source == self.attacker.peer]

    @property
    def cookies(self) -> tuple[bytes, bytes]:
        """Both SPIs of the IKE SA."""
        (sa,) = self.a.status().tunnels[0].ike_sas
        return bytes.fromhex(sa.spi_i), bytes.fromhex(sa.spi_r)

    @property
    def spi_in(self) -> bytes:
        """A's inbound ESP SPI."""
        (child,) = self.a.status().tunnels[0].children
        return bytes.fromhex(child.sas[-1].spi_in)

    def a_memory(self) -> int:
        """Octets that the victim has in memory."""
        pages = int(Path(f"/proc/{self.a.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")

    @contextmanager
    def undisturbed(self, *, sessions: int = 0) -> Iterator[Counter[str]]:
        """Whatever is done inside, the tunnel does not notice.

        Gives a counter, which is filled at the end with what victim A counted meanwhile.
        ``sessions``: how many half-open ones may be left.
        """
        before = [gateway.status() for gateway in (self.a, self.b)]
        counted: Counter[str] = Counter()
        with SteadyPings(self.world.host_a, self.world.ipv4.b.host, interval=0.02) as pings:
            assert pings.wait_answered(3, timeout=5)
            yield counted
            assert pings.wait_answered(3, timeout=5), self.a.tail()
            pings.finish()
        assert pings.answered == pings.sent
        after = [gateway.status() for gateway in (self.a, self.b)]
        for gateway, old, new in zip((self.a, self.b), before, after, strict=True):
            assert standing(new) == standing(old), gateway.tail()
            assert new.daemon_counters.get("internal_errors", 0) == 0, gateway.tail()
            log = gateway.log.read_text()
            assert "Traceback" not in log, gateway.tail()
            assert "defect of Gatewright" not in log, gateway.tail()
        for name in _SESSIONS:
            assert after[0].ike_counters[name] - before[0].ike_counters[name] <= sessions, name
        counted.update(difference(before[0], after[0]))

    def wait_counted(self, since: Status, wanted: Mapping[str, int]) -> Counter[str]:
        """Wait until victim A has counted that much more than ``since``; all that it counted."""
        status = self.a.wait_status(
            lambda now: all(
                difference(since, now)[name] >= count for name, count in wanted.items()
            ),
            f"counted: {dict(wanted)}",
            timeout=_WAIT,
        )
        return difference(since, status)


def standing(status: Status) -> list[object]:
    """The SAs that are established: what an attack must not change."""
    return [
        [(sa.spi_i, sa.spi_r) for sa in tunnel.ike_sas if sa.state == "established"]
        + [(sa.spi_in, sa.spi_out) for child in tunnel.children for sa in child.sas]
        for tunnel in status.tunnels
    ]


def counters(status: Status) -> Counter[str]:
    """All counters of a gateway in one."""
    counted = Counter(status.ike_counters) + Counter(status.daemon_counters)
    if status.data_plane is not None:
        counted.update(status.data_plane.counters)
    counted["blocked_in"] = sum(each.packets for each in status.guards if each.direction == "in")
    return counted


def difference(before: Status, after: Status) -> Counter[str]:
    """What was counted in between, sessions and the everyday traffic included."""
    counted = counters(after)
    counted.subtract(counters(before))
    return Counter({name: count for name, count in counted.items() if count})
