"""The first message of a would-be initiator, judged before any state exists.

What is refused with a notify is answered in clear, with fewer octets than came, and nothing is
remembered of it.
"""

from __future__ import annotations

from collections.abc import Sequence

from gatewright.iana.ikev1 import ExchangeType, NotifyType, ProtocolId
from gatewright.ike.machine import Datagram
from gatewright.ike.outputs import Difference, Fault, NegotiationFailed
from gatewright.ike.v1 import phase_one, rules
from gatewright.ike.v1.errors import ExchangeError, InvalidPayloads, NoProposalChosen
from gatewright.ike.v1.rules import Shape
from gatewright.ike.verdicts import Accept, Refuse, Reply, Verdict
from gatewright.policy.compiled import Connection
from gatewright.wire.codec import Malformed
from gatewright.wire.isakmp import NO_SPI
from gatewright.wire.v1.message import Message, emit_chain, emit_message
from gatewright.wire.v1.payloads.notify import NotifyPayload
from gatewright.wire.v1.payloads.sa import SaPayload


class _WrongMode(ExchangeError):
    fault = Fault.NOTHING_IN_COMMON
    notify = NotifyType.UNSUPPORTED_EXCHANGE_TYPE


def judge_first_message(datagram: Datagram, connections: Sequence[Connection]) -> Verdict:
    """The verdict; ``connections`` are those between these two addresses."""
    try:
        message = Message.parse(datagram.payload)
        refusal = _refusal(message, connections)
        if refusal is not None:
            return refusal
        if message.header.exchange == ExchangeType.AGGRESSIVE:
            raise _aggressive(datagram)
        chain = message.chain()
        rules.check(Shape.MAIN_1, chain)
        (offered,) = chain.all(SaPayload)
        selection = phase_one.select(offered, connections)
    except Malformed as error:
        return Refuse(error.reason, error.detail)
    except InvalidPayloads as error:
        return Refuse("main_mode_message_refused", error.explanation)
    except (NoProposalChosen, _WrongMode) as error:
        return _reply(message, datagram, connections[0], error)
    best = selection.connection
    return Accept((best, *(other for other in connections if other is not best)))


def _refusal(message: Message, connections: Sequence[Connection]) -> Refuse | None:
    header = message.header
    if header.exchange not in (ExchangeType.IDENTITY_PROTECTION, ExchangeType.AGGRESSIVE):
        return Refuse("unexpected_first_exchange", ExchangeType.describe(header.exchange))
    if message.encrypted or header.message_id:
        return Refuse("unexpected_first_message", "encrypted, or with a message ID")
    if not connections:
        return Refuse("no_connection_for_peer", "the policy has no IKEv1 peer at this address")
    return None


def _aggressive(datagram: Datagram) -> _WrongMode:
    return _WrongMode(
        f"{datagram.remote} begins with aggressive mode, which gives the preshared key away to "
        "whoever listens and guesses, and is not supported. Set the peer to main mode.",
        (Difference("phase 1 mode", "main mode", "aggressive mode"),),
    )


def _reply(
    message: Message, datagram: Datagram, connection: Connection, error: ExchangeError
) -> Reply:
    assert error.notify is not None
    header = message.header
    notify = NotifyPayload(error.notify, ProtocolId.ISAKMP)
    octets = emit_message(
        header.spi_i,
        NO_SPI,
        ExchangeType.INFORMATIONAL,
        0,
        notify.number,
        emit_chain((notify,)),
    )
    failure = NegotiationFailed(
        tunnel=connection.name,
        mode="main mode",
        fault=error.fault,
        explanation=error.explanation,
        differences=error.differences,
        notify=error.notify_name,
        remote=str(datagram.remote),
        by_stranger=True,
    )
    return Reply(octets, error.notify_name.lower(), failure)
