"""Connections of `urllib3` and `requests` that send the request target as it was built.

There are connections over TCP, TLS and Unix sockets. Private or undocumented names that
this module and `http` rely on (a test checks each; `pyproject.toml` caps the versions
below the next minor release):

- `http.client.HTTPResponse`: `begin` sets `code`, `status`, `reason`, `version`,
  `headers`, `msg`, `chunked`, `chunk_left`, `length` and `will_close`; bodies are read
  by `_get_chunk_left`, `_read_and_discard_trailer` and `_close_conn`; `fp`, `_method`.
- `urllib3` connections: `response_class`, `sock`, `timeout`, and
  `request(method, url, body, headers, ...)`.
- `urllib3` pools: `ConnectionCls`; pool managers: `pool_classes_by_scheme`.
- `urllib3` responses: `length_remaining`.
- `requests.adapters.HTTPAdapter`: `poolmanager`, `get_connection_with_tls_context`,
  `cert_verify`, `proxy_manager_for`, `request_url`.
- `requests` messages: `PreparedRequest._cookies`, `Response._content_consumed`.

This module must not know requests of ours, redirects or credentials.
"""

from __future__ import annotations

import socket as sockets
from collections.abc import Callable, Mapping
from http.client import HTTPMessage, HTTPResponse, IncompleteRead, RemoteDisconnected
from typing import Any

from requests.adapters import HTTPAdapter
from requests.models import PreparedRequest
from requests.structures import CaseInsensitiveDict
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from naftiko.transport.wire.chunks import (
    NO_END,
    SIZE_TOO_LONG,
    TRAILER_TOO_LONG,
    chunk_size,
)
from naftiko.transport.wire.heads import (
    BEGINNING,
    HEAD_TOO_LONG,
    LINE_TOO_LONG,
    MAX_FIELDS,
    MAX_HEAD,
    MAX_INTERIM,
    MAX_LINE,
    NO_HTTP,
    TOO_MANY_INTERIM,
    Unreadable,
    parse_head,
)


class WireHeaders(CaseInsensitiveDict[str]):
    """Headers with the request target that goes on the wire.

    urllib3 re-encodes a target (`[` becomes `%5B`) and logs it. It is given a masked
    one instead; the connection takes the exact one from here.
    """

    target: str = ""
    #: Replaces every secret in a text.
    mask: Callable[[str], str] = staticmethod(str)

    def copy(self) -> WireHeaders:
        """Return headers with the same target."""
        other = WireHeaders(self.items())
        other.target, other.mask = self.target, self.mask
        return other


def _exactly(url: str, headers: Any) -> str:
    return getattr(headers, "target", "") or url


class _Response(HTTPResponse):
    """A response whose head and chunks are read by the rules of `wire`.

    Interim responses such as early hints (RFC 8297) are skipped.
    """

    fp: Any
    _close_conn: Callable[[], None]

    def begin(self, **_more: Any) -> None:
        """Read the head.

        Raises:
            RemoteDisconnected: The server closed the connection instead.
            IncompleteRead: It closed the connection within the head.
            Unreadable: The response is malformed.
        """
        if self.headers is not None:
            return
        for _ in range(MAX_INTERIM + 1):
            head = parse_head(self._read_head(), is_head=self._method == "HEAD")
            if not head.is_interim:
                break
        else:
            raise Unreadable(TOO_MANY_INTERIM)
        self.code = self.status = head.status
        self.reason = head.reason
        self.version = head.version
        self.headers = self.msg = message = HTTPMessage()
        for name, value in head.pairs:
            message[name] = value
        self.chunked = head.is_chunked
        self.chunk_left = None
        self.length = head.length
        self.will_close = not head.stays_open

    def _read_head(self) -> bytes:
        """Return the lines of a head, the empty one at the end included."""
        file = self.fp
        line = b"\n"
        while line in (b"\r\n", b"\n"):
            # A line without end must not be waited for: the bytes may be no HTTP.
            begun = file.peek(1)[: len(BEGINNING)]
            if not begun:
                raise RemoteDisconnected("nothing came")
            if begun[:1] not in b"\r\n" and not BEGINNING.startswith(begun):
                raise Unreadable(NO_HTTP)
            line = file.readline(MAX_LINE + 1)
        lines, size = [line], len(line)
        while line not in (b"\r\n", b"\n"):
            if not line.endswith(b"\n"):
                if len(line) > MAX_LINE:
                    raise Unreadable(LINE_TOO_LONG)
                raise IncompleteRead(b"")
            line = file.readline(MAX_LINE + 1)
            lines.append(line)
            size += len(line)
            if size > MAX_HEAD:
                raise Unreadable(HEAD_TOO_LONG)
        return b"".join(lines)

    def _get_chunk_left(self) -> int | None:
        """Return what is left of a chunk, the next one included; `None` at the end."""
        left: int | None = self.chunk_left
        if left:
            return left
        if left is not None and self._read_line() not in (b"\r\n", b"\n"):
            raise Unreadable(NO_END)
        left = chunk_size(self._read_line())
        if not left:
            self._read_and_discard_trailer()
            self._close_conn()
            left = None
        self.chunk_left = left
        return left

    def _read_line(self) -> bytes:
        line: bytes = self.fp.readline(MAX_LINE + 1)
        if line.endswith(b"\n"):
            return line
        if len(line) > MAX_LINE:
            raise Unreadable(SIZE_TOO_LONG)
        raise IncompleteRead(b"")

    def _read_and_discard_trailer(self) -> None:
        for _ in range(MAX_FIELDS + 1):
            line = self.fp.readline(MAX_LINE + 1)
            if line in (b"\r\n", b"\n", b""):
                return
            if len(line) > MAX_LINE:
                break
        raise Unreadable(TRAILER_TOO_LONG)


