"""`--tools search`: the tools `search`, `describe` and `call` replace a long list."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from ruamel.yaml import YAML

import naftiko
from naftiko.exposes.mcp.app import McpApp
from naftiko.exposes.options import Options
from naftiko.transport.messages import Response
from support.asgi_client import AsyncStub
from support.mcping import (
    asking,
    hello,
)
from support.shared import CAPABILITIES

if TYPE_CHECKING:
    from collections.abc import Iterator

JSON = {"Content-Type": "application/json"}


@pytest.fixture(scope="module")
def docker() -> McpApp:
    """Return the MCP adapter of `docker.yaml` with `tools="search"`."""
    return _docker(Options(tools="search"))


def _docker(options: Options, answer: Any = None, name: str = "docker") -> McpApp:
    from naftiko.exposes.engine import Engine

    capability = naftiko.load(CAPABILITIES / f"{name}.yaml")
    exposes = next(e for e in capability.exposes if e.type == "mcp")
    return McpApp(Engine(capability, AsyncStub(answer)), exposes, options)


def test_hundred_tools_become_three(docker: McpApp) -> None:
    """`tools="search"` lists three tools; the instructions explain them."""
    listed = asking(docker, "tools/list")["result"]["tools"]
    assert [tool["name"] for tool in listed] == ["search", "describe", "call"]
    assert len(json.dumps(listed)) < 1800
    # `call` may run any tool, so clients ask before it as before a dangerous one.
    assert [tool["annotations"]["readOnlyHint"] for tool in listed] == [
        *(True, True, False),
    ]
    assert listed[2]["annotations"]["destructiveHint"] is True
    introduction = hello(docker, "2025-11-25")
    assert "105 tools" in introduction["instructions"]
    assert introduction["instructions"].startswith("Tools for Docker Engine.")


@pytest.mark.parametrize(
    ("query", "first"),
    [
        ("list containers", "list-containers"),
        ("logs of a container", "get-container-logs"),
        ("remove an image", "remove-image"),
        ("create network", "create-network"),
        ("restart", "restart-container"),
    ],
)
def test_search_puts_the_best_match_first(
    docker: McpApp, query: str, first: str
) -> None:
    """Each query has one tool that it means, which is the first result."""
    given = {"name": "search", "arguments": {"query": query, "limit": "3"}}
    found = asking(docker, "tools/call", given)["result"]["structuredContent"]
    assert found["tools"][0]["name"] == first
    assert len(found["tools"]) <= 3
    assert found["found"] >= len(found["tools"])


QUESTIONS = YAML(typ="safe", pure=True).load(Path(__file__).parent / "questions.yaml")


def test_fifty_questions_find_their_tools_among_the_first_three() -> None:
    """48 of 50 questions of users find the right tool among the first three results."""
    missed = []
    for name, questions in QUESTIONS.items():
        search = _docker(Options(tools="search"), name=name).server.served.search
        assert search is not None
        for question in questions:
            result = search.answer("search", {"query": question["ask"], "limit": 3})
            assert result is not None
            names = {tool["name"] for tool in result["structuredContent"]["tools"]}
            right = question["tool"]
            if names.isdisjoint([right] if isinstance(right, str) else right):
                missed.append(question["ask"])
    assert sum(map(len, QUESTIONS.values())) == 50
    assert len(missed) <= 2, missed


def _asked(name: str) -> Iterator[tuple[str, str, set[str]]]:
    """Yield capability, question and right tools of a file of questions."""
    capability = ""
    file = Path(__file__).parent / "questions" / f"{name}.txt"
    for line in file.read_text("utf-8").splitlines():
        question, _, tools = line.rpartition(": ")
        if line.startswith("["):
            capability = line.strip("[]")
        elif tools and not line.startswith("#"):
            yield capability, question, set(tools.split("|"))


@pytest.mark.parametrize(
    ("name", "most_missed", "count"),
    [("keywords", 3, 150), ("sentences", 4, 150), ("oblique", 12, 150)],
)
def test_questions_of_many_kinds_find_their_tools(
    name: str, most_missed: int, count: int
) -> None:
    """Keywords, sentences and roundabout questions find a right tool among three."""
    searches = {
        name: _docker(Options(tools="search"), name=name).server.served.search
        for name in QUESTIONS
    }
    asked = list(_asked(name))
    missed = []
    for capability, question, right in asked:
        search = searches[capability]
        assert search is not None
        result = search.answer("search", {"query": question, "limit": 3})
        assert result is not None
        tools = result["structuredContent"]["tools"]
        if right.isdisjoint(tool["name"] for tool in tools):
            missed.append(question)
    assert len(asked) == count
    assert len(missed) <= most_missed, missed


def test_search_without_a_hit_offers_what_looks_for_things(docker: McpApp) -> None:
    """An agent that finds nothing reads which tools can find things, and why."""
    given = {"name": "search", "arguments": {"query": "quuxly zzyx", "limit": 3}}
    found = asking(docker, "tools/call", given)["result"]["structuredContent"]
    assert found["found"] == 0
    assert found["note"].startswith("No tool has a word of the query.")
    assert found["tools"][0]["name"] == "search-images"


def test_describe_returns_the_entries_of_tools(docker: McpApp) -> None:
    """`describe` takes one name or several, and returns entries of the full list."""
    all_of_them = asking(_docker(Options()), "tools/list")["result"]["tools"]
    wanted = [t for t in all_of_them if t["name"] == "list-containers"]
    assert len(wanted) == 1
    for arguments in (
        {"names": ["list-containers"]},
        {"names": "list-containers"},
        {"name": "list-containers"},
        {"name": "list-containers", "names": ["list-containers"]},
    ):
        given = {"name": "describe", "arguments": arguments}
        found = asking(docker, "tools/call", given)["result"]["structuredContent"]
        assert found["tools"] == wanted


def test_call_runs_a_tool_by_its_name() -> None:
    """`call` takes name and arguments; the tool can also be called directly."""
    app = _docker(Options(tools="search"), Response(200, JSON, b"[]"))
    upstream: Any = app.server.served.engine.transport
    given = {
        "name": "call",
        "arguments": {"name": "list-containers", "arguments": {"all": True}},
    }
    result = asking(app, "tools/call", given)["result"]
    assert result["isError"] is False
    assert upstream.sent == ["GET /containers/json?all=true"]
    # A client that knows the name of a tool may call the tool directly.
    direct = {"name": "list-containers", "arguments": {"limit": 1}}
    assert asking(app, "tools/call", direct)["result"]["isError"] is False


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"name": "search"}, "search: 'query' is missing"),
        ({"name": "describe", "arguments": {}}, "describe: 'names' is missing"),
        (
            {"name": "describe", "arguments": {"names": ["list-container"]}},
            "did you mean 'list-containers'?",
        ),
        ({"name": "call", "arguments": {}}, "call: 'name' is missing"),
        (
            {"name": "call", "arguments": {"name": "qqqq"}},
            "no tool is called 'qqqq'. Find tools with search.",
        ),
        (
            {"name": "call", "arguments": {"name": "inspect-container"}},
            "inspect-container: 'id' is missing",
        ),
    ],
)
def test_wrong_argument_of_a_search_tool_says_what_to_change(
    docker: McpApp, given: Any, said: str
) -> None:
    """Each wrong argument of `search`, `describe` or `call` has its own error text."""
    result = asking(docker, "tools/call", given)["result"]
    assert result["isError"] is True
    assert said in result["content"][0]["text"]


def test_documented_token_costs_are_measured() -> None:
    """The token costs in `docs/serve.md` are those of `docker.yaml`, within 3 %."""
    text = (CAPABILITIES.parent / "docs" / "serve.md").read_text("utf-8")
    rows = re.findall(r"^\| [^|]+ \| ([\d,]+) \| ([\d,]+) \|$", text, re.MULTILINE)
    found = [[int(number.replace(",", "")) for number in row] for row in rows]
    assert len(found) == 4
    searching = _docker(Options(tools="search"))
    sizes = [
        len(_compact(asking(_docker(Options()), "tools/list")["result"])),
        len(_compact(asking(searching, "tools/list")["result"])),
    ]
    for name, arguments in (
        ("search", {"query": "logs of a container"}),
        ("describe", {"names": ["get-container-logs"]}),
    ):
        params = {"name": name, "arguments": arguments}
        result = asking(searching, "tools/call", params)["result"]
        sizes.append(len(result["content"][0]["text"].encode()))
    for (size, tokens), measured in zip(found, sizes, strict=True):
        assert size == pytest.approx(measured, rel=0.03)
        assert tokens == pytest.approx(measured / 4, rel=0.03)


def _compact(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()
