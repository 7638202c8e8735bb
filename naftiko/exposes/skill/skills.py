"""Agent Skills: what a document and the front matter of `SKILL.md` say of them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from naftiko.document.yaml import parse_value
from naftiko.errors import DocumentError, ServeError, did_you_mean
from naftiko.exposes.files import FileRefused, Folder, local_path
from naftiko.records.tuples import NamedTuple
from naftiko.spec.skills import about_skill

if TYPE_CHECKING:
    from collections.abc import Mapping

    from naftiko.capability import Capability
    from naftiko.plain import JSON
    from naftiko.spec.adapters import SkillSpec, SkillTool
    from naftiko.spec.model import Exposes

_FRONT_MATTER = re.compile(
    r"\A---[ \t]*\r?\n(.*?)^---[ \t]*\r?$", re.DOTALL | re.MULTILINE
)


class ListedTool(NamedTuple):
    """One tool of a skill, as the catalogue tells it.

    Attributes:
        spec: The tool.
        description: Its description, or that of the function it stands for.
        mode: The type of the sibling adapter; empty for a tool of another kind.
    """

    spec: SkillTool
    description: str
    mode: str = ""

    @property
    def name(self) -> str:
        """Its name."""
        return self.spec.name

    def as_dict(self) -> dict[str, JSON]:
        """Return it as plain data: `type` is `instruction`, `call` or `derived`."""
        spec = self.spec
        entry: dict[str, JSON] = {"name": spec.name, "description": self.description}
        if spec.instruction:
            entry |= {"type": "instruction", "instruction": spec.instruction}
        elif spec.call:
            entry |= {"type": "call", "call": spec.call}
        else:
            entry["type"] = "derived"
            entry["invocationRef"] = {
                "targetNamespace": spec.namespace,
                "action": spec.action,
                "mode": self.mode,
            }
        return entry


class Skill(NamedTuple):
    """One skill that is served.

    Attributes:
        about: Key → value of what the document tells about it.
        folder: Its files, or `None` where it has no location.
    """

    name: str
    about: Mapping[str, JSON]
    tools: tuple[ListedTool, ...]
    folder: Folder | None

    def known(self) -> dict[str, JSON]:
        """Return what is known about it; read anew, the files may have changed.

        The document stands before the front matter of `SKILL.md`.
        """
        return {**self._front_matter(), **self.about, "name": self.name}

    def _front_matter(self) -> dict[str, JSON]:
        if self.folder is None:
            return {}
        try:
            text = self.folder.read("SKILL.md").decode("utf-8-sig")
            matter = _FRONT_MATTER.match(text)
            data = parse_value(matter[1]) if matter else None
        except (FileRefused, UnicodeDecodeError, DocumentError):
            return {}
        return about_skill(data) if isinstance(data, dict) else {}


def open_skills(capability: Capability, exposes: Exposes) -> dict[str, Skill]:
    """Return the skills of an adapter by name, each with its folder; reads no file.

    Raises:
        ServeError: The document does not say what a tool is or where a skill is, or a
            tool names an adapter that is not there.
    """
    siblings = {e.namespace: e for e in capability.exposes if e.type in ("rest", "mcp")}
    skills: dict[str, Skill] = {}
    for spec in exposes.skills:
        for problem in spec.problems:
            raise ServeError(problem.message, hint=problem.hint, code=problem.rule.code)
        folder = None
        if spec.location:
            folder = Folder(local_path(spec.location, capability.directory))
        tools = tuple(_listed(tool, spec, siblings) for tool in spec.tools)
        skills[spec.name] = Skill(spec.name, spec.about, tools, folder)
    return skills


def _listed(
    tool: SkillTool, skill: SkillSpec, siblings: Mapping[str, Exposes]
) -> ListedTool:
    if tool.instruction or tool.call:
        return ListedTool(tool, tool.description)
    sibling = siblings.get(tool.namespace)
    if sibling is None:
        raise ServeError(
            f"Skill tool '{tool.name}' in skill '{skill.name}' references unknown"
            f" namespace '{tool.namespace}'. Expected one of: [{', '.join(siblings)}]",
            hint=did_you_mean(tool.namespace, siblings),
        )
    return ListedTool(
        tool, tool.description or _described(sibling, tool.action), sibling.type
    )


def _described(sibling: Exposes, action: str) -> str:
    for function in sibling.functions:
        if function.name == action:
            return function.description
    return ""
