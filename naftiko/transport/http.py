"""`HttpTransport`: requests over pooled connections, for threads.

    Request ──► redirects ──► sign-in ──► connections of ours, or `foreign`

Settings of an origin are looked up once. A request goes straight over a connection of
`sockets`; foreign signers (`AuthBase`) and proxies need `requests`, in `foreign`. A
pooled connection that the server has closed is replaced here; `redirects` decides which
request a redirect asks for. This module must not know operations.
"""

from __future__ import annotations

import sys
import time
from _thread import allocate_lock  # `threading` takes a millisecond to import
from typing import TYPE_CHECKING, Any

from naftiko.errors import CallError, refuse_pickle
from naftiko.formats.budget import MAX_RESPONSE_BYTES
from naftiko.http import BODILESS_METHODS, IDEMPOTENT_METHODS
from naftiko.masking import forgetful
from naftiko.records.tuples import NamedTuple
from naftiko.transport.environment import (
    ConnectionSettings,
    OriginSettings,
    tls_context,
    with_login,
)
from naftiko.transport.failures import ERRORS, failure, is_dead
from naftiko.transport.messages import Headers, Request, Response, SignIn
from naftiko.transport.redirects import (
    REDIRECTS,
    RedirectedRequest,
    location_of,
    refusal,
)
from naftiko.transport.sockets.blocking import BlockingConnections
from naftiko.transport.sockets.bodies import (
    OpenResponse,
    RawResponse,
    chunks,
    finish,
    whole,
)
from naftiko.transport.sockets.framing import BodyFailed, framed_body, framed_headers
from naftiko.transport.sockets.peers import Peer, authority_of, peer_of
from naftiko.transport.sockets.straight import exchange
from naftiko.transport.wire.request_heads import request_head

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from ssl import SSLContext

    from naftiko.transport.base import Timeout
    from naftiko.transport.cookies import Cookies
    from naftiko.transport.foreign.sender import RequestsSender
    from naftiko.transport.streams import StreamedResponse

#: Origins that are known at the same time.
_MOST_ORIGINS = 256


class HttpOrigin(NamedTuple):
    """An origin and its connections; none of ours behind a proxy."""

    settings: OriginSettings
    connections: BlockingConnections | None
    authority: str


class _Connected:
    """The connections that views of a transport share, and what origins are known."""

    def __init__(self, settings: ConnectionSettings, pool_size: int) -> None:
        self._settings = settings
        self._pool_size = pool_size
        self._origins: dict[tuple[bool, str, str], HttpOrigin] = {}
        self._places: dict[Peer, BlockingConnections] = {}
        self._contexts: dict[Any, SSLContext] = {}
        self._foreign: RequestsSender | None = None
        self._lock = allocate_lock()

    def origin(self, hop: RedirectedRequest) -> HttpOrigin:
        """Return the origin of a request, looked up once.

        Raises:
            OSError: Its certificates cannot be read.
            TransportError: Its URL is malformed.
        """
        path = hop.request.socket if hop.is_first_origin else ""
        key = (hop.is_first_origin, path, hop.origin)
        origin = self._origins.get(key)
        if origin is None:
            with self._lock:
                if len(self._origins) >= _MOST_ORIGINS:
                    self._forget()
                try:
                    origin = self._origins[key] = self._looked_up(*key)
                except ValueError:
                    raise refusal("the URL is malformed", hop.request) from None
        return origin

    def _looked_up(self, is_first_origin: bool, path: str, origin: str) -> HttpOrigin:
        if path:
            settings = OriginSettings(False, None, {}, "", None)
            return HttpOrigin(settings, self._kept(Peer("", 0, path)), "localhost")
        settings = self._settings.look_up(origin, is_first_origin=is_first_origin)
        if settings.proxy:
            return HttpOrigin(settings, None, "")
        is_tls = origin.startswith("https:")
        tls = self._context(settings) if is_tls else None
        return HttpOrigin(
            settings, self._kept(peer_of(origin, tls)), authority_of(origin)
        )

    def _kept(self, place: Peer) -> BlockingConnections:
        connections = self._places.get(place)
        if connections is None:
            connections = BlockingConnections(place, self._pool_size)
            self._places[place] = connections
        return connections

    def _context(self, settings: OriginSettings) -> SSLContext:
        key = (settings.verify, settings.cert)
        if key not in self._contexts:
            self._contexts[key] = tls_context(*key)
        return self._contexts[key]

    def foreign(self) -> RequestsSender:
        """Return what sends requests that only `requests` can send."""
        with self._lock:
            if self._foreign is None:
                # Imported here: `requests` takes as long as all the rest of a call.
                from naftiko.transport.foreign.sender import RequestsSender

                self._foreign = RequestsSender(self._pool_size)
            return self._foreign

    def close(self) -> None:
        """Close every connection; a request after that opens another."""
        with self._lock:
            self._forget()
            if self._foreign is not None:
                self._foreign.close()

    def _forget(self) -> None:
        self._origins.clear()
        for connections in self._places.values():
            connections.close()
        self._places.clear()


