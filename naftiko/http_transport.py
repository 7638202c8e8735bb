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
from contextlib import ExitStack, contextmanager, suppress
from errno import ENOENT
from http.client import HTTPException
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
from urllib3.exceptions import DecodeError, HTTPError, IncompleteRead
from urllib3.util import Retry
from urllib3.util import Timeout as Timeouts

from naftiko.connections import (
    SocketAdapter,
    WebAdapter,
    WireHeaders,
    shown_target,
    target_of,
)
from naftiko.errors import ArgumentError, CallError, TransportError, shorten
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
#: Encodings that hide the content when the library for them is not there.
_PACKED = ("br", "zstd", "compress", "x-compress")
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
        #: One jar for each origin: cookies know no port, and are credentials.
        self._cookies: dict[str, RequestsCookieJar] = {}

    def view(self) -> HttpTransport:
        """Return a transport over the same connections, with cookies of its own."""
        other = object.__new__(HttpTransport)
        other.__dict__.update(self.__dict__)
        other._cookies = {}
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
        """Close every pooled connection; a request after that opens another."""
        with self._lock:
            self._routes.clear()
            self._web.close()
            for adapter in self._sockets.values():
                adapter.close()
            self._sockets.clear()

    # --- one exchange, redirects included -------------------------------------------

    def _open(self, request: Request, timeout: Timeout) -> _Answer:
        try:
            hop = _Hop(request)
        except ValueError:
            raise TransportError(
                f"{request.method} {request.shown_url}: the URL is malformed",
                request=request,
            ) from None
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
                if not _died_in_pool(error, hop) or not hop.rewind():
                    raise
                return self._send(hop, route, timeout)
        except (HTTPError, HTTPException, OSError, ValueError) as error:
            if isinstance(error, CallError):
                raise
            raise failure(error, hop.request, url=hop.url) from None
        finally:
            hop.close()

    def _send(self, hop: _Hop, route: _Route, timeout: Timeout) -> _Answer:
        """Send a request straight, unless it needs what only `requests` can do."""
        auth = hop.auth
        if auth is None and not hop.request.is_identified:
            auth = route.netrc
        if auth is None and route.pool is not None and hop.origin not in self._cookies:
            return self._send_straight(hop, route.pool, timeout)
        return self._send_through_requests(hop, route, auth, timeout)

    def _send_straight(
        self, hop: _Hop, pool: HTTPConnectionPool, timeout: Timeout
    ) -> _Answer:
        headers = hop.wire_headers()
        headers.target = target_of(hop.url)
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
        return _Answer(response.raw, response.url, body)

    def _keep_cookies(self, hop: _Hop, prepared: PreparedRequest, raw: Any) -> None:
        # A socket file is called `localhost`, which is somebody else.
        if not hop.request.socket:
            jar = self._cookies.setdefault(hop.origin, RequestsCookieJar())
            extract_cookies_to_jar(  # type: ignore[no-untyped-call]
                jar, prepared, raw
            )

    def _signed(self, hop: _Hop, auth: Any) -> PreparedRequest:
        """Return a request with its cookies and what a signer adds."""
        prepared = hop.prepared()
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
        raw: Any = answer.raw
        try:
            if answer.body is not None:
                if len(answer.body) > limit:
                    raise _too_large(request, limit)
                return answer.body
            if request.method == "HEAD":
                return bytes(raw.read())  # nothing, and the connection is free again
            # What the headers say only counts when the connection goes by it.
            length = raw.length_remaining
            if length is not None:
                if length > limit:
                    raise _too_large(request, limit)
                if "Content-Encoding" not in raw.headers:
                    return bytes(raw.read())
            chunks, size = [], 0
            while chunk := raw.read(CHUNK, decode_content=True):
                chunks.append(chunk)
                size += len(chunk)
                if size > limit:
                    raise _too_large(request, limit)
            _check_encoding(raw)
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
            hop.url = _without_user(urljoin(self.url, _quoted(location)))
            hop.origin = _origin(hop.url)
        except ValueError:  # a malformed host or port
            hop.origin = ""
        if not hop.origin.startswith(("http://", "https://")):
            raise TransportError(
                f"{request.method} {request.shown_url}: redirected to"
                f" '{shorten(request.mask(location))}', which is no HTTP address",
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
            hop._check_credentials(self.url)
        if hop.body is not None and not hop.rewind():
            raise TransportError(
                f"{request.method} {request.shown_url}: redirected to"
                f" {request.mask(shorten(hop.url))}, and the body can be read once",
                request=request,
                hint="give the body as bytes, a path or a file that can be rewound",
            )
        return hop

    def _check_credentials(self, url: str) -> None:
        """Refuse to carry credentials in address or body to another origin."""
        request = self.request
        pieces = getattr(self.body, "pieces", (self.body,))
        places = {
            "body": b"".join(piece for piece in pieces if isinstance(piece, bytes)),
            # A server that repeats our query would have us show it elsewhere.
            "address": _query(self.url) if _holds(_query(url), request) else b"",
        }
        for place, content in places.items():
            if _holds(content, request):
                raise TransportError(
                    f"{request.method} {request.shown_url}: redirected to another"
                    f" origin, {request.mask(self.origin)}, which must not get the"
                    f" credentials in the {place}",
                    request=request,
                    hint="if it can be trusted, give it as the base URI",
                )

    def open(self) -> None:
        """Open the body, and find out its length."""
        self.content, self._length = self._open_body()

    def wire_headers(self) -> WireHeaders:
        """Return the headers that go with the body."""
        headers = WireHeaders(self.headers)
        headers.mask = self.request.mask
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
        if not hasattr(body, "read"):
            return _checked_parts(body), None
        self.rewind()
        try:
            begin = body.tell()
            size = body.seek(0, os.SEEK_END) - begin
            body.seek(begin)
        except (OSError, ValueError, AttributeError):
            return body, None
        return body, size

    def rewind(self) -> bool:
        """Go back to where the body began; tell whether it can be sent (again)."""
        target: Any = self._file or self.body
        if target is None or isinstance(target, (bytes, Path)):
            return True
        try:
            target.seek(0 if self._file else self._offset)
        except (AttributeError, OSError, TypeError, ValueError):
            return False
        return True

    def close(self) -> None:
        """Close the files that were opened for this hop."""
        if self._file is not None:
            self._file.close()
            self._file = None
        body: Any = self.body
        if hasattr(body, "pieces"):
            body.release()


def _timeouts(timeout: Timeout) -> Timeouts:
    connect, read = timeout if isinstance(timeout, tuple) else (timeout, timeout)
    return Timeouts(connect=connect, read=read)


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
        while chunk := raw.read1(size, decode_content=True):
            yield chunk
        _check_encoding(raw)
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
        hint="stream it (--stream or -O), or raise HttpTransport(max_response_bytes=…)",
    )


