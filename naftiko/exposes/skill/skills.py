"""Agent Skills: what a document and the front matter of `SKILL.md` say of them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from naftiko.document.yaml import parse_value
from naftiko.errors import DocumentError, ServeError, did_you_mean
from naftiko.exposes.files import FileRefused, Folder, local_path
from naftiko.plain import mappings_of, text_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from naftiko.capability import Capability
    from naftiko.plain import JSON
    from naftiko.spec.model import Exposes

_FRONT_MATTER = re.compile(
    r"\A---[ \t]*\r?\n(.*?)^---[ \t]*$", re.DOTALL | re.MULTILINE
)
#: Keys of a skill as they are told, in this order (spec 5.1).
TOLD_FIELDS = (
    "license",
    "compatibility",
    "argument-hint",
    "allowed-tools",
    "user-invocable",
    "disable-model-invocation",
    "metadata",
)


class SkillTool(NamedTuple):
    """One tool of a skill: of a sibling, a file, or with a call of its own."""

    name: str
    description: str
    namespace: str = ""
    action: str = ""
    mode: str = ""
    instruction: str = ""
    call: str = ""

    def as_dict(self) -> dict[str, JSON]:
        """Return it as the catalogue tells it."""
        found: dict[str, JSON] = {"name": self.name, "description": self.description}
        if self.instruction:
            return {**found, "type": "instruction", "instruction": self.instruction}
        if self.call:
            return {**found, "type": "call", "call": self.call}
        reference = {
            "targetNamespace": self.namespace,
            "action": self.action,
            "mode": self.mode,
        }
        return {**found, "type": "derived", "invocationRef": reference}


class Skill(NamedTuple):
    """One skill.

    Attributes:
        about: What the document says about it, then its `SKILL.md`.
        folder: Its files, or `None` where it has no location.
    """

    name: str
    about: Mapping[str, JSON]
    tools: tuple[SkillTool, ...]
    folder: Folder | None

    def known(self) -> dict[str, JSON]:
        """Return what is known about it; read anew, the files may have changed."""
        found = {**self._front_matter(), **self.about}
        found["name"] = self.name
        return found

    def _front_matter(self) -> dict[str, JSON]:
        if self.folder is None:
            return {}
        try:
            text = self.folder.read("SKILL.md").decode("utf-8-sig")
            matter = _FRONT_MATTER.match(text)
            data = parse_value(matter[1]) if matter else None
        except (FileRefused, UnicodeDecodeError, DocumentError):
            return {}
        return _about(data) if isinstance(data, dict) else {}


def _about(data: Mapping[str, JSON]) -> dict[str, JSON]:
    """Return what is told of a skill out of a mapping that describes it."""
    found: dict[str, JSON] = {}
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
        found[key] = value
    return found


def read_skills(capability: Capability, exposes: Exposes) -> dict[str, Skill]:
    """Return the skills of an adapter by name; of two with one name, the first.

    Raises:
        ServeError: A tool does not say what it is, or names an adapter that is not
            there.
    """
    directory = next(iter(capability.files), None)
    siblings = {e.namespace: e for e in capability.exposes if e.type in ("rest", "mcp")}
    found: dict[str, Skill] = {}
    entries = [entry for _, entry in mappings_of(exposes.data.get("skills"), ())]
    if exposes.data.get("tools"):
        # Published files also write tools right below the adapter.
        about = {"name": exposes.namespace, "description": exposes.description}
        entries.append({**about, "tools": exposes.data["tools"]})
    for entry in entries:
        name = text_of(entry.get("name"))
        if not name or name in found:
            continue
        location = text_of(entry.get("location"))
        folder = None
        if location:
            try:
                base = directory.parent if directory is not None else None
                folder = Folder(local_path(location, base))
            except FileRefused as error:
                raise ServeError(f"Skill '{name}': {error}.") from None
        tools = tuple(_tools(entry, name, folder, siblings))
        found[name] = Skill(name, _about(entry), tools, folder)
    return found


def _tools(
    skill: Mapping[str, JSON],
    skill_name: str,
    folder: Folder | None,
    siblings: Mapping[str, Exposes],
) -> Iterator[SkillTool]:
    if "call" in skill:
        name, text = text_of(skill.get("name")), text_of(skill.get("description"))
        yield SkillTool(name, text, call=text_of(skill["call"]))
    for _, tool in mappings_of(skill.get("tools"), ()):
        name = text_of(tool.get("name"))
        text = text_of(tool.get("description"))
        source, instruction = tool.get("from"), text_of(tool.get("instruction"))
        where = f"Skill tool '{name}' in skill '{skill_name}'"
        if isinstance(source, dict) and instruction:
            raise ServeError(f"{where} cannot define both 'from' and 'instruction'.")
        if instruction:
            if folder is None:
                raise ServeError(
                    f"{where} uses 'instruction' but the skill has no 'location'"
                    " configured.",
                    hint="add `location: file:///…`, the folder of the skill",
                )
            yield SkillTool(name, text, instruction=instruction)
        elif isinstance(source, dict):
            namespace = text_of(source.get("sourceNamespace"))
            action = text_of(source.get("action"))
            sibling = siblings.get(namespace)
            if sibling is None:
                raise ServeError(
                    f"{where} references unknown namespace '{namespace}'. Expected one"
                    f" of: [{', '.join(siblings)}]",
                    hint=did_you_mean(namespace, siblings),
                )
            text = text or _described(sibling, action)
            yield SkillTool(name, text, namespace, action, sibling.type)
        elif "call" in tool:
            yield SkillTool(name, text, call=text_of(tool["call"]))
        else:
            raise ServeError(
                f"{where} must define either 'from' or 'instruction'.",
                hint="write `from: {sourceNamespace: …, action: …}`",
            )


def _described(sibling: Exposes, action: str) -> str:
    for function in sibling.functions:
        if function.name == action:
            return function.description
    return ""
