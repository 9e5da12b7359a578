"""What the kernel at hand can do: whether it has IPsec at all, and ESP with which algorithms."""

from __future__ import annotations

import errno
from collections.abc import Iterable, Sequence
from dataclasses import replace
from ipaddress import ip_address

from gatewright.dataplane.kernel import sad
from gatewright.dataplane.kernel.algorithms import known
from gatewright.dataplane.kernel.netlink import NetlinkError, NetlinkSocket
from gatewright.iana.algorithms import Cipher, Integrity
from gatewright.ipsec.association import ChildSa, Encapsulation, SaKeys, Transport
from gatewright.ipsec.secret import Secret

Algorithms = tuple[Cipher, Integrity | None]

# Addresses that are nobody's (RFC 5737, RFC 3849): an SA between them serves no traffic.
_ENDS = {4: ("192.0.2.1", "192.0.2.2"), 6: ("2001:db8::1", "2001:db8::2")}
_SPI = 0x47570001


def missing(
    versions: Iterable[int],
    wanted: Sequence[Algorithms],
    netlink: type[NetlinkSocket] = NetlinkSocket,
) -> list[str]:
    """What the kernel lacks, in words; empty when it can do all.

    ``versions`` are the IP versions of the tunnels' endpoints.  Each set of algorithms is tried as
    an SA, which is deleted at once; the first time this may load modules and test ciphers, which
    takes up to seconds.
    """
    try:
        kernel = netlink()
    except OSError as error:
        return [f"no XFRM netlink ({error.strerror})"]
    try:
        return [
            lack
            for version in sorted(set(versions))
            for lack in _missing_of_version(kernel, version, wanted)
        ]
    finally:
        kernel.close()


def _missing_of_version(
    kernel: NetlinkSocket, version: int, wanted: Sequence[Algorithms]
) -> list[str]:
    lacks = []
    for cipher, integrity in dict.fromkeys(wanted):
        name = f"{cipher.name} with {integrity.name}" if integrity else cipher.name
        if not known(cipher, integrity):
            lacks.append(f"ESP with {name}")
            continue
        try:
            _try(kernel, _sample(version, cipher, integrity))
        except NetlinkError as error:
            if error.errno == errno.EPROTONOSUPPORT:
                return [f"no ESP for IPv{version}"]
            lacks.append(f"ESP with {name} ({error})")
        except OSError as error:
            return [f"no answer about ESP ({error.strerror})"]
    return lacks


def _try(kernel: NetlinkSocket, sa: ChildSa) -> None:
    half = sad.inbound_half(sa)
    try:
        kernel.request(sad.add_inbound(sa, tell_first=False))
    except NetlinkError as error:
        if error.errno != errno.EEXIST:
            raise
    kernel.request(half.delete())


def _sample(version: int, cipher: Cipher, integrity: Integrity | None) -> ChildSa:
    """Counting octets are no weak key of any cipher."""
    encryption = Secret(bytes(range(1, cipher.keymat_len + 1)))
    keys = SaKeys(encryption, Secret(bytes(integrity.key_len if integrity else 0)))
    local, remote = map(ip_address, _ENDS[version])
    transport = Transport(local, remote, Encapsulation.PROTOCOL_50)
    plain = ChildSa(
        spi_in=_SPI,
        spi_out=_SPI,
        policy_id=1,
        tunnel="",
        child="",
        transport=transport,
        cipher=cipher,
        integrity=integrity,
        keys_in=keys,
        keys_out=keys,
        esn=False,
        local=(),
        remote=(),
    )
    return replace(plain, esn=cipher.aead)
