"""When a gateway may begin one more IKE SA with a peer.

A responder limits the half-open IKE SAs that one address may have: strongSwan takes 5 by default
(``charon.block_threshold``) and drops what comes beyond, without a word.  Who begins hundreds at
once gets most of them after a retransmission, or not at all.
"""

from __future__ import annotations

from collections.abc import Callable

from gatewright.ike.demand import Wish
from gatewright.ike.grouping import Grouping
from gatewright.ike.machine import Session
from gatewright.ipsec.selectors import IPAddress

AT_ONCE = 5
FOR_URGENT = 1  # of these, so that peers that do not answer the others keep no packet waiting


class Turns:
    """Our IKE SAs in negotiation by the peer's address, and the wishes that wait for one to end.

    ``next_wish`` is to be asked as soon as ``next_timeout`` says so, until it gives none.
    """

    def __init__(self) -> None:
        self._beginning: Grouping[IPAddress, Session] = Grouping()
        self._waiting: Grouping[tuple[IPAddress, bool], int] = Grouping()
        self._wishes: dict[int, Wish] = {}
        self._freed: dict[IPAddress, float] = {}

    def __len__(self) -> int:
        """How many wishes wait."""
        return len(self._wishes)

    def free(self, remote: IPAddress, *, urgent: bool) -> bool:
        """Whether one more may begin."""
        most = AT_ONCE if urgent else AT_ONCE - FOR_URGENT
        return self._beginning.size(remote) < most

    def begins(self, session: Session, remote: IPAddress) -> None:
        self._beginning.put(session, remote)

    def over(self, session: Session, now: float) -> None:
        """It is established or closed; nothing when it has been before, or was not ours."""
        remote = self._beginning.key_of(session)
        if remote is not None:
            self._beginning.discard(session)
            if self._waiting.size((remote, True)) or self._waiting.size((remote, False)):
                self._freed.setdefault(remote, now)

    def wait(self, wish: Wish, remote: IPAddress) -> None:
        """Until it is its turn.  One that was urgent stays so."""
        known = self._wishes.get(wish.policy_id)
        if known is None or wish.urgent or not known.urgent:
            self._wishes[wish.policy_id] = wish
            self._waiting.put(wish.policy_id, (remote, wish.urgent))

    def forget(self, policy_id: int) -> None:
        """It is met, or wanted no more."""
        self._wishes.pop(policy_id, None)
        self._waiting.discard(policy_id)

    def forget_unless(self, kept: Callable[[int], bool]) -> None:
        for policy_id in [each for each in self._wishes if not kept(each)]:
            self.forget(policy_id)

    def next_timeout(self) -> float | None:
        return min(self._freed.values(), default=None)

    def next_wish(self) -> Wish | None:
        """One that may begin now, no longer waiting; the urgent first, then in their order."""
        while self._freed:
            remote = next(iter(self._freed))
            for urgent in (True, False):
                policy_id = self._waiting.first((remote, urgent))
                if policy_id is not None and self.free(remote, urgent=urgent):
                    wish = self._wishes[policy_id]
                    self.forget(policy_id)
                    return wish
            del self._freed[remote]
        return None
