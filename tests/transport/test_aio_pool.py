"""`AioPool` itself: origins, one exchange, and its body."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from naftiko import Request, RequestTimeout, TransportError
from naftiko.masking import Secret
from naftiko.transport.aio_pool import AioExchange, AioPool
from naftiko.transport.environment import ConnectionSettings
from naftiko.transport.redirects import RedirectedRequest
from support.recorder import Received, Recorder, response


def running(act: Callable[[AioPool], Awaitable[Any]], **settings: Any) -> Any:
    """Run something with a pool, and close it."""

    async def main() -> Any:
        pool = AioPool(ConnectionSettings(**{"trust_env": False, **settings}), 4)
        try:
            return await asyncio.wait_for(act(pool), 10)
        finally:
            await pool.close()

    return asyncio.run(main())


def hop(url: str, method: str = "GET", **more: Any) -> RedirectedRequest:
    """Return the first hop of a request."""
    return RedirectedRequest(Request(method, url, **more))


async def exchanged(
    pool: AioPool, sent: RedirectedRequest, timeout: Any = 5
) -> AioExchange:
    """Send one request."""
    origin = await pool.origin(sent)
    return await pool.exchange(sent, sent.headers, origin, timeout)


async def read(pool: AioPool, sent: RedirectedRequest, limit: int = 1000) -> bytes:
    """Send one request and read its body."""
    return await (await exchanged(pool, sent)).read(limit)


# --- origins --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "authority"),
    [
        ("http://h.test:80/x", "h.test"),
        ("http://H.test:81/x", "h.test:81"),
        ("http://[::1]:81/x", "[::1]:81"),
        ("http://bücher.test/x", "xn--bcher-kva.test"),
        ("https://me:pw@h.test/x", "h.test"),
        ("https://h.test:80/x", "h.test:80"),
    ],
)
def test_origin_has_its_authority(url: str, authority: str) -> None:
    """A host outside ASCII is encoded; a usual port and a user are left out."""
    origin = running(lambda pool: pool.origin(hop(url)), verify=False)
    assert (origin.authority, origin.login) == (authority, "")
    assert origin.connections is not None


def test_origin_is_looked_up_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Requests that ask at the same time wait for one look-up."""
    asked: list[tuple[str, bool]] = []
    look_up = ConnectionSettings.look_up

    def counted(self: Any, origin: str, *, is_first_origin: bool) -> Any:
        asked.append((origin, is_first_origin))
        return look_up(self, origin, is_first_origin=is_first_origin)

    monkeypatch.setattr(ConnectionSettings, "look_up", counted)

    async def act(pool: AioPool) -> list[Any]:
        first = hop("http://a.test/x")
        away = first.next(302, "http://b.test/")
        back = away.next(302, "http://a.test/")
        hops = [first, first, away, back, hop("http://a.test/y")]
        return await asyncio.gather(*map(pool.origin, hops))

    one, two, _, back, five = running(act)
    assert one is two is five
    assert back is not one
    assert sorted(asked) == [
        ("http://a.test:80", False),
        ("http://a.test:80", True),
        ("http://b.test:80", False),
    ]


def test_origin_behind_a_proxy_has_no_connections() -> None:
    """Another sender has to send such a request."""
    proxies = {"http": "http://p.test:1"}
    origin = running(lambda pool: pool.origin(hop("http://h/")), proxies=proxies)
    assert origin.connections is None


@pytest.mark.parametrize(
    ("url", "settings", "reason"),
    [
        ("https://h/", {"verify": "/none.pem"}, "there is no file '/none.pem'"),
        ("https://h/", {"verify": __file__}, "the TLS certificate or handshake was"),
        ("http://a b/", {}, "the URL is malformed"),
    ],
)
def test_origin_that_cannot_be_used_is_refused(
    url: str, settings: dict[str, Any], reason: str
) -> None:
    """A wrong file or host is an error of ours, the second time as well."""

    async def act(pool: AioPool) -> None:
        for _ in range(2):
            with pytest.raises(TransportError) as caught:
                await pool.origin(hop(url))
            assert caught.value.reason.startswith(reason)

    running(act, **settings)


