"""`--tools search`: three tools that find, describe and call all others.

A list of hundreds of tools fills the context of a model. With these three, the model
reads only the tools that it needs::

    search {"query": "logs of a container"}   names and descriptions, best first
    describe {"names": ["container-logs"]}    the entries of these tools; `name` for one
    call {"name": "container-logs", "arguments": {…}}

This module must not know how messages travel.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from naftiko.errors import names_of, with_stop
from naftiko.exposes.mcp.results import failure, sendable
from naftiko.functions.arguments import fit, json_schema
from naftiko.search.ranking import Ranking
from naftiko.spec.model import InputParameter

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

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


def _parameter(
    name: str,
    type_: str,
    description: str,
    *,
    required: bool = False,
    **keywords: JSON,
) -> InputParameter:
    return InputParameter(name, "", type_, required, description, keywords=keywords)


_SEARCH = (
    _parameter("query", "string", "Words for what you want to do.", required=True),
    _parameter("limit", "integer", "At most this many.", default=DEFAULT_LIMIT),
)
_DESCRIBE = (
    _parameter(
        "names",
        "array",
        "Names of tools, as found by search.",
        items={"type": "string"},
    ),
    _parameter("name", "string", "Name of one tool, in place of names."),
)
_CALL = (
    _parameter("name", "string", "Name of the tool.", required=True),
    _parameter("arguments", "object", "Its arguments, by name."),
)
_READING = {"readOnlyHint": True, "openWorldHint": False}
#: `call` may run any tool, so a client has to treat it as the most dangerous of them.
_WRITING = {
    "readOnlyHint": False,
    "destructiveHint": True,
    "idempotentHint": False,
    "openWorldHint": True,
}
#: HTTP methods that say what is done. `POST` may do anything.
_VERBS = {"GET": "get", "PUT": "update", "PATCH": "update", "DELETE": "delete"}
#: What a search that finds nothing answers: the tools that look for things.
_LOOKING = "search list find get"
_NOTHING = "No tool has a word of the query. These tools look for things."


class SearchTools:
    """Find and describe the tools of an adapter.

    Args:
        tools: The tools of the adapter.
        subject: The name of the API that they call.

    Attributes:
        entries: The entries of the three tools in a list of tools.
    """

    def __init__(self, tools: Tools, subject: str = "") -> None:
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
                "inputSchema": json_schema(_DESCRIBE),
                "annotations": _READING,
            },
            {
                "name": "call",
                "description": "Run a tool with arguments that describe told you.",
                "inputSchema": json_schema(_CALL),
                "annotations": _WRITING,
            },
        ]
        self._in_order = list(tools)
        self._ranking = Ranking(map(_texts_of, tools), subject)

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
        places = self._ranking.find(values["query"])
        found: dict[str, JSON] = {"tools": [], "found": len(places)}
        if not places:
            places = self._ranking.find(_LOOKING)
            found["note"] = _NOTHING
        found["tools"] = [
            {"name": tool.name, "description": tool.entry["description"]}
            for tool in (self._in_order[place] for place in places[:limit])
        ]
        return _result(found)

    def _describe(self, given: Mapping[str, JSON]) -> dict[str, JSON]:
        values, wrong = fit(_DESCRIBE, given)
        if wrong:
            return _wrong("describe", wrong)
        given_names = [*values.get("names", ()), *filter(None, [values.get("name")])]
        names = list(dict.fromkeys(map(str, given_names)))[:MAX_DESCRIBED]
        if not names:
            return failure("describe: 'names' is missing. Nothing was sent.")
        unknown = [name for name in names if self._tools.get(name) is None]
        if unknown:
            return failure(self._unknown(unknown))
        entries = [tool.entry for name in names if (tool := self._tools.get(name))]
        return _result({"tools": entries})

    def _unknown(self, names: list[str]) -> str:
        guesses = " ".join(filter(None, map(self._tools.guess, names)))
        message = f"no tool is called {names_of(repr(name) for name in names)}."
        return f"{message} {guesses or 'Find tools with search.'}"


def _texts_of(tool: Tool) -> tuple[str, str, str]:
    """Return the name of a tool, its title and description, and what is beside them.

    Beside them stand its arguments, its results, and the operation that it calls.
    """
    title = tool.entry.get("title", "")
    arguments = " ".join(f"{p.name} {p.description}" for p in tool.plan.arguments)
    results = " ".join(_members(tool.entry.get("outputSchema", {})))
    beside = f"{arguments} {results}"
    operation = tool.plan.operation
    if operation is not None:
        outputs = " ".join(o.name for o in operation.output_parameters)
        verb = _VERBS.get(operation.method, "")
        beside += f" {operation.description} {operation.path} {verb} {outputs}"
    return tool.name, f"{title} {tool.entry['description']}", beside


def _members(schema: JSON) -> Iterator[str]:
    """Yield the names and descriptions of the members of a result."""
    for name, member in schema.get("properties", {}).items():
        yield f"{name} {member.get('description', '')}"
        yield from _members(member)
    yield from _members(schema["items"]) if "items" in schema else ()


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
