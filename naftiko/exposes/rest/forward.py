"""`Forward`: a resource that forwards every request to a consumed adapter (spec 3.8).

::

    path: /proxy/{path}                      PUT /proxy/a/b?x=1
    forward: {targetNamespace: api,      ->  PUT https://api.example/a/b?x=1
              trustedHeaders: [X-Trace]}     X-Trace: …, and the credentials of `api`

The method, the rest of the path, the query and the body are forwarded; of the headers,
only the trusted ones. Bodies are streamed in both directions. The parameters and
credentials of the adapter override those of the caller. This module must not know how
the adapter builds a request.
"""

from __future__ import annotations

import asyncio
import logging
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from naftiko.consumes.request import USER_AGENT
from naftiko.errors import (
    CallError,
    ServeError,
    TransportError,
    UnboundVariable,
    shorten,
)
from naftiko.exposes.http.answers import FIXED_HEADERS, policy_for, written
from naftiko.exposes.http.inbound import FULL, Gone, too_large, watched
from naftiko.exposes.http.paths import (
    OwnName,
    check_parameters,
    cookie_names,
    joined_cookies,
    joined_query,
    leaves,
    names_in,
)
from naftiko.exposes.http.problems import (
    BadRequest,
    HttpProblem,
    missing_header,
    one_line,
    problem_of,
    secrets_of,
)
from naftiko.exposes.http.routes import ANY_METHOD, CATCH_ALL
from naftiko.masking import mask
from naftiko.transport.base import AsyncStreamingTransport

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Mapping

    from naftiko.exposes.engine import Engine
    from naftiko.exposes.http.callers import Caller, CallerVariables
    from naftiko.exposes.http.inbound import Inbound
    from naftiko.exposes.options import Options
    from naftiko.spec.adapters import ForwardSpec
    from naftiko.spec.model import Exposes
    from naftiko.transport.messages import Request
    from naftiko.transport.streams import AsyncStreamedResponse

log = logging.getLogger("naftiko.rest")

#: Headers of one connection or of its framing, not of the message (RFC 9110, 7.6.1).
_HOP_BY_HOP = frozenset(
    (
        "connection", "keep-alive", "proxy-authenticate", "proxy-authorization",
        "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade",
    )
)  # fmt: skip
_NEVER_SENT = _HOP_BY_HOP | {"content-length", "expect", "host"}
#: Methods whose response repeats the request with its credentials.
_ECHOED = frozenset(("TRACE", "TRACK", "CONNECT"))
_ALLOWED = "DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT"
#: Headers that describe the body, so they are forwarded with it.
_CONTENT = ("content-encoding", "content-language", "content-type")
#: Response headers about the origin or the connection of the upstream API. Passed on,
#: they would speak of this server.
_OF_ORIGIN = frozenset(
    ("alt-svc", "clear-site-data", "date", "server", "strict-transport-security")
)
#: Those that this server sets itself.
_FIXED = frozenset(name.decode() for name, _ in FIXED_HEADERS)
_OF_CACHES = frozenset(("age", "cache-control", "expires", "pragma"))
_CATCH_ALL_END = re.compile(r"/\{\{?\s*" + CATCH_ALL + r"\s*\}?\}$")
_PATH_SAFE = "/:@!$&'()*+,;=~%"
_LEAVING = HttpProblem(
    "malformed-request",
    "the path may not hold '.' or '..' as a segment",
    "it would name another resource than the one that is forwarded",
)


def forwards_of(
    exposes: Exposes, engine: Engine, options: Options, callers: CallerVariables
) -> list[Forward]:
    """Return the forwarded resources of an adapter."""
    return [Forward(spec, engine, options, callers) for spec in exposes.forwards]


