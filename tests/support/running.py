"""What tests of whole gateways share: starting them, joining the networks, the evidence."""

from __future__ import annotations

from dataclasses import dataclass

from gatewright.control.models import ChildSa, IkeSa, Status
from gatewright.lab.gateway import Gateway
from gatewright.lab.guest import Guest
from gatewright.lab.guest_gateway import GuestGateway
from gatewright.lab.packets import Kind, Tally
from gatewright.lab.policies import SECRET, TunnelText
from gatewright.lab.strongswan import PeerTunnel, StrongSwan
from gatewright.lab.traffic import ping
from gatewright.lab.world import Addresses, Sides, World

KEY = "a key for tests, known to everybody"


@dataclass(frozen=True, slots=True)
class Joined:
    """The associations that carry the traffic after ``assert_joined``."""

    ike: IkeSa
    child: ChildSa


def gatewright(
    world: World, side: str = "A", policy: str | None = None, engine: str | None = None
) -> Gateway:
    """A gateway of the world, written down but not started; it goes with the world.

    A machine with a kernel of its own is there for that kernel's engine, if nothing else is said.
    """
    machine = world.gateway_a if side == "A" else world.gateway_b
    directory = world.directory / f"gateway{side}"
    gateway: Gateway
    if isinstance(machine, Guest):
        gateway = GuestGateway(machine, directory, engine="kernel" if engine is None else engine)
        world.at_end(gateway.close)
    else:
        gateway = Gateway(machine, directory, engine=engine or "")
    # A world with a guest is expensive and serves again: nothing may be left of this one.
    world.at_end(lambda: retire(gateway) if isinstance(world.gateway_a, Guest) else gateway.stop())
    local, remote = sides_of(world.ipv4, side)
    gateway.write(policy or str(TunnelText(local, remote)), {SECRET: KEY})
    return gateway


def retire(gateway: Gateway) -> None:
    """Take its policy back, and stop it."""
    if gateway.running:
        gateway.unassign()
        gateway.stop()


def kept_out(status: Status) -> int:
    """Packets that came in clear and were not let in: by the guards, or by a kernel's policies."""
    guards = sum(each.packets for each in status.guards if each.direction == "in")
    assert status.data_plane is not None
    return guards + status.data_plane.counters.get("drop_in_clear_or_wrong_tunnel", 0)


def sides_of(sides: Sides, side: str) -> tuple[Addresses, Addresses]:
    """This side's addresses and the other one's."""
    return (sides.a, sides.b) if side == "A" else (sides.b, sides.a)


def strongswan_b(world: World) -> StrongSwan:
    """A strongSwan at gateway B, not started; it goes with the world."""
    charon = StrongSwan(world.gateway_b, world.directory / "strongswan")
    world.at_end(charon.stop)
    return charon


def peer_tunnel(
    sides: Sides, version: int, ike: str, esp: str, *, encapsulate: bool = True
) -> PeerTunnel:
    """Gateway B's half of the tunnel."""
    return PeerTunnel(
        version,
        sides.b.external,
        sides.a.external,
        [sides.b.network],
        [sides.a.network],
        KEY,
        ike=[ike],
        esp=[esp],
        encapsulate=encapsulate,
    )


def tunnel_up(status: Status) -> bool:
    return any(tunnel.state == "up" for tunnel in status.tunnels)


def tunnel_down(status: Status) -> bool:
    return all(tunnel.state == "down" and not tunnel.ike_sas for tunnel in status.tunnels)


def associations(status: Status) -> Joined:
    """The one established IKE SA and the newest child SA of the one tunnel."""
    (tunnel,) = status.tunnels
    (ike,) = (sa for sa in tunnel.ike_sas if sa.state == "established")
    (child,) = tunnel.children
    return Joined(ike, min(child.sas, key=lambda sa: sa.age))


def assert_joined(world: World, gateway: Gateway, sides: Sides) -> Joined:
    """Pings are answered both ways, and it was the tunnel that carried them."""
    before = _traffic(gateway.status())
    assert ping(world.host_a, sides.b.host, 3).all_answered, gateway.tail()
    if world.has_host_b:
        assert ping(world.host_b, sides.a.host, 3).all_answered, gateway.tail()
    status = gateway.status()
    count = 6 if world.has_host_b else 3
    packets_in, packets_out = _traffic(status)
    assert packets_in - before[0] >= count
    assert packets_out - before[1] >= count
    return associations(status)


def _traffic(status: Status) -> tuple[int, int]:
    sas = [sa for t in status.tunnels for child in t.children for sa in child.sas]
    return sum(sa.packets_in for sa in sas), sum(sa.packets_out for sa in sas)


def assert_protected(tally: Tally, form: Kind, *, encrypted: bool = True) -> None:
    """The capture missed nothing, saw this form of ESP and ISAKMP, and nothing in clear.

    Without encryption (the NULL cipher) ESP can be read, as it has to be.
    """
    if encrypted:
        assert tally.sealed, tally.complaint
    else:
        assert tally.counts[Kind.CLEAR] == tally.lost == 0, tally.complaint
        assert tally.readable == tally.protected
    assert tally.counts[form] > 0
    assert tally.counts[Kind.ISAKMP] > 0
    assert tally.counts[Kind.ICMP] == 0
    other = Kind.ESP if form is Kind.UDP_ESP else Kind.UDP_ESP
    assert tally.counts[other] == 0
