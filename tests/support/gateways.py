"""Two gateways as the tests know them: A before NetA, B before NetB, with policies that mirror."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from ipaddress import ip_address, ip_network

from gatewright.iana.algorithms import (
    CIPHER_BY_NAME,
    GROUP_BY_NAME,
    INTEGRITY_BY_NAME,
    PRF_BY_NAME,
)
from gatewright.ike.endpoint import Endpoint
from gatewright.ike.limits import Limits
from gatewright.ike.machine import Timing
from gatewright.ipsec.secret import Secret
from gatewright.ipsec.selectors import IPAddress, TrafficSelector
from gatewright.policy.compiled import (
    Child,
    Connection,
    EspProposal,
    Identity,
    IdentityType,
    IkeProposal,
    IkeVersion,
    PresharedKey,
    StartMode,
)
from tests.support.entropy import seeded
from tests.support.sim import Host, Network, Weather

IP_A, IP_B = ip_address("203.0.113.1"), ip_address("203.0.113.2")
POLICY = 1  # the id of the only SPD entry, on both sides


def selector(
    network: str, protocol: int = 0, first_port: int = 0, last_port: int = 65535
) -> TrafficSelector:
    return TrafficSelector.from_network(ip_network(network), protocol, first_port, last_port)


NET_A, NET_B = selector("192.168.10.0/24"), selector("10.20.0.0/24")


def ike(text: str) -> IkeProposal:
    """``cipher/prf/group`` or ``cipher/integrity/prf/group``, by the names of a policy."""
    cipher, *integrity, prf, group = text.split("/")
    return IkeProposal(
        CIPHER_BY_NAME[cipher],
        INTEGRITY_BY_NAME[integrity[0]] if integrity else None,
        PRF_BY_NAME[prf],
        GROUP_BY_NAME[group],
    )


def esp(text: str, *, esn: bool = False, seconds: int = 3600, kilobytes: int = 0) -> EspProposal:
    """``cipher``, ``cipher/integrity``, each with ``+group`` for perfect forward secrecy."""
    algorithms, _, group = text.partition("+")
    cipher, _, integrity = algorithms.partition("/")
    return EspProposal(
        CIPHER_BY_NAME[cipher],
        INTEGRITY_BY_NAME[integrity] if integrity else None,
        GROUP_BY_NAME[group] if group else None,
        esn,
        seconds,
        kilobytes,
    )


IKE_DEFAULT = ike("aes-128-gcm/prf-hmac-sha256/x25519")
ESP_DEFAULT = esp("aes-128-gcm")


def child(
    *proposals: EspProposal,
    name: str = "net",
    policy_id: int = POLICY,
    local: Sequence[TrafficSelector] = (NET_A,),
    remote: Sequence[TrafficSelector] = (NET_B,),
    start: StartMode = StartMode.ON_DEMAND,
) -> Child:
    return Child(name, policy_id, tuple(local), tuple(remote), proposals or (ESP_DEFAULT,), start)


def address_identity(address: IPAddress) -> Identity:
    return Identity(IdentityType.ADDRESS, str(address))


def connection(
    *children: Child,
    name: str = "branch",
    version: IkeVersion = IkeVersion.V2,
    proposals: Sequence[IkeProposal] = (IKE_DEFAULT,),
    local: IPAddress = IP_A,
    remote: IPAddress = IP_B,
    secret: str = "psk",
    lifetime: int = 28800,
    dpd_delay: int = 0,
) -> Connection:
    """A's side of the tunnel.  Liveness checks are off, so that a network comes to rest."""
    return Connection(
        name=name,
        version=version,
        local=local,
        remote=remote,
        local_identity=address_identity(local),
        remote_identity=address_identity(remote),
        authentication=PresharedKey(secret),
        proposals=tuple(proposals),
        children=children or (child(),),
        lifetime=lifetime,
        dpd_delay=dpd_delay,
    )


def mirrored(connection: Connection) -> Connection:
    """The same tunnel from the other side."""
    return replace(
        connection,
        local=connection.remote,
        remote=connection.local,
        local_identity=connection.remote_identity,
        remote_identity=connection.local_identity,
        children=tuple(
            replace(each, local=each.remote, remote=each.local) for each in connection.children
        ),
    )


class Keys:
    """Preshared keys by name; one named ``psk`` is always there."""

    def __init__(self, **keys: bytes) -> None:
        self.keys = {"psk": b"correct horse battery staple", **keys}

    def preshared_key(self, name: str) -> Secret:
        return Secret(self.keys[name])


@dataclass(eq=False)
class Pair:
    """Two endpoints on one network."""

    network: Network
    a: Host
    b: Host
    endpoint_a: Endpoint
    endpoint_b: Endpoint

    def hosts(self) -> tuple[Host, Host]:
        return self.a, self.b

    def connected(self, policy_id: int = POLICY) -> bool:
        """Whether packets pass in both directions."""
        return self.a.sends_to(self.b, policy_id) and self.b.sends_to(self.a, policy_id)


def pair(
    side_a: Connection | Sequence[Connection] | None = None,
    side_b: Connection | Sequence[Connection] | None = None,
    *,
    seed: int = 0,
    weather: Weather | None = None,
    timing: Timing | None = None,
    limits: Limits | None = None,
    keys_a: Keys | None = None,
    keys_b: Keys | None = None,
    export_keys: bool = False,
) -> Pair:
    """Two gateways; B mirrors A unless told otherwise."""
    connections_a = _listed(side_a) or [connection()]
    connections_b = _listed(side_b) or [mirrored(each) for each in connections_a]
    network = Network(seed, weather)
    endpoints = []
    for index, (connections, keys) in enumerate(((connections_a, keys_a), (connections_b, keys_b))):
        endpoint = Endpoint(
            seeded(2 * seed + index),
            keys or Keys(),
            timing,
            limits,
            export_keys=export_keys,
        )
        endpoint.set_connections(connections, network.now)
        endpoints.append(endpoint)
    a, b = endpoints
    return Pair(
        network,
        network.add("A", a, *dict.fromkeys(each.local for each in connections_a)),
        network.add("B", b, *dict.fromkeys(each.local for each in connections_b)),
        a,
        b,
    )


def _listed(side: Connection | Sequence[Connection] | None) -> list[Connection]:
    if side is None:
        return []
    return [side] if isinstance(side, Connection) else list(side)
