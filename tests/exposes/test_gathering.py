"""Answers without an end, as far as they come within a time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from naftiko.errors import TransportError
from naftiko.exposes import gathering
from naftiko.exposes.gathering import Excerpt, arriving
from naftiko.transport.messages import Headers, Request, Response
from naftiko.transport.streams import AsyncStreamedResponse

NDJSON = "application/x-ndjson"
STILL = "The answer is still going on: "
EVENTS = "text/event-stream"


def response(*parts: Any, kind: str = NDJSON) -> AsyncStreamedResponse:
    """Return a response whose parts arrive one by one.

    A number of seconds is waited for, and `None` for ever.
    """

    async def chunks() -> AsyncIterator[bytes]:
        for part in parts:
            if part is None:
                await asyncio.Event().wait()
            if isinstance(part, Exception):
                raise part
            if isinstance(part, float):
                await asyncio.sleep(part)
                continue
            yield part

    headers = Headers({"Content-Type": kind})
    return AsyncStreamedResponse(Request("GET", "http://h/x"), 200, headers, chunks())


def take(excerpt: Excerpt, came: AsyncStreamedResponse) -> Response:
    """Return what an excerpt takes of a response."""
    return asyncio.run(excerpt.take(came))


def test_no_chunk_is_lost_when_a_wait_ends() -> None:
    """A chunk that comes after a wait is the next one."""

    async def scenario() -> list[bytes | None]:
        gate = asyncio.Event()

        async def chunks() -> AsyncIterator[bytes]:
            await gate.wait()
            yield b"a"

        came = response()
        came._chunks = chunks()
        async with arriving(came) as source:
            found = [await source.next(0), await source.next(0.001)]
            gate.set()
            return [*found, await source.next(), await source.next()]

    assert asyncio.run(scenario()) == [None, None, b"a", b""]


def test_answer_that_ends_in_time_is_whole() -> None:
    """It keeps every byte, and there is nothing to note."""
    excerpt = Excerpt(9, 90)
    assert take(excerpt, response(b'{"n":1}\n{"n"', b":2")).body == b'{"n":1}\n{"n":2'
    assert (excerpt.is_cut, excerpt.note) == (False, "")


@pytest.mark.parametrize(
    ("parts", "kind", "body", "came"),
    [
        ([b'{"n":1}\n{"n"'], NDJSON, b'{"n":1}\n', "of it, one value, in"),
        ([b"data: 1\r\rdata: 2\r\rda"], EVENTS, b"data: 1\r\rdata: 2\r\r", "2 events"),
        ([b"a\nb\nc"], "text/plain", b"a\nb\n", "of it, 2 lines, in"),
        ([b"...."], "text/plain", b"....", "no complete value of it came in 0 s"),
        ([], NDJSON, b"", "no complete value of it came in 0 seconds"),
        ([b'{"n":1}\n', b"<p>\n"], NDJSON, b'{"n":1}\n', "one line"),
    ],
)
def test_answer_that_stays_open_is_cut_behind_its_last_value(
    parts: list[bytes], kind: str, body: bytes, came: str
) -> None:
    """The note says how much came, and that it was not all."""
    excerpt = Excerpt(0.01, 90)
    assert take(excerpt, response(*parts, None, kind=kind)).body.startswith(body)
    assert excerpt.is_cut
    assert excerpt.note.startswith(STILL)
    assert came in excerpt.note


def test_answer_that_is_too_fast_is_cut_by_its_size(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Time alone is no limit for what a model can read."""
    monkeypatch.setattr(gathering, "MAX_EXCERPT", 20)
    excerpt = Excerpt(60, 90)
    assert take(excerpt, response(*[b'{"n":1}\n'] * 9)).body == b'{"n":1}\n' * 3
    assert excerpt.count == 3


def test_half_a_document_is_waited_for() -> None:
    """JSON that is not complete is given up after the longest time only."""
    with pytest.raises(TimeoutError):
        take(Excerpt(0.01, 0.02), response(b'{"n":', None))
    excerpt = Excerpt(0.01, 90)
    assert take(excerpt, response(b'{"n":', 0.02, b"1}")).body == b'{"n":1}'
    assert not excerpt.is_cut


def test_answer_that_breaks_off_is_an_error() -> None:
    """What came before is no answer: the API failed."""
    with pytest.raises(TransportError):
        take(Excerpt(9, 90), response(b"1\n", TransportError("broke off")))


def test_progress_is_told_while_an_answer_arrives(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A client that asked for it hears how many bytes came."""
    monkeypatch.setattr(gathering, "_BEAT", 0.0)
    told: list[str] = []

    async def progress(done: int, total: int, text: str) -> None:
        told.append(text)

    take(Excerpt(9, 90, progress), response(b"1\n", b"2\n"))
    assert told[-1] == "receiving: 4 bytes so far"
