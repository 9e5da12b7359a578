"""The endpoint with sessions that do what the test tells them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gatewright.ike.endpoint import Endpoint
from gatewright.ike.limits import Limits
from gatewright.ike.machine import Address, Datagram
from gatewright.ike.outputs import (
    AdoptSession,
    ChildSaClosed,
    CloseOtherSessions,
    DeleteChildSa,
    Fault,
    MessageDropped,
    NegotiationFailed,
    PeerSilent,
    Transmit,
    UpdateTransport,
)
from gatewright.ike.verdicts import Refuse, Reply
from gatewright.ipsec.secret import Secret
from gatewright.policy.compiled import IkeVersion, StartMode
from tests.support.entropy import seeded
from tests.unit.ike.fake_session import (
    REMOTE,
    FakeDialect,
    FakeSession,
    child,
    connection,
    message,
)


class NoSecrets:
    def preshared_key(self, name: str) -> Secret:
        raise KeyError(name)


@pytest.fixture
def dialect() -> FakeDialect:
    return FakeDialect()


@pytest.fixture
def endpoint(dialect: FakeDialect) -> Endpoint:
    made = _endpoint(dialect)
    made.set_connections([connection()], 0.0)
    return made


def _endpoint(dialect: FakeDialect, limits: Limits | None = None) -> Endpoint:
    dialects = {IkeVersion.V1: dialect, IkeVersion.V2: dialect}
    return Endpoint(seeded(3), NoSecrets(), limits=limits, dialects=dialects)


def _calls(session: FakeSession, name: str) -> list[tuple[object, ...]]:
    return [call for call in session.calls if call[0] == name]


# --- datagrams ------------------------------------------------------------------------------


def test_a_first_message_makes_a_session_and_its_retransmission_finds_it(
    endpoint: Endpoint, dialect: FakeDialect
) -> None:
    first = message(b"i" * 8)
    endpoint.receive(first, 1.0)
    endpoint.receive(first, 2.0)
    assert len(dialect.sessions) == 1
    assert len(_calls(dialect.sessions[0], "receive")) == 2


def test_later_messages_find_the_session_only_with_both_spis(
    endpoint: Endpoint, dialect: FakeDialect
) -> None:
    endpoint.receive(message(b"i" * 8), 1.0)
    session = dialect.sessions[0]
    endpoint.receive(message(b"i" * 8, session.spi_r), 2.0)
    endpoint.receive(message(b"j" * 8, session.spi_r), 3.0)
    assert len(_calls(session, "receive")) == 2
    assert endpoint.counters()["unknown_ike_spi"] == 1


def test_what_is_no_message_is_dropped_by_name(endpoint: Endpoint) -> None:
    first = message(b"i" * 8)
    endpoint.receive(Datagram(first.local, first.remote, b"noise"), 1.0)
    endpoint.receive(message(b"i" * 8, b"r" * 8), 1.0)
    reasons = [drop.reason for drop in endpoint.take_outputs() if isinstance(drop, MessageDropped)]
    assert reasons == ["header_truncated", "unknown_ike_spi"]


def test_a_verdict_without_state_leaves_none(endpoint: Endpoint, dialect: FakeDialect) -> None:
    dialect.verdict = Reply(b"cookie", "cookie_sent")
    endpoint.receive(message(b"i" * 8), 1.0)
    dialect.verdict = Refuse("no_such_peer")
    endpoint.receive(message(b"k" * 8), 1.0)
    sent, dropped = endpoint.take_outputs()
    assert isinstance(sent, Transmit)
    assert sent.datagram.payload == b"cookie"
    assert isinstance(dropped, MessageDropped)
    assert dropped.reason == "no_such_peer"
    assert endpoint.counters()["sessions"] == 0


def test_half_open_sessions_are_limited_and_counted_down(dialect: FakeDialect) -> None:
    endpoint = _endpoint(dialect, Limits(per_address=2, cookie_threshold=1))
    endpoint.set_connections([connection()], 0.0)
    for number in range(2):
        endpoint.receive(message(bytes([1 + number]) * 8), 1.0)
        endpoint.receive(message(bytes([1 + number]) * 8, dialect.sessions[number].spi_r), 1.0)
    endpoint.receive(message(b"\3" * 8), 1.0)
    assert endpoint.counters()["half_open_limit_per_address"] == 1
    assert [pressure for _, pressure in dialect.judged] == [False, True, True]
    dialect.sessions[0].established = True
    endpoint.receive(message(b"\1" * 8), 2.0)
    assert endpoint.counters()["half_open"] == 1
    dialect.sessions[1].closed = True
    endpoint.receive(message(b"\2" * 8), 2.0)
    assert endpoint.counters()["half_open"] == 0
    assert endpoint.counters()["sessions"] == 1


def test_a_peer_that_makes_too_many_ike_sas_loses_the_oldest(dialect: FakeDialect) -> None:
    endpoint = _endpoint(dialect, Limits(per_tunnel=2))
    endpoint.set_connections([connection()], 0.0)
    for number in range(4):
        first = message(bytes([1 + number]) * 8)
        endpoint.receive(first, 1.0)
        dialect.sessions[-1].established = True
        endpoint.receive(first, 2.0)
    assert [session.closed for session in dialect.sessions] == [True, True, False, False]
    assert endpoint.counters()["ike_sas_per_tunnel_limit"] == 2
    assert endpoint.counters()["sessions"] == 2


def test_the_ike_sas_that_we_made_are_not_the_peer_s(dialect: FakeDialect) -> None:
    endpoint = _endpoint(dialect, Limits(per_tunnel=1))
    endpoint.set_connections([connection()], 0.0)
    endpoint.up("branch", 1.0)
    dialect.sessions[0].established = True
    endpoint.receive(message(b"k" * 8), 1.0)
    dialect.sessions[1].established = True
    endpoint.receive(message(b"k" * 8), 2.0)
    assert not any(session.closed for session in dialect.sessions)


@pytest.mark.parametrize("limits", [Limits(per_address=2), Limits(half_open=2)])
def test_who_has_not_shown_that_it_hears_us_gives_way(limits: Limits, dialect: FakeDialect) -> None:
    """First messages with a forged source must not keep the true one out."""
    endpoint = _endpoint(dialect, limits)
    endpoint.set_connections([connection()], 0.0)
    endpoint.receive(message(b"true" * 2), 1.0)
    (true,) = dialect.sessions
    endpoint.receive(message(b"true" * 2, true.spi_r), 1.0)
    for number in range(5):
        endpoint.receive(message(bytes([1 + number]) * 8), 2.0)
    assert endpoint.counters()["half_open_displaced"] == 4
    assert endpoint.counters()["half_open"] == endpoint.counters()["sessions"] == 2
    endpoint.receive(message(b"true" * 2, true.spi_r), 3.0)
    assert len(_calls(true, "receive")) == 3
    endpoint.receive(message(b"\1" * 8, dialect.sessions[1].spi_r), 3.0)
    assert endpoint.counters()["unknown_ike_spi"] == 1


# --- demand ---------------------------------------------------------------------------------


def test_an_acquire_makes_one_session_and_further_children_use_it(dialect: FakeDialect) -> None:
    endpoint = _endpoint(dialect)
    endpoint.set_connections([connection("branch", child(1), child(2))], 0.0)
    endpoint.acquire(1, None, 1.0)
    endpoint.acquire(2, None, 1.5)
    assert len(dialect.sessions) == 1
    assert [call[1] for call in _calls(dialect.sessions[0], "create_child")] == [1, 2]
    assert len(_calls(dialect.sessions[0], "start")) == 1


def test_a_failed_negotiation_is_tried_again_only_after_the_delay(
    endpoint: Endpoint, dialect: FakeDialect
) -> None:
    endpoint.acquire(1, None, 1.0)
    session = dialect.sessions[0]
    session.outputs.append(
        NegotiationFailed("branch", "IKE SA", Fault.TIMEOUT, "no answer", policy_ids=(1,))
    )
    session.timeout = 2.0
    endpoint.acquire(1, None, 1.0)
    session.closed = True
    session.outputs.append(
        NegotiationFailed("branch", "IKE SA", Fault.TIMEOUT, "no answer", policy_ids=(1,))
    )
    endpoint.receive(message(session.spi_i, b"r" * 8), 2.0)
    endpoint.acquire(1, None, 3.0)
    assert len(dialect.sessions) == 1
    assert endpoint.next_timeout() == 7.0
    endpoint.handle_timeout(7.0)
    assert len(dialect.sessions) == 2


def test_a_tunnel_that_is_always_on_starts_by_itself_and_again_when_the_peer_was_silent(
    dialect: FakeDialect,
) -> None:
    endpoint = _endpoint(dialect)
    endpoint.set_connections([connection("branch", child(1, StartMode.ALWAYS))], 0.0)
    session = dialect.sessions[0]
    session.closed = True
    session.outputs.append(PeerSilent("branch", "203.0.113.2"))
    endpoint.receive(message(session.spi_i, b"r" * 8), 10.0)
    endpoint.handle_timeout(15.0)
    assert len(dialect.sessions) == 2


def test_a_tunnel_that_is_always_on_comes_back_when_the_peer_deletes_its_sa(
    dialect: FakeDialect,
) -> None:
    endpoint = _endpoint(dialect)
    endpoint.set_connections([connection("branch", child(1, StartMode.ALWAYS))], 0.0)
    session = dialect.sessions[0]
    session.established = True
    session.outputs.append(ChildSaClosed("branch", "net", 4096, 4097, "deleted by the peer"))
    endpoint.receive(message(session.spi_i, b"r" * 8), 10.0)
    endpoint.handle_timeout(15.0)
    assert len(_calls(session, "create_child")) == 2


def test_a_rekeyed_sa_or_a_tunnel_taken_down_is_not_wanted_again(dialect: FakeDialect) -> None:
    endpoint = _endpoint(dialect)
    endpoint.set_connections([connection("branch", child(1, StartMode.ALWAYS))], 0.0)
    session = dialect.sessions[0]
    session.established = True
    session.install()
    session.outputs.append(ChildSaClosed("branch", "net", 4096, 4097, "rekeyed"))
    endpoint.receive(message(session.spi_i, b"r" * 8), 10.0)
    endpoint.handle_timeout(15.0)
    assert len(_calls(session, "create_child")) == 1
    session.outputs.append(ChildSaClosed("branch", "net", 4096, 4097, "taken down"))
    endpoint.down("branch", 20.0)
    endpoint.handle_timeout(30.0)
    assert len(dialect.sessions) == 1


def test_down_closes_and_up_starts_anew(endpoint: Endpoint, dialect: FakeDialect) -> None:
    endpoint.up("branch", 1.0)
    endpoint.down("branch", 2.0)
    assert dialect.sessions[0].closed
    endpoint.up("branch", 3.0)
    assert len(dialect.sessions) == 2
    with pytest.raises(KeyError):
        endpoint.up("nowhere", 3.0)


# --- reassignment ---------------------------------------------------------------------------


def test_reassigning_disturbs_only_the_tunnels_that_changed(dialect: FakeDialect) -> None:
    endpoint = _endpoint(dialect)
    kept, changed = connection("kept", child(1)), connection("changed", child(2))
    endpoint.set_connections([kept, changed], 0.0)
    endpoint.up("kept", 1.0)
    endpoint.up("changed", 1.0)
    changed_now = replace(
        changed, lifetime=100, authentication=replace(changed.authentication, secret="other")
    )
    endpoint.set_connections([kept, changed_now], 2.0)
    assert not dialect.sessions[0].closed
    assert dialect.sessions[0].calls == dialect.sessions[0].calls[:2]
    assert dialect.sessions[1].closed


def test_a_changed_child_goes_alone(dialect: FakeDialect) -> None:
    endpoint = _endpoint(dialect)
    endpoint.set_connections([connection("branch", child(1), child(2))], 0.0)
    endpoint.up("branch", 1.0)
    session = dialect.sessions[0]
    one, two = session.install(1), session.install(2)
    endpoint._collect(session, 1.0)
    endpoint.set_connections([connection("branch", child(1), child(3))], 2.0)
    assert _calls(session, "delete_child") == [("delete_child", two, 2.0)]
    assert one in session.children
    assert not session.closed


# --- sessions and their SAs -----------------------------------------------------------------


def test_an_expiring_sa_reaches_the_session_that_owns_it_also_after_adoption(
    endpoint: Endpoint, dialect: FakeDialect
) -> None:
    endpoint.up("branch", 1.0)
    first = dialect.sessions[0]
    spi_in = first.install()
    endpoint.receive(message(first.spi_i, b"r" * 8), 2.0)
    endpoint.child_expiring(spi_in, False, 3.0)
    assert _calls(first, "rekey_child") == [("rekey_child", spi_in, 3.0)]
    successor = FakeSession(first.connection, first.context, b"n" * 8, b"m" * 8, is_initiator=True)
    successor.children = {spi_in: 1}
    first.outputs.append(AdoptSession(successor))
    first.closed = True
    endpoint.receive(message(first.spi_i, b"r" * 8), 4.0)
    endpoint.child_expiring(spi_in, True, 5.0)
    assert _calls(successor, "child_used_up") == [("child_used_up", spi_in, 5.0)]
    endpoint.child_not_installed(spi_in, 6.0)
    assert _calls(successor, "delete_child") == [("delete_child", spi_in, 6.0)]
    assert endpoint.counters()["sessions"] == 1


@pytest.mark.parametrize(
    ("nat", "followed"), [("none", False), ("local", False), ("both", False), ("remote", True)]
)
def test_the_esp_of_a_peer_moves_where_a_nat_hides_that_peer_alone(
    nat: str, followed: bool, endpoint: Endpoint, dialect: FakeDialect
) -> None:
    """RFC 7296 section 2.23: else one packet sent on from elsewhere would divert the tunnel."""
    endpoint.up("branch", 0.0)
    (session,) = dialect.sessions
    session.nat = nat
    spi_in = session.install()
    endpoint.handle_timeout(0.0)
    endpoint.receive(message(session.spi_i), 1.0)
    endpoint.take_outputs()
    elsewhere = Address(REMOTE, 666)
    endpoint.peer_moved(spi_in, elsewhere)
    moved = UpdateTransport(spi_in, str(REMOTE), 666)
    assert endpoint.take_outputs() == ([moved] if followed else [])
    assert endpoint.counters().get("peer_move_not_followed", 0) == (0 if followed else 1)
    endpoint.peer_moved(spi_in + 1, elsewhere)
    assert endpoint.take_outputs() == []


def test_a_peer_that_starts_anew_ends_its_old_sessions(
    endpoint: Endpoint, dialect: FakeDialect
) -> None:
    endpoint.up("branch", 1.0)
    old = dialect.sessions[0]
    old.established = True
    spi_in = old.install()
    endpoint.receive(message(old.spi_i, b"r" * 8), 1.5)
    endpoint.take_outputs()
    endpoint.receive(message(b"i" * 8), 2.0)
    new = dialect.sessions[1]
    new.established = True
    new.outputs.append(CloseOtherSessions("branch"))
    endpoint.receive(message(b"i" * 8, new.spi_r), 3.0)
    deleted = [out.spi_in for out in endpoint.take_outputs() if isinstance(out, DeleteChildSa)]
    assert deleted == [spi_in]
    assert endpoint.counters()["sessions"] == 1


def test_timeouts_reach_the_sessions_that_asked(endpoint: Endpoint, dialect: FakeDialect) -> None:
    endpoint.up("branch", 1.0)
    session = dialect.sessions[0]
    session.timeout = 4.0
    endpoint.receive(message(session.spi_i, b"r" * 8), 2.0)
    assert endpoint.next_timeout() == 4.0
    endpoint.handle_timeout(4.0)
    assert _calls(session, "handle_timeout") == [("handle_timeout", 4.0)]
    assert endpoint.next_timeout() is None


def test_shutdown_closes_everything(endpoint: Endpoint, dialect: FakeDialect) -> None:
    endpoint.up("branch", 1.0)
    endpoint.shutdown(2.0)
    assert dialect.sessions[0].closed
    assert endpoint.snapshot(3.0) == ()
