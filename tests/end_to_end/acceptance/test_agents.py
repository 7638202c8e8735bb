"""Acceptance for agents: MCP annotations, resources, prompts, skills and stdio."""

from __future__ import annotations

import asyncio
import io
import json
import os
import sys
import zipfile
from typing import Any

import pytest
from mcp import Client, StdioServerParameters, stdio_client

from support.acceptance import (
    FOLDER,
    WHOLE_HUT,
    House,
    club,
    get,
    modes,
    people,
)
from support.agents import call, talk, text_of
from support.recorder import Recorder


@modes
def test_semantics_become_annotations(house: House, mode: Any) -> None:
    """A05 to A07: `safe` and `idempotent` become annotations; hints of a tool win."""

    async def say(client: Any) -> Any:
        assert client.instructions == "Ask for a hut before you plan a tour."
        return (await client.list_tools()).tools

    tools = {tool.name: tool for tool in talk(house["huts-mcp"], say, mode=mode)}
    assert list(tools) == ["hut", "close-hut", "list-huts", "stock"]
    hut, close = tools["hut"].annotations, tools["close-hut"].annotations
    assert (hut.read_only_hint, hut.destructive_hint) == (True, False)
    assert (hut.idempotent_hint, hut.open_world_hint) == (True, False)
    assert (close.read_only_hint, close.destructive_hint) == (False, True)
    assert tools["hut"].title == "Hut"
    assert tools["hut"].description.startswith("A hut, the people")
    assert tools["hut"].input_schema["required"] == ["hut-id"]


@modes
def test_agent_reads_resources_of_files_calls_and_templates(
    house: House, mode: Any
) -> None:
    """P15 to P19: an agent reads resources from files, calls and URI templates."""

    async def say(client: Any) -> Any:
        listed = (await client.list_resources()).resources
        found = {str(resource.uri): resource for resource in listed}
        assert list(found) == [
            "guide://all/rules.md", "guide://all/tours/ridge.json", "report://latest",
        ]  # fmt: skip
        assert found["guide://all/rules.md"].mime_type == "text/markdown"
        templates = (await client.list_resource_templates()).resource_templates
        assert [t.uri_template for t in templates] == ["report://{area}/{day}"]
        texts = []
        for uri in (
            "guide://all/tours/ridge.json",
            "report://latest",
            "report://Val%20d%27Is%C3%A8re/today",
        ):
            (content,) = (await client.read_resource(uri)).contents
            texts.append((content.mime_type, content.text))
        return texts

    assert talk(house["library-mcp"], say, mode=mode) == [
        ("application/json", '{"routes": ["north", "ridge"]}\n'),
        ("application/json", '["Valais","Ticino"]'),
        ("text/plain", "Danger in /reports/Val%20d%27Is%C3%A8re/today"),
    ]


@pytest.mark.parametrize(
    "uri", ["guide://all/../library.yaml", "guide://all/gone", "guide://x"]
)
def test_unknown_resource_is_an_error(house: House, uri: str) -> None:
    """P18: path traversal and unknown resources are errors of the MCP protocol."""

    async def say(client: Any) -> str:
        with pytest.raises(Exception, match=r"(?i)resource|file") as caught:
            await client.read_resource(uri)
        return str(caught.value)

    assert "naftiko:" not in talk(house["library-mcp"], say)


@modes
def test_agent_gets_prompts(house: House, mode: Any) -> None:
    """P20 to P22: an agent gets prompts of several messages and of a file."""

    async def say(client: Any) -> Any:
        prompts = (await client.list_prompts()).prompts
        assert [prompt.name for prompt in prompts] == ["plan-tour", "rules"]
        assert [(a.name, a.required) for a in prompts[0].arguments] == [
            ("area", True), ("day", False),
        ]  # fmt: skip
        plan = await client.get_prompt("plan-tour", {"area": "{{day}} $1"})
        rules = await client.get_prompt("rules", {})
        return [(m.role, m.content.text) for m in (*plan.messages, *rules.messages)]

    assert talk(house["library-mcp"], say, mode=mode) == [
        ("user", "I want to go to {{day}} $1 on {{day}}."),
        ("assistant", "What is the danger level of {{day}} $1?"),
        ("user", "Look it up."),
        ("user", "# Rules\n\nLeave {{nothing}} behind.\n"),
    ]


def test_skill_catalogue_can_be_browsed_and_downloaded(house: House) -> None:
    """C01 to C04: the catalogue serves each skill, its files and a zip of the files."""
    url = house["skills"]
    found = get(url, "/skills").json()
    assert [skill["name"] for skill in found["skills"]] == ["packing", "resting"]
    skill = get(url, "/skills/packing").json()
    assert (skill["license"], skill["allowed-tools"]) == ("MIT", "weight")
    reference = {"targetNamespace": "skills-mcp", "action": "weight", "mode": "mcp"}
    assert skill["tools"][0]["invocationRef"] == reference
    assert skill["tools"][1]["instruction"] == "list.md"
    # The tool that the catalogue refers to can be called.
    result = call(house[reference["targetNamespace"]], reference["action"])
    assert json.loads(text_of(result)) == {"kilograms": 9}
    files = get(url, "/skills/packing/contents").json()["files"]
    assert [file["path"] for file in files] == ["SKILL.md", "list.md"]
    assert get(url, "/skills/packing/contents/list.md").text == "Socks.\n"
    packed = zipfile.ZipFile(io.BytesIO(get(url, "/skills/packing/download").content))
    assert sorted(packed.namelist())[-1].endswith("list.md")
    assert get(url, "/skills/gone").status_code == 404
    assert get(url, "/skills/packing/contents/..%2F..%2Fhuts.yaml").status_code == 400


def test_desktop_agent_starts_the_server_over_stdio() -> None:
    """The official MCP client starts `serve --stdio` and calls an aggregate's tool."""

    async def run(arguments: list[str]) -> Any:
        parameters = StdioServerParameters(
            command=sys.executable, args=["-m", "naftiko", "serve", *arguments]
        )
        with open(os.devnull, "w") as nowhere:
            async with Client(stdio_client(parameters, errlog=nowhere)) as client:
                return await client.call_tool("hut", {"hut-id": "7"})

    with Recorder(club) as first, Recorder(people) as second:
        uris = (f"huts={first.url}/club", f"people={second.url}")
        options = [word for uri in uris for word in ("--base-uri", uri)]
        result = asyncio.run(run([str(FOLDER / "huts.yaml"), "--stdio", *options]))
    assert result.structured_content == WHOLE_HUT
