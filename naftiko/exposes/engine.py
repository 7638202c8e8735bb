"""`Engine`: run exposed functions with asynchronous upstream calls.

    plan, {argument: value}, caller  →  Engine.run  →  Outcome

A run is a generator. It yields the upstream calls that may be made at the same time,
and the engine sends it their replies. One engine serves one capability; all adapters of
the capability share the engine, and with it the connections. This module must not know
protocols.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any

from naftiko.errors import CallError, RequestTimeout
from naftiko.exposes import offload
from naftiko.exposes.gathering import Excerpt
from naftiko.exposes.http.callers import ANONYMOUS
from naftiko.exposes.http.patrol import Deadline
from naftiko.exposes.observability.silent import SILENT
from naftiko.formats.json import accelerate
from naftiko.formats.media import has_parts, is_open_ended
from naftiko.functions.runs import Call, Reply, Work, in_step
from naftiko.http import SAFE_METHODS
from naftiko.plain import seconds_of
from naftiko.transport.base import AsyncReceivingTransport
from naftiko.transport.messages import Response

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from naftiko.bindings import Variables
    from naftiko.capability import Capability
    from naftiko.exposes.http.callers import Caller
    from naftiko.exposes.observability.silent import Noted
    from naftiko.exposes.observability.telemetry import AnyTelemetry
    from naftiko.functions.compiler import Functions
    from naftiko.functions.plan import Plan
    from naftiko.functions.runs import Outcome
    from naftiko.transport.base import AsyncTransport, Timeout
    from naftiko.transport.messages import Request
    from naftiko.transport.streams import AsyncStreamedResponse

    #: A response that may have no end, and whether the call asked for that → the
    #: response with its body, or `None` when its answer is given.
    Relay = Callable[[AsyncStreamedResponse, bool], Awaitable[Response | None]]

_log = logging.getLogger("naftiko")

#: An upstream call is given up after this many timeouts. The timeout itself begins
#: anew with every byte, so a response that trickles in would never end.
LONGEST = 10
#: Seconds after which an answer without an end is enough for a reader who waits.
ENOUGH = 10.0


class Engine:
    """Run the functions of one capability.

    Args:
        capability: The capability that is served.
        transport: Sends upstream calls.
        timeout: Seconds for each upstream call.
        telemetry: Observes functions, steps and upstream calls.
    """

    def __init__(
        self,
        capability: Capability,
        transport: AsyncTransport,
        *,
        timeout: Timeout = 30.0,
        telemetry: AnyTelemetry = SILENT,
    ) -> None:
        accelerate()
        self.capability = capability
        self.transport = transport
        # Asked once: `isinstance` of a protocol takes 20 µs.
        self._receiving: AsyncReceivingTransport | None = (
            transport if isinstance(transport, AsyncReceivingTransport) else None
        )
        self.timeout = timeout
        #: The timeout in seconds; of two, for connecting and reading, the longer.
        self._silence = max(timeout) if isinstance(timeout, tuple) else timeout
        #: The seconds after which a response must have ended.
        self.longest = LONGEST * self._silence
        self.telemetry = telemetry

    @property
    def functions(self) -> Functions:
        """The exposed functions of the capability."""
        return self.capability.functions

    async def run(
        self, plan: Plan, values: Mapping[str, Any], caller: Caller = ANONYMOUS
    ) -> Outcome:
        """Run a function.

        The calls of one stage are sent at the same time. When several of them fail,
        the error of the first one in document order is raised.

        Args:
            plan: The compiled function.
            values: Argument → value, as `Plan.fit` returned them.
            caller: Variables, trace and progress of this run only. The variables of
                the caller override those of the server.

        Raises:
            CallError: The function cannot run, or an upstream call failed.
        """
        if plan.problem is not None:
            raise plan.problem
        variables = self.capability.variables
        if caller.variables:
            variables = variables.of_caller(caller.variables)
        with self.telemetry.function(plan):
            return await self._run(plan, values, variables, caller)

    async def run_open(
        self,
        plan: Plan,
        values: Mapping[str, Any],
        caller: Caller,
        relay: Relay,
        *,
        in_values: bool = False,
    ) -> Outcome | None:
        """Run a function of one call whose answer may have no end; see `run`.

        An answer that is recognised by its type, or by the arguments of the call, is
        handed to `relay` before its body is read. That returns the response with its
        body, or `None` when the answer is given; then there is no outcome.

        Args:
            plan: The compiled function.
            values: Argument → value, as `Plan.fit` returned them.
            caller: Variables, trace and progress of this run only.
            relay: Takes the answer.
            in_values: It takes complete values only; other answers are read whole.
        """
        transport = self._receiving
        if plan.problem is not None or transport is None:
            return await self.run(plan, values, caller)
        variables = self.capability.variables
        if caller.variables:
            variables = variables.of_caller(caller.variables)
        with self.telemetry.function(plan):
            run = plan.run(values, variables.get, takes_json=caller.takes_json)
            (call,) = next(run)
            assert isinstance(call, Call)
            make = self.capability.request_for
            if caller.sends_much:
                request = await offload.aside(make, call, variables)
            else:
                request = make(call, variables)
            with self.telemetry.call(request, caller.trace) as noted:
                response = await self._received(
                    transport, request, call, relay, noted, in_values=in_values
                )
            if response is None:
                run.close()
                return None
            replies: list[Any] = [Reply(request, response)]
            try:
                while True:
                    # A large reply is read as work.
                    stage = run.send(replies)
                    replies = await self._replies(stage, variables, caller)
            except StopIteration as stop:
                return self._ended(stop.value)

    async def run_excerpt(
        self, plan: Plan, values: Mapping[str, Any], caller: Caller = ANONYMOUS
    ) -> tuple[Outcome, str]:
        """Run a function for a reader that gets its result as a whole, such as a model.

        Of an answer without an end, the reader gets what comes within a time; see
        `_enough`. See `run` for the arguments and errors.

        Returns:
            The outcome, and a note if it is not the whole answer.
        """
        if plan.operation is None:
            return await self.run(plan, values, caller), ""
        note = ""

        async def take(response: AsyncStreamedResponse, follows: bool) -> Response:
            nonlocal note
            seconds = self._enough(response.request, follows=follows)
            excerpt = Excerpt(seconds, self.longest, caller.progress)
            taken = await excerpt.take(response)
            note = excerpt.note
            return taken

        outcome = await self.run_open(plan, values, caller, take, in_values=True)
        assert outcome is not None  # `take` returns the response
        return outcome, note

    async def _received(
        self,
        transport: AsyncReceivingTransport,
        request: Request,
        call: Call,
        relay: Relay,
        noted: Noted,
        *,
        in_values: bool,
    ) -> Response | None:
        """Return the whole response to a call, or `None` for one that was relayed.

        Its status is noted as soon as its head has come.
        """
        follows = call.operation.follows(call.arguments)

        def stays_open(status: int, headers: Mapping[str, str]) -> bool:
            if not 200 <= status < 300 or "Content-Length" in headers:
                return False
            kind = headers.get("Content-Type", "")
            if in_values and not has_parts(kind, call.operation.declared_format):
                return False
            return follows or is_open_ended(kind)

        try:
            with Deadline(self.longest) as limit:
                received = transport.receive(
                    request, timeout=self.timeout, stays_open=stays_open
                )
                async with received as response:
                    noted["status"] = response.status
                    if isinstance(response, Response):
                        return response
                    limit.lift()
                    return await relay(response, follows)
        except TimeoutError:
            raise self._too_long(request) from None

    async def _run(
        self,
        plan: Plan,
        values: Mapping[str, Any],
        variables: Variables,
        caller: Caller,
    ) -> Outcome:
        run = plan.run(values, variables.get, takes_json=caller.takes_json)
        try:
            stage = next(run)
            done = 0
            while True:
                replies = await self._replies(stage, variables, caller)
                if caller.progress is not None and not _is_reading(stage):
                    done += 1
                    steps = ", ".join(item.step for item in stage if item.step)
                    await caller.progress(done, plan.stages, steps)
                stage = run.send(replies)
        except StopIteration as stop:
            return self._ended(stop.value)

    def _ended(self, outcome: Outcome) -> Outcome:
        for warning in outcome.warnings:
            _log.warning("%s", warning)
        return outcome

    async def _replies(
        self, stage: tuple[Call | Work, ...], variables: Variables, caller: Caller
    ) -> list[Any]:
        """Return the reply of each call, and the result of other work, of one stage."""
        if len(stage) == 1:
            return [await self._reply(stage[0], variables, caller)]
        tasks = [
            asyncio.ensure_future(self._reply(item, variables, caller))
            for item in stage
        ]
        try:
            await asyncio.wait(tasks)
        finally:
            for task in tasks:
                task.cancel()
        # The exception of every task is retrieved, else asyncio logs the others.
        failed = [error for task in tasks if (error := task.exception()) is not None]
        if failed:
            raise failed[0]
        return [task.result() for task in tasks]

    async def _reply(
        self, item: Call | Work, variables: Variables, caller: Caller
    ) -> Any:
        if not item.step:
            return await self._done(item, variables, caller)
        with self.telemetry.step(item):
            return await self._done(item, variables, caller)

    async def _done(
        self, item: Call | Work, variables: Variables, caller: Caller
    ) -> Any:
        if isinstance(item, Work):
            if item.reading is not None:
                return await offload.read(item)
            if item.run_async is not None:
                return await item.run_async(offload.aside)
            return item.run()
        try:
            make = self.capability.request_for
            if caller.sends_much:
                request = await offload.aside(make, item, variables)
            else:
                request = make(item, variables)
            with self.telemetry.call(request, caller.trace) as noted:
                if self._receiving and item.operation.follows(item.arguments):
                    response = await self._ended_soon(
                        self._receiving, request, item, noted
                    )
                else:
                    response = await self._send(request)
                    noted["status"] = response.status
        except CallError as error:
            raise in_step(error, item.step) from None
        return Reply(request, response)

    async def _ended_soon(
        self,
        transport: AsyncReceivingTransport,
        request: Request,
        call: Call,
        noted: Noted,
    ) -> Response:
        """Return the whole response to a step that asks for an answer without end.

        Raises:
            RequestTimeout: It has not ended in the time that a reader waits.
        """
        excerpt = Excerpt(self._enough(request, follows=True), self.longest)

        async def take(response: AsyncStreamedResponse, follows: bool) -> Response:
            return await excerpt.take(response)

        response = await self._received(
            transport, request, call, take, noted, in_values=False
        )
        assert response is not None  # `take` returns it
        if excerpt.is_cut:
            reason = f"the answer has no end within {seconds_of(round(excerpt.waited))}"
            raise RequestTimeout(
                f"{call.operation.ref}: {reason}, and a step needs the whole answer",
                reason=reason,
                was_sent=True,
                request=request,
                hint="let the step ask for one that ends, such as with `follow: false`",
            )
        return response

    async def _send(self, request: Request) -> Response:
        try:
            with Deadline(self.longest):
                return await self.transport.send(request, timeout=self.timeout)
        except TimeoutError:
            raise self._too_long(request) from None

    def _enough(self, request: Request, *, follows: bool) -> float:
        """Return the seconds in which a reader gets a part of an answer without end.

        A request that may change something has longer: to cut its answer off could end
        its work. That is the timeout if it asks for an answer without end, and else the
        longest time.
        """
        if request.method in SAFE_METHODS:
            return min(ENOUGH, self._silence)
        return self._silence if follows else self.longest

    def _too_long(self, request: Request) -> RequestTimeout:
        where = request.mask(request.socket) or request.shown_url
        reason = f"no end of the response within {seconds_of(self.longest)}"
        return RequestTimeout(
            f"{request.method} {where}: {reason}",
            reason=reason,
            was_sent=True,
            request=request,
            hint="--timeout SECONDS waits longer",
        )

    async def close(self) -> None:
        """Release the connections."""
        await self.transport.close()


def _is_reading(stage: tuple[Call | Work, ...]) -> bool:
    return isinstance(stage[0], Work) and stage[0].reading is not None
