"""Streamed responses over real sockets: values, lines, bytes and framing."""

from __future__ import annotations

import gzip
import threading
import zlib
from typing import Any

import pytest

import naftiko
from support.building import capability
from support.exchanges import chunked
from support.recorder import Received, Recorder, response


def test_stream_joins_values_across_chunks() -> None:
    """JSON values that are split across chunks are joined."""
    raw = chunked(b'{"a": 1}\n{"a"', b': 2}\r\n\n{"a": 3}')
    with Recorder(raw) as server, capability(base_uri=server.url) as api:
        with api.stream("api.op") as stream:
            assert list(stream) == [{"a": 1}, {"a": 2}, {"a": 3}]


@pytest.mark.parametrize(
    ("parts", "values"),
    [
        ([b'{\n "a": 1,\n "b": [1,\n2]\n}'], [{"a": 1, "b": [1, 2]}]),
        ([b'{\n"a":', b' "{\\"["\n}\n[', b"]\n3"], [{"a": '{"['}, [], 3]),
        ([b'{"a":1}{"b":2}\n[3]\n'], [{"a": 1}, {"b": 2}, [3]]),
        ([b'\x1e{"a":1}\n\x1e{"a":2}\n'], [{"a": 1}, {"a": 2}]),
        (["\ufeff[1]\n".encode(), b"\r\n\r\n"], [[1]]),
        (["é".encode()[:1].join([b'"', b""]), "é".encode()[1:] + b'"\n'], ["é"]),
    ],
    ids=[
        "over lines",
        "over chunks",
        "on one line",
        "sequence",
        "mark",
        "half a letter",
    ],
)
def test_stream_finds_values_in_any_layout(
    parts: list[bytes], values: list[Any]
) -> None:
    """JSON values are found over several lines, on one line and in JSON sequences."""
    with Recorder(chunked(*parts)) as server, capability(base_uri=server.url) as api:
        with api.stream("api.op") as stream:
            assert list(stream) == values


@pytest.mark.parametrize(
    "text", ['{"a": 1}\nno json\n', '{"a": 1}\n{"b":', '{"a": 1}\n}{\n']
)
def test_stream_of_invalid_json_is_refused(text: str) -> None:
    """Invalid JSON in a stream raises `OutputError` after the valid values."""
    with Recorder(chunked(text.encode())) as server:
        with capability(base_uri=server.url) as api, api.stream("api.op") as stream:
            values = stream.values()
            assert next(values) == {"a": 1}
            with pytest.raises(naftiko.OutputError, match=r"GET http.*is not json"):
                next(values)


@pytest.mark.parametrize(
    "charset", ["utf-8", "utf-16", "iso-8859-1", "nonsense", "base64"]
)
def test_stream_lines_are_decoded_by_their_charset(charset: str) -> None:
    """Lines are decoded by the charset of the response, across chunk borders."""
    text = "é ü\r\n\nö"
    known = charset if charset in ("utf-16", "iso-8859-1") else "utf-8"
    parts = [bytes([byte]) for byte in text.encode(known)]
    raw = chunked(*parts, content_type=f"text/plain; charset={charset}")
    with Recorder(raw) as server, capability(base_uri=server.url) as api:
        with api.stream("api.op") as stream:
            assert list(stream) == ["é ü", "", "ö"]


def test_stream_yields_lines_or_bytes() -> None:
    """A stream yields lines of a text response, and bytes of any other response."""
    with Recorder(chunked(b"a\nb", b"c\r\n", content_type="text/plain")) as server:
        with capability(base_uri=server.url) as api, api.stream("api.op") as stream:
            assert list(stream) == ["a", "bc"]
    packed = response(
        gzip.compress(b"x" * 100), content_type="", Content_Encoding="gzip"
    )
    with Recorder(packed) as server:
        with capability(base_uri=server.url) as api, api.stream("api.op") as stream:
            assert b"".join(stream) == b"x" * 100


