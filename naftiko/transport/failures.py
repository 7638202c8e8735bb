"""What went wrong on the way to a response, in words of ours.

Every sender uses the same: `failure` knows what `requests` and `urllib3` raise, others
say what happened themselves and call `failed`.

This module must not know how a request is sent.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from errno import errorcode
from ssl import SSLError
from typing import TYPE_CHECKING

import requests
from urllib3 import exceptions as pools

from naftiko.errors import RequestTimeout, TransportError, shorten

if TYPE_CHECKING:
    from naftiko.transport.messages import Request

_TIMEOUTS = (requests.exceptions.Timeout, pools.TimeoutError, TimeoutError)
TLS_REFUSED = "the TLS certificate or handshake was refused"
NO_PROXY = "the proxy refused or is not there"

#: What `requests` or `urllib3` raises → what happened, the most specific first.
_FAILURES: tuple[tuple[type[BaseException], str], ...] = (
    # urllib3 makes every refused connection a kind of timeout.
    (pools.NewConnectionError, "no connection"),
    (requests.exceptions.ConnectTimeout, "no connection within the timeout"),
    (pools.ConnectTimeoutError, "no connection within the timeout"),
    (requests.exceptions.ReadTimeout, "no response within the timeout"),
    (pools.ReadTimeoutError, "no response within the timeout"),
    (requests.exceptions.Timeout, "timed out"),
    (requests.exceptions.SSLError, TLS_REFUSED),
    (pools.SSLError, TLS_REFUSED),
    (requests.exceptions.ProxyError, NO_PROXY),
    (requests.exceptions.InvalidHeader, "a header cannot be sent"),
    (requests.exceptions.InvalidProxyURL, "the proxy URL is malformed"),
    (requests.exceptions.InvalidURL, "the URL is malformed"),
    (pools.LocationValueError, "the URL is malformed"),
    (requests.exceptions.InvalidSchema, "the URL has a scheme that cannot be sent to"),
    (requests.exceptions.MissingSchema, "the URL has no scheme"),
    (requests.exceptions.TooManyRedirects, "too many redirects"),
    (requests.exceptions.RetryError, "too many retries"),
    (requests.exceptions.ConnectionError, "no connection"),
    (requests.exceptions.RequestException, "not sent"),
    (pools.HTTPError, "no connection"),
    (OSError, "no connection"),
    # What `http.client` says of a method, a target or a header with a line break.
    (Exception, "it cannot be written as HTTP"),
)  # fmt: skip


def failure(
    error: BaseException, request: Request, *, url: str = "", reading: bool = False
) -> TransportError:
    """Return our error for one of `requests`, `urllib3` or the operating system.

    Its text is ours: theirs holds the URL, and the URL may hold a credential.

    Args:
        error: What was raised.
        request: What was sent, or was to be sent.
        url: Where it was to be sent to, when that is the end of a redirect.
        reading: Whether the head of the response was there already.
    """
    timed_out = _timed_out(error)
    what = next(text for kind, text in _FAILURES if isinstance(error, kind))
    if timed_out and not isinstance(error, _TIMEOUTS[:2]):
        what = "no response within the timeout"
    return failed(what, error, request, url=url, timed_out=timed_out, reading=reading)


def failed(
    what: str,
    error: BaseException,
    request: Request,
    *,
    url: str = "",
    timed_out: bool = False,
    reading: bool = False,
) -> TransportError:
    """Return our error for what happened, with the reason that the system gives.

    Args:
        what: What happened, in the words of `_FAILURES`.
        error: What was raised.
        request: What was sent, or was to be sent.
        url: Where it was to be sent to, when that is the end of a redirect.
        timed_out: Whether it took too long.
        reading: Whether the head of the response was there already.
    """
    if what == "no connection" and reading:
        what = "the response broke off"
    elif what == "no connection" and is_dead(error):
        what = "the server closed the connection without a response"
    reason = _reason(error)
    kind = RequestTimeout if timed_out else TransportError
    where = request.mask(request.socket) or request.shown_url
    is_redirected = bool(url) and url != request.url
    if is_redirected:
        where += f", redirected to {shorten(request.mask(url))}"
    hint = ""
    if isinstance(error, FileNotFoundError) and error.filename:
        what = f"there is no file '{error.filename}'"
        hint = "see REQUESTS_CA_BUNDLE, or `verify` and `cert` of the transport"
    elif what == TLS_REFUSED:
        hint = "name the CA in REQUESTS_CA_BUNDLE, or check the host name"
    elif what == NO_PROXY:
        hint = "HTTP_PROXY and HTTPS_PROXY name it, NO_PROXY those to reach without"
    elif timed_out:
        hint = "timeout= or --timeout SECONDS waits longer"
    elif what == "no connection":
        hint = "is the server running there? base_uri= or --base-uri leads elsewhere"
    said = f"{what} ({reason})" if reason else what
    return kind(
        f"{request.method} {where}: {said}",
        reason=said,
        is_redirected=is_redirected,
        request=request,
        hint=hint,
    )


def _chain(error: BaseException) -> Iterator[BaseException]:
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


def _timed_out(error: BaseException) -> bool:
    return any(
        isinstance(inner, _TIMEOUTS) and not isinstance(inner, pools.NewConnectionError)
        for inner in _chain(error)
    )


def _reason(error: BaseException) -> str:
    """Return the words of the operating system, which never hold a URL."""
    for inner in _chain(error):
        if isinstance(inner, OSError) and inner.strerror and not inner.filename:
            # asyncio has words of its own, which hold addresses.
            number = inner.errno or 0
            if number in errorcode and not isinstance(inner, SSLError):
                return os.strerror(number)
            return inner.strerror
    return ""


def is_dead(error: BaseException) -> bool:
    """Tell whether the peer closed the connection."""
    from http.client import BadStatusLine

    dead = (
        ConnectionResetError,
        BrokenPipeError,
        ConnectionAbortedError,
        BadStatusLine,
    )
    return any(isinstance(inner, dead) for inner in _chain(error))
