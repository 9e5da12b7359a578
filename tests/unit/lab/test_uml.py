from __future__ import annotations

from pathlib import Path

import pytest

from gatewright.lab import uml


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """All packages are there; the file that tells of the processor."""
    monkeypatch.setattr(uml, "KERNEL", Path("/bin/sh"))
    monkeypatch.setattr("shutil.which", lambda *_, **__: "/sbin/modprobe")
    monkeypatch.setattr(uml, "PROCESSOR", tmp_path / "cpuinfo")
    return tmp_path / "cpuinfo"


def test_nothing_is_missing_on_a_processor_whose_registers_it_knows(installed: Path) -> None:
    installed.write_text("flags\t\t: fpu avx512f vaes\n")
    assert uml.missing() is None


def test_a_processor_with_amx_is_told_of(installed: Path) -> None:
    installed.write_text("flags\t\t: fpu avx512f amx_tile vaes\n")
    assert "AMX" in (uml.missing() or "")


def test_a_package_is_told_of_first(installed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    installed.write_text("flags\t\t: amx_tile\n")
    monkeypatch.setattr(uml, "KERNEL", Path("/nowhere"))
    assert uml.missing() == "Debian package user-mode-linux is not installed"
