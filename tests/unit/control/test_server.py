"""The application as a server calls it (ASGI), without a socket."""

from __future__ import annotations

import asyncio
import json
from collections.abc import MutableMapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

import pytest

from gatewright.control import models
from gatewright.control.server import application
from tests.unit.control.doubles import FakeService, event, refusal

BRANCH = "/v1/tunnels/branch%2Foffice%20%C3%A4"
Message = MutableMapping[str, Any]


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    kind: str
    body: bytes

    @property
    def problem(self) -> models.Problem:
        return models.Problem.model_validate_json(self.body)

    @property
    def lines(self) -> list[Any]:
        return [json.loads(line) for line in self.body.splitlines()]


def ask(service: FakeService, method: str, target: str, *body: bytes) -> Answer:
    """The whole answer to one request, whose body comes in these parts."""
    raw_path, _, query = target.partition("?")
    scope = {
        "type": "http",
        "method": method,
        "path": unquote(raw_path),
        "raw_path": raw_path.encode(),
        "query_string": query.encode(),
        "headers": [],
    }
    parts = [
        {"type": "http.request", "body": part, "more_body": number < len(body)}
        for number, part in enumerate(body or (b"",), start=1)
    ]
    sent: list[Message] = []

    async def receive() -> Message:
        if parts:
            return parts.pop(0)
        await asyncio.Event().wait()
        raise AssertionError

    async def send(message: Message) -> None:
        sent.append(message)

    asyncio.run(application(service)(scope, receive, send))
    headers = dict(sent[0]["headers"])
    kind = headers.get(b"content-type", b"").decode().partition(";")[0]
    return Answer(sent[0]["status"], kind, b"".join(each.get("body", b"") for each in sent[1:]))


@pytest.fixture
def service() -> FakeService:
    return FakeService()


def test_the_status_is_one_json_object(service: FakeService) -> None:
    answer = ask(service, "GET", "/v1/status")
    assert (answer.status, answer.kind) == (200, "application/json")
    assert models.Status.model_validate_json(answer.body) == service.state


def test_commands_are_no_questions(service: FakeService) -> None:
    """A GET changes nothing: what commands is POST."""
    for path in ("/v1/assign", "/v1/unassign", f"{BRANCH}/up", f"{BRANCH}/down"):
        assert ask(service, "GET", path).status == 405
    assert ask(service, "GET", "/v2/status").status == 404


def test_a_body_may_come_in_parts(service: FakeService) -> None:
    body = b'{"text": "tunnels: {}", "filename": "/p.yaml"}'
    assert ask(service, "POST", "/v1/assign", body[:9], body[9:]).status == 200
    assert service.assigned == [models.AssignRequest(text="tunnels: {}", filename="/p.yaml")]


@pytest.mark.parametrize("body", [b"", b"{", b'{"text": "x"}', b"\xff"])
def test_what_is_no_request_is_refused(service: FakeService, body: bytes) -> None:
    answer = ask(service, "POST", "/v1/assign", body)
    assert (answer.status, answer.problem.code) == (400, "bad-request")
    assert service.assigned == []


def test_a_body_without_end_is_refused_before_it_fills_the_memory(service: FakeService) -> None:
    mebibyte = bytes(1024 * 1024)
    answer = ask(service, "POST", "/v1/assign", *[mebibyte] * 21)
    assert answer.status == 400
    assert answer.problem.why == "the request is larger than 20 MiB"


def test_who_hangs_up_in_the_middle_of_a_request_is_no_error(service: FakeService) -> None:
    sent: list[Message] = []
    parts = iter([{"type": "http.request", "body": b"{", "more_body": True}])

    async def receive() -> Message:
        return next(parts, {"type": "http.disconnect"})

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": "POST",
        "path": "/v1/assign",
        "query_string": b"",
        "headers": [],
    }
    asyncio.run(application(service)(scope, receive, send))
    assert sent[0]["status"] == 400
    assert not service.assigned


def test_a_refusal_is_the_answer_with_its_status(service: FakeService) -> None:
    service.refuse = refusal()
    answer = ask(service, "POST", "/v1/assign", b'{"text": "", "filename": "/p.yaml"}')
    assert (answer.status, answer.problem) == (422, refusal().problem)


def test_a_name_may_have_any_character(service: FakeService) -> None:
    text = "It is up."
    result = models.TunnelResult(tunnel="branch/office ä", result="up", text=text)
    service.progress = [models.Progress(event=event(1)), models.Progress(result=result)]
    answer = ask(service, "POST", f"{BRANCH}/up?wait=7")
    assert (answer.status, answer.kind) == (200, "application/x-ndjson")
    assert [bool(line["result"]) for line in answer.lines] == [False, True]
    assert answer.lines[1]["result"]["text"] == text
    assert service.waits == [7]


def test_a_tunnel_that_is_not_there_is_refused_with_a_status(service: FakeService) -> None:
    """Not as the first line of an answer that began with 200."""
    answer = ask(service, "POST", "/v1/tunnels/nowhere/up")
    assert (answer.status, answer.problem.code) == (404, "no-such-tunnel")
    assert service.waits == [40]


def test_events_are_lines(service: FakeService) -> None:
    answer = ask(service, "GET", "/v1/events?count=10&tunnel=other")
    assert answer.kind == "application/x-ndjson"
    assert [line["sequence"] for line in answer.lines] == [2]


def test_following_goes_on_until_the_service_ends_it(service: FakeService) -> None:
    for news in (event(3), None):
        service.news.put_nowait(news)
    answer = ask(service, "GET", "/v1/events/stream?count=1")
    assert [line["sequence"] for line in answer.lines] == [2, 3]
    assert service.following == 0


@pytest.mark.parametrize(
    ("target", "why"),
    [
        ("/v1/events?count=-1", "count must be from 0 to 2000, not -1"),
        ("/v1/events?count=2001", "count must be from 0 to 2000, not 2001"),
        ("/v1/events?count=many", "count is not a number: 'many'"),
        ("/v1/events?count=nan", "count must be from 0 to 2000, not nan"),
        ("/v1/events/stream?count=inf", "count must be from 0 to 2000, not inf"),
        (f"{BRANCH}/up?wait=601", "wait must be from 0 to 600, not 601"),
        (f"{BRANCH}/down?wait=-0.1", "wait must be from 0 to 600, not -0.1"),
    ],
)
def test_numbers_have_bounds(service: FakeService, target: str, why: str) -> None:
    method = "POST" if "tunnels" in target else "GET"
    answer = ask(service, method, target)
    assert (answer.status, answer.problem.why) == (400, why)
    assert service.waits == []
