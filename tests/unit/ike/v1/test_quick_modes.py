from __future__ import annotations

import pytest

from gatewright.iana.ikev1 import NotifyType
from gatewright.ike.outputs import (
    ChildSaEstablished,
    DeleteChildSa,
    Fault,
    InstallChildSa,
    NegotiationFailed,
)
from gatewright.ike.v1 import quick_modes
from gatewright.ike.v1.children import ChildState
from gatewright.ike.v1.core import Core
from gatewright.ike.v1.keeper import Keeper
from gatewright.ike.v1.peer import Peer
from gatewright.ike.v1.quick_modes import QuickModes
from gatewright.ike.v1.tasks.informational import Informational
from gatewright.ike.v1.terms import of_child
from gatewright.policy.compiled import Connection
from gatewright.wire.v1.message import Message
from gatewright.wire.v1.payloads.delete import DeletePayload
from gatewright.wire.v1.payloads.notify import NotifyPayload
from tests.support.gateways import child, mirrored, selector
from tests.support.gateways_v1 import ESP_V1, tunnel
from tests.unit.ike.v1.builders import NOW, core, octets, reasons, told
from tests.unit.ike.v1.test_keeper import Alone

ONE = child(ESP_V1)
TWO = child(ESP_V1, name="two", policy_id=2, local=[selector("192.168.99.0/24")])


class Side:
    def __init__(
        self, connection: Connection, *, is_initiator: bool, peer: Peer | None = None
    ) -> None:
        self.core: Core = core(connection, is_initiator=is_initiator, seed=is_initiator, peer=peer)
        self.informational = Informational(self.core)
        keeper = Keeper(self.core, self.informational, Alone(self.core))
        self.modes = QuickModes(self.core, self.informational, keeper)

    def begin(self, own: object = ONE, now: float = NOW) -> bytes:
        assert own in (ONE, TWO)
        self.modes.begin(of_child(ONE if own is ONE else TWO), now)
        (first,) = octets(self.core.take_outputs())
        return first

    def take(self, payload: bytes, now: float = NOW) -> list[bytes]:
        self.modes.receive(Message.parse(payload), payload, now)
        self.outputs = self.core.take_outputs()
        return octets(self.outputs)

    def notifies(self, message: bytes) -> tuple[NotifyPayload, ...]:
        return self.informational.open(Message.parse(message)).all(NotifyPayload)


def sides(ours: Connection | None = None, theirs: Connection | None = None) -> tuple[Side, Side]:
    own = ours or tunnel(ONE, TWO)
    return Side(own, is_initiator=True), Side(theirs or mirrored(own), is_initiator=False)


def complete(a: Side, b: Side, own: object = ONE, now: float = NOW) -> bytes:
    first = a.begin(own, now)
    (second,) = b.take(first, now)
    (third,) = a.take(second, now)
    b.take(third, now)
    return first


def test_a_whole_quick_mode_installs_on_both_sides() -> None:
    a, b = sides()
    complete(a, b)
    for side in (a, b):
        assert len(side.core.children) == 1
        assert side.modes.idle
        assert told(side.outputs, ChildSaEstablished)


def test_two_run_at_the_same_time() -> None:
    a, b = sides()
    firsts = [a.begin(ONE), a.begin(TWO)]
    assert a.modes.under_way(of_child(ONE))
    assert not a.modes.idle
    seconds = [b.take(first)[0] for first in firsts]
    for second in reversed(seconds):
        (third,) = a.take(second)
        b.take(third)
    assert {each.sa.policy_id for each in a.core.children} == {1, 2}
    assert not a.modes.under_way(of_child(ONE))


def test_a_replay_after_all_is_forgotten_makes_nothing() -> None:
    a, b = sides()
    first = complete(a, b)
    b.modes.handle_timeout(NOW + 1000)
    b.take(first, NOW + 1000)
    assert reasons(b.outputs) == ["quick_mode_message_replayed"]
    assert len(b.core.children) == 1


def test_a_responder_s_failure_is_told_with_the_spi_and_again_when_asked_again() -> None:
    a, b = sides(theirs=mirrored(tunnel(TWO)))
    first = a.begin(ONE)
    (answer,) = b.take(first)
    (notify,) = a.notifies(answer)
    spi = next(iter(a.modes._by_id.values())).spi_in
    assert notify.type == NotifyType.INVALID_ID_INFORMATION
    assert notify.spi == spi.to_bytes(4, "big")
    assert told(b.outputs, NegotiationFailed)[0].policy_ids == ()
    assert b.take(first) == [answer]


def test_a_refusal_fails_the_quick_mode_that_it_names() -> None:
    a, _ = sides()
    a.begin(ONE)
    a.begin(TWO)
    one, two = a.modes._by_id.values()
    refusal = NotifyPayload(NotifyType.NO_PROPOSAL_CHOSEN, 3, two.spi_in.to_bytes(4, "big"))
    assert a.modes.take_notify(refusal, NOW)
    (failure,) = told(a.core.take_outputs(), NegotiationFailed)
    assert (failure.policy_ids, failure.fault) == ((2,), Fault.REFUSED)
    windows = NotifyPayload(
        NotifyType.NO_PROPOSAL_CHOSEN, 1, b"", one.message_id.to_bytes(4, "big")
    )
    assert a.modes.take_notify(windows, NOW)
    (failure,) = told(a.core.take_outputs(), NegotiationFailed)
    assert failure.policy_ids == (1,)
    assert not a.modes.take_notify(windows, NOW)


