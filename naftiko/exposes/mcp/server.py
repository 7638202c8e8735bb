"""The MCP protocol of one adapter: the SDK's low-level server, and what it answers.

The SDK knows the revisions, the messages and the transports; here is what each request
means for a capability. This module must not know how messages travel.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any

from naftiko.errors import shorten
from naftiko.exposes.http.callers import Caller, CallerVariables, trace_of
from naftiko.exposes.http.scope import OPERATION, UNKNOWN
from naftiko.exposes.mcp.catalogue import (
    PROMPTS,
    RESOURCES,
    TEMPLATES,
    TOOLS,
    UnknownCursor,
)
from naftiko.exposes.mcp.changes import TOLD, Changes
from naftiko.exposes.mcp.prompts import PromptError
from naftiko.exposes.mcp.resources import ResourceError, read_backed
from naftiko.exposes.mcp.results import failure
from naftiko.exposes.mcp.sdk import (
    INTERNAL_ERROR,
    INVALID_PARAMS,
    METHOD_NOT_FOUND,
    MODERN_PROTOCOL_VERSIONS,
    SERVER_INFO_META_KEY,
    CallNext,
    CallToolRequestParams,
    CompleteRequestParams,
    Context,
    GetPromptRequestParams,
    HandlerResult,
    InitializationOptions,
    MCPError,
    NotificationOptions,
    NotificationParams,
    PaginatedRequestParams,
    PromptReference,
    ReadResourceRequestParams,
    Server,
    ServerCapabilities,
    ValidationError,
)
from naftiko.version import __version__

if TYPE_CHECKING:
    from collections.abc import Mapping

    from naftiko.exposes.http.callers import Progress
    from naftiko.exposes.mcp.catalogue import McpVersion
    from naftiko.exposes.mcp.tools import Tool
    from naftiko.exposes.options import Options
    from naftiko.plain import JSON

logger = logging.getLogger(__name__)

MAX_COMPLETIONS = 100

#: Method of a list → what the list is called in its result.
_LISTS = {
    "tools/list": TOOLS,
    "resources/list": RESOURCES,
    "resources/templates/list": TEMPLATES,
    "prompts/list": PROMPTS,
}
#: Methods that the SDK answers itself.
_OF_THE_SDK = ("initialize", "ping")


class McpServer(Server[dict[str, Any]]):
    """The low-level server of the SDK, with the answers of one adapter.

    Attributes:
        served: What is served now.
    """

    def __init__(self, served: McpVersion, options: Options) -> None:
        self.served = served
        self._callers = CallerVariables(options.variable_headers)
        self._most = options.max_concurrency
        self._running = 0
        #: (method, revision, cursor) → result as the SDK made it for the wire.
        self.pages: dict[tuple[str, str, str | None], HandlerResult] = {}
        self.changes = Changes()
        super().__init__(
            served.name,
            version=__version__,
            title=served.title or None,
            instructions=served.instructions,
            # Nothing here asks for `Mcp-Param-…` headers, so nothing is to be checked.
            get_tool_input_schema=lambda _name: None,
            on_subscriptions_listen=self.changes.listen,
        )
        for method in _LISTS:
            self.add_request_handler(method, PaginatedRequestParams, self._list)
        add = self.add_request_handler
        add("tools/call", CallToolRequestParams, self._call_tool)
        add("resources/read", ReadResourceRequestParams, self._read_resource)
        add("prompts/get", GetPromptRequestParams, self._get_prompt)
        add("completion/complete", CompleteRequestParams, self._complete)
        # Spans are made by `telemetry`, with the names of the specification.
        self.middleware = [self._around]
        self.add_notification_handler(
            "notifications/initialized", NotificationParams, self.changes.connected
        )

    # --- what it says of itself -------------------------------------------------------

    def create_initialization_options(
        self,
        notification_options: NotificationOptions | None = None,
        experimental_capabilities: dict[str, dict[str, Any]] | None = None,
        extensions: dict[str, dict[str, Any]] | None = None,
    ) -> InitializationOptions:
        """Promise word of changed lists, which the SDK leaves out by default."""
        return super().create_initialization_options(
            notification_options or NotificationOptions(True, True, True),
            experimental_capabilities,
            extensions,
        )

    def get_capabilities(
        self,
        notification_options: NotificationOptions | None = None,
        experimental_capabilities: dict[str, dict[str, Any]] | None = None,
        extensions: dict[str, dict[str, Any]] | None = None,
        *,
        protocol_version: str | None = None,
    ) -> ServerCapabilities:
        """Leave out what the document does not have (fact P02)."""
        capabilities = super().get_capabilities(
            notification_options,
            experimental_capabilities,
            extensions,
            protocol_version=protocol_version,
        )
        if not self.served.resources:
            capabilities.resources = None
        if not self.served.prompts:
            capabilities.prompts = None
        if not self.served.prompts and not self.served.resources:
            capabilities.completions = None
        return capabilities

    @property
    def server_info_stamp(self) -> dict[str, Any]:
        """Who answers; unlike the SDK's it changes with a reload."""
        return dict(self.served.stamp)

    # --- reload -----------------------------------------------------------------------

    def replace(self, served: McpVersion) -> list[str]:
        """Serve something else from now on; return the lists that changed."""
        before, self.served, self.pages = self.served, served, {}
        self.name = served.name
        self.title = served.title or None
        self.instructions = served.instructions
        return [kind for kind in TOLD if before.said(kind) != served.said(kind)]

    # --- requests ---------------------------------------------------------------------

    async def _around(self, ctx: Context, call_next: CallNext) -> HandlerResult:
        """Take the two short cuts, and keep the inside of failures inside.

        The SDK validates every request and every result against its models, twice. For
        a list that lasts, what it made of it is good until the next reload. The
        arguments and the result of a tool are checked and made here, so its models
        would only copy them: a tenth of the time of a call.
        """
        scope = None if ctx.request is None else ctx.request.scope
        if scope is not None and ctx.request_id is not None:
            scope[OPERATION] = ctx.method if self._knows(ctx.method) else None
        try:
            # Requests of a session are answered in a task of that session.
            with self.served.engine.telemetry.inside(scope, _sent(ctx)):
                if ctx.method == "tools/call":
                    return await self._call_tool_shortly(ctx, call_next)
                return await self._list_shortly(ctx, call_next)
        except (MCPError, ValidationError):
            raise
        except Exception:
            logger.exception("%s failed", ctx.method)
            raise MCPError(INTERNAL_ERROR, "Internal error") from None

    def _knows(self, method: str) -> bool:
        return method in _OF_THE_SDK or self.get_request_handler(method) is not None

    async def _list_shortly(self, ctx: Context, call_next: CallNext) -> HandlerResult:
        kind = _LISTS.get(ctx.method)
        cursor = (ctx.params or {}).get("cursor")
        fits = cursor is None or isinstance(cursor, str)
        if not kind or not fits or not self.served.lasts(kind) or not _is_open(ctx):
            return await call_next(ctx)
        # A reload puts another memory in its place; what is asked of this one stays.
        pages = self.pages
        key = (ctx.method, ctx.protocol_version, cursor)
        page = pages.get(key)
        if page is None:
            page = pages[key] = await call_next(ctx)
        return page

    async def _call_tool_shortly(
        self, ctx: Context, call_next: CallNext
    ) -> HandlerResult:
        params = ctx.params or {}
        name, arguments = params.get("name"), params.get("arguments")
        fits = arguments is None or isinstance(arguments, dict)
        if not fits or not isinstance(name, str) or not _is_open(ctx):
            # The SDK has the words for what is malformed.
            return await call_next(ctx)
        result = await self._called(ctx, name, arguments or {})
        if ctx.protocol_version in MODERN_PROTOCOL_VERSIONS:
            result["_meta"] = {SERVER_INFO_META_KEY: self.server_info_stamp}
        else:
            del result["resultType"]
        return result

    async def _list(
        self, ctx: Context, params: PaginatedRequestParams
    ) -> dict[str, JSON]:
        served = self.served
        kind = _LISTS[ctx.method]
        self._require(served, ctx.method)
        try:
            if served.lasts(kind):
                return served.page(kind, params.cursor)
            return await asyncio.to_thread(served.page, kind, params.cursor)
        except UnknownCursor:
            said = "Invalid params: the cursor is not known"
            raise MCPError(INVALID_PARAMS, said) from None

    def _require(self, served: McpVersion, method: str) -> None:
        """Refuse a method of what the document does not have."""
        kind = method.partition("/")[0]
        if kind == "tools" or getattr(served, kind):
            return
        raise MCPError(METHOD_NOT_FOUND, "Method not found", method)

    async def _call_tool(
        self, ctx: Context, params: CallToolRequestParams
    ) -> dict[str, JSON]:
        return await self._called(ctx, params.name, params.arguments or {})

    async def _called(
        self, ctx: Context, name: str, arguments: Mapping[str, JSON]
    ) -> dict[str, JSON]:
        served = self.served
        tool, answer = served.tools.get(name), None
        if served.search is not None:
            answer = served.search.answer(name, arguments)
            if answer is None and name == "call":
                target = served.search.target(arguments)
                if isinstance(target, dict):
                    answer = target
                else:
                    tool, arguments = target
                    name = tool.name
        is_known = tool is not None or answer is not None
        if is_known and ctx.request is not None:
            ctx.request.scope[OPERATION] = name
        label = name if is_known else UNKNOWN
        with served.engine.telemetry.tool(label, served.name) as noted:
            result = answer or await self._run(ctx, served, tool, name, arguments)
            if result["isError"]:
                noted["error"] = "tool_error"
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
            said = f"Invalid params: Unknown tool: {shorten(name)}"
            raise MCPError(INVALID_PARAMS, f"{said}; {guess}" if guess else said)
        if self._running >= self._most:
            return failure(f"{name}: too many calls at once.\nhint: call again soon")
        self._running += 1
        try:
            return await tool.call(
                served.engine,
                arguments,
                self._callers,
                self._caller(ctx),
            )
        finally:
            self._running -= 1

    def _caller(self, ctx: Context) -> Caller:
        """Return what a client brings along; over stdio it fills no variables."""
        request = ctx.request
        scope = None if request is None else request.scope
        variables = None if scope is None else self._callers.of(scope["headers"])
        return Caller(variables, _trace(ctx), _progress(ctx))

    async def _read_resource(
        self, ctx: Context, params: ReadResourceRequestParams
    ) -> dict[str, JSON]:
        served = self.served
        self._require(served, ctx.method)
        uri = str(params.uri)
        backed = served.resources.backed(uri)
        try:
            if backed is None:
                content = await asyncio.to_thread(served.resources.read_file, uri)
            else:
                content = await read_backed(
                    served.engine,
                    backed,
                    uri,
                    self._callers,
                    self._caller(ctx),
                )
        except ResourceError as error:
            if error.is_callers:
                code, said = INVALID_PARAMS, f"Invalid params: {error}"
            else:
                code, said = INTERNAL_ERROR, f"Internal error: {error}"
            raise MCPError(code, said, {"uri": uri}) from None
        return {"contents": [content], **served.envelope}

    async def _get_prompt(
        self, ctx: Context, params: GetPromptRequestParams
    ) -> dict[str, JSON]:
        served = self.served
        self._require(served, ctx.method)
        try:
            prompt = served.prompts.get(params.name)
            messages = prompt.messages(params.arguments or {})
        except PromptError as error:
            if error.is_callers:
                raise MCPError(INVALID_PARAMS, f"Invalid params: {error}") from None
            raise MCPError(INTERNAL_ERROR, f"Internal error: {error}") from None
        result: dict[str, JSON] = {"messages": messages, "resultType": "complete"}
        if description := prompt.entry.get("description"):
            result["description"] = description
        return result

    async def _complete(
        self, ctx: Context, params: CompleteRequestParams
    ) -> dict[str, JSON]:
        served = self.served
        argument = params.argument
        if isinstance(params.ref, PromptReference):
            try:
                prompt = served.prompts.get(params.ref.name)
            except PromptError as error:
                raise MCPError(INVALID_PARAMS, f"Invalid params: {error}") from None
            values = prompt.complete(argument.name)
            of = f"the prompt '{prompt.name}'"
        else:
            uri = params.ref.uri
            values = await asyncio.to_thread(
                served.resources.complete, uri, argument.name
            )
            of = f"the resource template {shorten(uri)}"
        if values is None:
            raise MCPError(
                INVALID_PARAMS,
                f"Invalid params: {of} has no argument '{shorten(argument.name)}'",
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


def _is_open(ctx: Context) -> bool:
    """Tell whether a client may ask yet: in older revisions it has to say hello."""
    return (
        ctx.protocol_version in MODERN_PROTOCOL_VERSIONS
        or ctx.session.client_params is not None
    )


def _sent(ctx: Context) -> dict[str, str] | None:
    """Return the trace in the `_meta` of a message, `None` for none."""
    parent = ctx.meta.get("traceparent") if ctx.meta else None
    if not isinstance(parent, str):
        return None
    state = ctx.meta.get("tracestate") if ctx.meta else None
    return trace_of(parent, state if isinstance(state, str) else "")


def _trace(ctx: Context) -> dict[str, str]:
    """Return the trace that a request belongs to: that of its `_meta` comes first."""
    if (sent := _sent(ctx)) is not None:
        return sent
    if ctx.request is None:
        return {}
    parent = ctx.request.headers.get("traceparent")
    if parent is None:
        return {}
    return trace_of(parent, ctx.request.headers.get("tracestate", ""))


def _progress(ctx: Context) -> Progress | None:
    """Return what tells a client how far a call is, when the client wants to know."""
    if not ctx.meta or "progress_token" not in ctx.meta:
        return None

    async def report(done: int, total: int, steps: str) -> None:
        await ctx.session.report_progress(done, total, steps or None)

    return report
