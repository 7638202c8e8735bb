"""`McpServer`: the low-level server of the SDK, with the handlers of one adapter.

The SDK knows the protocol revisions, the messages and the transports. This module says
what the server announces of itself, and keeps the lists that the SDK has encoded. It
must not know how messages travel.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from naftiko.exposes.http.scope import OPERATION
from naftiko.exposes.mcp.changes import ANNOUNCED, Changes
from naftiko.exposes.mcp.clients import may_ask, trace_in_message
from naftiko.exposes.mcp.handlers import LISTS, Handlers
from naftiko.exposes.mcp.sdk import (
    INTERNAL_ERROR,
    MODERN_PROTOCOL_VERSIONS,
    SERVER_INFO_META_KEY,
    CallNext,
    Context,
    HandlerResult,
    InitializationOptions,
    MCPError,
    NotificationOptions,
    NotificationParams,
    Server,
    ServerCapabilities,
    ValidationError,
)
from naftiko.masking import forget
from naftiko.plain import valid_text

if TYPE_CHECKING:
    from naftiko.exposes.mcp.catalogue import McpVersion
    from naftiko.exposes.mcp.sessions import Sessions
    from naftiko.exposes.options import Options

logger = logging.getLogger(__name__)

#: Methods that the SDK answers itself.
_OF_THE_SDK = ("initialize", "ping")


class McpServer(Server[dict[str, Any]]):
    """The low-level server of the SDK, with the answers of one adapter.

    Args:
        served: The version of the document that is served first.
        options: The settings of the server.

    Attributes:
        handlers: The answers of the adapter.
        changes: The clients that are told of changed lists.
        pages: (method, revision, cursor) → page of a list, encoded by the SDK.
        sessions: The sessions of HTTP clients; `None` over stdio.
    """

    def __init__(self, served: McpVersion, options: Options) -> None:
        self.handlers = Handlers(served, options)
        self.pages: dict[tuple[str, str, str | None], HandlerResult] = {}
        self.sessions: Sessions | None = None
        self.changes = Changes(options.max_sessions)
        super().__init__(
            served.name,
            version=served.version,
            title=served.title or None,
            instructions=served.instructions,
            # No tool asks for `Mcp-Param-…` headers, so the SDK has none to check.
            get_tool_input_schema=lambda _name: None,
            on_subscriptions_listen=self.changes.listen,
        )
        for method, (params, handler) in self.handlers.by_method().items():
            self.add_request_handler(method, params, handler)
        # This replaces the telemetry of the SDK: spans are named as the specification
        # has it.
        self.middleware = [self._around]
        self.add_notification_handler(
            "notifications/initialized", NotificationParams, self.changes.connected
        )

    @property
    def served(self) -> McpVersion:
        """The version of the document that is served now."""
        return self.handlers.served

    # --- introduction -----------------------------------------------------------------

    def create_initialization_options(
        self,
        notification_options: NotificationOptions | None = None,
        experimental_capabilities: dict[str, dict[str, Any]] | None = None,
        extensions: dict[str, dict[str, Any]] | None = None,
    ) -> InitializationOptions:
        """Announce `listChanged`, which the SDK leaves out by default."""
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
        """Announce only capabilities that the document has (fact P02)."""
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
        """Name and version of the server; unlike in the SDK a reload changes them."""
        return dict(self.served.stamp)

    # --- reload -----------------------------------------------------------------------

    def replace(self, served: McpVersion) -> list[str]:
        """Serve a new version; return the kinds of lists that differ from the old."""
        before, self.handlers.served, self.pages = self.served, served, {}
        self.name = served.name
        self.version = served.version
        self.title = served.title or None
        self.instructions = served.instructions
        return [
            kind for kind in ANNOUNCED if before.declared(kind) != served.declared(kind)
        ]

    # --- requests ---------------------------------------------------------------------

    async def _around(self, ctx: Context, call_next: CallNext) -> HandlerResult:
        """Answer a request; the text of an unexpected error goes to the log only.

        `call_next` is the way of the SDK: it validates the request and the result
        against its models. Lists and tool calls take a shorter way where they can.
        """
        sessions = self.sessions
        if sessions is None:
            return await self._answer(ctx, call_next)
        session = sessions.enter(ctx)
        try:
            return await self._answer(ctx, call_next)
        finally:
            if session is not None:
                sessions.leave(session)

    async def _answer(self, ctx: Context, call_next: CallNext) -> HandlerResult:
        scope = None if ctx.request is None else ctx.request.scope
        if scope is not None and ctx.request_id is not None:
            scope[OPERATION] = ctx.method if self._knows(ctx.method) else None
        try:
            # The SDK answers the requests of a session in a task of the session, which
            # has another context than the HTTP request: the trace is set again here.
            with self.served.engine.telemetry.inside(scope, trace_in_message(ctx)):
                if ctx.method == "tools/call":
                    return await self._call_tool(ctx, call_next)
                return await self._list(ctx, call_next)
        except MCPError as error:
            # The message may quote an API; the SDK cannot write half a character.
            if (text := valid_text(error.message)) != error.message:
                raise MCPError(error.code, text, error.data) from None
            raise
        except ValidationError:
            raise
        except Exception as error:
            forget(error)
            logger.exception("%s failed", ctx.method)
            raise MCPError(INTERNAL_ERROR, "Internal error") from None

    def _knows(self, method: str) -> bool:
        return method in _OF_THE_SDK or self.get_request_handler(method) is not None

    async def _list(self, ctx: Context, call_next: CallNext) -> HandlerResult:
        """Return a page of a list; a stable list is encoded once for each revision."""
        kind = LISTS.get(ctx.method)
        cursor = (ctx.params or {}).get("cursor")
        is_valid = cursor is None or isinstance(cursor, str)
        if not kind or not is_valid or not may_ask(ctx):
            return await call_next(ctx)
        if not self.served.is_stable(kind):
            return await call_next(ctx)
        # A reload replaces the dictionary, so a page never gets into that of another
        # version.
        pages = self.pages
        key = (ctx.method, ctx.protocol_version, cursor)
        page = pages.get(key)
        if page is None:
            page = pages[key] = await call_next(ctx)
        return page

    async def _call_tool(self, ctx: Context, call_next: CallNext) -> HandlerResult:
        """Return the result of a tool, which is not validated a second time.

        The arguments are checked and the result is made in this package. The models of
        the SDK would only copy both, which takes a tenth of the time of a call.
        """
        params = ctx.params or {}
        name, arguments = params.get("name"), params.get("arguments")
        is_valid = arguments is None or isinstance(arguments, dict)
        if not is_valid or not isinstance(name, str) or not may_ask(ctx):
            # The SDK words the error.
            return await call_next(ctx)
        result = await self.handlers.call_tool(ctx, name, arguments or {})
        if ctx.protocol_version in MODERN_PROTOCOL_VERSIONS:
            result["_meta"] = {SERVER_INFO_META_KEY: self.server_info_stamp}
        else:
            del result["resultType"]
        return result
