"""`HttpTransport`: requests over pooled connections of `requests`.

What `requests` works out again for every call (proxies, netrc, TLS settings, headers)
is worked out once per origin; redirects (RFC 9110, 15.4), cookies and retries of a
connection that died in the pool are handled here. It must not know operations.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, NamedTuple
from urllib.parse import unquote, urljoin, urlsplit

import requests
from requests.adapters import HTTPAdapter
from requests.cookies import (
    RequestsCookieJar,
    extract_cookies_to_jar,
    get_cookie_header,
)
from requests.hooks import dispatch_hook
from requests.models import PreparedRequest
from requests.utils import get_environ_proxies, get_netrc_auth
from urllib3.exceptions import HTTPError

from naftiko.connections import SocketAdapter, WebAdapter, WireHeaders
from naftiko.errors import TransportError, shorten
from naftiko.failures import failure, is_dead
from naftiko.masking import mask
from naftiko.messages import Request, Response
from naftiko.model import IDEMPOTENT_METHODS
from naftiko.transport import CHUNK, MAX_RESPONSE_BYTES, StreamedResponse

if TYPE_CHECKING:
    from requests.auth import AuthBase

    from naftiko.transport import Timeout

MAX_REDIRECTS = 20
_log = logging.getLogger("naftiko")
_REDIRECTS = frozenset((301, 302, 303, 307, 308))
#: Headers that say nothing about the caller; all others stay with the origin.
_IMPERSONAL = frozenset(("accept", "accept-encoding", "accept-language", "user-agent"))
_CONTENT_HEADERS = frozenset(("content-type", "content-encoding", "content-language"))


class _Route(NamedTuple):
    """What is known about an origin before any call."""

    adapter: HTTPAdapter
    verify: bool | str
    proxies: dict[str, str]
    netrc: tuple[str, str] | None


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
        self._web = WebAdapter(pool_size)
        self._sockets: dict[str, HTTPAdapter] = {}
        self._routes: dict[tuple[str, str], _Route] = {}
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
        response = self._open(request, timeout)
        body = self._read(request, response)
        if _log.isEnabledFor(logging.DEBUG):
            took = (time.perf_counter() - started) * 1000
            _log.debug(
                "%s %s %d %.0f ms",
                request.method, request.shown_url, response.status_code, took,
            )  # fmt: skip
        return Response(
            response.status_code,
            response.headers,
            body,
            reason=response.reason or "",
            url=request.mask(response.url or ""),
        )

    def stream(self, request: Request, *, timeout: Timeout) -> StreamedResponse:
        """Send a request and return the response before its body is read."""
        response = self._open(request, timeout)

        def close() -> None:
            response.raw.close()
            response.close()

        return StreamedResponse(
            request,
            response.status_code,
            response.headers,
            lambda size: _chunks(response, request, size),
            reason=response.reason or "",
            close=close,
        )

    def close(self) -> None:
        """Close every pooled connection."""
        self._web.close()
        for adapter in self._sockets.values():
            adapter.close()

    # --- one exchange, redirects included -------------------------------------------

    def _open(self, request: Request, timeout: Timeout) -> requests.Response:
        hop = _Hop(request)
        for _ in range(MAX_REDIRECTS + 1):
            response = self._exchange(hop, timeout)
            if response.status_code not in _REDIRECTS or not self._follow_redirects:
                return response
            location = response.headers.get("Location")
            if not location:
                return response
            with suppress(requests.RequestException, HTTPError, OSError):
                _ = response.content if _is_small(response) else None
            response.close()
            hop = hop.next(response, location)
        raise TransportError(
            f"{request.method} {request.shown_url}: over {MAX_REDIRECTS} redirects",
            request=request,
        )

    def _exchange(self, hop: _Hop, timeout: Timeout) -> requests.Response:
        route = self._route(hop)
        prepared = self._prepare(hop, route)
        settings = {
            "stream": True,
            "timeout": timeout,
            "verify": route.verify,
            "cert": self._cert if hop.is_home else None,
            "proxies": route.proxies,
        }
        try:
            try:
                response = route.adapter.send(prepared, **settings)  # type: ignore[arg-type]
            except requests.ConnectionError as error:
                # The server may have closed a pooled connection at this very moment.
                if not _died_in_pool(error, hop):
                    raise
                hop.rewind()
                response = route.adapter.send(prepared, **settings)  # type: ignore[arg-type]
            if prepared.hooks["response"]:
                response = dispatch_hook(  # type: ignore[no-untyped-call]
                    "response", prepared.hooks, response, **settings
                )
        except (requests.RequestException, HTTPError, OSError) as error:
            raise failure(error, hop.request) from None
        finally:
            hop.close()
        if "set-cookie" in response.headers or response.history:
            for answer in (*response.history, response):
                extract_cookies_to_jar(  # type: ignore[no-untyped-call]
                    self._cookies, prepared, answer.raw
                )
        return response

    def _prepare(self, hop: _Hop, route: _Route) -> PreparedRequest:
        prepared = PreparedRequest()
        prepared.method = hop.method
        prepared.url = hop.url
        headers = prepared.headers = WireHeaders(hop.headers)
        body, length = hop.open_body()
        prepared.body = body
        if length is not None and "Transfer-Encoding" not in headers:
            headers["Content-Length"] = str(length)
        if len(self._cookies) and not hop.request.socket:
            kept = headers.pop("Cookie", "")
            jar = get_cookie_header(  # type: ignore[no-untyped-call]
                self._cookies, prepared
            )
            cookies = "; ".join(filter(None, (kept, jar)))
            if cookies:
                headers["Cookie"] = cookies
        auth: Any = hop.auth
        if auth is None and route.netrc and not hop.request.is_identified:
            auth = requests.auth.HTTPBasicAuth(*route.netrc)
        if auth is not None:
            if hasattr(auth, "afresh"):
                auth = auth.afresh()
            # What `PreparedRequest.prepare_auth` does.
            prepared._cookies = RequestsCookieJar()  # type: ignore[attr-defined]
            signed = auth(prepared)
            prepared.__dict__.update(signed.__dict__)
        return prepared

    def _route(self, hop: _Hop) -> _Route:
        key = (hop.request.socket if hop.is_home else "", hop.origin)
        route = self._routes.get(key)
        if route is None:
            with self._lock:
                route = self._routes[key] = self._new_route(*key, hop)
        return route

    def _new_route(self, path: str, origin: str, hop: _Hop) -> _Route:
        if path:
            adapter = self._sockets.setdefault(
                path, SocketAdapter(path, self._pool_size)
            )
            return _Route(adapter, False, {}, None)
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
            netrc = get_netrc_auth(origin) if hop.is_home else None
        return _Route(self._web, verify, proxies, netrc)

    def _read(self, request: Request, response: requests.Response) -> bytes:
        limit = self._max_bytes
        try:
            declared = response.headers.get("Content-Length")
            if declared and declared.isdigit() and int(declared) > limit:
                raise _too_large(request, limit)
            if request.method == "HEAD":
                return b""
            raw = response.raw
            if declared and "Content-Encoding" not in response.headers:
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
        except (requests.RequestException, HTTPError, OSError) as error:
            raise failure(error, request) from None
        finally:
            response.raw.release_conn() if response.raw.length_remaining == 0 else (
                response.close()
            )


class _Hop:
    """One request of an exchange: the first, or what a redirect asks for."""

    __slots__ = (
        "_file", "_offset", "auth", "body", "headers", "is_home", "method", "origin",
        "request", "url",
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
        self._file: IO[bytes] | None = None
        self._offset: int | None = None
        if self.body is not None and hasattr(self.body, "tell"):
            with suppress(OSError, ValueError):
                self._offset = self.body.tell()

    def next(self, response: requests.Response, location: str) -> _Hop:
        """Return what a redirect asks for (RFC 9110, 15.4)."""
        hop = _Hop(self.request)
        hop._offset = self._offset
        status = response.status_code
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

    def open_body(self) -> tuple[Any, int | None]:
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


def _chunks(
    response: requests.Response, request: Request, size: int
) -> Iterator[bytes]:
    """Yield the body of a response as it arrives."""
    raw = response.raw
    try:
        if getattr(raw, "chunked", False):
            yield from raw.read_chunked(size, decode_content=True)
            return
        while chunk := raw.read1(size, decode_content=True):
            yield chunk
        while chunk := raw.read(size, decode_content=True):
            yield chunk
    except (requests.RequestException, HTTPError, OSError) as error:
        raise failure(error, request) from None


def _died_in_pool(error: BaseException, hop: _Hop) -> bool:
    return hop.method in IDEMPOTENT_METHODS and is_dead(error)


def _too_large(request: Request, limit: int) -> TransportError:
    return TransportError(
        f"{request.method} {request.shown_url}: the response is larger than"
        f" {limit:,} bytes",
        request=request,
        hint="stream it, or raise HttpTransport(max_response_bytes=…)",
    )


def _is_small(response: requests.Response) -> bool:
    length = response.headers.get("Content-Length", "")
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
