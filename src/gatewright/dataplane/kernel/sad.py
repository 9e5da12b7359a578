"""A pair of SAs as kernel messages.  Pure.

The kernel sends on the newest SA that a policy's template finds.  So the outbound half of a pair on
standby is not in the kernel until it is to be used, and the inbound half tells of its first packet
by a limit of one packet, after which only a message comes.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace

from gatewright.dataplane.kernel.algorithms import algorithm_attributes
from gatewright.dataplane.kernel.identity import reqid_of
from gatewright.dataplane.kernel.layout import (
    NO_SELECTOR,
    UNLIMITED,
    Attribute,
    Flag,
    Kind,
    Limits,
    Replay,
    SaHead,
    pack_encapsulation,
    pack_sa_id,
)
from gatewright.dataplane.kernel.selection import covering
from gatewright.ipsec.association import ChildSa, Encapsulation, Transport
from gatewright.ipsec.selectors import IPAddress
from gatewright.netlink.messages import EXCLUSIVE, Message, attribute
from gatewright.policy.flows import Flow, flow

NAT_T_PORT = 4500
LAST_SEQUENCE = 2**32 - 1
REKEY_SEQUENCE = LAST_SEQUENCE // 10 * 9
_MAX_WINDOW = 4096  # packets: XFRMA_REPLAY_ESN_MAX words of 32, of which we use a part
_ALL_ONES = (2**32 - 1).to_bytes(4)


@dataclass(frozen=True, slots=True)
class Half:
    """One SA of the pair, by what the kernel knows it by."""

    destination: IPAddress
    spi: int

    def delete(self) -> Message:
        return Message(Kind.DELETE_SA, pack_sa_id(self.destination, self.spi))

    def get(self) -> Message:
        return Message(Kind.GET_SA, pack_sa_id(self.destination, self.spi))


def inbound_half(sa: ChildSa) -> Half:
    return Half(sa.transport.local, sa.spi_in)


def outbound_half(sa: ChildSa) -> Half:
    return Half(sa.transport.remote, sa.spi_out)


def moved(sa: ChildSa, remote: IPAddress, remote_port: int) -> ChildSa:
    """The same pair with the peer elsewhere."""
    return replace(sa, transport=replace(sa.transport, remote=remote, remote_port=remote_port))


def add_inbound(sa: ChildSa, *, tell_first: bool, replay: Replay | None = None) -> Message:
    """``tell_first``: an event comes with the first packets.  ``replay`` continues another's."""
    return Message(Kind.NEW_SA, _inbound(sa, tell_first, replay), EXCLUSIVE)


def told_first(sa: ChildSa) -> Message:
    """The first packet came: give the inbound half the limits that it has otherwise."""
    return Message(Kind.UPDATE_SA, _inbound(sa, tell_first=False, replay=None))


def add_outbound(sa: ChildSa, mark: int, *, replay: Replay | None = None) -> Message:
    """``mark``: of the ESP packets, by which they are routed and pass the guards."""
    transport = sa.transport
    head = SaHead(
        transport.local,
        transport.remote,
        sa.spi_out,
        reqid_of(sa.policy_id),
        _selector(sa, inbound=False),
        _limits(sa, outbound=True),
        flags=_flags(sa, inbound=False),
    )
    return Message(
        Kind.NEW_SA,
        head.pack()
        + algorithm_attributes(sa.cipher, sa.integrity, sa.keys_out)
        + _replay(sa, replay)
        + _encapsulation(transport, NAT_T_PORT, transport.remote_port)
        + attribute(Attribute.OUTPUT_MARK, mark.to_bytes(4, sys.byteorder))
        + attribute(Attribute.OUTPUT_MARK_MASK, _ALL_ONES),
        EXCLUSIVE,
    )


def _inbound(sa: ChildSa, tell_first: bool, replay: Replay | None) -> bytes:
    transport = sa.transport
    limits = _limits(sa, outbound=False)
    head = SaHead(
        transport.remote,
        transport.local,
        sa.spi_in,
        reqid_of(sa.policy_id),
        _selector(sa, inbound=True),
        replace(limits, soft_packets=1) if tell_first else limits,
        flags=_flags(sa, inbound=True),
    )
    return (
        head.pack()
        + algorithm_attributes(sa.cipher, sa.integrity, sa.keys_in)
        + _replay(sa, replay)
        + _encapsulation(transport, transport.remote_port, NAT_T_PORT)
    )


def _flows(sa: ChildSa, *, inbound: bool) -> list[Flow]:
    pairs = [(local, remote) for local in sa.local for remote in sa.remote]
    either = (flow(b, a) if inbound else flow(a, b) for a, b in pairs)
    return [each for each in either if each is not None]


def _selector(sa: ChildSa, *, inbound: bool) -> bytes:
    """An SA has room for one: where more were negotiated, the smallest that holds them all.

    The policies keep out what lies between; what a peer narrowed to several is held against the
    whole (RFC 4301 section 5.2, step 4, as far as the kernel goes).
    """
    one = covering(_flows(sa, inbound=inbound))
    return NO_SELECTOR if one is None else one.pack()


def _flags(sa: ChildSa, *, inbound: bool) -> int:
    flags = Flag.EXTENDED_SEQUENCE if sa.esn else 0
    if covering(_flows(sa, inbound=inbound)) is None:
        flags |= Flag.ANY_FAMILY
    return flags


def _limits(sa: ChildSa, *, outbound: bool) -> Limits:
    """The kernel stops at the last sequence number without a word: ask for new keys before."""
    limits = Limits(sa.byte_soft_limit or UNLIMITED, sa.byte_limit or UNLIMITED)
    if outbound and not sa.esn:
        return replace(limits, soft_packets=REKEY_SEQUENCE, hard_packets=LAST_SEQUENCE)
    return limits


def _replay(sa: ChildSa, replay: Replay | None) -> bytes:
    """The plain form of the window holds 32 packets: this one holds any, ESN or not."""
    window = min(max(sa.replay_window, 32), _MAX_WINDOW)
    state = replace(replay or Replay(), window=window)
    return attribute(Attribute.REPLAY_EXTENDED, state.pack())


def _encapsulation(transport: Transport, source_port: int, destination_port: int) -> bytes:
    if transport.encapsulation is not Encapsulation.UDP:
        return b""
    return attribute(Attribute.ENCAPSULATION, pack_encapsulation(source_port, destination_port))
