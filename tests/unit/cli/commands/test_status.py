from __future__ import annotations

import json
from datetime import timedelta

import pytest

from gatewright.cli import output
from gatewright.cli.exits import Exit
from gatewright.control import models
from tests.unit.cli.conftest import Commands
from tests.unit.control.doubles import NOW


def state(*tunnels: models.Tunnel) -> models.Status:
    return models.Status(
        gateway_version="1.2",
        pid=42,
        started=NOW - timedelta(hours=2, minutes=5),
        now=NOW,
        policy=models.Policy(name="p", source="/p.yaml", assigned=NOW - timedelta(seconds=5)),
        tunnels=list(tunnels),
        guards=[
            models.Blocked(
                entry="branch", tunnel="branch", action="protect", direction="out", packets=3
            )
        ],
        data_plane=models.DataPlane(
            kind="engine",
            interface="gatewright0",
            features={},
            counters={"drop_bad_icv": 2, "drop_replay": 0, "packets_in": 9},
        ),
    )


def tunnel(
    state: models.TunnelState,
    failure: models.Failure | None = None,
    sas: list[models.ChildSa] | None = None,
) -> models.Tunnel:
    child = models.Child(
        name="branch",
        state=state,
        start="on-demand",
        local=["192.168.10.0/24"],
        remote=["10.20.0.0/24"],
        sas=sas or [],
    )
    return models.Tunnel(
        name="branch office",
        state=state,
        ike_version=2,
        local="203.0.113.1",
        remote="203.0.113.2",
        children=[child],
        last_failure=failure,
    )


def test_a_tunnel_that_is_down_is_there_with_the_reason(commands: Commands) -> None:
    failure = models.Failure(
        time=NOW - timedelta(minutes=1), mode="IKE SA", fault="x", explanation="No key."
    )
    commands.service.state = state(tunnel("down", failure))
    result = commands("status")
    assert result.exit_code == Exit.DONE
    text = " ".join(result.output.split())
    assert "running for 2 hours 5 minutes" in text
    assert "branch office down v2 203.0.113.2" in text
    assert "IKE SA failed 1 minute ago: No key." in text
    assert "Guard: 3 packets of branch kept from leaving in clear." in text
    assert "Dropped: 2 packets, bad icv." in text
    assert "replay" not in text


def test_an_sa_is_shown_with_spis_algorithms_and_counters(commands: Commands) -> None:
    sa = models.ChildSa(
        state="installed",
        spi_in="c0000001",
        spi_out="c0000002",
        algorithms="aes-256-gcm",
        encapsulation="esp",
        age=5,
        rekey_in=60,
        packets_in=4,
        bytes_in=1500,
        last_in=3,
    )
    commands.service.state = state(tunnel("up", sas=[sa]))
    text = " ".join(commands("status").output.split())
    assert "in c0000001, out c0000002, aes-256-gcm, esp, 4 packets in, no packets out" in text
    assert "1.5 kB 0 B 3 seconds ago" in text


@pytest.mark.parametrize("width", [80, 200])
def test_a_narrow_terminal_cuts_no_address(
    commands: Commands, monkeypatch: pytest.MonkeyPatch, width: int
) -> None:
    monkeypatch.setattr(output, "_PIPE_WIDTH", width)
    commands.service.state = state(tunnel("negotiating"))
    text = commands("status").output
    for whole in ("203.0.113.2", "192.168.10.0/24", "10.20.0.0/24", "negotiating", "TRAFFIC"):
        assert whole in text
    assert "\N{HORIZONTAL ELLIPSIS}" not in text


def test_without_a_policy(commands: Commands) -> None:
    assert "No policy is assigned" in commands("status").output


def test_json_is_the_whole_snapshot(commands: Commands) -> None:
    commands.service.state = state(tunnel("negotiating"))
    printed = json.loads(commands("status", "--json").output)
    assert models.Status.model_validate(printed) == commands.service.state
    assert printed["version"] == models.API_VERSION


def test_fast_paths_in_use_are_a_line_and_the_others_say_why(commands: Commands) -> None:
    def path(name: str, place: str, state: str, why: str) -> models.FastPath:
        return models.FastPath(name=name, saves="many a call", place=place, state=state, why=why)

    status = state()
    assert status.data_plane is not None
    here, there = "UDP 192.0.2.1:4500", "UDP 192.0.2.2:4500"
    paths = [
        path("vector-aes", "the processor", "in-use", ""),
        path("udp-merge", here, "in-use", ""),
        path("udp-merge", there, "in-use", ""),
        path("udp-segmentation", here, "lost", "the network device behind it refused it"),
        path("udp-segmentation", there, "lost", "the network device behind it refused it"),
    ]
    features = {"tun_offload": "none", "udp 192.0.2.1:4500": "merge", "workers": "1"}
    plane = status.data_plane.model_copy(update={"fast_paths": paths, "features": features})
    commands.service.state = status.model_copy(update={"data_plane": plane})
    shown = commands("status").output
    assert "engine on gatewright0 (workers 1)." in shown
    assert "Fast paths in use: vector-aes, udp-merge.\n" in shown
    why = "the network device behind it refused it"
    assert f"Not in use: udp-segmentation (many a call) on {here}, {there}: {why}.\n" in shown
