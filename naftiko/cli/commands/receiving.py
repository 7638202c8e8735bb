"""An answer that is printed while it arrives: NDJSON, events, logs, JSON without end.

{"n": 1}⏎…  →  a line for each value, as soon as it is there
a: 1, b: 2  →  a whole document, which is printed at its end
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from naftiko.cli.console import for_terminal
from naftiko.consumes.status import reported_failure_of, unreadable_value
from naftiko.errors import OutputError
from naftiko.formats.arriving import EventReader, FrameReader, JsonReader, LineReader
from naftiko.formats.media import (
    EVENT_STREAM_TYPE,
    MULTIPLEXED_TYPE,
    OCTETS_TYPE,
    RAW_STREAM_TYPE,
    UNNAMED_FRAME_TYPES,
    format_of,
    promises_many,
)
from naftiko.formats.multiplexed import (
    FAILURE_STREAM,
    Demultiplexer,
    begins_frame,
    may_begin_frame,
)
from naftiko.formats.reported import LastValues
from naftiko.http import ArrivingText, media_type_of
from naftiko.records.tuples import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from naftiko.cli.commands.arrivals import Arrivals
    from naftiko.consumes.operation import Operation
    from naftiko.formats.arriving import Reader
    from naftiko.formats.multiplexed import StreamPart
    from naftiko.plain import JSON
    from naftiko.transport.streams import StreamedResponse

    #: A reader of pieces of text, or the one of frames, which takes bytes.
    AnyReader = Reader | FrameReader

#: Seconds without a further part after which a whole JSON document counts as the first
#: of many.
QUIET = 1.0
#: Chunks in which the first of several JSON documents ends, if there are several.
_MOST_CHUNKS = 32


class Wanted(NamedTuple):
    """How an answer is to be printed.

    Attributes:
        show: Prints one value.
        is_valued: Values are wanted also of a text: `--select` or `--output` is given.
        is_split: What a container wrote to standard error goes there.
    """

    show: Callable[[Any], None]
    is_valued: bool = False
    is_split: bool = False


class Reception:
    """One response on its way to the output.

    Args:
        arrivals: Its chunks.
        stream: Its head.
        operation: The operation that was called.
        follows: The call asked for an answer that does not end.
    """

    def __init__(
        self,
        arrivals: Arrivals,
        stream: StreamedResponse,
        operation: Operation,
        *,
        follows: bool,
    ) -> None:
        self._arrivals = arrivals
        self._stream = stream
        self._operation = operation
        self._follows = follows

    def show(self, wanted: Wanted) -> bytes | None:
        """Print an answer that arrives in parts; return the body of any other.

        Raises:
            CallError: The response broke off, is not what it should be, or reports at
                its end that the operation failed.
        """
        kind = self._kind(wanted)
        first = b""
        if kind == "unnamed":
            # The first eight bytes tell whether they are frames, often the first one.
            while may_begin_frame(first) and (chunk := self._arrivals.next_chunk()):
                first += chunk
            kind = self._kind_of(first, wanted)
        if not kind:
            return self._arrivals.whole(first)
        if kind == "frames" and wanted.is_valued:
            self._show_values(FrameReader(), self._chunks(first), wanted)
        elif kind == "frames":
            self._show_frames(first, is_split=wanted.is_split)
        elif kind == "text" and not wanted.is_valued:
            self._show_text(first)
        elif kind in _READERS:
            texts = self._texts(first, ArrivingText(self._stream.content_type))
            self._show_values(_READERS[kind](), texts, wanted)
        else:
            return self._show_if_many(first, wanted)
        return None

    def _texts(self, first: bytes, decoder: ArrivingText) -> Iterator[str]:
        """Yield the body as text; at its end, an empty text at least."""
        yield ""
        for chunk in self._chunks(first):
            yield decoder.decode(chunk)
        yield decoder.decode(b"", final=True)

    def _kind(self, wanted: Wanted) -> str:
        """Return how the body arrives; empty for one that is read to its end."""
        stream = self._stream
        declared = self._operation.declared_format.lower()
        if self._arrivals.is_bounded:
            return ""
        media_type = media_type_of(stream.content_type)
        if media_type == EVENT_STREAM_TYPE and declared in ("", "json", "text"):
            return "events"
        if declared not in ("", "json", "text"):
            return ""  # the other formats are decoded as a whole
        if promises_many(stream.content_type) and declared != "text":
            return "values"
        named = format_of(stream.content_type)
        is_text = not wanted.is_valued or self._follows
        if media_type == MULTIPLEXED_TYPE:
            return "frames" if is_text else ""
        if media_type in UNNAMED_FRAME_TYPES:
            return "unnamed"
        if named == "text" or declared == "text":
            if declared == "json" or self._operation.output_parameters:
                return "values" if self._follows else ""
            return "text" if is_text else ""
        if named in ("json", ""):
            return "values" if self._follows else "json"
        return ""

    def _kind_of(self, first: bytes, wanted: Wanted) -> str:
        """Return how a body arrives whose type is none, or says nothing."""
        is_text = not wanted.is_valued or self._follows
        if begins_frame(first):
            return "frames" if is_text else ""
        media_type = media_type_of(self._stream.content_type)
        if media_type == OCTETS_TYPE:
            return ""
        if media_type == RAW_STREAM_TYPE:
            return "text" if is_text else ""
        if first.lstrip()[:1] in (b"{", b"["):
            return "values" if self._follows else "json"
        return "text" if self._follows else ""

    # --- one way of printing for each kind ------------------------------------------

    def _show_text(self, first: bytes) -> None:
        decoder = ArrivingText(self._stream.content_type)
        last = "\n"
        for chunk in self._chunks(first):
            last = _print_text(decoder.decode(chunk), sys.stdout) or last
        last = _print_text(decoder.decode(b"", final=True), sys.stdout) or last
        if last != "\n":
            print(flush=True)

    def _show_frames(self, first: bytes, *, is_split: bool) -> None:
        demultiplexer = Demultiplexer()
        failure = ""
        last = "\n"
        for part in self._parts(demultiplexer, first):
            if part.stream == FAILURE_STREAM:
                failure += part.text
            else:
                is_error = is_split and part.stream == "stderr"
                target = sys.stderr if is_error else sys.stdout
                written = _print_text(part.text, target)
                last = last if is_error else written or last
        if last != "\n":
            print(flush=True)
        if failure:
            self._fail({"error": failure.strip()})

    def _parts(
        self, demultiplexer: Demultiplexer, first: bytes
    ) -> Iterator[StreamPart]:
        for chunk in self._chunks(first):
            yield from demultiplexer.feed(chunk)
        yield from demultiplexer.end()

    def _show_values(
        self, reader: AnyReader, pieces: Iterable[Any], wanted: Wanted
    ) -> None:
        """Print each value as soon as a reader has it."""
        last = LastValues()
        for value in self._values(reader, pieces):
            last.add(value)
            wanted.show(value)
        found = last.failure
        if found is None and isinstance(reader, (EventReader, FrameReader)):
            found = reader.failure
        if found is not None:
            self._fail(found)

    def _values(self, reader: AnyReader, pieces: Iterable[Any]) -> Iterator[JSON]:
        try:
            for piece in pieces:
                yield from reader.feed(piece)
            yield from reader.end()
        except OutputError as error:
            request = self._stream.request
            raise unreadable_value(self._operation, request, error) from None

    def _show_if_many(self, first: bytes, wanted: Wanted) -> bytes | None:
        """Print JSON documents as they arrive; return the body if it is only one.

        A body is more than one document when a second one comes, or when it stays open
        behind the first.
        """
        decoder = ArrivingText(self._stream.content_type)
        reader = JsonReader()
        chunks: list[bytes] = []
        values: list[JSON] = []
        while len(values) < 2:
            is_whole = len(values) == 1 and reader.is_between
            chunk = first or self._arrivals.chunk(QUIET if is_whole else None)
            first = b""
            if chunk is None:
                break
            if not chunk:
                return b"".join(chunks)
            chunks.append(chunk)
            if not values and len(chunks) > _MOST_CHUNKS:
                return self._arrivals.whole(*chunks)
            if chunks[0].lstrip()[:1] not in (b"{", b"[", b""):
                return self._arrivals.whole(*chunks)
            try:
                values += reader.feed(decoder.decode(chunk))
            except OutputError:
                # Whoever decodes the whole body tells the fault.
                return self._arrivals.whole(*chunks)
        texts = self._texts(b"", decoder)
        self._show_values(_Resumed(values, reader), texts, wanted)
        return None

    # --- what arrives ---------------------------------------------------------------

    def _chunks(self, first: bytes) -> Iterator[bytes]:
        if first:
            yield first
        while chunk := self._arrivals.next_chunk():
            yield chunk

    # --- failures -------------------------------------------------------------------

    def _fail(self, found: JSON) -> None:
        raise reported_failure_of(self._operation, self._stream.request, None, found)


_READERS: dict[str, Callable[[], Reader]] = {
    "text": LineReader,
    "events": EventReader,
    "values": JsonReader,
}


class _Resumed:
    """A reader with values that it has read already."""

    def __init__(self, values: list[JSON], reader: Reader) -> None:
        self._values = values
        self._reader = reader

    def feed(self, text: str) -> Iterator[JSON]:
        """Yield the earlier values first."""
        values, self._values = self._values, []
        yield from values
        yield from self._reader.feed(text)

    def end(self) -> Iterator[JSON]:
        """Yield what is left."""
        yield from self.feed("")
        yield from self._reader.end()


def _print_text(text: str, target: Any) -> str:
    """Print a piece of text at once; return its last character."""
    if text:
        target.write(for_terminal(text, target))
        target.flush()
    return text[-1:]
