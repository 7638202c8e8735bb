"""Size limits, content encodings, timeouts and dead servers over real sockets."""

from __future__ import annotations

import gzip
import socket
import threading
import time
import zlib
from collections.abc import Callable
from typing import Any

import brotli
import pytest

import naftiko
from naftiko import HttpTransport
from support.building import capability
from support.exchanges import chunked
from support.recorder import Received, Recorder, response


@pytest.mark.parametrize("declared", [True, False])
def test_response_over_the_limit_is_refused(declared: bool) -> None:
    """A response over the size limit is refused, with or without `Content-Length`."""
    body = b'"' + b"x" * 200_000 + b'"'
    raw = response(body)
    if not declared:
        raw = raw.replace(b"Content-Length: 200002\r\n", b"Connection: close\r\n")
    with Recorder(raw) as server:
        transport = HttpTransport(max_response_bytes=100_000)
        with capability(base_uri=server.url, transport=transport) as api:
            with pytest.raises(
                naftiko.TransportError, match="larger than 100,000 bytes"
            ):
                api.call("api.op")


@pytest.mark.parametrize(
    "raw",
    [
        lambda body: chunked(body, content_type="application/json"),
        lambda body: response(gzip.compress(body), Content_Encoding="gzip"),
        lambda body: chunked(body, content_type="x/y\r\nContent-Length: 5"),
        lambda body: response(body).replace(
            b"Content-Length: 5002", b"Connection: close"
        ),
    ],
    ids=["chunked", "gzip", "two lengths", "no length"],
)
def test_response_over_a_small_limit_is_refused(raw: Callable[[bytes], bytes]) -> None:
    """A response over a small limit is refused in any framing and encoding."""
    with Recorder(raw(b'"' + b"x" * 5000 + b'"')) as server:
        transport = HttpTransport(max_response_bytes=1000)
        with capability(base_uri=server.url, transport=transport) as api:
            with pytest.raises(naftiko.TransportError, match="larger than 1,000 bytes"):
                api.call("api.op")


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br"])
@pytest.mark.parametrize("as_chunks", [False, True])
def test_truncated_compressed_response_is_refused(
    encoding: str, as_chunks: bool
) -> None:
    """A truncated compressed response raises `TransportError`, whole or streamed."""
    pack = {"gzip": gzip.compress, "deflate": zlib.compress, "br": brotli.compress}
    data = pack[encoding](bytes(range(256)) * 100)
    for cut, works in ((len(data), True), (len(data) - 2, False), (0, True)):
        raw = (
            chunked(
                *[data[:cut]] * (cut > 0),
                content_type="x/y\r\nContent-Encoding: " + encoding,
            )
            if as_chunks
            else response(data[:cut], Content_Encoding=encoding)
        )
        with Recorder(raw) as server:
            with capability({"outputRawFormat": "binary"}, base_uri=server.url) as api:
                if works:
                    assert api.call("api.op") in (bytes(range(256)) * 100, b"")
                    continue
                with pytest.raises(naftiko.TransportError, match="broke off"):
                    api.call("api.op")
                with api.stream("api.op") as stream:
                    with pytest.raises(naftiko.TransportError, match="broke off"):
                        list(stream.bytes())


def test_unknown_encoding_is_refused() -> None:
    """An unknown `Content-Encoding` is an error; `identity` is accepted."""
    with Recorder(response(b"[1]", Content_Encoding="compress")) as server:
        with capability(base_uri=server.url) as api:
            with pytest.raises(naftiko.TransportError, match="damaged"):
                api.call("api.op")
            server.answer = response(b"[1]", Content_Encoding="identity")
            assert api.call("api.op") == [1]


def test_early_hints_are_skipped() -> None:
    """Interim responses 100 and 103 before the response are skipped."""
    hints = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
    going_on = b"HTTP/1.1 100 Continue\r\n\r\n"
    with Recorder(going_on + hints + hints + response("[1]")) as server:
        with capability(base_uri=server.url) as api:
            assert api.call("api.op") == [1]
            assert api.call("api.op") == [1]
        assert server.connections == 1


