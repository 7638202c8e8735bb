"""One response out of pieces: its head, its body, and whether the connection stays."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from naftiko.transport.wire.heads import MAX_HEAD, MAX_INTERIM, MAX_LINE, Unreadable
from naftiko.transport.wire.responses import BrokenOff, NothingCame, ResponseReader

OK = b"HTTP/1.1 200 OK\r\n"
PLAIN = OK + b"Content-Length: 5\r\n\r\nhello"
CHUNKED = (
    OK
    + b"Transfer-Encoding: chunked\r\n\r\n2;x=y\r\nhe\r\n3\r\nllo\r\n0\r\nA: b\r\n\r\n"
)
#: What one response may look like, and what is behind it.
RESPONSES = (
    PLAIN,
    PLAIN + b"\r\n",
    PLAIN + b"HTTP/1.1 200 OK\r\n",
    PLAIN.replace(b"5", b"7"),
    CHUNKED,
    CHUNKED + b"more",
    CHUNKED[:-9],
    CHUNKED[:-15],
    CHUNKED.replace(b"2;", b"x;"),
    b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early\r\nLink: a\r\n\r\n" + PLAIN,
    b"HTTP/1.1 100 Continue\r\n\r\n",
    b"\r\n\n" + PLAIN,
    b"HTTP/1.0 200 OK\r\nContent-Length: 5\r\nConnection: keep-alive\r\n\r\nhello",
    b"HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello",
    OK + b"Connection: close\r\nContent-Length: 5\r\n\r\nhello",
    OK + b"\r\nhello",
    OK + b"A : b\nC: d\n\nhello",
    OK + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
    b"HTTP/1.1 204 No Content\r\n\r\n",
    b"HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\nhello",
    b"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n",
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\nbytes of x",
    b"HTTP/1.1 200",
    b"SSH-2.0-x\r\n",
    b"",
)


def read(pieces: Iterable[bytes], *, is_head: bool = False) -> tuple[object, ...]:
    """Return what comes of a response: head, body, what remains of the connection."""
    reader = ResponseReader()
    reader.begin(is_head=is_head)
    body, error = b"", ""
    try:
        for piece in pieces:
            body += reader.feed(piece)
            if reader.fault is not None:
                raise reader.fault
        was_over = reader.is_over
        reader.end()
    except (Unreadable, BrokenOff, NothingCame) as caught:
        return type(caught).__name__, str(caught), reader.head
    assert not error
    return reader.head, body, was_over, reader.can_stay


@given(st.data(), st.sampled_from(RESPONSES), st.booleans())
def test_any_pieces_give_the_same_response(
    data: st.DataObject, raw: bytes, is_head: bool
) -> None:
    """However the bytes are cut: head, body, error and connection are the same."""
    cuts = data.draw(st.lists(st.integers(0, len(raw)), max_size=8).map(sorted))
    pieces = [raw[a:b] for a, b in zip([0, *cuts], [*cuts, len(raw)], strict=True)]
    whole = read([raw], is_head=is_head)
    assert read(filter(None, pieces), is_head=is_head) == whole
    single = [raw[at : at + 1] for at in range(len(raw))]
    assert read(single, is_head=is_head) == whole


def body_of(raw: bytes, **more: bool) -> tuple[object, ...]:
    """Return body, whether it has ended before the connection, and whether it stays."""
    _, *rest = read([raw], **more)
    return tuple(rest)


@pytest.mark.parametrize(
    ("raw", "body", "is_over", "can_stay"),
    [
        (PLAIN, b"hello", True, True),
        (PLAIN + b"\r\n", b"hello", True, True),
        (PLAIN + b"HTTP/1.1 200 OK\r\n", b"hello", True, False),
        (CHUNKED, b"hello", True, True),
        (CHUNKED + b"more", b"hello", True, False),
        (CHUNKED[:-2], b"hello", False, False),
        (RESPONSES[9], b"hello", True, True),
        (RESPONSES[12], b"hello", True, True),
        (RESPONSES[13], b"hello", True, False),
        (RESPONSES[14], b"hello", True, False),
        (OK + b"\r\nhello", b"hello", False, False),
        (b"HTTP/1.1 204 No Content\r\n\r\n", b"", True, True),
        (b"HTTP/1.1 204 No Content\r\nContent-Length: 1\r\n\r\nx", b"", True, False),
        (b"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", b"", True, True),
        (b"HTTP/1.1 101 Switching\r\n\r\nbytes", b"", True, False),
    ],
)
def test_body_ends_where_the_head_says(
    raw: bytes, body: bytes, is_over: bool, can_stay: bool
) -> None:
    """A connection stays only if the body has an end and nothing is behind it."""
    assert body_of(raw) == (body, is_over, can_stay)


def test_response_to_head_has_no_body() -> None:
    """Its length is that of a body which does not come."""
    head = PLAIN.removesuffix(b"hello")
    assert body_of(head, is_head=True) == (b"", True, True)
    assert body_of(PLAIN, is_head=True) == (b"", True, False)
    chunked = OK + b"Transfer-Encoding: chunked\r\n\r\n"
    assert body_of(chunked, is_head=True) == (b"", True, True)


@pytest.mark.parametrize(
    ("raw", "error"),
    [
        (b"", NothingCame),
        (b"HTTP/1.1 100 Continue\r\n\r\n", NothingCame),
        (b"HTTP", BrokenOff),
        (PLAIN[:-1], BrokenOff),
        (CHUNKED[:-15], BrokenOff),
        (b"ssh", Unreadable),
        (OK + b"A: " + b"x" * MAX_LINE, Unreadable),
        (OK + (b"A: " + b"x" * 60_000 + b"\r\n") * 9, Unreadable),
        (b"HTTP/1.1 103 Early\r\n\r\n" * (MAX_INTERIM + 1), Unreadable),
    ],
    ids=[
        "empty",
        "interim",
        "head",
        "body",
        "chunks",
        "no HTTP",
        "line",
        "size",
        "many",
    ],
)
def test_other_ends_are_errors(raw: bytes, error: type[Exception]) -> None:
    """A response that is cut off, malformed or over a limit is told apart."""
    assert read([raw])[0] == error.__name__
    half = len(raw) // 2
    assert read([raw[:half], raw[half:]])[0] == error.__name__
    assert len(raw) < 2 * MAX_HEAD


def test_head_is_there_before_a_malformed_body() -> None:
    """Whether both come at once must not decide if a redirect is followed."""
    reader = ResponseReader()
    assert reader.feed(OK + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n") == b""
    assert reader.head is not None
    assert "hexadecimal" in str(reader.fault)


def test_reader_reads_one_response_after_the_other() -> None:
    """Nothing of one response is left for the next."""
    reader = ResponseReader()
    for raw, body in ((CHUNKED, b"hello"), (PLAIN, b"hello"), (RESPONSES[18], b"")):
        reader.begin(is_head=False)
        assert reader.feed(raw) == body
        assert reader.is_over
        assert reader.feed(b"\r\n") == b""
        assert reader.can_stay
        assert reader.feed(b"x") == b""
        assert not reader.can_stay
        reader.end()
