"""Reading a policy file for a command."""

from __future__ import annotations

from pathlib import Path

import pytest
import typer

from gatewright.cli.exits import Exit
from gatewright.cli.policy_file import read_policy, resolver
from gatewright.control.policy_text import MAX_OCTETS
from gatewright.daemon.preparation import resolve


def test_text_and_absolute_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "p.yaml").write_text("name: \u00e9\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    text, name = read_policy(Path("p.yaml"), as_json=False)
    assert text == "name: \u00e9\n"
    assert name == str(tmp_path / "p.yaml")


def test_line_breaks_of_other_systems(tmp_path: Path) -> None:
    (tmp_path / "dos").write_bytes(b"name: a\r\ntunnels:\r\n")
    assert read_policy(tmp_path / "dos", as_json=False)[0] == "name: a\ntunnels:\n"


def test_what_has_no_end_is_not_read_to_it(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(typer.Exit) as caught:
        read_policy(Path("/dev/zero"), as_json=False)
    assert caught.value.exit_code == Exit.POLICY
    assert f"more than {MAX_OCTETS} octets" in capsys.readouterr().err


def test_what_cannot_be_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "latin").write_bytes(b"name: \xe9\n")
    for name, why in (("none", "No such file"), (".", "directory"), ("latin", "not UTF-8")):
        with pytest.raises(typer.Exit) as caught:
            read_policy(tmp_path / name, as_json=False)
        assert caught.value.exit_code == Exit.POLICY
        assert why in capsys.readouterr().err


def test_names_are_looked_up_only_when_wanted() -> None:
    assert resolver(wanted=False) is None
    assert resolver(wanted=True) is resolve
