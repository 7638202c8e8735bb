"""Responses whose body is read while it arrives: `StreamedResponse` and its async twin.

    chunks of bytes  ->  bytes(), lines(), values()

This module must not know which library receives them.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

from naftiko.errors import OutputError
from naftiko.formats.budget import MAX_RESPONSE_BYTES
from naftiko.formats.faults import message_without
from naftiko.formats.json import documents
from naftiko.formats.media import EVENT_STREAM_TYPE
from naftiko.http import ArrivingText, media_type_of
from naftiko.masking import forgetful, forgetful_iterator
from naftiko.transport.messages import Request
from naftiko.transport.wire.responses import CHUNK

if TYPE_CHECKING:
    from naftiko.formats.multiplexed import StreamPart

# Inside `StreamedResponse` the name `bytes` means its method.
_Bytes: TypeAlias = bytes


class AsyncStreamedResponse:
    """A response whose body is read as it arrives, in an event loop.

    Iterate over it once, for chunks of bytes as soon as they are there.

    Attributes:
        status: The status code.
        headers: Names compare without case.
        pairs: The headers as they came, those that came several times apart.
        request: The request that was sent.
    """

    def __init__(
        self,
        request: Request,
        status: int,
        headers: Mapping[str, str],
        chunks: AsyncIterator[bytes],
        *,
        reason: str = "",
        pairs: Sequence[tuple[str, str]] | None = None,
    ) -> None:
        self.request = request
        self.status = status
        self.reason = reason
        self.headers = headers
        self.pairs = tuple(headers.items()) if pairs is None else pairs
        self._chunks = chunks

    @property
    def content_type(self) -> str:
        """The `Content-Type` header, or an empty text."""
        return self.headers.get("Content-Type", "")

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self._chunks

    async def read(self, limit: int = MAX_RESPONSE_BYTES) -> bytes:
        """Return the rest of the body, up to `limit` bytes."""
        chunks, size = [], 0
        async for chunk in self._chunks:
            chunks.append(chunk)
            size += len(chunk)
            if size > limit:
                break
        return b"".join(chunks)[:limit]

    def __repr__(self) -> str:
        kind = self.content_type or "no content type"
        return f"<AsyncStreamedResponse {self.status} {kind}>"


class StreamedResponse:
    """A response whose body is read as it arrives; a context manager.

    Iterating gives values of newline-delimited JSON, lines of text, or chunks of bytes:
    the `Content-Type` decides. `bytes()`, `lines()` and `values()` choose one of them;
    `parts()` is for the logs of containers.

    Attributes:
        status: The status code.
        headers: Names compare without case.
        pairs: The headers as they came, those that came several times apart.
        request: The request that was sent.
    """

    def __init__(
        self,
        request: Request,
        status: int,
        headers: Mapping[str, str],
        chunks: Callable[[int], Iterator[_Bytes]],
        *,
        reason: str = "",
        pairs: Sequence[tuple[str, str]] | None = None,
        close: Callable[[], None] | None = None,
    ) -> None:
        self.request = request
        self.status = status
        self.reason = reason
        self.headers = headers
        self.pairs = tuple(headers.items()) if pairs is None else pairs
        self._chunks = chunks
        self._close = close

    @property
    def content_type(self) -> str:
        """The `Content-Type` header, or an empty text."""
        return self.headers.get("Content-Type", "")

    def bytes(self, size: int = CHUNK) -> Iterator[_Bytes]:
        """Yield chunks of at most `size` bytes as soon as they are there."""
        return self._arriving(size)

    @forgetful_iterator
    def _arriving(self, size: int) -> Iterator[_Bytes]:
        yield from self._chunks(size)

    @forgetful_iterator
    def lines(self) -> Iterator[str]:
        """Yield lines of text, without their ends.

        In an event stream a CR alone ends a line too (HTML, 9.2.5).
        """
        # Imported here: most responses are read as a whole.
        from naftiko.formats.arriving import EventLineReader, LineReader

        decoder = ArrivingText(self.content_type)
        is_events = media_type_of(self.content_type) == EVENT_STREAM_TYPE
        reader = EventLineReader() if is_events else LineReader()
        for chunk in self.bytes():
            yield from reader.feed(decoder.decode(chunk))
        yield from reader.feed(decoder.decode(b"", final=True))
        yield from reader.end()

    @forgetful_iterator
    def values(self) -> Iterator[Any]:
        """Yield JSON values, each as soon as it is complete.

        There may be one to a line, several on a line, or one on many lines.

        Raises:
            OutputError: One of them is not JSON.
        """
        try:
            yield from documents(self.lines())
        except OutputError as error:
            request = self.request
            raise OutputError(
                f"{request.method} {request.shown_url}:"
                f" {message_without(request.mask, error)}",
                hint="`lines()` and `bytes()` give it as it is",
                request=request,
            ) from None

    def parts(self) -> Iterator[StreamPart]:
        r"""Yield the texts of a container's log, each with the name of its stream.

        `("stdout", "ready\n")` is such a part. The body is a multiplexed stream of a
        Docker Engine, whatever its `Content-Type`.
        """
        from naftiko.formats.multiplexed import parts_of

        return parts_of(self.bytes())

    def __iter__(self) -> Iterator[Any]:
        kind = self.content_type.partition(";")[0].strip().lower()
        if kind.endswith(("json", "ndjson", "jsonl", "json-seq", "jsonlines")):
            return self.values()
        return self.lines() if kind.startswith("text/") else self.bytes()

    @forgetful
    def read(self, limit: int = MAX_RESPONSE_BYTES) -> _Bytes:
        """Return the rest of the body, up to `limit` bytes."""
        chunks: list[Any] = []
        size = 0
        for chunk in self.bytes():
            chunks.append(chunk)
            size += len(chunk)
            if size > limit:
                break
        return b"".join(chunks)[:limit]

    def close(self) -> None:
        """Close the connection; unread bytes are lost."""
        if self._close is not None:
            self._close()

    def __enter__(self) -> StreamedResponse:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return (
            f"<StreamedResponse {self.status} {self.content_type or 'no content type'}>"
        )
