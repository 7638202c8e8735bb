"""`naftiko call`: words of a command line → one call → a result in a terminal.

    naftiko call shop.yaml shop.get-book isbn=1 → GET …/books/1 → {"title": …}

With `--dry-run` and `--curl` the request is shown and not sent.
"""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Any

from naftiko.cli.cache import read_cached
from naftiko.cli.console import for_terminal, line_of, paint, paint_json, warn
from naftiko.cli.conversation import conversation
from naftiko.cli.options.combining import TABLES, check_combination
from naftiko.cli.options.repeated import base_uris, headers
from naftiko.cli.progress import Progress
from naftiko.cli.tables import (
    csv_text,
    json_text,
    line_text,
    lines_text,
    ndjson_text,
    output_columns,
    picked,
    table_of,
    table_text,
    tsv_text,
    yaml_text,
)
from naftiko.cli.units.finding import check_function_options, find, output_paths
from naftiko.cli.units.variables import check_known, value_hint, variable_values
from naftiko.cli.values import UsageError, text_of
from naftiko.consumes.exchange import Decoder
from naftiko.consumes.operation import Operation
from naftiko.errors import (
    CallError,
    OutputError,
    ReportedError,
    StatusError,
    UnboundVariable,
)
from naftiko.hints import SHELL, worded
from naftiko.loader import load
from naftiko.settings import DEFAULT_TIMEOUT
from naftiko.transport.messages import Response

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Callable, Mapping

    from naftiko.capability import Capability
    from naftiko.cli.commands.arrivals import Arrivals
    from naftiko.cli.commands.receiving import Wanted
    from naftiko.consumes.exchange import Exchange
    from naftiko.functions.plan import Plan
    from naftiko.jsonpath.columns import Columns
    from naftiko.transport.messages import Request
    from naftiko.transport.streams import StreamedResponse

_RAW_HINT = "--raw prints the body without decoding it"


def run_call(arguments: Namespace) -> int:
    """Call an operation or an exposed function, and print its result."""
    check_combination(arguments)
    arguments.output = "lines" if arguments.lines else arguments.output
    select = _selector(arguments.select)
    is_raw = arguments.raw or arguments.output == "raw"
    values = variable_values(arguments.variable)
    with load(
        read_cached(arguments.file),
        schema=None,
        variables=values,
        transport=conversation(arguments),
    ) as loaded:
        check_known(values, loaded.variables.names)
        found = find(loaded, text_of(arguments.ref, "the operation"), arguments.file)
        capability = _view(loaded, arguments)
        given = _given(found, arguments)
        if arguments.curl or arguments.dry_run:
            _show_request(capability.request(arguments.ref, given), arguments)
            return 0
        try:
            called = _operation_behind(found)
            if called is None:
                assert not isinstance(found, Operation)
                check_function_options(arguments, loaded, found)
                _show_function(capability, found, given, select, arguments)
            elif arguments.save is not None:
                # The body is not decoded: it need not be what the document says.
                _save(capability, called, arguments, given)
            elif arguments.stream or is_raw:
                arrivals = _arrivals(capability, arguments, given)
                _show_stream(arrivals, called, arguments)
            else:
                _show_answer(capability, found, called, given, select, arguments)
        except StatusError as error:
            # Headers and body of an error help whoever asked to see them.
            if arguments.include:
                _show_head(error.response)
            if is_raw:
                _write(error.response.body)
            error.hint = "; ".join(
                filter(None, [error.hint, _text_hint(error, given, found, arguments)])
            )
            raise
        except UnboundVariable as error:
            error.hint = value_hint(error.name)
            raise
        except OutputError as error:
            # The other one may end with a drawing of the JSONPath.
            hint = worded(error.hint, SHELL)
            error.hint = "; ".join(filter(None, [_RAW_HINT, hint]))
            raise
    return 0


