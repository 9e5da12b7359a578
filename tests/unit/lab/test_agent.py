"""The outer end of an agent where the agent is at fault; the rest is in test_guest_agent.py."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from gatewright.lab.agent import Agent, Link
from gatewright.lab.errors import LabError


@pytest.fixture
def ends() -> Iterator[tuple[Agent, socket.socket]]:
    ours, its = socket.socketpair()
    with its:
        yield Agent("broken", lambda: Link(ours)), its


def test_an_agent_that_ends_is_told(ends: tuple[Agent, socket.socket]) -> None:
    agent, its = ends
    its.shutdown(socket.SHUT_WR)
    with pytest.raises(LabError, match=r"ended while `ls` ran"):
        agent.run(["ls"])


def test_an_agent_that_has_gone_is_told(ends: tuple[Agent, socket.socket]) -> None:
    agent, its = ends
    its.close()
    with pytest.raises(LabError, match=r"Broken pipe"):
        agent.run(["ls"])


def test_an_error_is_told_in_its_words(ends: tuple[Agent, socket.socket]) -> None:
    agent, its = ends
    its.sendall(b'{"error": "no room"}\n')
    with pytest.raises(LabError, match=r"the agent: no room"):
        agent.run(["ls"])
