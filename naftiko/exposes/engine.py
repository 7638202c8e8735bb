"""`Engine`: run exposed functions with asynchronous upstream calls.

    plan, {argument: value}, caller  →  Engine.run  →  Outcome

A run is a generator. It yields the upstream calls that may be made at the same time,
and the engine sends it their replies. One engine serves one capability; all adapters of
the capability share the engine, and with it the connections. This module must not know
protocols.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from naftiko.errors import CallError, RequestTimeout
from naftiko.exposes.http.callers import ANONYMOUS
from naftiko.exposes.observability.silent import SILENT
from naftiko.functions.runs import Reply, Work, in_step

if TYPE_CHECKING:
    from collections.abc import Mapping

    from naftiko.bindings import Variables
    from naftiko.capability import Capability
    from naftiko.exposes.http.callers import Caller
    from naftiko.exposes.observability.telemetry import AnyTelemetry
    from naftiko.functions.compiler import Functions
    from naftiko.functions.plan import Plan
    from naftiko.functions.runs import Call, Outcome
    from naftiko.transport.base import AsyncTransport, Timeout
    from naftiko.transport.messages import Request, Response


#: An upstream call is given up after this many timeouts. The timeout itself begins
#: anew with every byte, so a response that trickles in would never end.
LONGEST = 10


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
        self.capability = capability
        self.transport = transport
        self.timeout = timeout
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

    async def _run(
        self,
        plan: Plan,
        values: Mapping[str, Any],
        variables: Variables,
        caller: Caller,
    ) -> Outcome:
        run = plan.run(values, variables.get)
        try:
            stage = next(run)
            done = 0
            while True:
                replies = await self._replies(stage, variables, caller)
                if caller.progress is not None:
                    done += 1
                    steps = ", ".join(item.step for item in stage if item.step)
                    await caller.progress(done, plan.stages, steps)
                stage = run.send(replies)
        except StopIteration as stop:
            outcome: Outcome = stop.value
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
            return item.run() if item.is_quick else await asyncio.to_thread(item.run)
        try:
            request = self.capability.request_for(item, variables)
            with self.telemetry.call(request, caller.trace) as noted:
                response = await self._send(request)
                noted["status"] = response.status
        except CallError as error:
            raise in_step(error, item.step) from None
        return Reply(request, response)

    async def _send(self, request: Request) -> Response:
        timeout = self.timeout
        longest = LONGEST * (max(timeout) if isinstance(timeout, tuple) else timeout)
        try:
            async with asyncio.timeout(longest):
                return await self.transport.send(request, timeout=timeout)
        except TimeoutError:
            where = request.mask(request.socket) or request.shown_url
            reason = f"no end of the response within {longest:g} seconds"
            raise RequestTimeout(
                f"{request.method} {where}: {reason}",
                reason=reason,
                request=request,
                hint="--timeout SECONDS waits longer",
            ) from None

    async def close(self) -> None:
        """Release the connections."""
        await self.transport.close()
