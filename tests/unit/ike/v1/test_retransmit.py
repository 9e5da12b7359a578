from gatewright.ike.machine import Timing
from gatewright.ike.v1.retransmit import Repeater

TIMING = Timing(first_retransmit=1.0, backoff=2.0, tries=5)


def transmissions(repeater: Repeater) -> list[float]:
    times = []
    while not repeater.exhausted:
        times.append(repeater.deadline)
        repeater.sent_again(repeater.deadline)
    return [*times, repeater.deadline]


def test_the_waits_double_and_end() -> None:
    assert transmissions(Repeater.begin(b"", TIMING, 0.0)) == [1.0, 3.0, 7.0, 15.0, 31.0]


def test_without_hope_one_more_is_sent() -> None:
    repeater = Repeater.begin(b"", TIMING, 0.0)
    repeater.lose_hope()
    assert transmissions(repeater) == [1.0, 3.0]


def test_hope_is_lost_once() -> None:
    repeater = Repeater.begin(b"", TIMING, 0.0)
    for _ in range(9):
        repeater.lose_hope()
    assert len(transmissions(repeater)) == 2
