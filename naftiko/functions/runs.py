"""A run of an exposed function: a generator of calls that returns an outcome.

    calls = next(run)              # a tuple of Call and Work, made at the same time
    calls = run.send(replies)      # Reply of each Call, result of each Work, in order
    StopIteration.value            # the Outcome

The synchronous and the asynchronous driver decide how requests travel; the run does
not know. This module must not know how a function is compiled.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias, TypeVar

from naftiko.consumes.status import (
    is_success,
    reported_failure,
    reported_failure_of,
    status_error,
    unreadable_value,
)
from naftiko.errors import CallError, OutputError
from naftiko.formats.arriving import BodyReader
from naftiko.formats.json import strict_json
from naftiko.formats.media import EVENT_STREAM_TYPE, format_of, promises_many
from naftiko.formats.multiplexed import is_multiplexed
from naftiko.formats.reported import LastValues
from naftiko.formats.xml import is_xml
from naftiko.functions.shapes import says_something, shaped_parts
from naftiko.http import media_type_of
from naftiko.plain import JSON
from naftiko.transport.redirects import too_large
from naftiko.transport.streams import MAX_RESPONSE_BYTES

if TYPE_CHECKING:
    from naftiko.consumes.exchange import Decoder, Received
    from naftiko.consumes.operation import Operation
    from naftiko.functions.shapes import Shape
    from naftiko.transport.messages import Request, Response

#: Bytes of a body that is passed on up to which it is checked that JSON is JSON.
MAX_CHECKED = 64 * 1024
#: Bytes up to which it is read as a whole for that.
_SHORT = 1024
_BLANKS = b" \t\r\n"
#: Seconds in which an answer may end, to be one value and not a stream of values.
SETTLING = 2.0
#: Seconds in which the end of an answer may follow its first value.
_MOMENT = 0.2
ErrorT = TypeVar("ErrorT", bound=CallError)
#: Name → value: the arguments and the outputs of steps, for templates and `with`.
Values: TypeAlias = dict[str, Any]
#: Name of a variable → its value; raises `UnboundVariable`.
VariableOf: TypeAlias = Callable[[str], str]
Run: TypeAlias = Generator["tuple[Call | Work, ...]", "Sequence[Any]", "Outcome"]


class Call(NamedTuple):
    """One upstream call that a run asks for.

    Attributes:
        arguments: Parameter of the operation → value.
        overrides: Fixed fields of the body → value that replaces it.
        step: The step that makes it; empty in simple mode.
        secrets: Variables that went into the arguments → value.
        optional: Parameters that may be left out, though the operation requires them:
            the unit that makes the call says that its callers may.
    """

    operation: Operation
    arguments: Mapping[str, JSON]
    overrides: Mapping[str, JSON] = {}
    step: str = ""
    secrets: Mapping[str, str] = {}
    optional: AbstractSet[str] = frozenset()


class Work(NamedTuple):
    """A lookup or a script that a run asks for in place of a call.

    Attributes:
        run: Does the work; its result is sent to the run in place of a reply.
        step: The step that asks for it.
        is_quick: It never takes long, so that an event loop may do it itself.
        kind: `lookup` or `script`.
        about: Its attributes in a trace.
    """

    run: Callable[[], Any]
    step: str = ""
    is_quick: bool = False
    kind: str = ""
    about: Mapping[str, str] = {}


class Reply(NamedTuple):
    """The request of one call, and the response to it, whatever its status."""

    request: Request
    response: Response


class Outcome:
    """The result of a run.

    Attributes:
        reply: The last call, or `None` when nothing was called.
        is_shaped: `value` was made as the document says; otherwise the response may be
            passed on as it came.
        is_verbatim: The body of the response is the value, as strict JSON.
        status: The upstream status in simple mode, 200 otherwise.
        warnings: Why a response is not what the document declares.
        is_mislabelled: The response is passed on, and calls itself JSON without being
            that.
        is_sequence: The value is a list of what the outputs find in each value of the
            response.
    """

    __slots__ = (
        "_decode", "_value", "is_mislabelled", "is_sequence", "is_shaped",
        "is_verbatim", "reply", "status", "warnings",
    )  # fmt: skip

    def __init__(
        self,
        value: JSON = None,
        *,
        reply: Reply | None = None,
        is_shaped: bool = True,
        is_verbatim: bool = False,
        status: int = 200,
        decode: Callable[[], JSON] | None = None,
        warnings: tuple[str, ...] = (),
        is_mislabelled: bool = False,
        is_sequence: bool = False,
    ) -> None:
        self.is_sequence = is_sequence
        self.warnings = warnings
        self.is_mislabelled = is_mislabelled
        self._value = value
        self._decode = decode
        self.reply = reply
        self.is_shaped = is_shaped
        self.is_verbatim = is_verbatim
        self.status = status

    @property
    def value(self) -> JSON:
        """The value of the function; decoded when it is first asked for.

        Raises:
            OutputError: The body is not in its declared format.
        """
        if self._decode is not None:
            self._value, self._decode = self._decode(), None
        return self._value


class Lookup:
    """The variables of one run, and which of them it used."""

    __slots__ = ("_variable_of", "secrets")

    def __init__(self, variable_of: VariableOf) -> None:
        self._variable_of = variable_of
        self.secrets: dict[str, str] = {}

    def __call__(self, name: str) -> str:
        """Return the value of a variable; raises `UnboundVariable`."""
        value = self.secrets[name] = self._variable_of(name)
        return value


def checked(
    decoder: Decoder, reply: Reply, *, step: str = "", shape: Shape | None = None
) -> Reply:
    """Return the reply of a call that succeeded.

    Raises:
        StatusError: Its status is outside 200 to 299. With a shape, its `value` is the
            one that the outputs of the function find in the body, or `None`.
        ReportedError: The body says that the operation failed.
    """
    if not is_success(reply.request, reply.response.status):
        error = status_error(decoder.operation, *reply)
        if shape is not None:
            error.value = failed_value(decoder, reply, shape)
        raise in_step(error, step)
    if (failed := reported_failure(decoder.operation, *reply)) is not None:
        raise in_step(failed, step)
    return reply


def in_step(error: ErrorT, step: str) -> ErrorT:
    """Return an error that names the step which raised it."""
    if step and not error.step:
        error.step = step
        error.message = f"step '{step}': {error.message}"
    return error


def simple_outcome(decoder: Decoder, reply: Reply, shape: Shape) -> Outcome:
    """Return the outcome of one reply in simple mode (spec 2.9).

    The response is passed on as it came when no outputs are declared, and when the
    declared ones find nothing in it.

    Raises:
        OutputError: The body is not in its declared format.
    """
    request, response = reply

    def decode() -> JSON:
        return decoder.receive(request, response).value

    status = response.status
    if not shape.is_declared or not response.body:
        return _passed_on(decoder, reply, decode)
    if shape.is_identity and _is_read_as_json(decoder, response):
        try:
            data = strict_json(response.body, response.content_type)
        except ValueError:
            pass  # `decode` reads more than strict JSON, and explains a fault
        else:
            return Outcome(data, reply=reply, is_verbatim=True, status=status)
    received = decoder.receive(request, response, is_structured=not shape.takes_text)
    values = None if shape.takes_text else _values_of(response, received.value)
    if values and not (
        isinstance(received.value, list) and says_something(shape.apply(received.value))
    ):
        # The outputs describe one value of a sequence.
        parts = [part for value in values for part in shaped_parts(shape, value)]
        # Lines of a text that say nothing to the outputs are that text.
        is_found = shape.is_identity or parts != values or received.value is values
        if is_found and says_something(parts):
            return Outcome(parts, reply=reply, status=status, is_sequence=True)
    if received.is_other and not received.warning and not shape.takes_text:
        received = _as_json(decoder, reply, shape, received)
    data = received.value
    warnings = (received.warning,) if received.warning else ()
    is_kept = warnings and isinstance(data, (str, bytes)) and not shape.takes_text
    value = data
    if not (shape.is_identity or is_kept):
        value = shaped(decoder.operation, response, shape, data)
    if is_kept or (value is None and data is not None):
        return Outcome(
            data, reply=reply, is_shaped=False, status=status, warnings=warnings
        )
    return Outcome(value, reply=reply, status=status, warnings=warnings)


def _as_json(
    decoder: Decoder, reply: Reply, shape: Shape, received: Received
) -> Received:
    """Return the value of a body that only outputs say to be JSON.

    It stays what its type says where it is no JSON, with a warning. A page is refused:
    it tells people that something went wrong.

    Raises:
        OutputError: It is no JSON, and the decoder is strict, an object or a list as a
            whole is declared, or it is a page.
    """
    try:
        return decoder.receive(*reply, format="json")
    except OutputError:
        is_page = reply.response.body.lstrip()[:1] == b"<"
        if decoder.is_strict or shape.is_identity or is_page:
            raise
    return received._replace(warning=decoder.lacking_outputs(received.value))


def _passed_on(decoder: Decoder, reply: Reply, decode: Callable[[], JSON]) -> Outcome:
    """Return the outcome of a reply that is passed on as it came.

    A body that should be JSON, as document and response say, is looked at: a short one
    as a whole, a longer one at its ends.

    Raises:
        OutputError: The decoder is strict, and the body is not in its format.
    """
    request, response = reply
    status = response.status
    is_checked = (
        0 < len(response.body) <= MAX_CHECKED
        and not (len(response.body) > _SHORT and _is_enclosed(response.body))
        and decoder.operation.declared_format in ("", "json")
        and format_of(response.content_type) == "json"
    )
    if not is_checked:
        return Outcome(
            reply=reply, is_shaped=False, status=status, decode=decode,
            warnings=decoder.contradictions(request, response),
        )  # fmt: skip
    try:
        value = strict_json(response.body, response.content_type)
    except ValueError:
        try:
            value = decode()
        except OutputError:
            if decoder.is_strict:
                raise
            warning = (
                f"{decoder.operation.ref}: the type of the response says JSON, and its"
                " body is no JSON; it is passed on as plain text"
            )
            return Outcome(
                reply=reply, is_shaped=False, status=status, decode=decode,
                warnings=(warning,), is_mislabelled=True,
            )  # fmt: skip
    return Outcome(value, reply=reply, is_shaped=False, status=status)


def _is_enclosed(body: bytes) -> bool:
    """Tell whether a body begins and ends as a JSON object or list."""
    text = body.strip(_BLANKS)
    return text[:1] + text[-1:] in (b"{}", b"[]")


def _is_read_as_json(decoder: Decoder, response: Response) -> bool:
    """Tell whether a body that is strict JSON is the value that it stands for."""
    declared = decoder.operation.declared_format
    if declared:
        return declared == "json"
    return format_of(response.content_type) in ("json", "")


def failed_value(decoder: Decoder, reply: Reply, shape: Shape) -> JSON:
    """Return the value that the outputs of a function find in a failed response.

    It is `None` when they find nothing, so that the body itself can be passed on.
    """
    if not shape.is_declared or shape.is_identity or not reply.response.body:
        return None
    try:
        data = decoder.receive(*reply, is_structured=True).value
        value = shaped(decoder.operation, reply.response, shape, data)
    except OutputError:
        return None
    return value if says_something(value) else None


def shaped(operation: Operation, response: Response, shape: Shape, data: JSON) -> JSON:
    """Return what the outputs of a function find in a decoded body."""
    if is_xml(operation.declared_format, response.content_type):
        return shape.apply_to_xml(data)
    return shape.apply(data)


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


def _values_of(response: Response, data: JSON) -> list[JSON] | None:
    """Return the values of a body that is a sequence, or `None` for any other body.

    Args:
        response: The response.
        data: Its decoded body.
    """
    kind = response.content_type
    if isinstance(data, list):
        # Several documents are a list too; the text of a list begins with its bracket.
        is_list = response.body.lstrip()[:1] == b"["
        return None if is_list and not promises_many(kind) else data
    if not isinstance(data, str):
        return None
    if media_type_of(kind) != EVENT_STREAM_TYPE and not is_multiplexed(
        response.body, kind
    ):
        return None
    reader = BodyReader(kind)
    return [*reader.feed(response.body), *reader.end()]


def drive(run: Run, answer: Callable[[Call | Work], Any]) -> Outcome:
    """Return the outcome of a run whose calls and work are done one after the other.

    Args:
        run: The run.
        answer: Returns the reply of a call, or the result of work.
    """
    try:
        asked = next(run)
        while True:
            asked = run.send([answer(item) for item in asked])
    except StopIteration as stop:
        outcome: Outcome = stop.value
        return outcome
