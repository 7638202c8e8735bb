"""One exchange: send a request, check the status, decode the body, take out outputs.

    Request  ->  Response 200, {"a": {"b": 1}}  ->  Exchange(outputs={"x": 1})

This module must not know how a request is built or which network carries it.
"""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

from naftiko.consumes.status import (
    ERROR_BODY_BYTES,
    error_body,
    is_success,
    reported_failure,
    reported_failure_of,
    status_error,
)
from naftiko.errors import OutputError, ReportedError, shorten
from naftiko.formats import decoding
from naftiko.formats.faults import message_without
from naftiko.formats.json import decode_json
from naftiko.formats.media import format_of
from naftiko.hints import Hint
from naftiko.jsonpath.compiling import as_list, compile_path, extract
from naftiko.jsonpath.reading import is_root
from naftiko.records.tuples import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from naftiko.consumes.operation import Operation
    from naftiko.plain import JSON
    from naftiko.transport.base import Timeout, Transport
    from naftiko.transport.messages import Request, Response


#: Statuses without a body; 304 says that everything is as asked for already.
_NO_CONTENT = frozenset((204, 205, 304))


class Exchange:
    """One call: the request that was sent, the response, and its result.

    Attributes:
        operation: The operation that was called.
        request: The request; secrets are masked in its representations.
        response: The response.
        data: The decoded body.
        outputs: Output parameter name → value, as the document declares them.
        elapsed: Seconds from sending to the end of the body.
        warnings: Why the result is not what the document declares; mostly empty.
    """

    __slots__ = (
        "_result",
        "data",
        "elapsed",
        "operation",
        "outputs",
        "request",
        "response",
        "warnings",
    )

    def __init__(
        self,
        operation: Operation,
        request: Request,
        response: Response,
        data: JSON,
        outputs: Mapping[str, JSON],
        elapsed: float,
        result: JSON,
        warnings: tuple[str, ...] = (),
    ) -> None:
        self.operation = operation
        self.request = request
        self.response = response
        self.data = data
        self.outputs = outputs
        self.elapsed = elapsed
        self.warnings = warnings
        self._result = result

    @property
    def result(self) -> JSON:
        """The value that `Capability.call` returns.

        That is the decoded body when the operation declares no outputs or one that is
        the whole body, and otherwise `outputs`. A body of another format in which no
        output is found is the result itself; `warnings` says so.
        """
        return self._result

    @property
    def streams(self) -> dict[str, str]:
        """The text of each stream of a container: `{"stdout": "…", "stderr": "…"}`.

        It is empty for a response that is no multiplexed stream of a Docker Engine.
        """
        from naftiko.formats.multiplexed import is_multiplexed, split_text

        response = self.response
        if not is_multiplexed(response.body, response.content_type):
            return {}
        return split_text(response.body)

    @property
    def status(self) -> int:
        """The status code of the response."""
        return self.response.status

    def __repr__(self) -> str:
        return (
            f"<Exchange {self.operation.ref}: {self.response.status},"
            f" {self.elapsed * 1000:.0f} ms, {len(self.response.body):,} bytes>"
        )

    def _repr_html_(self) -> str:
        import json
        from html import escape  # only notebooks need it

        shown = self.request.as_dict()
        if len(self.response.body) <= 16 * ERROR_BODY_BYTES:
            text = json.dumps(self.result, indent=2, ensure_ascii=False, default=str)
        else:
            text = self.response.text[:ERROR_BODY_BYTES]
        text = self.request.mask(text)
        cut = text if len(text) <= 5000 else text[:5000] + "\n…"
        return (
            f"<p><b>{escape(self.operation.ref)}</b> <code>{escape(shown['method'])}"
            f" {escape(shown['url'])}</code> → <b>{self.response.status}</b>,"
            f" {self.elapsed * 1000:.0f} ms</p><pre>{escape(cut)}</pre>"
        )


class Received(NamedTuple):
    """The decoded body of a response, and why it is not what the document declares.

    Attributes:
        value: The value.
        is_other: The body is in another format than the declared one, or in none whose
            members outputs could name.
        warning: What is wrong, for people; empty when nothing is.
        is_json: It is JSON by its type too.
    """

    value: JSON
    is_other: bool = False
    warning: str = ""
    is_json: bool = False


_NOTHING = Received(None)


