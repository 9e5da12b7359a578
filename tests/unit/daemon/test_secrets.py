"""Preshared keys from files, systemd credentials and the environment."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from gatewright.daemon.secrets import (
    MAX_OCTETS,
    SecretStore,
    SecretUnavailableError,
    environment_name,
)


def put(directory: Path, name: str, content: bytes, mode: int = 0o600) -> Path:
    path = directory / name
    path.write_bytes(content)
    path.chmod(mode)
    return path


def refusal(store: SecretStore, name: str) -> str:
    with pytest.raises(SecretUnavailableError) as caught:
        store.preshared_key(name)
    assert store.problem(name) == str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    ("content", "key"),
    [
        (b"correct horse", b"correct horse"),
        (b"correct horse\n", b"correct horse"),
        (b"correct horse\r\n", b"correct horse"),
        (b" spaces stay \n\n", b" spaces stay \n"),
        (b"0x00ff10", b"\x00\xff\x10"),
        (b"0X00FF10\n", b"\x00\xff\x10"),
        (b"\xff\xfe not text", b"\xff\xfe not text"),
    ],
)
def test_the_content_of_a_file_is_the_key(tmp_path: Path, content: bytes, key: bytes) -> None:
    put(tmp_path, "branch", content)
    assert SecretStore(tmp_path, {}).preshared_key("branch").reveal() == key


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o602, 0o610, 0o777])
def test_a_file_that_others_can_touch_is_refused(tmp_path: Path, mode: int) -> None:
    put(tmp_path, "branch", b"very secret", mode)
    message = refusal(SecretStore(tmp_path, {}), "branch")
    assert f"{mode:04o}" in message
    assert "chmod 600" in message


@pytest.mark.parametrize("mode", [0o600, 0o400])
def test_a_file_for_its_owner_alone_is_read(tmp_path: Path, mode: int) -> None:
    put(tmp_path, "branch", b"very secret", mode)
    assert SecretStore(tmp_path, {}).problem("branch") is None


@pytest.mark.skipif(os.geteuid() != 0, reason="giving a file to another user needs root")
def test_a_file_of_another_user_is_refused(tmp_path: Path) -> None:
    os.chown(put(tmp_path, "branch", b"very secret"), 12345, 12345)
    assert "belongs to user 12345" in refusal(SecretStore(tmp_path, {}), "branch")


def test_what_is_no_file_is_refused_without_waiting(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo", 0o600)
    (tmp_path / "folder").mkdir(mode=0o700)
    store = SecretStore(tmp_path, {})
    assert "not a regular file" in refusal(store, "fifo")
    assert "not a regular file" in refusal(store, "folder")


@pytest.mark.parametrize("content", [b"", b"\n", b"0x", b"0x123", b"0xzz", b"k" * (MAX_OCTETS + 1)])
def test_what_is_no_key_is_refused_and_not_repeated(tmp_path: Path, content: bytes) -> None:
    put(tmp_path, "branch", content)
    message = refusal(SecretStore(tmp_path, {}), "branch")
    assert "kkk" not in message
    assert "zz" not in message


@pytest.mark.parametrize("name", ["", "../branch", "/etc/passwd", ".hidden", "a\0b"])
def test_a_name_cannot_leave_the_directory(tmp_path: Path, name: str) -> None:
    assert "one word" in refusal(SecretStore(tmp_path, {}), name)


def test_a_systemd_credential_may_be_readable_by_the_group(tmp_path: Path) -> None:
    put(tmp_path, "branch", b"from systemd\n", 0o440)
    put(tmp_path, "open", b"from systemd\n", 0o444)
    store = SecretStore(tmp_path / "none", {"CREDENTIALS_DIRECTORY": str(tmp_path)})
    assert store.preshared_key("branch").reveal() == b"from systemd"
    assert "0444" in refusal(store, "open")


def test_the_environment_is_the_last_resort(tmp_path: Path) -> None:
    store = SecretStore(tmp_path, {"GATEWRIGHT_SECRET_BRANCH_OFFICE": "0x0102"})
    assert store.preshared_key("branch-office").reveal() == b"\x01\x02"
    put(tmp_path, "branch-office", b"file")
    assert store.preshared_key("branch-office").reveal() == b"file"
    assert environment_name("a.b-c") == "GATEWRIGHT_SECRET_A_B_C"


def test_a_refused_file_is_not_passed_over_for_the_environment(tmp_path: Path) -> None:
    put(tmp_path, "branch", b"very secret", 0o644)
    store = SecretStore(tmp_path, {"GATEWRIGHT_SECRET_BRANCH": "other"})
    assert "0644" in refusal(store, "branch")


def test_a_missing_key_is_a_key_error_that_says_where_to_put_it(tmp_path: Path) -> None:
    store = SecretStore(tmp_path, {})
    with pytest.raises(KeyError):
        store.preshared_key("branch")
    message = refusal(store, "branch")
    assert str(tmp_path / "branch") in message
    assert "$GATEWRIGHT_SECRET_BRANCH" in message


def test_names_are_listed_for_suggestions(tmp_path: Path) -> None:
    put(tmp_path, "branch", b"x")
    put(tmp_path, ".swp", b"x")
    assert SecretStore(tmp_path, {}).names() == {"branch"}
    assert SecretStore(tmp_path / "missing", {}).names() == frozenset()


def test_nothing_shows_a_key(tmp_path: Path) -> None:
    put(tmp_path, "branch", b"very secret")
    store = SecretStore(tmp_path, {"GATEWRIGHT_SECRET_X": "other secret"})
    shown = repr(store) + repr(store.preshared_key("branch")) + str(store.preshared_key("x"))
    assert "secret'" not in shown
    assert "very" not in shown
    assert "other" not in shown
