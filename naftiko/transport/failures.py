"""Why no response came back: exceptions of HTTP libraries become `TransportError`.

    urllib3 NewConnectionError(… ConnectionRefusedError)
    ->  TransportError: GET http://h/x: no connection (Connection refused)

Each sender maps the exceptions of its library to a `Cause`, so that all give the
same messages. `failure` does so for `requests` and `urllib3`; `failed` makes the error
of a cause. This module must not know how a request is sent.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from errno import errorcode
from functools import cache
from ssl import SSLError
from typing import TYPE_CHECKING

from naftiko.errors import RequestTimeout, TransportError, shorten
from naftiko.hints import Hint
from naftiko.records.tuples import NamedTuple
from naftiko.transport.wire.heads import Unreadable

if TYPE_CHECKING:
    from naftiko.transport.messages import Request


class Cause(NamedTuple):
    """A reason for which no usable response came back.

    Attributes:
        text: What the message says.
        hint: What the user can do; may be empty.
        is_sent: The request was sent, so it may have taken effect.
    """

    text: str
    hint: str = ""
    is_sent: bool = False


NO_CONNECTION = Cause(
    "no connection",
    Hint("base_uri= leads elsewhere", "--base-uri leads elsewhere").after(
        "is the server running there? "
    ),
)
NOT_CONNECTED_IN_TIME = Cause("no connection within the timeout")
NO_RESPONSE_IN_TIME = Cause("no response within the timeout", is_sent=True)
TIMED_OUT = Cause("timed out")
TLS_REFUSED = Cause(
    "the TLS certificate or handshake was refused",
    "name the CA in REQUESTS_CA_BUNDLE, or check the host name",
)
PLAIN_HTTP = Cause(
    "the server speaks plain HTTP, not TLS",
    "write http:// instead of https:// in the base URI, or give the port of TLS",
)
PLAIN_PROXY = Cause(
    "the proxy speaks plain HTTP, not TLS",
    "write http:// in HTTPS_PROXY: the proxy is then asked for a tunnel",
)
NO_PROXY = Cause(
    "the proxy refused or is not there",
    "HTTP_PROXY and HTTPS_PROXY name it, NO_PROXY those to reach without",
)
CLOSED = Cause("the server closed the connection without a response", is_sent=True)
BROKEN_OFF = Cause("the response broke off", is_sent=True)
UNREADABLE = Cause(
    "the response cannot be read",
    "the request was sent, and may have taken effect; the server breaks HTTP/1.1",
    is_sent=True,
)
UNWRITABLE = Cause("it cannot be written as HTTP")
MALFORMED_URL = Cause("the URL is malformed")
UNKNOWN_SCHEME = Cause("the URL has a scheme that cannot be sent to")


@cache
def _causes() -> tuple[tuple[type[BaseException], Cause], ...]:
    """Return exception of `requests` or `urllib3` → cause, most specific first."""
    # Imported here: they are slow to import, and an event loop does without them.
    from requests import exceptions as told
    from urllib3 import exceptions as pools

    return (
        # urllib3 makes every refused connection a kind of timeout.
        (pools.NewConnectionError, NO_CONNECTION),
        (told.ConnectTimeout, NOT_CONNECTED_IN_TIME),
        (pools.ConnectTimeoutError, NOT_CONNECTED_IN_TIME),
        (told.ReadTimeout, NO_RESPONSE_IN_TIME),
        (pools.ReadTimeoutError, NO_RESPONSE_IN_TIME),
        (told.Timeout, TIMED_OUT),
        (told.SSLError, TLS_REFUSED),
        (pools.SSLError, TLS_REFUSED),
        (told.ProxyError, NO_PROXY),
        (told.InvalidHeader, Cause("a header cannot be sent")),
        (told.InvalidProxyURL, Cause("the proxy URL is malformed")),
        (told.InvalidURL, MALFORMED_URL),
        (pools.LocationValueError, MALFORMED_URL),
        (told.InvalidSchema, UNKNOWN_SCHEME),
        (told.MissingSchema, Cause("the URL has no scheme")),
        (told.TooManyRedirects, Cause("too many redirects")),
        # The connection was there: only what came back is at fault.
        (pools.ProtocolError, UNREADABLE),
        (Unreadable, UNREADABLE),
        (pools.InvalidHeader, UNREADABLE),
        (told.RetryError, Cause("too many retries")),
        (told.ConnectionError, NO_CONNECTION),
        (told.RequestException, Cause("not sent")),
        (pools.HTTPError, NO_CONNECTION),
        (OSError, NO_CONNECTION),
        # `http.client` refuses a method, a target or a header with a line break.
        (Exception, UNWRITABLE),
    )


@cache
def _responses() -> tuple[type[BaseException], ...]:
    """Return the exceptions that tell of a response; a connection was there."""
    from http.client import HTTPException

    from urllib3 import exceptions as pools

    return Unreadable, pools.ProtocolError, HTTPException


def failure(
    error: BaseException, request: Request, *, url: str = "", reading: bool = False
) -> TransportError:
    """Return the error for an exception of `requests`, `urllib3` or the system.

    Its text is made here: the text of a library holds the URL, and the URL may hold a
    credential.

    Args:
        error: The exception.
        request: The request that was sent, or was to be sent.
        url: The URL that it was to be sent to, at the end of a redirect.
        reading: Whether the head of the response was there already.
    """
    from requests import exceptions as told
    from urllib3 import exceptions as pools

    timeouts = (told.Timeout, pools.TimeoutError)
    timed_out = any(
        isinstance(inner, (*timeouts, TimeoutError))
        and not isinstance(inner, pools.NewConnectionError)
        for inner in _chain(error)
    )
    cause = next(cause for kind, cause in _causes() if isinstance(error, kind))
    if timed_out and not isinstance(error, timeouts):
        cause = NO_RESPONSE_IN_TIME
    elif cause is NO_CONNECTION:
        # `requests` and urllib3 wrap everything that goes wrong on a connection.
        inner = next((e for e in _chain(error) if isinstance(e, _responses())), None)
        cause = UNREADABLE if inner is not None else cause
    return failed(cause, error, request, url=url, timed_out=timed_out, reading=reading)


def failed(
    cause: Cause,
    error: BaseException,
    request: Request,
    *,
    url: str = "",
    timed_out: bool = False,
    reading: bool = False,
) -> TransportError:
    """Return the error for a cause, with the reason that the system gives.

    Args:
        cause: What happened.
        error: The exception that told of it.
        request: The request that was sent, or was to be sent.
        url: The URL that it was to be sent to, at the end of a redirect.
        timed_out: Whether it took too long.
        reading: Whether the head of the response was there already.
    """
    if cause in (NO_CONNECTION, UNREADABLE):
        cause = _precise(cause, error, reading=reading)
    elif cause is TLS_REFUSED and reading:
        cause = BROKEN_OFF  # the handshake is long over
    elif cause is UNWRITABLE and reading:
        cause = UNREADABLE  # the request was written
    is_plain = cause in (TLS_REFUSED, NO_PROXY, NO_CONNECTION) and _is_plain_http(error)
    if is_plain:
        cause = PLAIN_PROXY if cause is NO_PROXY else PLAIN_HTTP
    if isinstance(error, FileNotFoundError) and error.filename:
        cause = Cause(
            f"there is no file '{error.filename}'",
            "see REQUESTS_CA_BUNDLE, or `verify` and `cert` of the transport",
        )
    hint = cause.hint
    if timed_out and not (hint and cause is not NO_CONNECTION):
        hint = Hint("timeout= waits longer", "--timeout SECONDS waits longer")
    where = request.mask(request.socket) or request.shown_url
    is_redirected = bool(url) and url != request.url
    if is_redirected:
        where += f", redirected to {shorten(request.mask(url))}"
    reason = "" if is_plain else _reason(error)
    if cause is NO_PROXY:
        reason = reason or _tunnel_reply(error)
    kind = RequestTimeout if timed_out else TransportError
    said = f"{cause.text} ({reason})" if reason else cause.text
    return kind(
        f"{request.method} {where}: {said}",
        reason=said,
        is_redirected=is_redirected,
        # A head that came, and a redirect that was followed, answer a request.
        was_sent=cause.is_sent or reading or is_redirected,
        request=request,
        hint=hint,
    )


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Yield an error, and every error that it wraps or was raised from."""
    seen: set[int] = set()
    pending: list[BaseException] = [error]
    while pending:
        current = pending.pop(0)
        if id(current) in seen:
            continue
        seen.add(id(current))
        yield current
        inner = [
            current.__cause__,
            current.__context__,
            getattr(current, "reason", None),
        ]
        pending += [e for e in (*inner, *current.args) if isinstance(e, BaseException)]


