"""`AioTransport`: what a server needs beyond what both senders do.

What they do alike is in `test_transport.py` and `test_wire.py`, which run with both.
"""

from __future__ import annotations

import asyncio
import base64
import gc
import gzip
import os
import ssl
import struct
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

import pytest
import requests
import trustme
from cryptography.hazmat.primitives import serialization

import naftiko
from naftiko.consumes.digest import DigestLogin
from naftiko.masking import Secret
from naftiko.transport.aio import AioTransport
from naftiko.transport.messages import Request
from support.recorder import Received, Recorder, response

T = TypeVar("T")
SECRET = "s3cr3t-t0ken"


def sending(act: Callable[[AioTransport], Awaitable[T]], **settings: Any) -> T:
    """Run something with a transport, and close it."""

    async def main() -> T:
        transport = AioTransport(**settings)
        try:
            return await asyncio.wait_for(act(transport), 60)
        finally:
            await transport.close()

    return asyncio.run(main())


def send(url: str, method: str = "GET", *, timeout: Any = 10, **more: Any) -> Any:
    """Send one request."""
    settings = {k: more.pop(k) for k in ("cert", "verify", "proxies") if k in more}
    request = Request(method, url, **more)
    return sending(lambda t: t.send(request, timeout=timeout), **settings)


def descriptors() -> int:
    """Return how many files and sockets this process has open."""
    gc.collect()
    return len(os.listdir("/proc/self/fd"))


def held(*parts: bytes) -> tuple[Callable[[Received], bytes | None], threading.Event]:
    """Return an answer that sends parts and then waits; and what ends the waiting."""
    gate = threading.Event()

    def answer(_: Received) -> bytes | None:
        for part in parts:
            server = servers[-1]
            server._open[-1].sendall(part)
        gate.wait(20)
        return None

    return answer, gate


servers: list[Recorder] = []


@pytest.fixture
def server() -> Any:
    """Give a server on loopback."""
    with Recorder() as recorder:
        servers.append(recorder)
        yield recorder
    servers.pop()


async def until(condition: Callable[[], Any]) -> None:
    """Wait until something is so."""
    for _ in range(500):
        if condition():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it never was so")


# --- nobody waits any more ----------------------------------------------------------

HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n"


@pytest.mark.parametrize("parts", [(), (HEAD,), (HEAD, b"x" * 50)])
def test_a_cancelled_call_closes_its_connection(
    server: Recorder, parts: tuple[bytes, ...]
) -> None:
    """Before the head, after it, within the body: the server notices at once."""
    server.answer, gate = held(*parts)

    async def act(transport: AioTransport) -> None:
        task = asyncio.create_task(
            transport.send(Request("GET", server.url), timeout=30)
        )
        await until(lambda: server.received)
        await asyncio.sleep(0.05)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await asyncio.to_thread(server._open[0].recv, 1) == b""

    sending(act)
    gate.set()


def test_a_cancelled_upload_ends(server: Recorder) -> None:
    """What gives the body is closed as well as the connection."""
    ended = asyncio.Event()

    async def body() -> AsyncIterator[bytes]:
        try:
            yield b"first"
            await asyncio.sleep(60)
        finally:
            ended.set()

    async def act(transport: AioTransport) -> None:
        request = Request("PUT", server.url, body=body())
        task = asyncio.create_task(transport.send(request, timeout=30))
        await until(lambda: server.connections)
        await asyncio.sleep(0.05)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.wait_for(ended.wait(), 5)
        await until(server.closed.is_set)

    sending(act)


def test_a_hundred_cancelled_calls_leave_nothing(server: Recorder) -> None:
    """No descriptor and no place in the pool is lost."""
    server.answer, gate = held(HEAD)

    async def act(transport: AioTransport) -> None:
        for _ in range(100):
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.01):
                    await transport.send(Request("GET", server.url), timeout=30)
        gate.set()
        server.answer = response("[1]")
        answers = await asyncio.gather(
            *(transport.send(Request("GET", server.url), timeout=10) for _ in range(8))
        )
        assert [a.body for a in answers] == [b"[1]"] * 8

    before = descriptors()
    sending(act, pool_size=4)
    server.drop_connections()
    assert descriptors() <= before + 1


