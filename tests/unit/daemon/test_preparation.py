from __future__ import annotations

import socket
from collections.abc import Sequence
from ipaddress import ip_address
from pathlib import Path

import pytest

from gatewright.control.service import CommandRefusedError
from gatewright.daemon.preparation import Prepared, preparer, resolve
from gatewright.daemon.secrets import SecretStore
from gatewright.ipsec.selectors import IPAddress
from tests.unit.daemon.doubles import OURS
from tests.unit.policy.samples import SHORT, edited, short


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    key = tmp_path / "branch-office"
    key.touch(mode=0o600)
    key.write_text("correct horse battery staple")
    return tmp_path


def prepare(directory: Path, text: str, addresses: Sequence[IPAddress] = (OURS,)) -> Prepared:
    return preparer(SecretStore(directory, {}))(text, "/p.yaml", addresses)


def refusal(
    directory: Path, text: str, addresses: Sequence[IPAddress] = (OURS,)
) -> CommandRefusedError:
    with pytest.raises(CommandRefusedError) as caught:
        prepare(directory, text, addresses)
    assert caught.value.status == 422
    return caught.value


def test_a_good_policy_comes_with_its_keys(directory: Path) -> None:
    prepared = prepare(directory, SHORT)
    (connection,) = prepared.compiled.connections
    assert (connection.name, connection.local) == ("branch office", OURS)
    key = prepared.secrets.preshared_key("branch-office")
    assert key.reveal() == b"correct horse battery staple"
    assert prepared.findings == ()


def test_a_warning_hinders_nothing_and_is_told(directory: Path) -> None:
    prepared = prepare(directory, short("pfs: no", "profile: windows-2003"))
    assert [(each.code, each.severity) for each in prepared.findings] == [
        ("weak-algorithms", "warning")
    ]


def test_what_is_no_policy_is_refused_with_its_line(directory: Path) -> None:
    problem = refusal(directory, "x: y\n").problem
    assert problem.code == "policy-error"
    assert (problem.findings[0].file, problem.findings[0].line) == ("/p.yaml", 1)


def test_errors_alone_are_shown_and_counted(directory: Path) -> None:
    text = short("profile: windows-2003", "pfs: no").replace("branch-office", "other-key")
    problem = refusal(directory, text).problem
    assert [each.severity for each in problem.findings] == ["error"] * len(problem.findings)
    assert problem.what == "The policy has an error and was not put in force."
    assert "gatewright check FILE" in problem.advice


def test_a_missing_key_is_refused_before_the_policy_is_in_force(tmp_path: Path) -> None:
    problem = refusal(tmp_path, SHORT).problem
    assert [each.code for each in problem.findings] == ["secret-unavailable"]


def test_an_endpoint_that_is_not_ours_is_refused(directory: Path) -> None:
    problem = refusal(directory, SHORT, [ip_address("192.0.2.1")]).problem
    assert '203.0.113.1 of tunnel "branch office"' in problem.what
    assert problem.why == "Its addresses are: 192.0.2.1."
    assert "none" in refusal(directory, SHORT, []).problem.why


def test_a_name_that_is_not_found_is_refused(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unknown(*_: object, **__: object) -> list[object]:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    assert resolve("b.example") == []
    text = edited(SHORT, ("203.0.113.2", "dns:b.example"))
    assert refusal(directory, text).problem.findings[0].code == "unresolved-name"


def test_each_address_of_a_name_comes_once_and_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    def answer(*_: object, **__: object) -> list[tuple[object, ...]]:
        texts = ("2001:db8::9", "192.0.2.9", "192.0.2.9", "192.0.2.7", "192.0.2.8")
        return [(0, 0, 0, "", (text, 0)) for text in texts]

    monkeypatch.setattr(socket, "getaddrinfo", answer)
    texts = [str(each) for each in resolve("b.example")]
    assert texts == ["2001:db8::9", "192.0.2.9", "192.0.2.7", "192.0.2.8"]
