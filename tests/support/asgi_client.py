"""Talk to an ASGI application without a socket, and stand in for the upstream API."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, NamedTuple
from urllib.parse import unquote

from naftiko.transport.messages import Headers, Request, Response
from naftiko.transport.streams import AsyncStreamedResponse

App = Callable[[Any, Any, Any], Awaitable[None]]


class Got(NamedTuple):
    """One response."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body, read as JSON."""
        return json.loads(self.body)

    @property
    def type(self) -> str:
        """The media type, without parameters."""
        return self.headers.get("content-type", "").partition(";")[0]


class AsyncStub:
    """An asynchronous transport that answers from a function, and keeps what was sent.

    Args:
        answer: A response, an error to raise, or a function that gives either.
    """

    def __init__(self, answer: Any = None) -> None:
        self.requests: list[Request] = []
        self.bodies: list[bytes] = []
        self.is_cancelled = False
        self.answer = answer or Response(
            200, {"Content-Type": "application/json"}, b"{}"
        )

    async def send(self, request: Request, *, timeout: Any) -> Response:
        """Keep the request and answer it."""
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
        found: Response = answer
        return found

    @asynccontextmanager
    async def stream(
        self, request: Request, *, timeout: Any, decode: bool = True
    ) -> AsyncIterator[AsyncStreamedResponse]:
        """Keep the request with its body, and answer it in parts of ten bytes."""
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
        """Every request as one line: method, target, and body where there is one."""
        lines = []
        for request in self.requests:
            target = request.url.partition("//")[2].partition("/")
            line = f"{request.method} /{target[2]}"
            if isinstance(request.body, bytes) and request.body:
                line += " " + request.body.decode()
            lines.append(line)
        return lines


async def asked(
    app: App,
    method: str,
    target: str,
    headers: Mapping[str, str] | Sequence[tuple[str, str]] = {},
    body: bytes | Sequence[bytes] = b"",
    *,
    root_path: str = "",
    hangs_up: bool = False,
) -> Got:
    """Send one request and return the response.

    Args:
        app: What answers.
        method: The method.
        target: Path and query, encoded.
        headers: Name → value, or pairs of them.
        body: The body, or the parts in which it comes.
        root_path: Where the application is mounted.
        hangs_up: The caller hangs up as soon as the body is sent.
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
    found: dict[str, str] = {}
    for name, value in start["headers"]:
        key = name.decode()
        assert key == key.lower()
        assert key not in found or key == "set-cookie", f"{key} was sent twice"
        found[key] = value.decode("latin-1")
    content = b"".join(m.get("body", b"") for m in messages[1:])
    return Got(start["status"], found, content)


def ask(*arguments: Any, **more: Any) -> Got:
    """Send one request from a test that is not asynchronous; see `asked`."""
    return asyncio.run(asked(*arguments, **more))