def test_a_closed_transport_refuses(server: Recorder) -> None:
    """After `close` nothing is sent; what was on its way ends as an error."""
    server.answer, gate = held(HEAD)

    async def act(transport: AioTransport) -> None:
        task = asyncio.create_task(
            transport.send(Request("GET", server.url), timeout=20)
        )
        await until(lambda: server.received)
        await asyncio.sleep(0.05)
        await transport.close()
        with pytest.raises(naftiko.TransportError):
            await asyncio.wait_for(task, 5)
        with pytest.raises(naftiko.TransportError, match="the transport is closed"):
            await transport.send(Request("GET", server.url), timeout=20)

    sending(act)
    gate.set()


@pytest.mark.parametrize("size", [1_000, 150_000, 1_500_000])
def test_a_connection_waits_for_its_next_request_longer_than_the_timeout(
    server: Recorder, size: int
) -> None:
    """Nothing of a response, however large, is still waited for once it is complete."""
    server.answer = response(b"x" * size)

    async def act(transport: AioTransport) -> None:
        request = Request("GET", server.url)
        for _ in range(2):
            answer = await transport.send(request, timeout=0.4)
            assert len(answer.body) == size
            await asyncio.sleep(0.5)
            async with transport.stream(request, timeout=0.4) as stream:
                await asyncio.sleep(0.05)  # so that more comes than is taken
                assert len(await stream.read()) == size
            await asyncio.sleep(0.5)

    sending(act)
    assert server.connections == 1


# --- many at once -------------------------------------------------------------------


class Crowd(asyncio.Protocol):
    """A server for many, in the same loop: it answers the target, a little later."""

    open = 0
    most = 0
    delay = 0.02

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport: Any = transport
        Crowd.open += 1
        Crowd.most = max(Crowd.most, Crowd.open)

    def connection_lost(self, exc: Exception | None) -> None:
        Crowd.open -= 1

    def data_received(self, data: bytes) -> None:
        target = data.split(b" ", 2)[1]
        head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(target)
        loop = asyncio.get_running_loop()
        loop.call_later(self.delay, self.transport.write, head + target)


@asynccontextmanager
async def crowd(delay: float = 0.02) -> AsyncIterator[str]:
    """Serve a crowd; give the URL."""
    Crowd.open = Crowd.most = 0
    Crowd.delay = delay
    loop = asyncio.get_running_loop()
    listening = await loop.create_server(Crowd, "127.0.0.1", 0, backlog=4096)
    port = listening.sockets[0].getsockname()[1]
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        listening.close()


def test_two_thousand_calls_at_once() -> None:
    """Each gets its own answer, over no more connections than the pool holds."""

    async def act(transport: AioTransport) -> None:
        async with crowd() as url:
            answers = await asyncio.gather(
                *(
                    transport.send(Request("GET", f"{url}/{n}?[{n}]"), timeout=30)
                    for n in range(2000)
                )
            )
        assert [a.body.decode() for a in answers] == [
            f"/{n}?[{n}]" for n in range(2000)
        ]
        assert Crowd.most <= 64

    before = descriptors()
    sending(act, pool_size=64)
    assert descriptors() <= before + 1


def test_waiting_for_a_connection_has_an_end() -> None:
    """Who finds the pool taken for too long gets an error that says so."""

    async def act(transport: AioTransport) -> list[Any]:
        async with crowd(delay=1) as url:
            return await asyncio.gather(
                *(
                    transport.send(Request("GET", url), timeout=(0.2, 5))
                    for _ in range(6)
                ),
                return_exceptions=True,
            )

    answers = sending(act, pool_size=2)
    late = [a for a in answers if isinstance(a, naftiko.RequestTimeout)]
    assert len(late) == 4
    assert "no connection within the timeout" in str(late[0])


def test_waiting_for_a_thread_has_an_end() -> None:
    """Signed calls beyond the threads get an error when they wait too long."""
    gate = threading.Event()
    with Recorder(lambda _: (gate.wait(10), response())[1]) as server:

        async def act(transport: AioTransport) -> None:
            request = Request("POST", server.url, body=b"", auth=Signer())
            calls = [transport.send(request, timeout=(3, 30)) for _ in range(33)]
            tasks = [asyncio.ensure_future(call) for call in calls]
            done, _ = await asyncio.wait(tasks, return_when="FIRST_COMPLETED")
            (late,) = done
            assert isinstance(late.exception(), naftiko.RequestTimeout)
            assert "too many calls at the same time" in str(late.exception())
            gate.set()
            await asyncio.gather(*(task for task in tasks if task is not late))

        sending(act)


