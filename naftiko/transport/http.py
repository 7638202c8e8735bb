"""`HttpTransport`: requests over pooled connections of `requests`.

What `requests` works out again for every call (proxies, netrc, TLS settings, headers)
is worked out once per origin. Then there are two ways: straight to the pool that the
adapter of `requests` gives, or through `requests`, for what only it can do: signers,
proxies, cookies. A connection that died in the pool is replaced here; what a redirect
asks for is decided in `hops`. It must not know operations.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from http.client import HTTPException
from typing import TYPE_CHECKING, Any, NamedTuple

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

from naftiko.errors import CallError, TransportError
from naftiko.http import IDEMPOTENT_METHODS
from naftiko.transport.base import CHUNK, MAX_RESPONSE_BYTES
from naftiko.transport.encodings import Damaged, unpacker_of
from naftiko.transport.environment import ConnectionSettings
from naftiko.transport.failures import failure, is_dead
from naftiko.transport.messages import Headers, Request, Response
from naftiko.transport.patched_urllib3 import (
    SocketAdapter,
    WebAdapter,
    WireHeaders,
    shown_target,
)
from naftiko.transport.redirects import (
    REDIRECTS,
    RedirectedRequest,
    damaged,
    too_large,
)
from naftiko.transport.streams import StreamedResponse

if TYPE_CHECKING:
    from requests.auth import AuthBase
    from urllib3 import BaseHTTPResponse, HTTPConnectionPool

    from naftiko.transport.base import Timeout

#: As many pools as `urllib3` keeps: it closes those that go beyond.
_MOST_ROUTES = 32
_NO_RETRIES = Retry(False, redirect=False)
_log = logging.getLogger("naftiko")


class _KnownOrigin(NamedTuple):
    """What is known about an origin before any call; no pool when behind a proxy."""

    adapter: WebAdapter
    pool: HTTPConnectionPool | None
    verify: bool | str
    cert: str | tuple[str, str] | None
    proxies: dict[str, str]
    netrc: AuthBase | None


class _Opened(NamedTuple):
    """A response before its body is read; `body` is what a signer has read of it."""

    raw: BaseHTTPResponse
    url: str
    body: bytes | None = None


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
        self._routes: dict[tuple[bool, str, str], _KnownOrigin] = {}
        self._lock = threading.Lock()
        #: One jar for each origin: cookies know no port, and are credentials.
        self._cookies: dict[str, RequestsCookieJar] = {}

    def view(self) -> HttpTransport:
        """Return a transport over the same connections, with cookies of its own."""
        other = object.__new__(HttpTransport)
        other.__dict__.update(self.__dict__)
        other._cookies = {}
        return other

    def send(
        self,
        request: Request,
        *,
        timeout: Timeout,
        hop: RedirectedRequest | None = None,
    ) -> Response:
        """Send a request and return the whole response; see `Transport.send`.

        Args:
            request: What to send.
            timeout: Seconds, or (seconds to connect, seconds between two parts).
            hop: Where redirects have led already; by default nowhere.
        """
        started = time.perf_counter()
        answer = self._open(hop or RedirectedRequest(request), timeout)
        body = self._read(request, answer)
        raw = answer.raw
        if _log.isEnabledFor(logging.DEBUG):
            took = (time.perf_counter() - started) * 1000
            _log.debug(
                "%s %s %d %.0f ms",
                request.method, request.shown_url, raw.status, took,
            )  # fmt: skip
        return Response(
            raw.status,
            _headers_of(raw),
            body,
            reason=raw.reason or "",
            url=request.mask(answer.url),
        )

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
            request: What to send.
            timeout: Seconds, or (seconds to connect, seconds between two parts).
            hop: Where redirects have led already; by default nowhere.
            decode: Undo a `Content-Encoding`; otherwise the body is what was sent.
        """
        answer = self._open(hop or RedirectedRequest(request), timeout)
        raw = answer.raw
        return StreamedResponse(
            request,
            raw.status,
            _headers_of(raw),
            lambda size: _chunks(answer, request, size, decode=decode),
            reason=raw.reason or "",
            pairs=tuple(raw.headers.iteritems()),
            close=lambda: _end(raw),
        )

    def close(self) -> None:
        """Close every pooled connection; a request after that opens another."""
        with self._lock:
            self._routes.clear()
            self._web.close()
            for adapter in self._sockets.values():
                adapter.close()
            self._sockets.clear()

    # --- one exchange, redirects included -------------------------------------------

    def _open(self, hop: RedirectedRequest, timeout: Timeout) -> _Opened:
        while True:
            answer = self._exchange(hop, timeout)
            raw = answer.raw
            if raw.status not in REDIRECTS or not self._follow_redirects:
                return answer
            location = raw.headers.get("Location")
            if not location:
                return answer
            # The connection can be used again once a small body is read.
            with suppress(HTTPError, OSError):
                _ = raw.read() if _is_small(raw) else None
            _end(raw)
            hop = hop.next(raw.status, location)

    def _exchange(self, hop: RedirectedRequest, timeout: Timeout) -> _Opened:
        # What `requests` raises is an `OSError`.
        try:
            route = self._route(hop)
            hop.open()
            try:
                return self._send(hop, route, timeout)
            except (HTTPError, OSError) as error:
                # The server may have closed a pooled connection at this very moment.
                if not _died_in_pool(error, hop) or not hop.rewind():
                    raise
                return self._send(hop, route, timeout)
        except (HTTPError, HTTPException, OSError, ValueError) as error:
            if isinstance(error, CallError):
                raise
            raise failure(error, hop.request, url=hop.url) from None
        finally:
            hop.close()

    def _send(
        self, hop: RedirectedRequest, route: _KnownOrigin, timeout: Timeout
    ) -> _Opened:
        """Send a request straight, unless it needs what only `requests` can do."""
        auth = hop.auth
        if auth is None and not hop.request.is_identified:
            auth = route.netrc
        if auth is None and route.pool is not None and hop.origin not in self._cookies:
            return self._send_straight(hop, route.pool, timeout)
        return self._send_through_requests(hop, route, auth, timeout)

    def _send_straight(
        self, hop: RedirectedRequest, pool: HTTPConnectionPool, timeout: Timeout
    ) -> _Opened:
        headers = _wire_headers(hop)
        headers.target = hop.target
        raw = pool.urlopen(
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
            # A body whose length nobody knows.
            chunked=hop.content is not None and "Content-Length" not in headers,
        )
        if "set-cookie" in raw.headers:
            self._keep_cookies(hop, _prepared(hop), raw)
        return _Opened(raw, hop.url)

    def _send_through_requests(
        self, hop: RedirectedRequest, route: _KnownOrigin, auth: Any, timeout: Timeout
    ) -> _Opened:
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
        for answer in (*response.history, response):
            if "set-cookie" in answer.headers:
                self._keep_cookies(hop, prepared, answer.raw)
        body = response.content if response._content_consumed else None
        return _Opened(response.raw, response.url, body)

    def _keep_cookies(
        self, hop: RedirectedRequest, prepared: PreparedRequest, raw: Any
    ) -> None:
        # A socket file is called `localhost`, which is somebody else.
        if not hop.request.socket:
            jar = self._cookies.setdefault(hop.origin, RequestsCookieJar())
            extract_cookies_to_jar(  # type: ignore[no-untyped-call]
                jar, prepared, raw
            )

    def _signed(self, hop: RedirectedRequest, auth: Any) -> PreparedRequest:
        """Return a request with its cookies and what a signer adds."""
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
            # What `PreparedRequest.prepare_auth` does.
            prepared._cookies = RequestsCookieJar()  # type: ignore[attr-defined]
            with _signing(hop, auth):
                prepared.__dict__.update(auth(prepared).__dict__)
            if prepared.body is not hop.content:
                prepared.prepare_content_length(prepared.body)
        return prepared

    def _route(self, hop: RedirectedRequest) -> _KnownOrigin:
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

    def _new_route(self, is_first_origin: bool, path: str, origin: str) -> _KnownOrigin:
        if path:
            adapter = self._sockets.setdefault(
                path, SocketAdapter(path, self._pool_size)
            )
            return _KnownOrigin(adapter, adapter.socket_pool, False, None, {}, None)
        found = self._settings.around(origin, is_first_origin=is_first_origin)
        pool = None
        if not found.proxy:
            pool = self._web.pool(origin, found.verify, found.cert)
        login = requests.auth.HTTPBasicAuth(*found.login) if found.login else None
        return _KnownOrigin(
            self._web, pool, found.verify, found.cert, found.proxies, login
        )

    def _read(self, request: Request, answer: _Opened) -> bytes:
        limit = self._max_bytes
        raw: Any = answer.raw
        try:
            if answer.body is not None:
                if len(answer.body) > limit:
                    raise too_large(request, limit)
                return answer.body
            if request.method == "HEAD":
                return bytes(raw.read())  # nothing, and the connection is free again
            # What the headers say only counts when the connection goes by it.
            length = raw.length_remaining
            if length is not None:
                if length > limit:
                    raise too_large(request, limit)
                if "Content-Encoding" not in raw.headers:
                    return bytes(raw.read())
            chunks, size = [], 0
            arriving = iter(lambda: raw.read(CHUNK, decode_content=False), b"")
            for chunk in _unpacked(raw, arriving):
                chunks.append(chunk)
                size += len(chunk)
                if size > limit:
                    raise too_large(request, limit)
            return b"".join(chunks)
        except Damaged as error:
            raise damaged(error, request) from None
        except (HTTPError, OSError) as error:
            raise failure(error, request, reading=True) from None
        finally:
            _end(raw)


