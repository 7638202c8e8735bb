"""Connection pool over real sockets: keep-alive, retries and shared views."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import naftiko
from support.building import capability
from support.exchanges import BEARER
from support.recorder import Recorder, response


def test_connections_are_reused() -> None:
    """Keep-alive: ten calls use one connection."""
    with Recorder() as server, capability(base_uri=server.url) as api:
        for _ in range(10):
            api.call("api.op")
        assert server.connections == 1


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_stale_connection_is_replaced(method: str) -> None:
    """Stale connection: an idempotent request is sent again on a new connection."""
    with (
        Recorder() as server,
        capability({"method": method}, base_uri=server.url) as api,
    ):
        api.call("api.op")
        server.drop_connections()
        assert api.call("api.op") == {}
        assert server.connections == 2


def test_head_has_no_body_and_keeps_its_connection() -> None:
    """A HEAD response with a huge `Content-Length` has no body and keeps alive."""
    large = 1 << 40
    head = f"HTTP/1.1 200 OK\r\nContent-Length: {large}\r\nX-Kind: big\r\n\r\n"
    with Recorder(head.encode()) as server:
        with capability({"method": "HEAD"}, base_uri=server.url) as api:
            for _ in range(3):
                exchange = api.exchange("api.op")
                assert exchange.response.headers["x-kind"] == "big"
                assert exchange.result is None
        assert len({r.connection for r in server.received}) == 1


def test_post_is_not_sent_twice() -> None:
    """A POST whose connection closes without a response is an error, not a retry."""
    with (
        Recorder() as server,
        capability({"method": "POST"}, base_uri=server.url) as api,
    ):
        api.call("api.op")
        server.answer = lambda _: None
        with pytest.raises(naftiko.TransportError, match="closed the connection"):
            api.call("api.op")
        assert len(server.received) == 2


def test_get_is_retried_once_only() -> None:
    """A GET whose connection closes without a response is retried once."""
    with Recorder(lambda _: None) as server, capability(base_uri=server.url) as api:
        with pytest.raises(naftiko.TransportError, match="closed the connection"):
            api.call("api.op")
        assert len(server.received) == 2


def test_threads_share_a_capability() -> None:
    """Eight threads share one capability, and each call gets its own answer."""
    with Recorder(lambda r: response(f'"{r.target}"')) as server:
        operation = {"resourcePath": "/n/{n}"}
        with capability(operation, base_uri=server.url) as api:
            with ThreadPoolExecutor(8) as pool:
                found = list(pool.map(lambda n: api.call("api.op", n=n), range(200)))
        assert found == [f"/n/{n}" for n in range(200)]
        assert server.connections <= 8


def test_views_share_connections_but_not_credentials_or_cookies() -> None:
    """A view made by `using` shares the pool, but no credentials and no cookies."""
    with Recorder(response(Set_Cookie="sid=1; Path=/")) as server:
        with capability(
            consumes=BEARER, base_uri=server.url, variables={"TOKEN": "a"}
        ) as api:
            api.call("api.op")
            view = api.using(variables={"TOKEN": "b"})
            view.call("api.op")
            api.call("api.op")
        first, second, third = server.received
        tokens = [r.headers["authorization"] for r in server.received]
        assert tokens == ["Bearer a", "Bearer b", "Bearer a"]
        assert "cookie" not in first.headers
        assert "cookie" not in second.headers
        assert third.headers["cookie"] == "sid=1"
        assert server.connections == 1


def test_cookie_of_the_server_is_sent_back() -> None:
    """A cookie of the server is sent back together with the caller's own cookie."""
    operation = {"inputParameters": [{"name": "own", "in": "cookie"}]}
    with Recorder(response(Set_Cookie="sid=1; Path=/")) as server:
        with capability(operation, base_uri=server.url) as api:
            api.call("api.op", own="2")
            api.call("api.op", own="3")
        assert server.last.headers["cookie"] == "own=3; sid=1"


def test_closed_capability_opens_a_new_connection(tmp_path: Path) -> None:
    """A closed capability opens a new connection; closing a view closes no other."""
    path = str(tmp_path / "s.sock")
    for server in (Recorder(), Recorder(path=path)):
        with server:
            api = capability(base_uri=server.url)
            api.call("api.op")
            with api.using(variables={"A": "b"}) as view:
                view.call("api.op")
            api.call("api.op")
            assert server.connections == 1
            api.close()
            assert api.call("api.op") == {}
            assert server.connections == 2
            api.close()
