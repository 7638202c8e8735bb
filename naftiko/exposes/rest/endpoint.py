"""`Endpoint`: one operation of a `rest` adapter, from the request to the answer.

Spec 3.3 to 3.6. A request passes four stages; each can answer with a problem::

    Accept header -> media type -> arguments -> run of the function -> answer

Everything that depends on the document only is decided when the endpoint is made. This
module must not know how a request finds its endpoint.
"""

from __future__ import annotations

import logging
from functools import cached_property, partial
from itertools import islice
from typing import TYPE_CHECKING, Any

from naftiko.errors import CallError, StatusError, UnboundVariable
from naftiko.exposes import offload
from naftiko.exposes.http.answers import (
    JSON_TYPE,
    MEDIA_TYPES,
    Answer,
    chosen,
    outcome_answer,
)
from naftiko.exposes.http.inbound import watched
from naftiko.exposes.http.payload import is_long, read_payload
from naftiko.exposes.http.problems import (
    BadRequest,
    Busy,
    HttpProblem,
    missing_header,
    one_line,
    problem_of,
    status_answer,
    wrong_arguments,
)
from naftiko.exposes.rest.arguments import ArgumentReader, Incoming, text_of
from naftiko.exposes.rest.body_checks import body_checks, misplaced
from naftiko.exposes.rest.passing import (
    PLAIN_TEXT,
    Shaping,
    pass_on,
    streamed_type,
    wants_text,
)
from naftiko.formats.multiplexed import is_multiplexed, text_of_frames

if TYPE_CHECKING:
    from collections.abc import Coroutine, Mapping

    from naftiko.capability import Capability
    from naftiko.exposes.engine import Engine, Relay
    from naftiko.exposes.http.callers import CallerVariables
    from naftiko.exposes.http.inbound import Inbound
    from naftiko.exposes.http.payload import Payload
    from naftiko.exposes.options import Options
    from naftiko.exposes.rest.body_checks import Node
    from naftiko.functions.arguments import WrongArgument
    from naftiko.functions.plan import Plan
    from naftiko.functions.runs import Outcome
    from naftiko.plain import JSON

log = logging.getLogger("naftiko.rest")

#: Bytes of an `Accept` header that are read; parsed headers are cached.
_LONGEST_ACCEPT = 1000
#: Wrong members of one body that are named.
_MOST_FAULTS = 20


