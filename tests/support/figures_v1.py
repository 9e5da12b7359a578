"""What was said in IKEv1, as the RFC draws it: ``A -> B  main {ID HASH N(INITIAL_CONTACT)}``.

Reads the messages that a simulated network carried, opening the encrypted ones with the key that
the gateways exported: the first IV from the public values, each exchange's own from the last block
of main mode (RFC 2409 appendix B).  A message that was sent again is shown as ``again``.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from gatewright.crypto.ciphers import cbc_decrypt
from gatewright.crypto.keymat_v1 import phase_one_iv, phase_two_iv
from gatewright.iana.algorithms import CIPHER_BY_NAME, PRF_BY_NAME, Cipher, Prf
from gatewright.iana.ikev1 import ExchangeType, NotifyType, PayloadType, ProtocolId
from gatewright.ike.outputs import KeysDerived
from gatewright.wire.v1.message import Chain, Message, parse_chain
from gatewright.wire.v1.payload import Payload
from gatewright.wire.v1.payloads.delete import DeletePayload
from gatewright.wire.v1.payloads.ke import KeyExchangePayload
from gatewright.wire.v1.payloads.notify import NotifyPayload
from gatewright.wire.v1.payloads.vendor import VendorIdPayload
from tests.support.sim import Network, Packet

_EXCHANGES = {
    ExchangeType.IDENTITY_PROTECTION: "main",
    ExchangeType.QUICK_MODE: "quick",
    ExchangeType.INFORMATIONAL: "info",
}
_SHOWN = {
    PayloadType.SECURITY_ASSOCIATION: "SA",
    PayloadType.KEY_EXCHANGE: "KE",
    PayloadType.IDENTIFICATION: "ID",
    PayloadType.NONCE: "Nonce",
    PayloadType.NAT_D: "NAT-D",
    PayloadType.NAT_D_DRAFT: "NAT-D(draft)",
}


@dataclass
class _Sa:
    cipher: Cipher
    prf: Prf
    key: bytes
    publics: list[bytes] = field(default_factory=list)
    main_iv: bytes = b""
    ivs: dict[int, bytes] = field(default_factory=dict)

    def open(self, message: Message) -> Chain:
        message_id = message.header.message_id
        main = message.header.exchange == ExchangeType.IDENTITY_PROTECTION
        if not self.main_iv:
            self.main_iv = phase_one_iv(self.prf, self.cipher, *self.publics)
        if main:
            iv = self.main_iv
        else:
            first = phase_two_iv(self.prf, self.cipher, self.main_iv, message_id)
            iv = self.ivs.get(message_id, first)
        plaintext = cbc_decrypt(self.cipher, self.key, iv, message.body)
        last = message.body[-self.cipher.block :]
        if main:
            self.main_iv = last
        else:
            self.ivs[message_id] = last
        return parse_chain(message.header.next_payload, plaintext, padded=True)


@dataclass(frozen=True)
class Line:
    """One message; ``sa`` numbers the main mode SAs in the order in which they appear, from 1."""

    time: float
    sender: str
    receiver: str
    exchange: str
    sa: int
    packet: Packet
    again: bool
    chain: Chain | None

    def __str__(self) -> str:
        shown = "again" if self.again else " ".join(_names(self.chain))
        return f"{self.sender} -> {self.receiver}  {self.exchange} {{{shown}}}"


def figure(network: Network) -> list[Line]:
    """All messages so far."""
    sas = _sas(network)
    numbers: dict[bytes, int] = {}
    seen: set[bytes] = set()
    lines = []
    for time, packet in network.carried:
        message = Message.parse(packet.payload)
        number = numbers.setdefault(message.header.spi_i, len(numbers) + 1)
        again = packet.payload in seen
        seen.add(packet.payload)
        chain = None if again else _chain(message, sas.get(message.header.spi_i))
        exchange = _EXCHANGES[ExchangeType(message.header.exchange)]  # type: ignore[call-arg]
        hosts = [_host(network, end.ip.packed) for end in (packet.source, packet.destination)]
        lines.append(Line(time, hosts[0], hosts[1], exchange, number, packet, again, chain))
    return lines


def text(network: Network) -> list[str]:
    """One string a message; NAT discovery is left out, for shortness."""
    return [str(line).replace(" NAT-D", "") for line in figure(network)]


def _chain(message: Message, sa: _Sa | None) -> Chain | None:
    if not message.encrypted:
        chain = message.chain()
        key = chain.first(KeyExchangePayload)
        if key is not None and sa is not None:
            sa.publics.append(key.data)
        return chain
    return sa.open(message) if sa is not None else None


def _names(chain: Chain | None) -> list[str]:
    if chain is None:
        return ["?"]
    return [_name(each) for each in chain.payloads if not isinstance(each, VendorIdPayload)]


def _name(payload: Payload) -> str:
    if isinstance(payload, NotifyPayload):
        known = NotifyType.find(payload.type)
        return f"N({known.name if known is not None else payload.type})"
    if isinstance(payload, DeletePayload):
        protocol = ProtocolId.find(payload.protocol)
        return f"D({protocol.name if protocol is not None else payload.protocol})"
    kind = PayloadType.find(payload.number)
    if kind is None:
        return f"unknown({payload.number})"
    return _SHOWN.get(kind, kind.name)


def _host(network: Network, packed: bytes) -> str:
    for host in network.hosts:
        if any(address.packed == packed for address in host.addresses):
            return host.name
    return "?"


def _sas(network: Network) -> dict[bytes, _Sa]:
    found: dict[bytes, _Sa] = {}
    for host in network.hosts:
        for keys in host.told(KeysDerived):
            prf = PRF_BY_NAME[f"prf-{keys.integrity}"]
            cipher = CIPHER_BY_NAME[keys.cipher]
            found[bytes.fromhex(keys.spi_i)] = _Sa(cipher, prf, keys.sk_ei.reveal())
    return found
