"""The control interface as an ASGI application: HTTP and JSON, served on a Unix socket.

Who may open the socket may command the gateway: the file's mode (0600) is the access control.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable

from pydantic import BaseModel, ValidationError
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from gatewright.control.models import API_VERSION, AssignRequest, Problem
from gatewright.control.service import CommandRefusedError, Service

PREFIX = f"/v{API_VERSION}"
DEFAULT_WAIT = 40.0
_MAX_WAIT = 600.0
_MAX_EVENTS = 2000
_MAX_BODY = 20 * 1024 * 1024

Handler = Callable[[Request], Awaitable[Response]]


def application(service: Service) -> Starlette:
    """The application for one gateway."""
    handlers = _Handlers(service)
    routes = [
        Route(f"{PREFIX}/status", _answered(handlers.status), methods=["GET"]),
        Route(f"{PREFIX}/assign", _answered(handlers.assign), methods=["POST"]),
        Route(f"{PREFIX}/unassign", _answered(handlers.unassign), methods=["POST"]),
        Route(f"{PREFIX}/events", _answered(handlers.events), methods=["GET"]),
        Route(f"{PREFIX}/events/stream", _answered(handlers.follow), methods=["GET"]),
        Route(f"{PREFIX}/tunnels/{{name:path}}/up", _answered(handlers.up), methods=["POST"]),
        Route(f"{PREFIX}/tunnels/{{name:path}}/down", _answered(handlers.down), methods=["POST"]),
    ]
    return Starlette(routes=routes)


class _Handlers:
    def __init__(self, service: Service) -> None:
        self._service = service

    async def status(self, request: Request) -> Response:
        del request
        return _json(await self._service.status())

    async def assign(self, request: Request) -> Response:
        body = await _body(request)
        try:
            command = AssignRequest.model_validate_json(body)
        except ValidationError as error:
            raise _bad_request(str(error)) from error
        return _json(await self._service.assign(command))

    async def unassign(self, request: Request) -> Response:
        del request
        return _json(await self._service.unassign())

    async def events(self, request: Request) -> Response:
        count = int(_number(request, "count", 50, _MAX_EVENTS))
        tunnel = request.query_params.get("tunnel")
        lines = [each.model_dump_json() for each in self._service.events(count, tunnel)]
        return Response("".join(f"{line}\n" for line in lines), media_type=_NDJSON)

    async def follow(self, request: Request) -> Response:
        count = int(_number(request, "count", 0, _MAX_EVENTS))
        events = self._service.follow(count, request.query_params.get("tunnel"))
        return await _stream(events, eager=False)

    async def up(self, request: Request) -> Response:
        wait = _number(request, "wait", DEFAULT_WAIT, _MAX_WAIT)
        return await _stream(self._service.up(_tunnel(request), wait))

    async def down(self, request: Request) -> Response:
        wait = _number(request, "wait", DEFAULT_WAIT, _MAX_WAIT)
        return await _stream(self._service.down(_tunnel(request), wait))


_NDJSON = "application/x-ndjson"


def _tunnel(request: Request) -> str:
    name: str = request.path_params["name"]  # the server has decoded the path already
    return name


async def _body(request: Request) -> bytes:
    """The request's body; the socket is local, yet a mistake should not fill the memory."""
    parts = bytearray()
    async for chunk in request.stream():
        parts += chunk
        if len(parts) > _MAX_BODY:
            raise _bad_request("the request is larger than 20 MiB")
    return bytes(parts)


async def _stream(items: AsyncIterator[BaseModel], *, eager: bool = True) -> Response:
    """Newline-delimited JSON.

    ``eager`` waits for the first item before the answer begins, so that a refusal is still one.
    """
    first = [await anext(items)] if eager else []

    async def lines() -> AsyncIterator[str]:
        for item in first:
            yield f"{item.model_dump_json()}\n"
        async for item in items:
            yield f"{item.model_dump_json()}\n"

    return StreamingResponse(lines(), media_type=_NDJSON)


def _answered(handler: Handler) -> Handler:
    """Turn a refusal into its answer."""

    async def answer(request: Request) -> Response:
        try:
            return await handler(request)
        except CommandRefusedError as refusal:
            return _json(refusal.problem, refusal.status)
        except ClientDisconnect:
            return Response(status_code=400)  # nobody reads it

    return answer


def _json(model: BaseModel, status: int = 200) -> Response:
    return Response(model.model_dump_json(), status, media_type="application/json")


def _number(request: Request, name: str, default: float, most: float) -> float:
    text = request.query_params.get(name)
    if text is None:
        return default
    try:
        value = float(text)
    except ValueError as error:
        raise _bad_request(f"{name} is not a number: {text!r}") from error
    if not 0 <= value <= most:
        raise _bad_request(f"{name} must be from 0 to {most:g}, not {text}")
    return value


def _bad_request(why: str) -> CommandRefusedError:
    return CommandRefusedError(
        400, Problem(code="bad-request", what="The request is not valid.", why=why)
    )
