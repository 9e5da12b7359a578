"""A pair of ESP security associations, as IKE makes it and a data plane installs it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from gatewright.iana.algorithms import Cipher, Integrity
from gatewright.ipsec.secret import Secret
from gatewright.ipsec.selectors import IPAddress, TrafficSelector


class Encapsulation(Enum):
    """How ESP crosses the Internet."""

    PROTOCOL_50 = "esp"  # RFC 4303: directly over IP
    UDP = "udp"  # RFC 3948: in UDP, port 4500


@dataclass(frozen=True, slots=True)
class SaKeys:
    """The keys of one direction.  ``encryption`` is key, then salt; ``integrity`` may be empty."""

    encryption: Secret
    integrity: Secret


@dataclass(frozen=True, slots=True)
class Transport:
    """The outer addresses of a tunnel.  Ports are those of UDP encapsulation, else 0."""

    local: IPAddress
    remote: IPAddress
    encapsulation: Encapsulation
    local_port: int = 0
    remote_port: int = 0


@dataclass(frozen=True, slots=True)
class ChildSa:
    """A child SA (IKEv2) or quick mode SA (IKEv1): one inbound and one outbound ESP SA.

    ``spi_in`` was chosen by us and is unique among this gateway's inbound SAs: it is the key by
    which the data plane and IKE speak of the pair.  ``policy_id`` is the SPD entry it serves.
    ``local``/``remote`` are the selectors as negotiated (after narrowing).
    ``byte_soft_limit``/``byte_limit`` are octets of ESP payload over each direction (0: none);
    time limits are IKE's business.
    ``outbound_standby``: do not send on it yet; the outbound half comes into use when a packet
    arrives on the inbound half, or by ``ActivateChildSa``, whichever is first.  A responder of a
    rekey sets it, since the initiator may not have the new keys yet (RFC 7296 section 2.8).
    """

    spi_in: int
    spi_out: int
    policy_id: int
    tunnel: str
    child: str
    transport: Transport
    cipher: Cipher
    integrity: Integrity | None
    keys_in: SaKeys
    keys_out: SaKeys
    esn: bool
    local: tuple[TrafficSelector, ...]
    remote: tuple[TrafficSelector, ...]
    replay_window: int = 1024
    byte_soft_limit: int = 0
    byte_limit: int = 0
    outbound_standby: bool = False