class Endpoint:
    """One operation of the adapter.

    Attributes:
        plan: The compiled function.
        label: The name in telemetry: path and method, as the document has them.
        problem: Why the function can never run, or `None`.
        reader: Reads the arguments.
        is_mock: The function calls no API (spec 3.6).
        is_open: One call is answered, and its response may have no end.
        is_negotiated: The answer is always a value, as JSON or as YAML.
    """

    def __init__(
        self, plan: Plan, engine: Engine, options: Options, callers: CallerVariables
    ) -> None:
        self.plan = plan
        self.label = f"{plan.function.url_path} {plan.function.method.upper()}"
        self._engine = engine
        self._callers = callers
        self._limit = options.max_body_bytes
        self._most = options.max_slow_answer
        self.reader = ArgumentReader(plan)
        self.problem = _unusable(plan, engine.capability) or self.reader.problem
        self.is_mock = _is_mock(plan)
        self.is_open = plan.passes_on or plan.arriving_shape is not None
        self.is_negotiated = _is_negotiated(plan)
        _ = plan.fits_slowly  # compiles its patterns now

    async def serve(self, exchange: Inbound, captures: Mapping[str, str]) -> None:
        """Answer one request."""
        if self.problem is not None:
            await exchange.refuse(problem_of(self.problem, is_compiled=True))
            return
        accept = exchange.headers.get(b"accept", b"")[:_LONGEST_ACCEPT]
        media_type = chosen(accept.decode("latin-1")) if accept else JSON_TYPE
        if not media_type:
            is_streamed = self.is_open and streamed_type(exchange)
            if self.is_negotiated and not is_streamed:
                # Refused before anything is called, so it has no effect.
                await exchange.refuse(
                    HttpProblem(
                        "not-acceptable",
                        f"the value comes as {' or '.join(MEDIA_TYPES)}",
                        "send an Accept header with one of them, or none",
                    )
                )
                return
            media_type = JSON_TYPE
        try:
            values = await self._values(exchange, captures)
        except BadRequest as error:
            await exchange.refuse(error.problem)
            return
        except Busy as error:
            await exchange.refuse(problem_of(error))
            return
        if self._callers:
            # A cache must not give one caller the answer for another.
            exchange.more.append((b"cache-control", b"no-store"))
        # JSON that is passed on varies as well: it becomes YAML on demand.
        exchange.more.append((b"vary", b"Accept"))
        answer = await self._answer(exchange, values, media_type)
        if answer is not None:
            await exchange.answer(answer)

    async def _values(
        self, exchange: Inbound, captures: Mapping[str, str]
    ) -> dict[str, JSON]:
        """Return the arguments in their types.

        Raises:
            BadRequest: Arguments are missing or wrong, or the body cannot be read.
        """
        reader = self.reader
        incoming = Incoming(
            captures, exchange.scope.get("query_string", b""), exchange.headers
        )
        unreadable: HttpProblem | None = None
        if reader.reads_body:
            body = await exchange.body(self._limit)
            content_type = text_of(exchange.headers.get(b"content-type", b""))
            try:
                incoming.payload = await read_payload(
                    body,
                    content_type,
                    reads_fields=reader.reads_fields,
                    takes_any=reader.takes_any,
                    aside=offload.aside,
                    held=exchange.held,
                )
            except BadRequest as error:
                unreadable = error.problem
            if is_long(body):
                exchange.is_long = True
                return await offload.aside(self._fitted, incoming, unreadable)
        if self.plan.fits_slowly:
            return await offload.aside(self._fitted, incoming, unreadable)
        return self._fitted(incoming, unreadable)

    def _fitted(
        self, incoming: Incoming, unreadable: HttpProblem | None
    ) -> dict[str, JSON]:
        """Return the arguments of a request in their types.

        Raises:
            BadRequest: Arguments are missing or wrong, or the body cannot be read.
        """
        reader = self.reader
        faults: tuple[WrongArgument, ...] = ()
        if reader.reads_body:
            faults = self._faults(incoming.payload)
            if faults and not faults[0].name:
                detail = f"the request body {faults[0].fault}"
                unreadable = HttpProblem("arguments", detail, errors=faults)
        values, wrong = self.plan.fit(reader.given(incoming))
        if faults:
            wrong = [*faults, *wrong]
        if unreadable is not None:
            # The problem names the wrong arguments of the other places as well.
            others = [w for w in wrong if w.in_ not in ("", "body")]
            errors = (*unreadable.errors, *others)
            raise BadRequest(unreadable._replace(errors=errors))
        if wrong:
            raise BadRequest(wrong_arguments(wrong))
        return values

    def _faults(self, payload: Payload) -> tuple[WrongArgument, ...]:
        """Return the members of a JSON body that must be objects or lists, and are not.

        An empty name means the body as a whole.
        """
        if payload.kind != "json" or self._checks is None:
            return ()
        return tuple(islice(misplaced(self._checks, payload.value), _MOST_FAULTS))

    @cached_property
    def _checks(self) -> Node | None:
        """What is checked of a JSON body, as its description says."""
        return body_checks(self.plan, self.reader)

    async def _answer(
        self, exchange: Inbound, values: dict[str, JSON], media_type: str
    ) -> Answer | None:
        """Return the answer, or `None` when it was sent while it arrived."""
        request_id = exchange.request_id.decode()
        caller = exchange.caller(self._callers, takes_json=media_type == JSON_TYPE)
        run: Coroutine[Any, Any, Outcome | None]
        if self.is_open:
            passes_on = self.plan.passes_on
            relay: Relay = partial(pass_on, exchange)
            if not passes_on:
                relay = Shaping(exchange, self.plan, self._engine.longest).pass_on
            run = self._engine.run_open(
                self.plan, values, caller, relay, in_values=not passes_on
            )
        else:
            run = self._engine.run(self.plan, values, caller)
        try:
            outcome = await watched(run, exchange.receive)
            if outcome is None:
                return None
            if (text := _log_text(exchange, outcome)) is not None:
                return Answer(outcome.status, PLAIN_TEXT, text)
            if self.is_mock and outcome.value == {}:
                return Answer(204)
            is_small = outcome.reading is None and not outcome.is_large
            if is_small and media_type == JSON_TYPE:
                return outcome_answer(outcome, media_type)
            writing = offload.answer(outcome, media_type, self._most)
            return await watched(writing, exchange.receive)
        except offload.TooLarge as error:
            return _only_json(error).answer(request_id)
        except StatusError as error:
            return status_answer(error, request_id)
        except UnboundVariable as error:
            if header := self._callers.missing(error):
                return missing_header(header).answer(request_id)
            log.error("request %s: %s", request_id, one_line(error))
            return problem_of(error).answer(request_id)
        except CallError as error:
            problem = problem_of(error)
            if exchange.is_started:
                # Only a body that breaks off can show the failure now.
                log.error("request %s: %s", request_id, one_line(error))
                return None
            if problem.code >= 500 and problem.code != 501:
                log.error("request %s: %s", request_id, one_line(error))
            return problem.answer(request_id)


def _only_json(error: offload.TooLarge) -> HttpProblem:
    """Return the problem of a value that is too large for YAML."""
    return HttpProblem(
        "not-acceptable",
        f"the value has {error.size:,} bytes as JSON, and as {MEDIA_TYPES[1]} at most"
        f" {error.most:,} are written",
        f"send `Accept: {JSON_TYPE}`, or {error.hint}",
    )


def _unusable(plan: Plan, capability: Capability) -> CallError | None:
    """Return why a function can never run, or `None`."""
    if plan.problem is not None or plan.operation is None:
        return plan.problem
    return capability.refusal(plan.operation)


def _is_mock(plan: Plan) -> bool:
    """Tell whether a function calls no API (spec 3.6)."""
    function = plan.inner.function if plan.inner is not None else plan.function
    return plan.problem is None and not (function.call or function.steps)


def _log_text(exchange: Inbound, outcome: Outcome) -> bytes | None:
    """Return the text of a container's log for a caller that wants text, or `None`."""
    if outcome.is_shaped or outcome.reply is None or not wants_text(exchange):
        return None
    response = outcome.reply.response
    if not is_multiplexed(response.body, response.content_type):
        return None
    return text_of_frames(response.body).encode()


def _is_negotiated(plan: Plan) -> bool:
    """Tell whether the answer is always a value, never a passed-on response."""
    function = plan.inner.function if plan.inner is not None else plan.function
    if _is_mock(plan) or function.mappings:
        return True
    return plan.shape is not None and plan.shape.is_declared
