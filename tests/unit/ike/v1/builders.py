"""A main mode SA in whatever state a unit test wants it, with a partner to talk to."""

from __future__ import annotations

from ipaddress import ip_address
from typing import TypeVar

from gatewright.crypto.keymat_v1 import PhaseOneKeys
from gatewright.ike.machine import Address, Context, Datagram, ReservedSpi, Timing
from gatewright.ike.outputs import MessageDropped, Output, Transmit
from gatewright.ike.v1.core import Core
from gatewright.ike.v1.path import Path
from gatewright.ike.v1.peer import Peer
from gatewright.ike.v1.phase_one import PhaseOneChoice
from gatewright.ike.v1.protection import CbcChain, Protection
from gatewright.ike.v1.states import State
from gatewright.ipsec.secret import Secret
from gatewright.policy.compiled import Connection
from gatewright.wire.v1.message import Message
from tests.support.entropy import seeded
from tests.support.gateways import Keys, mirrored
from tests.support.gateways_v1 import IKE_V1, tunnel

NOW = 1000.0
COOKIE_I, COOKIE_R = b"I" * 8, b"R" * 8
LOCAL = Address(ip_address("203.0.113.1"), 500)
REMOTE = Address(ip_address("203.0.113.2"), 500)

O = TypeVar("O")  # noqa: E741


def context(seed: int = 0, timing: Timing | None = None) -> Context:
    random = seeded(seed)
    spis = iter(range(4096 * (seed + 1), 4096 * (seed + 2)))
    return Context(random, Keys(), timing or Timing(), lambda: ReservedSpi(next(spis)))


def protection() -> Protection:
    """The same keys for everybody."""
    cipher, prf = IKE_V1.cipher, IKE_V1.prf
    key = Secret(bytes(range(16)))
    skeyid, d, a, e = (Secret(bytes([number]) * 32) for number in range(4))
    keys = PhaseOneKeys(skeyid, d, a, e, key)
    return Protection(prf, cipher, keys, CbcChain(cipher, keys, bytes(16)))


def core(
    connection: Connection | None = None,
    state: State = State.ESTABLISHED,
    *,
    is_initiator: bool = True,
    seed: int = 0,
    peer: Peer | None = None,
) -> Core:
    """A's core, or with ``is_initiator`` false B's, of the same SA."""
    side = connection or (tunnel() if is_initiator else mirrored(tunnel()))
    path = Path(LOCAL, REMOTE) if is_initiator else Path(REMOTE, LOCAL)
    made = Core((side,), context(seed), path, COOKIE_I, COOKIE_R, is_initiator=is_initiator)
    made.state = state
    made.protection = protection()
    made.choice = PhaseOneChoice(IKE_V1, side.lifetime)
    made.peer = peer or Peer(dpd=True)
    made.last_heard = NOW
    return made


def told(outputs: list[Output], kind: type[O]) -> list[O]:
    return [output for output in outputs if isinstance(output, kind)]


def sent(outputs: list[Output]) -> list[Message]:
    """The messages that were transmitted."""
    return [Message.parse(each.datagram.payload) for each in told(outputs, Transmit)]


def octets(outputs: list[Output]) -> list[bytes]:
    return [each.datagram.payload for each in told(outputs, Transmit)]


def reasons(outputs: list[Output]) -> list[str]:
    return [each.reason for each in told(outputs, MessageDropped)]


def datagram(payload: bytes, *, to_initiator: bool = False) -> Datagram:
    ends = (LOCAL, REMOTE) if to_initiator else (REMOTE, LOCAL)
    return Datagram(*ends, payload)
