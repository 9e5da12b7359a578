from gatewright.iana.ikev1 import NotifyType
from gatewright.ike.v1.core import Core
from gatewright.ike.v1.peer import Peer
from gatewright.ike.v1.tasks.dpd import DeadPeerDetection
from gatewright.ike.v1.tasks.informational import Informational
from gatewright.wire.v1.message import Message
from gatewright.wire.v1.payloads.notify import NotifyPayload
from tests.support.gateways_v1 import tunnel
from tests.unit.ike.v1.builders import NOW, core, octets


def asking(dpd_delay: int = 30, peer: Peer | None = None) -> tuple[Core, DeadPeerDetection]:
    sa = core(tunnel(dpd_delay=dpd_delay, dpd_timeout=150), peer=peer)
    return sa, DeadPeerDetection(sa, Informational(sa))


def notifies(sa: Core) -> list[NotifyPayload]:
    """What was sent, as the other side opens it."""
    reader = Informational(core(is_initiator=False))
    chains = [reader.open(Message.parse(each)) for each in octets(sa.take_outputs())]
    return [notify for chain in chains for notify in chain.all(NotifyPayload)]


def test_after_silence_it_asks() -> None:
    sa, dpd = asking()
    assert dpd.next_timeout() == NOW + 30
    assert dpd.handle_timeout(NOW + 29)
    assert not sa.take_outputs()
    assert dpd.handle_timeout(NOW + 30)
    (question,) = notifies(sa)
    assert (question.type, question.spi) == (NotifyType.R_U_THERE, sa.cookies)
    assert len(question.data) == 4


def test_an_answer_to_the_open_question_counts() -> None:
    sa, dpd = asking()
    dpd.ask(NOW)
    (question,) = notifies(sa)
    answer = NotifyPayload(NotifyType.R_U_THERE_ACK, 1, sa.cookies, question.data)
    assert dpd.take_answer(answer)
    dpd.heard()
    assert not dpd.take_answer(answer)
    assert dpd.next_timeout() == NOW + 30


def test_the_number_of_the_next_question_is_one_higher() -> None:
    sa, dpd = asking()
    numbers = []
    for _ in range(2):
        dpd.ask(NOW)
        numbers += [int.from_bytes(each.data, "big") for each in notifies(sa)]
        dpd.heard()
    assert numbers[1] == numbers[0] + 1
    assert numbers[0] < 2**31 + 1


def test_it_repeats_the_question_and_then_gives_up() -> None:
    sa, dpd = asking()
    dpd.ask(NOW + 30)
    now, asked = NOW + 30, 0
    while dpd.handle_timeout(now):
        due = dpd.next_timeout()
        assert due is not None
        now = due
        asked += 1
    assert now == NOW + 150
    assert asked > 4
    assert len({each.data for each in notifies(sa)}) == 1


def test_even_an_impatient_policy_asks_more_than_once() -> None:
    sa = core(tunnel(dpd_delay=30, dpd_timeout=1))
    dpd = DeadPeerDetection(sa, Informational(sa))
    dpd.ask(NOW + 30)
    assert dpd.handle_timeout(NOW + 31)


def test_not_with_a_peer_that_does_not_know_it_or_a_policy_that_does_not_want_it() -> None:
    for sa, dpd in (asking(peer=Peer(dpd=False)), asking(dpd_delay=0)):
        assert dpd.next_timeout() is None
        dpd.ask(NOW)
        assert dpd.handle_timeout(NOW + 9999)
        assert not sa.take_outputs()


def test_questions_are_answered_with_their_number_and_not_backwards() -> None:
    sa, dpd = asking(dpd_delay=0)
    for number, answered in ((5, True), (5, True), (6, True), (4, False)):
        question = NotifyPayload(NotifyType.R_U_THERE, 1, sa.cookies, number.to_bytes(4, "big"))
        assert dpd.take_question(question) is answered
    answers = notifies(sa)
    assert [int.from_bytes(each.data, "big") for each in answers] == [5, 5, 6]
    assert {each.type for each in answers} == {NotifyType.R_U_THERE_ACK}
