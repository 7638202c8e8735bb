"""Read the skills of a skill adapter (spec 5.1).

    - {name: orders, tools: [{name: find, from: {sourceNamespace: shop, action: find}}]}
        →  SkillSpec("orders", tools=(SkillTool("find", namespace="shop",
                                                action="find"),))

No file is opened. This module must not know which adapters the document has; that is
linking.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from naftiko.document import rules
from naftiko.document.findings import Mention
from naftiko.errors import shorten
from naftiko.locations import path_of
from naftiko.plain import mappings_of, text_of
from naftiko.spec.adapters import SkillSpec, SkillTool

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from naftiko.document.findings import Finding, Findings
    from naftiko.plain import JSON, DocumentPath

#: Keys of a skill that the catalogue tells, beside its description, in this order.
TOLD_FIELDS = (
    "license",
    "compatibility",
    "argument-hint",
    "allowed-tools",
    "user-invocable",
    "disable-model-invocation",
    "metadata",
)


def read_skills(
    entry: Mapping[str, JSON], at: DocumentPath, findings: Findings
) -> Iterator[SkillSpec]:
    """Yield the skills of an adapter that have a name; of one name the first counts.

    Args:
        entry: The adapter. Published files also write `tools` right below it: they
            become a skill that is called as the adapter is.
        at: Its place.
        findings: Where findings go.
    """
    first: dict[str, DocumentPath] = {}
    skills = list(mappings_of(entry.get("skills"), (*at, "skills")))
    # An adapter without a name is noted as such.
    if entry.get("tools") and entry.get("namespace"):
        about = {"name": entry.get("namespace"), "tools": entry["tools"]}
        skills.append((at, {**about, "description": entry.get("description")}))
    for where, skill in skills:
        name = text_of(skill.get("name"))
        if not name:
            findings.dropped(
                where, "a skill without a name is left out", "add `name:` to it"
            )
        elif name in first:
            findings.add(
                rules.SKILL_DUPLICATE,
                (*where, "name") if where != at else where,
                f"the skill '{shorten(name)}' is declared twice; the first one wins",
                "rename one of them",
                related=(Mention(first[name], "first declared here"),),
            )
        else:
            first[name] = where
            yield _skill(name, skill, where, findings)


def about_skill(data: Mapping[str, JSON]) -> dict[str, JSON]:
    """Return what a mapping tells about a skill: one of a document, or front matter.

    {allowed-tools: [Bash, Read], color: red}  →  {"allowed-tools": "Bash Read"}
    """
    about: dict[str, JSON] = {}
    for key in ("description", *TOLD_FIELDS):
        value = data.get(key)
        if value is None:
            continue
        if key == "allowed-tools":
            listed = (
                value if isinstance(value, list) else re.split(r"[,\s]+", str(value))
            )
            value = " ".join(text for item in listed if (text := text_of(item)))
        elif key == "description":
            value = text_of(value)
        about[key] = value
    return about


def _skill(
    name: str, data: Mapping[str, JSON], at: DocumentPath, findings: Findings
) -> SkillSpec:
    problems: list[Finding] = []
    location = text_of(data.get("location"))
    if location and path_of(location, Path()) is None:
        problems.append(
            findings.add(
                rules.LOCATION,
                (*at, "location"),
                f"Skill '{shorten(name)}': the location '{shorten(location)}' is no"
                " file: URI.",
                "add `location: file:///…`, the folder of the skill",
            )
        )
    tools = []
    if "call" in data:
        description = text_of(data.get("description"))
        tools.append(SkillTool(name, description, call=text_of(data["call"]), path=at))
    for where, tool in mappings_of(data.get("tools"), (*at, "tools")):
        record = _tool(tool, where)
        tools.append(record)
        problem = _tool_finding(tool, record, name, location, findings)
        if problem is not None:
            problems.append(problem)
    return SkillSpec(
        name, about_skill(data), location, tuple(tools), tuple(problems), at
    )


def _tool(tool: Mapping[str, JSON], at: DocumentPath) -> SkillTool:
    given = tool.get("from")
    source = given if isinstance(given, dict) else {}
    return SkillTool(
        text_of(tool.get("name")),
        text_of(tool.get("description")),
        text_of(source.get("sourceNamespace")),
        text_of(source.get("action")),
        text_of(tool.get("instruction")),
        "" if isinstance(given, dict) else text_of(tool.get("call")),
        at,
    )


def _tool_finding(
    tool: Mapping[str, JSON],
    record: SkillTool,
    skill: str,
    location: str,
    findings: Findings,
) -> Finding | None:
    """Note why a tool does not say what it is; `None` for one that does."""
    where = f"Skill tool '{shorten(record.name)}' in skill '{shorten(skill)}'"
    has_source = isinstance(tool.get("from"), dict)
    if has_source and record.instruction:
        return findings.add(
            rules.SKILL_TOOL,
            record.path,
            f"{where} cannot define both 'from' and 'instruction'.",
            "keep one of the two",
        )
    if record.instruction and not location:
        return findings.add(
            rules.SKILL_TOOL,
            record.path,
            f"{where} uses 'instruction' but the skill has no 'location' configured.",
            "add `location: file:///…`, the folder of the skill",
        )
    if not has_source and not record.instruction and not record.call:
        return findings.add(
            rules.UNIT_WITHOUT_CALL,
            record.path,
            f"{where} must define either 'from' or 'instruction'.",
            "write `from: {sourceNamespace: …, action: …}`",
        )
    return None
