"""How long a body is: in the headers, and around its parts."""

from __future__ import annotations

import io
from collections.abc import Iterator
from itertools import islice
from typing import Any

import pytest

from naftiko import ArgumentError, Request, TransportError
from naftiko.masking import Secret
from naftiko.transport.redirects import RedirectedRequest
from naftiko.transport.sockets.framing import (
    BodyFailed,
    BodyFrames,
    blocking_parts,
    framed_body,
    framed_headers,
)


def hop(body: Any, **headers: str) -> RedirectedRequest:
    """Return a request whose body is open."""
    made = RedirectedRequest(Request("POST", "http://h.test/x", headers, body=body))
    made.open()
    return made


@pytest.mark.parametrize(
    ("body", "given", "framed", "length"),
    [
        (b"abc", {}, {"Content-Length": "3"}, 3),
        (
            b"abc",
            {"content-length": "9", "A": "b"},
            {"A": "b", "Content-Length": "3"},
            3,
        ),
        (b"", {"Transfer-Encoding": "chunked"}, {"Content-Length": "0"}, 0),
        (None, {"A": "b"}, {"A": "b", "Content-Length": "0"}, 0),
        (iter([b"ab"]), {"A": "b"}, {"A": "b", "Transfer-Encoding": "chunked"}, None),
        (iter([b"ab"]), {"content-length": "7"}, {"Content-Length": "7"}, 7),
        (
            iter([b"ab"]),
            {"Content-Length": "x"},
            {"Transfer-Encoding": "chunked"},
            None,
        ),
    ],
)
def test_headers_say_how_long_a_body_is(
    body: Any, given: dict[str, str], framed: dict[str, str], length: int | None
) -> None:
    """The length of a body that is known counts; otherwise that of the caller."""
    assert framed_headers(hop(body, **given), given) == (framed, length)


def test_frames_say_how_long_each_part_is() -> None:
    """An empty part would be the last one."""
    frames = BodyFrames(hop(b""), None)
    parts = [frames.frame(part) for part in (b"ab", b"", b"x" * 16)]
    assert parts == [b"2\r\nab\r\n", b"", b"10\r\n" + b"x" * 16 + b"\r\n"]
    assert frames.end() == b"0\r\n\r\n"


@pytest.mark.parametrize(
    ("parts", "what"),
    [
        ([b"abcd"], "is longer than 3 bytes"),
        ([b"ab", b"cd"], "is longer than 3 bytes"),
        ([b"a", b"b"], "ends after 2 of 3 bytes"),
    ],
)
def test_body_of_another_length_is_refused(parts: list[bytes], what: str) -> None:
    """What is left of it would be taken for the next request, or waited for."""
    frames = BodyFrames(hop(b""), 3)
    with pytest.raises(TransportError, match=f"the body {what}$"):
        _ = [frames.frame(part) for part in parts], frames.end()


@pytest.mark.parametrize(
    ("body", "length", "sent"),
    [
        (None, 0, b""),
        (b"abc", 3, b"abc"),
        (io.BytesIO(b"abc"), 3, [b"abc"]),
        (iter([b"ab", b"", b"c"]), 3, [b"ab", b"c"]),
        (iter([b"ab"]), None, [b"2\r\nab\r\n", b"0\r\n\r\n"]),
    ],
)
def test_body_is_one_text_or_its_parts(
    body: Any, length: int | None, sent: Any
) -> None:
    """Bytes are written with the head."""
    framed = framed_body(hop(body), length)
    assert (framed if isinstance(framed, bytes) else list(framed)) == sent


def test_body_that_cannot_be_read_shows_no_secret() -> None:
    """What it raises may come from anywhere, such as another request."""
    secrets = (Secret("KEY", "s3cret"),)
    body: Any = failing(OSError("GET http://h.test/?k=s3cret failed"))
    made = RedirectedRequest(
        Request("POST", "http://h.test/", {}, body, secrets=secrets)
    )
    made.open()
    with pytest.raises(BodyFailed) as caught:
        list(framed_body(made, None))
    assert str(caught.value.args[0]).endswith("GET http://h.test/?k=$KEY failed")


class Reader:
    """A reader of one part, and of something else at its end."""

    def __init__(self, part: Any, end: Any) -> None:
        self._given = [end, part]

    def read(self, _: int) -> Any:
        """Return the part, then the end again and again."""
        return self._given.pop() if len(self._given) > 1 else self._given[0]


@pytest.mark.parametrize("end", [b"", "", None])
def test_reader_ends_where_nothing_comes(end: Any) -> None:
    """It is not asked for ever, whatever it says at its end."""
    parts = blocking_parts(Reader(bytearray(b"ab"), end))
    assert list(islice(parts, 9)) == [b"ab"]


def failing(error: Exception) -> Iterator[bytes]:
    """Yield one part, and raise."""
    yield b"ab"
    raise error


@pytest.mark.parametrize(
    ("body", "kind", "what"),
    [
        (failing(OSError(5, "Input/output error")), TransportError, "cannot be read"),
        (failing(ValueError("mine")), ValueError, "mine"),
        (iter(["text"]), ArgumentError, "a str where it should give bytes"),
        (io.StringIO("text"), ArgumentError, "a str where it should give bytes"),
    ],
)
def test_body_that_fails_is_told_apart_from_a_connection(
    body: Any, kind: type[Exception], what: str
) -> None:
    """Whoever sends it raises what the body raised."""
    with pytest.raises(BodyFailed) as caught:
        list(framed_body(hop(body), None))
    (error,) = caught.value.args
    assert isinstance(error, kind)
    assert what in str(error)
