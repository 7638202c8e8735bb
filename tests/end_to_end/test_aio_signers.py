"""`AioTransport`: custom signers run in threads, Digest runs without a thread."""

from __future__ import annotations

import asyncio
import gzip
import threading

import pytest

from naftiko.consumes.digest import DigestLogin
from naftiko.transport.aio import AioTransport
from naftiko.transport.messages import Request
from support.aio import HEAD, SECRET, Signer, chunks, held, send, sending, until
from support.recorder import Received, Recorder, response


def test_signer_signs_what_is_sent(server: Recorder) -> None:
    """A signer runs in a thread and may read the body, also a streamed body."""
    signer = Signer()
    send(server.url, "PUT", body=b"four", auth=signer)
    assert server.last.headers["x-signed"] == "4"
    send(server.url, "PUT", body=chunks(b"1" * 800_000, b"2" * 800_000), auth=signer)
    assert server.last.headers["x-signed"] == "1600000"
    assert server.last.headers["content-length"] == "1600000"
    assert server.last.body == b"1" * 800_000 + b"2" * 800_000
    assert all(name.startswith("naftiko-requests") for name in signer.threads)


CHALLENGE = response(
    "{}", "401 Unauthorized", WWW_Authenticate='Digest realm="r", nonce="n"'
)


def challenged(request: Received) -> bytes:
    """Answer a request that has credentials, and challenge any other."""
    return response("[1]") if "authorization" in request.headers else CHALLENGE


def test_digest_sends_a_streamed_body_again(server: Recorder) -> None:
    """The body of an asynchronous iterable is sent again with the credentials."""
    server.answer = challenged
    login = DigestLogin("ann", SECRET)
    answer = send(server.url, "POST", body=chunks(b"one", b"two"), auth=login)
    assert answer.body == b"[1]"
    assert [r.body for r in server.received] == [b"onetwo", b"onetwo"]


def test_digest_needs_no_thread(
    server: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`AioTransport` answers Digest challenges of calls and streams over one connection."""
    server.answer = challenged
    login = DigestLogin("ann", SECRET)

    def refuse(*_: object) -> None:
        raise AssertionError("a thread was started for `requests`")

    monkeypatch.setattr("naftiko.transport.threaded._in_thread", refuse)

    async def act(transport: AioTransport) -> None:
        for method, body in (("GET", None), ("POST", b"x")):
            request = Request(method, server.url, body=body, auth=login)
            assert (await transport.send(request, timeout=5)).body == b"[1]"
        async with transport.stream(request, timeout=5) as stream:
            assert await stream.read() == b"[1]"

    sending(act)
    assert [r.method for r in server.received] == ["GET", "GET"] + 4 * ["POST"]
    assert server.connections == 1


@pytest.mark.parametrize("realm", ["r", "\xe9"])
def test_digest_realm_outside_ascii_is_sent_unchanged(
    server: Recorder, realm: str
) -> None:
    """A Digest realm outside ASCII is sent back unchanged, by `requests` if needed."""
    server.answer = lambda request: (
        response("[1]")
        if "authorization" in request.headers
        else CHALLENGE.replace(b'"r"', f'"{realm}"'.encode("latin-1"))
    )
    answer = send(server.url, auth=DigestLogin("ann", SECRET))
    assert answer.body == b"[1]"
    assert f'realm="{realm}"' in server.last.headers["authorization"]


def test_cookies_of_a_challenge_go_with_its_answer(server: Recorder) -> None:
    """A cookie set by a Digest challenge is sent with the answer to the challenge."""
    server.answer = lambda request: (
        response("[1]")
        if "authorization" in request.headers
        else CHALLENGE.replace(b"\r\n\r\n", b"\r\nSet-Cookie: s=1\r\n\r\n", 1)
    )
    send(server.url, auth=DigestLogin("ann", SECRET))
    assert server.last.headers["cookie"] == "s=1"


def test_stream_in_a_thread_is_closed_when_left(server: Recorder) -> None:
    """A response received in a thread is streamed; leaving it closes the connection."""
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


def test_cancelled_stream_in_a_thread_is_closed(server: Recorder) -> None:
    """A stream in a thread that is cancelled before its head closes the connection."""
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
