"""What one version of a document serves to MCP clients; nothing in it changes.

So a reload changes all of it at once, and a request that is under way keeps the old
one. This module must not know messages.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from zlib import crc32

from naftiko.exposes.mcp.prompts import Prompts
from naftiko.exposes.mcp.resources import Resources
from naftiko.exposes.mcp.results import to_json
from naftiko.exposes.mcp.search import INSTRUCTIONS, SearchTools
from naftiko.exposes.mcp.tools import Tools
from naftiko.version import __version__

if TYPE_CHECKING:
    from naftiko.exposes.engine import Engine
    from naftiko.exposes.options import Options
    from naftiko.plain import JSON
    from naftiko.spec.model import Exposes

#: Many clients never ask for a second page, and the largest published adapters have
#: about a hundred tools: pages are for what no client can want at once.
PAGE_SIZE = 250

#: Kinds of lists, called as they are in a result.
TOOLS, RESOURCES, TEMPLATES, PROMPTS = (
    "tools",
    "resources",
    "resourceTemplates",
    "prompts",
)


class UnknownCursor(Exception):
    """A page that nobody offered, or that a reload took away."""


class McpVersion:
    """One version of an adapter.

    Attributes:
        exposes: The adapter.
        name: How the server calls itself.
        instructions: What it tells clients about itself, or `None`.
    """

    def __init__(self, engine: Engine, exposes: Exposes, options: Options) -> None:
        self.engine = engine
        self.exposes = exposes
        self.name = exposes.namespace or "naftiko"
        self.title = engine.capability.info.label
        self.tools = Tools(engine, exposes)
        self.search = SearchTools(self.tools) if options.tools == "search" else None
        self.resources = Resources(engine, exposes)
        self.prompts = Prompts(exposes, engine.capability.directory)
        told = [exposes.description.strip()]
        if self.search is not None:
            told.append(INSTRUCTIONS.format(count=len(self.tools)))
        self.instructions = " ".join(filter(None, told)) or None
        self.stamp = {"name": self.name, "version": __version__}
        if self.title:
            self.stamp["title"] = self.title
        self.envelope = _freshness(exposes)

    def entries(self, kind: str) -> list[dict[str, JSON]]:
        """Return a whole list; that of resources reads folders."""
        if kind == TOOLS:
            return self.search.entries if self.search else self.tools.entries()
        if kind == PROMPTS:
            return self.prompts.entries()
        if kind == RESOURCES:
            return self.resources.entries()
        return self.resources.templates

    def said(self, kind: str) -> JSON:
        """Return what the document says of a list; folders are not looked into."""
        return self.entries(kind) if kind in (TOOLS, PROMPTS) else self.resources.said

    def lasts(self, kind: str) -> bool:
        """Tell whether a list stays the same as long as this version is served."""
        return kind != RESOURCES or not self.resources.changes_by_itself

    def page(self, kind: str, cursor: str | None) -> dict[str, JSON]:
        """Return one page of a list, as a result.

        A cursor is good wherever the same document is served: on every replica.

        Raises:
            UnknownCursor: It is that of another document, or of none.
        """
        start = 0
        if cursor is not None:
            mark, _, number = cursor.partition(".")
            if mark != self._mark(kind) or not number.isdecimal():
                raise UnknownCursor
            start = int(number)
        entries = self.entries(kind)
        end = start + PAGE_SIZE
        result = {kind: entries[start:end], **self.envelope}
        if start and not result[kind]:
            raise UnknownCursor
        if end < len(entries):
            result["nextCursor"] = f"{self._mark(kind)}.{end}"
        return result

    def _mark(self, kind: str) -> str:
        return f"{crc32(to_json(self.said(kind)).encode()):x}"


def _freshness(exposes: Exposes) -> dict[str, JSON]:
    """Return how long clients may keep a result, which newer revisions ask for."""
    return {
        "ttlMs": exposes.cache_ttl,
        "cacheScope": exposes.cache_scope,
        "resultType": "complete",
    }
