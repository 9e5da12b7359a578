"""scapy's ESP as the other side: an implementation of RFC 4303 that shares no code with ours."""

from __future__ import annotations

from dataclasses import dataclass, replace
from ipaddress import IPv4Address, ip_address

from scapy.layers.inet import IP, UDP
from scapy.layers.inet6 import IPv6
from scapy.layers.ipsec import ESP, SecurityAssociation
from scapy.packet import Packet, Raw

from gatewright.iana.algorithms import CIPHERS, INTEGRITIES, Cipher, Integrity
from gatewright.ipsec.association import ChildSa, Encapsulation, SaKeys, Transport
from gatewright.ipsec.secret import Secret
from gatewright.ipsec.selectors import IPAddress, TrafficSelector
from tests.support.entropy import seeded

_CIPHERS = {
    "chacha20-poly1305": "CHACHA20-POLY1305",
    "3des-cbc": "3DES",
    "des-cbc": "DES",
    "null": "NULL",
}
_INTEGRITIES = {
    "hmac-sha512-256": "SHA2-512-256",
    "hmac-sha384-192": "SHA2-384-192",
    "hmac-sha256-128": "SHA2-256-128",
    "hmac-sha1-96": "HMAC-SHA1-96",
    "hmac-md5-96": "HMAC-MD5-96",
}

EVERY_ALGORITHM: list[tuple[Cipher, Integrity | None]] = [
    *((cipher, None) for cipher in CIPHERS if cipher.aead),
    *((cipher, integrity) for cipher in CIPHERS if not cipher.aead for integrity in INTEGRITIES),
]


def algorithm_name(algorithm: tuple[Cipher, Integrity | None]) -> str:
    cipher, integrity = algorithm
    return f"{cipher.name}+{integrity.name}" if integrity else cipher.name


def child_sa(
    algorithm: tuple[Cipher, Integrity | None],
    *,
    local: str = "203.0.113.1",
    remote: str = "203.0.113.2",
    encapsulation: Encapsulation = Encapsulation.PROTOCOL_50,
    esn: bool = False,
    number: int = 0,
) -> ChildSa:
    """A pair of SAs for any traffic; ``number`` makes SPIs and keys of its own."""
    cipher, integrity = algorithm
    random = seeded(1000 + number)

    def keys() -> SaKeys:
        integrity_len = integrity.key_len if integrity else 0
        return SaKeys(Secret(random(cipher.keymat_len)), Secret(random(integrity_len)))

    port = 4500 if encapsulation is Encapsulation.UDP else 0
    anything = (
        TrafficSelector(ip_address("0.0.0.0"), ip_address("255.255.255.255")),
        TrafficSelector(ip_address("::"), ip_address("ffff:" * 7 + "ffff")),
    )
    return ChildSa(
        spi_in=0x10000000 + number,
        spi_out=0x20000000 + number,
        policy_id=1,
        tunnel="tunnel",
        child="child",
        transport=Transport(ip_address(local), ip_address(remote), encapsulation, port, port),
        cipher=cipher,
        integrity=integrity,
        keys_in=keys(),
        keys_out=keys(),
        esn=esn,
        local=anything,
        remote=anything,
    )


@dataclass(frozen=True)
class Peer:
    """The gateway at the other end of a `ChildSa`, made of scapy."""

    sa: ChildSa

    def seal(self, inner: Packet, sequence: int) -> Packet:
        """What this peer sends: an outer packet for our inbound SA.

        ``sequence`` may have 64 bits when the SA has extended sequence numbers.
        """
        transport = self.sa.transport
        association = self._association(
            self.sa.spi_in, self.sa.keys_in, transport.remote, transport.local
        )
        association.seq_num = sequence & 0xFFFFFFFF  # as an argument, 0 would count as none
        return association.encrypt(inner, esn_en=self.sa.esn, esn=sequence >> 32)

    def seal_dummy(self, octets: bytes, sequence: int) -> Packet:
        """Traffic flow confidentiality: a packet that says nothing (RFC 4303 section 2.6)."""
        transport = self.sa.transport
        association = self._association(
            self.sa.spi_in, self.sa.keys_in, transport.remote, transport.local
        )
        association.tunnel_header = None
        outer = IP(src=str(transport.remote), dst=str(transport.local), proto=59) / Raw(octets)
        return association.encrypt(outer, seq_num=sequence, esn_en=self.sa.esn, esn=0)

    def open(self, esp: bytes, sequence: int) -> Packet:
        """The inner packet of what our outbound SA sealed; scapy raises when it is not intact."""
        transport = self.sa.transport
        association = self._association(
            self.sa.spi_out, self.sa.keys_out, transport.local, transport.remote
        )
        outer = outer_packet(self.sa, esp)
        # dissected anew, as it would come from the wire
        return association.decrypt(
            type(outer)(bytes(outer)), esn_en=self.sa.esn, esn=sequence >> 32
        )

    def _association(
        self, spi: int, keys: SaKeys, source: IPAddress, destination: IPAddress
    ) -> SecurityAssociation:
        cipher, integrity = self.sa.cipher, self.sa.integrity
        family = IP if isinstance(source, IPv4Address) else IPv6
        udp = self.sa.transport.encapsulation is Encapsulation.UDP
        return SecurityAssociation(
            ESP,
            spi=spi,
            crypt_algo=_CIPHERS.get(cipher.name) or ("AES-GCM" if cipher.aead else "AES-CBC"),
            crypt_key=keys.encryption.reveal(),
            auth_algo=_INTEGRITIES[integrity.name] if integrity else "NULL",
            auth_key=keys.integrity.reveal() or None,
            tunnel_header=family(src=str(source), dst=str(destination)),
            nat_t_header=UDP(sport=4500, dport=4500) if udp else None,
            esn_en=self.sa.esn,
        )


def outer_packet(sa: ChildSa, esp: bytes) -> Packet:
    """What our outbound SA sends: the ESP packet in IP, and in UDP where it is encapsulated."""
    ends = {"src": str(sa.transport.local), "dst": str(sa.transport.remote)}
    v4 = isinstance(sa.transport.local, IPv4Address)
    if sa.transport.encapsulation is Encapsulation.UDP:
        return (IP if v4 else IPv6)(**ends) / UDP(sport=4500, dport=4500) / Raw(esp)
    return (IP(**ends, proto=50) if v4 else IPv6(**ends, nh=50)) / Raw(esp)


def reversed_sa(sa: ChildSa) -> ChildSa:
    """The same pair as the other gateway has it."""
    there = sa.transport
    return replace(
        sa,
        spi_in=sa.spi_out,
        spi_out=sa.spi_in,
        keys_in=sa.keys_out,
        keys_out=sa.keys_in,
        local=sa.remote,
        remote=sa.local,
        transport=Transport(
            there.remote, there.local, there.encapsulation, there.remote_port, there.local_port
        ),
    )
