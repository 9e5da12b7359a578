from __future__ import annotations

from pathlib import Path

import pytest

from gatewright.control import policy_text
from gatewright.control.policy_text import UnreadableError, read


def test_line_ends_of_windows_are_line_ends(tmp_path: Path) -> None:
    file = tmp_path / "p.yaml"
    file.write_bytes(b"name: \xc3\xa9\r\ntunnels: {}\n")
    assert read(file) == "name: \u00e9\ntunnels: {}\n"


def test_what_cannot_be_read_says_why(tmp_path: Path) -> None:
    with pytest.raises(UnreadableError, match="No such file"):
        read(tmp_path / "none")
    with pytest.raises(UnreadableError, match="Is a directory"):
        read(tmp_path)
    file = tmp_path / "p.yaml"
    file.write_bytes(b"ab\xff")
    with pytest.raises(UnreadableError, match="octet 2"):
        read(file)


def test_a_file_without_an_end_is_not_read_to_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(policy_text, "MAX_OCTETS", 1000)
    with pytest.raises(UnreadableError, match="more than 1000 octets"):
        read(Path("/dev/zero"))
