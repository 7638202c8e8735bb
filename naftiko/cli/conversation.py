"""A transport that shows what it sends and gets (`-v`), and asks before a DELETE.

    conversation(arguments)  →  Conversation(HttpTransport())
        > GET http://h.test/books            on standard error
        < 200 OK

Secrets are shown as `$NAME`, and long bodies are cut. This module must not know how a
request is built.
"""

from __future__ import annotations

import os
import re
import sys
from typing import TYPE_CHECKING

from naftiko.cli.console import line_of, note, paint
from naftiko.cli.values import UsageError
from naftiko.errors import CallError

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Iterator, Mapping

    from naftiko.transport.base import Timeout, Transport
    from naftiko.transport.http import HttpTransport
    from naftiko.transport.messages import Request, Response
    from naftiko.transport.streams import StreamedResponse

#: Characters of a body that are shown.
_MOST = 2000
#: Bytes of a body in which secrets are looked for.
_MASKED = 1 << 20
#: Fields that hold a credential, and what may be shown of one.
_CREDENTIALS = frozenset(
    ("authorization", "proxy-authorization", "cookie", "set-cookie", "x-api-key")
)
_BEFORE_CREDENTIAL = r"[A-Za-z0-9_-]+(?: (?=\S)|=)"
_OFF = ("", "0", "no", "off", "false")


def conversation(arguments: Namespace) -> Transport | None:
    """Return the transport that the options ask for; `None` for the usual one."""
    asked = os.environ.get("NAFTIKO_CONFIRM", "").strip().lower() not in _OFF
    asks = (arguments.confirm or asked) and not arguments.yes
    if not asks and not arguments.verbose:
        return None
    from naftiko.transport.http import HttpTransport

    return Conversation(HttpTransport(), shows=arguments.verbose, asks=asks)


class Conversation:
    """A transport around another one.

    Args:
        inner: Sends the requests.
        shows: Print requests and responses to standard error.
        asks: Ask in the terminal before a DELETE is sent.
    """

    def __init__(self, inner: HttpTransport, *, shows: bool, asks: bool) -> None:
        self._inner = inner
        self._shows = shows
        self._asks = asks

    def send(self, request: Request, *, timeout: Timeout) -> Response:
        """Send a request and return the whole response."""
        self._before(request)
        response = self._inner.send(request, timeout=timeout)
        if self._shows:
            _show_head(request, response)
            _show_body("<", _shown(request, response.body, len(response.body)))
        return response

    def stream(self, request: Request, *, timeout: Timeout) -> StreamedResponse:
        """Send a request and return the response before its body is read.

        The body is shown when it has been read.
        """
        self._before(request)
        response = self._inner.stream(request, timeout=timeout)
        if not self._shows:
            return response
        _show_head(request, response)
        from naftiko.transport.streams import StreamedResponse

        return StreamedResponse(
            response.request,
            response.status,
            response.headers,
            lambda size: _told(request, response.bytes(size)),
            reason=response.reason,
            pairs=response.pairs,
            close=response.close,
        )

    def close(self) -> None:
        """Release connections."""
        self._inner.close()

    def _before(self, request: Request) -> None:
        if self._shows:
            shown = request.as_dict()
            _show(">", f"{shown['method']} {shown['url']}", "strong")
            if request.socket:
                _show(">", f"(over {shown['unix_socket']})")
            for line in _fields(shown["headers"]):
                _show(">", line)
            _show_body(">", shown["body"] or "")
        if self._asks and request.method == "DELETE":
            _ask(request)


def _ask(request: Request) -> None:
    """Ask in the terminal whether to send a request.

    Raises:
        UsageError: There is no terminal to ask in.
        CallError: The answer is not yes.
    """
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise UsageError(
            "--confirm: a DELETE is not sent without asking, and there is no terminal"
            " to ask in",
            hint="--yes answers",
        )
    question = line_of(f"{request.method} {request.as_dict()['url']}")
    print(f"{question}: send it? [y/N] ", end="", file=sys.stderr, flush=True)
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise CallError("not sent: the answer was not 'y'")


def _show_head(request: Request, response: Response | StreamedResponse) -> None:
    line = f"{response.status} {response.reason}".rstrip()
    _show("<", request.mask(line), "strong")
    for line in _fields(response.headers):
        _show("<", request.mask(line))


def _fields(headers: Mapping[str, str]) -> Iterator[str]:
    """Yield the lines of a head; a credential that no variable gave is cut off."""
    for name, value in headers.items():
        if name.lower() in _CREDENTIALS and "$" not in value:
            # The scheme and the name of a cookie tell enough.
            known = re.match(_BEFORE_CREDENTIAL, value)
            value = f"{known[0] if known else ''}…"
        yield f"{name}: {value}"


def _show_body(sign: str, text: str) -> None:
    _show(sign, "")
    if text:
        for line in text.splitlines():
            _show(sign, line)


def _told(request: Request, chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Yield the chunks of a body, and show its beginning when they are read."""
    beginning, size = bytearray(), 0
    try:
        for chunk in chunks:
            beginning += chunk[: _MASKED - len(beginning)]
            size += len(chunk)
            yield chunk
    finally:
        _show_body("<", _shown(request, bytes(beginning), size))


def _shown(request: Request, body: bytes, size: int) -> str:
    """Return the beginning of a body as text, or its size when it is binary."""
    if b"\0" in body[:1024]:
        return f"<{size:,} bytes>"
    # Masked before it is cut, so that no part of a secret stays: a mask may be much
    # shorter than the secret.
    text = request.mask(body[:_MASKED].decode("utf-8", "replace"))
    if len(text) <= _MOST and size <= _MASKED:
        return text
    return f"{text[:_MOST]}… ({size:,} bytes)"


def _show(sign: str, text: str, style: str = "hint") -> None:
    note(paint(f"{sign} {line_of(text)}".rstrip(), style, sys.stderr))
