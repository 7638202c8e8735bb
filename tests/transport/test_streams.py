"""Bodies that are read as they arrive: chunks, lines and values, without any network."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from naftiko import OutputError, Request, StreamedResponse
from naftiko.masking import Secret
from naftiko.transport.streams import CHUNK, AsyncStreamedResponse

REQUEST = Request(
    "POST", "http://h.test/a?k=s3cret%26", secrets=(Secret("TOKEN", "s3cret&"),)
)


def stream(*chunks: bytes, kind: str = "") -> StreamedResponse:
    """Return a stream of these chunks."""
    headers = {"Content-Type": kind} if kind else {}
    return StreamedResponse(REQUEST, 200, headers, lambda _: iter(chunks))


@pytest.mark.parametrize(
    ("kind", "first"),
    [
        ("application/x-ndjson", {"a": 1}),
        ("application/json", {"a": 1}),
        ("application/vnd.x+json; charset=utf-8", {"a": 1}),
        ("Application/JSONL", {"a": 1}),
        ("application/jsonlines", {"a": 1}),
        ("application/json-seq", {"a": 1}),
        ("text/plain", '{"a": 1}'),
        ("TEXT/Event-Stream ; x=json", '{"a": 1}'),
        ("application/octet-stream", b'{"a"'),
        ("", b'{"a"'),
    ],
)
def test_a_stream_iterates_by_its_content_type(kind: str, first: object) -> None:
    """Iterating gives values, lines or chunks, as the content type suggests."""
    assert next(iter(stream(b'{"a"', b': 1}\n{"a": 2}\n', kind=kind))) == first


def test_chunks_are_asked_for_by_size() -> None:
    """`bytes` passes its size on, and asks for as much as is read at once without one."""
    asked: list[int] = []

    def chunks(size: int) -> Iterator[bytes]:
        asked.append(size)
        return iter([b"x"])

    response = StreamedResponse(REQUEST, 200, {}, chunks)
    assert list(response.bytes(7)) + list(response.bytes()) == [b"x", b"x"]
    assert asked == [7, CHUNK]


def test_lines_across_chunks() -> None:
    """A line may come in parts, even in the middle of a character; ends are dropped."""
    text = "é1\r\nzwei\n\nlast".encode()
    for size in (1, 2, 3, 100):
        chunks = [text[at : at + size] for at in range(0, len(text), size)]
        assert list(stream(*chunks).lines()) == ["é1", "zwei", "", "last"]


@pytest.mark.parametrize(
    ("kind", "body", "lines"),
    [
        ("", b"", []),
        ("", b"\n", [""]),
        ("", b"a\n", ["a"]),
        ("", b"a\rb\r", ["a\rb"]),
        ("", b"\xef\xbb\xbfa\n\xef\xbb\xbfb", ["a", "\ufeffb"]),
        ("text/plain; charset=latin-1", b"\xe9\n", ["é"]),
        ("text/plain; charset=utf-16", "é\nb".encode("utf-16"), ["é", "b"]),
        ("text/plain; charset=none-such", "é".encode(), ["é"]),
        ("", b"a\n\xc3", ["a", "\ufffd"]),
        ("", "a\u2028b\x0cc".encode(), ["a\u2028b\x0cc"]),
    ],
)
def test_lines_follow_the_charset(kind: str, body: bytes, lines: list[str]) -> None:
    """Only a line feed ends a line; the first byte order mark is no character."""
    assert list(stream(body, kind=kind).lines()) == lines


def test_lines_come_before_the_end() -> None:
    """A line is given as soon as it is complete, while the rest is still to come."""

    def chunks(_: int) -> Iterator[bytes]:
        yield b"one\ntw"
        raise AssertionError("the rest was asked for")

    assert next(StreamedResponse(REQUEST, 200, {}, chunks).lines()) == "one"


def test_a_stream_that_is_not_json() -> None:
    """The error names the request, and quotes no secret."""
    values = stream(b'{"a": 1}\n{"b": s3cret&}\n').values()
    assert next(values) == {"a": 1}
    with pytest.raises(OutputError) as caught:
        next(values)
    assert "POST http://h.test/a?k=$TOKEN: the body is not json" in str(caught.value)
    assert "s3cret" not in str(caught.value)
    assert caught.value.hint == "`lines()` and `bytes()` give it as it is"
    assert caught.value.request is REQUEST


def test_reading_a_stream() -> None:
    """The rest is read up to a limit; leaving the context closes the stream."""
    closed = []
    response = StreamedResponse(
        REQUEST,
        200,
        {},
        lambda _: iter([b"ab", b"cd"]),
        close=lambda: closed.append(1),
    )
    with response as entered:
        assert entered.read(3) == b"abc"
    assert closed == [1]
    with stream() as plain:
        assert plain.read() == b""


def test_reading_ends_at_the_limit() -> None:
    """No chunk is asked for beyond the one that crosses the limit."""
    left = iter([b"ab", b"cd", b"ef", b"gh"])
    assert StreamedResponse(REQUEST, 200, {}, lambda _: left).read(3) == b"abc"
    assert list(left) == [b"ef", b"gh"]


def asynchronous(*chunks: bytes, **more: Any) -> AsyncStreamedResponse:
    """Return an asynchronous stream of these chunks."""

    async def arriving() -> AsyncIterator[bytes]:
        for chunk in chunks:
            yield chunk

    return AsyncStreamedResponse(
        REQUEST, 206, more.pop("headers", {}), arriving(), **more
    )


def test_an_asynchronous_stream_gives_its_chunks_once() -> None:
    """Iterating gives the chunks; reading afterwards gives the rest of them."""

    async def act() -> tuple[bytes, list[bytes], bytes]:
        response = asynchronous(b"ab", b"cd", b"ef")
        first = await anext(aiter(response))
        return first, [await response.read(3)], await response.read()

    assert asyncio.run(act()) == (b"ab", [b"cde"], b"")


@pytest.mark.parametrize(
    "make", [asynchronous, lambda **more: StreamedResponse(
        REQUEST, 206, more.pop("headers", {}), lambda _: iter(()), **more
    )], ids=["asynchronous", "plain"]
)  # fmt: skip
def test_a_head_is_there_before_the_body(make: Any) -> None:
    """Status, reason and headers are given; repeated headers are apart in `pairs`."""
    headers = {"Content-Type": "text/plain; a=b", "Set-Cookie": "a=1, b=2"}
    apart = (("Set-Cookie", "a=1"), ("Set-Cookie", "b=2"))
    response = make(headers=headers, reason="Partial", pairs=apart)
    assert (response.status, response.reason) == (206, "Partial")
    assert response.content_type == "text/plain; a=b"
    assert response.pairs == apart
    assert repr(response) == f"<{type(response).__name__} 206 text/plain; a=b>"
    bare = make()
    assert (bare.pairs, bare.reason, bare.content_type) == ((), "", "")
    assert make(headers=headers).pairs == tuple(headers.items())
    assert repr(bare) == f"<{type(bare).__name__} 206 no content type>"
