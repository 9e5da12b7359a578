"""Installation, confirmation, replacement and end of pairs, with quick modes that never were."""

from __future__ import annotations

from dataclasses import replace

from gatewright.ike.outputs import (
    ActivateChildSa,
    ChildSaClosed,
    ChildSaEstablished,
    DeleteChildSa,
    InstallChildSa,
    Transmit,
)
from gatewright.ike.v1.children import ChildState, ChildTable, QuickModeSa
from gatewright.ike.v1.core import Core
from gatewright.ike.v1.keeper import Keeper
from gatewright.ike.v1.lifetimes import Lifetime
from gatewright.ike.v1.states import State
from gatewright.ike.v1.tasks.informational import Informational
from gatewright.ike.v1.tasks.quick_mode import Made
from gatewright.ike.v1.terms import of_child
from tests.support.gateways import child
from tests.unit.ike.v1.builders import NOW, core, told
from tests.unit.ike.v1.test_children import pair


class Alone:
    """No other main mode SA with the peer, unless a test adds its table."""

    def __init__(self, sa: Core) -> None:
        self.others: list[ChildTable] = []
        self.changed: list[ChildTable] = []
        self._sa = sa

    def tables(self) -> list[ChildTable]:
        return [*self.others, self._sa.children]

    def look_at_keeper_of(self, table: ChildTable) -> None:
        self.changed.append(table)


def keeping() -> tuple[Core, Keeper, Alone]:
    sa = core()
    relatives = Alone(sa)
    return sa, Keeper(sa, Informational(sa), relatives), relatives


def made(spi_in: int, nonce: bytes = b"n", seconds: int = 1000) -> Made:
    return Made(pair(spi_in).sa, Lifetime(seconds), nonce)


def install(
    keeper: Keeper,
    spi_in: int,
    now: float = NOW,
    *,
    initiated: bool = True,
    began: float | None = None,
    nonce: bytes = b"n",
    replaces: int | None = None,
) -> None:
    terms = replace(of_child(child()), replaces=replaces)
    keeper.install(made(spi_in, nonce), terms, now if began is None else began, now,
                   initiated=initiated)  # fmt: skip


def the(sa: Core, spi_in: int) -> QuickModeSa:
    found = sa.children.get(spi_in)
    assert found is not None
    return found


def test_an_initiator_s_pair_stands_at_once_and_is_used_a_moment_later() -> None:
    sa, keeper, _ = keeping()
    install(keeper, 4096)
    outputs = sa.take_outputs()
    assert [type(each) for each in outputs] == [InstallChildSa, ChildSaEstablished]
    assert sa.children.next_timeout() == NOW + 0.1
    keeper.handle_timeout(NOW + 0.1)
    assert sa.take_outputs() == [ActivateChildSa(4096)]
    assert the(sa, 4096).expires == NOW + 1000


def test_a_responder_s_pair_waits_for_message_3() -> None:
    sa, keeper, _ = keeping()
    install(keeper, 4096, initiated=False)
    assert [type(each) for each in sa.take_outputs()] == [InstallChildSa]
    assert the(sa, 4096).state is ChildState.PENDING
    keeper.confirm(4096, NOW + 1)
    assert [type(each) for each in sa.take_outputs()] == [ActivateChildSa, ChildSaEstablished]
    keeper.confirm(4096, NOW + 2)
    assert not sa.take_outputs()


def test_a_renewal_replaces_and_cleans_up_after_the_overlap() -> None:
    sa, keeper, _ = keeping()
    install(keeper, 4096)
    sa.take_outputs()
    install(keeper, 5000, NOW + 900, replaces=4096)
    installed, _ = sa.take_outputs()
    assert isinstance(installed, InstallChildSa)
    assert installed.replaces == 4096
    assert the(sa, 4096).state is ChildState.REPLACED
    assert the(sa, 5000).activate_at == NOW + 902.5
    keeper.handle_timeout(NOW + 905)
    outputs = sa.take_outputs()
    assert [each.spi_in for each in told(outputs, DeleteChildSa)] == [4096]
    assert told(outputs, ChildSaClosed)[0].reason == "replaced by a newer pair"
    assert len(told(outputs, Transmit)) == 1  # the delete for the peer


def test_the_responder_of_a_renewal_leaves_the_old_pair_to_the_peer() -> None:
    sa, keeper, _ = keeping()
    install(keeper, 4096)
    install(keeper, 5000, NOW + 900, initiated=False)
    keeper.confirm(5000, NOW + 901)
    old = the(sa, 4096)
    assert (old.state, old.remove_at) == (ChildState.REPLACED, None)


def test_after_a_collision_the_pair_with_the_lower_nonce_goes_by_its_initiator() -> None:
    for ours, theirs, loser in ((b"a", b"b", 4096), (b"b", b"a", 5000)):
        sa, keeper, _ = keeping()
        install(keeper, 4096, NOW + 1, nonce=ours)
        install(keeper, 5000, NOW + 1, initiated=False, began=NOW, nonce=theirs)
        keeper.confirm(5000, NOW + 2)
        gone = the(sa, loser)
        assert gone.state is ChildState.REPLACED
        assert (gone.remove_at is not None) is (loser == 4096)  # that one is ours


def test_a_pair_of_another_main_mode_sa_is_replaced_too() -> None:
    sa, keeper, relatives = keeping()
    other = ChildTable()
    old = pair(9000)
    other.add(old)
    relatives.others.append(other)
    install(keeper, 4096, NOW + 100)
    assert old.state is ChildState.REPLACED
    assert relatives.changed == [other]
    assert sa.children.get(9000) is None


def test_other_traffic_is_left_alone() -> None:
    sa, keeper, _ = keeping()
    other = pair(9000)
    other.sa = replace(other.sa, policy_id=2)
    sa.children.add(other)
    install(keeper, 4096)
    assert other.state is ChildState.INSTALLED


def test_the_end_of_a_lifetime_is_told_to_the_peer() -> None:
    sa, keeper, _ = keeping()
    install(keeper, 4096)
    sa.take_outputs()
    assert keeper.handle_timeout(NOW + 1000) == []
    outputs = sa.take_outputs()
    assert told(outputs, ChildSaClosed)[0].reason == "its lifetime is over"
    assert len(told(outputs, Transmit)) == 1


def test_without_a_main_mode_sa_nobody_can_be_told() -> None:
    sa, keeper, _ = keeping()
    install(keeper, 4096)
    sa.take_outputs()
    sa.state = State.EXPIRED
    keeper.remove_all("why", tell=True)
    outputs = sa.take_outputs()
    assert not told(outputs, Transmit)
    assert [each.reason for each in told(outputs, DeleteChildSa)] == ["why"]


def test_who_has_to_be_renewed() -> None:
    sa, keeper, _ = keeping()
    install(keeper, 4096)
    assert keeper.handle_timeout(NOW + 899) == []
    (due,) = keeper.handle_timeout(NOW + 950)
    due.state = ChildState.REKEYING
    assert keeper.handle_timeout(NOW + 950) == []
    keeper.rekey_failed(4096, NOW + 960)
    assert the(sa, 4096).rekey_at == NOW + 965
    keeper.rekey_failed(7777, NOW)


def test_removing_an_unknown_pair_does_nothing() -> None:
    sa, keeper, _ = keeping()
    keeper.remove(7777, "why", NOW, tell=True)
    assert not sa.take_outputs()


def test_inherited_pairs_are_kept() -> None:
    sa, keeper, _ = keeping()
    keeper.take_over([pair(4096), pair(5000)])
    assert len(sa.children) == 2
    assert not sa.take_outputs()  # the data plane has them already