class Decoder:
    """How the response of one operation becomes a result, decided once.

    Args:
        operation: The operation.
        is_strict: A response in another format than the declared one is an error.
        has_outputs: Otherwise the result is the decoded body, without its outputs.
    """

    __slots__ = (
        "_decode", "_is_json", "_is_structured", "_is_whole", "_outputs", "is_strict",
        "operation", "refusal",
    )  # fmt: skip

    def __init__(
        self,
        operation: Operation,
        *,
        is_strict: bool = False,
        has_outputs: bool = True,
    ) -> None:
        self.operation = operation
        self.is_strict = is_strict
        outputs = operation.output_parameters if has_outputs else ()
        self._outputs: list[tuple[str, Callable[[JSON], JSON]]] = []
        self._is_structured = bool(outputs)
        self._is_json = operation.declared_format in ("", "json")
        self._is_whole = not outputs or (
            len(outputs) == 1 and is_root(outputs[0].value)
        )
        self._decode = decoding.decode_received
        #: The reason that no body can be decoded, known before a request is sent.
        self.refusal: OutputError | None = None
        try:
            for output in outputs:
                name = output.name or "result"
                self._outputs.append((name, compile_path(output.value)))
            decoding.check(operation.output_raw_format)
        except OutputError as error:
            self.refusal = error

    def check(self, request: Request | None = None) -> None:
        """Refuse, before it is sent, a request whose response could not be decoded.

        Otherwise the call would have its effect, and only its result be lost.

        Raises:
            OutputError: No body of this operation can be decoded.
        """
        if refusal := self.refusal:
            raise OutputError(
                f"{self.operation.ref}: {refusal.message}",
                hint=Hint(
                    f"`stream` gives the bytes; {refusal.hint}",
                    refusal.hint,
                    refusal.hint,
                ),
                code=refusal.code,
                location=self.operation.location,
                request=request,
            )

    def read(self, request: Request, response: Response, elapsed: float) -> Exchange:
        """Return the exchange for a response that succeeded.

        Raises:
            ReportedError: The body says that the operation failed.
            OutputError: The body cannot be decoded as the document declares.
        """
        received = self.receive(request, response)
        failed = received_failure(self.operation, request, response, received)
        if failed is not None:
            failed.value = received.value
            raise failed
        return self._exchange(request, response, received, elapsed)

    def receive(
        self,
        request: Request,
        response: Response,
        *,
        is_structured: bool = False,
        format: str = "",
    ) -> Received:
        """Return the decoded body of a response.

        Args:
            request: The request.
            response: The response to it.
            is_structured: Members of the value are wanted, also without outputs.
            format: The format that it must be in, whatever else is declared or came.

        Raises:
            OutputError: The body cannot be decoded as the document declares.
        """
        operation = self.operation
        # An empty body is a valid text, and a valid table without rows.
        has_content = response.status not in _NO_CONTENT and request.method != "HEAD"
        if not (response.body or has_content):
            return _NOTHING
        try:
            content_type = response.content_type
            if self._is_json and format_of(content_type) == "json":
                return Received(decode_json(response.body, content_type), is_json=True)
            value, read_as, is_other = self._decode(
                format or operation.declared_format,
                response.body,
                content_type,
                schema=operation.output_schema,
                is_structured=is_structured or self._is_structured,
                is_strict=self.is_strict or bool(format),
                most=response.limit,
            )
        except OutputError as error:
            raise OutputError(
                f"{operation.ref}: {message_without(request.mask, error)}",
                hint=request.mask(error.hint),
                code=error.code,
                location=operation.location,
                request=request,
                response=response,
            ) from None
        if not is_other:
            is_plain = not operation.declared_format and read_as not in ("json", "")
            return Received(value, is_plain and isinstance(value, (str, bytes)))
        kind = shorten(request.mask(content_type))
        warning = (
            f"{operation.ref}: the document declares outputRawFormat:"
            f" {operation.declared_format}, but the response is {kind} and not that"
            f" format; the result is what came, read as {read_as}"
        )
        return Received(value, is_other, warning)

    def contradictions(self, request: Request, response: Response) -> tuple[str, ...]:
        """Return the warnings about a response that is passed on without being read.

        Raises:
            OutputError: The decoder is strict, and the body is not in its format.
        """
        declared = self.operation.declared_format
        if not declared or not response.body:
            return ()
        if format_of(response.content_type) in ("", declared):
            return ()
        try:
            warning = self.receive(request, response).warning
        except OutputError:
            if self.is_strict:
                raise
            return ()
        return (warning,) if warning else ()

    def projected(self, reply: tuple[Request, Response]) -> Received:
        """Return the part of a response that a step keeps (spec 2.9).

        Of an object that is the declared outputs; an element of a list keeps its own
        members beside them. Without outputs, or with the whole body as the only one,
        it is the body.

        Raises:
            OutputError: The body cannot be decoded as the document declares.
        """
        received = self.receive(*reply, is_structured=True)
        if self._is_whole:
            return received
        value = received.value
        if isinstance(value, list):
            kept: JSON = [
                {**item, **self._found(reply[1], item)}
                if isinstance(item, dict)
                else item
                for item in value
            ]
            return received._replace(value=kept)
        result, warnings = self._result(received, self._found(reply[1], value))
        return received._replace(value=result, warning="; ".join(warnings))

    def result_of(self, value: JSON) -> JSON:
        """Return the result that one value of a stream stands for."""
        return value if self._is_whole else extract(self._outputs, value)

    def read_failed(
        self, request: Request, response: Response, elapsed: float
    ) -> Exchange:
        """Return the exchange for a response that failed, its body read if possible."""
        data = error_body(self.operation, response)
        return self._exchange(request, response, Received(data), elapsed)

    def _found(self, response: Response, value: JSON) -> dict[str, JSON]:
        """Return output name → what it finds in the decoded body of a response."""
        outputs = self._outputs
        declared, kind = self.operation.declared_format, response.content_type
        if "xml" in (declared or kind).lower():
            from naftiko.formats.xml import is_xml

            if is_xml(declared, kind):
                outputs = [
                    (o.name or "result", path_into_xml(o.value, o.type))
                    for o in self.operation.output_parameters
                ]
        return extract(outputs, value)

    def _exchange(
        self, request: Request, response: Response, received: Received, elapsed: float
    ) -> Exchange:
        outputs = self._found(response, received.value)
        if self._is_whole and not received.warning:
            result = received.value
            warnings: tuple[str, ...] = ()
        else:
            result, warnings = self._result(received, outputs)
        return Exchange(
            self.operation,
            request,
            response,
            received.value,
            outputs,
            elapsed,
            result,
            warnings,
        )

    def _result(
        self, received: Received, outputs: dict[str, JSON]
    ) -> tuple[JSON, tuple[str, ...]]:
        """Return the result, and the warnings about it."""
        value, is_other, warning, _ = received
        warnings = (warning,) if warning else ()
        if self._is_whole:
            return value, warnings
        if not is_other or any(found is not None for found in outputs.values()):
            return outputs, warnings
        return value, warnings or (self.lacking_outputs(value),)

    def lacking_outputs(self, value: JSON) -> str:
        """Return the warning about a text, or bytes, where outputs are declared."""
        what = "bytes" if isinstance(value, bytes) else "a text"
        return (
            f"{self.operation.ref}: the document declares outputs, but the response is"
            f" {what}; the result is what came"
        )


