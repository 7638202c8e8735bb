"""Skills as the catalogue tells them, from a document and the front matter of a file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import naftiko
from naftiko.exposes.files import Folder
from naftiko.exposes.skill.skills import ListedTool, Skill, open_skills
from naftiko.spec.adapters import SkillTool
from support.building import document
from support.skilling import MCP, ORDERS, REST, app, get


def test_front_matter_fills_missing_fields_of_a_skill(folder: Path) -> None:
    """The document overrides `SKILL.md`; a malformed `SKILL.md` is ignored."""
    bare = {"name": "orders", "location": folder.as_uri()}
    skills = app(bare)
    found = get(skills, "/skills/orders")[1]
    assert found["description"] == "From the file."
    assert found["allowed-tools"] == "Bash Read"
    assert found["name"] == "orders"
    (folder / "SKILL.md").write_text("---\n{: bad\n---\n")
    assert get(skills, "/skills/orders")[1]["description"] == ""


@pytest.mark.parametrize(
    ("tool", "message"),
    [
        ({}, "must define either 'from' or 'instruction'."),
        (
            {"from": {"sourceNamespace": "orders-rest"}, "instruction": "x"},
            "cannot define both 'from' and 'instruction'.",
        ),
        (
            {"from": {"sourceNamespace": "orders", "action": "x"}},
            r"unknown namespace 'orders'. Expected one of: \[orders-rest, orders-mcp\]",
        ),
        ({"instruction": "x.md"}, "but the skill has no 'location' configured."),
    ],
)
def test_skill_tool_without_a_clear_type_stops_the_start(
    tool: Any, message: str
) -> None:
    """Spec 5.1: a tool needs either `from` or `instruction`, and known names."""
    with pytest.raises(naftiko.ServeError, match=message):
        app({"name": "s", "description": "d", "tools": [{"name": "t", **tool}]})


def test_call_of_a_skill_is_listed_as_a_tool() -> None:
    """Dialect 7.6: `call` on a skill, on its tool, or on the adapter makes a tool."""
    skills = app(
        {"name": "a", "description": "d", "call": "api.op"},
        {"name": "b", "tools": [{"name": "t", "call": "api.op"}]},
        tools=[{"name": "loose", "call": "api.op"}],
    )
    for name, tool in (("a", "a"), ("b", "t"), ("s", "loose")):
        found = get(skills, f"/skills/{name}")[1]["tools"]
        assert [(t["name"], t["type"], t["call"]) for t in found] == [
            (tool, "call", "api.op")
        ]


def test_skill_on_another_machine_stops_the_start() -> None:
    """A skill with an `https:` location is refused, because its folder is not local."""
    with pytest.raises(naftiko.ServeError, match="is no file: URI") as caught:
        app({"name": "s", "location": "https://a.test/s"})
    assert caught.value.code == "U-location"


def _open(*skills: Any, folder: Path | None = None) -> dict[str, Skill]:
    """Open the skills of a document, which stands in a folder if one is given."""
    data = document()
    adapter = {"type": "skill", "namespace": "s", "skills": list(skills)}
    data["capability"]["exposes"] = [REST, MCP, adapter]
    if folder is None:
        capability = naftiko.load(data, schema=None)
    else:
        from naftiko.document.writing import write_yaml

        (folder / "capability.yaml").write_text(write_yaml(data), "utf-8")
        capability = naftiko.load(folder / "capability.yaml", schema=None)
    return open_skills(capability, capability.exposes[2])


def test_tool_takes_the_description_of_its_function() -> None:
    """A tool without a description has that of the tool or operation behind it."""
    source = {"sourceNamespace": "orders-mcp", "action": "find"}
    tools = [
        {"name": "a", "from": source},
        {"name": "b", "from": source, "description": "Own."},
        {"name": "c", "from": {**source, "action": "gone"}},
        {"name": "d", "call": "api.op"},
    ]
    (skill,) = _open({"name": "k", "tools": tools}).values()
    assert [(tool.name, tool.description, tool.mode) for tool in skill.tools] == [
        ("a", "Find one.", "mcp"),
        ("b", "Own.", "mcp"),
        ("c", "", "mcp"),
        ("d", "", ""),
    ]


@pytest.mark.parametrize(
    ("tool", "told"),
    [
        (SkillTool("t", instruction="a.md"), {"type": "instruction", "instruction": "a.md"}),
        (SkillTool("t", call="a.op"), {"type": "call", "call": "a.op"}),
        (
            SkillTool("t", namespace="shop", action="find"),
            {
                "type": "derived",
                "invocationRef": {"targetNamespace": "shop", "action": "find", "mode": "rest"},
            },
        ),
    ],
)  # fmt: skip
def test_tool_is_told_by_its_kind(tool: SkillTool, told: dict[str, Any]) -> None:
    """A tool is told as a file, a call, or a tool of a sibling."""
    listed = ListedTool(tool, "d", "rest")
    assert listed.as_dict() == {"name": "t", "description": "d", **told}


def test_nearest_namespace_is_suggested() -> None:
    """A tool of an unknown sibling is refused with all of them and the nearest."""
    source = {"sourceNamespace": "order-mcp", "action": "find"}
    with pytest.raises(naftiko.ServeError) as caught:
        _open({"name": "k", "tools": [{"name": "t", "from": source}]})
    assert caught.value.message == (
        "Skill tool 't' in skill 'k' references unknown namespace 'order-mcp'. Expected"
        " one of: [orders-rest, orders-mcp]"
    )
    assert caught.value.hint == "did you mean 'orders-mcp'?"


def test_skills_keep_their_order_and_open_no_file() -> None:
    """A skill has a folder where it has a location, there or not."""
    skills = _open({"name": "b", "location": "file:///none"}, ORDERS, {"name": "a"})
    assert list(skills) == ["b", "orders", "a"]
    assert [skill.folder is not None for skill in skills.values()] == [
        True,
        False,
        False,
    ]
    assert skills["b"].known() == {"name": "b"}


def test_relative_location_is_beside_the_document(tmp_path: Path) -> None:
    """A location that is no URI is a path from the folder of the document."""
    (tmp_path / "k").mkdir()
    (tmp_path / "k" / "SKILL.md").write_text("---\ndescription: d\n---\n", "utf-8")
    skills = _open({"name": "k", "location": "./k"}, folder=tmp_path)
    assert skills["k"].known() == {"name": "k", "description": "d"}


@pytest.mark.parametrize(
    ("text", "known"),
    [
        (b"---\ndescription: d\n---\n# K", {"description": "d"}),
        (b"---  \r\ndescription: d\r\n---\r\n# K", {"description": "d"}),
        (b"\xef\xbb\xbf---\ndescription: d\n---", {"description": "d"}),
        (b"---\nallowed-tools: [A, B]\ncolor: red\n---\n", {"allowed-tools": "A B"}),
        (b"---\ndescription: |\n  a --- b\n---\nlicense: MIT\n---\n", {"description": "a --- b\n"}),
        (b"---\n---\n# K", {}),
        (b"---\n- a\n---\n", {}),
        (b"---\ntext\n---\n", {}),
        (b"---\ndescription: d\n", {}),
        (b"\n---\ndescription: d\n---\n", {}),
        (b"# K\n---\ndescription: d\n---\n", {}),
        (b"---\n{: bad\n---\n", {}),
        (b"---\ndescription: \xff\n---\n", {}),
        (b"", {}),
    ],
)  # fmt: skip
def test_front_matter_begins_the_file(
    tmp_path: Path, text: bytes, known: dict[str, Any]
) -> None:
    """Front matter is a mapping between two lines of dashes at the very beginning."""
    (tmp_path / "SKILL.md").write_bytes(text)
    skill = Skill("k", {}, (), Folder(tmp_path))
    assert skill.known() == {**known, "name": "k"}


def test_front_matter_is_read_anew(tmp_path: Path) -> None:
    """A skill is told as its file stands now; the document stands before it."""
    file = tmp_path / "SKILL.md"
    skill = Skill("k", {"license": "MIT"}, (), Folder(tmp_path))
    for description in ("a", "b"):
        file.write_text(
            f"---\nname: other\nlicense: x\ndescription: {description}\n---\n", "utf-8"
        )
        assert skill.known() == {
            "name": "k",
            "license": "MIT",
            "description": description,
        }
    file.unlink()
    assert skill.known() == {"name": "k", "license": "MIT"}
