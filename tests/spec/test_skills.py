"""The skills of a skill adapter, read; the cases are in `tests/spec/cases/skills.yaml`."""

from __future__ import annotations

from typing import Any

import pytest

from naftiko.document.findings import Findings
from naftiko.spec.adapters import SkillSpec, SkillTool
from naftiko.spec.skills import about_skill, read_skills
from support.casefiles import cases
from support.reading import check
from support.records import findings, said


@pytest.mark.parametrize("case", cases("spec/cases", "skills"))
def test_skills_in_a_document(case: dict[str, Any]) -> None:
    """Skills get the findings that their case lists, at the listed places."""
    check(case)


def _read(*skills: Any, **adapter: Any) -> tuple[list[SkillSpec], Findings]:
    entry = {"namespace": "s", "skills": list(skills), **adapter}
    found = findings(entry)
    return list(read_skills(entry, ("part",), found)), found


_FROM = {"sourceNamespace": "shop", "action": "find"}


@pytest.mark.parametrize(
    ("entry", "tool"),
    [
        ({"from": _FROM}, SkillTool("t", namespace="shop", action="find")),
        ({"from": {}}, SkillTool("t")),
        (
            {"instruction": "a.md", "description": "d"},
            SkillTool("t", "d", instruction="a.md"),
        ),
        ({"call": "a.op"}, SkillTool("t", call="a.op")),
        # A tool of a sibling is called there.
        (
            {"from": _FROM, "call": "a.op"},
            SkillTool("t", namespace="shop", action="find"),
        ),
        ({"from": "shop", "call": "a.op"}, SkillTool("t", call="a.op")),
    ],
)
def test_tool_of_a_skill_is_read(entry: Any, tool: SkillTool) -> None:
    """A tool is one of a sibling adapter, a file, or has a call of its own."""
    (skill,), found = _read(
        {"name": "k", "location": "./k", "tools": [{"name": "t", **entry}]}
    )
    assert skill.tools == (tool._replace(path=("part", "skills", 0, "tools", 0)),)
    assert (skill.problems, said(found)) == ((), [])


@pytest.mark.parametrize(
    ("entry", "code", "message"),
    [
        (
            {},
            "U-unit-without-call",
            "Skill tool 't' in skill 'k' must define either 'from' or 'instruction'.",
        ),
        (
            {"from": "shop"},
            "U-unit-without-call",
            "Skill tool 't' in skill 'k' must define either 'from' or 'instruction'.",
        ),
        (
            {"from": _FROM, "instruction": "a.md"},
            "U-skill-tool",
            "Skill tool 't' in skill 'k' cannot define both 'from' and 'instruction'.",
        ),
        (
            {"instruction": "a.md"},
            "U-skill-tool",
            "Skill tool 't' in skill 'k' uses 'instruction' but the skill has no"
            " 'location' configured.",
        ),
    ],
)
def test_unclear_tool_is_a_problem_of_its_skill(
    entry: Any, code: str, message: str
) -> None:
    """A skill knows the problem of each tool that does not say what it is."""
    (skill,), found = _read({"name": "k", "tools": [{"name": "t", **entry}]})
    assert said(found) == [(code, "/part/skills/0/tools/0", message)]
    assert list(skill.problems) == found.noted
    assert [tool.name for tool in skill.tools] == ["t"]


def test_call_of_a_skill_is_its_first_tool() -> None:
    """A skill with a `call` is a tool of its own name and description."""
    (skill,), _ = _read(
        {"name": "k", "description": "d", "call": "a.op", "tools": [{"name": "t", "from": _FROM}]}
    )  # fmt: skip
    at = ("part", "skills", 0)
    assert skill.tools[0] == SkillTool("k", "d", call="a.op", path=at)
    assert [tool.name for tool in skill.tools] == ["k", "t"]


def test_tools_of_an_adapter_are_a_skill_of_its_name() -> None:
    """Tools right below an adapter become the last skill, at the place of the adapter."""
    tools = [{"name": "t", "call": "a.op"}]
    (first, last), found = _read({"name": "k"}, tools=tools, description="d")
    assert (first.name, last.name, last.path) == ("k", "s", ("part",))
    assert last.about == {"description": "d"}
    assert last.tools[0].path == ("part", "tools", 0)
    assert said(found) == []
    assert _read(tools=tools, namespace=None)[0] == []
    skills, found = _read({"name": "s"}, tools=tools)
    assert [skill.tools for skill in skills] == [()]
    message = "the skill 's' is declared twice; the first one wins"
    assert said(found) == [("W-skill-duplicate", "/part", message)]


def test_first_skill_of_a_name_counts() -> None:
    """A skill is found by its name: one without a name, or with a used one, is not."""
    skills, found = _read(
        {"name": "k", "description": "a"}, {"name": "k"}, {"name": ""}, 7
    )
    assert [skill.about for skill in skills] == [{"description": "a"}]
    assert said(found) == [
        (
            "W-skill-duplicate",
            "/part/skills/1/name",
            "the skill 'k' is declared twice; the first one wins",
        ),
        (
            "W-incomplete-dropped",
            "/part/skills/2",
            "a skill without a name is left out",
        ),
    ]
    assert found.noted[0].related[0].path == ("part", "skills", 0)


def test_skill_on_another_machine_has_a_problem() -> None:
    """The folder of a skill is on this machine; it need not be there."""
    (here, there), found = _read(
        {"name": "k", "location": "file:///none"},
        {"name": "l", "location": "https://a.test/l"},
    )
    assert here.problems == ()
    message = "Skill 'l': the location 'https://a.test/l' is no file: URI."
    assert said(found) == [("U-location", "/part/skills/1/location", message)]
    assert list(there.problems) == found.noted


@pytest.mark.parametrize(
    ("data", "about"),
    [
        ({}, {}),
        ({"allowed-tools": ["Bash", "Read"], "color": "red"}, {"allowed-tools": "Bash Read"}),
        ({"allowed-tools": "Bash, Read  Write,"}, {"allowed-tools": "Bash Read Write"}),
        ({"allowed-tools": ["Bash(git *)", None, ""]}, {"allowed-tools": "Bash(git *)"}),
        ({"allowed-tools": []}, {"allowed-tools": ""}),
        ({"description": 7, "license": None}, {"description": "7"}),
        ({"user-invocable": False, "metadata": {"a": 1}}, {"user-invocable": False, "metadata": {"a": 1}}),
    ],
)  # fmt: skip
def test_catalogue_is_told_the_known_keys(data: Any, about: Any) -> None:
    """Known keys are kept as they are, tools as one text, and no other key at all."""
    assert about_skill(data) == about


def test_catalogue_is_told_in_one_order() -> None:
    """The description comes first, in whatever order the keys are written."""
    keys = ["metadata", "compatibility", "license", "description"]
    assert list(about_skill(dict.fromkeys(keys, "x"))) == keys[::-1]
