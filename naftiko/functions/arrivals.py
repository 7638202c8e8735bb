"""An answer that arrives in parts → the results that the outputs of a function find.

    '{"id": 7}⏎{"id": 8}⏎'  →  7, 8   with the output `$.id`

`ShapedArrivals` shapes each value; `Settling` decides whether the answer is one value
or a stream of values. The command line and REST use both. This module must not know
who waits for the results.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from naftiko.consumes.status import reported_failure_of, unreadable_value
from naftiko.errors import OutputError
from naftiko.formats.arriving import BodyReader
from naftiko.formats.budget import MAX_RESPONSE_BYTES
from naftiko.formats.reported import LastValues
from naftiko.functions.shapes import shaped_parts
from naftiko.transport.redirects import too_large

if TYPE_CHECKING:
    from collections.abc import Iterator

    from naftiko.consumes.operation import Operation
    from naftiko.functions.shapes import Shape
    from naftiko.plain import JSON
    from naftiko.transport.messages import Request

#: Seconds in which an answer may end, to be one value and not a stream of values.
SETTLING = 2.0
#: Seconds in which the end of an answer may follow its first value.
_MOMENT = 0.2


class ShapedArrivals:
    """The results of an answer that arrives in parts, each value shaped on its own.

    '{"id": 7}⏎{"id": 8}⏎'  →  7, 8   with the output `$.id`

    Args:
        operation: The operation that was called.
        request: The request that was sent.
        content_type: The type of the response.
        shape: The outputs of the function.
    """

    def __init__(
        self, operation: Operation, request: Request, content_type: str, shape: Shape
    ) -> None:
        self._operation = operation
        self._request = request
        self._shape = shape
        self._reader = BodyReader(content_type)
        self._last = LastValues()

    def feed(self, chunk: bytes) -> Iterator[JSON]:
        """Yield the results that a chunk completes.

        Raises:
            OutputError: A value cannot be read.
        """
        yield from self._shaped(self._reader.feed(chunk))

    def end(self) -> Iterator[JSON]:
        """Yield the results that the end of the body completes.

        Raises:
            OutputError: The last value cannot be read.
            ReportedError: It says that the operation failed.
        """
        yield from self._shaped(self._reader.end())
        found = self._reader.failure
        if (failure := self._last.failure if found is None else found) is not None:
            raise reported_failure_of(self._operation, self._request, None, failure)

    def _shaped(self, values: Iterator[JSON]) -> Iterator[JSON]:
        try:
            for value in values:
                self._last.add(value)
                if self._last.failure is not None:
                    # The outputs would lose the message.
                    yield value
                else:
                    yield from shaped_parts(self._shape, value)
        except OutputError as error:
            raise unreadable_value(self._operation, self._request, error) from None


class Settling:
    """An answer that is one value if it ends soon, and a stream if it stays open.

    Args:
        request: The request that was sent.
        results: The results of its values.
        now: Seconds of a clock.

    Attributes:
        ready: The results that are complete.
    """

    def __init__(self, request: Request, results: ShapedArrivals, now: float) -> None:
        self._request = request
        self._results = results
        self._is_readable = True
        self._begin = now + SETTLING
        self._chunks: list[bytes] = []
        self._size = 0
        self.ready: list[JSON] = []

    @property
    def body(self) -> bytes:
        """What came of the body."""
        return b"".join(self._chunks)

    def is_stream(self, now: float) -> bool:
        """Tell whether the results have to be given: time is over, and some are."""
        return self._is_readable and bool(self.ready) and now >= self._begin

    def wait(self, now: float) -> float | None:
        """Return the seconds to wait for the next chunk; `None` for any time."""
        return self._begin - now if now < self._begin else None

    def add(self, chunk: bytes, now: float) -> None:
        """Take a chunk.

        Raises:
            TransportError: The body is larger than a whole one may be.
        """
        self._chunks.append(chunk)
        self._size += len(chunk)
        if self._size > MAX_RESPONSE_BYTES:
            raise too_large(self._request, MAX_RESPONSE_BYTES)
        if not self._is_readable:
            return
        is_first = not self.ready
        try:
            self.ready += self._results.feed(chunk)
        except OutputError:
            # Whoever decodes the whole body tells the fault.
            self._is_readable = False
        if is_first and self.ready:
            # A lone document ends a moment after its last byte.
            self._begin = max(self._begin, now + _MOMENT)