def test_a_refusal_that_names_nothing_means_the_only_one() -> None:
    a, _ = sides()
    a.begin(ONE)
    nameless = NotifyPayload(NotifyType.INVALID_ID_INFORMATION, 1)
    assert a.modes.take_notify(nameless, NOW)
    (failure,) = told(a.core.take_outputs(), NegotiationFailed)
    assert [each.item for each in failure.differences] == [
        "local traffic selector",
        "remote traffic selector",
    ]


def test_of_two_it_means_neither() -> None:
    a, _ = sides()
    a.begin(ONE)
    a.begin(TWO)
    assert not a.modes.take_notify(NotifyPayload(NotifyType.INVALID_ID_INFORMATION, 1), NOW)


def test_a_limit_counts_what_was_made_and_what_is_on_its_way() -> None:
    limited = tunnel(ONE, TWO, child_limit=1)
    a, b = sides(limited, mirrored(limited))
    assert not a.modes.exhausted
    first = a.begin(ONE)
    assert a.modes.exhausted
    (second,) = b.take(first)
    a.take(second)
    assert a.modes.exhausted
    assert b.modes.exhausted
    (answer,) = b.take(a.begin(TWO))
    (notify,) = a.notifies(answer)
    assert notify.type == NotifyType.NO_PROPOSAL_CHOSEN
    assert "master key" in told(b.outputs, NegotiationFailed)[0].explanation


def test_a_failed_one_does_not_use_the_limit_up() -> None:
    a, _ = sides(tunnel(ONE, child_limit=1))
    a.begin(ONE)
    a.modes.take_notify(NotifyPayload(NotifyType.NO_PROPOSAL_CHOSEN, 1), NOW)
    assert not a.modes.exhausted


def test_a_pair_that_is_never_confirmed_stays_for_whoever_uses_it() -> None:
    a, b = sides()
    b.take(a.begin())
    assert told(b.outputs, InstallChildSa)
    silent = False
    while (due := b.modes.next_timeout()) is not None:
        silent = b.modes.handle_timeout(due)
    assert silent
    outputs = b.core.take_outputs()
    assert not told(outputs, DeleteChildSa)
    (failure,) = told(outputs, NegotiationFailed)
    assert failure.policy_ids == ()
    (kept,) = b.core.children
    assert kept.state is ChildState.PENDING


def test_an_initiator_that_gives_up_deletes_what_the_peer_may_have_installed() -> None:
    a, b = sides()
    a.begin()
    while (due := a.modes.next_timeout()) is not None:
        a.modes.handle_timeout(due)
    chain = b.informational.open(Message.parse(octets(a.core.take_outputs())[-1]))
    assert chain.first(DeletePayload) is not None


def test_a_deleted_pending_pair_ends_its_quick_mode() -> None:
    a, b = sides()
    b.take(a.begin())
    (pending,) = b.core.children
    b.core.children.pop(pending.sa.spi_in)
    b.modes.pair_deleted(pending.sa.spi_in, NOW)
    assert b.modes.next_timeout() is None
    assert told(b.core.take_outputs(), NegotiationFailed)


def test_all_end_with_their_main_mode_sa() -> None:
    a, _ = sides()
    a.begin(ONE)
    a.begin(TWO)
    a.modes.abort(quick_modes.session_gone("why"), NOW)
    failures = told(a.core.take_outputs(), NegotiationFailed)
    assert [each.policy_ids for each in failures] == [(1,), (2,)]
    assert all("why" in each.explanation for each in failures)
    assert a.modes.idle


def test_their_number_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quick_modes, "MAX_UNDER_WAY", 1)
    a, b = sides()
    b.take(a.begin(ONE))
    b.take(a.begin(TWO))
    assert reasons(b.outputs) == ["quick_modes_under_way_limit"]
    monkeypatch.setattr(quick_modes, "MAX_UNDER_WAY", 9)
    monkeypatch.setattr(quick_modes, "MAX_MESSAGE_IDS", 1)
    b.take(a.begin(TWO))
    assert reasons(b.outputs) == ["quick_mode_message_ids_exhausted"]


def test_of_ours_the_others_wait_until_one_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quick_modes, "MAX_BEGUN", 1)
    a, b = sides()
    first = a.begin(ONE)
    a.modes.begin(of_child(TWO), NOW)
    assert octets(a.core.take_outputs()) == []
    assert a.modes.under_way(of_child(TWO))
    (second,) = b.take(first)
    third, other_first = a.take(second)
    b.take(third)
    (other_second,) = b.take(other_first)
    a.take(other_second)
    assert {each.sa.policy_id for each in a.core.children} == {1, 2}
    assert a.modes.idle


def test_one_that_fails_makes_room_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quick_modes, "MAX_BEGUN", 1)
    a, _ = sides()
    a.begin(ONE)
    a.modes.begin(of_child(TWO), NOW)
    assert a.modes.take_notify(NotifyPayload(NotifyType.NO_PROPOSAL_CHOSEN, 1), NOW)
    assert a.modes.under_way(of_child(TWO))
    assert not a.modes.under_way(of_child(ONE))
    assert octets(a.core.take_outputs())
    while a.modes.under_way(of_child(TWO)):
        due = a.modes.next_timeout()
        assert due is not None
        a.modes.handle_timeout(due)
    assert a.modes.idle


def test_those_that_wait_count_and_end_with_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quick_modes, "MAX_BEGUN", 1)
    a, _ = sides(tunnel(ONE, TWO, child_limit=2))
    a.begin(ONE)
    assert not a.modes.exhausted
    a.modes.begin(of_child(TWO), NOW)
    assert a.modes.exhausted
    a.modes.abort(quick_modes.session_gone("why"), NOW)
    outputs = a.core.take_outputs()
    failures = told(outputs, NegotiationFailed)
    assert sorted(each.policy_ids for each in failures) == [(1,), (2,)]
    assert a.modes.idle
    assert not a.modes.under_way(of_child(TWO))
