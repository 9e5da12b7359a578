from gatewright.iana.registry import Registry


class Notify(Registry):
    NO_PROPOSAL_CHOSEN = 14, "RFC 7296", "nothing in common"


def test_a_member_is_its_number_and_knows_its_meaning() -> None:
    assert int(Notify.NO_PROPOSAL_CHOSEN) == 14
    assert Notify.NO_PROPOSAL_CHOSEN.rfc == "RFC 7296"
    assert Notify.NO_PROPOSAL_CHOSEN.text == "nothing in common"


def test_unknown_numbers_are_printed_and_not_refused() -> None:
    assert Notify.describe(14) == "NO_PROPOSAL_CHOSEN (14)"
    assert Notify.describe(40999) == "unknown (40999)"
    assert Notify.find(40999) is None
