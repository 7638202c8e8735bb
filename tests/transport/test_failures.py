"""Why no response came back: exceptions of libraries as errors with words of ours."""

from __future__ import annotations

import errno
import socket
import ssl

import pytest

from naftiko.errors import RequestTimeout, TransportError
from naftiko.transport import failures
from naftiko.transport.failures import NotInTime, Refused, failed, failure, is_dead
from naftiko.transport.messages import Request
from naftiko.transport.wire.heads import Unreadable
from naftiko.transport.wire.responses import BrokenOff, NothingCame
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


@pytest.mark.parametrize(
    ("error", "reason", "hint"),
    [
        (NotInTime(), "no connection within the timeout", LONGER),
        (TimeoutError(), "no response within the timeout", LONGER),
        (
            raised(Refused(), ssl.SSLCertVerificationError(1, "verify failed")),
            "the TLS certificate or handshake was refused (verify failed)",
            CERTIFICATE,
        ),
        (raised(Refused(), UnicodeError("s3cret")), "the URL is malformed", ""),
        (
            raised(Refused(), TimeoutError(errno.ETIMEDOUT, "s3cret")),
            "no connection (Connection timed out)",
            ELSEWHERE,
        ),
        (
            Unreadable("its head has a fault"),
            "the response cannot be read (its head has a fault)",
            SENT,
        ),
        (BrokenOff(), "the response broke off", ""),
        (
            NothingCame(),
            "the server closed the connection without a response",
            "",
        ),
        (
            raised(Refused(), REFUSED),
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
    made = failure(error, REQUEST)
    assert made.message == f"GET http://h.test/x?k=$KEY: {reason}"
    assert made.reason == reason
    assert made.hint == hint
    assert made.request is REQUEST
    assert type(made) is (RequestTimeout if hint == LONGER else TransportError)


@pytest.mark.parametrize(
    "error",
    [
        ConnectionResetError(errno.ECONNRESET, "Connection reset by peer"),
        BrokenPipeError(),
        ConnectionAbortedError(),
        NothingCame(),
    ],
)
def test_closed_connection_is_told_by_the_way_it_ended(error: BaseException) -> None:
    """Before a response the server closed; within one the response broke off."""
    assert is_dead(error)
    made = failed(failures.NO_CONNECTION, error, REQUEST)
    assert made.reason.startswith("the server closed the connection without a response")
    assert made.hint == ""
    broken = failed(failures.NO_CONNECTION, error, REQUEST, reading=True)
    assert broken.reason.startswith("the response broke off")


def test_tls_that_ends_within_a_response_is_no_refused_certificate() -> None:
    """The handshake is long over when a body breaks off."""
    error = ssl.SSLEOFError(8, "EOF occurred")
    made = failure(error, REQUEST, reading=True)
    assert made.reason.startswith("the response broke off")
    assert made.hint == ""


@pytest.mark.parametrize("error", [REFUSED, TimeoutError(), ValueError(), OSError()])
def test_other_errors_leave_the_peer_alive(error: BaseException) -> None:
    """A refused or late connection was not closed by the peer."""
    assert not is_dead(error)


def test_missing_file_is_named() -> None:
    """A certificate file that is not there is the reason, whatever the cause."""
    error = FileNotFoundError(errno.ENOENT, "No such file or directory", "/x/ca.pem")
    made = failure(error, REQUEST)
    assert made.reason == "there is no file '/x/ca.pem'"
    assert (
        made.hint == "see REQUESTS_CA_BUNDLE, or `verify` and `cert` of the transport"
    )


def test_redirected_request_names_both_ends() -> None:
    """The end of a redirect is named, with its secrets masked and its length bounded."""
    made = failure(REFUSED, REQUEST, url="http://o.test/s3cret")
    assert made.message == (
        "GET http://h.test/x?k=$KEY, redirected to http://o.test/$KEY:"
        " no connection (Connection refused)"
    )
    assert made.is_redirected
    assert not failure(REFUSED, REQUEST, url=REQUEST.url).is_redirected
    assert len(failure(REFUSED, REQUEST, url="http://o/" + "x" * 5000).message) < 250


def test_socket_file_stands_for_the_url() -> None:
    """A request to a socket file names the file, because its host means nothing."""
    request = Request("GET", "http://localhost/x", socket="/run/s.sock")
    made = failure(FileNotFoundError(errno.ENOENT, "x"), request)
    assert made.message == (
        "GET /run/s.sock: no connection (No such file or directory)"
    )


@pytest.mark.parametrize(
    ("cause", "hint"),
    [
        (failures.NO_CONNECTION, LONGER),
        (failures.NO_PROXY, PROXY),
        (failures.TLS_REFUSED, CERTIFICATE),
    ],
)
def test_timeout_hint_gives_way_to_a_better_one(
    cause: failures.Cause, hint: str
) -> None:
    """A hint about proxies or certificates helps more than one about waiting."""
    made = failed(cause, TimeoutError(), REQUEST, timed_out=True)
    assert isinstance(made, RequestTimeout)
    assert made.hint == hint


def test_plain_http_behind_https_is_named() -> None:
    """A server that answers a TLS handshake in plain HTTP is told as that."""
    made = failure(raised(Refused(), no_tls()), REQUEST)
    assert made.reason == "the server speaks plain HTTP, not TLS"
    assert "http://" in made.hint


@pytest.mark.parametrize(
    ("cause", "was_sent"),
    [
        (failures.NO_CONNECTION, False),
        (failures.NOT_CONNECTED_IN_TIME, False),
        (failures.TLS_REFUSED, False),
        (failures.NO_RESPONSE_IN_TIME, True),
        (failures.BROKEN_OFF, True),
        (failures.UNREADABLE, True),
    ],
)
def test_error_tells_whether_the_request_was_sent(
    cause: failures.Cause, was_sent: bool
) -> None:
    """What was sent may have taken effect, whatever came back."""
    request = Request("POST", "http://h.test/")
    assert failed(cause, OSError(), request).was_sent is was_sent


@pytest.mark.parametrize("error", [OSError(), ValueError("chunk"), no_tls()])
def test_fault_behind_a_head_is_one_of_an_executed_request(error: Exception) -> None:
    """After the head, no fault is one of connecting or of writing the request."""
    told = failure(error, Request("POST", "http://h/x"), reading=True)
    assert told.was_sent
    assert told.reason.startswith(("the response broke off", "the response cannot"))


def test_fault_behind_a_redirect_is_one_of_an_executed_request() -> None:
    """The server that redirected had got the request."""
    request = Request("POST", "http://h/x")
    told = failed(failures.NO_CONNECTION, OSError(), request, url="http://far/y")
    assert told.was_sent
