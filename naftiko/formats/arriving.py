r"""Values of a body, each as soon as it is complete: JSON documents, events, lines.

    chunks                                     values
    -----------------------------------------  ------------------------------------
    '{"n":', '1}{"n":2}'                       {n: 1}, {n: 2}
    'event: tick⏎data: {"n":1}⏎⏎'              {event: tick, data: {n: 1}}
    'data: {"n":1}⏎⏎data: bye⏎⏎'               {n: 1}, bye
    'one⏎tw', 'o⏎'                             one, two

Text is fed in any pieces. No reader looks at the same character twice.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Protocol

from naftiko.errors import OutputError
from naftiko.formats.json import decode_json
from naftiko.formats.media import (
    EVENT_STREAM_TYPE,
    MULTIPLEXED,
    UNNAMED_FRAME_TYPES,
    format_of,
)
from naftiko.formats.multiplexed import (
    FAILURE_STREAM,
    Demultiplexer,
    begins_frame,
    may_begin_frame,
    whole_frames,
)
from naftiko.http import ArrivingText, media_type_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from naftiko.plain import JSON

_MARK = re.compile(r'["\\{}\[\]\r\n\x1e]')
_QUOTE = re.compile(r'["\\]')
#: The ends of lines in an event stream (HTML, 9.2.5).
_EVENT_LINE_END = re.compile(r"\r\n|\r|\n")
_EVENT_END = re.compile(rb"(?:\r\n|\n|\r(?!\n)){2}")
#: The name of an event that needs no naming (HTML, "Server-sent events").
_UNNAMED = "message"


class Reader(Protocol):
    """Pieces of text → values."""

    def feed(self, text: str) -> Iterator[JSON]:
        """Yield the values that a piece completes."""
        ...

    def end(self) -> Iterator[JSON]:
        """Yield what is left at the end of the body."""
        ...


class JsonReader:
    """JSON documents one after another, with or without anything between them.

    Raises:
        BodyError: A document is not JSON.
    """

    def __init__(self) -> None:
        #: Pieces of the document that is open.
        self._pieces: list[str] = []
        self._depth = 0
        self._in_string = False
        self._skips = False

    @property
    def pending(self) -> int:
        """Number of characters of a document that is not complete."""
        return sum(map(len, self._pieces))

    @property
    def is_between(self) -> bool:
        """Whether the text so far ends behind a whole document."""
        return not self._depth and not "".join(self._pieces).strip("\x1e \t\r\n")

    def feed(self, text: str) -> Iterator[JSON]:
        """Yield the documents that a piece completes."""
        start = at = 0
        if self._skips and text:
            at, self._skips = 1, False
        while match := (_QUOTE if self._in_string else _MARK).search(text, at):
            at = match.end()
            sign = match[0]
            if sign == "\\":
                at += 1
                self._skips = at > len(text)
            elif sign == '"':
                self._in_string = not self._in_string
            elif sign in "{[":
                self._depth += 1
            elif sign in "}]":
                self._depth = max(0, self._depth - 1)
            if self._in_string or self._depth or sign in '"\\{[':
                continue
            # A bracket closes a document; a line ends a number or a text.
            self._pieces.append(text[start:at])
            start = at
            yield from self._complete()
        self._pieces.append(text[start:])

    def end(self) -> Iterator[JSON]:
        """Yield the document that no line break follows."""
        yield from self._complete()

    def _complete(self) -> Iterator[JSON]:
        text = "".join(self._pieces)
        self._pieces.clear()
        if text.strip("\x1e \t\r\n"):
            values: list[JSON] = decode_json(
                text.encode("utf-8", "surrogatepass"), "application/x-ndjson"
            )
            yield from values


class LineReader:
    """Lines of text, without their ends."""

    def __init__(self) -> None:
        self._pieces: list[str] = []

    def feed(self, text: str) -> Iterator[str]:
        """Yield the lines that a piece completes."""
        first, *more = text.split("\n")
        self._pieces.append(first)
        for line in more:
            yield "".join(self._pieces).removesuffix("\r")
            self._pieces = [line]

    def end(self) -> Iterator[str]:
        """Yield the line that no line break ends."""
        if last := "".join(self._pieces):
            yield last.removesuffix("\r")


class EventLineReader:
    """Lines of an event stream: CR LF, LF and CR alone end them (HTML, 9.2.5).

    A CR ends its line at once; an LF that follows, in a later piece too, belongs to it.
    A byte order mark at the beginning is no part of the first line.
    """

    def __init__(self) -> None:
        self._pieces: list[str] = []
        self._is_begun = False
        self._is_after_cr = False

    def feed(self, text: str) -> Iterator[str]:
        """Yield the lines that a piece completes."""
        if not text:
            return
        if not self._is_begun:
            self._is_begun = True
            text = text.removeprefix("\ufeff")
        if self._is_after_cr:
            text = text.removeprefix("\n")
        self._is_after_cr = text.endswith("\r")
        first, *more = _EVENT_LINE_END.split(text)
        self._pieces.append(first)
        for line in more:
            yield "".join(self._pieces)
            self._pieces = [line]

    def end(self) -> Iterator[str]:
        """Yield the line that no line break ends."""
        if last := "".join(self._pieces):
            yield last


class EventReader:
    """Server-sent events (HTML, 9.2): the data of each, or an object that names it.

    Data that is JSON is read as that. An event with a name of its own, or with an id,
    is an object with `event`, `id` and `data`.

    Attributes:
        failure: The data of the last event when that is called `error`, or `None`.
    """

    def __init__(self) -> None:
        self._lines = EventLineReader()
        self._fields: dict[str, str] = {}
        self._data: list[str] = []
        self.failure: JSON = None

    def feed(self, text: str) -> Iterator[JSON]:
        """Yield the events that a piece completes."""
        for line in self._lines.feed(text):
            yield from self._take(line)

    def end(self) -> Iterator[JSON]:
        """Yield the event that no empty line ends: it came, so it counts."""
        for line in self._lines.end():
            yield from self._take(line)
        yield from self._event()

    def _take(self, line: str) -> Iterator[JSON]:
        if not line:
            yield from self._event()
            return
        # A comment has an empty name; `retry` is for who connects again.
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "data":
            self._data.append(value)
        elif name == "event" or (name == "id" and "\0" not in value):
            self._fields[name] = value

    def _event(self) -> Iterator[JSON]:
        fields, data = self._fields, self._data
        self._fields, self._data = {}, []
        if not data:
            return
        value = _json_or_text("\n".join(data))
        event = fields.get("event") or _UNNAMED
        self.failure = value if event == "error" else None
        if event == _UNNAMED and "id" not in fields:
            yield value
            return
        yield {**fields, "data": value}


class FrameReader:
    """Lines of a container's log, each with its stream.

    `{"stream": "stdout", "text": "ready"}` is such a value.

    Attributes:
        failure: What the engine itself reports, as `{"error": …}`, or `None`.
    """

    def __init__(self) -> None:
        self._frames = Demultiplexer()
        self._lines: dict[str, LineReader] = {}
        self._reported = ""
        self.failure: JSON = None

    def feed(self, chunk: bytes) -> Iterator[JSON]:
        """Yield the lines that a chunk completes."""
        for part in self._frames.feed(chunk):
            yield from self._take(part.stream, part.text)

    def end(self) -> Iterator[JSON]:
        """Yield the lines that no line break ends."""
        for part in self._frames.end():
            yield from self._take(part.stream, part.text)
        for stream, reader in self._lines.items():
            for line in reader.end():
                yield {"stream": stream, "text": line}

    def _take(self, stream: str, text: str) -> Iterator[JSON]:
        if stream == FAILURE_STREAM:
            self._reported += text
            self.failure = {"error": self._reported.strip()}
            return
        reader = self._lines.setdefault(stream, LineReader())
        for line in reader.feed(text):
            yield {"stream": stream, "text": line}


def way_of(content_type: str, first: bytes, *, is_whole: bool = False) -> str:
    """Return the way in which a body sends its values, by its type or first bytes.

    That is `events`, `values` of JSON, `frames` of a container's log, or `lines`; an
    empty text when more bytes are needed to tell.

    Args:
        content_type: The type of the body.
        first: Its first bytes.
        is_whole: No more bytes come.
    """
    kind = media_type_of(content_type)
    if kind == EVENT_STREAM_TYPE:
        return "events"
    format = format_of(content_type)
    if format == MULTIPLEXED:
        return "frames"
    if kind in UNNAMED_FRAME_TYPES:
        if begins_frame(first):
            return "frames"
        if may_begin_frame(first) and not is_whole:
            return ""
    is_json = format == "json" or first.lstrip()[:1] in (b"{", b"[")
    return "values" if is_json else "lines"


class BodyReader:
    """Bytes of a body → its values, in the way in which its type sends them.

    They are those of events, JSON documents, lines of a container's log (see
    `FrameReader`), or else lines of text.

    Args:
        content_type: The type of the body.

    Attributes:
        way: As `way_of` returns it.
    """

    def __init__(self, content_type: str) -> None:
        self._content_type = content_type
        self._text = ArrivingText(content_type)
        self._first = b""
        self._frames = FrameReader()
        self._reader: Reader = LineReader()
        self.way = ""

    @property
    def failure(self) -> JSON:
        """What the body reports beside its values, or `None`."""
        if isinstance(self._reader, EventReader):
            return self._reader.failure
        return self._frames.failure

    def feed(self, chunk: bytes) -> Iterator[JSON]:
        """Yield the values that a chunk completes.

        Raises:
            BodyError: A document is not JSON.
        """
        yield from self._feed(chunk, is_last=False)

    def end(self) -> Iterator[JSON]:
        """Yield what is left at the end of the body."""
        yield from self._feed(b"", is_last=True)
        if self.way == "frames":
            yield from self._frames.end()
        else:
            yield from self._reader.end()

    def _feed(self, chunk: bytes, *, is_last: bool) -> Iterator[JSON]:
        if not self.way:
            chunk = self._first = self._first + chunk
            self.way = way_of(self._content_type, chunk, is_whole=is_last)
            if self.way == "events":
                self._reader = EventReader()
            elif self.way == "values":
                self._reader = JsonReader()
        if self.way == "frames":
            yield from self._frames.feed(chunk)
        elif self.way:
            yield from self._reader.feed(self._text.decode(chunk, final=is_last))


def complete_part(body: bytes, content_type: str) -> bytes:
    """Return a body that was cut off without the value in which it was cut.

    '{"n":1}⏎{"n":'  →  '{"n":1}⏎'
    """
    way = way_of(content_type, body, is_whole=True)
    if way == "frames":
        return body[: whole_frames(body)]
    if way == "lines":
        return body[: body.rfind(b"\n") + 1 or len(body)]
    if way == "events":
        ends = [match.end() for match in _EVENT_END.finditer(body)]
        return body[: ends[-1]] if ends else b""
    reader = JsonReader()
    text = ArrivingText(content_type).decode(body)
    try:
        for _ in reader.feed(text):
            pass
    except OutputError:
        return body  # whoever decodes it tells the fault
    return text[: len(text) - reader.pending].encode("utf-8", "surrogatepass")


def _json_or_text(text: str) -> JSON:
    import json

    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text
