"""`SkillApp`: an exposed adapter of type `skill`, a catalogue of Agent Skills.

Spec 5.1, dialect 7.6. The application only reads: it lists the skills, the tools of
other adapters that they use, and the files in their folders::

    GET /skills                        the skills, in short
    GET /skills/{name}                 one skill, with its tools
    GET /skills/{name}/contents        the files of its folder
    GET /skills/{name}/contents/{path} one file
    GET /skills/{name}/download        the folder as a zip

This module must not know how a tool runs.
"""

from __future__ import annotations

import asyncio
import io
import re
import zipfile
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from naftiko.errors import did_you_mean, names_of
from naftiko.exposes.files import (
    FileMissing,
    FileRefused,
    Folder,
    media_type,
)
from naftiko.exposes.http.answers import Answer, json_answer
from naftiko.exposes.http.inbound import Inbound
from naftiko.exposes.http.problems import HttpProblem
from naftiko.exposes.http.routes import (
    CATCH_ALL,
    BadPath,
    NoRoute,
    Router,
    Tail,
    encoded_path,
)
from naftiko.exposes.http.scope import OPERATION, path_of
from naftiko.exposes.skill.skills import Skill, open_skills
from naftiko.records.tuples import NamedTuple
from naftiko.spec.skills import TOLD_FIELDS

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping

    from naftiko.exposes.engine import Engine
    from naftiko.exposes.http.scope import ASGIScope, Receive, Send
    from naftiko.exposes.options import Options
    from naftiko.plain import JSON
    from naftiko.spec.model import Exposes

    #: The skills by name, and the placeholders of the path -> the answer.
    Reader = Callable[[Mapping[str, Skill], Mapping[str, str]], Answer]

#: A larger folder is not zipped, because the zip is made in memory.
MAX_ZIP_BYTES = 64 * 1024 * 1024


class SkillVersion(NamedTuple):
    """The skills of one version of a document."""

    exposes: Exposes
    skills: Mapping[str, Skill]


