"""`Accept` of MCP clients: the answer comes in a media type that the client takes.

RFC 9110, 12.5.1; MCP, "Transports", streamable HTTP. The specification wants clients to
accept JSON and event streams, and the SDK refuses all others with 406. Many clients and
proxies send less::

    Accept: (none), */*, both            the answer as the SDK gives it
    Accept: application/json             an event stream becomes its one answer, as JSON
    Accept: text/event-stream            an answer in JSON becomes a stream of one event
    Accept: text/html                    406, by the SDK

This module must not know what a message means.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

    from naftiko.exposes.http.scope import ASGIScope, Send

_BOTH = b"application/json, text/event-stream"
_JSON = frozenset({"application/json", "application/*", "*/*"})
_STREAM = frozenset({"text/event-stream", "text/*", "*/*"})
_WEIGHT_NOTHING = re.compile(r";\s*q\s*=\s*0(\.0*)?\s*(;|$)", re.IGNORECASE)
_METHOD = b"mcp-method"
#: The answer to this request is a stream of notifications, in every media type.
_LISTEN = b"subscriptions/listen"
#: Headers that belong to the media type which the SDK gives.
_OF_THE_OTHER = frozenset(
    {b"content-type", b"content-length", b"cache-control", b"connection"}
)


class Accepted(NamedTuple):
    """The media types that a client takes, of the two that there are.

    Attributes:
        json: It takes `application/json`.
        stream: It takes `text/event-stream`.
    """

    json: bool
    stream: bool


def accepted(scope: ASGIScope) -> Accepted:
    """Return the media types that a request accepts; without `Accept`, both."""
    given = [value for name, value in scope["headers"] if name == b"accept"]
    types = {
        entry.partition(";")[0].strip().lower()
        for entry in b",".join(given).decode("latin-1").split(",")
        if entry.strip() and not _WEIGHT_NOTHING.search(entry)
    }
    if not b"".join(given).strip():
        return Accepted(True, True)
    return Accepted(not types.isdisjoint(_JSON), not types.isdisjoint(_STREAM))


def negotiated(scope: ASGIScope, send: Send) -> Send:
    """Let the SDK answer a request, and return a `send` for its client.

    The header `Accept` of the scope is replaced where the SDK would refuse it.
    """
    wanted = accepted(scope)
    if not any(wanted):
        return send
    _replace_accept(scope)
    if all(wanted):
        return send
    if wanted.stream:
        return _as_stream(send)
    is_listening = any(
        name == _METHOD and value == _LISTEN for name, value in scope["headers"]
    )
    return send if is_listening else _as_json(send)


def accept_stream(scope: ASGIScope) -> None:
    """Let the SDK open the stream of a session, whatever the client accepts.

    A GET has no other answer, and RFC 9110 lets a server send what it has.
    """
    _replace_accept(scope)


def _replace_accept(scope: ASGIScope) -> None:
    others = [pair for pair in scope["headers"] if pair[0] != b"accept"]
    scope["headers"] = [*others, (b"accept", _BOTH)]


# --- one media type as the other ------------------------------------------------------


def _as_json(send: Send) -> Send:
    """Return a `send` that turns an event stream into the answer that ends it."""
    return _translated(send, b"text/event-stream", b"application/json", _answer_in)


def _as_stream(send: Send) -> Send:
    """Return a `send` that turns an answer in JSON into a stream of one event."""
    return _translated(send, b"application/json", b"text/event-stream", _event_of)


def _answer_in(stream: bytes) -> bytes:
    """Return the JSON-RPC answer in an event stream; empty when it has none."""
    for event in reversed(re.split(rb"\r?\n\r?\n", stream)):
        lines = [x[5:].strip() for x in event.splitlines() if x.startswith(b"data:")]
        data = b"\n".join(lines)
        if data and "method" not in json.loads(data):
            return data
    return b""


def _event_of(body: bytes) -> bytes:
    """Return a JSON text as the only event of a stream."""
    lines = b"".join(b"data: %s\r\n" % line for line in body.splitlines())
    return b"event: message\r\n" + lines + b"\r\n"


def _translated(
    send: Send, given: bytes, wanted: bytes, translate: Callable[[bytes], bytes]
) -> Send:
    """Return a `send` that gives a response of one media type as one of another.

    Refusals (4xx, 5xx) stay as they are: their status says more than a stream could.
    """
    start: dict[str, Any] | None = None
    parts: list[bytes] = []

    async def sending(message: Any) -> None:
        nonlocal start
        is_start = message["type"] == "http.response.start"
        if is_start and message["status"] == 200 and _is(message, given):
            start = message
            return
        if start is None or message["type"] != "http.response.body":
            await send(message)
            return
        parts.append(message.get("body", b""))
        if message.get("more_body"):
            return
        body = translate(b"".join(parts))
        headers = [h for h in start["headers"] if h[0].lower() not in _OF_THE_OTHER]
        headers += [
            (b"content-type", wanted),
            (b"content-length", str(len(body)).encode()),
        ]
        await send({**start, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    return sending


def _is(start: Any, media_type: bytes) -> bool:
    return any(
        name.lower() == b"content-type" and value.lower().startswith(media_type)
        for name, value in start["headers"]
    )