class HttpTransport:
    """Requests over pooled connections; safe to share between threads.

    Args:
        verify: Check TLS certificates; a path names the CA bundle. By default the
            bundle of `REQUESTS_CA_BUNDLE` or `CURL_CA_BUNDLE`, or certifi's.
        cert: Client certificate: a path, or (certificate, key).
        proxies: Scheme → proxy URL; by default those of the environment.
        trust_env: Read proxies, CA bundles and `.netrc` of the environment, once.
        follow_redirects: Otherwise a redirect is the response.
        max_response_bytes: Larger responses are refused, decompressed size counting.
        pool_size: Connections kept per origin.
    """

    def __init__(
        self,
        *,
        verify: bool | str = True,
        cert: str | tuple[str, str] | None = None,
        proxies: Mapping[str, str] | None = None,
        trust_env: bool = True,
        follow_redirects: bool = True,
        max_response_bytes: int = MAX_RESPONSE_BYTES,
        pool_size: int = 32,
    ) -> None:
        settings = ConnectionSettings(verify, cert, dict(proxies or {}), trust_env)
        self._connected = _Connected(settings, pool_size)
        self._follow_redirects = follow_redirects
        self._max_bytes = max_response_bytes
        #: What servers have set, once one has.
        self._cookies: Cookies | None = None
        self._lock = allocate_lock()

    __reduce_ex__ = refuse_pickle

    def view(self) -> HttpTransport:
        """Return a transport over the same connections, with cookies of its own."""
        other = object.__new__(HttpTransport)
        other.__dict__.update(self.__dict__)
        other._cookies = None
        return other

    @forgetful
    def send(
        self,
        request: Request,
        *,
        timeout: Timeout,
        hop: RedirectedRequest | None = None,
    ) -> Response:
        """Send a request and return the whole response; see `Transport.send`.

        Args:
            request: The request to send.
            timeout: Seconds, or (seconds to connect, seconds between two parts).
            hop: The request that redirects have led to; by default `request` itself.
        """
        started = time.perf_counter()
        opened = self._open(hop or RedirectedRequest(request), timeout)
        body = whole(opened, request, self._max_bytes)
        raw = opened.raw
        if "logging" in sys.modules:
            _log_line(request, raw.status, time.perf_counter() - started)
        return Response(
            raw.status,
            _headers_of(raw, request),
            body,
            reason=raw.reason,
            url=request.shown(opened.url),
            limit=self._max_bytes,
        )

    @forgetful
    def stream(
        self,
        request: Request,
        *,
        timeout: Timeout,
        hop: RedirectedRequest | None = None,
        decode: bool = True,
    ) -> StreamedResponse:
        """Send a request and return the response before its body is read.

        Args:
            request: See `send`.
            timeout: See `send`.
            hop: See `send`.
            decode: Undo a `Content-Encoding`; otherwise the body stays encoded.
        """
        # Imported here: most calls have no use for it.
        from naftiko.transport.streams import StreamedResponse

        opened = self._open(hop or RedirectedRequest(request), timeout)
        raw = opened.raw
        return StreamedResponse(
            request,
            raw.status,
            _headers_of(raw, request),
            lambda size: chunks(opened, request, size, decode=decode),
            reason=raw.reason,
            pairs=tuple(raw.headers.pairs),
            close=raw.close,
        )

    def close(self) -> None:
        """Close every pooled connection; a request after that opens another."""
        self._connected.close()

    def _open(self, hop: RedirectedRequest, timeout: Timeout) -> OpenResponse:
        while True:
            opened = self._exchange(hop, timeout)
            raw = opened.raw
            if raw.status not in REDIRECTS or not self._follow_redirects:
                return opened
            try:
                location = location_of(raw.headers.get_all("Location"), hop.request)
            except CallError:
                raw.close()
                raise
            if not location:
                return opened
            finish(raw)
            hop = hop.next(raw.status, location)

    def _exchange(self, hop: RedirectedRequest, timeout: Timeout) -> OpenResponse:
        try:
            origin = self._connected.origin(hop)
            hop.open()
            try:
                return self._send(hop, origin, timeout)
            except ERRORS as error:
                # The server may have closed a pooled connection at this very moment.
                can_repeat = hop.method in IDEMPOTENT_METHODS and is_dead(error)
                if not can_repeat or not hop.rewind():
                    raise
                if origin.connections is not None:
                    origin.connections.drop_resting()
                return self._send(hop, origin, timeout)
        except BodyFailed as error:
            (failed,) = error.args
        except ERRORS as error:
            if isinstance(error, CallError):
                raise
            raise failure(error, hop.request, url=hop.redirected_to) from None
        finally:
            hop.close()
        raise failed  # here, so that it keeps the cause that it came with

    def _send(
        self, hop: RedirectedRequest, origin: HttpOrigin, timeout: Timeout
    ) -> OpenResponse:
        """Send a request, signed in; redirects are not followed here."""
        auth = hop.auth
        if isinstance(auth, SignIn):
            return self._sign_in(hop, auth, origin, timeout)
        headers = hop.headers
        if auth is None and origin.settings.login and not hop.request.is_identified:
            headers = with_login(headers, origin.settings.authorization)
        return self._send_once(hop, headers, origin, auth, timeout)

    def _sign_in(
        self,
        hop: RedirectedRequest,
        login: SignIn,
        origin: HttpOrigin,
        timeout: Timeout,
    ) -> OpenResponse:
        """Send the requests that a login asks for; return the last response."""
        attempts = login.attempts(hop.as_request())
        request = next(attempts)
        while True:
            opened = self._send_once(hop, request.headers, origin, None, timeout)
            raw = opened.raw
            try:
                request = attempts.send(
                    Response(raw.status, _headers_of(raw, hop.request))
                )
            except StopIteration:
                return opened
            if not hop.rewind():
                return opened  # the body can be read once, and has been
            finish(raw)

    def _send_once(
        self,
        hop: RedirectedRequest,
        headers: Mapping[str, str],
        origin: HttpOrigin,
        auth: Any,
        timeout: Timeout,
    ) -> OpenResponse:
        """Send a request straight, unless only `requests` can send it."""
        if self._cookies is not None:
            headers = self._cookies.headers(hop.with_headers(headers))
        connections = origin.connections
        if auth is not None or connections is None:
            opened, set_cookies = self._connected.foreign().send(
                hop, headers, origin.settings, auth, timeout
            )
            self._keep_cookies(hop, set_cookies)
            return opened
        content: bytes | Iterable[bytes] = b""
        if hop.body is not None or hop.method not in BODILESS_METHODS:
            headers, length = framed_headers(hop, headers)
            content = framed_body(hop, length)
        raw = exchange(
            connections,
            request_head(hop.method, hop.target, origin.authority, headers),
            content,
            timeout if isinstance(timeout, tuple) else (timeout, timeout),
            is_head=hop.method == "HEAD",
        )
        if "set-cookie" in raw.headers:
            self._keep_cookies(hop, raw.headers.get_all("Set-Cookie"))
        return OpenResponse(raw, hop.url)

    def _keep_cookies(self, hop: RedirectedRequest, lines: list[str]) -> None:
        if not lines:
            return
        with self._lock:  # of two threads, one makes the jar for both
            if self._cookies is None:
                # Imported here: it reads dates, and most servers set none.
                from naftiko.transport.cookies import Cookies

                self._cookies = Cookies()
        self._cookies.keep(hop, lines)


def _headers_of(raw: RawResponse, request: Request) -> Headers:
    """Return the headers of a response; the values of a repeated name are joined."""
    return Headers.joined(raw.headers.pairs, request.secrets)


def _log_line(request: Request, status: int, seconds: float) -> None:
    # Imported here: whoever wants a log has imported it.
    import logging

    log = logging.getLogger("naftiko")
    if log.isEnabledFor(logging.DEBUG):
        milliseconds = seconds * 1000
        log.debug(
            "%s %s %d %.0f ms", request.method, request.shown_url, status, milliseconds
        )