def test_calls_behind_a_proxy_wait_for_a_thread() -> None:
    """More of them than there are threads are done one after the other."""
    answer = response('"by proxy"')
    with Recorder(lambda _: (time.sleep(0.01), answer)[1]) as proxy:

        async def act(transport: AioTransport) -> list[Any]:
            request = Request("GET", "http://api.invalid/")
            return await asyncio.gather(
                *(transport.send(request, timeout=30) for _ in range(100))
            )

        answers = sending(act, proxies={"http": proxy.url})
    assert {a.body for a in answers} == {b'"by proxy"'}


# --- an upstream that fails ---------------------------------------------------------


@pytest.mark.parametrize("parts", [(), (HEAD, b"x" * 50)])
def test_a_reset_connection(server: Recorder, parts: tuple[bytes, ...]) -> None:
    """A connection that is reset is an error of ours, and leaves nothing open."""

    def reset(_: Received) -> None:
        connection = server._open[-1]
        for part in parts:
            connection.sendall(part)
        time.sleep(0.05)
        linger = struct.pack("ii", 1, 0)
        connection.setsockopt(1, 13, linger)  # SOL_SOCKET, SO_LINGER
        connection.close()

    server.answer = reset
    before = descriptors()
    words = "broke off" if parts else "closed the connection without a response"
    with pytest.raises(naftiko.TransportError, match=words):
        send(server.url, "POST", body=b"x")
    assert len(server.received) == 1
    assert descriptors() <= before + 1


def test_a_slow_upstream_is_waited_for_while_it_sends(server: Recorder) -> None:
    """The timeout counts between two parts, not for the whole."""

    def trickle(_: Received) -> bytes:
        server._open[-1].sendall(HEAD.replace(b"100", b"6"))
        for _ in range(5):
            time.sleep(0.1)
            server._open[-1].sendall(b"x")
        return b"y"

    server.answer = trickle
    assert send(server.url, timeout=(5, 0.35)).body == b"xxxxxy"
    server.answer, gate = held(HEAD, b"x")
    with pytest.raises(naftiko.RequestTimeout, match="no response within the timeout"):
        send(server.url, timeout=(5, 0.2))
    gate.set()


def test_an_upstream_that_does_not_read(server: Recorder) -> None:
    """A body that is not taken is given up after the timeout as well."""
    listener = server._listener
    listener.setsockopt(1, 8, 4096)  # SOL_SOCKET, SO_RCVBUF

    def stop(request: Received) -> bytes:
        raise AssertionError("the body came whole")

    server.answer = stop
    gate = threading.Event()

    def idle(connection: Any) -> None:
        gate.wait(10)
        connection.close()

    server._serve = idle  # type: ignore[method-assign]
    before = descriptors()
    begun = time.monotonic()
    with pytest.raises(naftiko.RequestTimeout):
        send(server.url, "PUT", body=b"x" * 20_000_000, timeout=(5, 0.3))
    assert time.monotonic() - begun < 5
    assert descriptors() <= before + 1
    gate.set()


@pytest.mark.parametrize("host", ["a b", "\N{SNOWMAN}" * 80, "x" * 70 + ".invalid"])
def test_a_host_that_cannot_be(host: str) -> None:
    """It is an error of ours, whoever finds it out."""
    for _ in range(2):
        with pytest.raises(naftiko.TransportError):
            send(f"http://{host}/")


def test_a_host_outside_ascii() -> None:
    """It is looked up as the network writes it; nobody has this one."""
    with pytest.raises(naftiko.TransportError, match="no connection"):
        send("http://b\xfccher.invalid/")


def test_the_log_holds_no_secret(
    server: Recorder, caplog: pytest.LogCaptureFixture
) -> None:
    """Each call is one line, as with the other sender."""
    secrets = (Secret("TOKEN", SECRET),)
    with caplog.at_level("DEBUG", "naftiko"):
        send(f"{server.url}/x?key={SECRET}", secrets=secrets)
    assert f"GET {server.url}/x?key=$TOKEN 200 " in caplog.text
    assert SECRET not in caplog.text


