"""Bodies that grow while their `Content-Encoding` is undone: refused early and clearly.

Work is counted in bytes that come of each encoding and in decoders that are begun.
"""

from __future__ import annotations

import asyncio
import gzip
import zlib
from collections.abc import Callable
from functools import cache
from typing import Any

import brotli
import pytest

from naftiko import TransportError
from naftiko.exposes.http.inbound import read_body
from naftiko.exposes.http.problems import BadRequest
from naftiko.transport import encodings
from naftiko.transport.aio import AioTransport
from naftiko.transport.encodings import (
    MOST_GROWTH,
    ROOM,
    CutOff,
    Damaged,
    Grown,
    is_undone,
    unpacked,
    unpacker_of,
)
from naftiko.transport.http import HttpTransport
from naftiko.transport.messages import Request
from support.recorder import Recorder, response

MIB = 1024 * 1024


def _twice(body: bytes, first: Callable[[bytes], bytes] = gzip.compress) -> bytes:
    return gzip.compress(first(body))


@cache
def bombs() -> dict[str, tuple[str, bytes]]:
    """Return name → `Content-Encoding` and a body that stands for far more."""
    zeros = bytes(32 * MIB)
    members = gzip.compress(b"") * 200_000
    found = {
        "gzip in gzip": ("gzip, gzip", _twice(zeros)),
        "deflate in gzip": ("deflate, gzip", _twice(zeros, zlib.compress)),
        "brotli": ("br", brotli.compress(zeros, quality=5)),
        "brotli in gzip": (
            "br, gzip",
            _twice(zeros, lambda b: brotli.compress(b, quality=1)),
        ),
        "empty members": ("gzip, gzip", gzip.compress(members)),
        "tiny members": ("gzip, gzip", gzip.compress(gzip.compress(b"x") * 200_000)),
        "empty members in brotli": ("gzip, br", brotli.compress(members, quality=1)),
    }
    if is_undone("zstd"):
        pack = encodings.zstd_library().compress
        found["zstd in gzip"] = ("zstd, gzip", _twice(zeros, pack))
        found["empty frames"] = ("zstd, gzip", gzip.compress(pack(b"") * 200_000))
    return found


def counted(
    monkeypatch: pytest.MonkeyPatch, encoding: str, body: bytes
) -> tuple[int, int]:
    """Unpack a body that is refused; return what came of all layers, and decoders."""
    came = begun = 0
    original, new = encodings.Unpacker._check, zlib.decompressobj

    def check(self: encodings.Unpacker, stage: int) -> None:
        nonlocal came
        came = sum(self._counts)
        original(self, stage)

    def begin(bits: int) -> object:
        nonlocal begun
        begun += 1
        return new(bits)

    monkeypatch.setattr(encodings.Unpacker, "_check", check)
    monkeypatch.setattr(zlib, "decompressobj", begin)
    with pytest.raises(Grown):
        for _ in unpacked(encoding, [body]):
            pass
    return came, begun


