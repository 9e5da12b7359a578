"""What was said, as the RFC draws it: ``A -> B  IKE_AUTH {IDi IDr AUTH SA TSi TSr}``.

A `Figure` reads the messages that a simulated network carried.  It opens protected ones with the
keys that the gateways exported, as a protocol analyser would.
"""

from __future__ import annotations

from dataclasses import dataclass

from gatewright.crypto.ciphers import MessageCipher, message_cipher
from gatewright.iana.algorithms import CIPHER_BY_NAME, INTEGRITY_BY_NAME
from gatewright.iana.ikev2 import ExchangeType, NotifyType, PayloadType
from gatewright.ike.outputs import KeysDerived
from gatewright.wire.codec import Malformed
from gatewright.wire.isakmp import NO_SPI
from gatewright.wire.v2.message import Message, Payload, parse_chain
from gatewright.wire.v2.payloads.delete import DeletePayload
from gatewright.wire.v2.payloads.encrypted import EncryptedPayload
from gatewright.wire.v2.payloads.notify import NotifyPayload
from gatewright.wire.v2.payloads.unknown import UnknownPayload
from tests.support.sim import Network, Packet

_SHOWN = {
    PayloadType.IDI: "IDi",
    PayloadType.IDR: "IDr",
    PayloadType.NONCE: "Nonce",
    PayloadType.TSI: "TSi",
    PayloadType.TSR: "TSr",
}


@dataclass(frozen=True, slots=True)
class Line:
    """One message.  ``sa`` numbers the IKE SAs in the order in which they appear, from 1."""

    sender: str
    receiver: str
    exchange: str
    message_id: int
    response: bool
    sa: int
    payloads: tuple[Payload, ...]

    def __str__(self) -> str:
        inside = " ".join(_name(payload) for payload in self.payloads)
        return f"{self.sender} -> {self.receiver}  {self.exchange} {{{inside}}}"


def _name(payload: Payload) -> str:
    if isinstance(payload, NotifyPayload):
        known = NotifyType.find(payload.type)
        return f"N({known.name if known is not None else payload.type})"
    if isinstance(payload, DeletePayload):
        return f"D({len(payload.spis)})" if payload.spis else "D(IKE)"
    known_type = PayloadType.find(payload.payload_type)
    if known_type is None:
        return f"unknown({payload.payload_type})"
    return _SHOWN.get(known_type, known_type.name)


def _parsed(first: int, inside: bytes) -> tuple[Payload, ...]:
    try:
        return parse_chain(first, inside)
    except Malformed:
        return (UnknownPayload(first, inside),)


class Figure:
    """The messages of a network from now on."""

    def __init__(self, network: Network) -> None:
        self._network = network
        self._from = len(network.carried)

    def lines(self) -> list[Line]:
        ciphers = self._ciphers()
        sas: dict[bytes, int] = {}
        lines: list[Line] = []
        for index, (_, packet) in enumerate(self._network.carried):
            message = Message.parse(packet.payload)
            number = sas.setdefault(message.header.spi_i, len(sas) + 1)
            if index >= self._from:
                lines.append(self._line(packet, message, number, ciphers))
        return lines

    def text(self) -> list[str]:
        """One string a message; NAT detection is left out, for shortness."""
        noise = (" N(NAT_DETECTION_SOURCE_IP)", " N(NAT_DETECTION_DESTINATION_IP)")
        texts = [str(line) for line in self.lines()]
        for part in noise:
            texts = [text.replace(part, "") for text in texts]
        return texts

    def _line(
        self,
        packet: Packet,
        message: Message,
        number: int,
        ciphers: dict[bytes, tuple[MessageCipher, MessageCipher]],
    ) -> Line:
        payloads = message.payloads
        last = payloads[-1] if payloads else None
        if isinstance(last, EncryptedPayload):
            pair = ciphers[message.header.spi_i + message.header.spi_r]
            prefix = packet.payload[: len(packet.payload) - len(last.octets)]
            inside = pair[0 if message.from_initiator else 1].open(prefix, last.octets)
            payloads = _parsed(last.first, inside)
        exchange = ExchangeType.find(message.header.exchange)
        return Line(
            self._host(packet.source.ip.packed),
            self._host(packet.destination.ip.packed),
            exchange.name if exchange is not None else str(message.header.exchange),
            message.header.message_id,
            message.is_response,
            number,
            payloads,
        )

    def _host(self, packed: bytes) -> str:
        for host in self._network.hosts:
            if any(address.packed == packed for address in host.addresses):
                return host.name
        return "?"

    def _ciphers(self) -> dict[bytes, tuple[MessageCipher, MessageCipher]]:
        found: dict[bytes, tuple[MessageCipher, MessageCipher]] = {}
        for host in self._network.hosts:
            for keys in host.told(KeysDerived):
                cipher = CIPHER_BY_NAME[keys.cipher]
                integrity = INTEGRITY_BY_NAME.get(keys.integrity)
                spis = bytes.fromhex(keys.spi_i + keys.spi_r)
                assert NO_SPI not in (spis[:8], spis[8:])
                found[spis] = (
                    message_cipher(cipher, integrity, keys.sk_ei, keys.sk_ai),
                    message_cipher(cipher, integrity, keys.sk_er, keys.sk_ar),
                )
        return found
