"""The sessions of an endpoint, and the ways to find one."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from gatewright.ike.grouping import Grouping
from gatewright.ike.machine import Address, Session
from gatewright.ipsec.selectors import IPAddress
from gatewright.wire.isakmp import NO_SPI, SPI_LENGTH, Header


class SessionTable:
    """Sessions by our own SPI, by tunnel, and by the inbound ESP SPIs that they own; these also
    by policy.

    Our own SPI (IKEv1: cookie) is unique because we chose it: the initiator's where we initiated,
    the responder's where we responded.  A responder is also found by the initiator's SPI and
    address, for the retransmissions of a first message, which know no SPI of ours.
    """

    def __init__(self) -> None:
        self._by_spi: dict[bytes, Session] = {}
        self._spi_of: dict[Session, bytes] = {}
        self._by_first_message: dict[tuple[bytes, Address], Session] = {}
        self._first_message_of: dict[Session, tuple[bytes, Address]] = {}
        self._half_open: dict[Session, IPAddress] = {}
        self._unproved: dict[Session, IPAddress] = {}
        self._by_tunnel: Grouping[str, Session] = Grouping()
        self._owners: dict[int, Session] = {}
        self._by_policy: Grouping[int, int] = Grouping()

    def __iter__(self) -> Iterator[Session]:
        return iter(list(self._spi_of))

    def __len__(self) -> int:
        return len(self._spi_of)

    def add(self, session: Session) -> None:
        """A session that both sides know already, or one that we initiate."""
        self._spi_of[session] = b""
        self.index(session)

    add_initiator = add

    def add_responder(self, session: Session, remote: Address) -> None:
        """A session for a stranger's first message: half-open until it is established."""
        key = (session.spi_i, remote)
        self._by_first_message[key] = session
        self._first_message_of[session] = key
        self._half_open[session] = self._unproved[session] = remote.ip
        self.add(session)

    def index(self, session: Session) -> None:
        """Follow a session: a responder chooses its SPI, and learns its tunnel, while it works."""
        self._by_tunnel.put(session, session.connection.name)
        spi = session.spi_i if session.is_initiator else session.spi_r
        if spi == NO_SPI or len(spi) != SPI_LENGTH or self._spi_of[session] == spi:
            return
        self._by_spi.pop(self._spi_of[session], None)
        self._by_spi[spi] = session
        self._spi_of[session] = spi

    def find(self, header: Header, remote: Address) -> Session | None:
        """The session of a message; both SPIs must fit, as far as both sides know them."""
        if header.spi_r == NO_SPI:
            return self._by_first_message.get((header.spi_i, remote)) or self._own_initiator(header)
        responder = self._by_spi.get(header.spi_r)
        if responder is not None and not responder.is_initiator:
            return responder if responder.spi_i == header.spi_i else None
        initiator = self._own_initiator(header)
        if initiator is not None and initiator.spi_r in (NO_SPI, header.spi_r):
            return initiator
        return None

    def _own_initiator(self, header: Header) -> Session | None:
        session = self._by_spi.get(header.spi_i)
        return session if session is not None and session.is_initiator else None

    def of_tunnel(self, tunnel: str) -> list[Session]:
        """Oldest first."""
        return self._by_tunnel.of(tunnel)

    def best(self, tunnel: str, fits: Callable[[Session], bool]) -> Session | None:
        """Where to negotiate a child: the newest that stands, else one of ours on its way."""
        sessions = [session for session in self.of_tunnel(tunnel) if fits(session)]
        standing = [session for session in sessions if session.established]
        under_way = [session for session in sessions if session.is_initiator]
        return next(reversed(standing), None) or next(reversed(under_way), None)

    def is_half_open(self, session: Session) -> bool:
        return session in self._half_open

    def half_open(self) -> list[Session]:
        """Those of strangers, who have not authenticated themselves yet."""
        return list(self._half_open)

    def end_half_open(self, session: Session) -> IPAddress | None:
        """The address whose half-open count goes down, once; None when it was none."""
        self._unproved.pop(session, None)
        return self._half_open.pop(session, None)

    def hears_us(self, session: Session) -> None:
        """Its peer said our SPI, which only who gets our answers can know."""
        self._unproved.pop(session, None)

    def oldest_unproved(self, address: IPAddress | None) -> Session | None:
        """The oldest half-open session from there, or from anywhere, whose peer may not exist."""
        sessions = (
            session
            for session, remote in self._unproved.items()
            if address is None or remote == address
        )
        return next(sessions, None)

    def own(self, spi_in: int, session: Session, policy_id: int) -> None:
        """A child SA of this policy belongs to a session from now on."""
        self._owners[spi_in] = session
        self._by_policy.put(spi_in, policy_id)

    def disown(self, spi_in: int) -> None:
        self._owners.pop(spi_in, None)
        self._by_policy.discard(spi_in)

    def of_policy(self, policy_id: int) -> list[int]:
        """The inbound SPIs of its child SAs, oldest first."""
        return self._by_policy.of(policy_id)

    def owner(self, spi_in: int) -> Session | None:
        return self._owners.get(spi_in)

    def remove(self, session: Session) -> None:
        spi = self._spi_of.pop(session, None)
        self._by_tunnel.discard(session)
        if spi is not None and self._by_spi.get(spi) is session:
            del self._by_spi[spi]
        key = self._first_message_of.pop(session, None)
        if key is not None:
            self._by_first_message.pop(key, None)
