from __future__ import annotations

from pathlib import Path

import pytest

from gatewright.host import sysctl
from gatewright.host.names import HostError


def test_the_former_value_is_given_when_something_changed(tmp_path: Path) -> None:
    (tmp_path / "net").mkdir()
    (tmp_path / "net/forward").write_text("0\n")
    assert sysctl.write("net/forward", "1", tmp_path) == "0"
    assert sysctl.read("net/forward", tmp_path) == "1"
    assert sysctl.write("net/forward", "1", tmp_path) is None


def test_what_is_not_there_reads_as_none_and_refuses_to_be_set(tmp_path: Path) -> None:
    assert sysctl.read("net/none", tmp_path) is None
    with pytest.raises(HostError, match=r"net\.none to 1 failed"):
        sysctl.write("net/none", "1", tmp_path)