def test_no_secret_in_an_error() -> None:
    """Neither in the message nor in what hangs on the error."""
    with Recorder() as gone:
        url = gone.url
    secrets = (Secret("TOKEN", SECRET),)
    with pytest.raises(naftiko.TransportError, match="Connection refused") as caught:
        send(f"{url}/x?key={SECRET}", secrets=secrets)
    error: BaseException | None = caught.value
    while error is not None:
        assert SECRET not in f"{error} {error!r}"
        error = error.__cause__ or (
            None if error.__suppress_context__ else error.__context__
        )


def test_certificates_can_go_unchecked_or_be_in_a_folder(tmp_path: Path) -> None:
    """`verify=False` takes any, and a folder names the authorities."""
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    with Recorder(response("[1]"), tls=context) as server:
        assert send(server.url, verify=False).body == b"[1]"
        with pytest.raises(naftiko.TransportError, match="TLS certificate"):
            send(server.url, verify=str(tmp_path))

        async def act(transport: AioTransport) -> None:
            # Two origins, one context.
            for url in (server.url, server.url.replace("localhost", "127.0.0.1")):
                answer = await transport.send(Request("GET", url), timeout=5)
                assert answer.body == b"[1]"

        sending(act, verify=False)


def test_a_refused_certificate_leaves_nothing_open(tmp_path: Path) -> None:
    """TLS that fails closes its connection; a client that shows none is told so."""
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    context.verify_mode = ssl.CERT_REQUIRED
    authority.configure_trust(context)
    bundle = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(bundle))
    with Recorder(tls=context) as server:
        before = descriptors()
        for _ in range(3):
            with pytest.raises(naftiko.TransportError, match="TLS certificate"):
                send(server.url)
        with pytest.raises(naftiko.TransportError) as caught:
            send(server.url, verify=str(bundle))
        assert "Operation not permitted" not in str(caught.value)
        time.sleep(0.1)
        assert descriptors() <= before + 4


def test_a_client_key_with_a_password_is_not_asked_for(tmp_path: Path) -> None:
    """It is an error, not a question in the terminal of a server."""
    key = trustme.CA().issue_cert("me@test.invalid")
    private = serialization.load_pem_private_key(key.private_key_pem.bytes(), None)
    path = tmp_path / "client.pem"
    path.write_bytes(
        private.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"password"),
        )
        + b"".join(pem.bytes() for pem in key.cert_chain_pems)
    )
    with pytest.raises(naftiko.TransportError, match="TLS"):
        send("https://localhost:9", cert=str(path))


# --- what is sent -------------------------------------------------------------------


async def chunks(*parts: bytes | Exception) -> AsyncIterator[bytes]:
    """Give parts of a body, one after the other."""
    for part in parts:
        await asyncio.sleep(0.01)
        if isinstance(part, Exception):
            raise part
        yield part


def test_an_upload_as_it_comes(server: Recorder) -> None:
    """Without a length it is sent in chunks, with one as it is."""
    send(server.url, "POST", body=chunks(b"one", b"", b"two"))
    assert server.last.headers["transfer-encoding"] == "chunked"
    assert "content-length" not in server.last.headers
    assert server.last.body == b"onetwo"
    headers = {"content-length": "6", "Transfer-Encoding": "chunked"}
    send(server.url, "POST", body=chunks(b"one", b"two"), headers=headers)
    assert server.last.headers["content-length"] == "6"
    assert "transfer-encoding" not in server.last.headers
    assert server.last.body == b"onetwo"


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        ((b"123", b"456"), "the body is longer than 5 bytes"),
        ((b"12", b"3"), "the body ends after 3 of 5 bytes"),
    ],
)
def test_an_upload_of_another_length(
    server: Recorder, parts: tuple[bytes, ...], words: str
) -> None:
    """A length that is not kept breaks the request off; nothing more is written."""
    with pytest.raises(naftiko.TransportError, match=words):
        send(server.url, "PUT", body=chunks(*parts), headers={"Content-Length": "5"})
    assert server.closed.wait(5)
    assert server.received == []