def _wire_headers(hop: RedirectedRequest) -> WireHeaders:
    """Return the headers that go with the body of a hop that is open."""
    headers = WireHeaders(hop.headers)
    headers.mask = hop.request.mask
    if hop.length is not None and "Transfer-Encoding" not in headers:
        headers["Content-Length"] = str(hop.length)
    return headers


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


def _headers_of(raw: BaseHTTPResponse) -> Headers:
    """Return headers, those that came several times joined."""
    return Headers({name: raw.headers[name] for name in raw.headers})


def _chunks(
    answer: _Opened, request: Request, size: int, *, decode: bool
) -> Iterator[bytes]:
    """Yield the body of a response as it arrives, at most `size` bytes at once."""
    raw: Any = answer.raw
    try:
        if answer.body is not None:
            chunks: Iterator[bytes] = iter([answer.body])
        else:
            chunks = iter(lambda: raw.read1(size, decode_content=False), b"")
            if decode:
                chunks = _unpacked(raw, chunks)
        for chunk in chunks:
            for begin in range(0, len(chunk), size):
                yield chunk[begin : begin + size]
    except Damaged as error:
        raise damaged(error, request) from None
    except (HTTPError, OSError) as error:
        raise failure(error, request, reading=True) from None


def _unpacked(raw: BaseHTTPResponse, chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Undo the encoding of a body; `urllib3` would take half of one for the whole."""
    unpacker = unpacker_of(raw.headers.get("Content-Encoding"))
    if unpacker is None:
        yield from chunks
        return
    for chunk in chunks:
        yield from unpacker.feed(chunk)
    unpacker.end()


def _end(raw: BaseHTTPResponse) -> None:
    """Give the connection back; one with something left to read is closed."""
    raw.close()
    raw.release_conn()


def _died_in_pool(error: BaseException, hop: RedirectedRequest) -> bool:
    return hop.method in IDEMPOTENT_METHODS and is_dead(error)


def _is_small(raw: Any) -> bool:
    length = raw.length_remaining
    return length is not None and length <= CHUNK


@contextmanager
def _signing(hop: RedirectedRequest, auth: Any) -> Iterator[None]:
    """Say whose fault it is when a signer fails; it may be anybody's code."""
    try:
        yield
    except (CallError, HTTPError, OSError):
        raise
    except Exception as error:
        request = hop.request
        reason = (
            f"the signer '{type(auth).__name__}' failed with {type(error).__name__}"
        )
        raise TransportError(
            f"{request.method} {request.shown_url}: {reason}",
            reason=reason,
            request=request,
        ) from error