@pytest.mark.parametrize("name", list(bombs()))
def test_work_for_a_bomb_is_bounded_by_its_bytes(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    encoding, body = bombs()[name]
    came, begun = counted(monkeypatch, encoding, body)
    allowed = ROOM + MOST_GROWTH * len(body)
    assert came <= 2 * allowed + 4 * encodings.PIECE
    # A slice of the input may begin a few more before they are counted.
    assert begun <= 2000 + len(body) // 4


@pytest.mark.parametrize("layers", [3, 1000])
@pytest.mark.parametrize("name", ["gzip", "br", "deflate"])
def test_more_than_two_layers_are_refused(name: str, layers: int) -> None:
    with pytest.raises(Grown, match=f"has {layers:,}".replace(",", "")):
        unpacker_of(", ".join([name] * layers))


def test_two_layers_and_repetitive_bodies_are_read() -> None:
    """A log of one repeated line is no bomb, nor is a body that ten members share."""
    line = b'{"level": "info", "message": "ready"}\n' * 20_000
    for encoding, body in (
        ("gzip", gzip.compress(line)),
        ("gzip, gzip", _twice(line)),
        ("gzip, br", brotli.compress(gzip.compress(line), quality=1)),
        ("gzip", b"".join([gzip.compress(line[:76_000])] * 10)),
        ("gzip", gzip.compress(b"x") * 50_000),
    ):
        assert unpacker_of(encoding) is not None
        assert b"".join(unpacked(encoding, [body], 64 * MIB))[:1] in (b"{", b"x")


def test_bytes_are_counted_between_layers_and_on_input() -> None:
    """A limit holds for the body as it came, and after each of its encodings."""
    noise = bytes(range(256)) * 40
    inner = gzip.compress(noise, 0)
    both = gzip.compress(inner, 0)
    assert b"".join(unpacked("gzip, gzip", [both], len(both))) == noise
    with pytest.raises(Grown, match="with its encoding"):
        list(unpacked("gzip, gzip", [both], len(both) - 1))
    small = gzip.compress(inner, 9)
    assert len(small) < len(noise) < len(inner)
    with pytest.raises(Grown, match="with its second encoding"):
        list(unpacked("gzip, gzip", [small], len(inner) - 1))
    # Members without content: nothing comes of them, and they count all the same.
    with pytest.raises(Grown, match="with its encoding"):
        list(unpacked("gzip", [gzip.compress(b"")] * 100, 1000))


def test_others_have_a_turn_while_nothing_comes() -> None:
    """Members without content are steps, so that an event loop can go on."""
    unpacker = unpacker_of("gzip")
    assert unpacker is not None
    steps = list(unpacker.steps(gzip.compress(b"") * 10_000))
    assert len(steps) >= 10
    assert not b"".join(steps)


@pytest.mark.parametrize("name", ["gzip in gzip", "brotli", "empty members"])
@pytest.mark.parametrize("is_streamed", [False, True])
def test_bombs_of_a_server_are_transport_errors(name: str, is_streamed: bool) -> None:
    """That holds for both senders, read whole and streamed."""
    encoding, body = bombs()[name]
    with Recorder(response(body, Content_Encoding=encoding)) as server:
        request = Request("GET", server.url)

        def blocking() -> None:
            transport = HttpTransport()
            if not is_streamed:
                transport.send(request, timeout=5)
            with transport.stream(request, timeout=5) as stream:
                for _ in stream.bytes():
                    pass

        async def awaiting() -> None:
            transport = AioTransport()
            try:
                if not is_streamed:
                    await transport.send(request, timeout=5)
                async with transport.stream(request, timeout=5) as stream:
                    async for _ in stream:
                        pass
            finally:
                await transport.close()

        told = r"grows from|compressed parts"
        with pytest.raises(TransportError, match=told):
            blocking()
        with pytest.raises(TransportError, match=told):
            asyncio.run(awaiting())


def test_a_thousand_layers_of_a_server_are_a_transport_error() -> None:
    layers = ", ".join(["gzip"] * 1000)
    with Recorder(response(gzip.compress(b"{}"), Content_Encoding=layers)) as server:
        request = Request("GET", server.url)
        transport = HttpTransport()
        with pytest.raises(TransportError, match="has 1000 content encodings"):
            transport.send(request, timeout=5)
        transport.close()

        async def act() -> None:
            aio = AioTransport()
            try:
                await aio.send(request, timeout=5)
            finally:
                await aio.close()

        with pytest.raises(TransportError, match="has 1000 content encodings"):
            asyncio.run(act())


@pytest.mark.parametrize("name", list(bombs()))
def test_bombs_of_a_caller_are_too_large(name: str) -> None:
    encoding, body = bombs()[name]

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body}

    async def act() -> None:
        headers = {b"content-encoding": encoding.encode()}
        await read_body(receive, headers, 10 * MIB)

    with pytest.raises(BadRequest) as caught:
        asyncio.run(act())
    assert caught.value.problem.kind == "too-large"


def test_damaged_layers_are_told_apart_from_bombs() -> None:
    packed = gzip.compress(b"x" * 1000)
    with pytest.raises(CutOff):
        list(unpacked("gzip", [packed[:-4]]))
    with pytest.raises(Damaged):
        list(unpacked("gzip", [b"no gzip"]))
