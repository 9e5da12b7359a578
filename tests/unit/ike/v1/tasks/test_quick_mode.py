"""One side of quick mode at a time; whole exchanges stand in tests/exchange/v1."""

from __future__ import annotations

import pytest

from gatewright.crypto.keymat_v1 import quick_hash_1
from gatewright.iana.ikev1 import HeaderFlag
from gatewright.ike.outputs import Fault, InstallChildSa, Transmit
from gatewright.ike.v1 import terms
from gatewright.ike.v1.core import Core
from gatewright.ike.v1.errors import ExchangeError, LimitReached, Unfit
from gatewright.ike.v1.protection import CbcChain
from gatewright.ike.v1.states import QuickState
from gatewright.ike.v1.tasks.quick_mode import Made, QuickMode
from gatewright.policy.compiled import Child
from gatewright.wire.v1.message import Message, emit_chain, emit_message, parse_chain
from gatewright.wire.v1.payload import Payload
from gatewright.wire.v1.payloads.hash import HashPayload
from tests.support.gateways import child, esp, mirrored, selector
from tests.support.gateways_v1 import ESP_V1, tunnel
from tests.unit.ike.v1.builders import NOW, core, octets, reasons

MESSAGE_ID = 77


class Side:
    def __init__(self, own: Child, *, is_initiator: bool) -> None:
        connection = tunnel(own) if is_initiator else mirrored(tunnel(own))
        self.core: Core = core(connection, is_initiator=is_initiator, seed=is_initiator)
        self.quick = self.begin()

    def begin(self, barred: ExchangeError | None = None) -> QuickMode:
        return QuickMode(self.core, MESSAGE_ID, NOW, self._install, barred)

    def _install(self, quick: QuickMode, made: Made, now: float) -> None:
        assert quick.made is made
        assert now == NOW
        self.core.emit(InstallChildSa(made.sa, None))

    def take(self, payload: bytes, now: float = NOW) -> list[bytes]:
        self.new = self.quick.receive(Message.parse(payload), payload, now)
        self.outputs = self.core.take_outputs()
        return octets(self.outputs)


def begin(ours: Child | None = None, theirs: Child | None = None) -> tuple[Side, Side, bytes]:
    own = ours or child(ESP_V1)
    a, b = Side(own, is_initiator=True), Side(theirs or own, is_initiator=False)
    a.quick.start(terms.of_child(own), NOW)
    (first,) = octets(a.core.take_outputs())
    return a, b, first


def test_three_messages_make_one_pair_with_the_same_keys() -> None:
    a, b, first = begin()
    (second,) = b.take(first)
    (third,) = a.take(second)
    assert b.take(third) == []
    assert a.quick.state is b.quick.state is QuickState.DONE
    assert a.quick.made is not None
    assert b.quick.made is not None
    ours, theirs = a.quick.made.sa, b.quick.made.sa
    assert (ours.keys_in, ours.keys_out) == (theirs.keys_out, theirs.keys_in)
    assert ours.keys_in != ours.keys_out
    assert a.quick.made.nonce == b.quick.made.nonce
    assert ours.outbound_standby
    assert theirs.outbound_standby


def test_perfect_forward_secrecy_gives_other_keys_each_time() -> None:
    with_group = child(esp("aes-128-cbc/hmac-sha256-128+ecp-256"))
    a, b, first = begin(with_group)
    (second,) = b.take(first)
    a.take(second)
    assert a.quick.made is not None
    assert b.quick.made is not None
    assert a.quick.made.sa.keys_in == b.quick.made.sa.keys_out


def test_a_repeated_message_is_answered_with_the_same_octets() -> None:
    a, b, first = begin()
    (second,) = b.take(first)
    assert b.take(first) == [second]
    assert not b.new
    (third,) = a.take(second)
    assert a.take(second) == [third]
    assert reasons(a.outputs) == ["quick_mode_message_repeated"]


def test_both_sides_repeat_until_it_is_over() -> None:
    a, b, first = begin()
    assert a.quick.next_timeout() == NOW + 1
    a.quick.handle_timeout(NOW + 1)
    assert octets(a.core.take_outputs()) == [first]
    (second,) = b.take(first)
    b.quick.handle_timeout(NOW + 1)
    assert octets(b.core.take_outputs()) == [second]
    (third,) = a.take(second)
    b.take(third)
    assert a.quick.next_timeout() is b.quick.next_timeout() is None


def test_silence_is_a_failure_of_its_own_kind() -> None:
    a, _, _ = begin()
    while (due := a.quick.next_timeout()) is not None:
        a.quick.handle_timeout(due)
    assert a.quick.state is QuickState.FAILED
    assert a.quick.failure is not None
    assert a.quick.failure.fault is Fault.TIMEOUT


