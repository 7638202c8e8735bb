"""What `requests` and `urllib3` raise, with the words of `transport.failures`.

    urllib3 NewConnectionError(… ConnectionRefusedError)
    ->  ForeignError("no connection"), from which `failure` makes the error

This module must not know how a request is sent.
"""

from __future__ import annotations

from http.client import HTTPException

from requests import exceptions as told
from urllib3 import exceptions as pools

from naftiko.transport import failures
from naftiko.transport.failures import Cause, ForeignError, chain_of
from naftiko.transport.wire.heads import Unreadable

#: What the two libraries raise, and what is below them. Exceptions of `requests` are
#: `OSError`s.
FOREIGN_ERRORS = (pools.HTTPError, HTTPException, OSError, ValueError, Unreadable)
#: Exception → cause, the most specific first.
_CAUSES: tuple[tuple[type[BaseException], Cause], ...] = (
    # urllib3 makes every refused connection a kind of timeout.
    (pools.NewConnectionError, failures.NO_CONNECTION),
    (told.ConnectTimeout, failures.NOT_CONNECTED_IN_TIME),
    (pools.ConnectTimeoutError, failures.NOT_CONNECTED_IN_TIME),
    (told.ReadTimeout, failures.NO_RESPONSE_IN_TIME),
    (pools.ReadTimeoutError, failures.NO_RESPONSE_IN_TIME),
    (told.Timeout, Cause("timed out")),
    (told.SSLError, failures.TLS_REFUSED),
    (pools.SSLError, failures.TLS_REFUSED),
    (told.ProxyError, failures.NO_PROXY),
    (told.InvalidHeader, Cause("a header cannot be sent")),
    (told.InvalidProxyURL, Cause("the proxy URL is malformed")),
    (told.InvalidURL, failures.MALFORMED_URL),
    (pools.LocationValueError, failures.MALFORMED_URL),
    (told.InvalidSchema, Cause("the URL has a scheme that cannot be sent to")),
    (told.MissingSchema, Cause("the URL has no scheme")),
    (told.TooManyRedirects, Cause("too many redirects")),
    # The connection was there: only what came back is at fault.
    (pools.ProtocolError, failures.UNREADABLE),
    (Unreadable, failures.UNREADABLE),
    (pools.InvalidHeader, failures.UNREADABLE),
    (told.RetryError, Cause("too many retries")),
    (told.ConnectionError, failures.NO_CONNECTION),
    (told.RequestException, Cause("not sent")),
    (pools.HTTPError, failures.NO_CONNECTION),
    (OSError, failures.NO_CONNECTION),
    # `http.client` refuses a method, a target or a header with a line break.
    (Exception, failures.UNWRITABLE),
)
#: The exceptions that tell of a response; a connection was there.
_RESPONSES = Unreadable, pools.ProtocolError, HTTPException
_TIMEOUTS = told.Timeout, pools.TimeoutError


def as_told(error: BaseException) -> ForeignError:
    """Return an exception of `requests`, `urllib3` or the system with what it means.

    Its own text is not used: it holds the URL, and the URL may hold a credential.
    """
    timed_out = any(
        isinstance(inner, (*_TIMEOUTS, TimeoutError))
        and not isinstance(inner, pools.NewConnectionError)
        for inner in chain_of(error)
    )
    cause = next(cause for kind, cause in _CAUSES if isinstance(error, kind))
    if timed_out and not isinstance(error, _TIMEOUTS):
        cause = failures.NO_RESPONSE_IN_TIME
    elif cause is failures.NO_CONNECTION:
        # `requests` and urllib3 wrap everything that goes wrong on a connection.
        inner = next((e for e in chain_of(error) if isinstance(e, _RESPONSES)), None)
        cause = failures.UNREADABLE if inner is not None else cause
    told = ForeignError(cause, timed_out=timed_out)
    told.__cause__ = error
    return told