def _is_small(raw: Any) -> bool:
    length = raw.length_remaining
    return length is not None and length <= CHUNK


def _check_encoding(raw: Any) -> None:
    """Refuse a compressed body that ends too early, or that was never unpacked.

    urllib3 gives what it could unpack and says nothing.
    """
    names = raw.headers.get("Content-Encoding", "").lower()
    if not names or not raw.tell():
        return
    decoder = getattr(raw, "_decoder", None)
    if decoder is None:
        if any(name.strip() in _PACKED for name in names.split(",")):
            raise DecodeError(names)
        return
    for one in getattr(decoder, "_decoders", (decoder,)):
        packer: Any = getattr(one, "_obj", None)
        # What follows the end of a gzip stream is skipped by urllib3, as by others.
        skipped = getattr(getattr(one, "_state", None), "__index__", int)() == 2
        ended = getattr(packer, "eof", None)
        if ended is None and hasattr(packer, "is_finished"):
            ended = packer.is_finished()
        if ended is False and not skipped:
            raise IncompleteRead(raw.tell(), 0)


def _checked_parts(parts: Iterator[Any]) -> Iterator[bytes]:
    for part in parts:
        if not isinstance(part, (bytes, bytearray, memoryview)):
            raise ArgumentError(
                f"the body gives a {type(part).__name__} where it should give bytes"
            )
        yield bytes(part)


@contextmanager
def _signing(hop: _Hop, auth: Any) -> Iterator[None]:
    """Say whose fault it is when a signer fails; it may be anybody's code."""
    try:
        yield
    except (CallError, HTTPError, OSError):
        raise
    except Exception as error:
        request = hop.request
        raise TransportError(
            f"{request.method} {request.shown_url}: the signer"
            f" '{type(auth).__name__}' failed with {type(error).__name__}",
            request=request,
        ) from error


def _query(url: str) -> bytes:
    return urlsplit(url).query.encode()


def _holds(content: bytes, request: Request) -> bool:
    """Tell whether a content holds a credential of a request, in any encoding."""
    if not content or not request.credentials:
        return False
    text = content.decode("utf-8", "replace")
    return mask(text, request.credentials) != text


def _without_user(url: str) -> str:
    """Return a URL without user and password: nobody asked for that login."""
    parts = urlsplit(url)
    _, at, host = parts.netloc.rpartition("@")
    return parts._replace(netloc=host).geturl() if at else url


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
