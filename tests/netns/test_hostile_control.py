"""Hostile and clumsy clients of the control socket: each gets an answer or is let go, and neither
the policy in force nor the tunnel changes."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress

import pytest

from gatewright.control.client import RefusedError
from gatewright.control.models import Problem
from gatewright.lab.gateway import Gateway
from gatewright.lab.policies import TunnelText
from gatewright.lab.world import IPV4, World
from tests.fuzzing.test_policies import mutated
from tests.support.running import gatewright

pytestmark = pytest.mark.netns

TIMEOUT = 20.0


@pytest.fixture(scope="module")
def running(new_world: Callable[..., World]) -> Gateway:
    gateway = gatewright(new_world(), "A")
    gateway.start()
    gateway.wait_ready()
    return gateway


@pytest.fixture
def unchanged(running: Gateway) -> Iterator[Gateway]:
    """The gateway, which must have the same policy afterwards, and nothing to complain of."""
    before = running.status()
    yield running
    after = running.status()
    assert after.policy == before.policy
    assert [tunnel.name for tunnel in after.tunnels] == [tunnel.name for tunnel in before.tunnels]
    assert after.daemon_counters.get("internal_errors", 0) == 0
    assert "Traceback" not in running.log.read_text(), running.tail()


def connect(gateway: Gateway) -> socket.socket:
    made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    made.settimeout(TIMEOUT)
    made.connect(str(gateway.control))
    return made


def ask(gateway: Gateway, octets: bytes) -> bytes:
    """What the gateway answers to raw octets; empty when it only closes the connection."""
    answer = b""
    with connect(gateway) as client, suppress(ConnectionError):
        with suppress(BrokenPipeError):
            client.sendall(octets)
            client.shutdown(socket.SHUT_WR)
        while chunk := client.recv(65536):
            answer += chunk
    return answer


def post(gateway: Gateway, path: str, body: bytes, *headers: str) -> bytes:
    lines = [
        f"POST {path} HTTP/1.1",
        "Host: x",
        "Connection: close",
        *(headers or (f"Content-Length: {len(body)}",)),
    ]
    return ask(gateway, "\r\n".join(lines).encode() + b"\r\n\r\n" + body)


def status_of(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1])


def problem_of(answer: bytes) -> dict[str, str]:
    problem: dict[str, str] = json.loads(answer.partition(b"\r\n\r\n")[2])
    return problem


# --- no HTTP ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "octets",
    [
        b"",
        b"\r\n\r\n",
        b"\0" * 1000,
        bytes(range(256)) * 20,
        b"GET\r\n\r\n",
        b"GET /v1/status\r\n\r\n",
        b"GET /v1/status HTTP/9.9\r\n\r\n",
        b"GET /v1/status HTTP/1.1\r\nHost x\r\n\r\n",
        b"GET /v1/status HTTP/1.1\r\n" + b"X: " + b"y" * 200_000 + b"\r\n\r\n",
        b"GET /v1/status HTTP/1.1\r\n" + b"X: y\r\n" * 50_000 + b"\r\n",
        b"GET /" + b"a" * 200_000 + b" HTTP/1.1\r\n\r\n",
        b"POST /v1/assign HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
        b"POST /v1/assign HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999\r\n\r\n{",
        b"POST /v1/assign HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ],
    ids=range(15),
)
def test_what_is_no_request(unchanged: Gateway, octets: bytes) -> None:
    answer = ask(unchanged, octets)
    assert not answer or status_of(answer) >= 400


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/", 404),
        ("GET", "/v2/status", 404),
        ("GET", "/v1/../../etc/passwd", 404),
        ("DELETE", "/v1/status", 405),
        ("GET", "/v1/assign", 405),
        ("POST", "/v1/tunnels/none/up", 404),
        ("POST", "/v1/tunnels/%ff%00/up", 404),
        ("POST", "/v1/tunnels//up", 404),
        ("POST", "/v1/tunnels/a/b/c/down", 404),
        ("POST", "/v1/tunnels/branch%20office/up?wait=nan", 400),
        ("POST", "/v1/tunnels/branch%20office/up?wait=-1", 400),
        ("POST", "/v1/tunnels/branch%20office/up?wait=1e400", 400),
        ("GET", "/v1/events?count=x", 400),
        ("GET", "/v1/events?count=" + "9" * 5000, 400),
        ("GET", "/v1/events?count=2001", 400),
        ("GET", "/v1/events/stream?count=-5", 400),
    ],
)
def test_wrong_paths_and_parameters(
    unchanged: Gateway, method: str, path: str, status: int
) -> None:
    head = f"{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
    answer = ask(unchanged, head.encode())
    assert status_of(answer) == status
    if status == 400:
        assert problem_of(answer)["code"] == "bad-request"


# --- wrong bodies -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b"{}",
        b"{",
        b"\xff\xfe",
        b'"text"',
        b'{"text": 1, "filename": "x"}',
        b'{"text": "a", "filename": null}',
        b'{"text": ["a"], "filename": {}}',
        b'{"text": "\\ud800", "filename": "x"}',
        b'{"text": "a"}',
        b"[" * 100_000,
        b'{"a":' * 50_000,
        b"9" * 100_000,
        b'{"text": "' + b"x" * (17 << 20) + b'", "filename": "x"}',
    ],
    ids=range(16),
)
def test_wrong_json(unchanged: Gateway, body: bytes) -> None:
    answer = post(unchanged, "/v1/assign", body)
    assert status_of(answer) == 400
    problem = problem_of(answer)
    assert problem["code"] == "bad-request"
    assert len(problem["why"]) < 1000


def test_a_body_without_end(unchanged: Gateway) -> None:
    chunk = b"10000\r\n" + bytes(0x10000) + b"\r\n"
    answer = post(unchanged, "/v1/assign", chunk * 400, "Transfer-Encoding: chunked")
    assert not answer or status_of(answer) == 400


def test_a_body_that_never_comes(unchanged: Gateway) -> None:
    """Others are served meanwhile, and who hangs up is forgotten."""
    head = b"POST /v1/assign HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n{"
    with ExitStack() as stack:
        for _ in range(50):
            stack.enter_context(connect(unchanged)).sendall(head)
            stack.enter_context(connect(unchanged)).sendall(head[:20])
            stack.enter_context(connect(unchanged))
        assert unchanged.status().policy is not None


def test_readers_that_do_not_read(unchanged: Gateway) -> None:
    """Streams of events whose client sleeps, and answers that nobody takes."""
    follow = b"GET /v1/events/stream?count=2000 HTTP/1.1\r\nHost: x\r\n\r\n"
    status = b"GET /v1/status HTTP/1.1\r\nHost: x\r\n\r\n"
    with ExitStack() as stack:
        for _ in range(20):
            stack.enter_context(connect(unchanged)).sendall(follow)
            stack.enter_context(connect(unchanged)).sendall(status * 200)
        assert unchanged.status().policy is not None


# --- bad policies -----------------------------------------------------------------------------


def test_bad_reassignments_leave_the_policy_in_force(running: Gateway) -> None:
    before = running.status()
    refusals: list[Problem] = []
    for text in map(mutated, range(2000, 2040)):
        if "dns:" in text:
            continue  # there is no name server in this world, and looking takes its time
        try:
            running.client.assign(text, "/etc/gatewright/policy.yaml")
        except RefusedError as refusal:
            refusals.append(refusal.problem)
        else:
            running.assign()
            before = running.status()
        now = running.status()
        assert now.policy == before.policy
        assert now.tunnels[0].source == before.tunnels[0].source
    assert len(refusals) > 15
    assert all(each.what and (each.findings or each.why) for each in refusals)
    running.assign()
    assert "Traceback" not in running.log.read_text()


def test_a_policy_of_the_other_gateway_is_refused_with_its_reason(unchanged: Gateway) -> None:
    with pytest.raises(RefusedError) as caught:
        unchanged.client.assign(str(TunnelText(IPV4.b, IPV4.a)), "/etc/gatewright/policy.yaml")
    (finding,) = caught.value.problem.findings
    assert finding.code == "endpoints-exchanged"
    assert (finding.file, finding.line) == ("/etc/gatewright/policy.yaml", 2)
