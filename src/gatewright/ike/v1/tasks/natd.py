"""NAT detection in messages 3 and 4 (RFC 3947 section 3.2), and where it moves the exchange.

Each side sends hashes of the addresses as it sees them: first that of the other side, then its
own.  A hash that does not fit what arrives means that somebody rewrites addresses.
"""

from __future__ import annotations

from dataclasses import replace

from gatewright.crypto.natd import nat_hash_v1
from gatewright.iana.algorithms import Prf
from gatewright.ike.machine import IKE_PORT, NAT_T_PORT, Address
from gatewright.ike.outputs import Difference
from gatewright.ike.v1.core import Core
from gatewright.ike.v1.errors import NoProposalChosen
from gatewright.ike.v1.path import Nat, Path
from gatewright.policy.compiled import NatTraversal
from gatewright.wire.v1.message import Chain
from gatewright.wire.v1.payloads.natd import NatDiscoveryPayload


def choose_dialect(core: Core) -> Path:
    """The path after the vendor IDs were read; raises `NoProposalChosen` for a peer that cannot
    do what the policy demands."""
    mode = core.connection.nat_traversal
    if mode is NatTraversal.OFF:
        return core.path
    if mode is NatTraversal.FORCE and core.peer.nat_dialect is None:
        raise NoProposalChosen(
            "the policy demands ESP in UDP, and the peer does not support NAT traversal. "
            "Set nat traversal to auto, or enable it on the peer.",
            (Difference("NAT traversal", "always", "not supported"),),
        )
    return replace(core.path, dialect=core.peer.nat_dialect)


def payloads(core: Core, path: Path, prf: Prf) -> tuple[NatDiscoveryPayload, ...]:
    """The hashes that this side sends; none when no dialect is in common.

    Forced encapsulation announces an address that nobody has: so the peer sees a NAT too, and
    both sides agree on UDP.
    """
    dialect = path.dialect
    if dialect is None:
        return ()
    own = _hash(core, prf, path.local)
    if core.connection.nat_traversal is NatTraversal.FORCE:
        own = core.context.random(len(own))
    remote = _hash(core, prf, path.remote)
    return tuple(NatDiscoveryPayload(each, dialect.discovery) for each in (remote, own))


def detect(core: Core, path: Path, chain: Chain, prf: Prf) -> Path:
    """The path after the peer's hashes were read; ``path`` is how the message came."""
    received = [payload.data for payload in chain.all(NatDiscoveryPayload)]
    if path.dialect is None or len(received) < 2:
        return replace(path, dialect=None)
    nat = Nat.of(
        local=received[0] != _hash(core, prf, path.local),
        remote=_hash(core, prf, path.remote) not in received[1:],
    )
    forced = core.connection.nat_traversal is NatTraversal.FORCE
    return replace(path, nat=nat, udp=forced or nat is not Nat.NONE)


def floated(path: Path) -> Path:
    """Where an initiator goes on from message 5 (RFC 3947 section 4)."""
    if not path.udp or path.floated:
        return path
    port = NAT_T_PORT if path.remote.port == IKE_PORT else path.remote.port
    return replace(
        path, local=Address(path.local.ip, NAT_T_PORT), remote=Address(path.remote.ip, port)
    )


def _hash(core: Core, prf: Prf, address: Address) -> bytes:
    return nat_hash_v1(prf, core.cookie_i, core.cookie_r, address.ip, address.port)
