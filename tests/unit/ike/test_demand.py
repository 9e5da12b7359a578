from gatewright.ike.demand import Demand, Wish


def test_a_wish_is_acted_on_at_once_unless_it_just_failed() -> None:
    demand = Demand(retry_delay=5.0)
    assert demand.want(1, None, 0.0) == Wish(1, None, 0.0, urgent=True)
    demand.failed(1, 1.0, again=False)
    assert demand.want(1, None, 2.0) is None
    assert demand.want(2, None, 2.0) is not None
    assert demand.next_timeout() == 6.0
    assert demand.take_due(5.9) == []
    assert demand.take_due(6.0) == [Wish(1, None, 6.0, urgent=True)]
    assert demand.next_timeout() is None


def test_a_failure_alone_is_no_wish_but_always_on_is() -> None:
    demand = Demand(retry_delay=5.0)
    demand.failed(1, 0.0, again=False)
    assert demand.next_timeout() is None
    demand.failed(1, 0.0, again=True)
    assert demand.next_timeout() == 5.0


def test_success_clears_both() -> None:
    demand = Demand(retry_delay=5.0)
    demand.failed(1, 0.0, again=True)
    demand.met(1)
    assert demand.next_timeout() is None
    assert demand.want(1, None, 1.0) is not None


def test_a_wish_that_is_met_is_not_due_any_more() -> None:
    demand = Demand(retry_delay=5.0)
    for policy_id in (1, 2):
        demand.failed(policy_id, float(policy_id), again=True)
    demand.met(1)
    assert demand.take_due(100.0) == [Wish(2, None, 7.0)]
    assert demand.take_due(100.0) == []
