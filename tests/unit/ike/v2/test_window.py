"""Message IDs and retransmission (RFC 7296 sections 2.1 to 2.3)."""

from __future__ import annotations

import pytest

from gatewright.ike.machine import Timing
from gatewright.ike.v2.window import Arrival, RequestWindow, ResponseWindow

TIMING = Timing(first_retransmit=1.0, backoff=2.0, tries=4)


def test_a_request_is_sent_again_at_growing_intervals_and_then_given_up() -> None:
    window = RequestWindow(TIMING)
    window.opened(0, b"request", 100.0)
    times = []
    while True:
        now = window.next_timeout()
        assert now is not None
        outstanding = window.due(now)
        assert outstanding is not None
        if window.exhausted(outstanding):
            break
        window.sent_again(outstanding, now)
        times.append(now)
    assert times == [101.0, 103.0, 107.0]
    assert now == 115.0


def test_nothing_is_due_before_its_time() -> None:
    window = RequestWindow(TIMING)
    assert window.next_timeout() is None
    window.opened(0, b"request", 100.0)
    assert window.due(100.9) is None
    assert window.due(101.0) is window.outstanding


def test_the_answer_makes_room_for_the_next_message_id() -> None:
    window = RequestWindow(TIMING)
    window.opened(0, b"request", 100.0)
    assert window.expects(0)
    assert not window.expects(1)
    window.answered()
    assert (window.next_id, window.outstanding) == (1, None)
    assert not window.expects(0)


@pytest.mark.parametrize("message_id", [1, 7, 0xFFFFFFFF])
def test_only_the_next_request_is_inside_the_window(message_id: int) -> None:
    assert ResponseWindow().classify(message_id) is Arrival.OUTSIDE


def test_the_last_response_is_kept_for_exactly_its_request() -> None:
    window = ResponseWindow()
    assert window.classify(0) is Arrival.NEW
    window.answered(b"request", b"response")
    assert (window.classify(0), window.classify(1)) == (Arrival.AGAIN, Arrival.NEW)
    assert window.cached(b"request") == b"response"
    assert window.cached(b"another with this number") is None
    window.answered(b"second", b"response 2")
    assert window.classify(0) is Arrival.OUTSIDE
    assert window.cached(b"request") is None
