from __future__ import annotations

from gatewright.ike.machine import Address, Context, ReservedSpi, Session, Timing
from gatewright.ike.table import SessionTable
from gatewright.ipsec.secret import Secret
from gatewright.wire.isakmp import NO_SPI, Header
from tests.support.entropy import seeded
from tests.unit.ike.fake_session import REMOTE, FakeSession, connection

PEER = Address(REMOTE, 500)
I, R, OTHER = b"i" * 8, b"r" * 8, b"x" * 8  # noqa: E741  as the RFCs write them


class NoSecrets:
    def preshared_key(self, name: str) -> Secret:
        raise KeyError(name)


def _session(
    spi_i: bytes, spi_r: bytes = NO_SPI, *, initiator: bool, name: str = "branch"
) -> FakeSession:
    context = Context(seeded(1), NoSecrets(), Timing(), lambda: ReservedSpi(4096))
    return FakeSession(connection(name), context, spi_i, spi_r, is_initiator=initiator)


def _header(spi_i: bytes, spi_r: bytes) -> Header:
    return Header(spi_i, spi_r, 0, 2, 0, 34, 0, 0, 28)


def anyone(session: Session) -> bool:
    del session
    return True


def test_an_initiator_is_found_by_its_own_spi_before_and_after_the_peer_chose() -> None:
    table = SessionTable()
    session = _session(I, initiator=True)
    table.add_initiator(session)
    assert table.find(_header(I, R), PEER) is session
    session.spi_r = R
    assert table.find(_header(I, R), PEER) is session
    assert table.find(_header(I, OTHER), PEER) is None
    assert table.find(_header(OTHER, R), PEER) is None


def test_a_responder_is_found_by_its_own_spi_and_by_the_first_message() -> None:
    table = SessionTable()
    session = _session(I, initiator=False)
    table.add_responder(session, PEER)
    assert table.find(_header(I, NO_SPI), PEER) is session
    assert table.find(_header(I, NO_SPI), Address(REMOTE, 501)) is None
    session.spi_r = R
    table.index(session)
    assert table.find(_header(I, R), PEER) is session
    assert table.find(_header(OTHER, R), PEER) is None


def test_half_open_ends_once() -> None:
    table = SessionTable()
    session = _session(I, initiator=False)
    table.add_responder(session, PEER)
    assert table.end_half_open(session) == REMOTE
    assert table.end_half_open(session) is None


def test_a_session_follows_its_tunnel() -> None:
    table = SessionTable()
    session = _session(I, R, initiator=False, name="first candidate")
    table.add_responder(session, PEER)
    session.connection = connection("the right one")
    table.index(session)
    assert table.of_tunnel("first candidate") == []
    assert table.of_tunnel("the right one") == [session]


def test_the_best_is_the_newest_that_stands_else_one_of_ours() -> None:
    table = SessionTable()
    assert table.best("branch", anyone) is None
    theirs = _session(I, R, initiator=False)
    table.add_responder(theirs, PEER)
    assert table.best("branch", anyone) is None, "nobody negotiates in a half-open session"
    ours = _session(OTHER, initiator=True)
    table.add_initiator(ours)
    assert table.best("branch", anyone) is ours
    theirs.established = True
    assert table.best("branch", anyone) is theirs
    assert table.best("branch", lambda each: each is not theirs) is ours


def test_removal_leaves_nothing() -> None:
    table = SessionTable()
    session = _session(I, R, initiator=False)
    table.add_responder(session, PEER)
    table.own(4096, session, 1)
    table.disown(4096)
    table.remove(session)
    assert len(table) == 0
    assert list(table) == []
    assert table.owner(4096) is None
    assert table.find(_header(I, R), PEER) is None
    assert table.find(_header(I, NO_SPI), PEER) is None
    assert table.of_tunnel("branch") == []


def test_child_sas_are_found_by_their_policy_oldest_first() -> None:
    table = SessionTable()
    one, other = _session(I, R, initiator=False), _session(OTHER, R, initiator=False)
    table.own(4096, one, 1)
    table.own(4097, one, 2)
    table.own(4098, other, 1)
    assert table.of_policy(1) == [4096, 4098]
    table.own(4096, other, 1)  # an IKE SA that replaces another inherits its child SAs
    assert table.owner(4096) is other
    assert table.of_policy(1) == [4096, 4098]
    table.disown(4096)
    table.disown(4098)
    table.disown(4098)
    assert (table.of_policy(1), table.of_policy(2)) == ([], [4097])
