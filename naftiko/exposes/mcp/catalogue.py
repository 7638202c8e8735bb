"""`McpVersion`: the tools, resources and prompts of one version of a document.

A version never changes. A reload makes a new one, and a request that is under way keeps
the old one. This module must not know messages.
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

#: Entries on a page. Many clients never ask for a second page. The largest published
#: adapters have about a hundred tools, so their lists fit on one.
PAGE_SIZE = 250

#: Kinds of lists, with the names that they have in a result.
TOOLS, RESOURCES, TEMPLATES, PROMPTS = (
    "tools",
    "resources",
    "resourceTemplates",
    "prompts",
)


class UnknownCursor(Exception):
    """A cursor that this version of the document has not given out."""


class McpVersion:
    """The tools, resources and prompts of one version of an adapter.

    Attributes:
        exposes: The adapter.
        name: The name of the server.
        title: The title of the server, for people; may be empty.
        version: The version of the capability, or else of this package.
        instructions: A text for the model of the client, or `None`.
        search: The three tools in place of all others, or `None`.
        stamp: Name, version and title of the server in the form of the wire.
        envelope: Members of every result of a list and of a resource.
    """

    def __init__(self, engine: Engine, exposes: Exposes, options: Options) -> None:
        self.engine = engine
        self.exposes = exposes
        self.name = exposes.namespace or "naftiko"
        info = engine.capability.info
        self.title = info.label
        self.version = info.version or __version__
        self.tools = Tools(engine, exposes)
        is_searched = options.tools == "search"
        self.search = SearchTools(self.tools, self.title) if is_searched else None
        self.resources = Resources(engine, exposes)
        self.prompts = Prompts(exposes, engine.capability.directory)
        texts = [exposes.description.strip()]
        if self.search is not None:
            texts.append(INSTRUCTIONS.format(count=len(self.tools)))
        self.instructions = " ".join(filter(None, texts)) or None
        self.stamp = {"name": self.name, "version": self.version}
        if self.title:
            self.stamp["title"] = self.title
        self.envelope = _freshness(exposes)

    def entries(self, kind: str) -> list[dict[str, JSON]]:
        """Return a whole list; the list of resources reads folders."""
        if kind == TOOLS:
            return self.search.entries if self.search else self.tools.entries()
        if kind == PROMPTS:
            return self.prompts.entries()
        if kind == RESOURCES:
            return self.resources.entries()
        return self.resources.templates

    def has(self, kind: str) -> bool:
        """Tell whether the document has such a list; tools may be an empty one."""
        if kind == TOOLS:
            return True
        return bool(self.prompts if kind == PROMPTS else self.resources)

    def declared(self, kind: str) -> JSON:
        """Return the declarations behind a list; reads no folder."""
        if kind in (TOOLS, PROMPTS):
            return self.entries(kind)
        return self.resources.declared

    def is_stable(self, kind: str) -> bool:
        """Tell whether a list stays the same while this version is served."""
        return kind != RESOURCES or not self.resources.reads_folders

    def page(self, kind: str, cursor: str | None) -> dict[str, JSON]:
        """Return one page of a list as a result.

        `page("tools", None)` -> `{"tools": […], "nextCursor": "5f3a9c.250", …}`. Every
        replica that serves the same document takes the cursor.

        Raises:
            UnknownCursor: The cursor belongs to another document, or is none.
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
        """Return the first half of a cursor: a checksum of the declarations."""
        return f"{crc32(to_json(self.declared(kind)).encode()):x}"


def _freshness(exposes: Exposes) -> dict[str, JSON]:
    """Return how long clients may cache a result, which newer revisions ask for."""
    return {
        "ttlMs": exposes.cache_ttl,
        "cacheScope": exposes.cache_scope,
        "resultType": "complete",
    }
