"""A session that does what a test tells it, and a dialect that makes such sessions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from ipaddress import ip_address, ip_network

from gatewright.iana.algorithms import CIPHER_BY_NAME, GROUP_BY_NAME, PRF_BY_NAME
from gatewright.ike.demand import Trigger
from gatewright.ike.machine import Address, Context, Datagram
from gatewright.ike.outputs import ChildSaSnapshot, IkeSaSnapshot, InstallChildSa, Output
from gatewright.ike.verdicts import Accept, Verdict
from gatewright.ipsec.association import ChildSa, Encapsulation, SaKeys, Transport
from gatewright.ipsec.secret import Secret
from gatewright.ipsec.selectors import TrafficSelector
from gatewright.policy.compiled import (
    Child,
    Connection,
    Identity,
    IdentityType,
    IkeProposal,
    IkeVersion,
    PresharedKey,
    StartMode,
)
from gatewright.wire.isakmp import NO_SPI, Header

LOCAL, REMOTE = ip_address("203.0.113.1"), ip_address("203.0.113.2")
NET_A = TrafficSelector.from_network(ip_network("192.168.10.0/24"))
NET_B = TrafficSelector.from_network(ip_network("10.20.0.0/24"))


def child(policy_id: int = 1, start: StartMode = StartMode.ON_DEMAND) -> Child:
    return Child("net", policy_id, (NET_A,), (NET_B,), (), start)


def connection(
    name: str = "branch", *children: Child, lifetime: int = 28800, secret: str = "psk"
) -> Connection:
    proposal = IkeProposal(
        CIPHER_BY_NAME["aes-128-gcm"], None, PRF_BY_NAME["prf-hmac-sha256"], GROUP_BY_NAME["x25519"]
    )
    return Connection(
        name,
        IkeVersion.V2,
        LOCAL,
        REMOTE,
        Identity(IdentityType.ADDRESS, str(LOCAL)),
        Identity(IdentityType.ADDRESS, str(REMOTE)),
        PresharedKey(secret),
        (proposal,),
        children or (child(),),
        lifetime=lifetime,
    )


def child_sa(spi_in: int, policy_id: int = 1) -> ChildSa:
    keys = SaKeys(Secret(bytes(20)), Secret(b""))
    transport = Transport(LOCAL, REMOTE, Encapsulation.PROTOCOL_50)
    cipher = CIPHER_BY_NAME["aes-128-gcm"]
    return ChildSa(
        spi_in, 4096, policy_id, "branch", "net", transport, cipher, None, keys, keys, False,
        (NET_A,), (NET_B,),
    )  # fmt: skip


def message(spi_i: bytes, spi_r: bytes = NO_SPI, *, major: int = 2) -> Datagram:
    payload = Header(spi_i, spi_r, 0, major, 0, 34, 0, 0, 28).emit()
    return Datagram(Address(LOCAL, 500), Address(REMOTE, 500), payload)


@dataclass(eq=False)
class FakeSession:
    connection: Connection
    context: Context
    spi_i: bytes
    spi_r: bytes = NO_SPI
    is_initiator: bool = False
    established: bool = False
    closed: bool = False
    timeout: float | None = None
    calls: list[tuple[object, ...]] = field(default_factory=list)
    outputs: list[Output] = field(default_factory=list)
    children: dict[int, int] = field(default_factory=dict)
    nat: str = "none"

    def install(self, policy_id: int = 1) -> int:
        spi_in = self.context.allocate_spi().number
        self.children[spi_in] = policy_id
        self.outputs.append(InstallChildSa(child_sa(spi_in, policy_id)))
        return spi_in

    def receive(self, datagram: Datagram, now: float) -> None:
        self.calls.append(("receive", datagram, now))

    def handle_timeout(self, now: float) -> None:
        self.calls.append(("handle_timeout", now))
        self.timeout = None

    def next_timeout(self) -> float | None:
        return self.timeout

    def take_outputs(self) -> list[Output]:
        outputs, self.outputs = self.outputs, []
        return outputs

    def start(self, now: float) -> None:
        self.calls.append(("start", now))

    def create_child(self, child: Child, now: float, trigger: Trigger | None = None) -> None:
        self.calls.append(("create_child", child.policy_id, trigger, now))

    def rekey_child(self, spi_in: int, now: float) -> None:
        self.calls.append(("rekey_child", spi_in, now))

    def child_used_up(self, spi_in: int, now: float) -> None:
        self.calls.append(("child_used_up", spi_in, now))

    def delete_child(self, spi_in: int, now: float) -> None:
        self.calls.append(("delete_child", spi_in, now))

    def close(self, now: float, reason: str) -> None:
        self.calls.append(("close", reason, now))
        self.closed = True

    def update_connection(self, connection: Connection, now: float) -> None:
        self.connection = connection
        self.calls.append(("update_connection", now))

    def snapshot(self, now: float) -> IkeSaSnapshot:
        children = tuple(
            ChildSaSnapshot("net", policy, spi, 4096, "", "esp", "installed", now, None, None)
            for spi, policy in self.children.items()
        )
        return IkeSaSnapshot(
            self.connection.name, 2, "", self.is_initiator, "", "", "", "", self.nat,
            self.spi_i.hex(), self.spi_r.hex(), now, None, None, children,
        )  # fmt: skip


@dataclass
class FakeDialect:
    verdict: Verdict | None = None
    sessions: list[FakeSession] = field(default_factory=list)
    judged: list[tuple[int, bool]] = field(default_factory=list)

    def judge(
        self,
        datagram: Datagram,
        connections: Sequence[Connection],
        cookie_secrets: Sequence[bytes],
        *,
        under_pressure: bool,
    ) -> Verdict:
        del datagram, cookie_secrets
        self.judged.append((len(connections), under_pressure))
        return self.verdict or Accept(connections)

    def initiate(
        self, connection: Connection, context: Context, local: Address, remote: Address, now: float
    ) -> FakeSession:
        del local, remote, now
        session = FakeSession(connection, context, context.random(8), is_initiator=True)
        self.sessions.append(session)
        return session

    def respond(
        self, candidates: Sequence[Connection], context: Context, datagram: Datagram, now: float
    ) -> FakeSession:
        del now
        spi_i = Header.parse(datagram.payload).spi_i
        session = FakeSession(candidates[0], context, spi_i, context.random(8))
        self.sessions.append(session)
        return session
