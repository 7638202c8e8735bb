"""Note files that a document names and that are not there.

    skills: [{name: k, location: file:///./gone}]   →  a warning at `location`

Only files below the folder of the document are looked for: an absolute path belongs to
the machine that serves it. Nothing is opened, and `load` does not come here. This
module must not know what a file holds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from naftiko.document import rules
from naftiko.document.source import near_file
from naftiko.errors import shorten
from naftiko.locations import path_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from naftiko.document.findings import Findings
    from naftiko.plain import DocumentPath
    from naftiko.spec.model import CapabilitySpec


def note_missing_files(spec: CapabilitySpec, folder: Path, findings: Findings) -> None:
    """Note each file of a bind, skill, prompt, resource or script that is not there.

    Args:
        spec: The document, read.
        folder: The folder of the document.
        findings: Where findings go.
    """
    for holder, location, at in _locations(spec):
        path = path_of(location, folder)
        if path is None or not path.is_relative_to(folder):
            continue
        try:
            is_there = path.exists()
        except (OSError, RuntimeError):
            is_there = False
        if not is_there:
            findings.add(
                rules.FILE_MISSING,
                (*at, "location"),
                f"{holder}: there is no file or folder '{shorten(location)}'",
                near_file(path)
                or "relative locations start at the folder of the document",
            )


def _locations(spec: CapabilitySpec) -> Iterator[tuple[str, str, DocumentPath]]:
    """Yield every location: of what, the location, the place of what has it."""
    for bind in spec.binds:
        if bind.location:
            yield f"the bind '{shorten(bind.namespace)}'", bind.location, bind.path
    for exposes in spec.exposes:
        for skill in exposes.skills:
            if skill.location:
                yield f"the skill '{shorten(skill.name)}'", skill.location, skill.path
        for prompt in exposes.prompts:
            if prompt.location:
                holder = f"the prompt '{shorten(prompt.name)}'"
                yield holder, prompt.location, prompt.path
        for resource in exposes.files:
            holder = f"the resource '{shorten(resource.uri)}'"
            yield holder, resource.location, resource.path
    yield from _scripts(spec)


def _scripts(spec: CapabilitySpec) -> Iterator[tuple[str, str, DocumentPath]]:
    """Yield the file of every script step that names its own location."""
    functions = [f for exposes in spec.exposes for f in exposes.functions]
    functions += [f for _, listed in spec.aggregates for f in listed]
    for function in functions:
        for step in function.steps:
            location, file = step.script.get("location"), step.script.get("file")
            if location and file:
                holder = f"the script of step '{shorten(step.name)}'"
                yield holder, f"{str(location).rstrip('/')}/{file}", step.path
