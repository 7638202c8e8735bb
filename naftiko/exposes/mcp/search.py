"""`--tools search`: three tools that find, describe and call all others.

A list of hundreds of tools fills the context of a model before it has done anything.
This module must not know how messages travel.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from naftiko.errors import names_of, with_stop
from naftiko.exposes.mcp.results import failure, sendable
from naftiko.functions.arguments import fit, json_schema
from naftiko.spec.model import InputParameter

if TYPE_CHECKING:
    from collections.abc import Mapping

    from naftiko.exposes.mcp.tools import Tool, Tools
    from naftiko.plain import JSON

DEFAULT_LIMIT = 10
MAX_LIMIT = 50
MAX_DESCRIBED = 20

#: Said to clients beside the description of the adapter.
INSTRUCTIONS = (
    "The {count} tools of this server are not listed: find them with `search`, read"
    " their arguments with `describe`, run one with `call`."
)

_WORD = re.compile(r"[^\W_]+")


def _parameter(
    name: str, type_: str, description: str, *, required: bool = False
) -> InputParameter:
    return InputParameter(name, "", type_, required, description)


_SEARCH = (
    _parameter("query", "string", "Words for what you want to do.", required=True),
    _parameter("limit", "integer", f"At most this many; {DEFAULT_LIMIT} by default."),
)
_DESCRIBE = (
    _parameter("names", "array", "Names of tools, as found by search.", required=True),
)
_CALL = (
    _parameter("name", "string", "Name of the tool.", required=True),
    _parameter("arguments", "object", "Its arguments, by name."),
)
_READING = {"readOnlyHint": True, "openWorldHint": False}


class SearchTools:
    """Find and describe tools; calling one is left to whoever holds them.

    Attributes:
        entries: What a list of tools says.
    """

    def __init__(self, tools: Tools) -> None:
        self._tools = tools
        self.entries = [
            {
                "name": "search",
                "description": "Find tools by what they do, best first.",
                "inputSchema": json_schema(_SEARCH),
                "annotations": _READING,
            },
            {
                "name": "describe",
                "description": "Return the arguments and results of tools.",
                "inputSchema": _described(json_schema(_DESCRIBE)),
                "annotations": _READING,
            },
            {
                "name": "call",
                "description": "Run a tool with arguments that describe told you.",
                "inputSchema": json_schema(_CALL),
            },
        ]
        self._index = [(tool, _words(tool.name), _words(_said(tool))) for tool in tools]

    def answer(self, name: str, given: Mapping[str, JSON]) -> dict[str, JSON] | None:
        """Return the result of `search` or `describe`, or `None` for other tools."""
        if name == "search":
            return self._search(given)
        return self._describe(given) if name == "describe" else None

    def target(
        self, given: Mapping[str, JSON]
    ) -> tuple[Tool, Mapping[str, JSON]] | dict[str, JSON]:
        """Return what `call` is to call and with what, or why it cannot."""
        values, wrong = fit(_CALL, given)
        if wrong:
            return _wrong("call", wrong)
        tool = self._tools.get(values["name"])
        if tool is None:
            return failure(self._unknown([values["name"]]))
        return tool, values.get("arguments") or {}

    def _search(self, given: Mapping[str, JSON]) -> dict[str, JSON]:
        values, wrong = fit(_SEARCH, given)
        if wrong:
            return _wrong("search", wrong)
        limit = min(max(values.get("limit", DEFAULT_LIMIT), 1), MAX_LIMIT)
        found = self._ranked(_words(values["query"]))
        return _result(
            {
                "tools": [
                    {"name": tool.name, "description": tool.entry["description"]}
                    for tool in found[:limit]
                ],
                "found": len(found),
            }
        )

    def _ranked(self, words: set[str]) -> list[Tool]:
        """Return the tools that hold most of the words, names before descriptions."""
        ranked = []
        for order, (tool, names, said) in enumerate(self._index):
            held = [word for word in words if word in names or word in said]
            score = sum(2 if word in names else 1 for word in held)
            if held or not words:
                ranked.append((-len(held), -score, order, tool))
        ranked.sort(key=lambda found: found[:3])
        return [found[3] for found in ranked]

    def _describe(self, given: Mapping[str, JSON]) -> dict[str, JSON]:
        values, wrong = fit(_DESCRIBE, given)
        if wrong:
            return _wrong("describe", wrong)
        names = [str(name) for name in values["names"]][:MAX_DESCRIBED]
        unknown = [name for name in names if self._tools.get(name) is None]
        if unknown:
            return failure(self._unknown(unknown))
        found = [tool.entry for name in names if (tool := self._tools.get(name))]
        return _result({"tools": found})

    def _unknown(self, names: list[str]) -> str:
        guesses = " ".join(filter(None, map(self._tools.guess, names)))
        said = f"no tool is called {names_of(repr(name) for name in names)}."
        return f"{said} {guesses or 'Find tools with search.'}"


def _described(schema: dict[str, JSON]) -> dict[str, JSON]:
    schema["properties"]["names"]["items"] = {"type": "string"}
    return schema


def _said(tool: Tool) -> str:
    arguments = " ".join(parameter.name for parameter in tool.plan.arguments)
    return f"{tool.entry.get('title', '')} {tool.entry['description']} {arguments}"


def _words(text: str) -> set[str]:
    """Return the words of a text in lower case, singular where that is easy."""
    parted = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", text)
    words = (word.lower() for word in _WORD.findall(parted))
    return {
        word[:-1] if len(word) > 3 and word.endswith("s") else word for word in words
    }


def _wrong(name: str, wrong: list[Any]) -> dict[str, JSON]:
    said = "; ".join(f"'{w.name}' {w.reason}" for w in wrong)
    return failure(f"{name}: {with_stop(said)} Nothing was sent.")


def _result(value: JSON) -> dict[str, JSON]:
    text, value = sendable(value)
    return {
        "content": [{"type": "text", "text": text}],
        "structuredContent": value,
        "isError": False,
        "resultType": "complete",
    }
