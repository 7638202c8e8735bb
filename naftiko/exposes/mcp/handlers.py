"""The requests of MCP clients -> results: lists, tools, resources, prompts, completion.

::

    tools/call {"name": "ship", "arguments": {"id": "7"}}
        {"content": [{"type": "text", "text": "…"}], "structuredContent": {…}, …}
    resources/read {"uri": "ships://7"}
        {"contents": [{"uri": "ships://7", "mimeType": "application/json", …}]}

Parameters come from the SDK already checked. Results are in the form of the wire. This
module must not know transports or sessions.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from naftiko.errors import shorten
from naftiko.exposes import offload
from naftiko.exposes.http.callers import CallerVariables
from naftiko.exposes.http.scope import OPERATION, UNKNOWN
from naftiko.exposes.http.splicing import is_long, splice
from naftiko.exposes.mcp.catalogue import (
    PROMPTS,
    RESOURCES,
    TEMPLATES,
    TOOLS,
    UnknownCursor,
)
from naftiko.exposes.mcp.clients import caller_of
from naftiko.exposes.mcp.prompts import PromptError
from naftiko.exposes.mcp.resources import ResourceError, read_backed
from naftiko.exposes.mcp.results import failure
from naftiko.exposes.mcp.sdk import (
    INTERNAL_ERROR,
    INVALID_PARAMS,
    METHOD_NOT_FOUND,
    CallToolRequestParams,
    CompleteRequestParams,
    Context,
    GetPromptRequestParams,
    MCPError,
    PaginatedRequestParams,
    PromptReference,
    ReadResourceRequestParams,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from naftiko.exposes.mcp.catalogue import McpVersion
    from naftiko.exposes.mcp.tools import Tool
    from naftiko.exposes.options import Options
    from naftiko.plain import JSON

MAX_COMPLETIONS = 100

#: Method of a list → the member of the result that holds the list.
LISTS = {
    "tools/list": TOOLS,
    "resources/list": RESOURCES,
    "resources/templates/list": TEMPLATES,
    "prompts/list": PROMPTS,
}


class Handlers:
    """Answer the requests for one adapter.

    Args:
        served: The version of the document to answer from.
        options: The settings of the server.

    Attributes:
        served: May be replaced; a request keeps the version that it began with.
        running: The number of tool calls under way.
    """

    def __init__(self, served: McpVersion, options: Options) -> None:
        self.served = served
        self._variables = CallerVariables(options.variable_headers)
        self._most = options.max_concurrency
        self._most_bytes = options.max_slow_answer
        self.running = 0

    def by_method(self) -> dict[str, tuple[Any, Any]]:
        """Return method → the model of its parameters, and its handler."""
        return {
            **dict.fromkeys(LISTS, (PaginatedRequestParams, self.list)),
            "tools/call": (CallToolRequestParams, self._call_tool),
            "resources/read": (ReadResourceRequestParams, self._read_resource),
            "prompts/get": (GetPromptRequestParams, self._get_prompt),
            "completion/complete": (CompleteRequestParams, self._complete),
        }

    # --- lists ------------------------------------------------------------------------

    async def list(
        self, ctx: Context, params: PaginatedRequestParams
    ) -> dict[str, JSON]:
        """Return one page of a list.

        Raises:
            MCPError: The document has no such list, or the cursor is unknown.
        """
        served = self.served
        kind = LISTS[ctx.method]
        _require(ctx, is_there=served.has(kind))
        try:
            if served.is_stable(kind):
                return served.page(kind, params.cursor)
            return await asyncio.to_thread(served.page, kind, params.cursor)
        except UnknownCursor:
            message = "Invalid params: the cursor is not known"
            raise MCPError(INVALID_PARAMS, message) from None

    # --- tools ------------------------------------------------------------------------

    async def _call_tool(
        self, ctx: Context, params: CallToolRequestParams
    ) -> dict[str, JSON]:
        return await self.call_tool(ctx, params.name, params.arguments or {})

    async def call_tool(
        self, ctx: Context, name: str, arguments: Mapping[str, JSON]
    ) -> dict[str, JSON]:
        """Call a tool, or one of the three tools of the search.

        Raises:
            MCPError: No tool has the name.
        """
        served = self.served
        tool, result = served.tools.get(name), None
        if served.search is not None:
            result = served.search.answer(name, arguments)
            if result is None and name == "call":
                target = served.search.target(arguments)
                if isinstance(target, dict):
                    result = target
                else:
                    tool, arguments = target
                    name = tool.name
        is_known = tool is not None or result is not None
        if is_known and ctx.request is not None:
            ctx.request.scope[OPERATION] = name
        label = name if is_known else UNKNOWN
        with served.engine.telemetry.tool(label, served.name) as noted:
            if result is None:
                result = await self._run(ctx, served, tool, name, arguments)
            if result["isError"]:
                noted["error"] = "tool_error"
        if ctx.request is not None and any(map(is_long, result["content"])):
            await offload.aside(splice, ctx.request.scope, result)
        return result

    async def _run(
        self,
        ctx: Context,
        served: McpVersion,
        tool: Tool | None,
        name: str,
        arguments: Mapping[str, JSON],
    ) -> dict[str, JSON]:
        if tool is None:
            guess = served.tools.guess(name)
            message = f"Invalid params: Unknown tool: {shorten(name)}"
            raise MCPError(INVALID_PARAMS, f"{message}; {guess}" if guess else message)
        if self.running >= self._most:
            return failure(f"{name}: too many calls at once.\nhint: call again soon")
        self.running += 1
        try:
            caller = caller_of(ctx, self._variables)
            return await tool.call(
                served.engine, arguments, self._variables, caller, self._most_bytes
            )
        finally:
            self.running -= 1

    # --- resources --------------------------------------------------------------------

    async def _read_resource(
        self, ctx: Context, params: ReadResourceRequestParams
    ) -> dict[str, JSON]:
        served = self.served
        _require(ctx, is_there=served.has(RESOURCES))
        uri = str(params.uri)
        backed = served.resources.backed(uri)
        try:
            if backed is None:
                content = await asyncio.to_thread(served.resources.read_file, uri)
            else:
                caller = caller_of(ctx, self._variables)
                content = await read_backed(
                    served.engine,
                    backed,
                    uri,
                    self._variables,
                    caller,
                    self._most_bytes,
                )
        except ResourceError as error:
            raise _rpc_error(error, {"uri": uri}) from None
        result = {"contents": [content], **served.envelope}
        if ctx.request is not None and is_long(content):
            await offload.aside(splice, ctx.request.scope, result)
        return result

    # --- prompts ----------------------------------------------------------------------

    async def _get_prompt(
        self, ctx: Context, params: GetPromptRequestParams
    ) -> dict[str, JSON]:
        served = self.served
        _require(ctx, is_there=served.has(PROMPTS))
        try:
            prompt = served.prompts.get(params.name)
            messages = prompt.messages(params.arguments or {})
        except PromptError as error:
            raise _rpc_error(error) from None
        result: dict[str, JSON] = {"messages": messages, "resultType": "complete"}
        if description := prompt.entry.get("description"):
            result["description"] = description
        return result

    # --- completion -------------------------------------------------------------------

    async def _complete(
        self, ctx: Context, params: CompleteRequestParams
    ) -> dict[str, JSON]:
        served = self.served
        argument = params.argument
        if isinstance(params.ref, PromptReference):
            try:
                prompt = served.prompts.get(params.ref.name)
            except PromptError as error:
                raise _rpc_error(error) from None
            values = prompt.complete(argument.name)
            owner = f"the prompt '{prompt.name}'"
        else:
            uri = params.ref.uri
            values = await asyncio.to_thread(
                served.resources.complete, uri, argument.name
            )
            owner = f"the resource template {shorten(uri)}"
        if values is None:
            raise MCPError(
                INVALID_PARAMS,
                f"Invalid params: {owner} has no argument '{shorten(argument.name)}'",
            )
        typed = argument.value.casefold()
        fitting = [value for value in values if value.casefold().startswith(typed)]
        return {
            "completion": {
                "values": fitting[:MAX_COMPLETIONS],
                "total": len(fitting),
                "hasMore": len(fitting) > MAX_COMPLETIONS,
            },
            "resultType": "complete",
        }


def _require(ctx: Context, *, is_there: bool) -> None:
    """Refuse a method whose kind of things the document does not have."""
    if not is_there:
        raise MCPError(METHOD_NOT_FOUND, "Method not found", ctx.method)


def _rpc_error(error: ResourceError | PromptError, data: Any = None) -> MCPError:
    """Return the JSON-RPC error for something that cannot be read."""
    if error.is_callers:
        return MCPError(INVALID_PARAMS, f"Invalid params: {error}", data)
    return MCPError(INTERNAL_ERROR, f"Internal error: {error}", data)
