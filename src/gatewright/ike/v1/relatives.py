"""The main mode SAs with one peer, and what one of them leaves to another.

Quick mode SAs outlive the main mode SA that made them (RFC 2408 section 4.3, MS-IKEE section
3.8.4.1), and somebody has to renew and delete them:

* A main mode SA is renewed by a new session, the *successor*, made here.  When that one is
  established it shares the table of pairs and looks after it from then on; the old session is
  REPLACED, and deleted after ``rekey_overlap``.
* A session that ends without a successor gives its pairs to the newest other main mode SA of the
  tunnel.  When there is none it stays as EXPIRED, keeps the pairs until their end, and makes a
  successor when one of them has to be renewed or the peer's liveness is to be checked.

A session changes only itself at the endpoint's call; one that changed another asks the endpoint
with ``AdoptSession`` to look at that one again.
"""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from typing import TYPE_CHECKING

from gatewright.ike.outputs import AdoptSession
from gatewright.ike.v1.children import ChildTable
from gatewright.ike.v1.states import State
from gatewright.ike.v1.terms import Terms
from gatewright.policy.compiled import StartMode

if TYPE_CHECKING:
    from gatewright.ike.v1.session import IkeV1Session


class Relatives:
    """Those of one session.  ``predecessor`` is set until this session is established or failed."""

    def __init__(self, session: IkeV1Session) -> None:
        # A session that has ended is to be freed at once, not when the garbage collector comes by.
        self._own = weakref.ref(session)
        self.predecessor: IkeV1Session | None = None
        self.successor: IkeV1Session | None = None

    # --- who they are ------------------------------------------------------------------------

    @property
    def _session(self) -> IkeV1Session:
        session = self._own()
        assert session is not None, "relatives are asked by their session alone"
        return session

    def none(self) -> bool:
        """Whether this session is the only one with the peer."""
        return not self.all()

    def all(self) -> list[IkeV1Session]:
        """The other sessions with the peer, of whatever tunnel, oldest first.

        Another peer may have the same address, behind one NAT: it has another key or identity.
        """
        core = self._session.core
        found = core.context.sessions_between(core.connection.local, core.connection.remote)
        others = [
            session
            for session in found
            if isinstance(session, type(self._session))
            and session is not self._session
            and not session.closed
            and core.has_peer_of(session.connection)
        ]
        return sorted(others, key=lambda session: session.schedule.since)

    def of_tunnel(self) -> list[IkeV1Session]:
        name = self._session.connection.name
        return [session for session in self.all() if session.connection.name == name]

    def heir(self) -> IkeV1Session | None:
        """The newest other main mode SA of the tunnel."""
        standing = [each for each in self.of_tunnel() if each.core.state is State.ESTABLISHED]
        return standing[-1] if standing else None

    def tables(self) -> list[ChildTable]:
        """All pairs with the peer, each table once; this session's own is the last."""
        found = [each.core.children for each in self.all() if each.keeps_pairs]
        own = self._session.core.children
        return [table for table in found if table is not own] + [own]

    def look_at(self, other: IkeV1Session) -> None:
        """Have the endpoint see to what was done to another session."""
        if other is not self._session:
            self._session.core.emit(AdoptSession(other))

    def look_at_keeper_of(self, table: ChildTable) -> None:
        for other in self.all():
            if other.core.children is table and other.keeps_pairs:
                self.look_at(other)

    # --- renewal -----------------------------------------------------------------------------

    def renew(self, wanted: Sequence[Terms], now: float) -> None:
        """Have a new main mode SA, and these quick modes on it."""
        successor = self.successor
        if successor is None or successor.closed:
            successor = self._session.make_successor(now)
            successor.relatives.predecessor = self._session
            self.successor = successor
            for each in wanted:
                successor.want(each, now)
            successor.start(now)
        else:
            for each in wanted:
                successor.want(each, now)
        self.look_at(successor)

    def worth_renewing(self) -> bool:
        """Not when nothing needs this main mode SA, or another one does as well."""
        core = self._session.core
        always = any(child.start is StartMode.ALWAYS for child in core.connection.children)
        if not len(core.children) and not always:
            return False
        heir = self.heir()
        if core.state is State.EXPIRED or heir is None:
            return True
        return heir.schedule.expires_at <= self._session.schedule.expires_at

    def take_over(self, now: float) -> None:
        """Newly established: look after the pairs of those that no longer can."""
        session, predecessor = self._session, self.predecessor
        self.predecessor = None
        if predecessor is not None and not predecessor.closed:
            session.core.children = predecessor.core.children
            predecessor.superseded(now)
            session.core.emit(AdoptSession(session))
            self.look_at(predecessor)
        for other in self.of_tunnel():
            if other.core.state is State.EXPIRED:
                self.inherit(other)

    def inherit(self, other: IkeV1Session) -> None:
        """The pairs of a session that has expired."""
        session = self._session
        session.keeper.take_over(other.core.children.take_all())
        session.core.emit(AdoptSession(session))
        other.leave_if_empty()
        self.look_at(other)

    def bequeath(self) -> bool:
        """Give the pairs of this expired session to another; False when there is none."""
        heir = self.heir()
        if heir is None:
            return False
        heir.relatives.inherit(self._session)
        self.look_at(heir)
        return True