class SkillApp:
    """Serve one `skill` adapter.

    Args:
        engine: Holds the capability.
        exposes: The adapter.
        options: The settings of the server.

    Raises:
        ServeError: A tool does not say what it is.
    """

    def __init__(self, engine: Engine, exposes: Exposes, options: Options) -> None:
        self.replace(self.prepare(engine, exposes))

    @property
    def exposes(self) -> Exposes:
        """The adapter that is served."""
        return self._served.exposes

    def prepare(self, engine: Engine, exposes: Exposes) -> SkillVersion:
        """Read a new version of the document; the old one is served on.

        Raises:
            ServeError: A tool does not say what it is.
        """
        return SkillVersion(exposes, open_skills(engine.capability, exposes))

    def replace(self, version: SkillVersion) -> None:
        """Serve a new version of the document."""
        self._served = version

    def is_open(self, scope: ASGIScope) -> bool:
        """Tell that every request needs the credentials of the document."""
        return False

    def drain(self) -> None:
        """End no stream: no answer stays open for ever."""

    @asynccontextmanager
    async def lifespan(self) -> AsyncIterator[None]:
        """Do nothing: a catalogue needs no preparation and no end."""
        yield

    async def __call__(self, scope: ASGIScope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        exchange = Inbound(scope, receive, send)
        allowed = (("Allow", "GET, HEAD"),)
        if exchange.method == "OPTIONS":
            await exchange.answer(Answer(204, headers=allowed))
            return
        if exchange.method not in ("GET", "HEAD"):
            detail = "skills are only read"
            problem = HttpProblem("method-not-allowed", detail, headers=allowed)
            await exchange.refuse(problem)
            return
        try:
            # Files are read in a thread, so that other requests are not held up.
            answer = await asyncio.to_thread(self._answer, scope)
        except FileMissing as error:
            await exchange.refuse(HttpProblem("not-found", str(error)))
        except FileRefused as error:
            await exchange.refuse(HttpProblem("malformed-request", str(error)))
        except BadPath:
            detail = "the path is not percent-encoded UTF-8"
            await exchange.refuse(HttpProblem("malformed-request", detail))
        else:
            await exchange.answer(answer)

    def _answer(self, scope: ASGIScope) -> Answer:
        """Return the answer to a request, and note its route in the scope.

        Raises:
            BadPath: The path is not UTF-8.
            FileMissing: No route, no skill or no file has the path.
            FileRefused: The path names a file that is not served.
        """
        # A slash at the end of a path makes no difference.
        match = _ROUTES.find("/" + encoded_path(scope).strip("/"), "GET")
        if isinstance(match, NoRoute):
            raise FileMissing(f"nothing is served at {path_of(scope)}; see /skills")
        scope[OPERATION] = match.endpoint.label
        return match.endpoint.read(self._served.skills, match.captures)


# --- routes ---------------------------------------------------------------------------


def _list(skills: Mapping[str, Skill], captures: Mapping[str, str]) -> Answer:
    listed = [_short(skill) for skill in skills.values()]
    return json_answer({"count": len(listed), "skills": listed})


def _details(skills: Mapping[str, Skill], captures: Mapping[str, str]) -> Answer:
    return json_answer(_long(_named(captures["name"], skills)))


def _contents(skills: Mapping[str, Skill], captures: Mapping[str, str]) -> Answer:
    skill = _named(captures["name"], skills)
    files = [
        {"path": file, "size": size, "type": media_type(file)}
        for file, size in _folder(skill).files()
    ]
    return json_answer({"name": skill.name, "files": files})


def _file_answer(skills: Mapping[str, Skill], captures: Mapping[str, str]) -> Answer:
    path = "/".join(Tail(captures[CATCH_ALL]).segments)
    data = _folder(_named(captures["name"], skills)).read(path)
    return Answer(200, media_type(path), data)


def _download(skills: Mapping[str, Skill], captures: Mapping[str, str]) -> Answer:
    skill = _named(captures["name"], skills)
    attachment = f'attachment; filename="{_plain_name(skill)}.zip"'
    headers = (("Content-Disposition", attachment),)
    return Answer(200, "application/zip", _zipped(skill), headers)


def _plain_name(skill: Skill) -> str:
    """Return the name of a skill for a header and for a path in an archive.

    A name of the document may hold a line break, a quotation mark, dots or any letter.
    """
    return re.sub("[^A-Za-z0-9_-]", "-", skill.name[:100])


class _SkillRoute(NamedTuple):
    """One route of the catalogue; telemetry shows it under its label."""

    label: str
    read: Reader


def _router(*routes: tuple[str, _SkillRoute]) -> Router[_SkillRoute]:
    router: Router[_SkillRoute] = Router()
    for template, route in routes:
        router.add("GET", template, route)
    return router


_ROUTES = _router(
    ("/", _SkillRoute("/skills", _list)),
    ("/skills", _SkillRoute("/skills", _list)),
    ("/skills/{name}", _SkillRoute("/skills/{name}", _details)),
    ("/skills/{name}/contents", _SkillRoute("/skills/{name}/contents", _contents)),
    (
        f"/skills/{{name}}/contents/{{{CATCH_ALL}}}",
        _SkillRoute("/skills/{name}/contents/{file}", _file_answer),
    ),
    ("/skills/{name}/download", _SkillRoute("/skills/{name}/download", _download)),
)


def _named(name: str, skills: Mapping[str, Skill]) -> Skill:
    """Return the skill of a name; raises `FileMissing`."""
    skill = skills.get(name)
    if skill is None:
        hint = did_you_mean(name, skills) or f"there are {names_of(skills)}"
        raise FileMissing(f"no skill is called '{name}'; {hint}")
    return skill


# --- answers --------------------------------------------------------------------------


def _short(skill: Skill) -> dict[str, JSON]:
    known = skill.known()
    entry = {"name": skill.name, "description": known.get("description", "")}
    if "license" in known:
        entry["license"] = known["license"]
    return {**entry, "tools": [tool.name for tool in skill.tools]}


def _long(skill: Skill) -> dict[str, JSON]:
    known = skill.known()
    entry: dict[str, JSON] = {
        "name": skill.name,
        "description": known.get("description", ""),
    }
    entry |= {key: known[key] for key in TOLD_FIELDS if key in known}
    return {**entry, "tools": [tool.as_dict() for tool in skill.tools]}


def _folder(skill: Skill) -> Folder:
    """Return the folder of a skill; raises `FileMissing`."""
    if skill.folder is None:
        raise FileMissing(f"the skill '{skill.name}' has no location")
    if not skill.folder.root.is_dir():
        raise FileMissing(f"the folder of the skill '{skill.name}' is not there")
    return skill.folder


def _zipped(skill: Skill) -> bytes:
    """Return the folder of a skill as a zip; its paths begin with the skill's name.

    Raises:
        FileMissing: The skill has no folder.
        FileRefused: The files are larger than `MAX_ZIP_BYTES` together.
    """
    folder = _folder(skill)
    buffer = io.BytesIO()
    left = MAX_ZIP_BYTES
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, _ in folder.files():
            data = folder.read(path)
            left -= len(data)
            if left < 0:
                most = MAX_ZIP_BYTES >> 20
                raise FileRefused(f"the skill '{skill.name}' is larger than {most} MiB")
            archive.writestr(f"{_plain_name(skill)}/{path}", data)
    return buffer.getvalue()
