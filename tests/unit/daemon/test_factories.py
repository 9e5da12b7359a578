from __future__ import annotations

from pathlib import Path

import pytest

from gatewright.audit.keylog import KeyLog
from gatewright.daemon.factories import data_plane, key_export
from gatewright.dataplane.interface import DataPlaneError
from gatewright.host.names import HostNames
from gatewright.policy.compiled import Engine


def test_the_engine_has_the_gateways_device_and_is_not_open_yet() -> None:
    plane = data_plane(HostNames(tun="gwtest7"), Engine.USER_SPACE)
    assert (plane.state().kind, plane.state().interface) == ("engine", "gwtest7")
    assert not Path("/sys/class/net/gwtest7").exists()


def test_the_engine_has_the_number_of_workers_that_was_asked_for() -> None:
    with pytest.raises(DataPlaneError, match="not 65"):
        data_plane(HostNames(tun="gwtest8"), Engine.USER_SPACE, workers=65)


def test_keys_are_written_only_where_somebody_named_a_directory(tmp_path: Path) -> None:
    assert key_export(None) is None
    assert isinstance(key_export(tmp_path / "keys"), KeyLog)
