"""`RequestsSender`: requests that only `requests` can send.

    hop, AuthBase  ──► signed PreparedRequest ──► adapter of requests ──► OpenResponse

That is what foreign signers (`AuthBase`) sign, and what goes through a proxy. This
module must not know redirects, or which requests need it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from threading import Lock
from typing import TYPE_CHECKING, Any

from requests.cookies import RequestsCookieJar
from requests.hooks import dispatch_hook
from requests.models import PreparedRequest
from urllib3.exceptions import HTTPError

from naftiko.errors import CallError, TransportError
from naftiko.transport.foreign.failures import FOREIGN_ERRORS, as_told
from naftiko.transport.foreign.patched_urllib3 import (
    SocketAdapter,
    WebAdapter,
    WireHeaders,
)
from naftiko.transport.sockets.bodies import OpenResponse
from naftiko.transport.sockets.straight import Fields
from naftiko.transport.wire.heads import Unreadable

if TYPE_CHECKING:
    from naftiko.transport.base import Timeout
    from naftiko.transport.environment import OriginSettings
    from naftiko.transport.redirects import RedirectedRequest

#: As many pools as `urllib3` keeps: it closes those that go beyond.
_MOST_POOLS = 32


class RequestsSender:
    """The adapters of `requests` that one transport needs.

    Args:
        pool_size: Connections kept per origin.
    """

    def __init__(self, pool_size: int) -> None:
        self._pool_size = pool_size
        self._web = WebAdapter(_MOST_POOLS, pool_size)
        self._sockets: dict[str, SocketAdapter] = {}
        self._lock = Lock()

    def send(
        self,
        hop: RedirectedRequest,
        headers: Mapping[str, str],
        settings: OriginSettings,
        auth: Any,
        timeout: Timeout,
    ) -> tuple[OpenResponse, list[str]]:
        """Return a response whose body is not read yet, and the cookies that were set.

        Args:
            hop: The request; its body is open.
            headers: Its headers, cookies included.
            settings: How to connect.
            auth: The signer, an `AuthBase` or a function like one, or `None`.
            timeout: Seconds, or (seconds to connect, seconds between two parts).

        Returns:
            The response, and the values of each `Set-Cookie` of the exchange.

        Raises:
            ForeignError: It failed; the cause says how.
            TransportError: The signer failed.
        """
        with _as_foreign():
            response: Any = self._sent(hop, headers, settings, auth, timeout)
        cookies = [
            value
            for received in (*response.history, response)
            if "set-cookie" in received.headers
            for value in received.raw.headers.getlist("Set-Cookie")
        ]
        body = response.content if response._content_consumed else None
        return OpenResponse(_ForeignResponse(response.raw), response.url, body), cookies

    def _sent(
        self,
        hop: RedirectedRequest,
        headers: Mapping[str, str],
        settings: OriginSettings,
        auth: Any,
        timeout: Timeout,
    ) -> Any:
        prepared = _signed(hop, headers, auth)
        options: Any = {
            "stream": True,
            "timeout": timeout,
            "verify": settings.verify,
            "cert": settings.cert,
            "proxies": settings.proxies,
        }
        response: Any = self._adapter(hop).send(prepared, **options)
        if prepared.hooks["response"]:
            with ExitStack() as opened, _signing(hop, auth):
                opened.callback(response.close)
                response = dispatch_hook(  # type: ignore[no-untyped-call]
                    "response", prepared.hooks, response, **options
                )
                opened.pop_all()
        return response

    def _adapter(self, hop: RedirectedRequest) -> WebAdapter:
        path = hop.request.socket if hop.is_first_origin else ""
        if not path:
            return self._web
        with self._lock:
            if path not in self._sockets:
                self._sockets[path] = SocketAdapter(path, self._pool_size)
            return self._sockets[path]

    def close(self) -> None:
        """Close every connection; a request after that opens another."""
        self._web.close()
        with self._lock:
            for adapter in self._sockets.values():
                adapter.close()
            self._sockets.clear()


class _ForeignResponse:
    """A response of `urllib3`, read like one of ours."""

    def __init__(self, raw: Any) -> None:
        self._raw = raw
        self.status: int = raw.status
        self.reason: str = raw.reason or ""
        self.headers = Fields(list(raw.headers.iteritems()))

    @property
    def length_remaining(self) -> int | None:
        """Bytes of the body that are still to come; `None` when it ends otherwise."""
        left: int | None = self._raw.length_remaining
        return left

    def read(self) -> bytes:
        """Return the rest of the body."""
        with _as_foreign():
            return bytes(self._raw.read(decode_content=False))

    def read1(self, size: int) -> bytes:
        """Return the bytes that come next, at most so many; none at the end."""
        with _as_foreign():
            return bytes(self._raw.read1(size, decode_content=False))

    def close(self) -> None:
        """Give the connection back; one with unread bytes is closed."""
        self._raw.close()
        self._raw.release_conn()


def _signed(
    hop: RedirectedRequest, headers: Mapping[str, str], auth: Any
) -> PreparedRequest:
    """Return a request, signed by a signer of `requests`."""
    prepared = PreparedRequest()
    prepared.method = hop.method
    prepared.url = hop.url
    prepared.headers = _wire_headers(hop, headers)
    prepared.body = hop.content
    if auth is not None:
        # The same as `PreparedRequest.prepare_auth`.
        prepared._cookies = RequestsCookieJar()  # type: ignore[attr-defined]
        with _signing(hop, auth):
            prepared.__dict__.update(auth(prepared).__dict__)
        if prepared.body is not hop.content:
            prepared.prepare_content_length(prepared.body)
    return prepared


def _wire_headers(hop: RedirectedRequest, headers: Mapping[str, str]) -> WireHeaders:
    """Return the headers that are sent with the body of an open hop."""
    wire = WireHeaders(headers)
    wire.mask = hop.request.mask
    if hop.length is not None and "Transfer-Encoding" not in wire:
        wire["Content-Length"] = str(hop.length)
    return wire


@contextmanager
def _as_foreign() -> Iterator[None]:
    try:
        yield
    except CallError:
        raise
    except FOREIGN_ERRORS as error:
        raise as_told(error) from error


@contextmanager
def _signing(hop: RedirectedRequest, auth: Any) -> Iterator[None]:
    """Name the signer when it fails: it may come from any package."""
    try:
        yield
    except (CallError, HTTPError, OSError, Unreadable):
        raise
    except Exception as error:
        request, signer = hop.request, type(auth).__name__
        reason = f"the signer '{signer}' failed with {type(error).__name__}"
        raise TransportError(
            f"{request.method} {request.shown_url}: {reason}",
            reason=reason,
            request=request,
        ) from error