@pytest.mark.parametrize("error", [KeyError("mine"), naftiko.TransportError("gone")])
def test_an_upload_that_fails(server: Recorder, error: Exception) -> None:
    """What is raised while the body is read comes back as it is."""
    with pytest.raises(type(error)) as caught:
        send(server.url, "POST", body=chunks(b"one", error))
    assert caught.value is error
    assert server.closed.wait(5)


def test_a_file_that_changes_while_it_is_sent(server: Recorder, tmp_path: Path) -> None:
    """A file that is gone, or shorter than it was, is an error that names it."""
    with pytest.raises(naftiko.TransportError, match="none' cannot be read: No such"):
        send(server.url, "PUT", body=tmp_path / "none")
    assert server.received == []

    class Shrinking:
        """A file that lost its end."""

        def __init__(self) -> None:
            self.at = 0

        def tell(self) -> int:
            return self.at

        def seek(self, to: int, whence: int = 0) -> int:
            self.at = to if whence == 0 else 10
            return self.at

        def read(self, size: int = -1) -> bytes:
            begin, self.at = self.at, 3
            return b"123"[begin:]

        def close(self) -> None:
            """Nobody calls it."""

    with pytest.raises(naftiko.TransportError, match="ends after 3 of 10 bytes"):
        send(server.url, "PUT", body=Shrinking())

    class Broken(Shrinking):
        """A file on a disk that fails."""

        def read(self, size: int = -1) -> bytes:
            raise OSError(5, "Input/output error")

    words = "the body cannot be read: Input/output error"
    with pytest.raises(naftiko.TransportError, match=words):
        send(server.url, "PUT", body=Broken())


def test_large_bodies_do_not_hold_up_others(server: Recorder) -> None:
    """Bytes of any size are sent in parts, without a warning."""
    body = os.urandom(3_000_000)
    send(server.url, "PUT", body=body)
    assert server.last.body == body
    assert server.last.headers["content-length"] == "3000000"


def test_a_synchronous_iterator_is_read_in_a_thread(server: Recorder) -> None:
    """Whatever gives bytes can be a body."""
    send(server.url, "POST", body=iter([b"one", b"", b"two"]))
    assert server.last.body == b"onetwo"
    with pytest.raises(naftiko.ArgumentError, match="gives a str"):
        send(server.url, "POST", body=iter(["one"]))


def test_an_answer_that_comes_before_the_body_ends(server: Recorder) -> None:
    """It counts; the rest of the body is not sent, nor the connection used again."""
    ended = threading.Event()

    async def endless() -> AsyncIterator[bytes]:
        try:
            while True:
                yield b"x" * 1000
                await asyncio.sleep(0.01)
        finally:
            ended.set()

    def early(connection: Any) -> None:
        connection.recv(65536)
        connection.sendall(response("{}", "413 Content Too Large"))
        while connection.recv(65536):
            pass
        connection.close()
        server.closed.set()

    server._serve = early  # type: ignore[method-assign]

    async def act(transport: AioTransport) -> None:
        request = Request("POST", server.url, body=endless())
        answer = await transport.send(request, timeout=10)
        assert (answer.status, answer.body) == (413, b"{}")
        await asyncio.to_thread(ended.wait, 5)
        await asyncio.to_thread(server.closed.wait, 5)

    sending(act)
    assert ended.is_set()


def test_an_upload_is_not_sent_twice(server: Recorder) -> None:
    """Neither after a redirect nor on another connection."""
    server.answer = response("", "307 Temporary Redirect", Location="/y")
    with pytest.raises(naftiko.TransportError, match="can be read once"):
        send(server.url, "PUT", body=chunks(b"one"))
    server.answer = lambda _: None
    with pytest.raises(naftiko.TransportError, match="closed the connection"):
        send(server.url, "PUT", body=chunks(b"one"))
    assert [r.body for r in server.received] == [b"one", b"one"]


def test_a_large_upload_is_sent_again_from_its_beginning(
    server: Recorder, tmp_path: Path
) -> None:
    """A connection that died in the pool costs no byte of a file, or of bytes."""
    path = tmp_path / "f"
    content = os.urandom(200_000)
    path.write_bytes(content)

    async def act(transport: AioTransport) -> None:
        for body in (path, content, path.open("rb")):
            answers = [response("there"), None, response()]
            server.answer = lambda _: answers.pop(0)  # noqa: B023
            await transport.send(Request("GET", server.url), timeout=10)
            request = Request("PUT", server.url, body=body)
            answer = await transport.send(request, timeout=10)
            assert answer.body == b"{}"
            assert [r.body for r in server.received[-2:]] == [content, content]
            if not isinstance(body, (bytes, Path)):
                assert not body.closed  # it is the caller's
                body.close()

    sending(act)


