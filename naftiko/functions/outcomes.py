"""The reply of a call → the outcome of a function (spec 2.9).

    outputs {value: $.id}, 200 {"id": 7}   →  Outcome(7)
    no outputs, 200 {"id": 7}              →  the response, passed on as it came
    outputs, 200 {"id": 7}⏎{"id": 8}       →  Outcome([7, 8]): each value on its own

This module must not know how a function is compiled or how a request travels.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from naftiko.consumes.status import is_success, reported_failure_of, status_error
from naftiko.errors import OutputError
from naftiko.formats.arriving import BodyReader
from naftiko.formats.budget import is_slow
from naftiko.formats.json import is_strict_object, strict_json
from naftiko.formats.media import EVENT_STREAM_TYPE, format_of, promises_many
from naftiko.formats.multiplexed import is_multiplexed
from naftiko.formats.reported import reported_in
from naftiko.formats.xml import is_xml
from naftiko.functions.runs import Outcome, Reading, Work, in_step
from naftiko.functions.shapes import says_something, shaped_parts
from naftiko.http import media_type_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from naftiko.consumes.exchange import Decoder, Received
    from naftiko.consumes.operation import Operation
    from naftiko.formats.rewriting import Rewriter
    from naftiko.functions.runs import Reply, Run
    from naftiko.functions.shapes import Shape
    from naftiko.plain import JSON
    from naftiko.transport.messages import Response

#: Bytes of a body that is passed on up to which it is checked that JSON is JSON.
MAX_CHECKED = 64 * 1024
#: Bytes up to which it is read as a whole for that.
_SHORT = 1024
#: Bytes of the body of a failure in which outputs are looked for.
_MOST_OF_FAILED = 256 * 1024
#: Bytes of a body that is read at once, whatever its format.
_SMALL = 512
_BLANKS = b" \t\r\n"


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
    request, response = reply
    found = reported_in(response.body, response.content_type)
    if found is not None:
        failed = reported_failure_of(decoder.operation, request, response, found)
        raise in_step(failed, step)
    return reply


def is_large(decoder: Decoder, response: Response) -> bool:
    """Tell whether reading a body takes longer than an event loop may stand still."""
    size = len(response.body)
    if size <= _SMALL:
        return False
    declared, named = (
        decoder.operation.declared_format,
        format_of(response.content_type),
    )
    if is_slow(declared or named, size):
        return True
    return declared != "" and named != "" and is_slow(named, size)


def read_apart(decoder: Decoder, reply: Reply, shape: Shape, outputs: JSON) -> Run:
    """Ask for the outcome of a large reply as work, and return it.

    Raises:
        CallError: See `checked` and `simple_outcome`.
    """
    reading = Reading(decoder, reply, shape, outputs)

    def read() -> Outcome:
        return simple_outcome(decoder, checked(decoder, reply, shape=shape), shape)

    (outcome,) = yield (Work(read, kind="reading", reading=reading),)
    outcome.reading = reading
    result: Outcome = outcome
    return result


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

    def read() -> JSON:
        try:
            return strict_json(response.body)
        except ValueError:  # it is nested deeper than values may be
            return decode()

    status = response.status
    if not shape.is_declared or not response.body:
        return _passed_on(decoder, reply, decode)
    kind = response.content_type
    if shape.is_identity and _is_read_as_json(decoder, kind):
        if is_strict_object(response.body) and not promises_many(kind):
            # It is sent on as it is, so its value is mostly not asked for.
            return Outcome(reply=reply, is_verbatim=True, status=status, decode=read)
        try:
            data = strict_json(response.body, kind)
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


def rewritten(decoder: Decoder, reply: Reply, rewrite: Rewriter) -> Outcome | None:
    """Return the same outcome with its value as JSON, if it can be made in one go."""
    response = reply.response
    kind = response.content_type
    if decoder.operation.declared_format not in ("", "json"):
        return None
    if format_of(kind) != "json" or promises_many(kind):
        return None
    encoded = rewrite(response.body)
    if encoded is None:
        return None
    return Outcome(
        reply=reply, status=response.status, encoded=encoded,
        decode=lambda: json.loads(encoded),
    )  # fmt: skip


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


def _is_read_as_json(decoder: Decoder, content_type: str) -> bool:
    """Tell whether a body that is strict JSON is the value that it stands for."""
    declared = decoder.operation.declared_format
    if declared:
        return declared == "json"
    return format_of(content_type) in ("json", "")


def failed_value(decoder: Decoder, reply: Reply, shape: Shape) -> JSON:
    """Return the value that the outputs of a function find in a failed response.

    It is `None` when they find nothing, so that the body itself can be passed on.
    """
    size = len(reply.response.body)
    if not shape.is_declared or shape.is_identity or not 0 < size <= _MOST_OF_FAILED:
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