def test_stream_gives_values_before_it_ends() -> None:
    """A stream yields its first value while the server holds back the second."""
    gate = threading.Event()
    with Recorder() as server:

        def slow(_: Received) -> bytes | None:
            connection = server._open[-1]
            whole = chunked(b"1\n", b"2\n")
            cut = whole.index(b"2\r\n2\n")
            connection.sendall(whole[:cut])
            gate.wait(5)
            return whole[cut:]

        server.answer = slow
        with capability(base_uri=server.url) as api, api.stream("api.op") as stream:
            values = stream.values()
            assert next(values) == 1
            gate.set()
            assert list(values) == [2]


def framed(kind: str) -> tuple[bytes, list[bytes]]:
    """Return head and body parts of a response with two values, in some framing."""
    values = [b'{"n":1}\n', b'{"n":2}\n']
    head = "HTTP/1.1 200 OK\r\nContent-Type: application/x-ndjson\r\n"
    if kind.startswith("gzip"):
        packer = zlib.compressobj(wbits=31)
        values = [packer.compress(v) + packer.flush(zlib.Z_SYNC_FLUSH) for v in values]
        values.append(packer.flush())
        head += "Content-Encoding: gzip\r\n"
    if kind.endswith("one chunk"):
        size = sum(map(len, values))
        values = [b"%x\r\n" % size + values[0], *values[1:], b"\r\n0\r\n\r\n"]
    elif kind.endswith("chunks"):
        values = [b"%x\r\n%s\r\n" % (len(v), v) for v in values] + [b"0\r\n\r\n"]
    if kind.endswith(("chunk", "chunks")):
        head += "Transfer-Encoding: chunked\r\n"
    elif kind.endswith("length"):
        head += f"Content-Length: {sum(map(len, values))}\r\n"
    else:
        head += "Connection: close\r\n"
    return head.encode() + b"\r\n", values


@pytest.mark.parametrize("packed", ["", "gzip, "])
@pytest.mark.parametrize("frame", ["chunks", "one chunk", "length", "close"])
def test_stream_values_are_yielded_as_they_arrive(packed: str, frame: str) -> None:
    """Each value is yielded as it arrives, in each framing, compressed or not."""
    head, parts = framed(packed + frame)
    gate = threading.Event()
    with Recorder() as server:

        def slow(_: Received) -> bytes | None:
            server._open[-1].sendall(head + parts[0])
            gate.wait(5)
            server._open[-1].sendall(b"".join(parts[1:]))
            return b"" if frame != "close" else None

        server.answer = slow
        with capability(base_uri=server.url, timeout=5) as api:
            with api.stream("api.op") as stream:
                values = stream.values()
                assert next(values) == {"n": 1}
                gate.set()
                assert list(values) == [{"n": 2}]
            server.answer = response()
            api.call("api.op")
        assert server.connections == (2 if frame == "close" else 1)


def test_leaving_a_stream_closes_its_connection() -> None:
    """Leaving a stream before its end closes the connection."""
    with Recorder() as server:

        def endless(_: Received) -> bytes | None:
            connection = server._open[-1]
            connection.sendall(chunked(b"1\n").removesuffix(b"0\r\n\r\n"))
            return None if connection.recv(1) == b"" else response()

        server.answer = endless
        with capability(base_uri=server.url) as api:
            with api.stream("api.op") as stream:
                assert next(iter(stream)) == 1
            assert server.closed.wait(5)


def test_failed_stream_raises_at_once() -> None:
    """A stream with an error status raises `StatusError` with the API's message."""
    raw = response('{"message": "no such thing"}', "404 Not Found")
    with Recorder(raw) as server, capability(base_uri=server.url) as api:
        with pytest.raises(naftiko.StatusError, match="no such thing"):
            api.stream("api.op")


def test_stream_that_breaks_off_is_a_transport_error() -> None:
    """A truncated stream yields the values it has, then raises `TransportError`."""
    raw = chunked(b"1\n").removesuffix(b"0\r\n\r\n") + b"\r\nConnection: close"
    with Recorder(raw) as server, capability(base_uri=server.url) as api:
        with api.stream("api.op") as stream:
            values = stream.values()
            assert next(values) == 1
            with pytest.raises(naftiko.TransportError):
                list(values)