class Forward:
    """One forwarded resource.

    Attributes:
        path: Its path template.
        label: The name of the resource in telemetry.
        stem: The template without a `{path}` at its end, because the rest of a path may
            be empty; an empty text when the template does not end so.
        namespace: The consumed adapter.
        trusted: Names of the headers that are forwarded.
    """

    def __init__(
        self,
        spec: ForwardSpec,
        engine: Engine,
        options: Options,
        callers: CallerVariables,
    ) -> None:
        self.path = path = spec.url_path
        self.label = f"{path} {ANY_METHOD}"
        stem = _CATCH_ALL_END.sub("", path)
        self.stem = (stem or "/") if stem != path else ""
        self.namespace = spec.namespace
        self.trusted = spec.trusted_headers
        self._folded = frozenset(n.lower() for n in self.trusted) - _NEVER_SENT
        if not isinstance(engine.transport, AsyncStreamingTransport):
            raise ServeError(
                f"{path}: the transport has no `stream`, which `forward` needs",
                hint="pass an `AioTransport`, or one with the same methods",
            )
        self._transport = engine.transport
        self._engine = engine
        self._callers = callers
        self._limit = options.max_body_bytes

    async def serve(self, exchange: Inbound, captures: Mapping[str, str]) -> None:
        """Forward one request and relay the response."""
        if exchange.method in _ECHOED:
            await exchange.refuse(
                HttpProblem(
                    "method-not-allowed",
                    f"{exchange.method} is not forwarded",
                    "it would show what is added to the request",
                    headers=(("Allow", _ALLOWED),),
                )
            )
            return
        rest = captures.get(CATCH_ALL, "")
        if leaves(rest):
            await exchange.refuse(_LEAVING)
            return
        if self._callers:
            exchange.more.append((b"cache-control", b"no-store"))
        upload = _Upload(exchange, self._limit)
        try:
            await upload.open()
            await watched(
                self._relay(exchange, rest, upload), upload.wait_for_disconnect
            )
        except BadRequest as error:
            await exchange.refuse(error.problem)
        except OwnName as error:
            await exchange.refuse(_own(error))
        except CallError as error:
            if upload.is_gone:
                raise Gone from None
            if upload.problem is not None and not exchange.is_started:
                await exchange.refuse(upload.problem)
                return
            await self._fail(exchange, error)

    async def _fail(self, exchange: Inbound, error: CallError) -> None:
        """Answer a failed call, and log it."""
        request_id = exchange.request_id.decode()
        header = ""
        if isinstance(error, UnboundVariable):
            header = self._callers.missing(error)
        if header:
            await exchange.refuse(missing_header(header))
            return
        problem = problem_of(error)
        if problem.code != 501:
            log.error("request %s: %s", request_id, one_line(error))
        # After the head of an answer only a body that breaks off can show the failure.
        if not exchange.is_started:
            await exchange.refuse(problem)

    # --- the request ------------------------------------------------------------------

    def _request(
        self, exchange: Inbound, caller: Caller, rest: str, upload: _Upload
    ) -> Request:
        """Return the request of the adapter with the parts of the caller's request."""
        headers = exchange.headers
        variables = None
        if caller.variables is not None:
            known = self._engine.capability.variables
            variables = known.of_caller(caller.variables)
        request = self._engine.capability.adapter_request(self.namespace, variables)
        request.method = exchange.method
        url, _, own_query = request.url.partition("?")
        own_cookies = request.headers.get("cookie", "")
        if rest:
            if own_query or own_cookies:
                check_parameters(rest, names_in(own_query) | cookie_names(own_cookies))
            safe_rest = quote(rest.encode("latin-1"), safe=_PATH_SAFE)
            url = f"{url.removesuffix('/')}/{safe_rest}"
        query = joined_query(exchange.scope.get("query_string", b""), own_query)
        request.url = f"{url}?{query}" if query else url
        dropped = _connection_options(headers.get(b"connection", b"").decode("latin-1"))
        for name in self._folded - dropped:
            value = headers.get(name.encode("latin-1"))
            if value is None:
                continue
            text = value.decode("latin-1")
            if name == "cookie" and own_cookies:
                request.headers[name] = joined_cookies(own_cookies, text)
            else:
                request.headers.setdefault(name, text)
        if "authorization" in request.headers:
            request.is_identified = True
        if upload.body is not None:
            for name in _CONTENT:
                if (value := headers.get(name.encode())) is not None:
                    request.headers.setdefault(name, value.decode("latin-1"))
            request.body = upload.body
            if upload.length is not None:
                request.headers["Content-Length"] = str(upload.length)
        request.headers.setdefault("Accept", "*/*")
        request.headers.setdefault("Accept-Encoding", "identity")
        request.headers.setdefault("User-Agent", USER_AGENT)
        request.headers["Via"] = f"{exchange.scope.get('http_version', '1.1')} naftiko"
        return request

    # --- the response -----------------------------------------------------------------

    async def _relay(self, exchange: Inbound, rest: str, upload: _Upload) -> None:
        caller = exchange.caller(self._callers)
        request = self._request(exchange, caller, rest, upload)
        with self._engine.telemetry.call(request, caller.trace) as noted:
            await self._relay_response(exchange, request, upload, noted)

    async def _relay_response(
        self,
        exchange: Inbound,
        request: Request,
        upload: _Upload,
        noted: dict[str, Any],
    ) -> None:
        opened = self._transport.stream(
            request, timeout=self._engine.timeout, decode=False
        )
        async with opened as response:
            noted["status"] = response.status
            await exchange.begin(response.status, self._headers(request, response))
            try:
                async for chunk in response:
                    await exchange.send(
                        {"type": "http.response.body", "body": chunk, "more_body": True}
                    )
            except TransportError:
                if upload.is_gone:
                    raise Gone from None
                raise
            await exchange.send({"type": "http.response.body", "body": b""})

    def _headers(
        self, request: Request, response: AsyncStreamedResponse
    ) -> Iterator[tuple[bytes, bytes]]:
        """Yield the headers of a response that go back to the caller."""
        secrets = secrets_of(request)
        options = _connection_options(response.headers.get("Connection", ""))
        kinds = [v for name, v in response.pairs if name.lower() == "content-type"]
        policy = policy_for(", ".join(kinds))
        yield from FIXED_HEADERS
        yield from policy
        for name, value in response.pairs:
            folded = name.lower()
            if folded in _HOP_BY_HOP or folded in _OF_ORIGIN or folded in options:
                continue
            # A cache must not give one caller the answer for another.
            if self._callers and folded in _OF_CACHES:
                continue
            if folded == "set-cookie" and "cookie" not in self._folded:
                continue
            # A policy of theirs could only be weaker than ours.
            if folded in _FIXED or (policy and folded == "content-security-policy"):
                continue
            # This server has its own CORS policy and its own request id.
            if folded.startswith("access-control-") or folded == "x-request-id":
                continue
            yield written(name, mask(value, secrets) if secrets else value)


