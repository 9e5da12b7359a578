"""The tables as text; whether tshark understands them is for tests/interop/judges."""

from __future__ import annotations

import os
import stat
from dataclasses import replace
from ipaddress import ip_address
from pathlib import Path

import pytest

from gatewright.audit.keylog import KeyLog, KeyLogError
from gatewright.iana.algorithms import CIPHER_BY_NAME, INTEGRITY_BY_NAME
from gatewright.ike.outputs import KeysDerived
from gatewright.ipsec.association import ChildSa, Encapsulation, SaKeys, Transport
from gatewright.ipsec.secret import Secret

KEYS = KeysDerived(
    tunnel="branch office",
    version=2,
    spi_i="0102030405060708",
    spi_r="1112131415161718",
    cipher="aes-128-cbc",
    integrity="hmac-sha1-96",
    sk_ei=Secret(b"\xe1" * 16),
    sk_er=Secret(b"\xe2" * 16),
    sk_ai=Secret(b"\xa1" * 20),
    sk_ar=Secret(b"\xa2" * 20),
)
SA = ChildSa(
    spi_in=0x100,
    spi_out=0xFFFFFFFF,
    policy_id=1,
    tunnel="branch office",
    child="net",
    transport=Transport(
        ip_address("203.0.113.1"), ip_address("203.0.113.2"), Encapsulation.PROTOCOL_50
    ),
    cipher=CIPHER_BY_NAME["aes-128-cbc"],
    integrity=INTEGRITY_BY_NAME["hmac-sha1-96"],
    keys_in=SaKeys(Secret(b"\xe1" * 16), Secret(b"\xa1" * 20)),
    keys_out=SaKeys(Secret(b"\xe2" * 16), Secret(b"\xa2" * 20)),
    esn=False,
    local=(),
    remote=(),
)


def test_ike_sa_of_version_2(tmp_path: Path) -> None:
    KeyLog(tmp_path).record_ike_sa(KEYS)
    assert (tmp_path / "ikev2_decryption_table").read_text() == (
        f"0102030405060708,1112131415161718,{'e1' * 16},{'e2' * 16},"
        f'"AES-CBC-128 [RFC3602]",{"a1" * 20},{"a2" * 20},"HMAC_SHA1_96 [RFC2404]"\n'
    )


def test_main_mode_sa(tmp_path: Path) -> None:
    KeyLog(tmp_path).record_ike_sa(replace(KEYS, version=1))
    table = (tmp_path / "ikev1_decryption_table").read_text()
    assert table == f"0102030405060708,{'e1' * 16}\n"


def test_child_sa_has_a_row_for_each_direction(tmp_path: Path) -> None:
    KeyLog(tmp_path).record_child_sa(SA)
    assert (tmp_path / "esp_sa").read_text().splitlines() == [
        '"IPv4","203.0.113.2","203.0.113.1","0x00000100","AES-CBC [RFC3602]",'
        f'"0x{"e1" * 16}","HMAC-SHA-1-96 [RFC2404]","0x{"a1" * 20}"',
        '"IPv4","203.0.113.1","203.0.113.2","0xffffffff","AES-CBC [RFC3602]",'
        f'"0x{"e2" * 16}","HMAC-SHA-1-96 [RFC2404]","0x{"a2" * 20}"',
    ]


def test_rows_are_added(tmp_path: Path) -> None:
    for _ in range(2):
        log = KeyLog(tmp_path)
        log.record_ike_sa(KEYS)
        log.record_ike_sa(KEYS)
    assert len((tmp_path / "ikev2_decryption_table").read_text().splitlines()) == 4


def test_what_wireshark_cannot_is_a_comment_without_keys(tmp_path: Path) -> None:
    log = KeyLog(tmp_path)
    log.record_ike_sa(replace(KEYS, cipher="chacha20-poly1305", integrity=""))
    log.record_child_sa(replace(SA, cipher=CIPHER_BY_NAME["chacha20-poly1305"], integrity=None))
    for table in tmp_path.iterdir():
        for line in table.read_text().splitlines():
            assert line.startswith("#")
            assert "chacha20-poly1305" in line
            assert "e1e1" not in line


def test_extended_sequence_numbers_are_not_called_forged(tmp_path: Path) -> None:
    KeyLog(tmp_path).record_child_sa(replace(SA, esn=True))
    for line in (tmp_path / "esp_sa").read_text().splitlines():
        assert '"ANY 96 bit authentication [no checking]"' in line


def test_files_are_for_the_owner_alone(tmp_path: Path) -> None:
    """Also where they were there before, with another mode, and whatever the umask."""
    directory = tmp_path / "new" / "keys"
    before = os.umask(0)
    try:
        log = KeyLog(directory)
        (directory / "esp_sa").write_text("")
        (directory / "esp_sa").chmod(0o644)
        log.record_ike_sa(KEYS)
        log.record_ike_sa(replace(KEYS, version=1))
        log.record_child_sa(SA)
    finally:
        os.umask(before)
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    assert len(list(directory.iterdir())) == 3
    for table in directory.iterdir():
        assert stat.S_IMODE(table.stat().st_mode) == 0o600


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.write_text("untouched")
    (tmp_path / "ikev2_decryption_table").symlink_to(target)
    with pytest.raises(KeyLogError, match="plain file"):
        KeyLog(tmp_path).record_ike_sa(KEYS)
    assert target.read_text() == "untouched"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make a file that belongs to another")
def test_a_file_of_another_user_is_refused(tmp_path: Path) -> None:
    table = tmp_path / "esp_sa"
    table.touch()
    os.chown(table, 65534, 65534)
    with pytest.raises(KeyLogError, match="another user"):
        KeyLog(tmp_path).record_child_sa(SA)
    assert table.read_text() == ""


def test_a_directory_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(KeyLogError, match=r"file/keys.*name a directory"):
        KeyLog(tmp_path / "file" / "keys")


def test_errors_do_not_show_keys(tmp_path: Path) -> None:
    (tmp_path / "esp_sa").mkdir()
    with pytest.raises(KeyLogError) as caught:
        KeyLog(tmp_path).record_child_sa(SA)
    assert "e1e1" not in str(caught.value)
