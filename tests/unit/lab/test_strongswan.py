"""What strongSwan is told, and what becomes of its answers."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from pathlib import Path

import pytest

from gatewright.lab.errors import LabError
from gatewright.lab.namespace import Namespace
from gatewright.lab.strongswan import (
    KERNEL_ESP,
    USER_SPACE_ESP,
    PeerTunnel,
    Steering,
    StrongSwan,
    configuration,
    connection,
)
from gatewright.lab.vici import Message, Tree, Vici

TUNNEL = PeerTunnel(
    2, "203.0.113.2", "203.0.113.1", ["10.20.0.0/24"], ["192.168.10.0/24"], "the key"
)


def test_a_tunnel_in_vicis_words() -> None:
    loaded = connection(TUNNEL)
    assert loaded["version"] == "2"
    assert loaded["local"] == {"auth": "psk", "id": "203.0.113.2"}
    assert loaded["remote"] == {"auth": "psk", "id": "203.0.113.1"}
    assert loaded["encap"] == "yes"
    assert loaded["rekey_time"] == "4h"
    assert loaded["children"] == {
        "net": {
            "mode": "tunnel",
            "local_ts": ["10.20.0.0/24"],
            "remote_ts": ["192.168.10.0/24"],
            "esp_proposals": ["aes256gcm16"],
            "start_action": "none",
            "rekey_time": "1h",
        }
    }
    assert "the key" not in repr(loaded)


def test_ikev1_has_no_rekeying_of_its_ike_sa() -> None:
    old = PeerTunnel(
        1, "203.0.113.2", "203.0.113.1", [], [], "the key", remote_identity="a.example"
    )
    loaded = connection(old)
    assert loaded["reauth_time"] == "4h"
    assert "rekey_time" not in loaded
    assert loaded["remote"] == {"auth": "psk", "id": "a.example"}


def test_user_space_esp_is_loaded_before_the_kernels() -> None:
    text = configuration(USER_SPACE_ESP, "/run/charon.log")
    assert "kernel-libipsec kernel-netlink" in text
    assert "path = /run/charon.log" in text
    assert "dos_protection = yes" in text
    assert "kernel-libipsec" not in configuration(KERNEL_ESP, "/run/charon.log")


class ScriptedVici(Vici):
    """Answers from a table, and notes what was asked."""

    def __init__(self, associations: Sequence[Tree]) -> None:
        super().__init__(socket.socket())
        self.asked: list[tuple[str, Message]] = []
        self._associations = list(associations)

    def command(self, name: str, message: Message | None = None) -> Tree:
        self.asked.append((name, message or {}))
        return {}

    def stream(self, name: str, event: str, message: Message | None = None) -> list[Tree]:
        assert (name, event, message) == ("list-sas", "list-sa", None)
        return self._associations


class Scripted(Steering):
    def __init__(self, associations: Sequence[Tree] = ()) -> None:
        super().__init__("charon")
        self.vici = ScriptedVici(associations)

    def connect(self) -> Vici:
        return self.vici


ESTABLISHED: Tree = {
    "tunnel": {
        "uniqueid": "7",
        "child-sas": {
            "net-1": {"uniqueid": "1", "state": "INSTALLED"},
            "net-2": {"uniqueid": "2", "state": "REKEYED"},
        },
    }
}


def test_only_installed_children_of_our_tunnel_count() -> None:
    charon = Scripted([ESTABLISHED, {"other": {"child-sas": {"x-3": {"state": "INSTALLED"}}}}])
    assert [child["uniqueid"] for child in charon.children()] == ["1"]
    assert charon.identifiers("ike") == {"7"}
    assert charon.identifiers("child") == {"1"}


def test_loading_gives_the_key_to_both_identities() -> None:
    charon = Scripted()
    charon.load(TUNNEL)
    (shared, secret), (load, tree) = charon.vici.asked
    assert (shared, load) == ("load-shared", "load-conn")
    assert secret == {
        "type": "IKE",
        "data": "the key",
        "owners": ["203.0.113.2", "203.0.113.1"],
    }
    assert list(tree) == ["tunnel"]


def test_waiting_for_what_never_comes_is_an_error() -> None:
    with pytest.raises(LabError, match="charon: not rid of its SAs"):
        Scripted([ESTABLISHED]).wait(lambda: False, "rid of its SAs", timeout=0.0)


def test_steering_what_was_not_started_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(LabError, match="has not been started"):
        StrongSwan(Namespace("nowhere"), tmp_path).wait_ready()