def _given(found: Operation | Plan, arguments: Namespace) -> dict[str, Any]:
    """Return the arguments of the call."""
    if not arguments.items and arguments.body is None:
        return {}
    # Imported here: many calls have no arguments, and start quicker.
    from naftiko.cli.arguments.typed import takes_of, with_lists
    from naftiko.cli.arguments.words import call_arguments

    takes = takes_of(found, arguments.ref)
    return with_lists(call_arguments(arguments.items, arguments.body, takes))


def _text_hint(
    error: StatusError,
    given: Mapping[str, Any],
    found: Operation | Plan,
    arguments: Namespace,
) -> str:
    """Return what to try when an API refuses values that were sent as texts."""
    if not given:
        return ""
    from naftiko.cli.arguments.typed import takes_of, text_hint

    return text_hint(error, given, takes_of(found, arguments.ref))


def _view(loaded: Capability, arguments: Namespace) -> Capability:
    """Return the capability with the base URIs, headers and timeout of the options."""
    namespaces = list(dict.fromkeys(operation.namespace for operation in loaded))
    named = headers(arguments.header)
    uris = base_uris(arguments.base_uri, namespaces)
    auth: Any = None
    if any(name.lower() == "authorization" for name in named):
        # This header takes the place of the authentication that the document declares.
        others = {op.namespace for op in loaded if op.auth in ("", "apikey")}
        auth = dict.fromkeys(set(namespaces) - others, lambda request: request)
    return loaded.using(
        base_uri=uris or None, headers=named, timeout=arguments.timeout, auth=auth
    )


# --- what is shown ----------------------------------------------------------------


def _show_request(request: Request, arguments: Namespace) -> None:
    if arguments.curl:
        print(request.as_curl())
        return
    shown = request.as_dict()
    if arguments.output is not None:
        print(_written(shown, arguments))
        return
    print(f"{shown['method']} {shown['url']}")
    if request.socket:
        print(f"(over {request.socket})")
    _show_headers(shown["headers"])
    if shown["body"]:
        print(f"\n{shown['body']}")


def _selector(path: str | None) -> Callable[[Any], Any] | None:
    if path is None:
        return None
    from naftiko.jsonpath.compiling import compile_path

    try:
        if not path.strip():
            raise OutputError(
                "expected a JSONPath, got an empty text",
                hint="write one such as '$.items'",
            )
        return compile_path(text_of(path, "--select"))
    except OutputError as error:
        raise UsageError(f"--select: {error.message}", hint=error.hint) from None


def _show_head(response: Response | StreamedResponse) -> None:
    line = f"HTTP {response.status} {line_of(response.reason)}".rstrip()
    print(paint(line, "strong", sys.stdout))
    _show_headers(response.headers)
    print()


def _show_headers(headers: Mapping[str, str]) -> None:
    for name, value in headers.items():
        print(line_of(f"{name}: {value}"))


def _arrivals(
    capability: Capability, arguments: Namespace, given: dict[str, Any]
) -> Arrivals:
    """Send the request of a call, and receive its response."""
    from naftiko.cli.commands.arrivals import Arrivals

    return Arrivals(lambda: capability.stream(arguments.ref, given), arguments.max_time)


def _operation_behind(found: Operation | Plan) -> Operation | None:
    """Return the operation whose response is the result, or `None`."""
    if isinstance(found, Operation):
        return found
    return found.operation if found.passes_on and found.problem is None else None


