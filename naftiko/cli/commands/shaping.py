"""An exposed function with outputs whose only call is answered without an end.

    {"n": 1}⏎{"n": 2}⏎…, output $.n   →  1⏎2⏎…, each as soon as it is there

An answer that ends soon is one value, as that of any other function.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from naftiko.cli.commands.arrivals import UNLIMITED, Arrivals
from naftiko.cli.commands.receiving import Reception
from naftiko.formats.media import format_of, has_parts, is_open_ended, is_stream
from naftiko.functions.arrivals import Settling, ShapedArrivals
from naftiko.functions.plan import checked_arguments
from naftiko.functions.runs import Reply, drive
from naftiko.settings import DEFAULT_TIMEOUT
from naftiko.transport.messages import Response

if TYPE_CHECKING:
    from argparse import Namespace

    from naftiko.capability import Capability
    from naftiko.cli.commands.receiving import Wanted
    from naftiko.functions.plan import Plan
    from naftiko.functions.runs import Outcome
    from naftiko.transport.messages import Request


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
    stays_open = (
        not arrivals.is_bounded
        and has_parts(kind, call.operation.declared_format)
        and (follows or is_open_ended(kind))
    )
    reception = Reception(arrivals, stream, call.operation, follows=follows)
    if not stays_open:
        body: bytes | None = arrivals.whole()
    elif shape.is_identity and format_of(kind) != "json":
        body = reception.show(wanted)
    else:
        results = ShapedArrivals(call.operation, request, kind, shape)
        is_begun = is_stream(kind, follows=follows)
        body = None if is_begun else _settled(arrivals, request, results, wanted)
        if body is None:
            _show(arrivals, results, wanted)
    if body is None:
        return None
    response = Response(stream.status, stream.headers, body, reason=stream.reason)
    return drive(plan.run(values, look), lambda _: Reply(request, response))


def _settled(
    arrivals: Arrivals, request: Request, results: ShapedArrivals, wanted: Wanted
) -> bytes | None:
    """Return the body if it ends soon; else print what is ready by then."""
    settling = Settling(request, results, time.monotonic())
    while not settling.is_stream(time.monotonic()):
        wait = settling.wait(time.monotonic())
        chunk = arrivals.next_chunk() if wait is None else arrivals.chunk(wait)
        if chunk == b"":
            return settling.body
        if chunk is not None:
            settling.add(chunk, time.monotonic())
    for result in settling.ready:
        wanted.show(result)
    return None


def _show(arrivals: Arrivals, results: ShapedArrivals, wanted: Wanted) -> None:
    """Print the results of a stream."""
    while chunk := arrivals.next_chunk():
        for result in results.feed(chunk):
            wanted.show(result)
    for result in results.end():
        wanted.show(result)
