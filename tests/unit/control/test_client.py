"""Client and server over a real Unix socket."""

from __future__ import annotations

import socket
import stat
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from gatewright.control import models
from gatewright.control.client import Client, RefusedError, UnreachableError
from tests.unit.control.doubles import FakeService, event, refusal
from tests.unit.control.serving import Call, serving


class Running:
    def __init__(self, service: FakeService, client: Client, call: Call) -> None:
        self.service, self.client, self.call = service, client, call


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    made: list[FakeService] = []

    def make() -> FakeService:
        made.append(FakeService())
        return made[0]

    path = tmp_path / "control.sock"
    with serving(make, path) as call:
        yield Running(made[0], Client(path), call)


def test_status(running: Running) -> None:
    assert running.client.status() == running.service.state


def test_only_the_owner_may_open_the_socket(running: Running) -> None:
    assert stat.S_IMODE(running.client.control.stat().st_mode) == 0o600


def test_assign_carries_text_and_name(running: Running) -> None:
    result = running.client.assign("tunnels: {ä: 1}\n", "/etc/p.yaml")
    assert result.changes == ['Tunnel "branch" was added.']
    sent = running.service.assigned[0]
    assert (sent.text, sent.filename) == ("tunnels: {ä: 1}\n", "/etc/p.yaml")


def test_a_refusal_arrives_with_its_findings(running: Running) -> None:
    running.service.refuse = refusal()
    with pytest.raises(RefusedError) as caught:
        running.client.assign("", "p.yaml")
    assert caught.value.status == 422
    assert caught.value.problem == refusal().problem


def test_up_streams_events_and_ends_with_the_result(running: Running) -> None:
    result = models.TunnelResult(tunnel="branch/office ä", result="up", text="It is up.")
    running.service.progress = [models.Progress(event=event(1)), models.Progress(result=result)]
    assert list(running.client.up("branch/office ä", 7)) == running.service.progress
    assert running.service.waits == [7]


def test_an_unknown_tunnel_is_refused_before_anything_is_streamed(running: Running) -> None:
    with pytest.raises(RefusedError, match='There is no tunnel "x"'):
        list(running.client.up("x", 1))


@pytest.mark.parametrize("name", ["50%41", "a%2Fb", "a/up", "what?", "#1"])
def test_a_name_arrives_as_it_was_written(running: Running, name: str) -> None:
    with pytest.raises(RefusedError) as caught:
        list(running.client.up(name, 1))
    assert caught.value.problem.what == f'There is no tunnel "{name}".'


def test_events_of_all_tunnels_and_of_one(running: Running) -> None:
    assert [each.sequence for each in running.client.events(10)] == [1, 2]
    assert [each.sequence for each in running.client.events(10, "other")] == [2]
    assert [each.sequence for each in running.client.events(1)] == [2]


def test_following_gives_the_newest_and_then_what_happens(running: Running) -> None:
    stream = running.client.follow(1)
    assert next(stream).sequence == 2
    running.call(lambda: running.service.news.put_nowait(event(3)))
    assert next(stream).sequence == 3
    running.call(lambda: running.service.news.put_nowait(None))
    assert list(stream) == []
    assert running.service.following == 0


def test_a_follower_that_goes_away_is_forgotten(running: Running) -> None:
    stream = running.client.follow(1)
    next(stream)
    stream.close()
    gone = threading.Event()

    def look() -> None:
        running.service.news.put_nowait(event(4))
        if running.service.following == 0:
            gone.set()

    for _ in range(200):
        running.call(look)
        if gone.wait(0.05):
            return
    pytest.fail("the service still feeds a follower that is gone")


def test_a_bad_request_is_explained(running: Running) -> None:
    with pytest.raises(RefusedError) as caught:
        list(running.client.events(-1))
    assert caught.value.status == 400
    assert "count must be from 0" in caught.value.problem.why


def test_nobody_there_is_explained(tmp_path: Path) -> None:
    for path in (tmp_path / "none.sock", tmp_path / "stale.sock"):
        if path.name == "stale.sock":
            stale = socket.socket(socket.AF_UNIX)
            stale.bind(str(path))
            stale.close()
        with pytest.raises(UnreachableError) as caught:
            Client(path).status()
        assert caught.value.problem.code == "not-running"
        assert str(path) in caught.value.problem.why


def test_an_answer_of_another_kind_is_explained(tmp_path: Path) -> None:
    path = tmp_path / "other.sock"
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(str(path))
    listening.listen()

    def answer() -> None:
        connection, _ = listening.accept()
        with connection:
            connection.recv(4096)
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")

    thread = threading.Thread(target=answer)
    thread.start()
    with pytest.raises(UnreachableError, match="answer was not understood"):
        Client(path).status()
    thread.join()
    listening.close()
