from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar, cast

from gatewright.lab.namespace import Namespace
from gatewright.lab.numbered import Account, Ledger, NumberedStream

T = TypeVar("T")


class Here:
    """In place of a namespace: this one."""

    def call(self, function: Callable[[], T]) -> T:
        return function()


HERE = cast("Namespace", Here())


def entered(*numbers: int) -> Ledger:
    ledger = Ledger()
    for number in numbers:
        ledger.enter(number)
    return ledger


def test_a_ledger_knows_what_is_missing() -> None:
    assert entered(0, 1, 2).missing(3) == []
    assert entered(0, 2, 5).missing(7) == [1, 3, 4, 6]
    assert entered().missing(2) == [0, 1]
    assert entered(9000).missing(3) == [0, 1, 2]


def test_a_ledger_counts_what_is_doubled_and_what_is_overtaken() -> None:
    ledger = entered(0, 2, 1, 1, 4, 3, 5)
    assert (ledger.received, ledger.doubled, ledger.overtaken) == (6, 1, 2)


def test_an_account_is_whole_only_when_nothing_happened() -> None:
    assert Account(3, 3, (), 0, 0, 0).whole
    assert not Account(3, 2, ((1, 0.5),), 0, 0, 0).whole
    assert not Account(3, 3, (), 1, 0, 0).whole
    assert not Account(3, 3, (), 0, 1, 0).whole


def test_a_stream_accounts_for_each_of_its_packets() -> None:
    with NumberedStream(HERE, HERE, "127.0.0.1", 500, port=45400) as stream:
        assert stream.wait_received(50, timeout=10)
        account = stream.finish()
    assert account.whole
    assert account.sent == account.received >= 50