def _own(error: OwnName) -> HttpProblem:
    return HttpProblem(
        "malformed-request",
        f"';{shorten(str(error))}=' names what is added to the request",
        "separate parameters of the query by '&', and leave it out of the path",
    )


def _connection_options(value: str) -> frozenset[str]:
    """Return the headers that a `Connection` header declares as hop-by-hop."""
    return frozenset(word.strip().lower() for word in value.split(",") if word.strip())


class _Upload:
    """The body of a request, forwarded while it arrives.

    Attributes:
        body: `None`, bytes when it came in one part, or an iterator of chunks.
        length: Its length in bytes, when there is a `Content-Length`.
        is_gone: Whether the caller hung up before the end of the body.
        problem: Why the body is not read to its end, or `None`.
    """

    def __init__(self, exchange: Inbound, limit: int) -> None:
        self._exchange = exchange
        self._limit = limit
        self._end = asyncio.Event()
        self._first = b""
        self.body: Any = None
        self.length: int | None = None
        self.is_gone = False
        self.problem: HttpProblem | None = None

    async def open(self) -> None:
        """Read the first part of the body.

        Raises:
            BadRequest: The body is larger than the limit.
            Gone: The caller hung up.
        """
        declared = self._exchange.headers.get(b"content-length", b"")
        length = int(declared) if declared.isdigit() else None
        if length is not None and length > self._limit:
            raise BadRequest(too_large(self._limit))
        held = self._exchange.hold(self._limit)
        message = await self._exchange.receive()
        if message["type"] == "http.disconnect":
            raise Gone
        self._first = message.get("body", b"")
        if len(self._first) > self._limit:
            raise BadRequest(too_large(self._limit))
        if not held.add(len(self._first)):
            raise BadRequest(FULL)
        if message.get("more_body", False):
            self.body, self.length = self._chunks(), length
            return
        self._end.set()
        if self._first or length == 0 or self._exchange.method in ("POST", "PUT"):
            self.body = self._first

    async def _chunks(self) -> AsyncIterator[bytes]:
        chunk, size, more = self._first, len(self._first), True
        held = self._exchange.held
        assert held is not None  # `open` came first
        while True:
            if chunk:
                yield chunk
                # It is sent, so only the next one is held.
                held.drop(len(chunk))
            if not more:
                self._end.set()
                return
            message = await self._exchange.receive()
            if message["type"] == "http.disconnect":
                self.is_gone = True
                raise TransportError("the caller hung up")
            chunk, more = message.get("body", b""), message.get("more_body", False)
            size += len(chunk)
            if size > self._limit:
                self.problem = too_large(self._limit)
                raise TransportError("the request body is too large")
            if not held.add(len(chunk)):
                self.problem = FULL
                raise TransportError("the bodies of other requests fill the memory")

    async def wait_for_disconnect(self) -> Any:
        """Return the next message after the body."""
        await self._end.wait()
        return await self._exchange.receive()