class _Connection(HTTPConnection):
    response_class = _Response

    def request(
        self, method: str, url: str, body: Any = None, headers: Any = None, **more: Any
    ) -> None:
        """Send a request with the exact target."""
        super().request(method, _exactly(url, headers), body, headers, **more)


class _TLSConnection(HTTPSConnection):
    response_class = _Response

    def request(
        self, method: str, url: str, body: Any = None, headers: Any = None, **more: Any
    ) -> None:
        """Send a request with the exact target."""
        super().request(method, _exactly(url, headers), body, headers, **more)


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _TLSPool(HTTPSConnectionPool):
    ConnectionCls = _TLSConnection


class _SocketConnection(_Connection):
    """A connection to a Unix socket."""

    socket_path = ""

    def connect(self) -> None:
        sock = sockets.socket(sockets.AF_UNIX, sockets.SOCK_STREAM)
        timeout = self.timeout
        sock.settimeout(timeout if isinstance(timeout, (int, float)) else None)
        try:
            sock.connect(self.socket_path)
        except OSError:
            sock.close()
            raise
        self.sock = sock


def shown_target(headers: WireHeaders) -> str:
    """Return the target that urllib3 gets, and logs: no secrets, and no query.

    "/bot123:SECRET/send?chat=1"  ->  "/bot$TOKEN/send"
    """
    # A proxied request needs its host unchanged.
    scheme, sign, rest = headers.target.partition("://")
    host, slash, path = rest.partition("/") if sign else ("", "", headers.target)
    path = headers.mask(path.partition("?")[0])
    return f"{scheme}://{host}{slash}{path}" if sign else path


class _SocketPool(HTTPConnectionPool):
    def __init__(self, path: str, **more: Any) -> None:
        super().__init__("localhost", **more)
        kind = type("_SocketConnection", (_SocketConnection,), {"socket_path": path})
        self.ConnectionCls = kind


class WebAdapter(HTTPAdapter):
    """`requests`' adapter over the connections above."""

    def __init__(self, pools: int, maxsize: int) -> None:
        super().__init__(pool_connections=pools, pool_maxsize=maxsize)
        self.poolmanager.pool_classes_by_scheme = {"http": _Pool, "https": _TLSPool}

    def pool(
        self, origin: str, verify: bool | str, cert: str | tuple[str, str] | None
    ) -> HTTPConnectionPool:
        """Return the pool that requests to an origin use, ready to be used directly."""
        prepared = PreparedRequest()
        prepared.url = origin
        pool: Any = self.get_connection_with_tls_context(prepared, verify, cert=cert)
        self.cert_verify(pool, origin, verify, cert)  # type: ignore[no-untyped-call]
        return pool  # type: ignore[no-any-return]

    def proxy_manager_for(self, *args: Any, **more: Any) -> Any:
        """Return a manager whose pools send the exact target."""
        manager = super().proxy_manager_for(*args, **more)
        manager.pool_classes_by_scheme = {"http": _Pool, "https": _TLSPool}
        return manager

    def request_url(
        self, request: PreparedRequest, proxies: Mapping[str, str] | None
    ) -> str:
        """Return the target that urllib3 gets; the headers keep the exact one."""
        url = super().request_url(request, proxies)
        headers = request.headers
        if isinstance(headers, WireHeaders):
            headers.target = url
            return shown_target(headers)
        return url


class SocketAdapter(WebAdapter):
    """`requests`' adapter for one Unix socket."""

    def __init__(self, path: str, maxsize: int) -> None:
        super().__init__(1, maxsize)
        self.socket_pool = _SocketPool(path, maxsize=maxsize)

    def get_connection_with_tls_context(self, *args: Any, **more: Any) -> Any:
        """Return the pool of the socket, whatever the URL says."""
        return self.socket_pool

    def cert_verify(self, *args: Any, **more: Any) -> None:
        """There is no TLS on a socket file."""

    def close(self) -> None:
        """Close the connections to the socket."""
        self.socket_pool.close()
        super().close()
