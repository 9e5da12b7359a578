from gatewright.ike.v1.schedule import Schedule
from tests.support.gateways_v1 import tunnel
from tests.unit.ike.v1.builders import NOW, core


def test_nothing_is_due_before_the_sa_stands() -> None:
    schedule = Schedule(NOW)
    assert not schedule.running
    assert schedule.next_timeout() is None
    assert not schedule.due(NOW + 1e9)


def test_renewal_comes_before_the_end() -> None:
    schedule = Schedule(NOW)
    schedule.begin(core(tunnel(lifetime=1000)), NOW)
    assert schedule.running
    assert schedule.rekey_at is not None
    assert NOW + 900 <= schedule.rekey_at <= NOW + 950
    assert schedule.next_timeout() == schedule.rekey_at
    schedule.rekey_at = None
    assert schedule.next_timeout() == NOW + 1000
    assert schedule.expired(NOW + 1000)
    assert not schedule.expired(NOW + 999)


def test_a_replaced_sa_leaves_and_is_not_renewed() -> None:
    schedule = Schedule(NOW)
    schedule.begin(core(), NOW)
    schedule.leave_at(NOW + 5)
    assert (schedule.rekey_at, schedule.next_timeout()) == (None, NOW + 5)


def test_an_ended_sa_may_still_want_a_successor() -> None:
    schedule = Schedule(NOW)
    schedule.begin(core(), NOW)
    schedule.stop()
    assert schedule.next_timeout() is None
    schedule.renew_again(NOW + 30)
    assert schedule.next_timeout() == NOW + 30
