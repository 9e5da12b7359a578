"""No octet of a key leaves the gateway: not in output, status, files, arguments or tracebacks."""

from __future__ import annotations

import base64
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pytest

from gatewright.lab.gateway import PROGRAM, Gateway
from gatewright.lab.policies import SECRET, TUNNEL, TunnelText
from gatewright.lab.traffic import ping
from gatewright.lab.world import World
from tests.support.running import gatewright

pytestmark = pytest.mark.netns

KEY = "Sesam-0ffne-dich!"
OTHER_KEY = "Rumpelstilzchen-1812"


def forms(secret: bytes) -> set[bytes]:
    """How a secret can be written; each form long enough to be no accident."""
    piece = secret[: max(8, len(secret) // 2)]
    return {
        form
        for octets in (secret, piece)
        for form in (
            octets,
            octets.hex().encode(),
            octets.hex().upper().encode(),
            octets.hex(" ").encode(),
            repr(octets)[2:-1].encode(),
            base64.b64encode(octets).rstrip(b"="),
        )
    }


def found(secrets: Iterable[bytes], texts: Iterable[tuple[str, bytes]]) -> list[str]:
    """Where any of the secrets stands in any form."""
    wanted = {form for secret in secrets for form in forms(secret)}
    return [name for name, text in texts if any(form in text for form in wanted)]


def outcome(
    gateway: Gateway, world: World, *arguments: str, environment: dict[str, str] | None = None
) -> tuple[str, bytes]:
    """Everything that a command prints."""
    done = subprocess.run(
        world.gateway_a.command([str(PROGRAM), *arguments]),
        capture_output=True,
        check=False,
        env={**os.environ, **(environment or {}), "GATEWRIGHT_CONTROL": str(gateway.control)},
    )
    return " ".join(arguments), done.stdout + done.stderr


def files(*directories: Path) -> Iterator[Path]:
    """Regular files below, but for those whose purpose it is to hold keys."""
    for directory in directories:
        for path in sorted(directory.rglob("*")):
            if path.is_file() and not {"secrets", "keys"} & set(path.parts):
                yield path


def session_keys(gateway: Gateway) -> set[bytes]:
    """All keys that the other gateway has exported."""
    text = "".join(path.read_text() for path in gateway.keys.iterdir())
    keys = {
        bytes.fromhex(each)
        for each in re.findall(r"(?<![0-9a-fA-F])(?:0x)?((?:[0-9a-fA-F]{2}){16,})", text)
    }
    assert len(keys) >= 4
    return keys


@pytest.fixture(scope="module")
def pair(new_world: Callable[..., World]) -> tuple[World, Gateway, Gateway]:
    world = new_world()
    a, b = gatewright(world, "A"), gatewright(world, "B")
    for gateway in (a, b):
        gateway.write(gateway.policy.read_text(), {SECRET: KEY})
    a.start("--json")
    b.start("--export-keys", str(b.keys))
    for gateway in (a, b):
        gateway.wait_ready()
    return world, a, b


def test_a_whole_life_without_a_key_in_sight(pair: tuple[World, Gateway, Gateway]) -> None:
    world, a, b = pair
    seen: list[tuple[str, bytes]] = []
    for version in (1, 2):
        tunnel = TunnelText(world.ipv4.a, world.ipv4.b, settings={"ike_version": str(version)})
        a.write(str(tunnel), {SECRET: KEY})
        b.write(str(tunnel.mirrored()), {SECRET: OTHER_KEY})
        for gateway in (a, b):
            gateway.assign()
        assert a.up(TUNNEL, wait=20).result == "failed"  # the keys differ
        b.write(str(tunnel.mirrored()), {SECRET: KEY})
        a.down(TUNNEL)
        assert a.up(TUNNEL, wait=20).result == "up", a.tail()
        assert ping(world.host_a, world.ipv4.b.host, 2).all_answered
        seen += [("status", each.status().model_dump_json().encode()) for each in (a, b)]
        listing = subprocess.run(["ps", "-eo", "args"], capture_output=True, check=True)
        seen.append(("ps", listing.stdout))
    commands = (
        "status",
        "log --json",
        f"show {a.policy}",
        f"check {a.policy} --secrets {a.secrets}",
    )
    seen += [outcome(a, world, *command.split()) for command in commands]
    a.down(TUNNEL)
    seen += [(str(path), path.read_bytes()) for path in files(a.directory, b.directory)]
    secrets = {KEY.encode(), OTHER_KEY.encode(), *session_keys(b)}
    assert len(seen) > 15
    assert found(secrets, seen) == []
    # The search does find what is there.
    exported = [(str(path), path.read_bytes()) for path in b.keys.iterdir()]
    assert found(secrets, exported)


def test_what_the_gateway_keeps_is_for_nobody_else(pair: tuple[World, Gateway, Gateway]) -> None:
    _, a, b = pair
    kept = [
        *(a.directory / "state").rglob("*"),
        a.control,
        *b.keys.rglob("*"),
        a.directory / "state",
    ]
    assert len(kept) > 4
    assert {
        str(path): oct(path.stat().st_mode) for path in kept if path.stat().st_mode & 0o077
    } == {}
    limits = Path(f"/proc/{a.pid}/limits").read_text()
    assert re.search(r"^Max core file size +0 +0 ", limits, re.MULTILINE)


def with_defect(gateway: Gateway, world: World, place: str) -> subprocess.Popen[bytes]:
    """The gateway with a function that raises, while a key is in the variables of its frame."""
    module, _, name = place.rpartition(".")
    script = f"""
import os, sys, {module}
from gatewright.cli.main import main

def crash(*arguments, **options):
    key = os.environ["GATEWRIGHT_SECRET_BRANCH_OFFICE"].encode()
    raise ValueError("planted")

setattr(sys.modules[{module!r}], {name!r}, crash)
main()
"""
    places = ["--control", str(gateway.control), "--secrets", str(gateway.secrets)]
    state = ["--state-dir", str(gateway.directory / "state")]
    argv = [sys.executable, "-c", script, "run", str(gateway.policy), *places, *state]
    return subprocess.Popen(
        world.gateway_a.command(argv),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env={**os.environ, "GATEWRIGHT_SECRET_BRANCH_OFFICE": KEY},
    )


@pytest.mark.parametrize("place", ["daemon.secrets._key", "daemon.run._compose"])
def test_a_traceback_shows_no_key(world: World, place: str) -> None:
    gateway = gatewright(world, "A")
    gateway.write(gateway.policy.read_text(), {SECRET: KEY})
    with with_defect(gateway, world, f"gatewright.{place}") as process:
        assert process.stdout is not None
        output = process.stdout.read()
    assert process.returncode
    assert b"planted" in output
    assert found([KEY.encode()], [(place, output)]) == []


def wait_for_policy(process: subprocess.Popen[bytes]) -> None:
    """Read its output until it tells that the policy is assigned."""
    assert process.stdout is not None
    for line in process.stdout:
        if b"is assigned" in line:
            return
    raise AssertionError("it ended before")


def test_a_defect_in_a_negotiation_shows_no_key_and_no_traceback(world: World) -> None:
    gateway, peer = gatewright(world, "A"), gatewright(world, "B")
    for each in (gateway, peer):
        each.write(each.policy.read_text(), {SECRET: KEY})
    peer.start()
    peer.wait_ready()
    with with_defect(gateway, world, "gatewright.ike.v2.tasks.auth.psk_auth") as process:
        try:
            wait_for_policy(process)
            assert peer.up(TUNNEL, wait=1).result != "up"
            counters = gateway.status().daemon_counters
        finally:
            process.kill()
            peer.kill()
        assert process.stdout is not None
        output = process.stdout.read()
    assert counters["internal_errors"] >= 1
    assert b"A defect of Gatewright showed at" in output
    assert b"Traceback" not in output
    assert found([KEY.encode()], [("output", output)]) == []