def test_headers_of_the_caller_alone(server: Recorder) -> None:
    """aiohttp adds nothing of its own, whatever the method."""
    server.answer = response("", "204 No Content")
    for method in ("GET", "HEAD", "DELETE", "OPTIONS", "QUERY"):
        send(server.url, method, headers={"X-One": "1"})
        assert set(server.last.headers) == {"host", "x-one"}
    for method in ("POST", "PUT", "PATCH"):
        send(server.url, method)
        assert set(server.last.headers) == {"host", "content-length"}
        send(server.url, method, body=b"x", headers={"Expect": "100-continue"})
        assert set(server.last.headers) == {"host", "content-length", "expect"}


def test_headers_outside_ascii(server: Recorder) -> None:
    """They are Latin-1 on the wire, in both directions."""
    server.answer = response(X_Name="caf\xe9")
    answer = send(server.url, headers={"X-Name": "caf\xe9"})
    assert "X-Name: caf\xe9".encode("latin-1") in server.last.head
    assert answer.headers["x-name"] == "caf\xe9"
    with pytest.raises(naftiko.TransportError, match="cannot be written as HTTP"):
        send(server.url, headers={"X-Name": "東"})
    with pytest.raises(naftiko.TransportError, match="cannot be written as HTTP"):
        send(server.url, headers={"X-Name": "a\nb"})


def test_headers_that_come_several_times(server: Recorder) -> None:
    """They are joined, as `HttpTransport` does."""
    server.answer = response().replace(b"\r\n\r\n", b"\r\nX: 1\r\nx: 2\r\n\r\n")
    assert send(server.url).headers["X"] == "1, 2"


# --- nothing of one call in another -------------------------------------------------


def test_cookies_live_as_long_as_their_call(server: Recorder) -> None:
    """A cookie set on the way comes back within the call, and in no other."""
    with Recorder() as foreign:

        def answer(request: Received) -> bytes:
            if request.target == "/x":
                return response(
                    "", "302 Found", Location="/y/z?a=/b", Set_Cookie=f"sid={SECRET}"
                )
            if "a=/b" in request.target:
                return response("", "302 Found", Location="/end", Set_Cookie="b=2")
            return response("", "302 Found", Location=f"{foreign.url}/")

        server.answer = answer

        async def act(transport: AioTransport) -> None:
            for _ in range(2):
                headers = {"Cookie": "own=1"}
                request = Request("GET", f"{server.url}/x", headers)
                await transport.send(request, timeout=10)

        sending(act)
        cookies = [r.headers.get("cookie") for r in server.received]
        assert cookies == ["own=1", f"own=1; sid={SECRET}", f"own=1; sid={SECRET}"] * 2
        assert all("cookie" not in r.headers for r in foreign.received)


def test_a_redirect_without_an_address(server: Recorder) -> None:
    """It is the response; a large one with an address costs its connection."""
    server.answer = response("[1]", "302 Found")
    assert send(server.url).status == 302
    large = response("x" * 5_000_000, "302 Found", Location="/y")
    server.answer = lambda r: response("[2]") if r.target == "/y" else large
    assert send(server.url).body == b"[2]"
    assert server.received[-1].connection != server.received[-2].connection


def test_cookies_that_do_not_belong_there(server: Recorder) -> None:
    """A cookie of another path is not sent."""
    server.answer = lambda r: (
        response("", "302 Found", Location="/y", Set_Cookie="a=1; Path=/other")
        if r.target == "/x"
        else response()
    )
    send(f"{server.url}/x")
    assert "cookie" not in server.last.headers


