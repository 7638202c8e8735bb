"""Answers and documents that the tests of both transports share."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

from support.recorder import Received, response

SECRET = "s3cr3t-t0ken"


BEARER = {"authentication": {"type": "bearer", "token": "{{TOKEN}}"}}


def redirect(location: str, status: str = "302 Found") -> bytes:
    """Return a redirect response."""
    return response("moved", status, Location=location)


def routes(answers: dict[str, bytes]) -> Callable[[Received], bytes]:
    """Return an answer function: target of the request → response, or else 404."""
    return lambda request: answers.get(request.target, response("{}", "404 Not Found"))


AUTHS: list[dict[str, Any]] = [
    {"type": "bearer", "token": "{{TOKEN}}"},
    {"type": "basic", "username": "ann", "password": "{{TOKEN}}"},
    {"type": "apikey", "key": "X-Key", "value": "{{TOKEN}}", "placement": "header"},
    {"type": "apikey", "key": "key", "value": "{{TOKEN}}", "placement": "query"},
    {"type": "apikey", "key": "sid", "value": "{{TOKEN}}", "placement": "cookie"},
]


class Pipe(io.RawIOBase):
    """A stream that can be read once."""

    def __init__(self) -> None:
        self.parts = [b"one", b"two"]

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        return self.parts.pop(0) if self.parts else b""


def challenge(nonce: str = "n1") -> bytes:
    """Return a response with a Digest challenge."""
    text = f'Digest realm="r", nonce="{nonce}", qop="auth", algorithm=MD5'
    return response("{}", "401 Unauthorized", WWW_Authenticate=text)


DIGEST = {
    "authentication": {"type": "digest", "username": "ann", "password": "{{TOKEN}}"}
}


def chunked(*parts: bytes, content_type: str = "application/x-ndjson") -> bytes:
    """Return a chunked response."""
    head = (
        f"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Type: {content_type}"
    )
    body = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts)
    return head.encode() + b"\r\n\r\n" + body + b"0\r\n\r\n"
