"""The tools of an MCP adapter: their entries in a list, and their calls.

Spec 4.2 and 4.3; dialect 7.2 to 7.5::

    {name: ship, call: fleet.get}
        {"name": "ship", "description": "…", "inputSchema": {"type": "object", …}}

The entries are made once. This module must not know how messages travel.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from naftiko.errors import CallError, did_you_mean
from naftiko.exposes import offload
from naftiko.exposes.http.callers import ANONYMOUS
from naftiko.exposes.mcp.results import explain, failure, result_of, wrong_arguments
from naftiko.exposes.options import MAX_SLOW_ANSWER
from naftiko.functions.arguments import json_schema
from naftiko.functions.schemas.outputs import tool_output

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from naftiko.exposes.engine import Engine
    from naftiko.exposes.http.callers import Caller, CallerVariables
    from naftiko.functions.plan import Plan
    from naftiko.plain import JSON
    from naftiko.spec.model import Exposes

_HINTS = {
    "readOnly": "readOnlyHint",
    "destructive": "destructiveHint",
    "idempotent": "idempotentHint",
    "openWorld": "openWorldHint",
}


class Tool:
    """One tool.

    Attributes:
        entry: The entry of the tool in a list of tools.
    """

    __slots__ = ("_outputs", "entry", "name", "plan")

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.name = plan.name
        self._outputs = tool_output(plan)
        _ = plan.fits_slowly  # compiles its patterns now
        self.entry = _entry(plan)
        if self._outputs is not None:
            self.entry["outputSchema"] = self._outputs.schema

    async def call(
        self,
        engine: Engine,
        arguments: Mapping[str, JSON],
        callers: CallerVariables,
        caller: Caller = ANONYMOUS,
        most: int = MAX_SLOW_ANSWER,
    ) -> dict[str, JSON]:
        """Call the tool and return its result in the form of the wire.

        Args:
            engine: Runs the function.
            arguments: Argument → value.
            callers: The headers that fill variables.
            caller: Variables, trace and progress of this call.
            most: Bytes of a result that is given.
        """
        plan = self.plan
        if plan.problem is not None:
            return failure(explain(plan.problem, plan, callers))
        try:
            values, wrong = (
                await offload.aside(plan.fit, arguments)
                if plan.fits_slowly
                else plan.fit(arguments)
            )
            if wrong:
                return failure(wrong_arguments(plan, wrong))
            outcome, note = await engine.run_excerpt(plan, values, caller)
            result = await offload.small_enough(
                outcome, most, result_of, outcome, plan, self._outputs, most
            )
        except CallError as error:
            return failure(explain(error, plan, callers))
        if note:
            told = {"type": "text", "text": note}
            is_empty = outcome.reply is not None and not outcome.reply.response.body
            result["content"] = [told] if is_empty else [*result["content"], told]
        return result


def _entry(plan: Plan) -> dict[str, JSON]:
    function = plan.function
    entry: dict[str, JSON] = {"name": plan.name}
    if function.label:
        entry["title"] = function.label
    entry["description"] = " ".join(plan.description.split()) or plan.name
    entry["inputSchema"] = json_schema(plan.arguments)
    if annotations := _annotations(plan):
        entry["annotations"] = annotations
    return entry


def _annotations(plan: Plan) -> dict[str, JSON]:
    """Return the annotations of a tool that the document sets (facts A05 to A07).

    `semantics` of an aggregate function count; `hints` of the tool override them.
    """
    function = plan.function
    hints: dict[str, bool] = {}
    if plan.inner is not None:
        semantics = plan.inner.function.semantics
        safe = semantics.get("safe")
        if isinstance(safe, bool):
            hints["readOnly"] = safe
        if safe is True:
            hints["destructive"] = False
        if isinstance(semantics.get("idempotent"), bool):
            hints["idempotent"] = semantics["idempotent"]
    for name in _HINTS:
        if isinstance(function.hints.get(name), bool):
            hints[name] = function.hints[name]
    annotations: dict[str, JSON] = {}
    if function.label:
        annotations["title"] = function.label
    for name, called in _HINTS.items():
        if name in hints:
            annotations[called] = hints[name]
    return annotations


class Tools:
    """The tools of one adapter by name; the first of two equal names counts."""

    def __init__(self, engine: Engine, exposes: Exposes) -> None:
        self._by_name: dict[str, Tool] = {}
        for plan in engine.functions.of(exposes):
            if plan.function.kind != "tool" or not plan.name.strip():
                continue
            if plan.name not in self._by_name:
                self._by_name[plan.name] = Tool(plan)

    def get(self, name: str) -> Tool | None:
        """Return a tool by its name."""
        return self._by_name.get(name)

    def guess(self, name: str) -> str:
        """Return a question that names the nearest tool, or an empty text."""
        return did_you_mean(name, self._by_name)

    def __iter__(self) -> Iterator[Tool]:
        return iter(self._by_name.values())

    def __len__(self) -> int:
        return len(self._by_name)

    def entries(self) -> list[dict[str, JSON]]:
        """Return the entries of a list of tools."""
        return [tool.entry for tool in self]
