"""``run``: what the daemon is given, and what its refusals look like.  The daemon is a double."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import Result

from gatewright.audit.event import Event, Kind, Record, Severity
from gatewright.cli.exits import Exit
from gatewright.control.listener import SocketInUseError
from gatewright.control.models import Problem
from gatewright.daemon import run as daemon
from gatewright.daemon.settings import Settings
from gatewright.dataplane.interface import DirectEsp
from tests.unit.control.doubles import refusal

Gatewright = Callable[..., Result]
STARTED = Record(
    1, 1000.0, 1000.0, 1, Event(Kind.GATEWAY_STARTED, Severity.INFORMATION, "It started.")
)


class Daemon:
    """Stands for ``daemon.run.run``."""

    def __init__(self) -> None:
        self.calls: list[tuple[Settings, daemon.PolicyFile | None]] = []
        self.raises: Exception | None = None

    def __call__(
        self, settings: Settings, policy: daemon.PolicyFile | None, say: daemon.Say
    ) -> None:
        self.calls.append((settings, policy))
        say(STARTED)
        if self.raises is not None:
            raise self.raises


@pytest.fixture
def running(monkeypatch: pytest.MonkeyPatch) -> Daemon:
    double = Daemon()
    monkeypatch.setattr(daemon, "run", double)
    return double


def test_options_and_the_policy_reach_the_daemon(
    gatewright: Gatewright, running: Daemon, tmp_path: Path
) -> None:
    policy = tmp_path / "p.yaml"
    policy.write_text("tunnels: {}\n")
    result = gatewright(
        "run", str(policy), "--control", "/c.sock", "--secrets", "/k", "--interface", "tun7",
        "--forwarding", "--export-keys", "/x", "--no-mss-clamp",
        "--without", "udp-merge", "--without", "udp-segmentation",
        "--workers", "3", "--busy-poll", "50", "--direct-esp", "off",
    )  # fmt: skip
    assert result.exit_code == Exit.DONE
    ((settings, start),) = running.calls
    assert start == daemon.PolicyFile("tunnels: {}\n", str(policy))
    assert (settings.control, settings.state) == (Path("/c.sock"), Path("/c.state"))
    assert (settings.secrets, settings.export_keys) == (Path("/k"), Path("/x"))
    assert settings.names.tun == "tun7"
    assert settings.forwarding
    assert (settings.workers, settings.busy_poll_us) == (3, 50)
    assert not settings.mss_clamp
    assert settings.direct_esp is DirectEsp.OFF
    assert settings.without == ("udp-merge", "udp-segmentation")


def test_a_fast_path_that_is_none_is_refused_by_name(
    gatewright: Gatewright, running: Daemon
) -> None:
    result = gatewright("run", "--without", "tea")
    assert result.exit_code == 2
    assert "tea" in result.output
    assert "udp-merge" in result.output
    assert running.calls == []


def test_by_itself_it_changes_no_forwarding_and_writes_no_keys(
    gatewright: Gatewright, running: Daemon
) -> None:
    gatewright("run", "--control", "/c.sock")
    ((settings, start),) = running.calls
    assert start is None
    assert not settings.forwarding
    assert (settings.workers, settings.busy_poll_us) == (None, 0)
    assert settings.export_keys is None
    assert settings.direct_esp is DirectEsp.AUTO


def test_events_are_lines_or_lines_of_json(gatewright: Gatewright, running: Daemon) -> None:
    del running
    assert "It started.\n" in gatewright("run").output
    assert json.loads(gatewright("run", "--json").output)["kind"] == "gateway-started"


def test_a_policy_file_that_is_not_there_starts_nothing(
    gatewright: Gatewright, running: Daemon, tmp_path: Path
) -> None:
    result = gatewright("run", str(tmp_path / "none.yaml"))
    assert result.exit_code == Exit.POLICY
    assert running.calls == []


@pytest.mark.parametrize(
    ("error", "status", "words"),
    [
        (refusal(), Exit.POLICY, "p.yaml:3: error: w"),
        (
            daemon.DaemonError(Problem(code="missing-privilege", what="It needs a capability.")),
            Exit.PRIVILEGE,
            "It needs a capability.",
        ),
        (
            daemon.DaemonError(Problem(code="system-refused", what="It cannot run.")),
            Exit.FAILED,
            "It cannot run.",
        ),
        (
            SocketInUseError(Path("/c.sock"), "7"),
            Exit.FAILED,
            "/c.sock belongs to a running gateway (pid 7).",
        ),
    ],
)
def test_why_it_did_not_start_is_said_and_is_the_exit_status(
    gatewright: Gatewright, running: Daemon, error: Exception, status: Exit, words: str
) -> None:
    running.raises = error
    result = gatewright("run")
    assert result.exit_code == status
    assert words in result.stderr
    assert "Traceback" not in result.output