def test_login_of_netrc_is_for_requests_without_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It goes along as Latin-1, unless the request carries credentials already."""
    file = tmp_path / "netrc"
    file.write_text("default login jo\xe9 password pw\n", "utf-8")
    monkeypatch.setenv("NETRC", str(file))
    with Recorder() as server:

        async def act(pool: AioPool) -> None:
            await read(pool, hop(server.url))
            await read(pool, hop(server.url, is_identified=True))

        running(act, trust_env=True)
        first, second = server.received
    assert first.headers["authorization"] == "Basic am/pOnB3"
    assert "authorization" not in second.headers


# --- one exchange ---------------------------------------------------------------------


def test_target_and_headers_are_sent_as_they_are() -> None:
    """No character of a target is parsed or encoded again."""
    with Recorder() as server:
        sent = hop(f"{server.url}//a/../%7e?b=[c]&d=%2e#f", headers={"X-a": "1"})
        running(lambda pool: read(pool, sent))
    assert server.last.target == "//a/../%7e?b=[c]&d=%2e"
    assert b"\r\nX-a: 1" in server.last.head


def test_socket_file_is_connected_to(tmp_path: Path) -> None:
    """A request to a socket file says `localhost`; requests share its connection."""
    path = str(tmp_path / "s.sock")
    with Recorder(response("[1]"), path=path) as server:

        async def act(pool: AioPool) -> None:
            for _ in range(2):
                sent = hop("http://localhost/x", socket=path)
                assert await read(pool, sent) == b"[1]"

        running(act)
        assert server.last.headers["host"] == "localhost"
        assert server.connections == 1


def test_head_of_a_response_is_latin_1() -> None:
    """Headers are read byte by byte, also where they are UTF-8."""
    raw = response("", "302 Moved", Location="/\xe9", X_A="\xc3\xa9")
    with Recorder(raw) as server:

        async def act(pool: AioPool) -> None:
            got = await exchanged(pool, hop(server.url))
            assert (got.status, got.reason) == (302, "Moved")
            assert got.headers["Location"] == "/\xe9"
            assert ("X-A", "\xc3\xa9") in got.pairs
            await got.finish()

        running(act)


@pytest.mark.parametrize("is_packed", [False, True])
@pytest.mark.parametrize("has_length", [False, True])
def test_body_is_read_up_to_a_limit(is_packed: bool, has_length: bool) -> None:
    """A body of as many bytes is given; one byte more is refused, unpacked or not."""
    body = b"x" * 100_000
    packed = gzip.compress(body) if is_packed else body
    raw = response(packed, **({"Content_Encoding": "gzip"} if is_packed else {}))
    if not has_length:
        length = b"Content-Length: %d\r\n" % len(packed)
        raw = raw.replace(length, b"").replace(
            b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n", 1
        )
    with Recorder(raw) as server:

        async def act(pool: AioPool) -> None:
            assert await read(pool, hop(server.url), 100_000) == body
            with pytest.raises(TransportError) as caught:
                await read(pool, hop(server.url), 99_999)
            assert caught.value.reason == "the response is larger than 99,999 bytes"

        running(act)


def test_length_of_a_head_request_is_no_body() -> None:
    """The length that HEAD tells may go beyond the limit."""
    raw = b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n"
    with Recorder(raw) as server:
        assert running(lambda pool: read(pool, hop(server.url, "HEAD"), 10)) == b""


@pytest.mark.parametrize("decode", [True, False])
def test_chunks_are_unpacked_or_left(decode: bool) -> None:
    """Chunks come as they arrive, decompressed or as they are."""
    packed = gzip.compress(b"hello" * 50)
    with Recorder(response(packed, Content_Encoding="gzip")) as server:

        async def act(pool: AioPool) -> bytes:
            got = await exchanged(pool, hop(server.url))
            return b"".join([chunk async for chunk in got.chunks(decode=decode)])

        assert running(act) == (b"hello" * 50 if decode else packed)


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (None, "the server closed the connection without a response"),
        (b"nonsense\r\n\r\n", "the response cannot be read"),
        (
            b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\nConnection: close\r\n\r\nx",
            "the response broke off",
        ),
        (
            response(gzip.compress(b"x" * 99)[:-9], Content_Encoding="gzip"),
            "the response broke off",
        ),
        (response(b"plain", Content_Encoding="gzip"), "the response is damaged"),
    ],
    ids=["closed", "no HTTP", "cut off", "packed and cut off", "not packed"],
)
def test_unusable_response_is_an_error(raw: bytes | None, reason: str) -> None:
    """The error names the request, its secrets masked."""
    secrets = (Secret("KEY", "s3cret"),)
    with Recorder(lambda _: raw) as server:

        async def act(pool: AioPool) -> None:
            sent = hop(f"{server.url}/s3cret", "POST", body=b"1", secrets=secrets)
            with pytest.raises(TransportError) as caught:
                await read(pool, sent)
            assert caught.value.message.startswith(f"POST {server.url}/$KEY: {reason}")
            assert not isinstance(caught.value, RequestTimeout)

        running(act)


@pytest.mark.parametrize("timeout", [0.3, (5, 0.05)])
def test_late_response_is_a_timeout(timeout: Any) -> None:
    """The time between two parts is limited, whatever connecting may take."""

    def never(_: Received) -> bytes | None:
        server.closed.wait(5)
        return None

    with Recorder(never) as server:

        async def act(pool: AioPool) -> None:
            with pytest.raises(RequestTimeout) as caught:
                await exchanged(pool, hop(server.url), timeout)
            assert caught.value.reason == "no response within the timeout"
            assert caught.value.hint == "timeout= waits longer"
            server.closed.set()

        running(act)


@pytest.mark.parametrize(
    ("size", "connections"), [(0, 1), (10, 1), (65_536, 1), (5_000_000, 2)]
)
def test_small_body_that_is_not_needed_frees_its_connection(
    size: int, connections: int
) -> None:
    """A larger one costs more to read than another connection to open."""
    with Recorder(response(b"x" * size)) as server:

        async def act(pool: AioPool) -> None:
            for _ in range(2):
                await (await exchanged(pool, hop(server.url))).finish()

        running(act)
        assert server.connections == connections


def test_closed_pool_ends_what_is_being_read() -> None:
    """A reader that waits for more gets an error, and does not wait for ever."""

    def half(_: Received) -> bytes | None:
        server._open[-1].sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nx")
        server.closed.wait(5)
        return None

    with Recorder(half) as server:

        async def act(pool: AioPool) -> None:
            exchange = await exchanged(pool, hop(server.url))
            reading = asyncio.create_task(exchange.read(1000))
            await asyncio.sleep(0.01)
            await pool.close()
            with pytest.raises(TransportError):
                await reading
            server.closed.set()

        running(act)
