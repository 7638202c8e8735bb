"""An exposed function with outputs whose only call is answered without an end.

    {"n": 1}⏎{"n": 2}⏎…, output $.n   →  1⏎2⏎…, each as soon as it is there

An answer that ends soon is one value, as that of any other function.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from naftiko.cli.commands.arrivals import Arrivals
from naftiko.cli.commands.receiving import UNLIMITED, Reception
from naftiko.errors import OutputError
from naftiko.formats.media import EVENT_STREAM_TYPE, format_of, is_open_ended
from naftiko.functions.plan import checked_arguments
from naftiko.functions.runs import Reply, ShapedArrivals, drive
from naftiko.http import media_type_of
from naftiko.settings import DEFAULT_TIMEOUT
from naftiko.transport.messages import Response
from naftiko.transport.redirects import too_large
from naftiko.transport.streams import MAX_RESPONSE_BYTES

if TYPE_CHECKING:
    from argparse import Namespace

    from naftiko.capability import Capability
    from naftiko.cli.commands.receiving import Wanted
    from naftiko.functions.plan import Plan
    from naftiko.functions.runs import Outcome
    from naftiko.plain import JSON
    from naftiko.transport.messages import Request

#: Seconds in which an answer may end, to be one value and not a stream of values.
SETTLING = 2.0
#: Seconds in which the end of an answer may follow its first value.
_MOMENT = 0.2


def shaped_outcome(
    capability: Capability,
    plan: Plan,
    given: dict[str, Any],
    wanted: Wanted,
    arguments: Namespace,
) -> Outcome | None:
    """Run a function of one call, and print an answer that stays open as it arrives.

    Args:
        capability: The capability.
        plan: The function; one with outputs and one call.
        given: Argument → value.
        wanted: How a result is printed.
        arguments: The options of the command.

    Returns:
        The outcome, or `None` when it is printed.

    Raises:
        CallError: The arguments are wrong, or the call failed.
    """
    look = capability.variables.get
    values = checked_arguments(plan, given)
    call = plan.only_call(given, look)
    follows = call.operation.follows(call.arguments)
    if follows and arguments.timeout is None:
        capability = capability.using(timeout=(DEFAULT_TIMEOUT, UNLIMITED))
    arrivals = Arrivals(
        lambda: capability.stream(arguments.ref, given), arguments.max_time
    )
    stream = arrivals.head()
    kind, request, shape = stream.content_type, stream.request, plan.arriving_shape
    assert shape is not None
    stays_open = "Content-Length" not in stream.headers and (
        follows or is_open_ended(kind)
    )
    if stays_open and shape.is_identity and format_of(kind) != "json":
        reception = Reception(arrivals, stream, call.operation, follows=follows)
        body = reception.show(wanted)
    else:
        results = ShapedArrivals(call.operation, request, kind, shape)
        is_stream = stays_open and (
            media_type_of(kind) == EVENT_STREAM_TYPE
            or (follows and is_open_ended(kind))
        )
        body = _shown(arrivals, request, results, wanted, stays_open, is_stream)
    if body is None:
        return None
    response = Response(stream.status, stream.headers, body, reason=stream.reason)
    return drive(plan.run(values, look), lambda _: Reply(request, response))


def _shown(
    arrivals: Arrivals,
    request: Request,
    results: ShapedArrivals,
    wanted: Wanted,
    stays_open: bool,
    is_stream: bool,
) -> bytes | None:
    """Print the results of a stream; return the body of an answer that ends soon."""
    ready: list[JSON] = []
    if not is_stream:
        body = _settled(arrivals, request, results if stays_open else None, ready)
        if body is not None:
            return body
    for result in ready:
        wanted.show(result)
    while chunk := arrivals.next_chunk():
        for result in results.feed(chunk):
            wanted.show(result)
    for result in results.end():
        wanted.show(result)
    return None


def _settled(
    arrivals: Arrivals,
    request: Request,
    results: ShapedArrivals | None,
    ready: list[JSON],
) -> bytes | None:
    """Return the body if it ends soon, or else `None`.

    Args:
        arrivals: The chunks of the response.
        request: The request.
        results: Its results; `None` for a body that is only read as a whole.
        ready: Takes the results that are ready by then.
    """
    began = time.monotonic()
    begin = SETTLING
    chunks: list[bytes] = []
    size = 0
    while True:
        waited = time.monotonic() - began
        if waited >= begin and ready and results is not None:
            return None
        is_early = waited < begin or results is None
        chunk = (
            arrivals.chunk(begin - waited if waited < begin else None)
            if is_early
            else arrivals.next_chunk()
        )
        if chunk is None:
            continue
        if not chunk:
            return b"".join(chunks)
        chunks.append(chunk)
        size += len(chunk)
        if size > MAX_RESPONSE_BYTES:
            raise too_large(request, MAX_RESPONSE_BYTES)
        if results is not None:
            is_first = not ready
            try:
                ready += results.feed(chunk)
            except OutputError:
                results = None  # whoever decodes the whole body tells the fault
            if is_first and ready:
                # A lone document ends a moment after its last byte.
                begin = max(SETTLING, time.monotonic() - began + _MOMENT)