@pytest.mark.parametrize("position", [28, 40, 60, -1])
def test_a_changed_message_is_dropped_and_the_true_one_taken(position: int) -> None:
    _, b, first = begin()
    changed = bytearray(first)
    changed[position] ^= 1
    assert b.take(bytes(changed)) == []
    assert not b.new
    assert b.quick.state is QuickState.IDLE
    assert len(b.take(first)) == 1


def test_the_commit_bit_is_ignored() -> None:
    a, b, first = begin()
    (second,) = b.take(first)
    committed = bytearray(second)
    committed[19] |= HeaderFlag.COMMIT
    (third,) = a.take(bytes(committed))
    assert a.quick.state is QuickState.DONE
    b.take(third)
    assert b.quick.state is QuickState.DONE


def forged_by_a(a: Side, *payloads: Payload) -> bytes:
    """Message 1 with these payloads behind its hash, authentic."""
    secured = a.core.secured
    own = quick_hash_1(secured.prf, secured.keys, MESSAGE_ID, emit_chain(payloads))
    body = secured.chain(MESSAGE_ID).seal(emit_chain((HashPayload(own), *payloads)))
    return emit_message(
        a.core.cookie_i, a.core.cookie_r, 32, MESSAGE_ID, HashPayload.number, body, encrypted=True
    )


def payloads_of(a: Side, first: bytes) -> tuple[Payload, ...]:
    plaintext = a.core.secured.chain(MESSAGE_ID).open(first[28:])
    return parse_chain(HashPayload.number, plaintext, padded=True).payloads[1:]


def with_wrong_hash(side: Side, received: bytes) -> bytes:
    """The same payloads behind another hash, well encrypted for ``side``."""
    chain = side.quick._chain
    plaintext = chain.open(received[28:])
    payloads = parse_chain(HashPayload.number, plaintext, padded=True).payloads[1:]
    forger = CbcChain(side.core.secured.cipher, side.core.secured.keys, chain.iv)
    return received[:28] + forger.seal(emit_chain((HashPayload(bytes(32)), *payloads)))


def test_every_message_is_authenticated_by_its_hash() -> None:
    a, b, message = begin()
    for side in (b, a, b):
        state = side.quick.state
        assert side.take(with_wrong_hash(side, message)) == []
        assert reasons(side.outputs) == ["quick_mode_message_wrong_hash"]
        assert side.quick.state is state
        message = next(iter(side.take(message)), b"")
    assert b.quick.state is QuickState.DONE


def test_authentic_messages_that_break_the_rules_fail_it() -> None:
    a, b, first = begin()
    sa, nonce, id_ci, _ = payloads_of(a, first)
    b.take(forged_by_a(a, sa, nonce, id_ci))
    assert b.quick.state is QuickState.FAILED
    assert b.quick.failure is not None
    assert b.quick.failure.fault is Fault.PEER_VIOLATION


def test_a_group_without_key_exchange_data_contradicts_itself() -> None:
    with_group = child(esp("aes-128-cbc/hmac-sha256-128+ecp-256"))
    a, b, first = begin(with_group)
    sa, nonce, _, id_ci, id_cr = payloads_of(a, first)
    b.take(forged_by_a(a, sa, nonce, id_ci, id_cr))
    assert b.quick.failure is not None
    assert "contradict" in b.quick.failure.explanation


def test_each_side_can_receive_before_the_message_goes_with_which_the_other_can_send() -> None:
    a, b, first = begin()
    (second,) = b.take(first)
    assert [type(output) for output in b.outputs] == [InstallChildSa, Transmit]
    a.take(second)
    assert [type(output) for output in a.outputs] == [InstallChildSa, Transmit]


def test_an_answer_with_other_selectors_is_not_taken() -> None:
    a, b, first = begin(child(ESP_V1, local=[selector("192.168.10.0/25")]), child(ESP_V1))
    (second,) = b.take(first)
    a.quick.terms = terms.of_child(child(ESP_V1))
    a.take(second)
    assert a.quick.failure is not None
    assert "other traffic selectors" in a.quick.failure.explanation


def test_a_responder_may_be_barred() -> None:
    _, b, first = begin()
    b.quick = b.begin(barred=LimitReached("enough"))
    assert b.take(first) == []
    assert b.new
    assert isinstance(b.quick.failure, LimitReached)


def test_a_port_range_cannot_be_negotiated() -> None:
    own = child(ESP_V1, local=[selector("192.168.10.0/24", 6, 80, 90)])
    side = Side(own, is_initiator=True)
    side.quick.start(terms.of_child(own), NOW)
    assert isinstance(side.quick.failure, Unfit)
    assert not octets(side.core.take_outputs())
