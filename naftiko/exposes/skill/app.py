"""`SkillApp`: an exposed adapter of type `skill`, a catalogue of Agent Skills.

Spec 5.1, dialect 7.6. It only tells: which skills there are, which tools of sibling
adapters they use, and the files in their folders. This module must not know how a tool
runs.
"""

from __future__ import annotations

import asyncio
import io
import re
import zipfile
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import unquote

from naftiko.document.source import parse_value
from naftiko.errors import DocumentError, ServeError, did_you_mean, names_of
from naftiko.exposes.access.secrets import path_of
from naftiko.exposes.files import (
    FileMissing,
    FileRefused,
    Folder,
    local_path,
    media_type,
)
from naftiko.exposes.http.answers import JSON_TYPE, Answer, json_bytes
from naftiko.exposes.http.inbound import Exchange
from naftiko.exposes.http.problems import HttpProblem
from naftiko.exposes.observability.telemetry import OPERATION
from naftiko.plain import mappings_of, text_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Mapping

    from naftiko.capability import Capability
    from naftiko.exposes.engine import Engine
    from naftiko.exposes.options import Options
    from naftiko.spec.model import Exposes

    JSON = Any

#: A zip of more is refused: it is made in memory.
MAX_ZIP_BYTES = 64 * 1024 * 1024
_FRONT_MATTER = re.compile(
    r"\A---[ \t]*\r?\n(.*?)^---[ \t]*$", re.DOTALL | re.MULTILINE
)
#: Keys of a skill as they are told, in this order (spec 5.1).
_TOLD = (
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
    for key in ("description", *_TOLD):
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


class _Served(NamedTuple):
    """One version of an adapter."""

    exposes: Exposes
    skills: Mapping[str, Skill]


class SkillApp:
    """Serve one `skill` adapter.

    Args:
        engine: Holds the capability.
        exposes: The adapter.
        options: What whoever serves it decides.

    Raises:
        ServeError: A tool does not say what it is.
    """

    def __init__(self, engine: Engine, exposes: Exposes, options: Options) -> None:
        self.replace(self.prepare(engine, exposes))

    @property
    def exposes(self) -> Exposes:
        """The adapter that is served."""
        return self._served.exposes

    def prepare(self, engine: Engine, exposes: Exposes) -> _Served:
        """Make another version ready to be served; what is served stays.

        Raises:
            ServeError: A tool does not say what it is.
        """
        return _Served(exposes, read_skills(engine.capability, exposes))

    def replace(self, version: _Served) -> None:
        """Serve another version."""
        self._served = version

    @asynccontextmanager
    async def lifespan(self) -> AsyncIterator[None]:
        """Need nothing while served."""
        yield

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        exchange = Exchange(scope, receive, send)
        allowed = (("Allow", "GET, HEAD"),)
        if exchange.method == "OPTIONS":
            await exchange.answer(Answer(204, headers=allowed))
            return
        if exchange.method not in ("GET", "HEAD"):
            said = "skills are only read"
            problem = HttpProblem("method-not-allowed", said, headers=allowed)
            await exchange.refuse(problem)
            return
        try:
            # Files are read: other requests go on meanwhile.
            answer = await asyncio.to_thread(self._answer, path_of(scope), scope)
        except FileMissing as error:
            await exchange.refuse(HttpProblem("not-found", str(error)))
        except FileRefused as error:
            await exchange.refuse(HttpProblem("malformed-request", str(error)))
        else:
            await exchange.answer(answer)

    def _answer(self, path: str, scope: Any) -> Answer:
        """Return what is at a path, and note in the scope which route that is.

        Raises:
            FileMissing: Nothing is.
            FileRefused: The path is not one that is served.
        """
        skills = self._served.skills
        segments = path.strip("/").split("/")
        match segments:
            case ["" | "skills"]:
                scope[OPERATION] = "/skills"
                listed = [_short(skill) for skill in skills.values()]
                return _json({"count": len(listed), "skills": listed})
            case ["skills", name]:
                scope[OPERATION] = "/skills/{name}"
                return _json(_long(self._skill(name, skills)))
            case ["skills", name, "contents"]:
                scope[OPERATION] = "/skills/{name}/contents"
                skill = self._skill(name, skills)
                files = [
                    {"path": file, "size": size, "type": media_type(file)}
                    for file, size in _folder(skill).files()
                ]
                return _json({"name": skill.name, "files": files})
            case ["skills", name, "contents", *rest]:
                scope[OPERATION] = "/skills/{name}/contents/{file}"
                file = "/".join(rest)
                data = _folder(self._skill(name, skills)).read(file)
                return Answer(200, media_type(file), data)
            case ["skills", name, "download"]:
                scope[OPERATION] = "/skills/{name}/download"
                skill = self._skill(name, skills)
                attachment = f'attachment; filename="{skill.name}.zip"'
                headers = (("Content-Disposition", attachment),)
                return Answer(200, "application/zip", _zipped(skill), headers)
        raise FileMissing(f"nothing is served at {path}; see /skills")

    def _skill(self, name: str, skills: Mapping[str, Skill]) -> Skill:
        skill = skills.get(unquote(name))
        if skill is None:
            hint = did_you_mean(name, skills) or f"there are {names_of(skills)}"
            raise FileMissing(f"no skill is called '{name}'; {hint}")
        return skill


def _json(value: JSON) -> Answer:
    return Answer(200, JSON_TYPE, json_bytes(value))


def _short(skill: Skill) -> dict[str, JSON]:
    known = skill.known()
    found = {"name": skill.name, "description": known.get("description", "")}
    if "license" in known:
        found["license"] = known["license"]
    return {**found, "tools": [tool.name for tool in skill.tools]}


def _long(skill: Skill) -> dict[str, JSON]:
    known = skill.known()
    found: dict[str, JSON] = {
        "name": skill.name,
        "description": known.get("description", ""),
    }
    found |= {key: known[key] for key in _TOLD if key in known}
    return {**found, "tools": [tool.as_dict() for tool in skill.tools]}


def _folder(skill: Skill) -> Folder:
    if skill.folder is None:
        raise FileMissing(f"the skill '{skill.name}' has no location")
    if not skill.folder.root.is_dir():
        raise FileMissing(f"the folder of the skill '{skill.name}' is not there")
    return skill.folder


def _zipped(skill: Skill) -> bytes:
    """Return the folder of a skill as a zip, below a folder of its name."""
    folder = _folder(skill)
    whole = io.BytesIO()
    left = MAX_ZIP_BYTES
    with zipfile.ZipFile(whole, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, _ in folder.files():
            data = folder.read(path)
            left -= len(data)
            if left < 0:
                most = MAX_ZIP_BYTES >> 20
                raise FileRefused(f"the skill '{skill.name}' is larger than {most} MiB")
            archive.writestr(f"{skill.name}/{path}", data)
    return whole.getvalue()
