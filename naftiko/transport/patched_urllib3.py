"""Connections of `urllib3` and `requests` that send the request target as it was built.

There are connections over TCP, TLS and Unix sockets. Private or undocumented names that
this module and `http` rely on (a test checks each; `pyproject.toml` caps the versions
below the next minor release):

- `http.client.HTTPResponse`: `_read_status()` returns (version, status, reason); `fp`.
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
from http.client import HTTPResponse, parse_headers
from typing import Any

from requests.adapters import HTTPAdapter
from requests.models import PreparedRequest
from requests.structures import CaseInsensitiveDict
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool


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
    """A response that skips interim responses such as early hints (RFC 8297)."""

    def _read_status(self) -> tuple[str, int, str]:
        line: tuple[str, int, str] = super()._read_status()  # type: ignore[misc]
        while 100 < line[1] < 200 and line[1] != 101:
            parse_headers(self.fp)
            line = super()._read_status()  # type: ignore[misc]
        return line


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