def _reason(error: BaseException) -> str:
    """Return the rule that was broken, or the message of the operating system.

    Neither holds a URL.
    """
    for inner in _chain(error):
        if isinstance(inner, Unreadable):
            return str(inner)
        if isinstance(inner, OSError) and inner.strerror and not inner.filename:
            # The messages of asyncio hold addresses.
            number = inner.errno or 0
            if number in errorcode and not isinstance(inner, SSLError):
                return os.strerror(number)
            return inner.strerror
    return ""


def _precise(cause: Cause, error: BaseException, *, reading: bool) -> Cause:
    """Return what happened to a connection that was there, or else the cause."""
    from http.client import IncompleteRead

    if any(isinstance(inner, Unreadable) for inner in _chain(error)):
        return UNREADABLE
    # A head that is cut off was begun, as a body is.
    if reading or any(isinstance(inner, IncompleteRead) for inner in _chain(error)):
        return BROKEN_OFF
    return CLOSED if is_dead(error) else cause


def _tunnel_reply(error: BaseException) -> str:
    """Return the text for a proxy that opens no tunnel, with its status line.

    `http.client` raises a plain `OSError` for it, which has neither a number nor a URL.
    """
    for inner in _chain(error):
        if type(inner) is OSError and len(inner.args) == 1:
            return shorten(str(inner), 200)
    return ""


#: Reasons of OpenSSL for bytes that are no TLS at all.
_NO_TLS = frozenset(
    (
        "WRONG_VERSION_NUMBER",
        "HTTP_REQUEST",
        "UNKNOWN_PROTOCOL",
        "PACKET_LENGTH_TOO_LONG",
    )
)


def _is_plain_http(error: BaseException) -> bool:
    """Tell whether the peer answered the handshake of TLS with something else."""
    return any(
        isinstance(inner, SSLError) and getattr(inner, "reason", None) in _NO_TLS
        for inner in _chain(error)
    )


def is_dead(error: BaseException) -> bool:
    """Tell whether the peer closed the connection."""
    dead = (ConnectionResetError, BrokenPipeError, ConnectionAbortedError)
    return any(isinstance(inner, dead) for inner in _chain(error))
