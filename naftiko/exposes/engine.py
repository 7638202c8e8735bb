"""`Engine`: run exposed functions with asynchronous upstream calls.

One engine serves one capability; every adapter of it shares the engine and so the
connections. It must not know protocols.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from naftiko.errors import CallError, RequestTimeout
from naftiko.functions.runs import Reply, Work, in_step

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from naftiko.bindings import Variables
    from naftiko.capability import Capability
    from naftiko.exposes.observability.telemetry import Telemetry
    from naftiko.functions.compiler import Functions
    from naftiko.functions.plan import Plan
    from naftiko.functions.runs import Call, Outcome
    from naftiko.transport.base import AsyncTransport, Timeout
    from naftiko.transport.messages import Request, Response

    #: Told after each stage of a run: stages done, stages in all, steps of the stage.
    Progress = Callable[[int, int, str], Awaitable[None]]


#: A call ends after this many timeouts, however much comes in meanwhile.
LONGEST = 10


class Engine:
    """Run the functions of one capability.

    Args:
        capability: What is served.
        transport: What sends upstream calls.
        timeout: Seconds for each upstream call.
        telemetry: Told about functions, steps and upstream calls; `None` for nobody.
    """

    def __init__(
        self,
        capability: Capability,
        transport: AsyncTransport,
        *,
        timeout: Timeout = 30.0,
        telemetry: Telemetry | None = None,
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
        self,
        plan: Plan,
        values: Mapping[str, Any],
        *,
        variables: Mapping[str, str | None] | None = None,
        headers: Mapping[str, str] | None = None,
        progress: Progress | None = None,
    ) -> Outcome:
        """Run a function.

        Calls that a step stage asks for travel at the same time; when several fail, the
        first in the order of the document counts.

        Args:
            plan: The function, made ready.
            values: Argument → value, as `Plan.fit` returned them.
            variables: Bind variables of this caller → value, `None` for one that has
                none; they stand before all others, for this run only.
            headers: Sent with every call of this run, unless the document sets them:
                the trace that the run belongs to. Telemetry tells it itself.
            progress: Told how far an orchestrated function is.

        Raises:
            CallError: It cannot run, or an upstream call failed.
        """
        if plan.problem is not None:
            raise plan.problem
        known = self.capability.variables
        if variables:
            known = known.of_caller(variables)
        if self.telemetry is None:
            return await self._run(plan, values, known, headers, progress)
        with self.telemetry.function(plan):
            return await self._run(plan, values, known, headers, progress)

    async def _run(
        self,
        plan: Plan,
        values: Mapping[str, Any],
        known: Variables,
        headers: Mapping[str, str] | None,
        progress: Progress | None,
    ) -> Outcome:
        run = plan.run(values, known.get)
        try:
            asked = next(run)
            done = 0
            while True:
                answers = await self._answers(asked, known, headers)
                if progress is not None:
                    done += 1
                    steps = ", ".join(item.step for item in asked if item.step)
                    await progress(done, plan.stages, steps)
                asked = run.send(answers)
        except StopIteration as stop:
            outcome: Outcome = stop.value
            return outcome

    async def _answers(
        self,
        asked: tuple[Call | Work, ...],
        variables: Variables,
        headers: Mapping[str, str] | None,
    ) -> list[Any]:
        if len(asked) == 1:
            return [await self._answer(asked[0], variables, headers)]
        tasks = [
            asyncio.ensure_future(self._answer(item, variables, headers))
            for item in asked
        ]
        try:
            await asyncio.wait(tasks)
        finally:
            for task in tasks:
                task.cancel()
        # Every task is looked at, so that none is reported as never retrieved.
        failed = [error for task in tasks if (error := task.exception()) is not None]
        if failed:
            raise failed[0]
        return [task.result() for task in tasks]

    async def _answer(
        self,
        asked: Call | Work,
        variables: Variables,
        headers: Mapping[str, str] | None,
    ) -> Any:
        if self.telemetry is not None and asked.step:
            with self.telemetry.step(asked):
                return await self._done(asked, variables, headers)
        return await self._done(asked, variables, headers)

    async def _done(
        self,
        asked: Call | Work,
        variables: Variables,
        headers: Mapping[str, str] | None,
    ) -> Any:
        if isinstance(asked, Work):
            return asked.run() if asked.is_quick else await asyncio.to_thread(asked.run)
        try:
            request = self.capability.request_for(asked, variables)
            if self.telemetry is None:
                for name, value in (headers or {}).items():
                    request.headers.setdefault(name, value)
                response = await self._send(request)
            else:
                # The call is a span of its own in the trace that the headers tell of.
                with self.telemetry.call(request) as found:
                    response = await self._send(request)
                    found["status"] = response.status
        except CallError as error:
            raise in_step(error, asked.step) from None
        return Reply(request, response)

    async def _send(self, request: Request) -> Response:
        """Send a request; one that trickles in is given up.

        The timeout of a transport counts between two parts, and begins anew with each.
        """
        timeout = self.timeout
        longest = LONGEST * (max(timeout) if isinstance(timeout, tuple) else timeout)
        try:
            async with asyncio.timeout(longest):
                return await self.transport.send(request, timeout=timeout)
        except TimeoutError:
            where = request.mask(request.socket) or request.shown_url
            raise RequestTimeout(
                f"{request.method} {where}: no end of the response within"
                f" {longest:g} seconds",
                request=request,
                hint="--timeout SECONDS waits longer",
            ) from None

    async def close(self) -> None:
        """Release the connections."""
        await self.transport.close()
