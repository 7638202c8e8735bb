"""`StubTransport`: answers without a network."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from naftiko.transport.messages import Request, Response
from naftiko.transport.streams import StreamedResponse

if TYPE_CHECKING:
    from naftiko.transport.base import Timeout


class StubTransport:
    """A transport for tests: answers from a function, and keeps what was sent.

    Args:
        answer: A `Response`, or a function from `Request` to `Response`.

    Attributes:
        requests: Every request, in order.
    """

    def __init__(
        self, answer: Response | Callable[[Request], Response] | None = None
    ) -> None:
        self.requests: list[Request] = []
        self._answer = answer or Response(200, {"Content-Type": "application/json"})

    def send(self, request: Request, *, timeout: Timeout) -> Response:
        """Keep the request and answer it."""
        self.requests.append(request)
        answer = self._answer
        return answer if isinstance(answer, Response) else answer(request)

    def stream(self, request: Request, *, timeout: Timeout) -> StreamedResponse:
        """Keep the request and answer it, the body in one chunk."""
        answer = self.send(request, timeout=timeout)
        return StreamedResponse(
            request,
            answer.status,
            answer.headers,
            lambda size: iter([answer.body] if answer.body else []),
            reason=answer.reason,
        )

    def close(self) -> None:
        """Do nothing."""