def test_a_redirect_that_leads_behind_a_proxy(server: Recorder) -> None:
    """It is followed there, without what belongs to the first origin."""
    with Recorder(response('"there"')) as proxy:
        server.answer = response("", "302 Found", Location="http://far.invalid/z")
        answer = send(
            f"{server.url}/x",
            headers={"Authorization": f"Bearer {SECRET}", "Accept": "a/b"},
            proxies={"http://far.invalid": proxy.url},
        )
    assert answer.body == b'"there"'
    assert proxy.last.target == "http://far.invalid/z"
    assert proxy.last.headers["accept"] == "a/b"
    assert SECRET.encode() not in proxy.last.head


def test_netrc_is_for_the_origin_that_the_user_chose(
    server: Recorder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server that redirects to another one does not make it get a login."""
    file = tmp_path / "netrc"
    file.write_text("default login joe password fromnetrc\n")
    monkeypatch.setenv("NETRC", str(file))
    with Recorder() as foreign:
        server.answer = response("", "302 Found", Location=foreign.url)

        async def act(transport: AioTransport) -> None:
            await transport.send(Request("GET", server.url), timeout=10)
            await transport.send(Request("GET", foreign.url), timeout=10)
            request = Request("GET", foreign.url, is_identified=True)
            await transport.send(request, timeout=10)

        sending(act)
        logins = [r.headers.get("authorization") for r in foreign.received]
    login = "Basic " + base64.b64encode(b"joe:fromnetrc").decode()
    assert server.last.headers["authorization"] == login
    assert logins == [None, login, None]


# --- signers, in threads ------------------------------------------------------------


class Signer(requests.auth.AuthBase):
    """A signer that signs the body, and notes in which thread."""

    def __init__(self) -> None:
        self.threads: list[str] = []

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        self.threads.append(threading.current_thread().name)
        body: Any = request.body
        content = body.read() if hasattr(body, "read") else body
        if hasattr(body, "seek"):
            body.seek(0)
        request.headers["X-Signed"] = str(len(content))
        return request


def test_a_signer_signs_what_is_sent(server: Recorder) -> None:
    """It may read the body, a streamed one as well, and holds up nobody."""
    signer = Signer()
    send(server.url, "PUT", body=b"four", auth=signer)
    assert server.last.headers["x-signed"] == "4"
    send(server.url, "PUT", body=chunks(b"1" * 800_000, b"2" * 800_000), auth=signer)
    assert server.last.headers["x-signed"] == "1600000"
    assert server.last.headers["content-length"] == "1600000"
    assert server.last.body == b"1" * 800_000 + b"2" * 800_000
    assert all(name.startswith("naftiko-requests") for name in signer.threads)


def test_digest_with_a_streamed_body(server: Recorder) -> None:
    """The body is there for the answer to the challenge too."""
    challenge = response(
        "{}", "401 Unauthorized", WWW_Authenticate='Digest realm="r", nonce="n"'
    )
    server.answer = lambda r: (
        response("[1]") if "authorization" in r.headers else challenge
    )
    login = DigestLogin("ann", SECRET)
    answer = send(server.url, "POST", body=chunks(b"one", b"two"), auth=login)
    assert answer.body == b"[1]"
    assert [r.body for r in server.received] == [b"onetwo", b"onetwo"]


def test_a_stream_in_a_thread(server: Recorder) -> None:
    """What comes through `requests` is streamed as well, and closed when it is left."""
    packed = gzip.compress(b"hello")
    server.answer = response(packed, Content_Encoding="gzip").replace(
        b"\r\n\r\n", b"\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\n\r\n", 1
    )
    signer = Signer()

    async def act(transport: AioTransport) -> None:
        for decode, body in ((True, b"hello"), (False, packed)):
            request = Request("POST", server.url, body=b"", auth=signer)
            async with transport.stream(request, timeout=5, decode=decode) as stream:
                assert stream.status == 200
                assert ("Set-Cookie", "b=2") in stream.pairs
                assert await stream.read() == body
        server.answer, gate = held(HEAD, b"x")
        async with transport.stream(request, timeout=20) as stream:
            assert await anext(aiter(stream)) == b"x"
        connection = server._open[-1]
        assert await asyncio.to_thread(connection.recv, 1) == b""
        gate.set()

    sending(act)


def test_a_cancelled_stream_in_a_thread_is_closed(server: Recorder) -> None:
    """When the head comes after nobody waits any more, the connection ends."""
    gate = threading.Event()

    def late(_: Received) -> bytes | None:
        gate.wait(10)
        server._open[-1].sendall(HEAD)
        return b"x" if server._open[-1].recv(1) else None

    server.answer = late

    async def act(transport: AioTransport) -> None:
        async def stream() -> None:
            request = Request("POST", server.url, body=b"", auth=Signer())
            async with transport.stream(request, timeout=20):
                raise AssertionError("nobody waits")

        task = asyncio.create_task(stream())
        await until(lambda: server.received)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        gate.set()
        await until(server.closed.is_set)

    sending(act)


# --- streams ------------------------------------------------------------------------


def test_a_stream_gives_what_is_there(server: Recorder) -> None:
    """A chunk is there while the next is held back; leaving closes the connection."""
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nX: 1\r\nx: 2\r\n\r\n"
    server.answer, gate = held(head + b"5\r\nfirst\r\n")

    async def act(transport: AioTransport) -> None:
        request = Request("GET", server.url)
        async with transport.stream(request, timeout=20) as stream:
            assert (stream.status, stream.reason) == (200, "OK")
            assert stream.headers["x"] == "1, 2"
            assert stream.pairs[1:] == [("X", "1"), ("x", "2")]
            assert await anext(aiter(stream)) == b"first"
        assert await asyncio.to_thread(server._open[0].recv, 1) == b""

    sending(act)
    gate.set()


def test_a_stream_that_is_read_frees_its_connection(server: Recorder) -> None:
    """Many streams need one connection; each may be packed or not."""
    body = b"x" * 300_000
    server.answer = response(gzip.compress(body), Content_Encoding="gzip")

    async def act(transport: AioTransport) -> None:
        for _ in range(3):
            request = Request("GET", server.url)
            async with transport.stream(request, timeout=10) as stream:
                assert await stream.read() == body
            async with transport.stream(request, timeout=10, decode=False) as stream:
                assert gzip.decompress(await stream.read()) == body
                assert stream.headers["content-encoding"] == "gzip"
            async with transport.stream(request, timeout=10) as stream:
                assert await stream.read(10) == b"x" * 10

    sending(act)
    assert server.connections <= 3


def test_a_stream_that_ends_too_early(server: Recorder) -> None:
    """What came is given, then comes an error of ours."""
    gate = threading.Event()

    def short(_: Received) -> None:
        server._open[-1].sendall(HEAD + b"half")
        gate.wait(10)

    server.answer = short

    async def act(transport: AioTransport) -> None:
        request = Request("GET", server.url)
        async with transport.stream(request, timeout=10) as stream:
            assert await anext(aiter(stream)) == b"half"
            gate.set()
            with pytest.raises(naftiko.TransportError, match="broke off"):
                await anext(aiter(stream))

    sending(act)


def test_a_packed_response_gives_others_their_turn() -> None:
    """While a large body is unpacked the loop goes on."""
    body = gzip.compress(b"\0" * 60_000_000)
    with Recorder(response(body, Content_Encoding="gzip")) as server:

        async def act(transport: AioTransport) -> float:
            longest, running = 0.0, True

            async def watch() -> None:
                nonlocal longest
                last = time.perf_counter()
                while running:
                    await asyncio.sleep(0)
                    now = time.perf_counter()
                    longest, last = max(longest, now - last), now

            watching = asyncio.create_task(watch())
            answer = await transport.send(Request("GET", server.url), timeout=10)
            running = False
            await watching
            assert len(answer.body) == 60_000_000
            return longest

        # Joining the body is one step, as long as the whole unpacking would be.
        assert sending(act) < 0.5


def test_unix_sockets_have_pools_of_their_own(tmp_path: Path) -> None:
    """Two sockets are two servers, though both are called `localhost`."""
    paths = [str(tmp_path / name) for name in ("a.sock", "b.sock")]
    with (
        Recorder(response('"a"'), path=paths[0]) as a,
        Recorder(response('"b"'), path=paths[1]) as b,
    ):

        async def act(transport: AioTransport) -> list[bytes]:
            found = []
            for path in paths * 3:
                request = Request("GET", "http://localhost/x", socket=path)
                found.append((await transport.send(request, timeout=5)).body)
            return found

        assert sending(act) == [b'"a"', b'"b"'] * 3
        assert (a.connections, b.connections) == (1, 1)
