"""tshark decrypts whole negotiations of two of our own endpoints and finds nothing malformed.

Two endpoints negotiate on the simulated network; what it carried becomes a capture, the keys that
they exported become tables, and every message has to decrypt, to check, and to be well-formed.
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from pathlib import Path

import pytest
from scapy.layers.inet import ICMP, IP

from gatewright.audit.keylog import KeyLog
from gatewright.iana.algorithms import (
    CIPHER_BY_NAME,
    GROUP_BY_NAME,
    INTEGRITY_BY_NAME,
    PRF_BY_NAME,
)
from gatewright.ike.endpoint import Endpoint
from gatewright.ike.outputs import ChildSaEstablished, InstallChildSa, KeysDerived
from gatewright.ipsec.association import Encapsulation
from gatewright.ipsec.secret import Secret
from gatewright.ipsec.selectors import TrafficSelector
from gatewright.policy.compiled import (
    Child,
    Connection,
    EspProposal,
    Identity,
    IdentityType,
    IkeProposal,
    IkeVersion,
    NatTraversal,
    PresharedKey,
    StartMode,
)
from tests.support import tshark
from tests.support.entropy import seeded
from tests.support.pcap import ike_packet, write_capture
from tests.support.scapy_esp import Peer
from tests.support.sim import Host, Network

pytestmark = pytest.mark.skipif(tshark.TSHARK is None, reason="tshark is not installed")

POLICY_ID = 7
A, B = ip_address("203.0.113.1"), ip_address("203.0.113.2")
NET_A, NET_B = ip_network("192.168.10.0/24"), ip_network("10.20.0.0/24")


class Keys:
    """The one preshared key."""

    def preshared_key(self, name: str) -> Secret:
        del name
        return Secret(b"a preshared key")


@dataclass(frozen=True)
class Case:
    """Names of algorithms; ``prf`` and ``integrity`` are of one hash."""

    version: IkeVersion
    cipher: str
    hash: str
    group: str
    esp_cipher: str
    esp_integrity: str | None
    pfs: str | None = None
    nat_traversal: NatTraversal = NatTraversal.AUTO

    def __str__(self) -> str:
        parts = (f"v{self.version}", self.cipher, self.hash, self.group, self.esp_cipher)
        return "-".join((*parts, self.nat_traversal.value))


V1, V2 = IkeVersion.V1, IkeVersion.V2
CASES = [
    Case(V2, "aes-128-gcm", "sha256", "x25519", "aes-128-gcm", None),
    Case(V2, "aes-256-gcm", "sha384", "ecp-384", "aes-256-gcm", None, "ecp-384"),
    Case(V2, "aes-256-cbc", "sha512", "modp-2048", "aes-256-cbc", "hmac-sha512-256", "modp-2048"),
    Case(V2, "3des-cbc", "sha1", "modp-1024", "3des-cbc", "hmac-sha1-96"),
    Case(V2, "aes-192-cbc", "md5", "ecp-521", "null", "hmac-md5-96"),
    Case(
        V2,
        "aes-128-cbc",
        "sha256",
        "ecp-256",
        "aes-128-cbc",
        "hmac-sha256-128",
        nat_traversal=NatTraversal.FORCE,
    ),
    Case(V1, "3des-cbc", "sha1", "modp-1024", "3des-cbc", "hmac-sha1-96"),
    Case(V1, "des-cbc", "md5", "modp-768", "des-cbc", "hmac-md5-96"),
    Case(V1, "aes-256-cbc", "sha256", "modp-2048", "aes-128-gcm", None, "modp-2048"),
    Case(
        V1,
        "aes-128-cbc",
        "sha1",
        "modp-1536",
        "aes-128-cbc",
        "hmac-sha1-96",
        nat_traversal=NatTraversal.FORCE,
    ),
]


def connection(case: Case, *, initiator: bool) -> Connection:
    aead = CIPHER_BY_NAME[case.cipher].aead
    suffix = {"md5": "md5-96", "sha1": "sha1-96", "sha256": "sha256-128", "sha512": "sha512-256"}
    ours, theirs = (A, B) if initiator else (B, A)
    our_net, their_net = (NET_A, NET_B) if initiator else (NET_B, NET_A)
    esp = EspProposal(
        cipher=CIPHER_BY_NAME[case.esp_cipher],
        integrity=INTEGRITY_BY_NAME[case.esp_integrity] if case.esp_integrity else None,
        group=GROUP_BY_NAME[case.pfs] if case.pfs else None,
        esn=False,
        lifetime_seconds=600,
        lifetime_kilobytes=0,
    )
    child = Child(
        name="net",
        policy_id=POLICY_ID,
        local=(TrafficSelector.from_network(our_net),),
        remote=(TrafficSelector.from_network(their_net),),
        proposals=(esp,),
        start=StartMode.ON_DEMAND,
    )
    return Connection(
        name="tunnel",
        version=case.version,
        local=ours,
        remote=theirs,
        local_identity=Identity(IdentityType.ADDRESS, str(ours)),
        remote_identity=Identity(IdentityType.ADDRESS, str(theirs)),
        authentication=PresharedKey("key"),
        proposals=(
            IkeProposal(
                cipher=CIPHER_BY_NAME[case.cipher],
                integrity=None if aead else INTEGRITY_BY_NAME[f"hmac-{suffix[case.hash]}"],
                prf=PRF_BY_NAME[f"prf-hmac-{case.hash}"],
                group=GROUP_BY_NAME[case.group],
            ),
        ),
        children=(child,),
        lifetime=1000,
        nat_traversal=case.nat_traversal,
    )


def negotiate(case: Case) -> tuple[Network, Host]:
    """From the first message over rekeys of both kinds to the deletion."""
    network = Network()
    endpoints = [Endpoint(seeded(number), Keys(), export_keys=True) for number in (1, 2)]
    for endpoint in endpoints:
        mine = connection(case, initiator=endpoint is endpoints[0])
        endpoint.set_connections([mine], network.now)
    initiator = network.add("A", endpoints[0], A)
    responder = network.add("B", endpoints[1], B)
    endpoints[0].up("tunnel", network.now)
    network.run_until(lambda: initiator.sends_to(responder, POLICY_ID))
    network.run(1500)
    assert initiator.sends_to(responder, POLICY_ID)
    assert len(initiator.told(ChildSaEstablished)) > 2
    assert len(initiator.told(KeysDerived)) > 1
    endpoints[0].down("tunnel", network.now)
    network.run(60)
    return network, initiator


def judge(network: Network, exporter: Host, folder: Path) -> list[tshark.Frame]:
    log = KeyLog(folder / "keys")
    packets = [ike_packet(p.source, p.destination, p.payload) for _, p in network.carried]
    for keys in exporter.told(KeysDerived):
        log.record_ike_sa(keys)
    inner = IP(src=str(NET_B[2]), dst=str(NET_A[2])) / ICMP() / b"hello"
    for install in exporter.told(InstallChildSa):
        log.record_child_sa(install.sa)
        packets.append(Peer(install.sa).seal(inner, 1))
    write_capture(folder / "all.pcap", packets)
    return tshark.examine(folder / "all.pcap", folder / "keys")


@pytest.mark.parametrize("case", CASES, ids=str)
def test_nothing_is_malformed_and_everything_decrypts(case: Case, tmp_path: Path) -> None:
    network, initiator = negotiate(case)
    frames = judge(network, initiator, tmp_path)
    for frame in frames:
        assert frame.complaints == (), frame
    messages = [frame.ike for frame in frames if frame.ike is not None]
    encrypted = [message for message in messages if message.encrypted]
    assert len(messages) == len(network.carried)
    assert len(encrypted) > len(messages) // 2
    for message in encrypted:
        assert message.version == case.version
        if case.version is V2:
            assert message.integrity is True, message
        else:
            assert message.payloads[0] in ("Identification", "Hash"), message
    names = {name for message in encrypted for name in message.payloads}
    assert {"Nonce", "Delete"} <= names
    packets = [frame.esp for frame in frames if frame.esp is not None]
    assert len(packets) == len(initiator.told(InstallChildSa))
    for packet in packets:
        assert packet.integrity is True
        assert packet.inner == ("ip", "icmp")


@pytest.mark.parametrize("case", CASES[-1:] + CASES[5:6], ids=str)
def test_encapsulation_is_as_forced(case: Case) -> None:
    _, initiator = negotiate(case)
    for install in initiator.told(InstallChildSa):
        assert install.sa.transport.encapsulation is Encapsulation.UDP
