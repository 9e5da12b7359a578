"""Processes are waited for by events, and ended for certain."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from gatewright.lab.errors import LabError
from gatewright.lab.process import Process


def process(tmp_path: Path, script: str, *arguments: str) -> Process:
    command = ["sh", "-c", script, *arguments]
    return Process("test", command, namespace=None, log=tmp_path / "log")


def test_output_goes_to_the_log_and_the_status_is_told(tmp_path: Path) -> None:
    child = process(tmp_path, "echo out; echo err >&2; exit 3")
    assert child.wait() == 3
    assert child.tail() == "out\nerr"
    assert not child.running()


def test_stop_ends_what_does_not_listen(tmp_path: Path) -> None:
    child = process(
        tmp_path, "trap '' TERM; touch \"$0\"; while :; do sleep 1; done", str(tmp_path / "up")
    )
    child.wait_path(tmp_path / "up", "it was up", timeout=10)
    assert child.stop(timeout=0.05) == -signal.SIGKILL


def test_kill_takes_the_children_as_well(tmp_path: Path) -> None:
    child = process(
        tmp_path, 'sleep 1000 & echo $! > "$0.new"; mv "$0.new" "$0"; wait', str(tmp_path / "pid")
    )
    child.wait_path(tmp_path / "pid", "it was up", timeout=10)
    grandchild = os.pidfd_open(int((tmp_path / "pid").read_text()))
    child.kill()
    ended, _, _ = select.select([grandchild], [], [], 10)
    assert ended
    os.close(grandchild)


def test_waiting_ends_when_the_process_does(tmp_path: Path) -> None:
    reader, writer = os.pipe()
    child = process(tmp_path, "echo no good; exit 4")
    with pytest.raises(LabError, match=r"ended with status 4 before it was ready:\nno good"):
        child.wait_readable(reader, "it was ready", timeout=10)
    with pytest.raises(LabError, match="ended before the socket was there"):
        child.wait_path(tmp_path / "never", "the socket was there", timeout=10)
    os.close(reader)
    os.close(writer)


def test_waiting_ends_when_time_is_up(tmp_path: Path) -> None:
    reader, writer = os.pipe()
    child = process(tmp_path, "exec sleep 1000")
    with pytest.raises(LabError, match=r"took over 0\.01 s before it was ready"):
        child.wait_readable(reader, "it was ready", timeout=0.01)
    with pytest.raises(LabError, match="did not end"):
        child.wait(timeout=0.01)
    os.write(writer, b"x")
    child.wait_readable(reader, "it was ready", timeout=10)
    assert child.stop() == -signal.SIGTERM
    os.close(reader)
    os.close(writer)


STARTER = """
import sys
from pathlib import Path
from gatewright.lab.process import Process
directory = Path(sys.argv[1])
command = ["sh", "-c", 'touch "$0" && exec sleep 1000', str(directory / "up")]
child = Process("test", command, namespace=None, log=directory / "log")
child.wait_path(directory / "up", "it was up", timeout=10)
print(child.pid, flush=True)
sys.stdin.read()
"""


def test_it_dies_with_the_process_that_started_it(tmp_path: Path) -> None:
    starter = subprocess.Popen(
        [sys.executable, "-c", STARTER, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert starter.stdin is not None
    assert starter.stdout is not None
    with starter.stdin, starter.stdout:
        child = os.pidfd_open(int(starter.stdout.readline()))
        starter.kill()
        starter.wait()
        assert select.select([child], [], [], 10)[0], "it outlived its starter"
    os.close(child)
