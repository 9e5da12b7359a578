from gatewright.iana.ikev1 import NotifyType
from gatewright.ike.outputs import Difference, Fault
from gatewright.ike.v1.errors import NoAnswer, NoProposalChosen, PeerRefused


def test_an_error_knows_fault_notify_and_differences() -> None:
    difference = Difference("encryption", "3des-cbc", "des-cbc")
    error = NoProposalChosen("why", (difference,))
    assert error.fault is Fault.NOTHING_IN_COMMON
    assert error.notify is NotifyType.NO_PROPOSAL_CHOSEN
    assert (error.notify_name, error.explanation) == ("NO_PROPOSAL_CHOSEN", "why")
    assert error.differences == (difference,)


def test_silence_says_nothing() -> None:
    assert (NoAnswer("why").fault, NoAnswer("why").notify_name) == (Fault.TIMEOUT, "")


def test_a_refusal_carries_what_was_received() -> None:
    assert PeerRefused("why", received=18).notify_name == "INVALID_ID_INFORMATION"
    assert PeerRefused("why", received=9999).notify_name == "9999"
    assert PeerRefused("why", received=18).notify is None
