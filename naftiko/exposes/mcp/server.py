"""`McpServer`: the answers of one adapter to messages, whatever they travel by.

    introduction("2025-11-25")                  →  the result of `initialize`
    ready("tools/list", {}, "2025-11-25")       →  its result, encoded once per version
    await run(McpWork("tools/call", …), client) →  its result

Results are JSON already, to be put into a message. This module must not know how
messages travel.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from naftiko.exposes import offload
from naftiko.exposes.http.scope import OPERATION
from naftiko.exposes.mcp.changes import ANNOUNCED, Changes
from naftiko.exposes.mcp.clients import trace_in_message
from naftiko.exposes.mcp.handlers import LISTS, Handlers
from naftiko.exposes.mcp.protocol.errors import INTERNAL_ERROR, McpError
from naftiko.exposes.mcp.protocol.revisions import NEWEST, SERVER_KEY
from naftiko.exposes.mcp.results import is_long
from naftiko.formats.json import write_json
from naftiko.masking import forget
from naftiko.plain import valid_text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from naftiko.exposes.mcp.catalogue import McpVersion
    from naftiko.exposes.mcp.clients import Client
    from naftiko.exposes.mcp.protocol.session import McpWork
    from naftiko.exposes.options import Options
    from naftiko.plain import JSON

logger = logging.getLogger(__name__)

#: Members of a result that the older revisions do not have.
_OF_THE_NEWEST = frozenset({"resultType", "ttlMs", "cacheScope"})


class McpServer:
    """The answers of one adapter.

    Args:
        served: The version of the document that is served first.
        options: The settings of the server.

    Attributes:
        handlers: Answers what takes work.
        changes: The clients that are told of changes.
        pages: (method, whether in the newest revision, cursor) → page of a list.
    """

    def __init__(self, served: McpVersion, options: Options) -> None:
        self.handlers = Handlers(served, options)
        self.changes = Changes(options.max_sessions, self._stamp)
        self.pages: dict[tuple[str, bool, str | None], bytes] = {}

    @property
    def served(self) -> McpVersion:
        """The version of the document that is served now."""
        return self.handlers.served

    def replace(self, served: McpVersion) -> list[str]:
        """Serve a new version; return the kinds of lists that differ from the old."""
        before, self.handlers.served, self.pages = self.served, served, {}
        return [
            kind for kind in ANNOUNCED if before.declared(kind) != served.declared(kind)
        ]

    # --- what is there already --------------------------------------------------------

    def introduction(self, revision: str) -> bytes:
        """Return the result of `initialize` in a revision."""
        told = {
            "protocolVersion": revision,
            "capabilities": self._capabilities(),
            "serverInfo": self.served.stamp,
        }
        if self.served.instructions:
            told["instructions"] = self.served.instructions
        return write_json(told)

    def ready(self, method: str, params: Mapping[str, Any], revision: str) -> bytes:
        """Return a result that needs no work; empty for one that does.

        Raises:
            McpError: The document has no such list, or the cursor is unknown.
        """
        kind = LISTS.get(method)
        if kind is None:
            return self._discovery() if method == "server/discover" else b""
        if self.served.has(kind) and not self.served.is_stable(kind):
            return b""
        # A reload replaces the dictionary, so a page never gets into that of another
        # version.
        pages = self.pages
        key = (method, revision == NEWEST, params.get("cursor"))
        page = pages.get(key)
        if page is None:
            made = self.handlers.page(method, key[2])
            page = pages[key] = write_json(self._in_revision(made, revision))
        return page

    def _discovery(self) -> bytes:
        told = {
            "supportedVersions": [NEWEST],
            "capabilities": self._capabilities(),
            **self.served.envelope,
        }
        if self.served.instructions:
            told["instructions"] = self.served.instructions
        return write_json(self._in_revision(told, NEWEST))

    def _capabilities(self) -> dict[str, JSON]:
        """Return only capabilities that the document has (fact P02)."""
        served = self.served
        found: dict[str, JSON] = {}
        if served.prompts or served.resources:
            found["completions"] = {}
        if served.prompts:
            found["prompts"] = {"listChanged": True}
        if served.resources:
            found["resources"] = {"subscribe": True, "listChanged": True}
        found["tools"] = {"listChanged": True}
        return found

    def _in_revision(self, result: dict[str, JSON], revision: str) -> dict[str, JSON]:
        """Return a result with the members that a revision has around it."""
        if revision != NEWEST:
            return {k: v for k, v in result.items() if k not in _OF_THE_NEWEST}
        about = result.get("_meta") or {}
        return {**result, "_meta": {**about, SERVER_KEY: self.served.stamp}}

    def may_subscribe(self, uri: str) -> bool:
        """Tell whether there is a resource of a URI, and look at it."""
        if not self.served.resources.has(uri):
            return False
        self.changes.know([uri])
        return True

    def _stamp(self, uri: str) -> JSON:
        return self.served.resources.stamp(uri)

    # --- work -------------------------------------------------------------------------

    async def run(self, work: McpWork, client: Client) -> bytes:
        """Return the result of a request; the text of an unexpected error is logged.

        Raises:
            McpError: The client is told that it failed.
        """
        scope = client.scope
        if scope is not None:
            scope[OPERATION] = work.method
        telemetry = self.served.engine.telemetry
        try:
            # The task of a session has another context than its HTTP request, so the
            # trace is set again here.
            with telemetry.inside(scope, trace_in_message(work)):
                return await self._answer(work, client)
        except McpError as error:
            # The message may quote an API, and half a character cannot be written.
            error.message = valid_text(error.message)
            raise
        except Exception as error:
            forget(error)
            logger.exception("%s failed", work.method)
            raise McpError(INTERNAL_ERROR, "Internal error") from None

    async def _answer(self, work: McpWork, client: Client) -> bytes:
        handler = self.handlers.by_method.get(work.method, self.changes.listen)
        result = self._in_revision(await handler(client, work), work.revision)
        contents = result.get("content") or result.get("contents") or ()
        if any(map(is_long, contents)):
            return await offload.aside(write_json, result)
        return write_json(result)
