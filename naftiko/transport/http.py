"""`HttpTransport`: requests over pooled connections of `urllib3` and `requests`.

    Request ──► redirects ──► sign-in ──► pool of urllib3, or an adapter of requests

`requests` works out proxies, `.netrc`, TLS settings and headers again for every call;
this module does so once per origin. A request goes straight to the connection pool of
`urllib3`. It goes through `requests` only for foreign signers (`AuthBase`), proxies and
cookies. A pooled connection that the server has closed is replaced here; `redirects`
decides which request a redirect asks for. This module must not know operations.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from http.client import HTTPException
from typing import TYPE_CHECKING, Any

import requests
from requests.cookies import (
    RequestsCookieJar,
    extract_cookies_to_jar,
    get_cookie_header,
)
from requests.hooks import dispatch_hook
from requests.models import PreparedRequest
from urllib3.exceptions import HTTPError
from urllib3.util import Retry
from urllib3.util import Timeout as Timeouts

from naftiko.errors import CallError, TransportError, refuse_pickle
from naftiko.formats.budget import MAX_RESPONSE_BYTES
from naftiko.http import BODILESS_METHODS, IDEMPOTENT_METHODS
from naftiko.masking import forgetful
from naftiko.records.tuples import NamedTuple
from naftiko.transport.environment import ConnectionSettings
from naftiko.transport.failures import failure, is_dead
from naftiko.transport.messages import Headers, Request, Response, SignIn
from naftiko.transport.patched_urllib3 import (
    SocketAdapter,
    WebAdapter,
    WireHeaders,
    shown_target,
)
from naftiko.transport.redirects import (
    REDIRECTS,
    RedirectedRequest,
    location_of,
)
from naftiko.transport.sockets.bodies import OpenResponse, chunks, end, finish, whole
from naftiko.transport.sockets.straight import exchange
from naftiko.transport.streams import StreamedResponse
from naftiko.transport.wire.heads import Unreadable
from naftiko.transport.wire.request_heads import request_head

if TYPE_CHECKING:
    from requests.auth import AuthBase
    from urllib3 import BaseHTTPResponse, HTTPConnectionPool

    from naftiko.transport.base import Timeout

#: As many pools as `urllib3` keeps: it closes those that go beyond.
_MOST_ROUTES = 32
_NO_RETRIES = Retry(False, redirect=False)
_log = logging.getLogger("naftiko")


class _OriginPool(NamedTuple):
    """An origin and the settings of its connections; no pool when behind a proxy."""

    adapter: WebAdapter
    pool: HTTPConnectionPool | None
    verify: bool | str
    cert: str | tuple[str, str] | None
    proxies: dict[str, str]
    netrc: AuthBase | None
    authority: str = "localhost"


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
        self._settings = ConnectionSettings(
            verify, cert, dict(proxies or {}), trust_env
        )
        self._follow_redirects = follow_redirects
        self._max_bytes = max_response_bytes
        self._pool_size = pool_size
        self._web = WebAdapter(_MOST_ROUTES, pool_size)
        self._sockets: dict[str, SocketAdapter] = {}
        self._routes: dict[tuple[bool, str, str], _OriginPool] = {}
        self._lock = threading.Lock()
        #: One jar for each origin: cookies know no port, and are credentials.
        self._cookies: dict[str, RequestsCookieJar] = {}

    __reduce_ex__ = refuse_pickle

    def view(self) -> HttpTransport:
        """Return a transport over the same connections, with cookies of its own."""
        other = object.__new__(HttpTransport)
        other.__dict__.update(self.__dict__)
        other._cookies = {}
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
        if _log.isEnabledFor(logging.DEBUG):
            took = (time.perf_counter() - started) * 1000
            _log.debug(
                "%s %s %d %.0f ms",
                request.method, request.shown_url, raw.status, took,
            )  # fmt: skip
        return Response(
            raw.status,
            _headers_of(raw, request),
            body,
            reason=raw.reason or "",
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
        opened = self._open(hop or RedirectedRequest(request), timeout)
        raw = opened.raw
        return StreamedResponse(
            request,
            raw.status,
            _headers_of(raw, request),
            lambda size: chunks(opened, request, size, decode=decode),
            reason=raw.reason or "",
            pairs=tuple(raw.headers.iteritems()),
            close=lambda: end(raw),
        )

    def close(self) -> None:
        """Close every pooled connection; a request after that opens another."""
        with self._lock:
            self._routes.clear()
            self._web.close()
            for adapter in self._sockets.values():
                adapter.close()
            self._sockets.clear()

    def _open(self, hop: RedirectedRequest, timeout: Timeout) -> OpenResponse:
        while True:
            opened = self._exchange(hop, timeout)
            raw = opened.raw
            if raw.status not in REDIRECTS or not self._follow_redirects:
                return opened
            try:
                location = location_of(raw.headers.getlist("Location"), hop.request)
            except CallError:
                end(raw)
                raise
            if not location:
                return opened
            finish(raw)
            hop = hop.next(raw.status, location)

    def _exchange(self, hop: RedirectedRequest, timeout: Timeout) -> OpenResponse:
        # Exceptions of `requests` are `OSError`s.
        try:
            route = self._route(hop)
            hop.open()
            try:
                return self._send(hop, route, timeout)
            except (HTTPError, OSError) as error:
                # The server may have closed a pooled connection at this very moment.
                can_repeat = hop.method in IDEMPOTENT_METHODS and is_dead(error)
                if not can_repeat or not hop.rewind():
                    raise
                return self._send(hop, route, timeout)
        except (HTTPError, HTTPException, OSError, ValueError, Unreadable) as error:
            if isinstance(error, CallError):
                raise
            raise failure(error, hop.request, url=hop.redirected_to) from None
        finally:
            hop.close()

    def _send(
        self, hop: RedirectedRequest, route: _OriginPool, timeout: Timeout
    ) -> OpenResponse:
        """Send a request, signed in; redirects are not followed here."""
        auth = hop.auth
        if auth is None and not hop.request.is_identified:
            auth = route.netrc
        if isinstance(auth, SignIn):
            return self._sign_in(hop, auth, route, timeout)
        return self._send_once(hop, route, auth, timeout)

    def _sign_in(
        self,
        hop: RedirectedRequest,
        login: SignIn,
        route: _OriginPool,
        timeout: Timeout,
    ) -> OpenResponse:
        """Send the requests that a login asks for; return the last response."""
        attempts = login.attempts(hop.as_request())
        request = next(attempts)
        while True:
            attempt = hop.with_headers(request.headers)
            opened = self._send_once(attempt, route, None, timeout)
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
        self, hop: RedirectedRequest, route: _OriginPool, auth: Any, timeout: Timeout
    ) -> OpenResponse:
        """Send a request straight, unless only `requests` can send it."""
        if auth is None and route.pool is not None and hop.origin not in self._cookies:
            return self._send_straight(hop, route, timeout)
        return self._send_through_requests(hop, route, auth, timeout)

    def _send_straight(
        self, hop: RedirectedRequest, route: _OriginPool, timeout: Timeout
    ) -> OpenResponse:
        pool = route.pool
        assert pool is not None
        headers = _wire_headers(hop)
        headers.target = hop.target
        raw: Any
        if hop.content is None or isinstance(hop.content, bytes):
            head = request_head(hop.method, hop.target, route.authority, headers)
            raw = exchange(
                pool,
                head,
                hop.content or b"",
                timeout if isinstance(timeout, tuple) else (timeout, timeout),
                url=shown_target(headers),
                is_head=hop.method == "HEAD",
            )
        else:
            raw = self._send_parts(hop, pool, headers, timeout)
        if "set-cookie" in raw.headers:
            self._keep_cookies(hop, _prepared(hop), raw)
        return OpenResponse(raw, hop.url)

    def _send_parts(
        self,
        hop: RedirectedRequest,
        pool: HTTPConnectionPool,
        headers: WireHeaders,
        timeout: Timeout,
    ) -> Any:
        """Send a request whose body is a file, or comes in parts."""
        return pool.urlopen(
            hop.method,
            shown_target(headers),
            hop.content,
            headers,
            retries=_NO_RETRIES,
            redirect=False,
            assert_same_host=False,
            timeout=_timeouts(timeout),
            preload_content=False,
            decode_content=False,
            # A body of unknown length.
            chunked="Content-Length" not in headers,
        )

    def _send_through_requests(
        self, hop: RedirectedRequest, route: _OriginPool, auth: Any, timeout: Timeout
    ) -> OpenResponse:
        prepared = self._signed(hop, auth)
        settings: Any = {
            "stream": True,
            "timeout": timeout,
            "verify": route.verify,
            "cert": route.cert,
            "proxies": route.proxies,
        }
        response: Any = route.adapter.send(prepared, **settings)
        if prepared.hooks["response"]:
            with ExitStack() as opened, _signing(hop, auth):
                opened.callback(response.close)
                response = dispatch_hook(  # type: ignore[no-untyped-call]
                    "response", prepared.hooks, response, **settings
                )
                opened.pop_all()
        for received in (*response.history, response):
            if "set-cookie" in received.headers:
                self._keep_cookies(hop, prepared, received.raw)
        body = response.content if response._content_consumed else None
        return OpenResponse(response.raw, response.url, body)

    def _keep_cookies(
        self, hop: RedirectedRequest, prepared: PreparedRequest, raw: Any
    ) -> None:
        # The URL of a socket file says `localhost`, which is another server.
        if not hop.request.socket:
            jar = self._cookies.setdefault(hop.origin, RequestsCookieJar())
            extract_cookies_to_jar(  # type: ignore[no-untyped-call]
                jar, prepared, raw
            )

    def _signed(self, hop: RedirectedRequest, auth: Any) -> PreparedRequest:
        """Return a request with its cookies, signed by a signer of `requests`."""
        prepared = _prepared(hop)
        jar = None if hop.request.socket else self._cookies.get(hop.origin)
        if jar is not None:
            given = prepared.headers.pop("Cookie", "")
            kept = get_cookie_header(  # type: ignore[no-untyped-call]
                jar, prepared
            )
            if cookies := "; ".join(filter(None, (given, kept))):
                prepared.headers["Cookie"] = cookies
        if auth is not None:
            # The same as `PreparedRequest.prepare_auth`.
            prepared._cookies = RequestsCookieJar()  # type: ignore[attr-defined]
            with _signing(hop, auth):
                prepared.__dict__.update(auth(prepared).__dict__)
            if prepared.body is not hop.content:
                prepared.prepare_content_length(prepared.body)
        return prepared

    def _route(self, hop: RedirectedRequest) -> _OriginPool:
        key = (
            hop.is_first_origin,
            hop.request.socket if hop.is_first_origin else "",
            hop.origin,
        )
        route = self._routes.get(key)
        if route is None:
            with self._lock:
                if len(self._routes) >= _MOST_ROUTES:
                    self._routes.clear()
                route = self._routes[key] = self._new_route(*key)
        return route

    def _new_route(self, is_first_origin: bool, path: str, origin: str) -> _OriginPool:
        if path:
            adapter = self._sockets.setdefault(
                path, SocketAdapter(path, self._pool_size)
            )
            return _OriginPool(adapter, adapter.socket_pool, False, None, {}, None)
        settings = self._settings.look_up(origin, is_first_origin=is_first_origin)
        pool = None
        if not settings.proxy:
            pool = self._web.pool(origin, settings.verify, settings.cert)
        login = requests.auth.HTTPBasicAuth(*settings.login) if settings.login else None
        return _OriginPool(
            self._web,
            pool,
            settings.verify,
            settings.cert,
            settings.proxies,
            login,
            _authority(origin),
        )


def _wire_headers(hop: RedirectedRequest) -> WireHeaders:
    """Return the headers that are sent with the body of an open hop."""
    headers = WireHeaders(hop.headers)
    headers.mask = hop.request.mask
    length = hop.length
    if length is None and hop.content is None and hop.method not in BODILESS_METHODS:
        length = 0  # RFC 9110, 8.6: there could be a body, and there is none
    if length is not None and "Transfer-Encoding" not in headers:
        headers["Content-Length"] = str(length)
    return headers


def _authority(origin: str) -> str:
    """Return host and port of an origin, without the port that goes without saying."""
    scheme, _, place = origin.partition("://")
    return place.removesuffix(":443" if scheme == "https" else ":80")


def _prepared(hop: RedirectedRequest) -> PreparedRequest:
    """Return a hop as `requests` wants it."""
    prepared = PreparedRequest()
    prepared.method = hop.method
    prepared.url = hop.url
    prepared.headers = _wire_headers(hop)
    prepared.body = hop.content
    return prepared


def _timeouts(timeout: Timeout) -> Timeouts:
    connect, read = timeout if isinstance(timeout, tuple) else (timeout, timeout)
    return Timeouts(connect=connect, read=read)


def _headers_of(raw: BaseHTTPResponse, request: Request) -> Headers:
    """Return the headers of a response; the values of a repeated name are joined."""
    return Headers.joined(raw.headers.iteritems(), request.secrets)


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
