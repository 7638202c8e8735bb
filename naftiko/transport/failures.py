"""Why no response came back: what went wrong becomes a `TransportError`.

    Refused(… ConnectionRefusedError)
    ->  TransportError: GET http://h/x: no connection (Connection refused)

`failure` finds the `Cause` of what our connections raise, `foreign.failures` that of
what `requests` and `urllib3` raise, so that all give the same messages. `failed` makes
the error of a cause. This module must not know how a request is sent.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from errno import errorcode
from typing import TYPE_CHECKING, TypeGuard

from naftiko.errors import RequestTimeout, TransportError, shorten
from naftiko.hints import Hint
from naftiko.records.tuples import NamedTuple
from naftiko.transport.wire.heads import Unreadable
from naftiko.transport.wire.responses import BrokenOff, NothingCame

if TYPE_CHECKING:
    from ssl import SSLError

    from naftiko.transport.messages import Request


class NotInTime(Exception):
    """There was no connection within the timeout."""


class Refused(Exception):
    """No connection could be opened; its cause says why."""


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


class ForeignError(Exception):
    """What `requests` or `urllib3` raised, which is its cause.

    Attributes:
        told: What it means.
        timed_out: It took too long.
    """

    def __init__(self, told: Cause, *, timed_out: bool) -> None:
        super().__init__(told.text)
        self.told = told
        self.timed_out = timed_out


#: What sending a request and reading its response raise. A `ValueError` is raised for a
#: request that cannot be written.
ERRORS = (
    NotInTime, Refused, Unreadable, BrokenOff, NothingCame, ForeignError, OSError,
    ValueError,
)  # fmt: skip

NO_CONNECTION = Cause(
    "no connection",
    Hint("base_uri= leads elsewhere", "--base-uri leads elsewhere").after(
        "is the server running there? "
    ),
)
NOT_CONNECTED_IN_TIME = Cause("no connection within the timeout")
NO_RESPONSE_IN_TIME = Cause("no response within the timeout", is_sent=True)
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


#: Exception → cause, the most specific first.
_CAUSES: tuple[tuple[type[BaseException], Cause], ...] = (
    (NotInTime, NOT_CONNECTED_IN_TIME),
    (UnicodeError, MALFORMED_URL),
    (Unreadable, UNREADABLE),
    (BrokenOff, BROKEN_OFF),
    (NothingCame, CLOSED),
    (TimeoutError, NO_RESPONSE_IN_TIME),
    (OSError, NO_CONNECTION),
    (ValueError, UNWRITABLE),
)


def failure(
    error: BaseException, request: Request, *, url: str = "", reading: bool = False
) -> TransportError:
    """Return the error for one of `ERRORS`.

    Args:
        error: What was raised.
        request: The request that was sent, or was to be sent.
        url: The URL that it was to be sent to, at the end of a redirect.
        reading: Whether the head of the response was there already.
    """
    inner = error.__cause__ or error
    if isinstance(error, ForeignError):
        cause, timed_out = error.told, error.timed_out
    elif isinstance(error, Refused):
        # A timeout in it is that of the system, which gave up before ours.
        cause = NO_CONNECTION if isinstance(inner, TimeoutError) else _cause_of(inner)
        timed_out = False
    else:
        inner, cause = error, _cause_of(error)
        timed_out = isinstance(error, (TimeoutError, NotInTime))
    return failed(cause, inner, request, url=url, timed_out=timed_out, reading=reading)


def _cause_of(error: BaseException) -> Cause:
    if _is_tls(error):
        return TLS_REFUSED
    return next(cause for kind, cause in _CAUSES if isinstance(error, kind))


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


def chain_of(error: BaseException) -> Iterator[BaseException]:
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
    for inner in chain_of(error):
        if isinstance(inner, Unreadable):
            return str(inner)
        if isinstance(inner, OSError) and inner.strerror and not inner.filename:
            # The messages of asyncio hold addresses.
            number = inner.errno or 0
            if number in errorcode and not _is_tls(inner):
                return os.strerror(number)
            return inner.strerror
    return ""


def _precise(cause: Cause, error: BaseException, *, reading: bool) -> Cause:
    """Return what happened to a connection that was there, or else the cause."""
    if any(isinstance(inner, Unreadable) for inner in chain_of(error)):
        return UNREADABLE
    # A head that is cut off was begun, as a body is.
    cut_off = "http.client", "IncompleteRead"
    if reading or any(_is_a(inner, *cut_off) for inner in chain_of(error)):
        return BROKEN_OFF
    return CLOSED if is_dead(error) else cause


def _tunnel_reply(error: BaseException) -> str:
    """Return the text for a proxy that opens no tunnel, with its status line.

    `http.client` raises a plain `OSError` for it, which has neither a number nor a URL.
    """
    for inner in chain_of(error):
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
        _is_tls(inner) and getattr(inner, "reason", None) in _NO_TLS
        for inner in chain_of(error)
    )


def _is_tls(error: BaseException) -> TypeGuard[SSLError]:
    return _is_a(error, "ssl", "SSLError")


def _is_a(error: BaseException, module: str, name: str) -> bool:
    """Tell whether an error has a class of a module that is slow to import.

    As long as nobody has imported it, nothing has.
    """
    known = sys.modules.get(module)
    return known is not None and isinstance(error, getattr(known, name))


def is_dead(error: BaseException) -> bool:
    """Tell whether the peer closed the connection."""
    dead = (
        NothingCame, ConnectionResetError, BrokenPipeError, ConnectionAbortedError,
    )  # fmt: skip
    return any(isinstance(inner, dead) for inner in chain_of(error))
