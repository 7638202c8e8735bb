"""One exchange: send a request, check the status, decode the body, take out outputs.

    Request  ->  Response 200, {"a": {"b": 1}}  ->  Exchange(outputs={"x": 1})

This module must not know how a request is built or which network carries it.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from naftiko.consumes.status import ERROR_BODY_BYTES, error_body, status_error
from naftiko.errors import OutputError
from naftiko.formats import decoding
from naftiko.formats.faults import message_without
from naftiko.jsonpath.compiling import compile_path, extract
from naftiko.jsonpath.reading import is_root

if TYPE_CHECKING:
    from collections.abc import Mapping

    from naftiko.consumes.operation import Operation
    from naftiko.plain import JSON
    from naftiko.transport.base import Timeout, Transport
    from naftiko.transport.messages import Request, Response


_NO_CONTENT = frozenset((204, 205))


class Exchange:
    """One call: the request that was sent, the response, and its result.

    Attributes:
        operation: The operation that was called.
        request: The request; secrets are masked in its representations.
        response: The response.
        data: The decoded body.
        outputs: Output parameter name → value, as the document declares them.
        elapsed: Seconds from sending to the end of the body.
    """

    __slots__ = (
        "_result",
        "data",
        "elapsed",
        "operation",
        "outputs",
        "request",
        "response",
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
    ) -> None:
        self.operation = operation
        self.request = request
        self.response = response
        self.data = data
        self.outputs = outputs
        self.elapsed = elapsed
        self._result = result

    @property
    def result(self) -> JSON:
        """The value that `Capability.call` returns.

        That is the decoded body when the operation declares no outputs or one that is
        the whole body, and otherwise `outputs`.
        """
        return self._result

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


class Decoder:
    """How the response of one operation becomes a result, decided once."""

    __slots__ = ("_decode", "_is_whole", "_outputs", "operation", "refusal")

    def __init__(self, operation: Operation) -> None:
        self.operation = operation
        outputs = operation.output_parameters
        self._outputs = [(o.name or "result", compile_path(o.value)) for o in outputs]
        self._is_whole = not outputs or (
            len(outputs) == 1 and is_root(outputs[0].value)
        )
        self._decode = decoding.decode
        #: The reason that no body can be decoded, known before a request is sent.
        self.refusal: OutputError | None = None
        try:
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
                hint=f"{refusal.hint}; `stream` gives the bytes",
                code=refusal.code,
                location=self.operation.location,
                request=request,
            )

    def read(self, request: Request, response: Response, elapsed: float) -> Exchange:
        """Return the exchange for a response that succeeded.

        Raises:
            OutputError: The body cannot be decoded as the document declares.
        """
        operation = self.operation
        data: JSON = None
        # An empty body is a valid text, and a valid table without rows.
        has_content = response.status not in _NO_CONTENT and request.method != "HEAD"
        if response.body or has_content:
            try:
                data = self._decode(
                    operation.output_raw_format,
                    response.body,
                    content_type=response.content_type,
                    schema=operation.output_schema,
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
        return self._exchange(request, response, data, elapsed)

    def projected(self, reply: tuple[Request, Response]) -> JSON:
        """Return the part of a response that a step keeps (spec 2.9).

        Of an object that is the declared outputs; an element of a list keeps its own
        members beside them. Without outputs, or with the whole body as the only one,
        it is the body.

        Raises:
            OutputError: The body cannot be decoded as the document declares.
        """
        exchange = self.read(*reply, 0)
        if self._is_whole:
            return exchange.data
        if isinstance(exchange.data, list):
            return [
                {**item, **extract(self._outputs, item)}
                if isinstance(item, dict)
                else item
                for item in exchange.data
            ]
        return exchange.outputs

    def read_failed(
        self, request: Request, response: Response, elapsed: float
    ) -> Exchange:
        """Return the exchange for a response that failed, its body read if possible."""
        data = error_body(self.operation, response)
        return self._exchange(request, response, data, elapsed)

    def _exchange(
        self, request: Request, response: Response, data: JSON, elapsed: float
    ) -> Exchange:
        outputs = extract(self._outputs, data)
        result = data if self._is_whole else outputs
        return Exchange(
            self.operation, request, response, data, outputs, elapsed, result
        )


class Decoders(dict["Operation", Decoder]):
    """Operation → its decoder, made when it is first asked for."""

    def __missing__(self, operation: Operation) -> Decoder:
        decoder = self[operation] = Decoder(operation)
        return decoder


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
        OutputError: The body cannot be decoded as the document declares.
    """
    decoder.check(request)
    started = time.perf_counter()
    response = transport.send(request, timeout=timeout)
    elapsed = time.perf_counter() - started
    if response.is_success:
        return decoder.read(request, response, elapsed)
    if raise_for_status:
        raise status_error(decoder.operation, request, response)
    return decoder.read_failed(request, response, elapsed)
