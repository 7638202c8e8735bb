"""Frames of a Docker Engine: whole bodies, any pieces, and bytes that are no frames."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from naftiko.formats.multiplexed import (
    Demultiplexer,
    StreamPart,
    begins_frame,
    is_multiplexed,
    parts_of,
    split_text,
    text_of_frames,
)

NAMED = "application/vnd.docker.multiplexed-stream"


def frame(stream: int, content: bytes) -> bytes:
    """Return one frame."""
    return bytes((stream, 0, 0, 0)) + len(content).to_bytes(4, "big") + content


BODY = frame(1, b"one\n") + frame(2, b"oh\n") + frame(1, "é".encode()[:1])
BODY += frame(2, b"") + frame(1, "é\n".encode()[1:])


def test_frames_become_text() -> None:
    """Text is in the order of writing; a character may be split between frames."""
    assert text_of_frames(BODY) == "one\noh\né\n"
    assert split_text(BODY) == {"stdout": "one\né\n", "stderr": "oh\n"}
    assert split_text(b"") == {"stdout": "", "stderr": ""}


@settings(max_examples=40)
@given(st.lists(st.integers(0, len(BODY)), max_size=6))
def test_frames_arrive_in_any_pieces(cuts: list[int]) -> None:
    """The parts are the same however the bytes are cut."""
    places = [0, *sorted(cuts), len(BODY)]
    pieces = [BODY[a:b] for a, b in pairwise(places)]
    assert list(parts_of(pieces)) == list(parts_of((BODY,)))


def test_part_is_given_with_its_last_byte() -> None:
    """A frame waits for its end only, not for the next one."""
    demultiplexer = Demultiplexer()
    assert list(demultiplexer.feed(BODY[:11])) == []
    assert list(demultiplexer.feed(BODY[11:14])) == [StreamPart("stdout", "one\n")]


@settings(max_examples=40)
@given(st.binary(max_size=60))
def test_no_byte_that_is_no_frame_is_lost(junk: bytes) -> None:
    """What follows the frames is text of standard output."""
    text = text_of_frames(frame(1, b"a") + b"\x09" + junk)
    assert text == "a" + (b"\x09" + junk).decode("utf-8", "replace")


@pytest.mark.parametrize(
    ("body", "content_type", "expected"),
    [
        (b"plain", NAMED, True),
        (BODY, "application/vnd.docker.raw-stream", True),
        (BODY, "application/octet-stream", True),
        (BODY, "", True),
        (BODY, "text/plain", False),
        (BODY[:-1], "", False),
        (BODY + b"x", "", False),
        (bytes(16), "application/octet-stream", False),
        (frame(3, b"no"), "", False),
        (b"", "", False),
        (b"on a terminal\r\n", "application/vnd.docker.raw-stream", False),
    ],
)
def test_is_multiplexed(body: bytes, content_type: str, expected: bool) -> None:
    """Without the type, frames must fill the body to its last byte."""
    assert is_multiplexed(body, content_type) is expected


def test_header_of_a_frame() -> None:
    """A header of standard output or error begins a stream; other bytes do not."""
    assert begins_frame(BODY)
    assert begins_frame(frame(2, b"x")[:8])
    assert not begins_frame(b"\x01\0\0\0\0\0\0")
    assert not begins_frame(frame(1, b""))
