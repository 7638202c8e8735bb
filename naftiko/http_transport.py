"""`HttpTransport`: requests over pooled connections of `requests`.

What `requests` works out again for every call (proxies, netrc, TLS settings, headers)
is worked out once per origin. Then there are two ways: straight to the pool that the
adapter of `requests` gives, or through `requests`, for what only it can do: signers,
proxies, cookies. Redirects (RFC 9110, 15.4) and retries of a connection that died in
the pool are handled here. It must not know operations.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from errno import ENOENT
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, NamedTuple
from urllib.parse import unquote, urljoin, urlsplit

import requests
from requests.cookies import (
    RequestsCookieJar,
    extract_cookies_to_jar,
    get_cookie_header,
)
from requests.hooks import dispatch_hook
from requests.models import PreparedRequest
from requests.utils import get_environ_proxies, get_netrc_auth, select_proxy
from urllib3.exceptions import HTTPError
from urllib3.util import Retry
from urllib3.util import Timeout as Timeouts

from naftiko.connections import (
    SocketAdapter,
    WebAdapter,
    WireHeaders,
    shown_target,
    target_of,
)
from naftiko.errors import TransportError, shorten
from naftiko.failures import failure, is_dead
from naftiko.masking import mask
from naftiko.messages import Headers, Request, Response
from naftiko.model import IDEMPOTENT_METHODS
from naftiko.transport import CHUNK, MAX_RESPONSE_BYTES, StreamedResponse

if TYPE_CHECKING:
    from requests.auth import AuthBase
    from urllib3 import BaseHTTPResponse, HTTPConnectionPool

    from naftiko.transport import Timeout

MAX_REDIRECTS = 20
#: As many pools as `urllib3` keeps: it closes those that go beyond.
_MOST_ROUTES = 32
_NO_RETRIES = Retry(False, redirect=False)
_log = logging.getLogger("naftiko")
_REDIRECTS = frozenset((301, 302, 303, 307, 308))
#: Headers that say nothing about the caller; all others stay with the origin.
_IMPERSONAL = frozenset(("accept", "accept-encoding", "accept-language", "user-agent"))
_CONTENT_HEADERS = frozenset(("content-type", "content-encoding", "content-language"))


class _Route(NamedTuple):
    """What is known about an origin before any call; no pool when behind a proxy."""

    adapter: WebAdapter
    pool: HTTPConnectionPool | None
    verify: bool | str
    cert: str | tuple[str, str] | None
    proxies: dict[str, str]
    netrc: AuthBase | None


class _Answer(NamedTuple):
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
        self._verify = verify
        self._cert = cert
        self._proxies = dict(proxies or {})
        self._trust_env = trust_env
        self._follow_redirects = follow_redirects
        self._max_bytes = max_response_bytes
        self._pool_size = pool_size
        self._web = WebAdapter(_MOST_ROUTES, pool_size)
        self._sockets: dict[str, SocketAdapter] = {}
        self._routes: dict[tuple[bool, str, str], _Route] = {}
        self._lock = threading.Lock()
        self._cookies = RequestsCookieJar()

    def view(self) -> HttpTransport:
        """Return a transport over the same connections, with cookies of its own."""
        other = object.__new__(HttpTransport)
        other.__dict__.update(self.__dict__)
        other._cookies = RequestsCookieJar()
        return other

    def send(self, request: Request, *, timeout: Timeout) -> Response:
        """Send a request and return the whole response; see `Transport.send`."""
        started = time.perf_counter()
        answer = self._open(request, timeout)
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

    def stream(self, request: Request, *, timeout: Timeout) -> StreamedResponse:
        """Send a request and return the response before its body is read."""
        answer = self._open(request, timeout)
        raw = answer.raw
        return StreamedResponse(
            request,
            raw.status,
            _headers_of(raw),
            lambda size: _chunks(answer, request, size),
            reason=raw.reason or "",
            close=lambda: _end(raw),
        )

    def close(self) -> None:
        """Close every pooled connection."""
        self._web.close()
        for adapter in self._sockets.values():
            adapter.close()

    # --- one exchange, redirects included -------------------------------------------

    def _open(self, request: Request, timeout: Timeout) -> _Answer:
        hop = _Hop(request)
        for _ in range(MAX_REDIRECTS + 1):
            answer = self._exchange(hop, timeout)
            raw = answer.raw
            if raw.status not in _REDIRECTS or not self._follow_redirects:
                return answer
            location = raw.headers.get("Location")
            if not location:
                return answer
            # The connection can be used again once a small body is read.
            with suppress(HTTPError, OSError):
                _ = raw.read() if _is_small(raw) else None
            _end(raw)
            hop = hop.next(raw.status, location)
        raise TransportError(
            f"{request.method} {request.shown_url}: over {MAX_REDIRECTS} redirects",
            request=request,
        )

    def _exchange(self, hop: _Hop, timeout: Timeout) -> _Answer:
        # What `requests` raises is an `OSError`.
        try:
            route = self._route(hop)
            hop.open()
            try:
                return self._send(hop, route, timeout)
            except (HTTPError, OSError) as error:
                # The server may have closed a pooled connection at this very moment.
                if not _died_in_pool(error, hop):
                    raise
                hop.rewind()
                return self._send(hop, route, timeout)
        except (HTTPError, OSError) as error:
            raise failure(error, hop.request) from None
        finally:
            hop.close()

    def _send(self, hop: _Hop, route: _Route, timeout: Timeout) -> _Answer:
        """Send a request straight, unless it needs what only `requests` can do."""
        auth = hop.auth
        if auth is None and not hop.request.is_identified:
            auth = route.netrc
        if auth is None and route.pool is not None and not len(self._cookies):
            return self._send_straight(hop, route.pool, timeout)
        return self._send_through_requests(hop, route, auth, timeout)

    def _send_straight(
        self, hop: _Hop, pool: HTTPConnectionPool, timeout: Timeout
    ) -> _Answer:
        headers = hop.wire_headers()
        headers.target = target_of(hop.url)
        raw = pool.urlopen(
            hop.method,
            shown_target(headers.target),
            hop.content,
            headers,
            retries=_NO_RETRIES,
            redirect=False,
            assert_same_host=False,
            timeout=Timeouts(*timeout) if isinstance(timeout, tuple) else timeout,
            preload_content=False,
            decode_content=False,
            # A body whose length nobody knows.
            chunked=hop.content is not None and "Content-Length" not in headers,
        )
        if "set-cookie" in raw.headers:
            self._keep_cookies(hop, hop.prepared(), raw)
        return _Answer(raw, hop.url)

    def _send_through_requests(
        self, hop: _Hop, route: _Route, auth: Any, timeout: Timeout
    ) -> _Answer:
        prepared = self._signed(hop, auth)
        settings: Any = {
            "stream": True,
            "timeout": timeout,
            "verify": route.verify,
            "cert": route.cert,
            "proxies": route.proxies,
        }
        response = route.adapter.send(prepared, **settings)
        response = dispatch_hook(  # type: ignore[no-untyped-call]
            "response", prepared.hooks, response, **settings
        )
        for answer in (*response.history, response):
            if "set-cookie" in answer.headers:
                self._keep_cookies(hop, prepared, answer.raw)
        body = response.content if response._content_consumed else None
        return _Answer(response.raw, response.url, body)

    def _keep_cookies(self, hop: _Hop, prepared: PreparedRequest, raw: Any) -> None:
        # A socket file is called `localhost`, which is somebody else.
        if not hop.request.socket:
            extract_cookies_to_jar(  # type: ignore[no-untyped-call]
                self._cookies, prepared, raw
            )

    def _signed(self, hop: _Hop, auth: Any) -> PreparedRequest:
        """Return a request with its cookies and what a signer adds."""
        prepared = hop.prepared()
        if len(self._cookies) and not hop.request.socket:
            kept = prepared.headers.pop("Cookie", "")
            jar = get_cookie_header(  # type: ignore[no-untyped-call]
                self._cookies, prepared
            )
            if cookies := "; ".join(filter(None, (kept, jar))):
                prepared.headers["Cookie"] = cookies
        if auth is not None:
            if hasattr(auth, "afresh"):
                auth = auth.afresh()
            # What `PreparedRequest.prepare_auth` does.
            prepared._cookies = RequestsCookieJar()  # type: ignore[attr-defined]
            signed = auth(prepared)
            prepared.__dict__.update(signed.__dict__)
        return prepared

    def _route(self, hop: _Hop) -> _Route:
        key = (hop.is_home, hop.request.socket if hop.is_home else "", hop.origin)
        route = self._routes.get(key)
        if route is None:
            with self._lock:
                if len(self._routes) >= _MOST_ROUTES:
                    self._routes.clear()
                route = self._routes[key] = self._new_route(*key)
        return route

    def _new_route(self, is_home: bool, path: str, origin: str) -> _Route:
        if path:
            adapter = self._sockets.setdefault(
                path, SocketAdapter(path, self._pool_size)
            )
            return _Route(adapter, adapter.socket_pool, False, None, {}, None)
        verify: bool | str = self._verify
        proxies = self._proxies
        netrc = None
        if self._trust_env:
            if verify is True:
                bundle = os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get(
                    "CURL_CA_BUNDLE"
                )
                verify = bundle or True
            proxies = {**get_environ_proxies(origin), **proxies}
            # An origin reached by a redirect was never chosen by the user.
            netrc = get_netrc_auth(origin) if is_home else None
        # For the same reason a client certificate is shown to the first origin alone.
        cert = self._cert if is_home else None
        for path in (verify, *((cert,) if isinstance(cert, str) else cert or ())):
            if isinstance(path, str) and not os.path.exists(path):
                raise FileNotFoundError(ENOENT, os.strerror(ENOENT), path)
        pool = None
        if not select_proxy(origin, proxies):
            pool = self._web.pool(origin, verify, cert)
        login = requests.auth.HTTPBasicAuth(*netrc) if netrc else None
        return _Route(self._web, pool, verify, cert, proxies, login)

    def _read(self, request: Request, answer: _Answer) -> bytes:
        limit = self._max_bytes
        raw = answer.raw
        try:
            if answer.body is not None:
                return answer.body
            if request.method == "HEAD":
                return bytes(raw.read())  # nothing, and the connection is free again
            declared = raw.headers.get("Content-Length")
            if declared and declared.isdigit() and int(declared) > limit:
                raise _too_large(request, limit)
            if declared and "Content-Encoding" not in raw.headers:
                return bytes(raw.read())
            first = raw.read(CHUNK, decode_content=True)
            if len(first) < CHUNK and raw.length_remaining == 0:
                return bytes(first)
            chunks, size = [first], len(first)
            while chunk := raw.read(CHUNK, decode_content=True):
                chunks.append(chunk)
                size += len(chunk)
                if size > limit:
                    raise _too_large(request, limit)
            return b"".join(chunks)
        except (HTTPError, OSError) as error:
            raise failure(error, request, reading=True) from None
        finally:
            _end(raw)


class _Hop:
    """One request of an exchange: the first, or what a redirect asks for."""

    __slots__ = (
        "_file", "_length", "_offset", "auth", "body", "content", "headers", "is_home",
        "method", "origin", "request", "url",
    )  # fmt: skip

    def __init__(self, request: Request) -> None:
        self.request = request
        self.method = request.method
        self.url = request.url
        self.origin = _origin(request.url)
        self.headers: Mapping[str, str] = request.headers
        self.body = request.body
        self.auth: AuthBase | None = request.auth
        self.is_home = True
        #: The body as it is handed on: bytes, an open file, or `None`.
        self.content: Any = None
        self._file: IO[bytes] | None = None
        self._length: int | None = None
        self._offset: int | None = None
        if self.body is not None and hasattr(self.body, "tell"):
            with suppress(OSError, ValueError):
                self._offset = self.body.tell()

    def next(self, status: int, location: str) -> _Hop:
        """Return what a redirect asks for (RFC 9110, 15.4)."""
        hop = _Hop(self.request)
        hop._offset = self._offset
        request = self.request
        try:
            hop.url = urljoin(self.url, _quoted(location))
            hop.origin = _origin(hop.url)
        except ValueError:  # a malformed host or port
            hop.origin = ""
        if not hop.origin.startswith(("http://", "https://")):
            raise TransportError(
                f"{request.method} {request.shown_url}: redirected to"
                f" '{request.mask(shorten(location))}', which is no HTTP address",
                request=request,
            )
        hop.method, hop.body = self.method, self.body
        to_get = status == 303 and self.method not in ("GET", "HEAD")
        if to_get or (status in (301, 302) and self.method == "POST"):
            hop.method, hop.body = "GET", None
        hop.is_home = self.is_home and hop.origin == self.origin
        hop.headers = {
            name: value
            for name, value in self.headers.items()
            if (hop.is_home or name.lower() in _IMPERSONAL | _CONTENT_HEADERS)
            and (hop.body is not None or name.lower() not in _CONTENT_HEADERS)
        }
        if not hop.is_home:
            hop.auth = None
            hop._check_body()
        return hop

    def _check_body(self) -> None:
        """Refuse to carry a body that holds a secret to another origin."""
        body, request = self.body, self.request
        if isinstance(body, bytes) and request.secrets:
            text = body.decode("utf-8", "replace")
            if mask(text, request.secrets) != text:
                raise TransportError(
                    f"{request.method} {request.shown_url}: redirected to another"
                    f" origin, {request.mask(self.origin)}, which must not get the"
                    " credentials in the body",
                    request=request,
                )

    def open(self) -> None:
        """Open the body, and find out its length."""
        self.content, self._length = self._open_body()

    def wire_headers(self) -> WireHeaders:
        """Return the headers that go with the body."""
        headers = WireHeaders(self.headers)
        if self._length is not None and "Transfer-Encoding" not in headers:
            headers["Content-Length"] = str(self._length)
        return headers

    def prepared(self) -> PreparedRequest:
        """Return the request as `requests` wants it."""
        prepared = PreparedRequest()
        prepared.method = self.method
        prepared.url = self.url
        prepared.headers = self.wire_headers()
        prepared.body = self.content
        return prepared

    def _open_body(self) -> tuple[Any, int | None]:
        """Return the body and its length in bytes, `None` when it is not known."""
        body = self.body
        if body is None:
            return None, 0 if self.method in ("POST", "PUT", "PATCH") else None
        if isinstance(body, bytes):
            return body, len(body)
        if isinstance(body, Path):
            try:
                self._file = body.open("rb")
            except OSError as error:
                raise TransportError(
                    f"the body '{body}' cannot be read: {error.strerror}",
                    request=self.request,
                ) from None
            return self._file, os.fstat(self._file.fileno()).st_size
        self.rewind()
        try:
            begin = body.tell()
            size = body.seek(0, os.SEEK_END) - begin
            body.seek(begin)
        except (OSError, ValueError, AttributeError):
            return body, None
        return body, size

    def rewind(self) -> None:
        """Go back to where the body began, for sending it again."""
        target = self._file or self.body
        if target is not None and hasattr(target, "seek"):
            with suppress(OSError, ValueError):
                target.seek(0 if self._file else self._offset or 0)

    def close(self) -> None:
        """Close the file that was opened for this hop."""
        if self._file is not None:
            self._file.close()
            self._file = None


def _headers_of(raw: BaseHTTPResponse) -> Headers:
    """Return headers, those that came several times joined."""
    return Headers({name: raw.headers[name] for name in raw.headers})


def _chunks(answer: _Answer, request: Request, size: int) -> Iterator[bytes]:
    """Yield the body of a response as it arrives."""
    raw: Any = answer.raw
    if answer.body is not None:
        for begin in range(0, len(answer.body), size):
            yield answer.body[begin : begin + size]
        return
    try:
        if getattr(raw, "chunked", False):
            yield from raw.read_chunked(size, decode_content=True)
            return
        while chunk := raw.read1(size, decode_content=True):
            yield chunk
        while chunk := raw.read(size, decode_content=True):
            yield chunk
    except (HTTPError, OSError) as error:
        raise failure(error, request, reading=True) from None


def _end(raw: BaseHTTPResponse) -> None:
    """Give the connection back; one with something left to read is closed."""
    raw.close()
    raw.release_conn()


def _died_in_pool(error: BaseException, hop: _Hop) -> bool:
    return hop.method in IDEMPOTENT_METHODS and is_dead(error)


def _too_large(request: Request, limit: int) -> TransportError:
    return TransportError(
        f"{request.method} {request.shown_url}: the response is larger than"
        f" {limit:,} bytes",
        request=request,
        hint="stream it, or raise HttpTransport(max_response_bytes=…)",
    )


def _is_small(raw: BaseHTTPResponse) -> bool:
    length = raw.headers.get("Content-Length", "")
    return length.isdigit() and int(length) <= CHUNK


def _origin(url: str) -> str:
    """Return scheme, host and port, the default port written out."""
    parts = urlsplit(url)
    scheme = parts.scheme.lower()
    port = parts.port or (443 if scheme == "https" else 80)
    host = parts.hostname or ""
    return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"


def _quoted(location: str) -> str:
    """Return a `Location` with what may not stand in a URL percent-encoded."""
    from requests.utils import requote_uri

    try:
        # http.client decodes headers as Latin-1; servers mean UTF-8.
        location = location.encode("latin-1").decode("utf-8")
    except UnicodeError:
        location = unquote(location)
    return str(requote_uri(location))
