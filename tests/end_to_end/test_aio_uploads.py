"""`AioTransport`: request bodies and headers as the server receives them."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

import naftiko
from naftiko.transport.aio import AioTransport
from naftiko.transport.messages import Request
from support.aio import chunks, send, sending
from support.recorder import Recorder, response


def test_upload_is_chunked_unless_its_length_is_given(server: Recorder) -> None:
    """An upload is chunked, unless `Content-Length` gives its length."""
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
def test_upload_of_another_length_is_refused(
    server: Recorder, parts: tuple[bytes, ...], words: str
) -> None:
    """A body of another length than `Content-Length` raises an error."""
    with pytest.raises(naftiko.TransportError, match=words):
        send(server.url, "PUT", body=chunks(*parts), headers={"Content-Length": "5"})
    assert server.closed.wait(5)
    assert server.received == []


@pytest.mark.parametrize("error", [KeyError("mine"), naftiko.TransportError("gone")])
def test_error_of_an_upload_iterator_is_passed_on(
    server: Recorder, error: Exception
) -> None:
    """An error raised by the iterator of a body reaches the caller unchanged."""
    with pytest.raises(type(error)) as caught:
        send(server.url, "POST", body=chunks(b"one", error))
    assert caught.value is error
    assert server.closed.wait(5)


def test_file_that_changes_during_an_upload_is_an_error(
    server: Recorder, tmp_path: Path
) -> None:
    """A file that is missing, shrinks or cannot be read raises `TransportError`."""
    with pytest.raises(naftiko.TransportError, match="none' cannot be read: No such"):
        send(server.url, "PUT", body=tmp_path / "none")
    assert server.received == []

    class Shrinking:
        """A file of ten bytes that ends after three bytes."""

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
            """Do nothing."""

    with pytest.raises(naftiko.TransportError, match="ends after 3 of 10 bytes"):
        send(server.url, "PUT", body=Shrinking())

    class Broken(Shrinking):
        """A file whose reading raises an I/O error."""

        def read(self, size: int = -1) -> bytes:
            raise OSError(5, "Input/output error")

    words = "the body cannot be read: Input/output error"
    with pytest.raises(naftiko.TransportError, match=words):
        send(server.url, "PUT", body=Broken())


def test_large_body_arrives_whole(server: Recorder) -> None:
    """A body of 3 MB arrives whole, with its length."""
    body = os.urandom(3_000_000)
    send(server.url, "PUT", body=body)
    assert server.last.body == body
    assert server.last.headers["content-length"] == "3000000"


def test_synchronous_iterator_is_read_in_a_thread(server: Recorder) -> None:
    """A synchronous iterator of bytes can be a body; an iterator of text is refused."""
    send(server.url, "POST", body=iter([b"one", b"", b"two"]))
    assert server.last.body == b"onetwo"
    with pytest.raises(naftiko.ArgumentError, match="gives a str"):
        send(server.url, "POST", body=iter(["one"]))


def test_early_response_ends_the_upload(server: Recorder) -> None:
    """An early response ends the upload of a body that is not sent whole."""
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


def test_upload_is_not_sent_twice(server: Recorder) -> None:
    """A body that can be read once is not sent again after a redirect or a reset."""
    server.answer = response("", "307 Temporary Redirect", Location="/y")
    with pytest.raises(naftiko.TransportError, match="can be read once"):
        send(server.url, "PUT", body=chunks(b"one"))
    server.answer = lambda _: None
    with pytest.raises(naftiko.TransportError, match="closed the connection"):
        send(server.url, "PUT", body=chunks(b"one"))
    assert [r.body for r in server.received] == [b"one", b"one"]


def test_large_upload_is_sent_again_from_its_beginning(
    server: Recorder, tmp_path: Path
) -> None:
    """A large file or bytes are sent again whole after a stale connection."""
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
                assert not body.closed  # the caller owns the file
                body.close()

    sending(act)


def test_request_has_only_the_headers_of_the_caller(server: Recorder) -> None:
    """No header is added to a request of any method, but what HTTP asks for."""
    server.answer = response("", "204 No Content")
    for method in ("GET", "HEAD", "DELETE", "OPTIONS"):
        send(server.url, method, headers={"X-One": "1"})
        assert set(server.last.headers) == {"host", "x-one"}
    # A method that could have a body says that there is none (RFC 9110, 8.6).
    for method in ("POST", "PUT", "PATCH", "QUERY"):
        send(server.url, method)
        assert set(server.last.headers) == {"host", "content-length"}
        send(server.url, method, body=b"x", headers={"Expect": "100-continue"})
        assert set(server.last.headers) == {"host", "content-length", "expect"}


def test_header_outside_latin_1_is_refused(server: Recorder) -> None:
    """Headers are Latin-1 on the wire; other characters and line breaks are refused."""
    server.answer = response(X_Name="caf\xe9")
    answer = send(server.url, headers={"X-Name": "caf\xe9"})
    assert "X-Name: caf\xe9".encode("latin-1") in server.last.head
    assert answer.headers["x-name"] == "caf\xe9"
    with pytest.raises(naftiko.TransportError, match="cannot be written as HTTP"):
        send(server.url, headers={"X-Name": "東"})
    with pytest.raises(naftiko.TransportError, match="cannot be written as HTTP"):
        send(server.url, headers={"X-Name": "a\nb"})


def test_duplicate_response_headers_are_joined(server: Recorder) -> None:
    """Duplicate response headers are joined with commas."""
    server.answer = response().replace(b"\r\n\r\n", b"\r\nX: 1\r\nx: 2\r\n\r\n")
    assert send(server.url).headers["X"] == "1, 2"