def _show_answer(
    capability: Capability,
    found: Operation | Plan,
    operation: Operation,
    given: dict[str, Any],
    select: Callable[[Any], Any] | None,
    arguments: Namespace,
) -> None:
    """Call an operation and print its answer: in parts, or decoded as a whole."""
    from naftiko.cli.commands.arrivals import UNLIMITED

    is_operation = isinstance(found, Operation)
    decoder = Decoder(operation, is_strict=arguments.strict, has_outputs=is_operation)
    decoder.check()
    sent: Mapping[str, Any] = given
    if not isinstance(found, Operation):
        sent = found.only_call(given).arguments
    follows = operation.follows(sent)
    if follows and arguments.timeout is None:
        capability = capability.using(timeout=(DEFAULT_TIMEOUT, UNLIMITED))
    started = time.perf_counter()
    arrivals = _arrivals(capability, arguments, given)
    stream = arrivals.head()
    if arguments.include:
        _show_head(stream)
    body: bytes | None
    if arrivals.is_bounded:
        body = arrivals.whole()
    else:
        from naftiko.cli.commands.receiving import Reception

        reception = Reception(arrivals, stream, operation, follows=follows)
        body = reception.show(_wanted(decoder, select, arguments))
    if body is None:
        return
    response = Response(stream.status, stream.headers, body, reason=stream.reason)
    elapsed = time.perf_counter() - started
    try:
        exchange = decoder.read(stream.request, response, elapsed)
    except ReportedError as error:
        if error.value is not None:
            _show_value(error.value, select, arguments)
        raise
    for warning in exchange.warnings:
        warn(warning)
    _show_result(exchange, select, arguments)


def _wanted(
    decoder: Decoder, select: Callable[[Any], Any] | None, arguments: Namespace
) -> Wanted:
    """Return how the values of an answer without end are printed."""
    from naftiko.cli.commands.receiving import Wanted

    header: list[str] = []

    def show(value: Any) -> None:
        result = decoder.result_of(value)
        result = result if select is None else select(result)
        if arguments.output is None:
            is_text = isinstance(result, str)
            text = _shown_text(result) if is_text else line_text(result)
        elif arguments.output == "yaml":
            text = f"---\n{_shown_text(yaml_text(result))}"
        elif arguments.output in TABLES:
            table = table_of(result if isinstance(result, list) else [result])
            if arguments.columns is not None:
                table = picked(table, arguments.columns)
            text = _written(table, arguments)
            first, _, rest = text.partition("\n")
            if header == [first] and not arguments.no_header:
                text = rest
            header[:] = [first]
        else:
            text = _written(result, arguments)
        is_ended = text.endswith("\n") and isinstance(result, str)
        print(text, end="" if is_ended else "\n", flush=True)

    is_valued = select is not None or arguments.output is not None
    return Wanted(show, is_valued, arguments.split_streams)


def _show_result(
    exchange: Exchange, select: Callable[[Any], Any] | None, arguments: Namespace
) -> None:
    response = exchange.response
    is_empty = not response.body
    if is_empty and arguments.output not in ("json", "yaml"):
        return  # a success without content
    streams = exchange.streams if arguments.split_streams else {}
    if streams and arguments.output is None and select is None:
        sys.stderr.write(for_terminal(streams.pop("stderr"), sys.stderr))
        _show_value("".join(streams.values()), None, arguments)
        return
    result = streams or exchange.result
    if is_empty and (response.status in (204, 205, 304) or not exchange.data):
        result = None
    columns = None
    if arguments.output in TABLES and result is exchange.outputs is exchange.result:
        operation = exchange.operation
        paths = [(o.name or "result", o.value) for o in operation.output_parameters]
        columns = output_columns(paths, operation, response)
    _show_value(result, select, arguments, columns, exchange.data)


def _show_function(
    capability: Capability,
    plan: Plan,
    given: dict[str, Any],
    select: Callable[[Any], Any] | None,
    arguments: Namespace,
) -> None:
    """Run an exposed function and print its value; one call gives rows of a table."""
    if plan.operation is None or plan.arriving_shape is None:
        _show_value(capability.call(arguments.ref, given), select, arguments)
        return
    from naftiko.cli.commands.shaping import shaped_outcome

    decoder = Decoder(plan.operation, has_outputs=False)
    decoder.check()
    wanted = _wanted(decoder, select, arguments)
    if not (outcome := shaped_outcome(capability, plan, given, wanted, arguments)):
        return
    for warning in outcome.warnings:
        warn(warning)
    columns = source = None
    is_table = select is None and arguments.output in TABLES
    if is_table and outcome.reply is not None and isinstance(outcome.value, dict):
        source = decoder.receive(*outcome.reply).value
        response = outcome.reply.response
        columns = output_columns(output_paths(plan), plan.operation, response)
    _show_value(outcome.value, select, arguments, columns, source)


