"""`--tools search`: three tools that find, describe and call all others.

A list of hundreds of tools fills the context of a model. With these three, the model
reads only the tools that it needs::

    search {"query": "logs of a container"}   names and descriptions, best first
    describe {"names": ["container-logs"]}    the entries of these tools
    call {"name": "container-logs", "arguments": {…}}

This module must not know how messages travel.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from naftiko.errors import names_of, with_stop
from naftiko.exposes.mcp.results import failure, sendable
from naftiko.functions.arguments import fit, json_schema
from naftiko.spec.model import InputParameter

if TYPE_CHECKING:
    from collections.abc import Mapping

    from naftiko.exposes.mcp.tools import Tool, Tools
    from naftiko.functions.arguments import WrongArgument
    from naftiko.plain import JSON

DEFAULT_LIMIT = 10
MAX_LIMIT = 50
MAX_DESCRIBED = 20

#: The instructions of the server, after the description of the adapter.
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
    """Find and describe the tools of an adapter.

    Args:
        tools: The tools of the adapter.

    Attributes:
        entries: The entries of the three tools in a list of tools.
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
        self._index = [
            (tool, _words(tool.name), _words(_text_of(tool))) for tool in tools
        ]

    def answer(self, name: str, given: Mapping[str, JSON]) -> dict[str, JSON] | None:
        """Return the result of `search` or `describe`; `None` for other names."""
        if name == "search":
            return self._search(given)
        return self._describe(given) if name == "describe" else None

    def target(
        self, given: Mapping[str, JSON]
    ) -> tuple[Tool, Mapping[str, JSON]] | dict[str, JSON]:
        """Return the tool and the arguments of a `call`, or the result of a failure."""
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
        ranked = self._ranked(_words(values["query"]))
        return _result(
            {
                "tools": [
                    {"name": tool.name, "description": tool.entry["description"]}
                    for tool in ranked[:limit]
                ],
                "found": len(ranked),
            }
        )

    def _ranked(self, words: set[str]) -> list[Tool]:
        """Return the tools that have any of the words, those with the most first.

        A word in the name of a tool counts twice a word in its description.
        """
        ranked = []
        for order, (tool, in_name, in_text) in enumerate(self._index):
            matched = [word for word in words if word in in_name or word in in_text]
            score = sum(2 if word in in_name else 1 for word in matched)
            if matched or not words:
                ranked.append((-len(matched), -score, order, tool))
        ranked.sort(key=lambda entry: entry[:3])
        return [tool for *_, tool in ranked]

    def _describe(self, given: Mapping[str, JSON]) -> dict[str, JSON]:
        values, wrong = fit(_DESCRIBE, given)
        if wrong:
            return _wrong("describe", wrong)
        names = [str(name) for name in values["names"]][:MAX_DESCRIBED]
        unknown = [name for name in names if self._tools.get(name) is None]
        if unknown:
            return failure(self._unknown(unknown))
        entries = [tool.entry for name in names if (tool := self._tools.get(name))]
        return _result({"tools": entries})

    def _unknown(self, names: list[str]) -> str:
        guesses = " ".join(filter(None, map(self._tools.guess, names)))
        message = f"no tool is called {names_of(repr(name) for name in names)}."
        return f"{message} {guesses or 'Find tools with search.'}"


def _described(schema: dict[str, JSON]) -> dict[str, JSON]:
    schema["properties"]["names"]["items"] = {"type": "string"}
    return schema


def _text_of(tool: Tool) -> str:
    """Return the title, the description and the arguments of a tool as one text."""
    arguments = " ".join(parameter.name for parameter in tool.plan.arguments)
    return f"{tool.entry.get('title', '')} {tool.entry['description']} {arguments}"


def _words(text: str) -> set[str]:
    """Return the words of a text in lower case, without a plural `s`.

    `"listShips of a fleet"` -> `{"list", "ship", "of", "a", "fleet"}`.
    """
    split = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", text)
    words = (word.lower() for word in _WORD.findall(split))
    return {
        word[:-1] if len(word) > 3 and word.endswith("s") else word for word in words
    }


def _wrong(name: str, wrong: list[WrongArgument]) -> dict[str, JSON]:
    faults = "; ".join(f"'{w.name}' {w.reason}" for w in wrong)
    return failure(f"{name}: {with_stop(faults)} Nothing was sent.")


def _result(value: JSON) -> dict[str, JSON]:
    text, value = sendable(value)
    return {
        "content": [{"type": "text", "text": text}],
        "structuredContent": value,
        "isError": False,
        "resultType": "complete",
    }
