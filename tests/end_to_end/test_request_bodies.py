"""Request bodies over real sockets: files, streams, iterators and forms."""

from __future__ import annotations

import contextlib
import gc
import re
import socket
import threading
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import naftiko
from support.building import capability
from support.exchanges import Pipe, redirect, routes
from support.recorder import Recorder, response


@pytest.mark.parametrize("body", [Pipe, lambda: iter([b"one", b"", b"two"])])
def test_body_that_can_be_read_once_is_chunked(body: Callable[[], Any]) -> None:
    """A pipe or iterator is sent in chunks; a redirect that needs it again fails."""
    with Recorder() as server:
        with capability({"method": "POST"}, base_uri=server.url) as api:
            api.call("api.op", body=body())
            assert server.last.body == b"onetwo"
            assert server.last.headers["transfer-encoding"] == "chunked"
            server.answer = redirect("/y", "307 Temporary Redirect")
            with pytest.raises(naftiko.TransportError, match="can be read once"):
                api.call("api.op", body=body())
            server.answer = routes(
                {"/x": redirect("/y", "303 See Other"), "/y": response()}
            )
            assert api.call("api.op", body=body()) == {}
        assert len(server.received) == 4


def test_body_that_can_be_read_once_is_not_sent_twice() -> None:
    """A body that can be read once is not retried on a stale connection."""
    with (
        Recorder() as server,
        capability({"method": "PUT"}, base_uri=server.url) as api,
    ):
        api.call("api.op", body=b"x")
        server.answer = lambda _: None
        with pytest.raises(naftiko.TransportError, match="closed the connection"):
            api.call("api.op", body=Pipe())
        assert len(server.received) == 2


def test_iterator_of_text_is_refused() -> None:
    """Text has no agreed encoding, so an iterator of text is refused."""
    with Recorder() as server:
        with capability({"method": "POST"}, base_uri=server.url) as api:
            with pytest.raises(naftiko.ArgumentError, match="gives a str"):
                api.call("api.op", body=iter(["text"]))


def test_parts_with_files_are_streamed(tmp_path: Path) -> None:
    """A multipart form streams its files with a known length, and again on redirect."""
    content = bytes(range(256)) * 2000
    file = tmp_path / "a b.bin"
    file.write_bytes(content)
    data = {"note": "{{note}}", "file": "{{file}}", "open": "{{open}}"}
    operation = {"method": "POST", "body": {"type": "multipart", "data": data}}
    with Recorder() as server, file.open("rb") as stream:
        server.answer = routes(
            {"/x": redirect("/y", "307 Temporary Redirect"), "/y": response()}
        )
        stream.seek(len(content) - 3)
        with capability(operation, base_uri=server.url) as api:
            api.call("api.op", note="é", file=file, open=stream)
        assert not stream.closed
        first, second = server.received
        assert first.body == second.body
        assert first.headers["content-length"] == str(len(first.body))
        boundary = first.headers["content-type"].partition("boundary=")[2].encode()
        start, *parts, end = first.body.split(b"--" + boundary)
        assert (start, end) == (b"", b"--\r\n")
        assert parts == [
            '\r\nContent-Disposition: form-data; name="note"\r\n\r\né\r\n'.encode(),
            b'\r\nContent-Disposition: form-data; name="file"; filename="a b.bin"\r\n'
            b"Content-Type: application/octet-stream\r\n\r\n" + content + b"\r\n",
            b'\r\nContent-Disposition: form-data; name="open"; filename="a b.bin"\r\n'
            b"Content-Type: application/octet-stream\r\n\r\n" + content[-3:] + b"\r\n",
        ]


def test_large_file_is_not_read_into_memory(tmp_path: Path) -> None:
    """Sending a file of 100 MB takes less than 10 MB of memory, also in a form."""
    file = tmp_path / "large"
    with file.open("wb") as stream:
        stream.truncate(100_000_000)
    form = {
        "method": "POST",
        "body": {"type": "multipart", "data": {"body": "{{body}}"}},
    }
    with _Counter() as server:
        for operation in ({"method": "POST"}, form):
            with capability(operation, base_uri=server.url) as api:
                api.call("api.op", body=b"warm up")
                tracemalloc.start()
                api.call("api.op", body=file)
                _, peak = tracemalloc.get_traced_memory()
                tracemalloc.stop()
            assert server.counted >= 100_000_000
            assert peak < 10_000_000


def test_file_is_closed_when_the_server_goes_away(tmp_path: Path) -> None:
    """A connection that breaks during an upload leaves no open file."""
    file = tmp_path / "large"
    with file.open("wb") as stream:
        stream.truncate(50_000_000)
    form = {
        "method": "POST",
        "body": {"type": "multipart", "data": {"body": "{{body}}"}},
    }
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def leave() -> None:
            with contextlib.suppress(OSError):
                while True:
                    connection, _ = listener.accept()
                    connection.recv(500_000, socket.MSG_WAITALL)
                    connection.close()

        threading.Thread(target=leave, daemon=True).start()
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        for operation in ({"method": "POST"}, form):
            with capability(operation, base_uri=url) as api:
                with pytest.raises(naftiko.TransportError):
                    api.call("api.op", body=file)
                gc.collect()  # a `ResourceWarning` fails the test
        listener.shutdown(socket.SHUT_RDWR)


class _Counter:
    """A server that counts the bytes of a request and keeps none."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self.counted = 0

    def __enter__(self) -> _Counter:
        threading.Thread(target=self._serve, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                with connection:
                    self._count(connection)

    def _count(self, connection: socket.socket) -> None:
        head = b""
        while b"\r\n\r\n" not in head:
            head += connection.recv(65536)
        head, _, rest = head.partition(b"\r\n\r\n")
        found = re.search(rb"(?i)content-length: (\d+)", head)
        assert found
        self.counted = len(rest)
        while self.counted < int(found[1]):
            self.counted += len(connection.recv(1 << 20))
        connection.sendall(response(Connection="close"))
