r"""Docker's multiplexed stream → text, with the standard stream of each part.

    01 00 00 00 00 00 00 03 "hi\n"     StreamPart("stdout", "hi\n")
    02 00 00 00 00 00 00 04 "oh!\n"    StreamPart("stderr", "oh!\n")

A frame has a header of eight bytes: the number of its stream, three zeros, and its
length (Docker Engine API, "Stream format"). Logs, `attach` and `exec` of a container
without a terminal come like that. New engines name the format in the `Content-Type`.
Older ones send it as a raw stream or as octets: there, frames that fill the whole body
are recognised.
"""

from __future__ import annotations

import codecs
from typing import TYPE_CHECKING

from naftiko.formats.media import MULTIPLEXED_TYPE, UNNAMED_FRAME_TYPES
from naftiko.http import media_type_of
from naftiko.records.tuples import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_HEADER = 8
#: Number of a stream → its name. The engine itself reports a failure in the last one.
STREAMS = ("stdin", "stdout", "stderr", "system")
FAILURE_STREAM = "system"
#: Streams that an unnamed stream of frames has; zeros could be any file.
_OUTPUTS = (1, 2)
#: Bytes: the longest frame that is believed. The engine writes 32 KiB at most.
_LONGEST = 16 * 1024 * 1024


class StreamPart(NamedTuple):
    """Text of one standard stream.

    Attributes:
        stream: `stdout`, `stderr`, `stdin`, or `system` for a failure of the engine.
        text: Its text; bytes that are not UTF-8 are U+FFFD.
    """

    stream: str
    text: str


class Demultiplexer:
    """Bytes of a multiplexed stream → parts, while they arrive.

    Bytes that are no frame end the frames: they and all that follow are text of
    `stdout`, so that nothing is lost.
    """

    def __init__(self) -> None:
        self._pending = b""
        self._is_broken = False
        decoder = codecs.getincrementaldecoder("utf-8")
        # One for each stream: a character may be split between two frames.
        self._decoders = [decoder("replace") for _ in STREAMS]

    def feed(self, chunk: bytes) -> Iterator[StreamPart]:
        """Yield the parts that a chunk completes."""
        data = self._pending + chunk if self._pending else chunk
        at = 0
        while not self._is_broken and at + _HEADER <= len(data):
            size = _frame_size(data, at)
            if size < 0:
                self._is_broken = True
                break
            end = at + _HEADER + size
            if end > len(data):
                break
            yield from self._text(data[at], data[at + _HEADER : end])
            at = end
        self._pending = data[at:]
        if self._is_broken:
            yield from self._text(1, self._pending)
            self._pending = b""

    def end(self) -> Iterator[StreamPart]:
        """Yield what is left of a stream that ended inside a frame."""
        rest, self._pending = self._pending, b""
        if len(rest) >= _HEADER and not self._is_broken:
            yield from self._text(rest[0], rest[_HEADER:])
        else:
            yield from self._text(1, rest)
        for number, stream in enumerate(STREAMS):
            if last := self._decoders[number].decode(b"", final=True):
                yield StreamPart(stream, last)

    def _text(self, number: int, content: bytes) -> Iterator[StreamPart]:
        if text := self._decoders[number].decode(content):
            yield StreamPart(STREAMS[number], text)


def parts_of(chunks: Iterable[bytes]) -> Iterator[StreamPart]:
    """Yield the parts of a multiplexed stream, each as soon as it is complete."""
    demultiplexer = Demultiplexer()
    for chunk in chunks:
        yield from demultiplexer.feed(chunk)
    yield from demultiplexer.end()


def text_of_frames(body: bytes) -> str:
    """Return the text of all streams, in the order in which it was written."""
    return "".join(part.text for part in parts_of((body,)))


def split_text(body: bytes) -> dict[str, str]:
    """Return name of a stream → its text; `stdout` and `stderr` are always there."""
    texts: dict[str, list[str]] = {"stdout": [], "stderr": []}
    for part in parts_of((body,)):
        texts.setdefault(part.stream, []).append(part.text)
    return {stream: "".join(found) for stream, found in texts.items()}


def is_multiplexed(body: bytes, content_type: str) -> bool:
    """Tell whether a body is a multiplexed stream, by its type or by its frames."""
    kind = media_type_of(content_type)
    if kind == MULTIPLEXED_TYPE:
        return True
    return kind in UNNAMED_FRAME_TYPES and _is_framed(body)


def may_begin_frame(begin: bytes) -> bool:
    """Tell whether further bytes are needed to know what `begins_frame` tells."""
    return len(begin) < _HEADER and (not begin or begin[0] in _OUTPUTS)


def begins_frame(begin: bytes) -> bool:
    """Tell whether bytes are the header of a frame of output that is not empty."""
    return (
        len(begin) >= _HEADER
        and begin[0] in _OUTPUTS
        and 0 < _frame_size(begin, 0) <= _LONGEST
    )


def whole_frames(body: bytes) -> int:
    """Return the number of bytes of the frames that are complete in a body."""
    at = 0
    while at + _HEADER <= len(body):
        size = _frame_size(body, at)
        if size < 0:
            return len(body)  # the rest is text
        if at + _HEADER + size > len(body):
            break
        at += _HEADER + size
    return at


def _is_framed(body: bytes) -> bool:
    """Tell whether frames of output fill a body to its last byte."""
    if not begins_frame(body):
        return False
    at = 0
    while at + _HEADER <= len(body):
        size = _frame_size(body, at)
        if size < 0 or body[at] not in _OUTPUTS:
            return False
        at += _HEADER + size
    return at == len(body)


def _frame_size(data: bytes, at: int) -> int:
    """Return the length that a header declares, or -1 for what is no header."""
    if data[at] >= len(STREAMS) or data[at + 1 : at + 4] != b"\0\0\0":
        return -1
    return int.from_bytes(data[at + 4 : at + _HEADER], "big")
