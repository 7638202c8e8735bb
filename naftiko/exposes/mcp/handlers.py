"""The requests of MCP clients -> results: lists, tools, resources, prompts, completion.

::

    tools/call {"name": "ship", "arguments": {"id": "7"}}
        {"content": [{"type": "text", "text": "…"}], "structuredContent": {…}, …}
    resources/read {"uri": "ships://7"}
        {"contents": [{"uri": "ships://7", "mimeType": "application/json", …}]}

Parameters are checked already. Results are in the form of the newest revision. This
module must not know transports or sessions.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from naftiko.errors import shorten
from naftiko.exposes.http.callers import CallerVariables
from naftiko.exposes.http.scope import OPERATION, UNKNOWN
from naftiko.exposes.mcp.catalogue import (
    PROMPTS,
    RESOURCES,
    TEMPLATES,
    TOOLS,
    UnknownCursor,
)
from naftiko.exposes.mcp.clients import caller_of
from naftiko.exposes.mcp.prompts import PromptError
from naftiko.exposes.mcp.protocol.errors import (
    INTERNAL_ERROR,
    INVALID_PARAMS,
    METHOD_NOT_FOUND,
    McpError,
)
from naftiko.exposes.mcp.resources import ResourceError, read_backed
from naftiko.exposes.mcp.results import failure

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from naftiko.exposes.mcp.catalogue import McpVersion
    from naftiko.exposes.mcp.clients import Client
    from naftiko.exposes.mcp.protocol.session import McpWork
    from naftiko.exposes.mcp.tools import Tool
    from naftiko.exposes.options import Options
    from naftiko.plain import JSON

    #: Answers one method.
    Handler = Callable[[Client, McpWork], Awaitable[dict[str, JSON]]]

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
        by_method: Method → what answers it.
    """

    def __init__(self, served: McpVersion, options: Options) -> None:
        self.served = served
        self._variables = CallerVariables(options.variable_headers)
        self._most = options.max_concurrency
        self._most_bytes = options.max_slow_answer
        self.running = 0

        self.by_method: dict[str, Handler] = {
            **dict.fromkeys(LISTS, self._list),
            "tools/call": self._call_tool,
            "resources/read": self._read_resource,
            "prompts/get": self._get_prompt,
            "completion/complete": self._complete,
        }

    # --- lists ------------------------------------------------------------------------

    def page(self, method: str, cursor: str | None) -> dict[str, JSON]:
        """Return one page of a list; that of the resources reads folders.

        Raises:
            McpError: The document has no such list, or the cursor is unknown.
        """
        kind = LISTS[method]
        _require(method, is_there=self.served.has(kind))
        try:
            return self.served.page(kind, cursor)
        except UnknownCursor:
            message = "Invalid params: the cursor is not known"
            raise McpError(INVALID_PARAMS, message) from None

    async def _list(self, client: Client, work: McpWork) -> dict[str, JSON]:
        return await asyncio.to_thread(
            self.page, work.method, work.params.get("cursor")
        )

    # --- tools ------------------------------------------------------------------------

    async def _call_tool(self, client: Client, work: McpWork) -> dict[str, JSON]:
        """Call a tool, or one of the three tools of the search.

        Raises:
            McpError: No tool has the name.
        """
        params = work.params
        name, arguments = params["name"], params.get("arguments") or {}
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
        if is_known and client.scope is not None:
            client.scope[OPERATION] = name
        label = name if is_known else UNKNOWN
        with served.engine.telemetry.tool(label, served.name) as noted:
            if result is None:
                result = await self._run(client, work, tool, name, arguments)
            if result["isError"]:
                noted["error"] = "tool_error"
        return result

    async def _run(
        self,
        client: Client,
        work: McpWork,
        tool: Tool | None,
        name: str,
        arguments: Mapping[str, JSON],
    ) -> dict[str, JSON]:
        served = self.served
        if tool is None:
            guess = served.tools.guess(name)
            message = f"Invalid params: Unknown tool: {shorten(name)}"
            raise McpError(INVALID_PARAMS, f"{message}; {guess}" if guess else message)
        if self.running >= self._most:
            return failure(f"{name}: too many calls at once.\nhint: call again soon")
        self.running += 1
        try:
            caller = caller_of(client, work, self._variables)
            return await tool.call(
                served.engine, arguments, self._variables, caller, self._most_bytes
            )
        finally:
            self.running -= 1

    # --- resources --------------------------------------------------------------------

    async def _read_resource(self, client: Client, work: McpWork) -> dict[str, JSON]:
        served = self.served
        _require(work.method, is_there=served.has(RESOURCES))
        uri = work.params["uri"]
        backed = served.resources.backed(uri)
        try:
            if backed is None:
                content = await asyncio.to_thread(served.resources.read_file, uri)
            else:
                caller = caller_of(client, work, self._variables)
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
        return {"contents": [content], **served.envelope}

    # --- prompts ----------------------------------------------------------------------

    async def _get_prompt(self, client: Client, work: McpWork) -> dict[str, JSON]:
        served, params = self.served, work.params
        _require(work.method, is_there=served.has(PROMPTS))
        try:
            prompt = served.prompts.get(params["name"])
            messages = prompt.messages(params.get("arguments") or {})
        except PromptError as error:
            raise _rpc_error(error) from None
        result: dict[str, JSON] = {"messages": messages, "resultType": "complete"}
        if description := prompt.entry.get("description"):
            result["description"] = description
        return result

    # --- completion -------------------------------------------------------------------

    async def _complete(self, client: Client, work: McpWork) -> dict[str, JSON]:
        served, ref = self.served, work.params["ref"]
        argument = work.params["argument"]
        name = argument["name"]
        if ref["type"] == "ref/prompt":
            try:
                prompt = served.prompts.get(ref["name"])
            except PromptError as error:
                raise _rpc_error(error) from None
            values = prompt.complete(name)
            owner = f"the prompt '{prompt.name}'"
        else:
            uri = ref["uri"]
            values = await asyncio.to_thread(served.resources.complete, uri, name)
            owner = f"the resource template {shorten(uri)}"
        if values is None:
            raise McpError(
                INVALID_PARAMS,
                f"Invalid params: {owner} has no argument '{shorten(name)}'",
            )
        typed = argument["value"].casefold()
        fitting = [value for value in values if value.casefold().startswith(typed)]
        return {
            "completion": {
                "values": fitting[:MAX_COMPLETIONS],
                "total": len(fitting),
                "hasMore": len(fitting) > MAX_COMPLETIONS,
            },
            "resultType": "complete",
        }


def _require(method: str, *, is_there: bool) -> None:
    """Refuse a method whose kind of things the document does not have."""
    if not is_there:
        raise McpError(METHOD_NOT_FOUND, "Method not found", method)


def _rpc_error(error: ResourceError | PromptError, data: Any = None) -> McpError:
    """Return the JSON-RPC error for something that cannot be read."""
    if error.is_callers:
        return McpError(INVALID_PARAMS, f"Invalid params: {error}", data)
    return McpError(INTERNAL_ERROR, f"Internal error: {error}", data)
