import pytest

from gatewright.iana.ikev1 import NotifyType
from gatewright.ike.outputs import Fault
from gatewright.ike.v1 import explain
from gatewright.ike.v1.states import State
from tests.unit.ike.v1.builders import core


def test_silence_at_the_beginning_is_about_the_way() -> None:
    error = explain.silence(core(state=State.SENT_1))
    assert error.fault is Fault.TIMEOUT
    assert "UDP port 500" in error.explanation
    assert not error.differences


def test_silence_at_the_end_is_about_the_key() -> None:
    error = explain.silence(core(state=State.SENT_5))
    (difference,) = error.differences
    assert difference.item == "preshared key"
    assert "'psk'" in difference.ours  # its name


def test_silence_in_between() -> None:
    assert "exchanging keys" in explain.silence(core(state=State.SENT_3)).explanation


@pytest.mark.parametrize(
    ("state", "notify", "fault", "item"),
    [
        (State.SENT_5, NotifyType.AUTHENTICATION_FAILED, Fault.AUTHENTICATION, "preshared key"),
        (State.SENT_5, NotifyType.PAYLOAD_MALFORMED, Fault.AUTHENTICATION, "preshared key"),
        (State.SENT_5, NotifyType.INVALID_ID_INFORMATION, Fault.REFUSED, "local identity"),
        (State.SENT_1, NotifyType.NO_PROPOSAL_CHOSEN, Fault.REFUSED, "main mode algorithms"),
    ],
)
def test_what_a_refusal_means(state: State, notify: int, fault: Fault, item: str) -> None:
    error = explain.refusal(core(state=state), notify)
    assert error.fault is fault
    assert [each.item for each in error.differences] == [item]


def test_an_unknown_refusal_is_told_as_it_is() -> None:
    error = explain.refusal(core(state=State.SENT_1), 9999, "Windows error 13801")
    assert "unknown (9999) (Windows error 13801)" in error.explanation
