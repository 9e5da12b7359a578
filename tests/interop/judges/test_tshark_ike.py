"""tshark reads the exported keys and decrypts IKE with them: negotiations of strongSwan, whose
messages are known to be right, so that a failure here is one of the key export or of the judge."""

from __future__ import annotations

from ipaddress import ip_address
from pathlib import Path

import pytest

from gatewright.audit.keylog import KeyLog
from gatewright.ike.machine import Address
from gatewright.ike.outputs import KeysDerived
from gatewright.ipsec.secret import Secret
from tests.support import tshark
from tests.support.pcap import ike_packet, write_capture
from tests.support.recordings import Recording, load, names

INITIATOR, RESPONDER = (Address(ip_address(f"203.0.113.{host}"), 500) for host in (1, 2))
CHACHA = "v2-chacha-sha512-x25519"

pytestmark = pytest.mark.skipif(tshark.TSHARK is None, reason="tshark is not installed")


def write_recording(recording: Recording, path: Path) -> None:
    packets = []
    for sender, message in zip(recording.senders, recording.messages, strict=True):
        ends = (INITIATOR, RESPONDER) if sender == "i" else (RESPONDER, INITIATOR)
        packets.append(ike_packet(*ends, message))
    write_capture(path, packets)


def export(recording: Recording, log: KeyLog) -> None:
    def secret(name: str, index: int) -> Secret:
        found = recording.secrets.get(name)
        return Secret(found[index] if found else b"")

    v1 = recording.version == 1
    first, last = recording.messages[1], recording.messages[-1]
    for index, message in enumerate([first] if first[:8] == last[:8] else [first, last]):
        log.record_ike_sa(
            KeysDerived(
                tunnel="recorded",
                version=recording.version,
                spi_i=message[:8].hex(),
                spi_r=message[8:16].hex(),
                cipher=recording.ike.cipher.name,
                integrity=recording.ike.integrity.name if recording.ike.integrity else "",
                sk_ei=secret("encryption key Ka" if v1 else "Sk_ei secret", index),
                sk_er=secret("Sk_er secret", index),
                sk_ai=secret("Sk_ai secret", index),
                sk_ar=secret("Sk_ar secret", index),
            )
        )


@pytest.mark.parametrize("name", [*names(1), *(name for name in names(2) if name != CHACHA)])
def test_exported_keys_decrypt(name: str, tmp_path: Path) -> None:
    recording = load(name)
    keys = tmp_path / "keys"
    export(recording, KeyLog(keys))
    write_recording(recording, tmp_path / "ike.pcap")
    frames = tshark.examine(tmp_path / "ike.pcap", keys)
    assert len(frames) == len(recording.messages)
    for frame in frames:
        assert frame.complaints == ()
        assert frame.ike is not None
        assert frame.ike.version == recording.version
        if recording.version == 2 and frame.ike.encrypted:
            assert frame.ike.integrity is True
    expected = "Hash" if recording.version == 1 else "Authentication"
    ike = [frame.ike for frame in frames if frame.ike is not None]
    assert [finding.encrypted for finding in ike[:6]] == (
        [False] * 4 + [True] * 2 if recording.version == 1 else [False] * 2 + [True] * 4
    )
    authentication = ike[4:6] if recording.version == 1 else ike[2:4]
    assert all(expected in finding.payloads for finding in authentication)
    assert "Delete" in ike[-2].payloads


def test_a_wrong_key_is_seen(tmp_path: Path) -> None:
    """The judge can also say no."""
    recording = load("v2-cbc128-sha256-modp2048")
    keys = tmp_path / "keys"
    export(recording, KeyLog(keys))
    table = keys / "ikev2_decryption_table"
    wrong = recording.secrets["Sk_ai secret"][0].hex()
    table.write_text(table.read_text().replace(wrong, "00" * 32))
    write_recording(recording, tmp_path / "ike.pcap")
    frames = tshark.examine(tmp_path / "ike.pcap", keys)
    assert frames[2].ike is not None
    assert frames[2].ike.integrity is False


def test_the_comment_for_an_unknown_cipher_does_not_spoil_the_table(tmp_path: Path) -> None:
    chacha, known = load(CHACHA), load("v2-3des-md5-modp1024")
    keys = tmp_path / "keys"
    log = KeyLog(keys)
    export(chacha, log)
    export(known, log)
    write_recording(known, tmp_path / "ike.pcap")
    frames = tshark.examine(tmp_path / "ike.pcap", keys)
    assert frames[2].ike is not None
    assert frames[2].ike.decrypted