def _show_value(
    value: Any,
    select: Callable[[Any], Any] | None,
    arguments: Namespace,
    columns: Columns | None = None,
    source: Any = None,
) -> None:
    """Print a value; `columns` finds the rows of a table in `source`."""
    result = value if select is None else select(value)
    is_plain = arguments.output in (None, "lines")
    if isinstance(result, (bytes, bytearray)) and is_plain:
        _write(_shown_bytes(bytes(result)))
    elif isinstance(result, str) and is_plain:
        print(_shown_text(result), end="" if result.endswith("\n") else "\n")
    elif arguments.output in TABLES:
        table = table_of(result, columns if select is None else None, source)
        if arguments.columns is not None:
            table = picked(table, arguments.columns)
        print(_written(table, arguments))
    else:
        print(_written(result, arguments))


def _written(value: Any, arguments: Namespace) -> str:
    """Return a value in the format that the options ask for."""
    kind = arguments.output or "json"
    if kind == "table":
        return table_text(value, header=not arguments.no_header, full=arguments.full)
    if kind in TABLES:
        write = tsv_text if kind == "tsv" else csv_text
        return _shown_text(write(value, header=not arguments.no_header))
    text = _WRITERS[kind](value)
    is_json = kind in ("json", "ndjson")
    return paint_json(text, sys.stdout) if is_json else _shown_text(text)


def _shown_text(text: str) -> str:
    """Return a text for standard output; a terminal obeys no control character."""
    return for_terminal(text, sys.stdout)


def _shown_bytes(data: bytes) -> bytes:
    """Return bytes for standard output; a terminal gets them as a text, as above."""
    if b"\0" in data[:1024] or not sys.stdout.isatty():
        return data
    return _shown_text(data.decode("utf-8", "backslashreplace")).encode()


_WRITERS: dict[str, Callable[[Any], str]] = {
    "json": json_text,
    "ndjson": ndjson_text,
    "yaml": yaml_text,
    "lines": lines_text,
}


def _write(data: bytes) -> None:
    """Write bytes to standard output.

    Raises:
        CallError: The bytes are binary, and the output is a terminal.
    """
    if b"\0" in data[:1024] and sys.stdout.isatty():
        raise CallError(
            "the response body is binary, and the output is a terminal",
            hint="save it with -O FILE, or redirect the output",
        )
    sys.stdout.flush()
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()


def _show_stream(
    arrivals: Arrivals, operation: Operation, arguments: Namespace
) -> None:
    from naftiko.cli.commands.arrivals import RawTail

    stream = arrivals.head()
    tail = RawTail(operation, stream)
    following = arrivals.chunk if arrivals.is_bounded else arrivals.next_chunk
    if arguments.include:
        _show_head(stream)
    last = b"\n"
    try:
        while chunk := following():
            _write(chunk)
            tail.add(chunk)
            last = chunk[-1:] or last
    except CallError:
        if last != b"\n" and sys.stdout.isatty():
            print(flush=True)  # so that the error message begins a new line
        raise
    tail.check()


def _save(
    capability: Capability,
    operation: Operation,
    arguments: Namespace,
    given: dict[str, Any],
) -> None:
    """Write the body to a file, atomically."""
    from naftiko.cli.commands.arrivals import RawTail
    from naftiko.cli.saving import opened

    with opened(arguments.save) as file:
        arrivals = _arrivals(capability, arguments, given)
        stream = arrivals.head()
        if arguments.include:
            _show_head(stream)
        length = stream.headers.get("Content-Length", "")
        # The length counts compressed bytes, the progress decompressed ones.
        is_known = length.isdigit() and "Content-Encoding" not in stream.headers
        tail = RawTail(operation, stream)
        progress = Progress(int(length) if is_known else 0, "bytes")
        try:
            while chunk := arrivals.chunk():
                file.write(chunk)
                tail.add(chunk)
                progress.add(len(chunk))
        finally:
            progress.end()
    tail.check()
