"""A client of ASGI applications without a socket, and a stub of the upstream API."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, NamedTuple
from urllib.parse import unquote

from naftiko.exposes.http.scope import ASGIApp
from naftiko.transport.messages import Headers, Request, Response
from naftiko.transport.streams import AsyncStreamedResponse


class Got(NamedTuple):
    """The response of an ASGI application."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The JSON value of the body."""
        return json.loads(self.body)

    @property
    def type(self) -> str:
        """The media type, without parameters."""
        return self.headers.get("content-type", "").partition(";")[0]


class AsyncStub:
    """An asynchronous transport that records requests and gives a fixed answer.

    Args:
        answer: A response, an error to raise, or a function that returns one of them.
    """

    def __init__(self, answer: Any = None) -> None:
        self.requests: list[Request] = []
        self.bodies: list[bytes] = []
        self.is_cancelled = False
        self.answer = answer or Response(
            200, {"Content-Type": "application/json"}, b"{}"
        )

    async def send(self, request: Request, *, timeout: Any) -> Response:
        """Record a request and return the answer."""
        self.requests.append(request)
        answer = self.answer
        if callable(answer):
            answer = answer(request)
        if isinstance(answer, Awaitable):
            try:
                answer = await answer
            except asyncio.CancelledError:
                self.is_cancelled = True
                raise
        if isinstance(answer, Exception):
            raise answer
        response: Response = answer
        return response

    @asynccontextmanager
    async def stream(
        self, request: Request, *, timeout: Any, decode: bool = True
    ) -> AsyncIterator[AsyncStreamedResponse]:
        """Record a request and its body; stream the answer in parts of ten bytes."""
        body: Any = request.body
        sent = b""
        if hasattr(body, "__aiter__"):
            async for part in body:
                sent += part
        else:
            sent = body or b""
        self.bodies.append(sent)
        response = await self.send(request, timeout=timeout)

        async def chunks() -> AsyncIterator[bytes]:
            for begin in range(0, len(response.body), 10):
                yield response.body[begin : begin + 10]

        yield AsyncStreamedResponse(
            request, response.status, Headers(dict(response.headers)), chunks()
        )

    async def close(self) -> None:
        """Do nothing."""

    @property
    def sent(self) -> list[str]:
        """The recorded requests as lines of method, target and, if any, body."""
        lines = []
        for request in self.requests:
            target = request.url.partition("//")[2].partition("/")
            line = f"{request.method} /{target[2]}"
            if isinstance(request.body, bytes) and request.body:
                line += " " + request.body.decode()
            lines.append(line)
        return lines


class OpenStub(AsyncStub):
    """A transport whose responses have no `Content-Length` and come in parts.

    Args:
        parts: The parts. An exception among them is raised; an event, and a number of
            seconds, are waited for; `None` waits for ever.
        content_type: The type of the response.
    """

    def __init__(self, *parts: Any, content_type: str = "application/x-ndjson") -> None:
        headers = {"Content-Type": content_type} if content_type else {}
        whole = b"".join(part for part in parts if isinstance(part, bytes))
        super().__init__(Response(200, headers, whole))
        self.parts = parts
        self.is_closed = False

    @asynccontextmanager
    async def receive(
        self, request: Any, *, timeout: Any, stays_open: Any
    ) -> AsyncIterator[Response | AsyncStreamedResponse]:
        """Give the whole response, or its parts."""
        response = await self.send(request, timeout=timeout)
        if not stays_open(response.status, response.headers):
            yield response
            return

        async def chunks() -> AsyncIterator[bytes]:
            for part in self.parts:
                if isinstance(part, Exception):
                    raise part
                if part is None:
                    await asyncio.Event().wait()
                elif isinstance(part, asyncio.Event):
                    await part.wait()
                elif isinstance(part, float):
                    await asyncio.sleep(part)
                else:
                    yield part

        try:
            headers = Headers(dict(response.headers))
            yield AsyncStreamedResponse(request, 200, headers, chunks())
        finally:
            self.is_closed = True


async def asked(
    app: ASGIApp,
    method: str,
    target: str,
    headers: Mapping[str, str] | Sequence[tuple[str, str]] = {},
    body: bytes | Sequence[bytes] = b"",
    *,
    root_path: str = "",
    hangs_up: bool = False,
) -> Got:
    """Send one request to an ASGI application and return the response.

    Args:
        app: The ASGI application.
        method: HTTP method.
        target: Path and query, encoded.
        headers: Name → value, or pairs of name and value.
        body: The body, or its parts.
        root_path: The path at which the application is mounted.
        hangs_up: Whether the caller disconnects as soon as the body is sent.
    """
    path, _, query = target.partition("?")
    pairs = headers.items() if isinstance(headers, Mapping) else headers
    raw = [(n.lower().encode(), v.encode("latin-1")) for n, v in pairs]
    parts = [body] if isinstance(body, bytes) else list(body)
    if isinstance(body, bytes) and body:
        raw.append((b"content-length", str(len(body)).encode()))
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": root_path + unquote(path),
        "raw_path": (root_path + path).encode(),
        "query_string": query.encode(),
        "root_path": root_path,
        "headers": raw,
    }
    messages: list[Any] = []
    answered = asyncio.Event()

    async def receive() -> Any:
        if parts:
            part = parts.pop(0)
            return {"type": "http.request", "body": part, "more_body": bool(parts)}
        if not hangs_up:
            await answered.wait()
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        messages.append(message)
        if message["type"] == "http.response.body" and not message.get("more_body"):
            answered.set()

    async with asyncio.timeout(10):
        await app(scope, receive, send)
    if not messages:
        return Got(0, {}, b"")
    start = messages[0]
    named: dict[str, str] = {}
    for name, value in start["headers"]:
        key = name.decode()
        assert key == key.lower()
        assert key not in named or key == "set-cookie", f"{key} was sent twice"
        named[key] = value.decode("latin-1")
    content = b"".join(m.get("body", b"") for m in messages[1:])
    return Got(start["status"], named, content)


def ask(*arguments: Any, **more: Any) -> Got:
    """Send one request from a synchronous test; see `asked`."""
    return asyncio.run(asked(*arguments, **more))
