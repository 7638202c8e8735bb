"""The table of parts and keys agrees with the schemas, and the walk finds each part."""

from __future__ import annotations

from typing import Any

from naftiko.document.checking.schema import read_schema
from naftiko.document.source import read_text
from naftiko.lint.checking import walk
from naftiko.lint.vocabulary import homes_of, parents_of, parts

#: Part → the definitions of the published schema that it stands for.
DEFINITIONS = {
    "info": ["Info"],
    "stakeholder": ["Stakeholder"],
    "bind": ["Bind"],
    "capability": ["Capability"],
    "consumed-adapter": ["ImportedAdapter", "HttpAdapter"],
    "consumed-resource": ["ConsumedResource"],
    "consumed-operation": ["ConsumedOperation"],
    "consumed-input": ["ConsumedInputParameter"],
    "consumed-output": ["ConsumedOutputParameter"],
    "authentication": [
        "PasswordAuthentication",
        "ApiKeyAuthentication",
        "BearerAuthentication",
        "OAuth2Authentication",
    ],
    "exposed-adapter": ["RestAdapter", "McpAdapter", "SkillAdapter", "ControlAdapter"],
    "exposed-resource": ["ExposedResource", "McpResource"],
    "exposed-operation": ["ExposedOperation"],
    "exposed-input": ["ExposedInputParameter"],
    "exposed-output": ["MappedScalar", "MappedObject", "MappedArray", "OrchestratedScalar"],
    "forward": ["Forward"],
    "tool": ["Tool"],
    "hints": ["ToolHints"],
    "tool-input": ["ToolInputParameter"],
    "prompt": ["Prompt"],
    "prompt-argument": ["PromptArgument"],
    "message": ["PromptMessage"],
    "skill": ["Skill"],
    "skill-tool": ["SkillTool"],
    "management": ["Management"],
    "scripting": ["Scripting"],
    "observability": ["Observability"],
    "traces": ["Traces"],
    "aggregate": ["Aggregate"],
    "function": ["AggregateFunction"],
    "step": ["CallStep", "LookupStep", "ScriptStep"],
    "mapping": ["StepOutputMapping"],
}  # fmt: skip


def test_published_keys_are_those_of_the_schema() -> None:
    """Each part has exactly the keys that the published schema gives it."""
    schema: Any = read_schema("published")
    for name, definitions in DEFINITIONS.items():
        keys = {
            key for each in definitions for key in schema["$defs"][each]["properties"]
        }
        assert set(parts()[name].published) == keys, name
    assert set(parts()["document"].published) == set(schema["properties"])


def test_walk_returns_each_mapping_behind_its_holder() -> None:
    """A part stands behind the part around it, and knows all of those."""
    document = read_text(
        "naftiko: 1\n"
        "info: {label: x}\n"
        "capability:\n"
        "  exposes:\n"
        "  - type: mcp\n"
        "    tools:\n"
        "    - {name: a, outputParameters: [{type: object, properties: {b: {}}}]}\n"
        "    - text\n"
    )
    placed = [part for part, _ in walk(document.data)]
    assert [one.part.name for one in placed] == [
        "document", "info", "capability", "exposed-adapter", "tool",
        "exposed-output", "exposed-output",
    ]  # fmt: skip
    assert placed[4].path == ("capability", "exposes", 0, "tools", 0)
    assert [holder.part.name for holder in placed[4].around] == [
        "document", "capability", "exposed-adapter",
    ]  # fmt: skip
    assert placed[4].around[-1].data["type"] == "mcp"


def test_homes_and_parents_name_parts() -> None:
    """A key has the parts that hold it, and a part the keys that it stands below."""
    assert homes_of("baseUri") == ["consumed-adapter"]
    assert parents_of("tool") == [("exposed-adapter", "tools")]
