"""What `requests` and `urllib3` raise: errors with words of ours."""

from __future__ import annotations

import socket
import ssl
from http.client import IncompleteRead, LineTooLong, RemoteDisconnected
from typing import Any

import pytest
from requests import exceptions as told
from urllib3 import exceptions as pools

from naftiko.errors import RequestTimeout, TransportError
from naftiko.transport import failures
from naftiko.transport.failures import failure, is_dead
from naftiko.transport.foreign.failures import as_told
from naftiko.transport.wire.heads import Unreadable
from support.failing import (
    CERTIFICATE,
    ELSEWHERE,
    LONGER,
    PROXY,
    REFUSED,
    REQUEST,
    SENT,
    no_tls,
    raised,
)

POOL: Any = None


@pytest.mark.parametrize(
    ("error", "reason", "hint"),
    [
        (told.ConnectTimeout(), "no connection within the timeout", LONGER),
        (
            pools.ConnectTimeoutError("http://h.test/x?k=s3cret"),
            "no connection within the timeout",
            LONGER,
        ),
        (told.ReadTimeout(), "no response within the timeout", LONGER),
        (
            pools.ReadTimeoutError(POOL, "/x?k=s3cret", "m"),
            "no response within the timeout",
            LONGER,
        ),
        (told.Timeout(), "timed out", LONGER),
        (
            told.SSLError("s3cret"),
            "the TLS certificate or handshake was refused",
            CERTIFICATE,
        ),
        (
            pools.SSLError(ssl.SSLCertVerificationError(1, "verify failed")),
            "the TLS certificate or handshake was refused (verify failed)",
            CERTIFICATE,
        ),
        (told.ProxyError("s3cret"), "the proxy refused or is not there", PROXY),
        (told.InvalidHeader("s3cret"), "a header cannot be sent", ""),
        (told.InvalidProxyURL("s3cret"), "the proxy URL is malformed", ""),
        (told.InvalidURL("s3cret"), "the URL is malformed", ""),
        (pools.LocationParseError("s3cret"), "the URL is malformed", ""),
        (
            told.InvalidSchema("s3cret"),
            "the URL has a scheme that cannot be sent to",
            "",
        ),
        (told.MissingSchema("s3cret"), "the URL has no scheme", ""),
        (told.TooManyRedirects("s3cret"), "too many redirects", ""),
        (told.ConnectionError("s3cret"), "no connection", ELSEWHERE),
        (told.RequestException("s3cret"), "not sent", ""),
        (pools.ProtocolError("s3cret"), "the response cannot be read", SENT),
        (
            told.ConnectionError(pools.ProtocolError("s3cret", LineTooLong("s3cret"))),
            "the response cannot be read",
            SENT,
        ),
        (
            Unreadable("its head has a fault"),
            "the response cannot be read (its head has a fault)",
            SENT,
        ),
        (
            pools.ProtocolError("s3cret", IncompleteRead(b"s3cret")),
            "the response broke off",
            "",
        ),
        (REFUSED, "no connection (Connection refused)", ELSEWHERE),
        (
            raised(pools.NewConnectionError(POOL, "s3cret"), REFUSED),
            "no connection (Connection refused)",
            ELSEWHERE,
        ),
        (
            told.ConnectionError(pools.MaxRetryError(POOL, "/s3cret", REFUSED)),
            "no connection (Connection refused)",
            ELSEWHERE,
        ),
        (
            socket.gaierror(socket.EAI_NONAME, "Name or service not known"),
            "no connection (Name or service not known)",
            ELSEWHERE,
        ),
        (ValueError("s3cret"), "it cannot be written as HTTP", ""),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else "",
)
def test_exception_becomes_an_error_of_ours(
    error: BaseException, reason: str, hint: str
) -> None:
    """The message has words of ours and of the system, never those of a library."""
    made = failure(as_told(error), REQUEST)
    assert made.message == f"GET http://h.test/x?k=$KEY: {reason}"
    assert made.reason == reason
    assert made.hint == hint
    assert made.request is REQUEST
    assert type(made) is (RequestTimeout if hint == LONGER else TransportError)


@pytest.mark.parametrize(
    "error",
    [
        raised(pools.ProtocolError("broken"), TimeoutError("timed out")),
        told.ConnectionError(pools.ReadTimeoutError(POOL, "", "")),
        told.ConnectionError(pools.MaxRetryError(POOL, "", pools.TimeoutError())),
    ],
)
def test_timeout_inside_another_error_is_one(error: BaseException) -> None:
    """A timeout that a library hides is found, and said first."""
    made = failure(as_told(error), REQUEST)
    assert isinstance(made, RequestTimeout)
    assert (made.reason, made.hint) == ("no response within the timeout", LONGER)


def test_closed_connection_is_found_below_the_libraries() -> None:
    """So that a request may be sent again."""
    closed = pools.ProtocolError("aborted", RemoteDisconnected("x"))
    error = as_told(told.ConnectionError(closed))
    assert is_dead(error)
    reason = failure(error, REQUEST).reason
    assert reason.startswith("the server closed the connection without a response")


def test_tls_that_ends_within_a_response_is_no_refused_certificate() -> None:
    """The handshake is long over when a body breaks off."""
    error = pools.SSLError(ssl.SSLEOFError(8, "EOF occurred"))
    made = failure(as_told(error), REQUEST, reading=True)
    assert made.reason.startswith("the response broke off")
    assert made.hint == ""


def test_errors_that_point_at_each_other_end() -> None:
    """A circle of causes is walked once."""
    one, two = pools.ProtocolError("one"), OSError()
    one.__cause__, two.__context__ = two, one
    assert failure(as_told(one), REQUEST).reason == "the response cannot be read"


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (told.SSLError(pools.SSLError(no_tls())), "the server speaks plain HTTP"),
        (told.ProxyError(pools.SSLError(no_tls())), "the proxy speaks plain HTTP"),
    ],
)
def test_plain_http_behind_https_is_named(error: Exception, reason: str) -> None:
    """A server that answers a TLS handshake in plain HTTP is told as that."""
    made = failure(as_told(error), REQUEST)
    assert made.reason == f"{reason}, not TLS"
    assert "http://" in made.hint


def test_refusal_of_a_proxy_is_told_with_its_status() -> None:
    """A proxy that opens no tunnel is told with the status line that it sent."""
    refused = OSError("Tunnel connection failed: 407 Proxy Authentication Required")
    made = failure(
        as_told(told.ProxyError(pools.ProxyError("s3cret", refused))), REQUEST
    )
    assert made.reason == f"{failures.NO_PROXY.text} ({refused})"