def test_decompression_bomb_is_refused() -> None:
    """Decompression bomb: the decompressed size counts for the size limit."""
    body = gzip.compress(b'"' + b"x" * 50_000_000 + b'"')
    with Recorder(response(body, Content_Encoding="gzip")) as server:
        transport = HttpTransport(max_response_bytes=1_000_000)
        with capability(base_uri=server.url, transport=transport) as api:
            with pytest.raises(naftiko.TransportError, match="larger than"):
                api.call("api.op")


def _raw_deflate(data: bytes) -> bytes:
    """Compress without the header of zlib, as some servers do for `deflate`."""
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(data) + packer.flush()


@pytest.mark.parametrize(
    ("encoding", "pack"),
    [
        ("gzip", gzip.compress),
        ("deflate", zlib.compress),
        ("deflate", _raw_deflate),
        ("br", brotli.compress),
    ],
    ids=["gzip", "deflate", "raw deflate", "br"],
)
def test_compressed_response_is_decompressed(
    encoding: str, pack: Callable[[bytes], bytes]
) -> None:
    """Responses with gzip, deflate and Brotli are decompressed."""
    raw = response(pack(b"[1, 2]"), Content_Encoding=encoding)
    with Recorder(raw) as server:
        with capability(base_uri=server.url) as api:
            assert api.call("api.op") == [1, 2]


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (response(b"no gzip", Content_Encoding="gzip"), "the response is damaged"),
        (
            response(b"[1]").replace(b"Content-Length: 3", b"Content-Length: 9999"),
            "no response within the timeout",
        ),
        (b"this is not HTTP\r\n\r\n", "the response cannot be read"),
        (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
            "the response (broke off|cannot be read)",
        ),
    ],
    ids=["gzip", "short", "garbage", "chunk"],
)
def test_damaged_response_is_a_transport_error(raw: bytes, words: str) -> None:
    """A damaged response is a `TransportError`, never half a result."""
    with Recorder(raw) as server, capability(base_uri=server.url, timeout=1) as api:
        with pytest.raises(naftiko.TransportError, match=words):
            api.call("api.op")
        assert len(server.received) == 1


@pytest.mark.parametrize("timeout", [0.2, (5, 0.2)])
@pytest.mark.parametrize("signer", [None, lambda request: request])
def test_silent_server_times_out(timeout: Any, signer: Any) -> None:
    """Read timeout: a silent server raises `RequestTimeout` with the request's URL."""
    gate = threading.Event()

    def silent(_: Received) -> bytes | None:
        gate.wait(10)
        return None

    auth = {"api": signer} if signer else {}
    started = time.monotonic()
    with Recorder(silent) as server:
        with capability(base_uri=server.url, timeout=timeout, auth=auth) as api:
            with pytest.raises(naftiko.RequestTimeout, match=r"GET http.*no response"):
                api.call("api.op")
        gate.set()
    assert time.monotonic() - started < 3


@pytest.mark.parametrize("signer", [None, lambda request: request])
def test_connection_that_is_never_accepted_times_out(signer: Any) -> None:
    """Connect timeout: the first of two timeouts limits the connection alone."""
    # A full backlog keeps a new connection waiting.
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listener:
        waiting = []
        for _ in range(4):
            waiting.append(socket.socket())
            waiting[-1].setblocking(False)
            waiting[-1].connect_ex(listener.getsockname())
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        started = time.monotonic()
        auth = {"api": signer} if signer else {}
        with capability(base_uri=url, timeout=(0.2, 10), auth=auth) as api:
            with pytest.raises(naftiko.RequestTimeout, match="no connection within"):
                api.call("api.op")
        for each in waiting:
            each.close()
    assert time.monotonic() - started < 5


def test_refused_connection_is_named() -> None:
    """Connection refused: the error has a hint."""
    with Recorder() as server:
        url = server.url
    with capability(base_uri=url) as api:
        with pytest.raises(naftiko.TransportError) as caught:
            api.call("api.op")
    assert "Connection refused" in str(caught.value)
    assert "is the server running there?" in str(caught.value)


def test_unknown_host_is_named() -> None:
    """A host that does not resolve raises `TransportError` with its name."""
    with capability(base_uri="http://nowhere.invalid") as api:
        with pytest.raises(naftiko.TransportError, match=r"nowhere\.invalid"):
            api.call("api.op")
