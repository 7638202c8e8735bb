"""The tools of an MCP adapter: how they are listed, and how they are called.

Spec 4.2 and 4.3; dialect 7.2 to 7.5. The list is made once. This module must not know
how messages travel.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from naftiko.errors import CallError, did_you_mean
from naftiko.exposes.http.callers import ANONYMOUS
from naftiko.exposes.mcp.results import explain, failure, result_of, wrong_arguments
from naftiko.functions.arguments import json_schema
from naftiko.functions.output_schema import tool_output

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
        entry: What a list of tools says of it.
    """

    __slots__ = ("_outputs", "entry", "name", "plan")

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.name = plan.name
        self._outputs = tool_output(plan)
        self.entry = _entry(plan)
        if self._outputs is not None:
            self.entry["outputSchema"] = self._outputs.schema

    async def call(
        self,
        engine: Engine,
        arguments: Mapping[str, JSON],
        callers: CallerVariables,
        caller: Caller = ANONYMOUS,
    ) -> dict[str, JSON]:
        """Call it and return its result, in the form of the wire.

        Args:
            engine: What runs it.
            arguments: Argument → value.
            callers: Knows which header fills which variable.
            caller: Variables, trace and progress of this call.
        """
        plan = self.plan
        if plan.problem is not None:
            return failure(explain(plan.problem, plan, callers))
        values, wrong = plan.fit(arguments)
        if wrong:
            return failure(wrong_arguments(plan, wrong))
        try:
            outcome = await engine.run(plan, values, caller)
            return result_of(outcome, plan, self._outputs)
        except CallError as error:
            return failure(explain(error, plan, callers))


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
    """Return the annotations of a tool: only what is set (facts A05 to A07)."""
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
    """The tools of one adapter, by name; of two with one name the first counts."""

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
        """Return what a list of tools says."""
        return [tool.entry for tool in self]
