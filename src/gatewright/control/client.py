"""The client of the control interface, for every front-end.  Standard library and the models."""

from __future__ import annotations

import http.client
import json
import socket
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar
from urllib.parse import quote, urlencode

from pydantic import ValidationError

from gatewright.control.models import (
    API_VERSION,
    AssignRequest,
    AssignResult,
    Event,
    Model,
    Problem,
    Progress,
    Status,
    UnassignResult,
)
from gatewright.control.paths import DEFAULT_CONTROL

_ANSWER_TIMEOUT = 60.0
_M = TypeVar("_M", bound=Model)


class UnreachableError(Exception):
    """No gateway answers on this socket; the problem says why and what to do."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.what)
        self.problem = problem


class RefusedError(Exception):
    """The gateway refused the command."""

    def __init__(self, status: int, problem: Problem) -> None:
        super().__init__(problem.what)
        self.status = status
        self.problem = problem


class Client:
    """One gateway.  Each call opens a connection of its own."""

    def __init__(self, control: Path = DEFAULT_CONTROL) -> None:
        self.control = control

    def status(self) -> Status:
        return self._ask("GET", "/status", Status)

    def assign(self, text: str, filename: str) -> AssignResult:
        command = AssignRequest(text=text, filename=filename)
        return self._ask("POST", "/assign", AssignResult, command)

    def unassign(self) -> UnassignResult:
        return self._ask("POST", "/unassign", UnassignResult)

    def up(self, tunnel: str, wait: float) -> Iterator[Progress]:
        return self._stream("POST", f"/tunnels/{quote(tunnel, safe='')}/up", Progress, wait=wait)

    def down(self, tunnel: str, wait: float) -> Iterator[Progress]:
        return self._stream("POST", f"/tunnels/{quote(tunnel, safe='')}/down", Progress, wait=wait)

    def events(self, count: int, tunnel: str | None = None) -> Iterator[Event]:
        return self._stream("GET", "/events", Event, count=count, tunnel=tunnel)

    def follow(self, count: int = 0, tunnel: str | None = None) -> Generator[Event]:
        """The newest events, then those that happen; ends when the gateway stops."""
        return self._stream(
            "GET", "/events/stream", Event, endless=True, count=count, tunnel=tunnel
        )

    def _ask(self, method: str, path: str, answer: type[_M], command: Model | None = None) -> _M:
        with self._request(method, path, command, _ANSWER_TIMEOUT) as response:
            return _parse(answer, response.read())

    def _stream(
        self,
        method: str,
        path: str,
        item: type[_M],
        *,
        endless: bool = False,
        wait: float | None = None,
        **parameters: object,
    ) -> Generator[_M]:
        given = {"wait": wait, **parameters}
        query = urlencode({k: v for k, v in given.items() if v is not None})
        timeout = None if endless else _ANSWER_TIMEOUT + (wait or 0.0)
        target = f"{path}?{query}" if query else path
        with self._request(method, target, None, timeout) as response:
            for line in response:
                if line.strip():
                    yield _parse(item, line)

    @contextmanager
    def _request(
        self, method: str, path: str, command: Model | None, timeout: float | None
    ) -> Iterator[http.client.HTTPResponse]:
        connection = _UnixConnection(self.control, timeout)
        body = command.model_dump_json().encode() if command is not None else None
        try:
            connection.request(
                method,
                f"/v{API_VERSION}{path}",
                body,
                {"Content-Type": "application/json", "Connection": "close"},
            )
            response = connection.getresponse()
            if response.status >= 400:
                raise RefusedError(response.status, _problem(response))
            yield response
        except (OSError, http.client.HTTPException) as error:
            raise UnreachableError(_why_unreachable(self.control, error)) from error
        finally:
            connection.close()


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: Path, timeout: float | None) -> None:
        super().__init__("gatewright", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))


def _parse(model: type[_M], octets: bytes) -> _M:
    try:
        return model.model_validate_json(octets)
    except ValidationError as error:
        raise UnreachableError(
            Problem(
                code="unknown-answer",
                what="The gateway's answer was not understood.",
                why=f"{error.error_count()} fields differ from what this version knows.",
                advice="Use the same version of the gateway and of this command.",
            )
        ) from error


def _problem(response: http.client.HTTPResponse) -> Problem:
    octets = response.read()
    try:
        return Problem.model_validate_json(octets)
    except ValidationError:
        return Problem(
            code=f"http-{response.status}",
            what="The gateway could not carry out the command.",
            why=f"It answered {response.status} {response.reason}.",
            advice="See the gateway's own output.",
        )


def _why_unreachable(control: Path, error: Exception) -> Problem:
    if isinstance(error, PermissionError):
        return Problem(
            code="not-permitted",
            what=f"The control socket {control} may not be opened.",
            why="Only the user that runs the gateway may command it.",
            advice="Run as root.",
        )
    if isinstance(error, TimeoutError):
        return Problem(
            code="no-answer",
            what="The gateway does not answer.",
            why=f"It accepted the connection on {control} and stayed silent.",
            advice="See its output. A restart keeps protected traffic blocked.",
        )
    return Problem(
        code="not-running",
        what="No gateway is running.",
        why=f"Nothing answers on {control} ({_reason(error)}).",
        advice="Start one with 'gatewright run POLICY', or name its socket with --control.",
    )


def _reason(error: Exception) -> str:
    if isinstance(error, FileNotFoundError):
        return "no such socket"
    if isinstance(error, ConnectionRefusedError):
        return "nobody listens"
    return getattr(error, "strerror", None) or str(error) or type(error).__name__


def to_json(model: Model | list[Model]) -> str:
    """Indented JSON of one model or of a list."""
    if isinstance(model, Model):
        return model.model_dump_json(indent=2)
    return json.dumps([each.model_dump(mode="json") for each in model], indent=2)