def path_into_xml(path: str, type_name: str) -> Callable[[JSON], JSON]:
    """Return a path for a decoded XML body, where one element is no list.

    Where the document says `array`, one element is a list of one, and none is an empty
    list. The compiled paths are kept by `compile_path`.
    """
    compiled = compile_path(path, lone_is_list=True)
    is_list = type_name == "array" and not is_root(path)
    return as_list(compiled) if is_list else compiled


def received_failure(
    operation: Operation, request: Request, response: Response, received: Received
) -> ReportedError | None:
    """Return the error that a decoded body reports, or `None`."""
    if not received.is_json:
        return reported_failure(operation, request, response)
    value = received.value
    if isinstance(value, dict) and "errorDetail" not in value:
        return None  # as nearly every answer; see `reported_by`
    from naftiko.formats.reported import reported_by

    found = reported_by(value, response.body, response.content_type)
    if found is None:
        return None
    return reported_failure_of(operation, request, response, found)


class Decoders(dict["Operation", Decoder]):
    """Operation → its decoder, made when it is first asked for.

    Args:
        strict: A response in another format than the declared one is an error.
    """

    def __init__(self, *, strict: bool = False) -> None:
        super().__init__()
        self._is_strict = strict

    def __missing__(self, operation: Operation) -> Decoder:
        decoder = self[operation] = Decoder(operation, is_strict=self._is_strict)
        return decoder


def warn_of(messages: Iterable[str]) -> None:
    """Warn that a result is not what is declared, at the line that asked for it."""
    import warnings

    level, frame = 1, sys._getframe()
    # Code that is given to `exec` may have no name.
    while frame.f_back and frame.f_globals.get("__name__", "").startswith("naftiko."):
        level, frame = level + 1, frame.f_back
    for message in messages:
        warnings.warn(message, UserWarning, stacklevel=level)


def send(
    decoder: Decoder,
    request: Request,
    transport: Transport,
    *,
    timeout: Timeout,
    raise_for_status: bool = True,
) -> Exchange:
    """Send a request and return the exchange.

    Args:
        decoder: Of the operation that the request calls.
        request: The request to send.
        transport: The transport that sends it.
        timeout: Seconds to connect, and between two parts of the response.
        raise_for_status: Otherwise a response outside 200–299 is read as far as
            possible and returned.

    Raises:
        TransportError: No usable response came back.
        StatusError: The response has a status outside 200 to 299.
        ReportedError: The body says that the operation failed.
        OutputError: The body cannot be decoded as the document declares.
    """
    decoder.check(request)
    started = time.perf_counter()
    response = transport.send(request, timeout=timeout)
    elapsed = time.perf_counter() - started
    if response.is_success or is_success(request, response.status):
        try:
            exchange = decoder.read(request, response, elapsed)
        except ReportedError:
            if raise_for_status:
                raise
            return decoder.read_failed(request, response, elapsed)
        if exchange.warnings:
            warn_of(exchange.warnings)
        return exchange
    if raise_for_status:
        raise status_error(decoder.operation, request, response)
    return decoder.read_failed(request, response, elapsed)
