"""The private names of `urllib3` and `requests` that are relied on exist."""

from __future__ import annotations

import http.client
import inspect
import io
from typing import Any

import pytest
from requests.adapters import HTTPAdapter
from requests.models import PreparedRequest, Response
from urllib3 import HTTPResponse
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from naftiko.transport.foreign.patched_urllib3 import SocketAdapter, WebAdapter


class _Socket:
    """A socket that gives one response."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def makefile(self, mode: str) -> io.BytesIO:
        """Return the response as a file."""
        return io.BytesIO(self._data)


def test_http_client_reads_bodies_by_what_begin_sets() -> None:
    """`begin` sets the framing; bodies are read by methods that are replaced here."""
    data: Any = _Socket(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    response: Any = http.client.HTTPResponse(data, method="GET")
    response.begin()
    assert (response.code, response.status, response.reason) == (200, 200, "OK")
    assert (response.version, response.chunked, response.length) == (11, True, None)
    assert (response.chunk_left, response.will_close) == (None, False)
    assert response.headers is response.msg
    for name in ("_get_chunk_left", "_read_and_discard_trailer", "_close_conn"):
        assert callable(getattr(response, name))


@pytest.mark.parametrize("kind", [HTTPConnection, HTTPSConnection])
def test_a_connection_has_a_response_class(kind: Any) -> None:
    """A connection builds `response_class`, and sends what `request` is given."""
    assert kind.response_class is http.client.HTTPResponse
    parameters = list(inspect.signature(kind.request).parameters)
    assert parameters[:5] == ["self", "method", "url", "body", "headers"]
    connection = kind("h", timeout=5)
    assert connection.timeout == 5
    assert connection.sock is None


def test_a_pool_has_a_connection_class() -> None:
    """A pool builds connections of `ConnectionCls`."""
    assert HTTPConnectionPool.ConnectionCls is HTTPConnection
    assert HTTPSConnectionPool.ConnectionCls is HTTPSConnection
    pool = WebAdapter(1, 1).pool("http://h:80", True, None)
    assert type(pool._new_conn()).__mro__[1] is HTTPConnection


@pytest.mark.parametrize(
    ("method", "parameters"),
    [
        ("get_connection_with_tls_context", ["request", "verify", "proxies", "cert"]),
        ("cert_verify", ["conn", "url", "verify", "cert"]),
        ("proxy_manager_for", ["proxy", "proxy_kwargs"]),
        ("request_url", ["request", "proxies"]),
    ],
)
def test_an_adapter_has_the_replaced_methods(
    method: str, parameters: list[str]
) -> None:
    """`HTTPAdapter` calls these methods, with these parameters."""
    signature = inspect.signature(getattr(HTTPAdapter, method))
    assert list(signature.parameters) == ["self", *parameters]
    assert method in vars(WebAdapter) | vars(SocketAdapter) or method == "cert_verify"


def test_a_pool_manager_chooses_pools_by_scheme() -> None:
    """An adapter has a `poolmanager` with `pool_classes_by_scheme`."""
    manager: Any = HTTPAdapter().poolmanager
    assert manager.pool_classes_by_scheme == {
        "http": HTTPConnectionPool,
        "https": HTTPSConnectionPool,
    }


def test_responses_say_what_is_left_and_what_is_read() -> None:
    """`length_remaining`, `_content_consumed` and `_cookies` are there."""
    response = HTTPResponse(io.BytesIO(b"abc"), {"Content-Length": "3"}, 3)
    assert hasattr(response, "length_remaining")
    assert Response()._content_consumed is False  # type: ignore[attr-defined]
    assert hasattr(PreparedRequest(), "_cookies")
