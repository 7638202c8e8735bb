"""`SkillApp`: an exposed adapter of type `skill`, a catalogue of Agent Skills.

Spec 5.1, dialect 7.6. It only tells: which skills there are, which tools of sibling
adapters they use, and the files in their folders. This module must not know how a tool
runs.
"""

from __future__ import annotations

import asyncio
import io
import zipfile
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import unquote

from naftiko.errors import did_you_mean, names_of
from naftiko.exposes.files import (
    FileMissing,
    FileRefused,
    Folder,
    media_type,
)
from naftiko.exposes.http.answers import JSON_TYPE, Answer, json_bytes
from naftiko.exposes.http.inbound import Inbound
from naftiko.exposes.http.problems import HttpProblem
from naftiko.exposes.http.scope import OPERATION, path_of
from naftiko.exposes.skill.skills import Skill, open_skills
from naftiko.spec.skills import TOLD_FIELDS

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from naftiko.exposes.engine import Engine
    from naftiko.exposes.options import Options
    from naftiko.plain import JSON
    from naftiko.spec.model import Exposes

#: A zip of more is refused: it is made in memory.
MAX_ZIP_BYTES = 64 * 1024 * 1024


class _SkillVersion(NamedTuple):
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

    def prepare(self, engine: Engine, exposes: Exposes) -> _SkillVersion:
        """Make another version ready to be served; what is served stays.

        Raises:
            ServeError: A tool does not say what it is.
        """
        return _SkillVersion(exposes, open_skills(engine.capability, exposes))

    def replace(self, version: _SkillVersion) -> None:
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
        exchange = Inbound(scope, receive, send)
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
    found |= {key: known[key] for key in TOLD_FIELDS if key in known}
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
